//! Everything the scheduler emits that is declared.

use std::time::Duration;

use jiff::Timestamp;

use crate::engine::{Outcome, SkipReason};

/// The series of one job.
#[derive(Debug)]
pub(crate) struct JobSeries;

#[expect(
    clippy::unused_self,
    reason = "the series come with labels from configuration"
)]
impl JobSeries {
    pub(crate) fn new(_job: &str) -> Self {
        Self
    }
    pub(crate) fn ended(&self, _outcome: Outcome, _took: Duration, _now: Timestamp) {}
    pub(crate) fn skipped(&self, _reason: SkipReason, _ticks: u64) {}
    pub(crate) fn misfire(&self) {}
    pub(crate) fn next(&self, _at: Option<Timestamp>) {}
}
