//! What this crate tells of itself, if a program gives it reason to: label values beyond a limit, gauges that panic.

use std::collections::BTreeMap;

use crate::label::{Domain, Label};
use crate::metric::{Desc, Help, Kind, Metric, Place};

const OVERFLOW: &str = "instrument_label_overflow_total";
const OVERFLOW_HELP: &str =
    "Records that went to the label value _other, as the limit was reached.";
const COMPUTE_PANICS: &str = "instrument_compute_panics_total";
const COMPUTE_PANICS_HELP: &str = "Scrapes at which a computed gauge panicked and became NaN.";

/// Counters with the label `metric`, by the family they are about.
#[derive(Clone, Default)]
pub(crate) struct OwnMetrics {
    overflows: BTreeMap<&'static str, (&'static Metric, Place)>,
    compute_panics: BTreeMap<&'static str, (&'static Metric, Place)>,
}

impl OwnMetrics {
    /// Those that these metrics need.
    pub(crate) fn of(metrics: impl Iterator<Item = (&'static Metric, Place)>) -> Self {
        let mut own = Self::default();
        for (metric, place) in metrics {
            let desc = metric.desc();
            let counter = |name, help| (counter(name, help, desc.name), place);
            if desc.labels.iter().any(|label| label.domain.is_free()) {
                own.overflows
                    .entry(desc.name)
                    .or_insert_with(|| counter(OVERFLOW, OVERFLOW_HELP));
            }
            if desc.compute.is_some() {
                own.compute_panics
                    .entry(desc.name)
                    .or_insert_with(|| counter(COMPUTE_PANICS, COMPUTE_PANICS_HELP));
            }
        }
        own
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = (&'static Metric, Place)> {
        self.overflows
            .values()
            .chain(self.compute_panics.values())
            .copied()
    }

    /// Counts the records of `family` that went to `_other`.
    pub(crate) fn overflow_of(&self, family: &str) -> Option<&'static Metric> {
        self.overflows.get(family).map(|&(metric, _)| metric)
    }

    /// Counts the scrapes at which the gauge `family` panicked.
    pub(crate) fn compute_panics_of(&self, family: &str) -> Option<&'static Metric> {
        self.compute_panics.get(family).map(|&(metric, _)| metric)
    }
}

fn counter(name: &'static str, help: &'static str, about: &'static str) -> &'static Metric {
    let labels = vec![Label {
        key: "metric",
        domain: Domain::Literal(about),
    }];
    let help = Help::Explicit(help);
    Box::leak(Box::new(Metric::new(Desc {
        help,
        labels: labels.leak(),
        ..Desc::new(name, Kind::Counter)
    })))
}
