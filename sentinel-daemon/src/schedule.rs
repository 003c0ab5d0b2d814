//! When a cycle starts: at a steady pace in a replay, each minute at second 58 on the market's own time.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use crate::metrics;

/// The second of each minute at which a cycle starts on the wall clock, so that it judges the minute that ends.
pub const SECOND: i64 = 58;

/// Seconds between cycles on the wall clock.
pub const MINUTE: i64 = 60;

/// The next moment of a fixed-rate schedule that lies after `now`, and how many were missed before it.
fn next(due: i64, period: i64, now: i64) -> (i64, i64) {
    let next = due + period;
    if next >= now {
        return (next, 0);
    }
    let missed = (now - next + period - 1) / period;
    (next + missed * period, missed)
}

/// The first second 58 at or after `now`, unix seconds.
const fn second_58(now: i64) -> i64 {
    now + (SECOND - now).rem_euclid(MINUTE)
}

/// A schedule at fixed rate: what a cycle overruns is counted and skipped, never made up for.
#[derive(Debug)]
pub struct Schedule {
    start: Instant,
    due: Due,
}

#[derive(Debug)]
enum Due {
    /// Nanoseconds after `start`.
    Paced { period: i64, due: i64 },
    /// Unix seconds.
    Minutes { due: Option<i64> },
}

impl Schedule {
    /// A cycle every `period`; without a wait if it is zero. The first was at the time of this call.
    #[must_use]
    pub fn paced(period: Duration) -> Self {
        let period = i64::try_from(period.as_nanos()).unwrap_or(i64::MAX);
        Self {
            start: Instant::now(),
            due: Due::Paced { period, due: 0 },
        }
    }

    /// A cycle each minute at second 58 of the wall clock.
    #[must_use]
    pub fn minutes() -> Self {
        Self {
            start: Instant::now(),
            due: Due::Minutes { due: None },
        }
    }

    /// The time between two cycles.
    #[must_use]
    pub fn period(&self) -> Duration {
        match self.due {
            Due::Paced { period, .. } => Duration::from_nanos(period.unsigned_abs()),
            Due::Minutes { .. } => Duration::from_secs(MINUTE.unsigned_abs()),
        }
    }

    /// Waits for the next start. Cancel-safe: one that is dropped has not been taken.
    pub async fn wait(&mut self) {
        match &mut self.due {
            Due::Paced { period: 0, .. } => tokio::task::yield_now().await,
            Due::Paced { period, due } => {
                let now = i64::try_from(self.start.elapsed().as_nanos()).unwrap_or(i64::MAX);
                let (then, missed) = next(*due, *period, now);
                tokio::time::sleep_until(self.start + Duration::from_nanos(then.unsigned_abs()))
                    .await;
                metrics::OVERRUNS.add(missed.unsigned_abs());
                *due = then;
            }
            Due::Minutes { due } => {
                let now = Timestamp::now();
                let (then, missed) = match *due {
                    Some(due) if due <= now.as_second() => next(due, MINUTE, now.as_second()),
                    // The first, or the clock was set back: the next second 58 is as good as any.
                    _ => (second_58(now.as_second()), 0),
                };
                let wait = Duration::try_from(
                    Timestamp::from_second(then)
                        .unwrap_or(now)
                        .duration_since(now),
                );
                tokio::time::sleep(wait.unwrap_or_default()).await;
                metrics::OVERRUNS.add(missed.unsigned_abs());
                *due = Some(then);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_overrun_is_skipped_and_counted() {
        assert_eq!(next(100, 10, 104), (110, 0));
        assert_eq!(next(100, 10, 110), (110, 0));
        assert_eq!(next(100, 10, 111), (120, 1));
        assert_eq!(next(100, 10, 135), (140, 3));
    }

    #[test]
    fn minutes_start_at_second_58() {
        assert_eq!(second_58(0), 58);
        assert_eq!(second_58(58), 58);
        assert_eq!(second_58(59), 118);
    }

    #[tokio::test(start_paused = true)]
    async fn the_rate_is_fixed_whatever_a_cycle_takes() {
        let mut schedule = Schedule::paced(Duration::from_secs(1));
        let start = Instant::now();
        let mut starts = Vec::new();
        for cycle_millis in [100, 900, 2_500, 300] {
            schedule.wait().await;
            starts.push(start.elapsed().as_secs());
            tokio::time::advance(Duration::from_millis(cycle_millis)).await;
        }
        schedule.wait().await;
        starts.push(start.elapsed().as_secs());
        assert_eq!(starts, [1, 2, 3, 6, 7]);
    }
}
