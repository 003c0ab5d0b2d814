//! When a cycle starts: at a steady pace in a replay, once a minute at a given second on the market's own time.
//!
//! The wall clock gives the minute's phase and nothing else: how long was waited, and what was missed, is measured by
//! a clock that nobody sets.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use crate::metrics;

/// The second of each minute at which a cycle starts, unless told otherwise, so that it judges the minute that ends.
pub const SECOND: u8 = 58;

/// Time between cycles on the wall clock.
const MINUTE: Duration = Duration::from_mins(1);

/// Two cycles on the wall clock lie at least this far apart, even if it is set back between them.
const LEAST_GAP: Duration = Duration::from_secs(30);

/// No wait for the wall clock is longer than this, however often it is set meanwhile.
const LONGEST_WAIT: Duration = Duration::from_secs(90);

/// How often a waiting schedule looks whether the wall clock was set.
const GLANCE: Duration = Duration::from_secs(1);

/// The wall clock was set if it and the steady clock differ by more than this about the same glance.
const STEP: Duration = Duration::from_millis(500);

/// The next moment of a fixed-rate schedule that lies after `now`, and how many were missed before it.
fn next(due: i64, period: i64, now: i64) -> (i64, i64) {
    let next = due + period;
    if next >= now {
        return (next, 0);
    }
    let missed = (now - next + period - 1) / period;
    (next + missed * period, missed)
}

/// Both clocks at one moment.
#[derive(Debug, Clone, Copy)]
struct Reading {
    steady: Instant,
    /// Nanoseconds since 1970.
    wall: i128,
}

impl Reading {
    /// Whether the wall clock was set since an earlier reading.
    fn was_set_since(self, earlier: Self) -> bool {
        let steady = (self.steady - earlier.steady).as_nanos().cast_signed();
        (self.wall - earlier.wall - steady).unsigned_abs() > STEP.as_nanos()
    }
}

/// A wall clock; the tests have one that they can set.
struct Wall(Box<dyn Fn() -> Timestamp + Send>);

impl Wall {
    fn read(&self) -> Reading {
        Reading {
            steady: Instant::now(),
            wall: (self.0)().as_nanosecond(),
        }
    }
}

impl fmt::Debug for Wall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Wall")
    }
}

/// A schedule at fixed rate: what a cycle overruns is counted and skipped, never made up for.
#[derive(Debug)]
pub struct Schedule(Kind);

#[derive(Debug)]
enum Kind {
    /// Nanoseconds after `start`.
    Paced {
        start: Instant,
        period: i64,
        due: i64,
    },
    Minutes(Minutes),
}

impl Schedule {
    /// A cycle every `period`; without a wait if it is zero. The first was at the time of this call.
    #[must_use]
    pub fn paced(period: Duration) -> Self {
        Self(Kind::Paced {
            start: Instant::now(),
            period: i64::try_from(period.as_nanos()).unwrap_or(i64::MAX),
            due: 0,
        })
    }

    /// A cycle each minute at that second of the wall clock.
    #[must_use]
    pub fn minutes(second: u8) -> Self {
        Self(Kind::Minutes(Minutes::new(second, Timestamp::now)))
    }

    /// The time between two cycles.
    #[must_use]
    pub fn period(&self) -> Duration {
        match self.0 {
            Kind::Paced { period, .. } => Duration::from_nanos(period.unsigned_abs()),
            Kind::Minutes(_) => MINUTE,
        }
    }

    /// Waits for the next start. Cancel-safe: one that is dropped has not been taken.
    pub async fn wait(&mut self) {
        let missed = match &mut self.0 {
            Kind::Paced { period: 0, .. } => {
                tokio::task::yield_now().await;
                0
            }
            Kind::Paced { start, period, due } => {
                let now = i64::try_from(start.elapsed().as_nanos()).unwrap_or(i64::MAX);
                let (then, missed) = next(*due, *period, now);
                tokio::time::sleep_until(*start + Duration::from_nanos(then.unsigned_abs())).await;
                *due = then;
                missed
            }
            Kind::Minutes(minutes) => minutes.wait().await,
        };
        metrics::OVERRUNS.add(missed.unsigned_abs());
    }
}

/// Once a minute at a second of the wall clock, which may be set at any time.
#[derive(Debug)]
struct Minutes {
    second: u8,
    wall: Wall,
    /// When the last cycle started; `None` before the first that was waited for.
    last: Option<Instant>,
}

impl Minutes {
    fn new(second: u8, wall: impl Fn() -> Timestamp + Send + 'static) -> Self {
        Self {
            second,
            wall: Wall(Box::new(wall)),
            last: None,
        }
    }

