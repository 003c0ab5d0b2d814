//! A running call: its guard, and what is recorded when it starts and ends. Hot.

use std::{mem, thread};

use crate::clock;
use crate::outcome::Outcome;
use crate::plan::{Plan, State};
use crate::sample;
use crate::site::{At, Site};
use crate::step::{self, Course};

/// What a running call remembers, in one word: flags, and above them the clock at its start.
pub(crate) type Bits = u64;
/// The site was live at the start: what was begun is to be ended.
pub(crate) const ON: Bits = 1;
/// Sync: the thread was unwinding already at entry, which says nothing about this call.
const UNWINDING: Bits = 1 << 1;
/// Future: it has been polled.
pub(crate) const BEGUN: Bits = 1 << 1;
/// The draw left this call out of the sample.
const UNSAMPLED: Bits = step::UNSAMPLED as Bits;
/// No clock was read.
const UNTIMED: Bits = step::UNTIMED as Bits;
/// Sync: a guard that is dropped asks the thread whether it panics; without this flag, not to `finish` is to panic.
const ASKS: Bits = 1 << 4;
/// Future: it is being polled.
pub(crate) const POLLING: Bits = 1 << 4;
const FLAGS: u32 = 5;

/// The clock above the flags. What is lost at its top is lost in a difference too, up to three years at 3 GHz.
#[inline]
fn stamp() -> Bits {
    clock::now() << FLAGS
}

/// The ticks between two stamps. Reads of different CPUs may go backwards by some nanoseconds; that is 0 here.
#[inline]
fn ticks_between(start: Bits, end: Bits) -> u64 {
    let ticks = end.wrapping_sub(start & !((1 << FLAGS) - 1)).cast_signed() >> FLAGS;
    ticks.max(0).cast_unsigned()
}

/// A running call; records when it is dropped, once.
#[must_use = "a call that is dropped at once measures nothing"]
pub struct Guard<S: At, const L: usize> {
    pub(crate) site: S,
    pub(crate) numbers: [usize; L],
    bits: Bits,
}

/// Starts a call whose result is not looked at: it ends with the guard, in `ok` or in `panic`.
#[inline]
pub fn enter<S: At, const L: usize>(site: S, numbers: [usize; L]) -> Guard<S, L> {
    let bits = start(site.site(), &numbers, true);
    Guard {
        site,
        numbers,
        bits,
    }
}

/// Starts a call whose result decides its outcome. If it `returns_future`, only that future is the call.
#[inline]
pub fn call<S: At, const L: usize>(
    site: S,
    numbers: [usize; L],
    returns_future: bool,
) -> Guard<S, L> {
    let bits = if returns_future {
        0
    } else {
        start(site.site(), &numbers, false)
    };
    Guard {
        site,
        numbers,
        bits,
    }
}

impl<S: At, const L: usize> Guard<S, L> {
    #[inline]
    pub(crate) fn finish(mut self, outcome: Outcome) {
        // Copies, so that the guard itself need not be in memory.
        let (bits, numbers) = (mem::take(&mut self.bits), self.numbers);
        end(self.site.site(), &numbers, bits, outcome);
    }
}

impl<S: At, const L: usize> Drop for Guard<S, L> {
    #[inline]
    fn drop(&mut self) {
        if self.bits != 0 {
            end_unfinished(self.site.site(), &self.numbers, self.bits);
        }
    }
}

// What is behind the first branches is not generic, so that a thousand sites share one copy of it.

/// Starts a call. Where nothing is installed, or the site is switched off, that is one load and a branch.
/// `asks_thread`: whether the thread will tell at the end if it is a panic that ends it.
#[inline]
pub(crate) fn start(site: &Site, numbers: &[usize], asks_thread: bool) -> Bits {
    let state = site.plan.state();
    if state == State::OFF {
        return 0;
    }
    if !asks_thread {
        if state == State::ONLY_TIMED {
            return stamp() | ON;
        }
    } else if !thread::panicking() {
        if state == State::ONLY_TIMED {
            return stamp() | ON | ASKS;
        }
        if state == State::ONLY_LIVE {
            return ON | ASKS | UNTIMED;
        }
    }
    start_any(&site.plan, numbers, asks_thread)
}

