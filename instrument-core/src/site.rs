//! An annotated function: which metrics a call of it moves, and the guard that moves them. Hot.

use std::thread;

use crate::clock;
use crate::metric::Metric;
use crate::outcome::Outcome;

/// When an attribute records: a set of outcomes, or the moment of entry.
#[derive(Clone, Copy, Debug)]
pub struct When(u8);

impl When {
    /// At the end of each call, however it ends.
    pub const EXIT: Self = Self(0b1111);
    /// At the start of each call.
    pub const ENTER: Self = Self(1 << 4);
    /// At the end of calls that succeed.
    pub const OK: Self = Self(Outcome::Ok.bit());
    /// At the end of calls that return an error.
    pub const ERROR: Self = Self(Outcome::Error.bit());
    /// At the end of calls that panic.
    pub const PANIC: Self = Self(Outcome::Panic.bit());
    /// At the end of calls whose future is dropped before its end.
    pub const CANCELLED: Self = Self(Outcome::Cancelled.bit());

    const fn at(self, outcome: Outcome) -> bool {
        self.0 & outcome.bit() != 0
    }

    const fn at_entry(self) -> bool {
        self.0 & Self::ENTER.0 != 0
    }
}

/// One attribute on a function: the metric it moves, and when.
#[derive(Clone, Copy)]
pub struct Use {
    metric: &'static Metric,
    when: When,
}

impl Use {
    /// The metric is a histogram of durations or a counter.
    #[must_use]
    pub const fn new(metric: &'static Metric, when: When) -> Self {
        Self { metric, when }
    }
}

/// All attributes of one function, merged: one guard and one pair of clock reads serve them all.
/// Those that time come first.
pub struct Site<const N: usize> {
    uses: [Use; N],
    timed: usize,
}

impl<const N: usize> Site<N> {
    /// A site whose first `timed` uses are histograms.
    #[must_use]
    pub const fn new(timed: usize, uses: [Use; N]) -> Self {
        Self { uses, timed }
    }

    /// Starts a call. `labels` holds, for each use, the slot number made of the labels known at entry;
    /// `otherwise` is the outcome of a call that is dropped without [`Call::finish`] and without a panic.
    #[inline]
    pub fn enter(&'static self, labels: [usize; N], otherwise: Outcome) -> Call<N> {
        Call {
            site: self,
            labels,
            started: start(&self.uses, self.timed, &labels),
            outcome: otherwise,
            panicking: thread::panicking(),
        }
    }
}

/// A running call; records when it is dropped, once.
#[must_use = "a call that is dropped at once measures nothing"]
pub struct Call<const N: usize> {
    site: &'static Site<N>,
    labels: [usize; N],
    started: Option<u64>,
    outcome: Outcome,
    /// Whether the thread was unwinding already at entry: then it says nothing about this call.
    panicking: bool,
}

impl<const N: usize> Call<N> {
    /// Sets the outcome of a call that has come to its end.
    #[inline]
    pub fn finish(&mut self, outcome: Outcome) {
        self.outcome = outcome;
    }

    /// Sets the labels of the use at `index`, now that the returned value is known.
    #[inline]
    pub fn label(&mut self, index: usize, complete: impl FnOnce(usize) -> usize) {
        self.labels[index] = complete(self.labels[index]);
    }
}

impl<const N: usize> Drop for Call<N> {
    #[inline]
    fn drop(&mut self) {
        let outcome = if thread::panicking() && !self.panicking {
            Outcome::Panic
        } else {
            self.outcome
        };
        end(
            &self.site.uses,
            self.site.timed,
            &self.labels,
            self.started,
            outcome,
        );
    }
}

// The two halves of a call are not generic, so that a thousand sites share one copy of them.

fn start(uses: &[Use], timed: usize, labels: &[usize]) -> Option<u64> {
    for (one, &slot) in uses.iter().zip(labels).skip(timed) {
        if one.when.at_entry() {
            one.metric.count(slot, 1);
        }
    }
    if uses[..timed].iter().any(|one| one.metric.is_live()) {
        clock::ticks()
    } else {
        None
    }
}

fn end(uses: &[Use], timed: usize, labels: &[usize], started: Option<u64>, outcome: Outcome) {
    let (histograms, counters) = uses.split_at(timed);
    if let Some(started) = started {
        let seconds = clock::seconds_since(started);
        for (one, &labels) in histograms.iter().zip(labels) {
            if one.when.at(outcome) {
                one.metric.record(one.metric.slot(labels, outcome), seconds);
            }
        }
    }
    for (one, &labels) in counters.iter().zip(&labels[timed..]) {
        if one.when.at(outcome) {
            one.metric.count(one.metric.slot(labels, outcome), 1);
        }
    }
}
