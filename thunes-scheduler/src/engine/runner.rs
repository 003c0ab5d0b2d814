//! The loop of one job: waits for its ticks, starts runs, and sees each to its end.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::Board;
use super::alarm::{Alarm, Due};
use super::clock::WallClock;
use super::job::{Job, Outcome, Run, SkipReason, Trouble, day_of};
use super::store::Journal;
use super::trigger::Trigger;
use crate::metrics::JobSeries;

/// A daily run that died this often is not started again: it may be what kills the program.
const MOST_ATTEMPTS: u32 = 3;

/// Everything the loop of a job needs.
pub(super) struct Runner {
    pub(super) job: Job,
    pub(super) clock: Arc<dyn WallClock>,
    pub(super) journal: Journal,
    pub(super) board: Board,
    pub(super) series: JobSeries,
    /// Nothing starts any more.
    pub(super) retire: CancellationToken,
    /// What runs is cut short.
    pub(super) abort: CancellationToken,
}

impl Runner {
    /// Runs until the job is retired and its last run has ended.
    pub(super) async fn run(self) {
        let retry = self.died().await;
        let mut alarm = Alarm::new(&self.job, &self.journal.record(), Arc::clone(&self.clock));
        self.tell_next(&alarm);
        self.note_watched().await;
        let mut running = std::pin::pin!(None);
        if let Some(tick) = retry {
            running.set(Some(self.one(tick, true, alarm.next())));
        }
        loop {
            tokio::select! {
                biased;
                () = self.retire.cancelled() => break,
                () = ended(running.as_mut()) => running.set(None),
                due = alarm.due() => {
                    self.tell_next(&alarm);
                    if let Some(tick) = self.admit(due, running.is_some()) {
                        running.set(Some(self.one(tick, false, alarm.next())));
                    } else if due.misfire {
                        self.note_watched().await;
                    }
                }
            }
        }
        if running.is_some() {
            ended(running).await;
        }
    }

    /// The tick of a daily run that died with its process, if it is to be run again.
    async fn died(&self) -> Option<Timestamp> {
        let claim = self.journal.record().claim?;
        let (name, tick) = (&self.job.name, claim.tick);
        let daily = self.is_daily();
        if daily && claim.attempts < MOST_ATTEMPTS {
            tracing::warn!("job {name}: the run of {tick} died, and is run again");
            return Some(tick);
        }
        if daily {
            tracing::error!("job {name}: the run of {tick} died {MOST_ATTEMPTS} times; given up");
        } else {
            tracing::info!("job {name}: the run of {tick} died; the next tick goes on");
        }
        let now = self.clock.now();
        let noted = self
            .journal
            .update(|record| record.finish(Outcome::Failure, now, false))
            .await;
        if let Err(error) = noted {
            tracing::error!("job {name}: {}", chain(&error));
        }
        None
    }

    fn is_daily(&self) -> bool {
        matches!(self.job.trigger, Trigger::Daily(_))
    }

    /// Ticks up to now are not a successor's to make up for.
    async fn note_watched(&self) {
        let now = self.clock.now();
        let noted = self
            .journal
            .update(|record| record.watched = Some(now))
            .await;
        if let Err(error) = noted {
            tracing::error!("job {}: {}", self.job.name, chain(&error));
        }
    }

    /// Decides whether a tick that is due is run.
    fn admit(&self, due: Due, running: bool) -> Option<Timestamp> {
        if due.missed > 0 {
            let reason = if running {
                SkipReason::Overlap
            } else {
                SkipReason::Coalesced
            };
            self.skip(reason, due.missed, due.tick);
        }
        let reason = if due.misfire {
            self.series.misfire();
            SkipReason::Misfire
        } else if self.journal.record().ticks.contains(&due.tick) {
            SkipReason::Claimed
        } else if running {
            SkipReason::Overlap
        } else {
            return Some(due.tick);
        };
        self.skip(reason, 1, due.tick);
        None
    }

    fn skip(&self, reason: SkipReason, ticks: u64, last: Timestamp) {
        self.series.skipped(reason, ticks);
        self.board.change(&self.job.name, |status| {
            *status.skips.entry(reason).or_default() += ticks;
        });
        tracing::warn!(
            "job {}: {ticks} tick(s) up to {last} not run: {reason:?}",
            self.job.name
        );
    }

