//! What the page says of itself: the last scrape, series of each family, what was refused or left out. Warm: once a scrape.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use crate::catalogue::Catalogue;
use crate::clock;
use crate::exposition::{self, Computed, Format, Sink};
use crate::install::Program;
use crate::label::{Domain, Label};
use crate::metric::{Kind, Place};
use crate::process;
use crate::storage::{Family, Page, Registry, Shape, Value, crowded_threads};

/// A family that this crate computes at each scrape. All of them are in the catalogue.
pub(crate) struct Own {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) help: &'static str,
    pub(crate) labels: &'static [Label],
    pub(crate) place: Place,
    pub(crate) write: fn(&Scrape<'_>, &mut Sink<'_>),
}

/// What a scrape finds.
pub(crate) struct Scrape<'a> {
    observer: &'a Observer,
    registry: &'a Registry,
    page: &'a Page,
    pub(crate) process: process::Status,
    #[cfg(feature = "tokio-metrics")]
    pub(crate) runtime: Option<&'a tokio::runtime::RuntimeMetrics>,
}

/// One of the families at one scrape.
struct At<'a>(&'static Own, &'a Scrape<'a>);

impl Computed for At<'_> {
    fn name(&self) -> &'static str {
        self.0.name
    }

    fn kind(&self) -> Kind {
        self.0.kind
    }

    fn help(&self) -> &str {
        self.0.help
    }

    fn write(&self, sink: &mut Sink<'_>) {
        (self.0.write)(self.1, sink);
    }
}

/// Which of the families a program has.
#[derive(Clone, Copy, Default)]
pub(crate) struct Chosen {
    pub(crate) process: bool,
    #[cfg(feature = "tokio-metrics")]
    pub(crate) runtime: bool,
}

impl Chosen {
    /// By name.
    pub(crate) fn families(self) -> impl Iterator<Item = &'static Own> {
        let process = if self.process {
            &process::FAMILIES[..]
        } else {
            &[]
        };
        #[cfg(feature = "tokio-metrics")]
        let runtime = if self.runtime {
            &crate::runtime::FAMILIES[..]
        } else {
            &[]
        };
        #[cfg(not(feature = "tokio-metrics"))]
        let runtime: &[Own] = &[];
        FAMILIES.iter().chain(process).chain(runtime)
    }
}

/// Renders pages, and remembers of each what the next one tells.
pub(crate) struct Observer {
    program: Program,
    sites: usize,
    chosen: Chosen,
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
    pub(crate) fn new(program: &Program, catalogue: &Catalogue, chosen: Chosen) -> Self {
        Self {
            program: program.clone(),
            sites: catalogue
                .families()
                .flat_map(|family| &family.sites)
                .count(),
            chosen,
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
        let scrape = Scrape {
            observer: self,
            registry,
            page: &page,
            process: if self.chosen.process {
                process::Status::read()
            } else {
                process::Status::default()
            },
            #[cfg(feature = "tokio-metrics")]
            runtime: self.runtime.as_ref(),
        };
        let computed = self.chosen.families().map(|family| At(family, &scrape));
        let bytes = self.bytes.load(Ordering::Relaxed);
        let mut out = String::with_capacity(bytes + bytes / 8 + SPARE);
        exposition::page(&mut out, &page, computed, format);
        self.bytes.store(out.len(), Ordering::Relaxed);
        let seconds = clock::seconds_since(started);
        self.duration.store(seconds.to_bits(), Ordering::Relaxed);
        out
    }
}

const fn text(key: &'static str) -> Label {
    let domain = Domain::Free;
    Label { key, domain }
}

const INVALID: [&str; 2] = ["infinite", "nan"];

/// By name.
pub(crate) static FAMILIES: [Own; 9] = [
    Own {
        name: "instrument_build_info",
        kind: Kind::Gauge,
        help: "The program and this framework; always 1.",
        labels: &[text("program"), text("version"), text("instrument_version")],
        place: Place::here(),
        write: |scrape, sink| {
            let program = &scrape.observer.program;
            let labels = [
                ("program", program.name.as_str()),
                ("version", &program.version),
                ("instrument_version", env!("CARGO_PKG_VERSION")),
            ];
            sink.put(&labels, 1.0);
        },
    },
    Own {
        name: "instrument_clock_info",
        kind: Kind::Gauge,
        help: "Where durations come from: the CPU's counter (tsc) or the system (os); always 1.",
        labels: &[Label {
            key: "source",
            domain: Domain::Values(|| &["os", "tsc"]),
        }],
        place: Place::here(),
        write: |_, sink| sink.put(&[("source", clock::source())], 1.0),
    },
    Own {
        name: "instrument_conflicts_total",
        kind: Kind::Counter,
        help: "Metrics that are not recorded, as their name or labels collide with others.",
        labels: &[],
        place: Place::here(),
        write: |scrape, sink| sink.put(&[], scrape.registry.conflicts() as f64),
    },
    Own {
        name: "instrument_family_series",
        kind: Kind::Gauge,
        help: "Series of each family that Prometheus keeps.",
        labels: &[text("family")],
        place: Place::here(),
        write: |scrape, sink| {
            let families = scrape.page.families().filter(|family| !family.is_empty());
            families.for_each(|family| {
                sink.put(&[("family", family.name())], family.samples() as f64);
            });
        },
    },
    Own {
        name: "instrument_invalid_samples_total",
        kind: Kind::Counter,
        help: "Observations that were not finite; NaN is in no bucket, neither is in a sum.",
        labels: &[Label {
            key: "reason",
            domain: Domain::Values(|| &INVALID),
        }],
        place: Place::here(),
        write: |scrape, sink| {
            for (reason, count) in INVALID.iter().zip(invalid(scrape.page)) {
                sink.put(&[("reason", reason)], count as f64);
            }
        },
    },
    Own {
        name: "instrument_overflow_threads_total",
        kind: Kind::Counter,
        help: "Threads that found no place of their own to record to, and share a slower one.",
        labels: &[],
        place: Place::here(),
        write: |_, sink| sink.put(&[], crowded_threads() as f64),
    },
    Own {
        name: "instrument_scrape_bytes",
        kind: Kind::Gauge,
        help: "Size of the page before this one, not compressed.",
        labels: &[],
        place: Place::here(),
        write: |scrape, sink| {
            sink.put(&[], scrape.observer.bytes.load(Ordering::Relaxed) as f64);
        },
    },
    Own {
        name: "instrument_scrape_duration_seconds",
        kind: Kind::Gauge,
        help: "Time to write the page before this one.",
        labels: &[],
        place: Place::here(),
        write: |scrape, sink| {
            let bits = scrape.observer.duration.load(Ordering::Relaxed);
            sink.put(&[], f64::from_bits(bits));
        },
    },
    Own {
        name: "instrument_sites",
        kind: Kind::Gauge,
        help: "Places in the source that record: annotated functions and declared metrics.",
        labels: &[],
        place: Place::here(),
        write: |scrape, sink| sink.put(&[], scrape.observer.sites as f64),
    },
];

/// In the order of [`INVALID`].
fn invalid(page: &Page) -> [u64; 2] {
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
    [infinite, nan]
}
