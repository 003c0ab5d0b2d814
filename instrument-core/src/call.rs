//! A running call: its guard, and what is recorded when it starts and ends. Hot.

use std::thread;

use crate::clock;
use crate::metric::Kind;
use crate::outcome::Outcome;
use crate::sample;
use crate::site::{At, Site, Use};

/// What a running call remembers, in one word: flags, and the ticks at its start (0 if no clock is needed).
pub(crate) type Bits = u64;
/// The site was live at the start: what was begun is to be ended.
pub(crate) const ON: Bits = 1 << 63;
/// The draw left this call out of the sample.
const UNSAMPLED: Bits = 1 << 62;
/// Sync: the thread was unwinding already at entry, which says nothing about this call.
const UNWINDING: Bits = 1 << 61;
/// Sync: a guard that is dropped asks the thread whether it panics; without this flag, not to `finish` is to panic.
const ASKS: Bits = 1 << 60;
/// Future: it has been polled.
pub(crate) const BEGUN: Bits = 1 << 61;
/// Future: it is being polled.
pub(crate) const POLLING: Bits = 1 << 60;
const TICKS: Bits = (1 << 60) - 1;

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
        end(self.site.site(), &self.numbers, self.bits, outcome);
        self.bits = 0;
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

/// Whether the call is in the sample, if there is one.
const fn draws(one: &Use, bits: Bits) -> bool {
    !one.sampled || bits & UNSAMPLED == 0
}

// The two halves of a call are not generic, so that a thousand sites share one copy of them.

/// Starts a call. `asks_thread`: whether the thread will tell at the end if it is a panic that ends it.
pub(crate) fn start(site: &Site, numbers: &[usize], asks_thread: bool) -> Bits {
    if !site.is_live() {
        return 0;
    }
    let mut bits = ON;
    if asks_thread {
        bits |= if thread::panicking() {
            ASKS | UNWINDING
        } else {
            ASKS
        };
    }
    if site.sample > 1 && !sample::draw(site.sample) {
        bits |= UNSAMPLED;
    }
    let mut timed = false;
    for one in &site.uses {
        let metric = one.metric();
        match metric.desc().kind {
            Kind::Histogram => timed |= metric.is_live() && draws(one, bits),
            Kind::Counter if one.when.at_entry() => one.count(numbers, Outcome::Ok),
            Kind::Counter => {}
            Kind::Gauge => metric.in_flight(one.slot_in(numbers), 1.0),
        }
    }
    if timed {
        bits | (clock::ticks() & TICKS)
    } else {
        bits
    }
}

fn end_unfinished(site: &Site, numbers: &[usize], bits: Bits) {
    let returns = bits & ASKS != 0 && (bits & UNWINDING != 0 || !thread::panicking());
    let outcome = if returns { Outcome::Ok } else { Outcome::Panic };
    end(site, numbers, bits, outcome);
}

pub(crate) fn end(site: &Site, numbers: &[usize], bits: Bits, outcome: Outcome) {
    if bits & ON == 0 {
        return;
    }
    let started = bits & TICKS;
    let seconds = (started != 0).then(|| clock::seconds_since(started));
    for one in &site.uses {
        let metric = one.metric();
        match (metric.desc().kind, seconds) {
            (Kind::Histogram, Some(seconds)) if one.when.at(outcome) && draws(one, bits) => {
                metric.record(metric.slot(one.slot_in(numbers), outcome), seconds);
            }
            (Kind::Counter, _) if one.when.at(outcome) => one.count(numbers, outcome),
            (Kind::Gauge, _) => metric.in_flight(one.slot_in(numbers), -1.0),
            _ => {}
        }
    }
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