    fn tell_next(&self, alarm: &Alarm) {
        let next = alarm.next();
        self.series.next(next);
        self.board
            .change(&self.job.name, |status| status.next_run = next);
    }

    /// One run from its claim to its end.
    async fn one(&self, tick: Timestamp, retried: bool, next: Option<Timestamp>) {
        let now = self.clock.now();
        if let Err(error) = self.claim(tick, now, next).await {
            tracing::error!("job {}: {}", self.job.name, chain(&error));
            if !matches!(self.job.trigger, Trigger::Every(_)) {
                return self.skip(SkipReason::Unclaimed, 1, tick);
            }
        }
        self.board.change(&self.job.name, |status| {
            (status.running, status.last_run) = (true, Some(now));
        });
        let run = Run {
            job: self.job.name.clone(),
            tick,
            day: day_of(tick),
            retried,
            journal: self.journal.clone(),
        };
        let begin = Instant::now();
        let body = Arc::clone(&self.job.body);
        let mut task = AbortOnDropHandle::new(tokio::spawn(async move { body(run).await }));
        let outcome = self.watch(&mut task).await;
        task.abort();
        self.finish(outcome, begin.elapsed()).await;
        if matches!(outcome, Outcome::Timeout | Outcome::Cancelled) {
            // A body that holds its thread lives on, and there must never be two.
            let _ = task.await;
        }
    }

    async fn claim(
        &self,
        tick: Timestamp,
        now: Timestamp,
        next: Option<Timestamp>,
    ) -> Result<(), super::store::StoreError> {
        self.journal
            .update(|record| {
                record.claim(tick, now);
                record.next_run = next;
            })
            .await
    }

    async fn watch(&self, task: &mut AbortOnDropHandle<Result<(), Trouble>>) -> Outcome {
        let name = &self.job.name;
        let ended = tokio::select! {
            ended = timeout(self.job.timeout, task) => ended,
            () = self.abort.cancelled() => {
                tracing::warn!("job {name}: cut short by shutdown");
                return Outcome::Cancelled;
            }
        };
        match ended {
            Ok(Ok(Ok(()))) => Outcome::Success,
            Ok(Ok(Err(error))) => {
                tracing::warn!("job {name} failed: {}", chain(error.as_ref()));
                Outcome::Failure
            }
            // Its message was printed by the panic hook.
            Ok(Err(_)) => {
                tracing::error!("job {name} panicked");
                Outcome::Panic
            }
            Err(_) => {
                tracing::warn!("job {name}: not done within {:?}", self.job.timeout);
                Outcome::Timeout
            }
        }
    }

    async fn finish(&self, outcome: Outcome, took: Duration) {
        let now = self.clock.now();
        self.series.ended(outcome, took, now);
        self.board.change(&self.job.name, |status| {
            (status.running, status.last_outcome) = (false, Some(outcome));
            if outcome == Outcome::Success {
                status.last_success = Some(now);
            }
            *status.runs.entry(outcome).or_default() += 1;
        });
        if let Some(heart) = self
            .job
            .heart
            .as_ref()
            .filter(|_| outcome == Outcome::Success)
        {
            heart.beat();
        }
        // Cut short, a daily run has died as well: a successor does it again.
        let again = outcome == Outcome::Cancelled && self.is_daily();
        let noted = self
            .journal
            .update(|record| record.finish(outcome, now, again))
            .await;
        if let Err(error) = noted {
            tracing::error!("job {}: {}", self.job.name, chain(&error));
        }
    }
}

/// Ends with what runs; never, if nothing does.
async fn ended<F: Future<Output = ()>>(running: std::pin::Pin<&mut Option<F>>) {
    match running.as_pin_mut() {
        Some(running) => running.await,
        None => std::future::pending().await,
    }
}

/// An error and its sources in one line.
pub(crate) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let sources = std::iter::successors(Some(error), |error| error.source());
    let texts: Vec<String> = sources.map(ToString::to_string).collect();
    texts.join(": ")
}
