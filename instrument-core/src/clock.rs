//! The only place that reads a clock for a metric. Hot.

use std::sync::OnceLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use quanta::Clock;

/// Calibrated once, by `install()`: the first calibration takes about a millisecond, and up to 200 by
/// quanta's own account, which must not fall on the first call that is timed.
static CLOCK: OnceLock<Started> = OnceLock::new();

struct Started {
    clock: Clock,
    at: u64,
}

/// Calibrates the clock and starts the uptime. A second call does nothing.
pub(crate) fn start() {
    CLOCK.get_or_init(|| {
        let clock = Clock::new();
        let at = clock.raw();
        Started { clock, at }
    });
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

/// Seconds since `earlier`. Reads of different CPUs may go backwards by some nanoseconds; that is 0 here.
#[inline]
pub(crate) fn seconds_since(earlier: u64) -> f64 {
    let now = ticks();
    CLOCK.get().map_or(0.0, |started| {
        started.clock.delta_as_nanos(earlier.min(now), now) as f64 * 1e-9
    })
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
