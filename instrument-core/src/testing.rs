//! Assertions on metrics, for the tests of a program.
//!
//! The metrics are the process's, and tests run side by side in it. [`watch`] gives a test the metrics for itself, until
//! the [`Watch`] is dropped: another test that watches waits. What is seen is what was recorded since, by this test's
//! thread, by threads and tasks that it started, and by anyone else who does not watch. Nothing is reset, so the page
//! goes on, and two assertions see the same.
//!
//! ```
//! use instrument_core::{LabelValue, counted, testing, timed};
//!
//! #[derive(Clone, Copy, LabelValue)]
//! enum Side { Buy, Sell }
//!
//! /// Sends an order.
//! #[timed("kit_submit", labels(side), in_flight)]
//! #[counted("kit_errors", on = error)]
//! async fn submit(side: Side, lots: f64) -> Result<u64, String> {
//!     if lots > 0.0 { Ok(7) } else { Err("no lots".to_owned()) }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let seen = testing::watch();
//! let task = tokio::spawn(submit(Side::Buy, 1.0));
//! assert!(submit(Side::Sell, 0.0).await.is_err());
//! task.await.unwrap().unwrap();
//!
//! seen.assert_histogram("kit_submit_duration_seconds", &[("side", "buy"), ("outcome", "ok")], 1);
//! seen.assert_histogram("kit_submit_duration_seconds", &[], 2); // of all series with these labels
//! seen.assert_counter("kit_errors_total", &[], 1);
//! seen.assert_in_flight("kit_submit_in_flight", &[("side", "buy")], 0);
//! assert_eq!(
//!     seen.golden("kit_errors*"),
//!     "# HELP kit_errors_total Sends an order.\n# TYPE kit_errors_total counter\nkit_errors_total 1\n",
//! );
//! # }
//! ```
//!
//! An assertion that fails shows every series of the family, and how far each has moved.

use std::cell::Cell;
use std::fmt::Write as _;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::exposition::Samples;
use crate::exposition::text::push_f64;
use crate::install::{Exporter, current, install};
use crate::storage::matches_pattern;

/// Held by the test that watches.
static WATCHED: Mutex<()> = Mutex::new(());

thread_local! {
    static WATCHES: Cell<bool> = const { Cell::new(false) };
}

/// Starts to watch, once no other test of the process does. Metrics are installed with defaults, unless they were before.
///
/// # Panics
/// - The metrics of the program contradict each other; the message names the places.
/// - This thread watches already, so it would wait for itself for ever.
#[must_use]
pub fn watch() -> Watch {
    assert!(
        !WATCHES.get(),
        "this thread watches already: use the first `Watch`, or drop it"
    );
    // A test that failed while it watched has left nothing half done.
    let alone = WATCHED.lock().unwrap_or_else(PoisonError::into_inner);
    WATCHES.set(true);
    let exporter = current().unwrap_or_else(|| match install() {
        Ok(exporter) => exporter,
        // A thread that does not watch was first.
        Err(error) => current().unwrap_or_else(|| panic!("{error}")),
    });
    let before = exporter.samples();
    Watch {
        exporter,
        before,
        _alone: alone,
    }
}

/// What has been recorded since [`watch`].
///
/// `labels` choose the series that have at least these; several are added up. A name or label that no series has is a
/// panic, not a zero: all series are there from the start, so it is misspelt.
pub struct Watch {
    exporter: Exporter,
    before: Samples,
    _alone: MutexGuard<'static, ()>,
}

impl std::fmt::Debug for Watch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watch").finish_non_exhaustive()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        WATCHES.set(false);
    }
}

impl Watch {
    /// By how much a counter has risen.
    ///
    /// # Panics
    /// There is no such series.
    #[must_use]
    #[track_caller]
    pub fn counter(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        self.moved(name, labels)
    }

    /// How many observations a histogram has taken.
    ///
    /// # Panics
    /// There is no such series.
    #[must_use]
    #[track_caller]
    pub fn observations(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        self.moved(&format!("{name}_count"), labels)
    }

    /// What a histogram's observations add up to, in its unit.
    ///
    /// # Panics
    /// There is no such series.
    #[must_use]
    #[track_caller]
    pub fn observed(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        self.moved(&format!("{name}_sum"), labels)
    }

    /// How many observations were `bound` or less, which must be one of the histogram's own, as it was declared.
    ///
    /// # Panics
    /// There is no such series.
    #[must_use]
    #[track_caller]
    pub fn observations_within(&self, name: &str, labels: &[(&str, &str)], bound: f64) -> f64 {
        let bound = bound.to_string();
        let labels = [labels, &[("le", bound.as_str())]].concat();
        self.moved(&format!("{name}_bucket"), &labels)
    }

    /// The value of a gauge now.
    ///
    /// # Panics
    /// There is no such series.
    #[must_use]
    #[track_caller]
    pub fn gauge(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let now = self.exporter.samples();
        self.known(&now, name, labels);
        sum(&now, name, labels)
    }

    /// Asserts by how much a counter has risen.
    ///
    /// # Panics
    /// It has risen by more or less, or there is no such series.
    #[track_caller]
    pub fn assert_counter(&self, name: &str, labels: &[(&str, &str)], expected: u64) {
        self.check(
            name,
            name,
            labels,
            self.counter(name, labels),
            expected as f64,
        );
    }

    /// Asserts how many observations a histogram has taken.
    ///
    /// # Panics
    /// It has taken more or fewer, or there is no such series.
    #[track_caller]
    pub fn assert_histogram(&self, name: &str, labels: &[(&str, &str)], expected: u64) {
        let count = format!("{name}_count");
        self.check(
            name,
            &count,
            labels,
            self.observations(name, labels),
            expected as f64,
        );
    }

