//! What the tests read from the page. The recorder is the process's, so the tests of one file share it, and each has
//! functions of its own.

#![allow(dead_code, reason = "each test file reads what it needs")]

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::OnceLock;
use std::task::{Context, Poll, Waker};

use instrument_core::{Exporter, Samples};

/// The installed exporter.
pub(crate) fn exporter() -> &'static Exporter {
    static EXPORTER: OnceLock<Exporter> = OnceLock::new();
    EXPORTER
        .get_or_init(|| instrument_core::install().expect("the metrics of a test do not conflict"))
}

/// A sample of the page.
pub(crate) fn sample(name: &str, labels: &[(&str, &str)]) -> Option<f64> {
    exporter().samples().get(name, labels)
}

/// How many calls of `function` have ended in `ok`, `error`, `panic` and `cancelled`; `-` where it cannot end so.
pub(crate) fn calls(module: &str, function: &str) -> String {
    calls_in(&exporter().samples(), module, function)
}

/// The same, of a page that is read already.
pub(crate) fn calls_in(samples: &Samples, module: &str, function: &str) -> String {
    let count = |outcome: &&str| {
        let labels = [
            ("module", module),
            ("function", function),
            ("outcome", outcome),
        ];
        let count = samples.get("function_duration_seconds_count", &labels);
        count.map_or_else(|| "-".to_owned(), |count| count.to_string())
    };
    ["ok", "error", "panic", "cancelled"]
        .iter()
        .map(count)
        .collect::<Vec<_>>()
        .join(" ")
}

/// Polls a future once, without a runtime.
pub(crate) fn poll_once<F: Future>(future: F) -> Option<F::Output> {
    poll(pin!(future))
}

/// Polls a pinned future once.
pub(crate) fn poll<F: Future + ?Sized>(future: Pin<&mut F>) -> Option<F::Output> {
    match future.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}
