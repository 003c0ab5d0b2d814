//! Items and arguments with names that an expansion might want.

#![allow(non_camel_case_types, reason = "names that generated code might use")]

use ::kit::{LabelValue, counted, timed};

/// Not the prelude's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ok(pub u32);
/// Not the prelude's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Err;
/// Not the prelude's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Some(pub u32);
/// Not the prelude's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct None;
/// Not a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Result(pub u32);
/// Not an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Option;
/// Not a string.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct String;
/// Not a box.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Box;
/// Not a vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vec;
/// Not a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct usize;
/// Not a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct str;
/// Not the library.
pub mod std {}
/// Not the library.
pub mod core {}
/// Not the facade.
pub mod metrics {}
/// Not the framework.
pub mod instrument_core {}
/// Not a future.
pub trait Future {}

/// A label among them.
#[derive(Clone, Copy, Debug, LabelValue)]
#[label(crate = ::kit)]
pub enum Value {
    /// One.
    Ok,
    /// Another.
    None,
}

/// Something that is called a result.
#[timed(crate = ::kit)]
#[must_use]
pub fn result(guard: u32) -> Result {
    Result(guard)
}

/// Everything at once.
///
/// # Errors
/// If it is zero.
#[timed("strict_shadows", labels(value, call = guard > 1), crate = ::kit)]
#[counted("strict_shadows_calls", labels(numbers = err > &3), on = error, crate = ::kit)]
pub fn shadowed(
    value: Value,
    guard: u32,
    call: u32,
    numbers: u32,
) -> ::core::result::Result<u32, u32> {
    let (ret, slot, edge, start) = (1, 2, 3, 4);
    if guard == 0 {
        return ::core::result::Result::Err(numbers);
    }
    let _ = value;
    ::core::result::Result::Ok(ret + slot + edge + start + guard + call)
}

/// As above, awaited.
///
/// # Errors
/// If it is zero.
#[timed(crate = ::kit)]
pub async fn shadowed_async(
    future: u32,
    entry: u32,
    site: u32,
) -> ::core::result::Result<u32, u32> {
    let ret = ::core::future::ready(future).await;
    if ret == 0 {
        ::core::result::Result::Err(entry)
    } else {
        ::core::result::Result::Ok(site)
    }
}