    /// Waits for the next start, and tells how many were missed before.
    async fn wait(&mut self) -> i64 {
        let begun = self.wall.read();
        let missed = self.missed(begun.steady);
        let (mut seen, mut due) = (begun, self.due(begun));
        while due > seen.wall && seen.steady - begun.steady < LONGEST_WAIT {
            let left = Duration::from_nanos_u128((due - seen.wall).unsigned_abs());
            tokio::time::sleep(left.min(GLANCE)).await;
            let now = self.wall.read();
            if now.was_set_since(seen) {
                tracing::warn!("the wall clock was set; the next cycle follows the new time");
                due = self.due(now);
            }
            seen = now;
        }
        self.last = Some(seen.steady);
        missed
    }

    /// The first moment at or after `now` that has the right second, and lies far enough from the last cycle.
    fn due(&self, now: Reading) -> i128 {
        let rest = self
            .last
            .map_or(Duration::ZERO, |last| {
                LEAST_GAP.saturating_sub(now.steady.saturating_duration_since(last))
            })
            .as_nanos()
            .cast_signed();
        let earliest = now.wall + rest;
        let minute = MINUTE.as_nanos().cast_signed();
        let phase = Duration::from_secs(self.second.into())
            .as_nanos()
            .cast_signed();
        earliest + (phase - earliest).rem_euclid(minute)
    }

    /// Whole minutes that have gone by since the last cycle started, but for the one that ends now.
    fn missed(&self, now: Instant) -> i64 {
        let Some(last) = self.last else { return 0 };
        let gone = i64::try_from((now - last).as_nanos()).unwrap_or(i64::MAX);
        next(0, MINUTE.as_nanos() as i64, gone).1
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicI64, Ordering};

    use super::*;

    /// A schedule at second 58 whose wall clock shows `from` seconds at first, and is off by what is added.
    fn minutes(from: i64) -> (Minutes, Arc<AtomicI64>) {
        let (start, off) = (Instant::now(), Arc::new(AtomicI64::new(0)));
        let set = Arc::clone(&off);
        let wall = move || {
            let since = i64::try_from(start.elapsed().as_millis()).unwrap();
            let millis = (from + set.load(Ordering::Relaxed)) * 1_000 + since;
            Timestamp::from_millisecond(millis).unwrap()
        };
        (Minutes::new(58, wall), off)
    }

    #[test]
    fn an_overrun_is_skipped_and_counted() {
        assert_eq!(next(100, 10, 104), (110, 0));
        assert_eq!(next(100, 10, 110), (110, 0));
        assert_eq!(next(100, 10, 111), (120, 1));
        assert_eq!(next(100, 10, 135), (140, 3));
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

    #[tokio::test(start_paused = true)]
    async fn minutes_start_at_their_second_without_drift() {
        let (mut minutes, _) = minutes(20);
        let start = Instant::now();
        let mut starts = Vec::new();
        for cycle_secs in [59, 1, 0, 125] {
            let missed = minutes.wait().await;
            starts.push((20 + start.elapsed().as_secs(), missed));
            tokio::time::advance(Duration::from_secs(cycle_secs)).await;
        }
        let missed = minutes.wait().await;
        starts.push((20 + start.elapsed().as_secs(), missed));
        assert_eq!(
            starts,
            [(58, 0), (118, 0), (178, 0), (238, 0), (418, 2)],
            "second 58 each time, and two missed in the long one"
        );
    }

    /// Seconds that pass between the first cycle and the three after it, with the wall clock set by `step` in
    /// the middle of the first wait, and what was missed.
    async fn gaps(step: i64) -> ([u64; 3], i64) {
        let (mut minutes, off) = minutes(0);
        minutes.wait().await;
        let (mut last, mut gaps, mut missed) = (Instant::now(), [0; 3], 0);
        for (i, gap) in gaps.iter_mut().enumerate() {
            let clock = Arc::clone(&off);
            let set = async {
                if i == 0 {
                    tokio::time::sleep(Duration::from_millis(10_300)).await;
                    clock.store(step, Ordering::Relaxed);
                }
            };
            let (now_missed, ()) = tokio::join!(minutes.wait(), set);
            missed += now_missed;
            *gap = last.elapsed().as_secs();
            last = Instant::now();
        }
        (gaps, missed)
    }

    #[tokio::test(start_paused = true)]
    async fn a_wall_clock_that_is_set_neither_stacks_nor_starves_cycles() {
        for step in [3_600, -3_600, 86_425, -86_425, 40, -40, 5, -5, 59, -59] {
            let (gaps, missed) = gaps(step).await;
            assert!((30..=90).contains(&gaps[0]), "{step}: {gaps:?}");
            assert_eq!(gaps[1..], [60, 60], "{step}");
            assert_eq!(missed, 0, "{step}: a clock that is set is no overrun");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_wall_clock_that_is_set_back_all_the_time_cannot_stop_cycles() {
        let (mut minutes, off) = minutes(0);
        let start = Instant::now();
        let back = async {
            loop {
                tokio::time::sleep(Duration::from_secs(20)).await;
                off.fetch_sub(40, Ordering::Relaxed);
            }
        };
        tokio::select! { _ = minutes.wait() => {} () = back => {} }
        assert!(start.elapsed() <= LONGEST_WAIT + GLANCE);
    }
}
