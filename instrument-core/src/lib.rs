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
mod process;
mod rows;
#[cfg(feature = "tokio-metrics")]
mod runtime;
mod sample;
pub mod shutdown;
mod site;
mod storage;

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

pub use instrument_macros::{ErrorLabel, LabelValue, counted, timed};

/// Declares metrics that are not calls, as statics.
#[macro_export]
macro_rules! metrics {
    ($($declaration:tt)*) => {
        $crate::__private::__metrics! { { $crate } $($declaration)* }
    };
}
