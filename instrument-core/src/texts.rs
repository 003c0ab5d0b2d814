//! Labels of free text on the way to their row: the key of their texts, and the rows that this thread remembers. Hot.

use std::cell::Cell;
use std::fmt::{self, Display, Write};
use std::ptr;

use crate::rows::{OVERFLOW, Rows};

/// Stands after each text of a key. UTF-8 has no such byte, so no two lists of texts have one key.
const END: u8 = 0xff;
/// How many rows a thread remembers.
const REMEMBERED: usize = 128;

/// The texts of some labels, in their order, in one run of bytes.
#[derive(Default)]
pub(crate) struct Key(Vec<u8>);

impl Write for Key {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.extend_from_slice(text.as_bytes());
        Ok(())
    }
}

impl Key {
    pub(crate) fn push(&mut self, text: &dyn Display) {
        // Only the text's own `Display` can fail; the label then is what it has written until there.
        let _ = write!(self, "{text}");
        self.0.push(END);
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The key of the first `count` texts.
    fn first(&self, count: usize) -> &[u8] {
        let mut ends = (0..self.0.len()).filter(|&at| self.0[at] == END);
        count
            .checked_sub(1)
            .and_then(|last| ends.nth(last))
            .map_or(&[], |end| &self.0[..=end])
    }
}

/// The texts of a key.
pub(crate) fn texts(key: &[u8]) -> impl Iterator<Item = &str> {
    key.split_inclusive(|&byte| byte == END)
        .map(|text| str::from_utf8(&text[..text.len() - 1]).unwrap_or_default())
}

/// The rows that this thread has looked up, each at the place that its key's hash says, and room for the next key.
pub(crate) struct Memory {
    key: Key,
    known: [Known; REMEMBERED],
}

#[derive(Default)]
struct Known {
    rows: Option<&'static Rows>,
    key: Vec<u8>,
    row: usize,
}

thread_local! {
    static MEMORY: Cell<Option<Box<Memory>>> = const { Cell::new(None) };
}

impl Default for Memory {
    fn default() -> Self {
        Self {
            key: Key::default(),
            known: std::array::from_fn(|_| Known::default()),
        }
    }
}

impl Memory {
    /// Lends this thread's memory; a new one in a `Display` that itself looks up rows, and while the thread's locals
    /// are being destroyed.
    pub(crate) fn lend<R>(use_it: impl FnOnce(&mut Self) -> R) -> R {
        let mine = MEMORY.try_with(Cell::take).ok().flatten();
        let mut memory = mine.unwrap_or_default();
        let result = use_it(&mut memory);
        // Where it cannot be kept there is nothing to remember for.
        let _ = MEMORY.try_with(|mine| mine.set(Some(memory)));
        result
    }

    /// Takes the texts of a call.
    pub(crate) fn write(&mut self, texts: &[&dyn Display]) {
        self.key.clear();
        for text in texts {
            self.key.push(text);
        }
    }

    /// The row of the first `count` of the call's texts.
    pub(crate) fn row(&mut self, rows: &'static Rows, count: usize, all: bool) -> usize {
        let key = if all {
            self.key.bytes()
        } else {
            self.key.first(count)
        };
        let known = &mut self.known[hash(key) as usize % REMEMBERED];
        if known.rows.is_some_and(|other| ptr::eq(other, rows)) && known.key == key {
            return known.row;
        }
        let row = rows.row(key);
        // Beyond the limit each call counts, and the texts may be many.
        if row != OVERFLOW {
            known.rows = Some(rows);
            known.key.clear();
            known.key.extend_from_slice(key);
            known.row = row;
        }
        row
    }

    /// The row that differs from `row` in the text at `position`.
    pub(crate) fn other_row(
        &mut self,
        rows: &'static Rows,
        row: &[u8],
        position: usize,
        text: &dyn Display,
    ) -> usize {
        self.key.clear();
        for (at, old) in texts(row).enumerate() {
            self.key.push(if at == position { text } else { &old });
        }
        self.row(rows, 0, true)
    }
}

/// Multiplies eight bytes at a time by the odd number nearest to 2^64 / the golden ratio (Knuth, The Art of Computer
/// Programming, volume 3, 6.4); the high bits are the good ones.
fn hash(key: &[u8]) -> u64 {
    let mut hash = 0u64;
    for bytes in key.chunks(8) {
        let word = bytes
            .iter()
            .fold(0, |word, &byte| word << 8 | u64::from(byte));
        hash = (hash.rotate_left(23) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
    hash >> 40
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(texts: &[&str]) -> Key {
        let mut key = Key::default();
        for text in texts {
            key.push(text);
        }
        key
    }

    #[test]
    fn a_key_tells_its_texts_apart() {
        assert_ne!(key(&["a", "bc"]).bytes(), key(&["ab", "c"]).bytes());
        assert_ne!(key(&["a", ""]).bytes(), key(&["", "a"]).bytes());
        let three = key(&["EURUSD", "", "ä"]);
        assert_eq!(
            texts(three.bytes()).collect::<Vec<_>>(),
            ["EURUSD", "", "ä"]
        );
        assert_eq!(three.first(2), key(&["EURUSD", ""]).bytes());
        assert_eq!(three.first(0), b"");
    }

    #[test]
    fn keys_spread_over_the_places() {
        let mut places: Vec<u64> = (0..64)
            .map(|i| hash(key(&[&format!("SYM{i}")]).bytes()) % REMEMBERED as u64)
            .collect();
        places.sort_unstable();
        places.dedup();
        // Thrown at random, 64 keys hit 50 of 128 places, give or take 3.
        assert!(places.len() > 38, "{}", places.len());
    }
}
