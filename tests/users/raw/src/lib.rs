//! Annotated code that handles raw memory and other languages.

#![deny(
    warnings,
    missing_docs,
    unused,
    rust_2018_idioms,
    unsafe_op_in_unsafe_fn,
    clippy::all,
    clippy::pedantic,
    clippy::nursery,
    clippy::undocumented_unsafe_blocks
)]

use std::mem::MaybeUninit;

use instrument_core::{counted, timed};

/// Nothing is there.
#[derive(Debug, PartialEq, Eq)]
pub struct Nowhere;

/// Reads a number.
///
/// # Safety
/// `from` points to one, or is null.
///
/// # Errors
/// If it is null.
#[timed("raw_read", labels(null = from.is_null()))]
pub unsafe fn read(from: *const u32) -> Result<u32, Nowhere> {
    if from.is_null() {
        return Err(Nowhere);
    }
    // SAFETY: it points to a number.
    Ok(unsafe { *from })
}

/// Reads a number, and returns what is not looked at.
///
/// # Safety
/// `from` points to one.
#[timed]
#[must_use]
#[track_caller]
pub unsafe fn read_plain(from: *const u32) -> u32 {
    // SAFETY: it points to a number.
    unsafe { *from }
}

/// Reads a number after a while.
///
/// # Safety
/// `from` points to one, until the future has ended.
///
/// # Errors
/// If it is zero.
#[timed]
pub async unsafe fn read_later(from: &u32) -> Result<u32, Nowhere> {
    std::future::ready(()).await;
    let from: *const u32 = from;
    // SAFETY: it points to a number.
    match unsafe { *from } {
        0 => Err(Nowhere),
        n => Ok(n),
    }
}

/// Called from C.
#[timed]
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn user_raw_callback(n: u32) -> u32 {
    n + 1
}

/// Called from C, which may be unwound through.
///
/// # Panics
/// On 13.
#[timed]
#[must_use]
#[unsafe(export_name = "user_raw_unwinds")]
pub extern "C-unwind" fn unwinds(n: u32) -> u32 {
    assert!(n != 13, "unlucky");
    n
}

/// Fills memory of C's.
///
/// # Safety
/// `to` points to `len` numbers.
#[counted("raw_filled", by = len as u64, outcome = false)]
pub unsafe extern "C" fn fill(to: *mut u32, len: usize, with: u32) -> bool {
    // SAFETY: so many are there.
    let numbers = unsafe { std::slice::from_raw_parts_mut(to, len) };
    numbers.fill(with);
    !numbers.is_empty()
}

/// Adds with the instructions of a certain processor.
///
/// # Safety
/// None is needed where the processor has them.
///
/// # Errors
/// If there are none.
#[cfg(target_arch = "x86_64")]
#[timed]
#[target_feature(enable = "sse2")]
pub fn sum(numbers: &[u32]) -> Result<u32, Nowhere> {
    let add = |sum: u32, n: &u32| sum.wrapping_add(*n);
    numbers
        .iter()
        .copied()
        .reduce(|sum, n| add(sum, &n))
        .ok_or(Nowhere)
}

/// Memory that may be freed.
///
/// # Safety
/// `head` points to memory of this size, always.
pub unsafe trait Memory {
    /// Where it begins.
    fn head(&self) -> *const u8;

    /// Its first byte.
    ///
    /// # Safety
    /// Nobody writes meanwhile.
    ///
    /// # Errors
    /// If it is nowhere.
    #[timed]
    unsafe fn first(&self) -> Result<u8, *const u8> {
        let head = self.head();
        if head.is_null() {
            return Err(head);
        }
        // SAFETY: as the trait says.
        Ok(unsafe { *head })
    }
}

/// Some bytes.
#[derive(Debug)]
pub struct Bytes<const N: usize>(
    /// They.
    pub [u8; N],
);

// SAFETY: it points to the array.
#[timed]
unsafe impl<const N: usize> Memory for Bytes<N> {
    fn head(&self) -> *const u8 {
        self.0.as_ptr()
    }
}

/// Memory that is not written yet.
#[timed]
#[must_use]
pub fn unwritten<T>() -> Box<MaybeUninit<T>> {
    Box::new(MaybeUninit::uninit())
}
