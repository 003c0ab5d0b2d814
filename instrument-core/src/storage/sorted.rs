//! A sorted list that is cheap to copy: a render works on a copy while series are being registered. Cold.
//!
//! Items stand in chunks; a copy shares them, and an insertion copies at most one. So neither waits long for the other.

use std::sync::{Arc, OnceLock};

/// Items of a chunk when it is split.
const CHUNK: usize = 256;

/// What a list is sorted by.
pub(crate) trait Keyed: Sized {
    /// Unique in a list.
    fn key(&self) -> &str;

    /// What is made of a chunk of items once, when it is first asked for, and kept until the chunk changes.
    type Digest;

    fn digest(items: &[Arc<Self>]) -> Self::Digest;
}

pub(crate) struct Sorted<T: Keyed> {
    chunks: Vec<Arc<Chunk<T>>>,
}

/// Neighbours in a list.
pub(crate) struct Chunk<T: Keyed> {
    items: Vec<Arc<T>>,
    digest: OnceLock<T::Digest>,
}

impl<T: Keyed> Clone for Chunk<T> {
    /// A chunk is copied to be changed, so the copy has no digest.
    fn clone(&self) -> Self {
        Self::new(self.items.clone())
    }
}

impl<T: Keyed> Chunk<T> {
    const fn new(items: Vec<Arc<T>>) -> Self {
        Self {
            items,
            digest: OnceLock::new(),
        }
    }

    pub(crate) fn items(&self) -> &[Arc<T>] {
        &self.items
    }

    pub(crate) fn digest(&self) -> &T::Digest {
        self.digest.get_or_init(|| T::digest(&self.items))
    }

    /// The items of a chunk that nobody else sees, to change them.
    fn open(chunk: &mut Arc<Self>) -> &mut Vec<Arc<T>> {
        let chunk = Arc::make_mut(chunk);
        chunk.digest = OnceLock::new();
        &mut chunk.items
    }
}

impl<T: Keyed> Clone for Sorted<T> {
    fn clone(&self) -> Self {
        Self {
            chunks: self.chunks.clone(),
        }
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

    pub(crate) fn get(&self, key: &str) -> Option<&Arc<T>> {
        let (chunk, place) = self.locate(key);
        let place = place.ok()?;
        Some(&self.chunks[chunk].items[place])
    }

    /// To change an item's inside; its key must stay.
    pub(crate) fn get_mut(&mut self, key: &str) -> Option<&mut T>
    where
        T: Clone,
    {
        let (chunk, place) = self.locate(key);
        let place = place.ok()?;
        Some(Arc::make_mut(
            &mut Chunk::open(&mut self.chunks[chunk])[place],
        ))
    }

    /// Adds an item, or replaces the one of the same key.
    pub(crate) fn insert(&mut self, item: Arc<T>) {
        let (at, place) = self.locate(item.key());
        let Some(chunk) = self.chunks.get_mut(at) else {
            self.chunks.push(Arc::new(Chunk::new(vec![item])));
            return;
        };
        let chunk = Chunk::open(chunk);
        match place {
            Ok(place) => chunk[place] = item,
            Err(place) => chunk.insert(place, item),
        }
        if chunk.len() >= CHUNK {
            let second = chunk.split_off(CHUNK / 2);
            self.chunks.insert(at + 1, Arc::new(Chunk::new(second)));
        }
    }

    /// Takes an item out.
    pub(crate) fn remove(&mut self, key: &str) -> Option<Arc<T>> {
        let (at, place) = self.locate(key);
        let place = place.ok()?;
        let chunk = Chunk::open(&mut self.chunks[at]);
        let item = chunk.remove(place);
        if chunk.is_empty() {
            self.chunks.remove(at);
        }
        Some(item)
    }

    /// In the order of their keys.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<T>> {
        self.chunks.iter().flat_map(|chunk| &chunk.items)
    }

    /// Neighbours together, in the order of their keys.
    pub(crate) fn chunks(&self) -> impl Iterator<Item = &Chunk<T>> {
        self.chunks.iter().map(|chunk| &**chunk)
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
        type Digest = usize;

        fn key(&self) -> &str {
            self
        }

        fn digest(items: &[Arc<Self>]) -> usize {
            items.len()
        }
    }

    proptest! {
        #[test]
        fn it_is_a_sorted_set_and_copies_stay_as_they_were(steps in proptest::collection::vec((0..2000u32, prop::bool::weighted(0.8)), 1..1500)) {
            let (mut list, mut set) = (Sorted::default(), BTreeSet::new());
            prop_assert!(list.get("0").is_none());
            let mut copies = Vec::new();
            for (i, (number, insert)) in steps.into_iter().enumerate() {
                let key = number.to_string();
                if insert {
                    list.insert(Arc::new(key.clone()));
                    set.insert(key);
                } else {
                    prop_assert_eq!(list.remove(&key).is_some(), set.remove(&key));
                }
                if i % 100 == 0 {
                    list.chunks().for_each(|chunk| {
                        chunk.digest();
                    });
                    copies.push((list.clone(), set.clone()));
                }
            }
            copies.push((list, set));
            for (list, set) in copies {
                prop_assert_eq!(list.len(), set.len());
                let digests = list.chunks().map(|chunk| *chunk.digest()).sum::<usize>();
                prop_assert_eq!(digests, set.len());
                prop_assert!(list.iter().map(|item| &**item).eq(&set));
                prop_assert!(set.iter().all(|key| list.get(key).is_some()));
            }
        }
    }
}
