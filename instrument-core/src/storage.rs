//! Where samples are kept: our own recorder behind the `metrics` facade. Hot: `arena`, `counter`, `histogram`,
//! `places`.
//!
//! Samples are folded when they are recorded, so memory does not grow with them and nothing needs upkeep.

use std::sync::{Arc, OnceLock};

use metrics::{Key, Label, Level, Metadata};

use crate::catalogue::{Catalogue, Family as Declared};
use crate::metric::{Kind, Metric, Slots};
use crate::outcome::Outcome;
use crate::rows;

mod arena;
mod changes;
pub(crate) mod counter;
mod facade;
mod family;
mod gauge;
pub(crate) mod histogram;
mod name;
mod places;
mod registry;
mod sorted;
mod summary;

pub(crate) use arena::{Place, Reader, crowded_threads};
pub(crate) use facade::Recorder;
pub(crate) use family::{Family, Page, Series, Shape, Start, Value};
pub(crate) use histogram::{Bounds, read as read_histogram};
pub(crate) use places::{Places, at as place_at, of as place_of};
pub(crate) use registry::{Options, Registry};
pub(crate) use summary::{Summary, matches_pattern};

/// The recorder of all families of the catalogue, with their buckets.
///
/// # Errors
/// The upkeep thread, which summaries need, cannot be started.
pub(crate) fn build(catalogue: &Catalogue, mut options: Options) -> std::io::Result<Recorder> {
    crate::clock::start();
    let histograms = catalogue
        .families()
        .filter(|family| family.kind == Kind::Histogram);
    options.buckets.extend(histograms.map(|family| {
        (
            family.name.to_owned(),
            Arc::new(Bounds::new(family.buckets)),
        )
    }));
    Ok(Recorder::new(Arc::new(Registry::new(options)?)))
}

/// Registers every series of the catalogue, so that each is on the first scrape with value 0, and binds its metrics.
pub(crate) fn bind(catalogue: &Catalogue) {
    for family in catalogue.families() {
        metrics::with_recorder(|recorder| describe(family, recorder));
        family.metrics.iter().for_each(|metric| bind_metric(metric));
    }
}

/// Our recorder, if it is the global one; one that is local to a thread is not asked.
static GLOBAL: OnceLock<Recorder> = OnceLock::new();

/// Remembers our recorder, for good: call sites write to its cells.
pub(crate) fn set_global(recorder: Recorder) {
    // `install()` succeeds once.
    let _ = GLOBAL.set(recorder);
}

pub(crate) fn global() -> Option<&'static Recorder> {
    GLOBAL.get()
}

/// Gives a metric its handles and, if our recorder is the global one, its places.
pub(crate) fn bind_metric(metric: &Metric) {
    match global() {
        Some(recorder) => metric.bind(slots(metric, recorder), Some(places(metric, recorder))),
        None => metrics::with_recorder(|recorder| metric.bind(slots(metric, recorder), None)),
    }
}

fn places(metric: &Metric, recorder: &Recorder) -> Places {
    let desc = metric.desc();
    let each = keys(metric)
        .into_iter()
        .map(|key| recorder.place(desc.kind, &key?));
    // Series of free text are registered later.
    let later = if desc.labels.iter().any(|label| label.domain.is_free()) {
        rows::slots(desc)
    } else {
        0
    };
    let bounds = (desc.kind == Kind::Histogram).then(|| recorder.registry().bounds(desc.name));
    Places::new(each.chain(std::iter::repeat_n(None, later)), bounds)
}

pub(crate) fn describe(family: &Declared, recorder: &dyn metrics::Recorder) {
    let (name, help) = (family.name.into(), family.help.clone().into());
    match family.kind {
        Kind::Counter => recorder.describe_counter(name, None, help),
        Kind::Gauge => recorder.describe_gauge(name, None, help),
        Kind::Histogram => recorder.describe_histogram(name, None, help),
    }
}

/// The handles of every series of `metric`.
pub(crate) fn slots(metric: &Metric, recorder: &dyn metrics::Recorder) -> Slots {
    let desc = metric.desc();
    let metadata = Metadata::new(module_path!(), Level::INFO, None);
    match desc.kind {
        Kind::Counter => Slots::Counters(handles(metric, metrics::Counter::noop, |key| {
            recorder.register_counter(key, &metadata)
        })),
        Kind::Gauge => Slots::Gauges(handles(metric, metrics::Gauge::noop, |key| {
            recorder.register_gauge(key, &metadata)
        })),
        Kind::Histogram => Slots::Histograms(handles(metric, metrics::Histogram::noop, |key| {
            recorder.register_histogram(key, &metadata)
        })),
    }
}

/// One handle for each slot of `metric`; `noop` where the function cannot have that outcome.
fn handles<H>(metric: &Metric, noop: impl Fn() -> H, register: impl Fn(&Key) -> H) -> Box<[H]> {
    let handle = |key: Option<Key>| key.map_or_else(&noop, |key| register(&key));
    keys(metric).into_iter().map(handle).collect()
}

/// The key of each slot of `metric`; none where the function cannot have that outcome.
pub(crate) fn keys(metric: &Metric) -> Vec<Option<Key>> {
    let desc = metric.desc();
    let mut keys = Vec::new();
    for labels in combinations(metric) {
        if desc.outcomes.is_empty() {
            keys.push(Some(Key::from_parts(desc.name, labels)));
            continue;
        }
        keys.extend(Outcome::ALL.map(|(outcome, name)| {
            desc.outcomes.has(outcome).then(|| {
                let mut labels = labels.clone();
                labels.push(Label::from_static_parts("outcome", name));
                Key::from_parts(desc.name, labels)
            })
        }));
    }
    keys
}

/// Every combination of the values of a metric's labels, the last label changing fastest.
fn combinations(metric: &Metric) -> Vec<Vec<Label>> {
    let mut all = vec![Vec::new()];
    for label in metric.desc().labels {
        let values = label.values();
        all = all
            .into_iter()
            .flat_map(|before| {
                values.iter().map(move |value| {
                    let mut labels = before.clone();
                    labels.push(Label::new(label.key, value.clone()));
                    labels
                })
            })
            .collect();
    }
    all
}

#[cfg(test)]
pub(crate) mod tests;
