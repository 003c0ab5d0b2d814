//! Annotated code of edition 2018.

#![deny(warnings, missing_docs, unused, rust_2018_idioms)]
#![warn(clippy::all, clippy::pedantic, clippy::nursery)]

use instrument_core::{counted, metrics, timed, LabelValue};
use std::future::Future;
use std::pin::Pin;

/// A side of the book.
#[derive(Clone, Copy, LabelValue)]
pub enum Side {
    /// To buy.
    Buy,
    /// To sell.
    Sell,
}

metrics! {
    /// Reads of raw memory.
    pub static READS: Counter<(side: Side)> = "edition_reads_total";
}

/// Reads a number.
///
/// # Safety
/// `from` points to one, or is null.
///
/// # Errors
/// If it is null.
#[timed]
#[counted(READS, labels(side))]
pub unsafe fn raw(from: *const u32, side: Side) -> Result<u32, Side> {
    if from.is_null() {
        Err(side)
    } else {
        Ok(*from)
    }
}

/// Reads a number after a while.
///
/// # Safety
/// `from` points to one.
///
/// # Errors
/// If it is zero.
#[timed]
pub async unsafe fn raw_async(from: &u32) -> Result<u32, ()> {
    std::future::ready(()).await;
    let from: *const u32 = from;
    match *from {
        0 => Err(()),
        n => Ok(n),
    }
}

/// Called from elsewhere.
///
/// # Safety
/// None is needed.
#[timed]
#[no_mangle]
pub unsafe extern "C" fn edition_callback(n: u32) -> u32 {
    n + 1
}

/// A future that holds no lifetime.
#[timed]
pub fn opaque(text: &str) -> impl Future<Output = usize> {
    let len = text.len();
    async move { len }
}

/// A future that holds one.
#[timed]
#[must_use]
pub fn boxed<'a>(
    text: &'a str,
    extra: &usize,
) -> Pin<Box<dyn Future<Output = Result<usize, ()>> + 'a>> {
    let extra = *extra;
    Box::pin(async move { text.len().checked_add(extra).ok_or(()) })
}

/// Uses the fields of an argument one by one.
///
/// # Errors
/// If the text is empty.
#[timed("edition_fields", labels(side = order.1))]
pub fn fields(order: (String, Side)) -> Result<(String, Side), Side> {
    let text = order.0;
    if text.is_empty() {
        Err(order.1)
    } else {
        Ok((text, order.1))
    }
}
