//! Waits for a job's next tick: fixed rates by the monotonic clock, calendars by the wall clock, which may step.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::{Instant, sleep, sleep_until};

use super::clock::WallClock;
use super::job::{Job, MISFIRE_GRACE, day_of};
use super::store::Record;
use super::trigger::Trigger;

/// How often a calendar looks at the wall clock, which may have stepped.
const GLANCE: Duration = Duration::from_secs(1);

/// More ticks than this are not counted when a clock steps far.
const MOST_MISSED: u64 = 10_000;

/// A tick that is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Due {
    /// When it was due, without jitter.
    pub(super) tick: Timestamp,
    /// How many earlier ticks were due as well.
    pub(super) missed: u64,
    /// Whether it is later than the grace allows.
    pub(super) misfire: bool,
}

/// Waits for ticks.
pub(super) struct Alarm {
    clock: Arc<dyn WallClock>,
    offset: Duration,
    next: Next,
}

enum Next {
    Rate {
        period: Duration,
        at: Instant,
    },
    Calendar {
        trigger: Trigger,
        at: Option<Timestamp>,
        /// When both clocks were last read: what the wall clock gained on the other since is a step.
        seen: (Timestamp, Instant),
    },
}

impl Alarm {
    /// An alarm that goes on where a predecessor with this record ended.
    pub(super) fn new(job: &Job, record: &Record, clock: Arc<dyn WallClock>) -> Self {
        let (now, offset) = (clock.now(), job.offset());
        let next = match &job.trigger {
            Trigger::Every(period) => {
                let left = record.next_run.map(|next| next.duration_since(now));
                let left = left.and_then(|left| Duration::try_from(left).ok());
                let wait = left.filter(|left| !job.at_start && left <= period);
                let wait = wait.unwrap_or(if job.at_start { Duration::ZERO } else { offset });
                Next::Rate {
                    period: *period,
                    at: Instant::now() + wait,
                }
            }
            calendar => {
                let from = record.watched.max(record.ticks.last().copied());
                let from = from.filter(|from| *from < now);
                Next::Calendar {
                    trigger: calendar.clone(),
                    at: calendar.after(from.unwrap_or(now)),
                    seen: (now, Instant::now()),
                }
            }
        };
        Self {
            clock,
            offset,
            next,
        }
    }

    /// When it goes off next, by the wall clock.
    pub(super) fn next(&self) -> Option<Timestamp> {
        match &self.next {
            Next::Rate { at, .. } => self
                .clock
                .now()
                .checked_add(at.saturating_duration_since(Instant::now()))
                .ok(),
            Next::Calendar { at, .. } => at.and_then(|at| at.checked_add(self.offset).ok()),
        }
    }

    /// Waits for the next tick. Nothing is lost when it is dropped while it waits.
    pub(super) async fn due(&mut self) -> Due {
        match &mut self.next {
            Next::Rate { period, at } => {
                sleep_until(*at).await;
                let behind = at.elapsed().as_nanos() / period.as_nanos();
                let missed = u32::try_from(behind).unwrap_or(u32::MAX);
                let tick = *at + *period * missed;
                *at = tick + *period;
                let late = tick.elapsed();
                let tick = self.clock.now().checked_sub(late);
                Due {
                    tick: tick.unwrap_or(Timestamp::MIN),
                    missed: missed.into(),
                    misfire: late > MISFIRE_GRACE,
                }
            }
            Next::Calendar { trigger, at, seen } => {
                calendar(&*self.clock, self.offset, trigger, at, seen).await
            }
        }
    }
}

async fn calendar(
    clock: &dyn WallClock,
    offset: Duration,
    trigger: &Trigger,
    at: &mut Option<Timestamp>,
    seen: &mut (Timestamp, Instant),
) -> Due {
    loop {
        let now = clock.now();
        let started = now.checked_sub(offset).unwrap_or(now);
        // Set back by more than a tick: what lies between was started, and the runner knows.
        *at = at
            .filter(|at| {
                trigger
                    .after(started)
                    .is_none_or(|soonest| soonest >= *at || *at <= started)
            })
            .or_else(|| trigger.after(started));
        if let Some(first) = at.filter(|at| *at <= started) {
            let (tick, missed) = latest(trigger, first, started);
            let due = Due {
                tick,
                missed,
                misfire: is_misfire(trigger, tick, started, now, *seen),
            };
            *at = trigger.after(tick);
            *seen = (now, Instant::now());
            return due;
        }
        *seen = (now, Instant::now());
        let left = at.map(|at| at.duration_since(started));
        let left = left.and_then(|left| Duration::try_from(left).ok());
        sleep(left.unwrap_or(GLANCE).min(GLANCE)).await;
    }
}

/// The last tick up to `now`, and how many came before it from `first` on.
fn latest(trigger: &Trigger, first: Timestamp, now: Timestamp) -> (Timestamp, u64) {
    let (mut tick, mut missed) = (first, 0);
    while let Some(next) = trigger.after(tick).filter(|next| *next <= now) {
        tick = next;
        missed += 1;
        if missed == MOST_MISSED {
            break;
        }
    }
    (tick, missed)
}

/// A tick that is late because the clock stepped over it is not ours to miss: a daily job still runs for its day.
fn is_misfire(
    trigger: &Trigger,
    tick: Timestamp,
    started: Timestamp,
    now: Timestamp,
    seen: (Timestamp, Instant),
) -> bool {
    let late = Duration::try_from(started.duration_since(tick)).unwrap_or_default();
    let wall = Duration::try_from(now.duration_since(seen.0)).unwrap_or_default();
    let stepped = wall.saturating_sub(seen.1.elapsed());
    let same_day = day_of(now) == day_of(tick);
    if matches!(trigger, Trigger::Daily(_)) && same_day {
        late.saturating_sub(stepped) > MISFIRE_GRACE
    } else {
        late > MISFIRE_GRACE
    }
}
