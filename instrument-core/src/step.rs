//! One metric that a call of a site moves, in the form that a call needs; made by `install()`. Hot: [`follow`].
//!
//! Whatever takes more than adding to a cell is left to [`follow_slowly`]: series not registered yet, many buckets, gauges,
//! summaries, recorders of other crates.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use crate::metric::{Kind, Metric};
use crate::site::Use;
use crate::storage::histogram::{self, Few};
use crate::storage::{Places, counter, place_at};

/// How a call went, as the number of a bit in [`Step::takes`]: its outcome, and why it may have no ticks; or [`ENTRY`].
pub(crate) type Course = u32;
/// The draw left it out of the sample.
pub(crate) const UNSAMPLED: Course = 4;
/// The clock was not read at its start.
pub(crate) const UNTIMED: Course = 8;
/// It has only begun.
pub(crate) const ENTRY: Course = 16;

/// What a call adds to cells of its thread.
#[derive(Clone, Copy)]
pub(crate) enum Adds {
    /// Its duration, where the buckets are few.
    Few(&'static Few),
    Count,
    /// Nothing: there is more to do, or its samples are elsewhere.
    Nothing,
}

pub(crate) struct Step {
    places: &'static [AtomicU64],
    adds: Adds,
    /// How many slots one set of labels takes: four outcomes, or 1.
    outcomes: u32,
    /// A bit for each course of a call that it records; none while its family is switched off.
    takes: AtomicU32,
    /// Which of a call's numbers is its slot, and which the amount; beyond them all if there is none.
    slot: u8,
    amount: u8,
    metric: &'static Metric,
    one: &'static Use,
}

impl Step {
    pub(crate) fn new(one: &'static Use) -> Self {
        let metric = one.metric();
        let places = metric.places();
        let bounds = places.and_then(Places::bounds);
        let adds = match (metric.desc().kind, bounds) {
            (Kind::Histogram, Some(bounds)) => bounds.few().map_or(Adds::Nothing, Adds::Few),
            (Kind::Counter, _) => Adds::Count,
            _ => Adds::Nothing,
        };
        Self {
            places: places.map_or(&[], |places| places.words()),
            adds,
            outcomes: metric.desc().outcomes.slots() as u32,
            takes: AtomicU32::new(0),
            slot: one.slot.unwrap_or(u8::MAX),
            amount: one.amount.unwrap_or(u8::MAX),
            metric,
            one,
        }
    }

    /// Reads anew whether its family is switched on. A gauge of running calls goes on, or it would never be right again.
    pub(crate) fn refresh(&self) {
        let when = self.one.when;
        let (ends, entry) = (when.ends(), u32::from(when.at_entry()) << ENTRY);
        let takes = match self.metric.desc().kind {
            Kind::Gauge => u32::MAX,
            _ if !self.metric.is_live() => 0,
            Kind::Counter => (ends * 0x1111) | entry,
            Kind::Histogram if self.one.sampled => ends,
            Kind::Histogram => ends * 0x11,
        };
        self.takes.store(takes, Ordering::Relaxed);
    }

    #[inline]
    fn takes(&self, course: Course) -> bool {
        self.takes.load(Ordering::Relaxed) >> course & 1 == 1
    }

    /// What it adds, where a place is all that a call needs to know beside.
    pub(crate) fn alone(&self) -> Adds {
        if self.slot == u8::MAX && self.amount == u8::MAX && !self.one.sampled {
            self.adds
        } else {
            Adds::Nothing
        }
    }

    /// Where a call that takes this course without labels adds; 0 if nowhere.
    pub(crate) fn word(&self, course: Course) -> u64 {
        let word = self.places.get(self.slot(&[], course));
        word.filter(|_| self.takes(course))
            .map_or(0, |word| word.load(Ordering::Relaxed))
    }

    #[inline]
    fn slot(&self, numbers: &[usize], course: Course) -> usize {
        let labels = numbers.get(usize::from(self.slot)).copied().unwrap_or(0);
        labels * self.outcomes as usize + (course & (self.outcomes - 1)) as usize
    }

    #[inline]
    fn amount(&self, numbers: &[usize]) -> u64 {
        numbers.get(usize::from(self.amount)).copied().unwrap_or(1) as u64
    }

    /// Records where that takes no more than adding to cells; tells whether it did.
    #[inline]
    fn record(&self, numbers: &[usize], course: Course, ticks: u64) -> bool {
        let Some(place) = place_at(self.places, self.slot(numbers, course)) else {
            return false;
        };
        match self.adds {
            Adds::Few(bounds) => histogram::record_few(place, bounds, ticks),
            Adds::Count => counter::add(place, self.amount(numbers)),
            Adds::Nothing => return false,
        }
        true
    }

    fn record_slowly(&self, numbers: &[usize], course: Course, ticks: u64) {
        let slot = self.slot(numbers, course);
        match self.metric.desc().kind {
            Kind::Histogram => self.metric.record_ticks(slot, ticks),
            Kind::Counter => self.metric.count(slot, self.amount(numbers)),
            Kind::Gauge => {
                let change = if course == ENTRY { 1.0 } else { -1.0 };
                self.metric.in_flight(slot, change);
            }
        }
    }
}

/// Records the start or the end of a call, in one pass. Not generic, so that a thousand sites share it.
pub(crate) fn follow(steps: &[Step], numbers: &[usize], course: Course, ticks: u64) {
    let mut rest = steps;
    while let [step, after @ ..] = rest {
        if step.takes(course) && !step.record(numbers, course, ticks) {
            // Handing over the rest of the steps keeps calls, and with them the saving of registers, out of here.
            return follow_slowly(rest, numbers, course, ticks);
        }
        rest = after;
    }
}

#[inline(never)]
fn follow_slowly(steps: &[Step], numbers: &[usize], course: Course, ticks: u64) {
    for step in steps.iter().filter(|step| step.takes(course)) {
        step.record_slowly(numbers, course, ticks);
    }
}
