//! What the page says of itself: the last scrape, series of each family, what was refused or left out. Warm: once a scrape.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use crate::catalogue::Catalogue;
use crate::clock;
use crate::exposition::{self, About, Computed, Format, labels};
use crate::install::Program;
use crate::metric::Kind::{Counter, Gauge};
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
        computed.sort_unstable_by_key(|family| family.about.name);
        let bytes = self.bytes.load(Ordering::Relaxed);
        let mut out = String::with_capacity(bytes + bytes / 8 + SPARE);
        exposition::page(&mut out, &page, &computed, format);
        self.bytes.store(out.len(), Ordering::Relaxed);
        let seconds = clock::seconds_since(started);
        self.duration.store(seconds.to_bits(), Ordering::Relaxed);
        out
    }

    fn computed(&self, registry: &Registry, page: &Page) -> Vec<Computed<'static>> {
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
            BUILD_INFO.with(vec![(self.build.clone(), 1.0)]),
            CLOCK_INFO.with(vec![(clock, 1.0)]),
            CONFLICTS.plain(registry.conflicts() as f64),
            FAMILY_SERIES.with(series.collect()),
            INVALID_SAMPLES.with(invalid(page)),
            OVERFLOW_THREADS.plain(crowded_threads() as f64),
            SCRAPE_BYTES.plain(bytes),
            SCRAPE_DURATION.plain(duration),
            SITES.plain(self.sites as f64),
        ]
    }
}

static BUILD_INFO: About<'static> = About::new(
    "instrument_build_info",
    Gauge,
    "The program and this framework; always 1.",
)
.labels(&[
    ("program", &[]),
    ("version", &[]),
    ("instrument_version", &[]),
]);
static CLOCK_INFO: About<'static> = About::new(
    "instrument_clock_info",
    Gauge,
    "Where durations come from: the CPU's counter (tsc) or the system (os); always 1.",
)
.labels(&[("source", &["os", "tsc"])]);
static CONFLICTS: About<'static> = About::new(
    "instrument_conflicts_total",
    Counter,
    "Metrics that are not recorded, as their name or labels collide with others.",
);
static FAMILY_SERIES: About<'static> = About::new(
    "instrument_family_series",
    Gauge,
    "Series of each family that Prometheus keeps.",
)
.labels(&[("family", &[])]);
static INVALID_SAMPLES: About<'static> = About::new(
    "instrument_invalid_samples_total",
    Counter,
    "Observations that were not finite; NaN is in no bucket, neither is in a sum.",
)
.labels(&[("reason", &["infinite", "nan"])]);
static OVERFLOW_THREADS: About<'static> = About::new(
    "instrument_overflow_threads_total",
    Counter,
    "Threads that found no place of their own to record to, and share a slower one.",
);
static SCRAPE_BYTES: About<'static> = About::new(
    "instrument_scrape_bytes",
    Gauge,
    "Size of the page before this one, not compressed.",
);
static SCRAPE_DURATION: About<'static> = About::new(
    "instrument_scrape_duration_seconds",
    Gauge,
    "Time to write the page before this one.",
);
static SITES: About<'static> = About::new(
    "instrument_sites",
    Gauge,
    "Places in the source that record: annotated functions and declared metrics.",
);

/// What a page says of itself, by name.
pub(crate) static ABOUT: [&About<'static>; 9] = [
    &BUILD_INFO,
    &CLOCK_INFO,
    &CONFLICTS,
    &FAMILY_SERIES,
    &INVALID_SAMPLES,
    &OVERFLOW_THREADS,
    &SCRAPE_BYTES,
    &SCRAPE_DURATION,
    &SITES,
];

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
