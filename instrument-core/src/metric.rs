//! One family of series: what it is, and the storage that `install()` binds to it. `count` is hot.

use std::panic::Location;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::clock;
use crate::label::Label;
use crate::outcome::Outcomes;
use crate::rows::Rows;
use crate::storage::{self, Place as Cells, Places, counter, histogram};

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
    /// That of a family which all functions share.
    Shared,
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
    /// The most values that its labels of free text take together; all further ones are `_other`.
    pub limit: usize,
    /// One call in so many is recorded.
    pub sample: u32,
}

impl Desc {
    /// A family without labels, buckets of its own, or help.
    #[must_use]
    pub const fn new(name: &'static str, kind: Kind) -> Self {
        Self {
            name,
            kind,
            help: Help::Missing,
            labels: &[],
            outcomes: Outcomes::NONE,
            buckets: &[],
            compute: None,
            limit: 0,
            sample: 1,
        }
    }
}

/// A family as a static: its description, and its storage once `install()` has bound it.
///
/// Before that, and while it is switched off, recording is one load and a branch.
pub struct Metric {
    desc: Desc,
    live: AtomicBool,
    slots: OnceLock<Slots>,
    /// Where its samples are, if they are in our own storage.
    places: OnceLock<Places>,
    /// The series of labels with free text, if it has any.
    rows: OnceLock<Box<Rows>>,
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
            places: OnceLock::new(),
            rows: OnceLock::new(),
        }
    }

    /// One of the families that all functions share: durations, calls, or calls that run. Its labels are to come.
    #[must_use]
    pub const fn shared(kind: Kind, outcomes: Outcomes) -> Self {
        let name = match kind {
            Kind::Histogram => crate::catalogue::FUNCTION_DURATION,
            Kind::Counter => crate::catalogue::FUNCTION_CALLS,
            Kind::Gauge => crate::catalogue::FUNCTION_CALLS_IN_FLIGHT,
        };
        let mut desc = Desc::new(name, kind);
        desc.outcomes = outcomes;
        desc.help = Help::Shared;
        Self::new(desc)
    }

    pub(crate) const fn is_shared(&self) -> bool {
        matches!(self.desc.help, Help::Shared)
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
    pub(crate) fn bind(&self, slots: Slots, places: Option<Places>) {
        if self.slots.set(slots).is_ok() {
            if let Some(places) = places {
                self.places.get_or_init(|| places);
            }
            self.live.store(true, Ordering::Relaxed);
        }
    }

    pub(crate) fn places(&self) -> Option<&Places> {
        self.places.get()
    }

    #[inline]
    fn place(&self, slot: usize) -> Option<Cells> {
        storage::place_at(self.places.get()?.words(), slot)
    }

    pub(crate) fn is_bound(&self) -> bool {
        self.slots.get().is_some()
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

    /// Gives labels of free text a place to be kept.
    pub(crate) fn bind_rows(&self, rows: Rows) {
        // As with the slots, the first binding stays.
        let _ = self.rows.set(Box::new(rows));
    }

    pub(crate) fn rows(&self) -> Option<&Rows> {
        self.rows.get().map(Box::as_ref)
    }

    /// Adds to a counter.
    #[inline]
    pub(crate) fn count(&self, slot: usize, by: u64) {
        if !self.is_live() {
            return;
        }
        match self.place(slot) {
            Some(place) => counter::add(place, by),
            None => self.count_elsewhere(slot, by),
        }
    }

    /// A series that is not registered yet, or another crate's recorder.
    #[cold]
    fn count_elsewhere(&self, slot: usize, by: u64) {
        if let Some(Slots::Counters(counters)) = self.slots() {
            match counters.get(slot) {
                Some(counter) => counter.increment(by),
                None => self.in_row(slot, |row, slot| row.count(slot, by)),
            }
        }
    }

    /// Adds a duration in ticks of the clock to a histogram.
    #[inline]
    pub(crate) fn record_ticks(&self, slot: usize, ticks: u64) {
        if !self.is_live() {
            return;
        }
        let bounds = self.places.get().and_then(Places::bounds);
        match self.place(slot).zip(bounds) {
            Some((place, bounds)) => histogram::record_ticks(place, bounds, ticks),
            None => self.record_ticks_elsewhere(slot, ticks),
        }
    }

    /// As [`Self::count_elsewhere`]; and summaries.
    #[cold]
    fn record_ticks_elsewhere(&self, slot: usize, ticks: u64) {
        if let Some(Slots::Histograms(histograms)) = self.slots() {
            match histograms.get(slot) {
                Some(histogram) => histogram.record(clock::seconds_in(ticks)),
                None => self.in_row(slot, |row, slot| row.record_ticks(slot, ticks)),
            }
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

    /// Changes the number of calls that run. Switching a family off does not freeze it: it would never be right again.
    #[inline]
    pub(crate) fn in_flight(&self, slot: usize, change: f64) {
        if let Some(Slots::Gauges(gauges)) = self.slots.get() {
            match gauges.get(slot) {
                Some(gauge) => gauge.increment(change),
                None => self.in_row(slot, |row, slot| row.in_flight(slot, change)),
            }
        }
    }

    /// Sets every series of a gauge to zero.
    pub(crate) fn zero(&self) {
        if let Some(Slots::Gauges(gauges)) = self.slots.get() {
            gauges.iter().for_each(|gauge| gauge.set(0.0));
        }
    }

    #[cold]
    fn in_row(&self, slot: usize, record: impl FnOnce(&Self, usize)) {
        if let Some(rows) = self.rows() {
            let (row, in_row) = rows.row_of(slot);
            record(row, in_row);
            // From now on its calls find it without the row.
            if let (Some(places), Some(place)) = (self.places(), row.place(in_row)) {
                places.put(slot, place);
            }
        }
    }
}
