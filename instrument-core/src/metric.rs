//! One family of series: what it is, and the storage that `install()` binds to it. `record`, `count` and `set` are hot.

use std::panic::Location;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::label::Label;
use crate::outcome::{Outcome, Outcomes};

/// What a family's samples mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only rises.
    Counter,
    /// Rises and falls.
    Gauge,
    /// Counts observations in buckets.
    Histogram,
}

impl Kind {
    /// The word of the `# TYPE` line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// Where HELP comes from. Two different explicit texts for one name are a conflict; doc comments may differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Help {
    /// Given by `help = "…"` or on a declared metric.
    Explicit(&'static str),
    /// The doc comment of an annotated function; its first sentence is used.
    Doc(&'static str),
    /// None was written.
    Missing,
}

/// A place in the source.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Place(&'static Location<'static>);

impl Place {
    /// The place of the caller.
    #[track_caller]
    #[must_use]
    pub const fn here() -> Self {
        Self(Location::caller())
    }

    /// The source file, as the compiler was given it.
    #[must_use]
    pub fn file(&self) -> &'static str {
        self.0.file()
    }

    /// The line, from 1.
    #[must_use]
    pub fn line(&self) -> u32 {
        self.0.line()
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.file(), self.line())
    }
}

impl std::fmt::Debug for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self}")
    }
}

/// Everything about a family that is known when the program is built.
#[derive(Clone, Copy, Debug)]
pub struct Desc {
    /// The full name, suffix included.
    pub name: &'static str,
    /// Counter, gauge or histogram.
    pub kind: Kind,
    /// Where HELP comes from.
    pub help: Help,
    /// The labels, without `outcome`.
    pub labels: &'static [Label],
    /// The values of the label `outcome`; none, if there is no such label.
    pub outcomes: Outcomes,
    /// Upper bounds of a histogram's buckets, rising, without `+Inf`.
    pub buckets: &'static [f64],
    /// Computes a gauge at each scrape.
    pub compute: Option<fn() -> f64>,
    /// Where it is declared.
    pub place: Place,
}

/// A family as a static: its description, and its storage once `install()` has bound it.
///
/// Before that, and while it is switched off, recording is one load and a branch.
pub struct Metric {
    desc: Desc,
    live: AtomicBool,
    slots: OnceLock<Slots>,
}

impl std::fmt::Debug for Metric {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Metric")
            .field("desc", &self.desc)
            .field("live", &self.is_live())
            .finish_non_exhaustive()
    }
}

/// One handle for every combination of label values; with a label `outcome`, four for each, in slot order.
pub(crate) enum Slots {
    Counters(Box<[metrics::Counter]>),
    Gauges(Box<[metrics::Gauge]>),
    Histograms(Box<[metrics::Histogram]>),
}

impl Metric {
    /// A family that is not bound yet.
    #[must_use]
    pub const fn new(desc: Desc) -> Self {
        Self {
            desc,
            live: AtomicBool::new(false),
            slots: OnceLock::new(),
        }
    }

    /// What is known of it when the program is built.
    #[must_use]
    pub const fn desc(&self) -> &Desc {
        &self.desc
    }

    pub(crate) const fn desc_mut(&mut self) -> &mut Desc {
        &mut self.desc
    }

    /// Gives it its storage; the first binding stays.
    pub(crate) fn bind(&self, slots: Slots) {
        if self.slots.set(slots).is_ok() {
            self.live.store(true, Ordering::Relaxed);
        }
    }

    /// Switches recording on or off.
    pub(crate) fn set_enabled(&self, enabled: bool) {
        self.live
            .store(enabled && self.slots.get().is_some(), Ordering::Relaxed);
    }

    /// Whether recording does anything: it is bound and switched on.
    #[inline]
    pub(crate) fn is_live(&self) -> bool {
        self.live.load(Ordering::Relaxed)
    }

    #[inline]
    fn slots(&self) -> Option<&Slots> {
        if self.is_live() {
            self.slots.get()
        } else {
            None
        }
    }

    /// The slot of a call that ended in `outcome`.
    #[inline]
    pub(crate) fn slot(&self, labels: usize, outcome: Outcome) -> usize {
        if self.desc.outcomes.is_empty() {
            labels
        } else {
            labels * Outcome::ALL.len() + outcome as usize
        }
    }

    /// Adds to a counter.
    #[inline]
    pub(crate) fn count(&self, slot: usize, by: u64) {
        if let Some(Slots::Counters(counters)) = self.slots()
            && let Some(counter) = counters.get(slot)
        {
            counter.increment(by);
        }
    }

    /// Adds an observation to a histogram.
    #[inline]
    pub(crate) fn record(&self, slot: usize, value: f64) {
        if let Some(Slots::Histograms(histograms)) = self.slots()
            && let Some(histogram) = histograms.get(slot)
        {
            histogram.record(value);
        }
    }

    /// Changes a gauge.
    #[inline]
    pub(crate) fn gauge(&self, slot: usize, change: impl FnOnce(&metrics::Gauge)) {
        if let Some(Slots::Gauges(gauges)) = self.slots()
            && let Some(gauge) = gauges.get(slot)
        {
            change(gauge);
        }
    }
}
