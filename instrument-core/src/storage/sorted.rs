//! A sorted list in chunks: an insertion moves the items of one chunk, and unmakes what was made of that one. Cold.

use std::sync::OnceLock;

/// Items of a chunk when it is split.
const CHUNK: usize = 256;

/// What a list is sorted by.
pub(crate) trait Keyed: Sized {
    /// Unique in a list.
    fn key(&self) -> &str;

    /// What is made of a chunk of items once, when it is first asked for, and kept until the chunk changes.
    type Digest;

    fn digest(items: &[Self]) -> Self::Digest;
}

pub(crate) struct Sorted<T: Keyed> {
    chunks: Vec<Chunk<T>>,
}

/// Neighbours in a list.
pub(crate) struct Chunk<T: Keyed> {
    items: Vec<T>,
    digest: OnceLock<T::Digest>,
}

impl<T: Keyed> Chunk<T> {
    const fn new(items: Vec<T>) -> Self {
        Self {
            items,
            digest: OnceLock::new(),
        }
    }

    pub(crate) fn items(&self) -> &[T] {
        &self.items
    }

    pub(crate) fn digest(&self) -> &T::Digest {
        self.digest.get_or_init(|| T::digest(&self.items))
    }

    /// The items, to change them.
    fn open(&mut self) -> &mut Vec<T> {
        self.digest = OnceLock::new();
        &mut self.items
    }
}

impl<T: Keyed> Default for Sorted<T> {
    fn default() -> Self {
        Self { chunks: Vec::new() }
    }
}

impl<T: Keyed> Sorted<T> {
    /// The chunk where `key` is or belongs, and its place there.
    fn locate(&self, key: &str) -> (usize, Result<usize, usize>) {
        let after = self
            .chunks
            .partition_point(|chunk| chunk.items[0].key() <= key);
        let chunk = after.saturating_sub(1);
        let place = self.chunks.get(chunk).map_or(Err(0), |chunk| {
            chunk.items.binary_search_by(|item| item.key().cmp(key))
        });
        (chunk, place)
    }

    /// Adds an item, or replaces the one of the same key.
    pub(crate) fn insert(&mut self, item: T) {
        let (at, place) = self.locate(item.key());
        let Some(chunk) = self.chunks.get_mut(at) else {
            self.chunks.push(Chunk::new(vec![item]));
            return;
        };
        let items = chunk.open();
        match place {
            Ok(place) => items[place] = item,
            Err(place) => items.insert(place, item),
        }
        if items.len() >= CHUNK {
            let second = items.split_off(CHUNK / 2);
            self.chunks.insert(at + 1, Chunk::new(second));
        }
    }

    /// Takes an item out.
    pub(crate) fn remove(&mut self, key: &str) -> Option<T> {
        let (at, place) = self.locate(key);
        let place = place.ok()?;
        let items = self.chunks[at].open();
        let item = items.remove(place);
        if items.is_empty() {
            self.chunks.remove(at);
        }
        Some(item)
    }

    /// In the order of their keys.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.chunks.iter().flat_map(|chunk| &chunk.items)
    }

    /// Neighbours together, in the order of their keys.
    pub(crate) fn chunks(&self) -> impl Iterator<Item = &Chunk<T>> {
        self.chunks.iter()
    }

    pub(crate) fn len(&self) -> usize {
        self.chunks.iter().map(|chunk| chunk.items.len()).sum()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    impl Keyed for String {
        type Digest = String;

        fn key(&self) -> &str {
            self
        }

        fn digest(items: &[Self]) -> String {
            items.concat()
        }
    }

    proptest! {
        #[test]
        fn it_is_a_sorted_set_and_no_digest_is_stale(steps in proptest::collection::vec((0..2000u32, prop::bool::weighted(0.8)), 1..1500)) {
            let (mut list, mut set) = (Sorted::default(), BTreeSet::new());
            for (i, (number, insert)) in steps.into_iter().enumerate() {
                let key = number.to_string();
                if insert {
                    list.insert(key.clone());
                    set.insert(key);
                } else {
                    prop_assert_eq!(list.remove(&key).is_some(), set.remove(&key));
                }
                if i % 50 == 0 {
                    let digests: String = list.chunks().map(|chunk| chunk.digest().as_str()).collect();
                    prop_assert_eq!(digests, set.iter().map(String::as_str).collect::<String>());
                }
            }
            prop_assert_eq!(list.len(), set.len());
            prop_assert!(list.iter().eq(&set));
        }
    }
}
