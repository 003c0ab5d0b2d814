//! Annotated code under every lint, without a prelude, among items that have the prelude's names.

#![no_implicit_prelude]
#![forbid(unsafe_code)]
#![deny(
    warnings,
    missing_docs,
    unused,
    rust_2018_idioms,
    unreachable_pub,
    single_use_lifetimes,
    let_underscore_drop,
    unused_qualifications,
    unused_lifetimes,
    clippy::all,
    clippy::pedantic,
    clippy::nursery
)]

pub mod shadows;

use ::core::clone::Clone;
use ::core::future::Future;
use ::core::marker::Send;
use ::core::option::Option;
use ::core::pin::Pin;
use ::core::result::Result;
use ::kit::{ErrorLabel, LabelValue, counted, metrics, timed};
use ::std::boxed::Box;
use ::std::string::String;

/// A side of the book.
#[derive(Clone, Copy, Debug, LabelValue)]
#[label(rename_all = "UPPERCASE", crate = ::kit)]
pub enum Side {
    /// To buy.
    Buy,
    /// To sell.
    Sell,
}

/// Why an order is refused.
#[derive(Debug, ErrorLabel)]
#[label(crate = ::kit)]
pub enum Refusal {
    /// More lots than this.
    Lots(u32),
    /// Anything else.
    Other {
        /// In words.
        text: String,
    },
}

metrics! {
    /// Signals seen.
    pub static SIGNALS: Counter<(side: Side)> = "strict_signals_total";
    /// Whether a server answers.
    pub static UP: Gauge<(server: configured)> = "strict_up";
}

/// Doubles.
#[timed(crate = ::kit)]
#[must_use]
pub fn plain(lots: u32) -> u32 {
    lots * 2
}

/// Checks.
///
/// # Errors
/// If there are too many lots.
#[timed("strict_check", labels(side), error_label, in_flight, buckets = micro, crate = ::kit)]
#[counted(SIGNALS, labels(side), crate = ::kit)]
pub fn check(side: Side, lots: u32) -> Result<u32, Refusal> {
    if lots > 9 {
        return Result::Err(Refusal::Lots(lots));
    }
    Result::Ok(lots)
}

/// Waits.
///
/// # Errors
/// If there is a text.
#[timed("strict_wait", labels(symbol = %symbol, found = ok > &3), limit = 4, sample = 1/2, crate = ::kit)]
pub async fn wait(symbol: &str, text: Option<String>) -> Result<usize, Refusal> {
    ::core::future::ready(()).await;
    text.map_or_else(
        || Result::Ok(symbol.len()),
        |text| Result::Err(Refusal::Other { text }),
    )
}

/// Waits, in a box.
#[timed(crate = ::kit)]
#[must_use]
pub fn boxed<'a>(lots: &'a u32) -> Pin<Box<dyn Future<Output = Result<u32, ()>> + Send + 'a>> {
    let doubled = *lots * 2;
    Box::pin(async move { Result::Ok(doubled + *lots) })
}

/// Waits, unnamed.
#[timed(crate = ::kit)]
pub fn opaque(lots: u32) -> impl Future<Output = Result<u32, ()>> + Send {
    async move { Result::Ok(lots) }
}

/// A book.
#[derive(Debug)]
pub struct Book<T>(
    /// Its level.
    pub T,
);

#[timed(crate = ::kit)]
impl<T: Clone> Book<T> {
    /// The level.
    ///
    /// # Errors
    /// Never.
    pub fn level(&self) -> Result<T, Refusal> {
        Result::Ok(self.0.clone())
    }

    /// Takes another level.
    pub fn set(&mut self, level: T, _reason: Option<u32>) {
        self.0 = level;
    }

    /// Not measured.
    #[timed(skip, crate = ::kit)]
    pub fn into_level(self) -> T {
        self.0
    }
}
