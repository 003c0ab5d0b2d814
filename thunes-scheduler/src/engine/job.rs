//! A job, a run of it, and the ways both can go.

use std::collections::BTreeMap;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use instrument_core::{Heartbeat, LabelValue};
use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::store::{Effect, Journal, Record, StoreError};
use super::trigger::Trigger;

/// How late a tick may start; a later one is a misfire and is not run. Source: the predecessor's.
pub const MISFIRE_GRACE: Duration = Duration::from_mins(1);

/// How long a run has to end by itself at a stop, unless its job says otherwise.
const PATIENCE: Duration = Duration::from_secs(10);

/// What went wrong in a run.
pub type Trouble = Box<dyn std::error::Error + Send + Sync>;

/// What a job does: a function from a run to its future.
pub type Body =
    Arc<dyn Fn(Run) -> Pin<Box<dyn Future<Output = Result<(), Trouble>> + Send>> + Send + Sync>;

/// A job.
#[derive(Clone)]
pub struct Job {
    /// Its name, unique in its engine.
    pub name: String,
    /// When it is due.
    pub trigger: Trigger,
    /// How long a run may take.
    pub timeout: Duration,
    /// Each tick is moved back by a part of this that the name decides, so that jobs and machines do not fall together.
    pub jitter: Duration,
    /// Whether a job at a fixed rate begins with a run, even if a predecessor's next run is not due yet.
    pub at_start: bool,
    /// How long a run has to end by itself at a stop, before it is cut short.
    pub patience: Duration,
    /// Beaten by each run that succeeds.
    pub heart: Option<Heartbeat>,
    /// What it does.
    pub body: Body,
}

impl Job {
    /// A job that runs `body`, with a timeout of one minute, no jitter, and ten seconds to end at a stop.
    pub fn new<F>(
        name: &str,
        trigger: Trigger,
        body: impl Fn(Run) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Result<(), Trouble>> + Send + 'static,
    {
        Self {
            name: name.to_owned(),
            trigger,
            timeout: Duration::from_mins(1),
            jitter: Duration::ZERO,
            at_start: false,
            patience: PATIENCE,
            heart: None,
            body: Arc::new(move |run| Box::pin(body(run))),
        }
    }

    /// How far each tick is moved back: the same after every restart.
    pub(super) fn offset(&self) -> Duration {
        // FNV-1a with 64 bits, its offset basis and prime; http://www.isthe.com/chongo/tech/comp/fnv/
        let hash = self.name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        self.jitter
            .mul_f64((hash >> 11) as f64 / (1_u64 << 53) as f64)
    }
}

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Job")
            .field("name", &self.name)
            .field("trigger", &self.trigger)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

/// How a run ended.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, LabelValue,
)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// As it should.
    Success,
    /// With an error.
    Failure,
    /// It took longer than it may.
    Timeout,
    /// It panicked.
    Panic,
    /// It was cut short by shutdown.
    Cancelled,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Success => "success",
            Self::Failure => "failure",
            Self::Timeout => "timeout",
            Self::Panic => "panic",
            Self::Cancelled => "cancelled",
        })
    }
}

/// Why a tick was not run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, LabelValue)]
pub enum SkipReason {
    /// The run before still goes on.
    Overlap,
    /// Later ticks were due as well, and one run does for all.
    Coalesced,
    /// It was later than the grace allows.
    Misfire,
    /// It was started before, by this process or a predecessor.
    Claimed,
    /// That it starts could not be written down, so a successor could start it again.
    Unclaimed,
}

/// Whether a run's side effect was made before, by a run for the same UTC day that died.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// It was not: make it.
    First,
    /// It was begun, and nobody knows whether it got through. A message made now must say so.
    Unknown,
    /// It was made: do not make it again.
    Done,
}

/// One run of a job, as its body sees it.
#[derive(Debug, Clone)]
pub struct Run {
    /// The job's name.
    pub job: String,
    /// The time it was due.
    pub tick: Timestamp,
    /// The UTC day of that time; side effects are keyed by job and day.
    pub day: Date,
    /// Whether a run for the same tick died before.
    pub retried: bool,
    pub(super) journal: Journal,
}

impl Run {
    /// A run by hand, which no schedule knows of and which leaves no trace in the state.
    #[must_use]
    pub fn by_hand(job: &str, now: Timestamp) -> Self {
        Self {
            job: job.to_owned(),
            tick: now,
            day: day_of(now),
            retried: false,
            journal: Journal::in_memory(),
        }
    }

    /// Writes down that the side effect of this job and day begins.
    ///
    /// # Errors
    /// It cannot be written down, so the effect must not be made.
    pub async fn begin_effect(&self) -> Result<Delivery, StoreError> {
        let day = self.day.to_string();
        match self.journal.record().effects.get(&day) {
            Some(Effect::Done) => return Ok(Delivery::Done),
            Some(Effect::Begun) => return Ok(Delivery::Unknown),
            None => {}
        }
        self.journal
            .update(|record| record.note_effect(day, Effect::Begun))
            .await?;
        Ok(Delivery::First)
    }

    /// Writes down that the side effect of this job and day was made.
    ///
    /// # Errors
    /// It cannot be written down; a run after a crash will say that delivery is unknown.
    pub async fn finish_effect(&self) -> Result<(), StoreError> {
        let day = self.day.to_string();
        self.journal
            .update(|record| record.note_effect(day, Effect::Done))
            .await
    }
}

/// The UTC day of a time.
pub(super) fn day_of(time: Timestamp) -> Date {
    time.to_zoned(jiff::tz::TimeZone::UTC).date()
}

/// What is known of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobStatus {
    /// Its name.
    pub name: String,
    /// Its trigger, for people.
    pub trigger: String,
    /// Whether it runs now.
    pub running: bool,
    /// When its last run started.
    pub last_run: Option<Timestamp>,
    /// How its last run ended.
    pub last_outcome: Option<Outcome>,
    /// When its last success ended.
    pub last_success: Option<Timestamp>,
    /// When it is due next.
    pub next_run: Option<Timestamp>,
    /// How often it ran in this process, by how that ended.
    pub runs: BTreeMap<Outcome, u64>,
    /// How many ticks were not run in this process, by reason.
    pub skips: BTreeMap<SkipReason, u64>,
}

impl JobStatus {
    /// What a job and its state tell.
    #[must_use]
    pub fn new(job: &Job, record: &Record) -> Self {
        Self {
            name: job.name.clone(),
            trigger: job.trigger.to_string(),
            running: false,
            last_run: record.last_run,
            last_outcome: record.last_outcome,
            last_success: record.last_success,
            next_run: record.next_run,
            runs: BTreeMap::new(),
            skips: BTreeMap::new(),
        }
    }
}
