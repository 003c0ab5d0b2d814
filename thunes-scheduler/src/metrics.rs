//! Everything the scheduler emits that is declared.

use std::time::Duration;

use jiff::Timestamp;

use crate::engine::{Outcome, SkipReason};
use crate::lab::{State, Verdict, Worktree};

/// The series of one job.
#[derive(Debug)]
pub(crate) struct JobSeries {
    job: String,
}

impl JobSeries {
    pub(crate) fn new(job: &str) -> Self {
        Self {
            job: job.to_owned(),
        }
    }
    pub(crate) fn ended(&self, outcome: Outcome, took: Duration, now: Timestamp) {
        tracing::trace!("{}: {outcome} after {took:?} at {now}", self.job);
    }
    pub(crate) fn skipped(&self, reason: SkipReason, ticks: u64) {
        tracing::trace!("{}: {ticks} skipped: {reason:?}", self.job);
    }
    pub(crate) fn misfire(&self) {
        tracing::trace!("{}: misfire", self.job);
    }
    pub(crate) fn next(&self, at: Option<Timestamp>) {
        tracing::trace!("{}: next at {at:?}", self.job);
    }
}

/// The series of the LAB as a whole.
#[derive(Debug)]
pub(crate) struct LabSeries(());

impl LabSeries {
    pub(crate) fn new() -> Self {
        Self(())
    }
    pub(crate) fn swept(&self, took: Duration, errors: u64) {
        let () = self.0;
        tracing::trace!("swept in {took:?} with {errors} errors");
    }
}

/// The series of one server.
#[derive(Debug)]
pub(crate) struct ServerSeries {
    server: String,
}

impl ServerSeries {
    pub(crate) fn new(server: &str) -> Self {
        Self {
            server: server.to_owned(),
        }
    }
    pub(crate) fn show(&self, verdict: &Verdict, damped: State, fresh: bool) {
        tracing::trace!(
            "{}: {verdict:?}, shown as {damped}, fresh: {fresh}",
            self.server
        );
    }
}

/// The series of one worktree.
#[derive(Debug)]
pub(crate) struct WorktreeSeries {
    worktree: String,
}

impl WorktreeSeries {
    pub(crate) fn new(worktree: &str) -> Self {
        Self {
            worktree: worktree.to_owned(),
        }
    }
    pub(crate) fn show(&self, worktree: &Worktree) {
        tracing::trace!("{}: {worktree:?}", self.worktree);
    }
}

/// Whether the last reload was taken over.
pub(crate) fn reloaded(_well: bool) {}