    /// Asserts the value of a gauge, which may differ by its last bits.
    ///
    /// # Panics
    /// It has another, or there is no such series.
    #[track_caller]
    pub fn assert_gauge(&self, name: &str, labels: &[(&str, &str)], expected: f64) {
        self.check(name, name, labels, self.gauge(name, labels), expected);
    }

    /// Asserts how many more calls run than when the watch began.
    ///
    /// # Panics
    /// More or fewer run, or there is no such series.
    #[track_caller]
    pub fn assert_in_flight(&self, name: &str, labels: &[(&str, &str)], expected: i64) {
        self.check(
            name,
            name,
            labels,
            self.moved(name, labels),
            expected as f64,
        );
    }

    /// The part of the page with the families whose name is `pattern`, or starts with it if it ends in `*`: a text to be
    /// compared with a golden one. Counters and histograms show what was recorded since the watch began, gauges what
    /// they are. What differs from run to run is `*`: how long something took, points in time, and what the process
    /// and this crate tell of themselves.
    #[must_use]
    pub fn golden(&self, pattern: &str) -> String {
        let page = self.exporter.render();
        let mut out = String::new();
        let mut kind = "";
        let mut chosen = false;
        for line in page.lines() {
            if let Some(rest) = line
                .strip_prefix("# HELP ")
                .or(line.strip_prefix("# TYPE "))
            {
                let (name, last) = rest.split_once(' ').unwrap_or((rest, ""));
                chosen = matches_pattern(pattern, name);
                kind = last;
            }
            if chosen {
                out.push_str(&self.masked(line, kind));
                out.push('\n');
            }
        }
        out
    }

    fn masked(&self, line: &str, kind: &str) -> String {
        let Some((series, _)) = line.rsplit_once(' ').filter(|_| !line.starts_with('#')) else {
            return line.to_owned();
        };
        if is_volatile(series) {
            return format!("{series} *");
        }
        let name = series.split('{').next().unwrap_or(series);
        let sample = Samples::parse(line);
        let Some((labels, now)) = sample.of(name).next() else {
            return line.to_owned();
        };
        let before = self.before.of(name).find(|(own, _)| *own == labels);
        let since = match kind {
            "counter" | "histogram" => now - before.map_or(0.0, |(_, before)| before),
            _ => now,
        };
        let mut out = format!("{series} ");
        push_f64(&mut out, since);
        out
    }

    #[track_caller]
    fn moved(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let now = self.exporter.samples();
        self.known(&now, name, labels);
        sum(&now, name, labels) - sum(&self.before, name, labels)
    }

    /// A series may have come since, or gone.
    #[track_caller]
    fn known(&self, now: &Samples, name: &str, labels: &[(&str, &str)]) {
        let mut known = [now, &self.before]
            .into_iter()
            .flat_map(|samples| samples.of(name));
        let known = known.any(|(own, _)| has(own, labels));
        assert!(
            known,
            "no series `{name}` with the labels {labels:?}; there are:\n{}",
            self.list(now, name)
        );
    }

    #[track_caller]
    fn check(&self, family: &str, name: &str, labels: &[(&str, &str)], found: f64, expected: f64) {
        let near = (found - expected).abs() <= 1e-9 * expected.abs().max(1.0);
        assert!(
            near,
            "`{family}` with the labels {labels:?}: {found}, expected {expected}; since the watch began:\n{}",
            self.list(&self.exporter.samples(), name)
        );
    }

    /// Every series of a name, with how far it has moved.
    fn list(&self, now: &Samples, name: &str) -> String {
        let mut out = String::new();
        for (labels, value) in now.of(name) {
            let text: Vec<_> = labels
                .iter()
                .map(|(key, value)| format!("{key}={value:?}"))
                .collect();
            let before = self.before.of(name).find(|(own, _)| *own == labels);
            let moved = value - before.map_or(0.0, |(_, before)| before);
            // Writing to a string cannot fail.
            let _ = writeln!(
                out,
                "  {name}{{{}}} {value} (moved by {moved})",
                text.join(",")
            );
        }
        if out.is_empty() {
            "  none of that name".to_owned()
        } else {
            out
        }
    }
}

/// The sum of the series that have at least these labels.
fn sum(samples: &Samples, name: &str, labels: &[(&str, &str)]) -> f64 {
    let chosen = samples.of(name).filter(|(own, _)| has(own, labels));
    chosen.map(|(_, value)| value).sum()
}

fn has(own: &[(String, String)], labels: &[(&str, &str)]) -> bool {
    let is_there = |(key, value): &(&str, &str)| own.iter().any(|(k, v)| k == key && v == value);
    labels.iter().all(is_there)
}

/// Whether the value of a line differs from run to run. Of a histogram of seconds only the count does not, and the bucket
/// that holds everything.
fn is_volatile(series: &str) -> bool {
    let name = series.split('{').next().unwrap_or(series);
    let in_time = |name: &str| {
        ["_seconds", "_timestamp", "_unix", "_created"]
            .iter()
            .any(|end| name.ends_with(end))
    };
    if name.starts_with("process_") || name.starts_with("instrument_") {
        return true;
    }
    if let Some(base) = name.strip_suffix("_bucket") {
        return in_time(base) && !series.contains("le=\"+Inf\"");
    }
    let base = name
        .strip_suffix("_sum")
        .or_else(|| name.strip_suffix("_total"))
        .unwrap_or(name);
    in_time(base)
}