#[inline(never)]
fn start_any(plan: &Plan, numbers: &[usize], asks_thread: bool) -> Bits {
    let state = plan.state();
    let mut bits = ON;
    if asks_thread {
        bits |= if thread::panicking() {
            ASKS | UNWINDING
        } else {
            ASKS
        };
    }
    let mut timed = state.is_timed();
    if state.is_drawn() {
        if sample::draw(plan.sample) {
            timed = true;
        } else {
            bits |= UNSAMPLED;
        }
    }
    if state.has_entry() {
        plan.begin(numbers);
    }
    if timed {
        bits | stamp()
    } else {
        bits | UNTIMED
    }
}

/// Ends a call, if it was begun. The clock is read before anything else is called, so nothing need be saved over it.
#[inline]
pub(crate) fn end<const L: usize>(site: &Site, numbers: &[usize; L], bits: Bits, outcome: Outcome) {
    if bits & ON == 0 {
        return;
    }
    let plan = &site.plan;
    match (L, bits & UNTIMED) {
        (0, 0) => end_timed(plan, bits, outcome, stamp()),
        (0, _) => end_untimed(plan, bits, outcome),
        (_, 0) => end_any(plan, numbers, bits, outcome, stamp()),
        _ => end_any(plan, numbers, bits, outcome, 0),
    }
}

#[inline(never)]
fn end_timed(plan: &Plan, bits: Bits, outcome: Outcome, end: Bits) {
    if !plan.end_timed(outcome, ticks_between(bits, end)) {
        end_unnumbered(plan, bits, outcome, end);
    }
}

#[inline(never)]
fn end_untimed(plan: &Plan, bits: Bits, outcome: Outcome) {
    if !plan.end_counted(outcome) {
        end_unnumbered(plan, bits, outcome, 0);
    }
}

/// Takes its arguments where those above have them.
#[inline(never)]
fn end_unnumbered(plan: &Plan, bits: Bits, outcome: Outcome, end: Bits) {
    end_any(plan, &[], bits, outcome, end);
}

#[inline(never)]
fn end_any(plan: &Plan, numbers: &[usize], bits: Bits, outcome: Outcome, end: Bits) {
    let course = (bits & (UNSAMPLED | UNTIMED)) as Course | outcome as Course;
    plan.end(numbers, course, ticks_between(bits, end));
}

#[inline(never)]
fn end_unfinished<const L: usize>(site: &Site, numbers: &[usize; L], bits: Bits) {
    let returns = bits & ASKS != 0 && (bits & UNWINDING != 0 || !thread::panicking());
    let outcome = if returns { Outcome::Ok } else { Outcome::Panic };
    end(site, numbers, bits, outcome);
}

#[cfg(test)]
#[allow(
    unsafe_code,
    reason = "the section of a site; lints are silent on it in other crates"
)]
mod tests {
    use crate::clock::READS;
    use crate::{counted, timed};

    #[timed]
    #[counted]
    #[timed("site_merged", in_flight)]
    #[counted("site_merged_errors", on = error)]
    fn merged(fails: bool) -> Result<(), String> {
        if fails {
            Err("asked to".to_owned())
        } else {
            Ok(())
        }
    }

    #[counted]
    fn only_counted() {}

    fn reads(of: impl FnOnce()) -> u32 {
        let before = READS.with(std::cell::Cell::get);
        of();
        READS.with(std::cell::Cell::get) - before
    }

    #[test]
    fn four_attributes_share_one_pair_of_clock_reads() {
        let exporter = crate::install().expect("no other unit test installs");
        assert_eq!(reads(|| drop(merged(true))), 2);
        assert_eq!(reads(|| drop(merged(false))), 2);
        assert_eq!(reads(only_counted), 0, "counting needs no clock");
        let samples = exporter.samples();
        assert_eq!(samples.get("site_merged_errors_total", &[]), Some(1.0));
        assert_eq!(
            samples.get("site_merged_duration_seconds_count", &[("outcome", "ok")]),
            Some(1.0)
        );
    }
}
