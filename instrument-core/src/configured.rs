//! Series whose label values are known from configuration: they live as long as a guard.

use std::any::Any;
use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use crate::catalogue::{Catalogue, OwnMetrics, SERIES_LIMIT};
use crate::declared::{Counter, Gauge, Histogram, Info};
use crate::label::{LabelSet, LabelValue};
use crate::metric::{Desc, Metric};
use crate::rows::{self, OTHER};
use crate::storage;

/// In the label set of a declared metric, where `metrics!` says `configured`: a label whose values are known from
/// configuration (a server, a job, a symbol). Such labels come first.
#[derive(Clone, Copy, Debug)]
pub enum Configured {}

/// The series of one set of configured values. They are on the page, at zero, while it lives (or another `series` with
/// the same values); it records like a metric that has the remaining labels.
///
/// ```
/// instrument_core::metrics! {
///     /// Whether the server answers.
///     static UP: Gauge<(server_name: configured)> = "docs_server_up";
/// }
///
/// let exporter = instrument_core::install()?;
/// let up = UP.series("rag-query");
/// assert!(exporter.render().contains("docs_server_up{server_name=\"rag-query\"} 0\n"));
/// up.set(1.0);
/// assert!(exporter.render().contains("docs_server_up{server_name=\"rag-query\"} 1\n"));
/// drop(up);
/// assert!(!exporter.render().contains("rag-query"));
/// # Ok::<(), instrument_core::InstallError>(())
/// ```
///
/// A gauge that comes back starts at zero; a counter or histogram goes on where it stopped. Beyond a thousand sets of
/// values the series is that of `_other`, and `instrument_label_overflow_total{metric}` counts.
#[must_use = "the series vanishes with its guard"]
#[derive(Debug)]
pub struct Series<M: 'static> {
    metric: &'static M,
    key: Key,
}

type Key = (&'static str, Vec<String>);

/// All sets of values that were ever given. What a name costs is never given back, hence the limit.
static ROWS: Mutex<BTreeMap<Key, Row>> = Mutex::new(BTreeMap::new());

/// Known from `install()` on.
static OWN: OnceLock<OwnMetrics> = OnceLock::new();

struct Row {
    metric: &'static Metric,
    typed: &'static (dyn Any + Send + Sync),
    guards: usize,
}

fn rows() -> MutexGuard<'static, BTreeMap<Key, Row>> {
    ROWS.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<M: Sync> Deref for Series<M> {
    type Target = M;

    fn deref(&self) -> &M {
        self.metric
    }
}

impl<M: 'static> Drop for Series<M> {
    fn drop(&mut self) {
        if let Some(row) = rows().get_mut(&self.key) {
            row.guards -= 1;
            if row.guards == 0 {
                rows::list_row(row.metric, false);
            }
        }
    }
}

/// The series of `parent` with these values, in a metric that `make` makes.
fn open<M: Send + Sync>(
    parent: &Metric,
    values: &[&str],
    make: fn(Desc) -> M,
    metric_of: fn(&M) -> &Metric,
) -> Series<M> {
    let mut rows = rows();
    let name = parent.desc().name;
    let mut key: Key = (name, values.iter().map(|&value| value.to_owned()).collect());
    let known = rows.keys().filter(|(other, _)| *other == name).count();
    if known >= SERIES_LIMIT && !rows.contains_key(&key) {
        key.1.fill(OTHER.to_owned());
        tracing::warn!(metric = name, "too many configured series");
        if let Some(overflow) = OWN.get().and_then(|own| own.overflow_of(name)) {
            overflow.count(0, 1);
        }
    }
    let row = rows.entry(key.clone()).or_insert_with(|| {
        let typed: &'static M = Box::leak(Box::new(make(rows::row_desc(
            parent.desc(),
            key.1.iter().map(String::as_str),
        ))));
        Row {
            metric: metric_of(typed),
            typed,
            guards: 0,
        }
    });
    row.guards += 1;
    if OWN.get().is_some() && parent.is_bound() {
        storage::bind_metric(row.metric);
        row.metric.set_enabled(parent.is_live());
        if row.guards == 1 {
            row.metric.zero();
            rows::list_row(row.metric, true);
        }
    }
    let metric = row.typed.downcast_ref().expect("a metric has one type");
    Series { metric, key }
}

/// Binds the series that were opened before `install()`.
pub(crate) fn bind(catalogue: &Catalogue) {
    let rows = rows();
    if OWN.set(catalogue.own().clone()).is_ok() {
        let known = |name: &str| catalogue.family(name).is_some();
        let known = rows.iter().filter(|((name, _), _)| known(name));
        known.for_each(|(_, row)| storage::bind_metric(row.metric));
    }
}

/// Switches the series of a family on or off.
pub(crate) fn set_enabled(family: &str, enabled: bool) {
    for ((name, _), row) in rows().iter() {
        if *name == family {
            row.metric.set_enabled(enabled);
        }
    }
}

macro_rules! open {
    ($([$($value:ident)+] $($label:ident)*;)+) => { $(
        impl<$($label: LabelValue + 'static),*> LabelSet for ($(open!(@ $value),)+ $($label,)*) {}

        open! { Counter, Counter::metric, [$($value)+] $($label)* }
        open! { Gauge, Gauge::metric, [$($value)+] $($label)* }
        open! { Histogram, Histogram::metric, [$($value)+] $($label)* }
    )+ };
    ($kind:ident, $metric:path, [$($value:ident)+] $($label:ident)*) => {
        impl<$($label: LabelValue + 'static),*> $kind<($(open!(@ $value),)+ $($label,)*)> {
            /// The series with these values of the configured labels.
            pub fn series(&'static self $(, $value: &str)+) -> Series<$kind<($($label,)*)>> {
                open(self.metric(), &[$($value),+], $kind::of, $metric)
            }
        }
    };
    (@ $value:ident) => { Configured };
}

open! {
    [a];
    [a] B;
    [a] B C;
    [a] B C D;
    [a b];
    [a b] C;
    [a b] C D;
    [a b c];
    [a b c] D;
    [a b c d];
}

macro_rules! info {
    ($($set:ty, $($value:ident)+;)+) => { $(
        impl Info<$set> {
            /// Says that these are the values: a series that is 1 while the guard lives.
            pub fn series(&'static self $(, $value: &str)+) -> Series<Info<()>> {
                let series = open(self.metric(), &[$($value),+], Info::of, Info::metric);
                series.metric().gauge(0, |gauge| gauge.set(1.0));
                series
            }
        }
    )+ };
}

info! {
    (Configured,), a;
    (Configured, Configured), a b;
    (Configured, Configured, Configured), a b c;
    (Configured, Configured, Configured, Configured), a b c d;
}
