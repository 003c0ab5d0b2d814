//! The only place that reads a clock for a metric. Hot: `now`.

use std::sync::OnceLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use quanta::Clock;

/// Calibrated once, by `install()`: the first calibration takes about a millisecond, and up to 200 by
/// quanta's own account, which must not fall on the first call that is timed.
static CLOCK: OnceLock<Started> = OnceLock::new();

struct Started {
    clock: Clock,
    at: u64,
    /// How long a tick is.
    seconds: f64,
}

/// Ticks whose length in nanoseconds tells the length of one, to a trillionth.
const MANY_TICKS: u64 = 1 << 40;

impl Started {
    fn new(clock: Clock) -> Self {
        let at = clock.raw();
        let seconds = clock.delta_as_nanos(0, MANY_TICKS) as f64 / MANY_TICKS as f64 * 1e-9;
        Self { clock, at, seconds }
    }

    fn source(&self) -> &'static str {
        // quanta does not tell; but it scales the ticks of a counter, and takes those of the system as nanoseconds.
        if self.clock.delta_as_nanos(0, MANY_TICKS) == MANY_TICKS {
            "os"
        } else {
            "tsc"
        }
    }
}

fn started() -> &'static Started {
    CLOCK.get_or_init(|| Started::new(Clock::new()))
}

/// Calibrates the clock and starts the uptime. A second call does nothing.
pub(crate) fn start() {
    started();
}

/// The ticks that the clock itself counts; 0 before `install()`.
#[inline(never)]
pub(crate) fn now() -> u64 {
    #[cfg(test)]
    READS.with(|reads| reads.set(reads.get() + 1));
    CLOCK.get().map_or(0, |started| started.clock.raw())
}

/// Ticks of the clock since `install()`, from 1; 0 before it. Sixty bits last for twelve years at 3 GHz.
#[inline]
pub(crate) fn ticks() -> u64 {
    #[cfg(test)]
    READS.with(|reads| reads.set(reads.get() + 1));
    CLOCK.get().map_or(0, |started| {
        started.clock.raw().saturating_sub(started.at) + 1
    })
}

/// Ticks from `earlier` to now. Reads of different CPUs may go backwards by some nanoseconds; that is 0 here.
#[inline]
pub(crate) fn ticks_since(earlier: u64) -> u64 {
    ticks().saturating_sub(earlier)
}

/// Seconds since `earlier`, as [`ticks_since`].
#[inline]
pub(crate) fn seconds_since(earlier: u64) -> f64 {
    seconds_in(ticks_since(earlier))
}

/// The length of `ticks` in seconds.
pub(crate) fn seconds_in(ticks: u64) -> f64 {
    ticks as f64 * started().seconds
}

/// How many whole ticks `seconds` have; a bound of a bucket.
pub(crate) fn ticks_in(seconds: f64) -> u64 {
    (seconds / started().seconds) as u64
}

/// Where the ticks come from: `tsc`, or `os` where that counter cannot be trusted and each reading costs more.
pub(crate) fn source() -> &'static str {
    started().source()
}

#[cfg(test)]
thread_local! {
    /// How often this thread has read the clock, for the tests that count.
    pub(crate) static READS: std::cell::Cell<u32> = const { std::cell::Cell::new(0) };
}

/// Time since `install()`; zero before it.
#[must_use]
pub fn uptime() -> Duration {
    CLOCK.get().map_or(Duration::ZERO, |started| {
        Duration::from_nanos(
            started
                .clock
                .delta_as_nanos(started.at, started.clock.raw().max(started.at)),
        )
    })
}

/// Seconds since `install()`, for a gauge computed at each scrape.
#[must_use]
pub fn uptime_seconds() -> f64 {
    uptime().as_secs_f64()
}

/// Seconds since 1970, for gauges that hold a time.
pub(crate) fn unix_seconds() -> f64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0.0, |since| since.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mocked_clock_counts_nanoseconds() {
        let (clock, mock) = Clock::mock();
        let started = Started::new(clock);
        assert_eq!(started.clock.raw(), started.at);
        mock.increment(7);
        assert_eq!(started.clock.raw() - started.at, 7);
        assert_eq!((started.seconds, started.source()), (1e-9, "os"));
    }

    #[test]
    fn seconds_and_ticks_are_inverse() {
        start();
        for seconds in [1e-6, 0.5, 3600.0] {
            let back = seconds_in(ticks_in(seconds));
            assert!((back - seconds).abs() < 2e-9 + seconds * 1e-12, "{back}");
        }
        assert_eq!(ticks_since(u64::MAX), 0, "never negative");
    }
}
