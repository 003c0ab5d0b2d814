//! Annotate a function, and everything downstream of it is true.
//!
//! ```
//! use instrument_core::{LabelValue, counted, timed};
//!
//! #[derive(Clone, Copy, LabelValue)]
//! #[label(rename_all = "UPPERCASE")]
//! enum Side { Buy, Sell }
//!
//! /// Sends an order to the venue. HELP is this first sentence.
//! #[timed("order_submit", labels(side), buckets = [0.001, 0.01, 0.1])]
//! #[counted("order_errors", on = error)]
//! fn submit(side: Side, lots: f64) -> Result<u64, String> {
//!     if lots > 0.0 { Ok(7) } else { Err(format!("{lots} lots")) }
//! }
//!
//! let exporter = instrument_core::install()?;
//! let _ = (submit(Side::Buy, 1.0), submit(Side::Sell, -1.0));
//!
//! let page = exporter.render();
//! for line in [
//!     "# HELP order_submit_duration_seconds Sends an order to the venue.\n",
//!     "order_submit_duration_seconds_count{side=\"BUY\",outcome=\"ok\"} 1\n",
//!     "order_submit_duration_seconds_count{side=\"SELL\",outcome=\"error\"} 1\n",
//!     "order_submit_duration_seconds_count{side=\"SELL\",outcome=\"panic\"} 0\n", // there at zero
//!     "order_errors_total 1\n",
//! ] {
//!     assert!(page.contains(line), "{line} is not in\n{page}");
//! }
//! # Ok::<(), instrument_core::InstallError>(())
//! ```
//!
//! [`install`] is the whole set-up; [`Exporter::serve`] puts the page on a port. Metrics that are not calls are
//! declared with [`metrics!`]. A crate that the binary never names is not linked, so its sites do not exist: name it
//! (`use that_crate as _;`).

// The macros name this crate from outside, in our own code too.
#[allow(unused_extern_crates)]
extern crate self as instrument_core;

#[doc(hidden)]
#[path = "private.rs"]
pub mod __private;
mod buckets;
mod call;
mod catalogue;
mod clock;
mod computed;
mod configured;
mod declared;
mod endpoint;
mod exposition;
mod future;
mod health;
mod install;
mod label;
mod link;
#[cfg(feature = "lint")]
pub mod lint;
mod metric;
mod observe;
mod outcome;
mod plan;
mod process;
mod reference;
mod rows;
#[cfg(feature = "tokio-metrics")]
mod runtime;
mod sample;
pub mod shutdown;
mod site;
mod step;
mod storage;
pub mod testing;
mod texts;

pub use catalogue::{
    Catalogue, Conflict, FUNCTION_BUCKETS, FUNCTION_CALLS, FUNCTION_CALLS_IN_FLIGHT,
    FUNCTION_DURATION, Family, SERIES_LIMIT, SiteOf,
};
pub use clock::{uptime, uptime_seconds};
pub use configured::{Configured, Series};
pub use declared::{Counter, Gauge, Held, Histogram, Info, Timer};
pub use endpoint::{ServeError, Server, loopback};
pub use exposition::Samples;
pub use health::{Heartbeat, limit_for};
pub use install::{Builder, Exporter, InstallError, install};
pub use label::LabelValue;
pub use metric::{Kind, Place};
pub use reference::{CatalogueFormat, UnknownFormat};

#[doc = include_str!("../docs/counted.md")]
pub use instrument_macros::counted;
#[doc = include_str!("../docs/timed.md")]
#[doc = "```text"]
#[doc = include_str!("../../instrument-macros/expansions/default.rs")]
#[doc = "```"]
#[doc = "\nand one that returns a `Result`:\n"]
#[doc = "```text"]
#[doc = include_str!("../../instrument-macros/expansions/result.rs")]
#[doc = "```"]
pub use instrument_macros::timed;

/// Derives [`LabelValue`](trait@LabelValue) for an enum without fields. Variants are written in `snake_case`, unless
/// `#[label(rename_all = "UPPERCASE")]` on the enum (also `kebab-case`, `lowercase`, `SCREAMING_SNAKE_CASE`,
/// `PascalCase`) or `#[label("text")]` on a variant says otherwise; `#[label(crate = path)]` if this crate is renamed.
pub use instrument_macros::LabelValue;

/// Derives [`LabelValue`](trait@LabelValue) for an error: its value is the variant, whatever its fields hold.
///
/// ```
/// use instrument_core::{ErrorLabel, LabelValue};
///
/// #[derive(ErrorLabel)]
/// enum FetchError {
///     Status(u16),
///     #[label("unreachable")]
///     Connect { host: String },
/// }
///
/// assert_eq!(FetchError::VALUES, ["status", "unreachable"]);
/// assert_eq!(FetchError::Status(404).index(), 0);
/// # let _ = FetchError::Connect { host: String::new() };
/// ```
pub use instrument_macros::ErrorLabel;

#[doc = include_str!("../docs/limits.md")]
pub mod limits {}

#[doc = include_str!("../docs/compared.md")]
pub mod compared {}

#[doc = include_str!("../docs/metrics.md")]
#[macro_export]
macro_rules! metrics {
    ($($declaration:tt)*) => {
        $crate::__private::__metrics! { { $crate } $($declaration)* }
    };
}
