//! What the page says of itself: the last scrape, series of each family, what was refused or left out. Warm: once a scrape.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use crate::catalogue::Catalogue;
use crate::clock;
use crate::exposition::{self, Computed, Format, labels};
use crate::install::Program;
use crate::process;
use crate::storage::{Family, Page, Registry, Shape, Value, crowded_threads};

/// Renders pages, and remembers of each what the next one tells.
pub(crate) struct Observer {
    build: String,
    sites: usize,
    process: bool,
    #[cfg(feature = "tokio-metrics")]
    runtime: Option<tokio::runtime::RuntimeMetrics>,
    /// Of the last page, in seconds as bits.
    duration: AtomicU64,
    /// Of the last page; the next one is likely to be as long.
    bytes: AtomicUsize,
}

/// Room that a page may grow by until the next scrape without the buffer being moved.
const SPARE: usize = 4096;

impl Observer {
    pub(crate) fn new(program: &Program, catalogue: &Catalogue, process: bool) -> Self {
        Self {
            build: labels(&[
                ("program", &program.name),
                ("version", &program.version),
                ("instrument_version", env!("CARGO_PKG_VERSION")),
            ]),
            sites: catalogue
                .families()
                .flat_map(|family| &family.sites)
                .count(),
            process,
            #[cfg(feature = "tokio-metrics")]
            runtime: None,
            duration: AtomicU64::new(0),
            bytes: AtomicUsize::new(0),
        }
    }

    #[cfg(feature = "tokio-metrics")]
    pub(crate) fn with_runtime(self, runtime: Option<tokio::runtime::RuntimeMetrics>) -> Self {
        Self { runtime, ..self }
    }

    /// Writes a page.
    pub(crate) fn page(&self, registry: &Registry, format: Format) -> String {
        let started = clock::ticks();
        let page = registry.page();
        let mut computed = self.computed(registry, &page);
        if self.process {
            computed.extend(process::families());
        }
        #[cfg(feature = "tokio-metrics")]
        computed.extend(self.runtime.iter().flat_map(crate::runtime::families));
        computed.sort_unstable_by_key(|family| family.name);
        let bytes = self.bytes.load(Ordering::Relaxed);
        let mut out = String::with_capacity(bytes + bytes / 8 + SPARE);
        exposition::page(&mut out, &page, &computed, format);
        self.bytes.store(out.len(), Ordering::Relaxed);
        let seconds = clock::seconds_since(started);
        self.duration.store(seconds.to_bits(), Ordering::Relaxed);
        out
    }

    fn computed(&self, registry: &Registry, page: &Page) -> Vec<Computed> {
        let plain = |value: f64| vec![(String::new(), value)];
        let gauge = |name, help, samples| family(name, "gauge", help, samples);
        let counter = |name, help, samples| family(name, "counter", help, samples);
        let duration = f64::from_bits(self.duration.load(Ordering::Relaxed));
        let bytes = self.bytes.load(Ordering::Relaxed) as f64;
        let series = page.families().filter(|family| !family.is_empty());
        let series = series.map(|family| {
            (
                labels(&[("family", family.name())]),
                family.samples() as f64,
            )
        });
        let clock = labels(&[("source", clock::source())]);
        vec![
            gauge(
                "instrument_build_info",
                "The program and this framework; always 1.",
                vec![(self.build.clone(), 1.0)],
            ),
            gauge(
                "instrument_clock_info",
                "Where durations come from: the CPU's counter (tsc) or the system (os); always 1.",
                vec![(clock, 1.0)],
            ),
            counter(
                "instrument_conflicts_total",
                "Metrics that are not recorded, as their name or labels collide with others.",
                plain(registry.conflicts() as f64),
            ),
            gauge(
                "instrument_family_series",
                "Series of each family that Prometheus keeps.",
                series.collect(),
            ),
            counter(
                "instrument_invalid_samples_total",
                "Observations that were not finite; NaN is in no bucket, neither is in a sum.",
                invalid(page),
            ),
            counter(
                "instrument_overflow_threads_total",
                "Threads that found no place of their own to record to, and share a slower one.",
                plain(crowded_threads() as f64),
            ),
            gauge(
                "instrument_scrape_bytes",
                "Size of the page before this one, not compressed.",
                plain(bytes),
            ),
            gauge(
                "instrument_scrape_duration_seconds",
                "Time to write the page before this one.",
                plain(duration),
            ),
            gauge(
                "instrument_sites",
                "Places in the source that record: annotated functions and declared metrics.",
                plain(self.sites as f64),
            ),
        ]
    }
}

pub(crate) const fn family(
    name: &'static str,
    kind: &'static str,
    help: &'static str,
    samples: Vec<(String, f64)>,
) -> Computed {
    Computed {
        name,
        kind,
        help,
        samples,
    }
}

fn invalid(page: &Page) -> Vec<(String, f64)> {
    // There may be a hundred thousand counters, which need not be looked at.
    let observing =
        |family: &&Family| matches!(family.shape(), Shape::Histogram(_) | Shape::Summary);
    let series = page.families().filter(observing).flat_map(Family::series);
    let counts = series.map(|series| match series.value() {
        Value::Histogram(histogram) => histogram.invalid(),
        Value::Summary(summary) => summary.invalid(),
        Value::Counter(_) | Value::Gauge(_) => (0, 0),
    });
    let (nan, infinite) = counts.fold((0, 0), |all, one| (all.0 + one.0, all.1 + one.1));
    let count = |reason, count: u64| (labels(&[("reason", reason)]), count as f64);
    vec![count("infinite", infinite), count("nan", nan)]
}
