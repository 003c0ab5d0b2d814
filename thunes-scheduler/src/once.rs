//! What is done once and told in full: a look at the LAB, a job by hand, a list of the jobs.

use std::path::Path;

use jiff::Timestamp;

use crate::config::{JOBS, SUMMARY_JOB, Settings};
use crate::engine::{Board, JobStatus, Run, Store, StoreError};
use crate::guard::Guard;
use crate::jobs::{jobs, listing};
use crate::lab::{Lab, Report, SharedLab};

/// Why something could not be done once.
#[derive(Debug, thiserror::Error)]
pub enum OnceError {
    /// There is no LAB.
    #[error("there is no LAB: name a file with a table [lab] by --config")]
    NoLab,
    /// There is no such server.
    #[error("there is no server {name:?}; there are {}", known.join(", "))]
    NoServer {
        /// What was asked for.
        name: String,
        /// What there is.
        known: Vec<String>,
    },
    /// There is no such job.
    #[error("there is no job {0:?}; there are {names}", names = JOBS.join(", "))]
    NoJob(String),
    /// The state of a job cannot be read.
    #[error("state of jobs")]
    Store(#[from] StoreError),
    /// The threads for the LAB could not be started.
    #[error("cannot start")]
    Start(#[from] std::io::Error),
}

/// Looks at the LAB, or at one server of it.
///
/// # Errors
/// There is no LAB, or no server of that name.
pub async fn check(
    settings: &Settings,
    name: Option<&str>,
    guard: Guard,
) -> Result<Report, OnceError> {
    let mut settings = settings.lab.clone().ok_or(OnceError::NoLab)?;
    if name.is_some() {
        settings.worktrees.clear();
    }
    let mut lab = Lab::new(settings, guard);
    let known = lab.server_names();
    if let Some(name) = name.filter(|name| !lab.only(name)) {
        let name = name.to_owned();
        return Err(OnceError::NoServer { name, known });
    }
    let report = lab.sweep().await;
    lab.close().await;
    Ok(report)
}

/// Runs a job by hand, and tells how it went.
///
/// # Errors
/// There is no such job; `Ok` holds what the job itself came to.
pub async fn run_job(
    settings: &Settings,
    name: &str,
    guard: Guard,
) -> Result<Result<String, crate::engine::Trouble>, OnceError> {
    let lab = SharedLab::new()?;
    lab.configure(settings.lab.clone(), &guard).await;
    let board = Board::default();
    let found = jobs(settings, &lab, &board);
    let job = found.into_iter().find(|job| job.name == name);
    let job = job.ok_or_else(|| OnceError::NoJob(name.to_owned()))?;
    if name == SUMMARY_JOB {
        lab.sweep().await;
    }
    let begin = std::time::Instant::now();
    let run = (job.body)(Run::by_hand(name, Timestamp::now()));
    let ended = tokio::time::timeout(job.timeout, run).await;
    let took = begin.elapsed();
    let report = lab.last();
    lab.close().await;
    let ended = ended.unwrap_or_else(|_| Err(format!("not done within {:?}", job.timeout).into()));
    Ok(ended.map(|()| {
        let lines = report.map_or_else(String::new, |report| told(&report));
        format!("{lines}{name}: success in {took:.3?}\n")
    }))
}

/// Lists the jobs, with what `state` knows of them.
///
/// # Errors
/// The state cannot be read.
pub fn list(settings: &Settings, state: Option<&Path>) -> Result<String, OnceError> {
    let jobs = jobs(settings, &SharedLab::new()?, &Board::default());
    let mut known = Vec::new();
    for job in jobs {
        let record = state
            .map(|folder| Store::peek(folder, &job.name))
            .transpose()?;
        let mut status = JobStatus::new(&job, &record.unwrap_or_default());
        let now = Timestamp::now();
        status.next_run = status
            .next_run
            .filter(|next| *next > now)
            .or_else(|| job.trigger.after(now));
        known.push(status);
    }
    Ok(listing(&known))
}

/// A report for people: a line a server and a worktree.
#[must_use]
pub fn told(report: &Report) -> String {
    let servers = report.servers.iter().map(|server| {
        let reason = server
            .reason
            .map_or_else(String::new, |reason| format!("{reason:?}: "));
        let protocol = server.protocol.as_deref().unwrap_or("-");
        format!(
            "{:<24} {:<14} level {} {protocol:<10} {:>6} ms  {reason}{}\n",
            server.name,
            server.state.to_string(),
            server.level.number(),
            server.duration_ms,
            server.detail
        )
    });
    let worktrees = report.worktrees.iter().map(|worktree| {
        let (status, tests) = (worktree.status, worktree.test_status);
        let git = worktree
            .git
            .as_ref()
            .map_or_else(String::new, |git| format!("  {git:?}"));
        format!(
            "{:<24} {status:?}, tests {tests:?}  {}{git}\n",
            worktree.name, worktree.detail
        )
    });
    servers.chain(worktrees).collect()
}
