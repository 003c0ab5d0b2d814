//! The configuration file: TOML, no unknown key, and every error with its file and line.

mod error;
mod job;
mod lab;
mod table;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::time::Duration;

pub use error::{ConfigError, Place};

use crate::engine::Trigger;
use table::{File, Table};

/// The jobs that can be configured, by name. Source: the predecessor's.
pub const JOBS: [&str; 3] = [LAB_JOB, SIGNAL_JOB, SUMMARY_JOB];
/// The job that sweeps the LAB.
pub const LAB_JOB: &str = "lab_metrics_update";
/// The job that checks for signals to trade.
pub const SIGNAL_JOB: &str = "signal_check";
/// The job that sums up the day.
pub const SUMMARY_JOB: &str = "daily_summary";

/// What the file says.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// The LAB, if there is one.
    pub lab: Option<LabSettings>,
    /// Changes to jobs.
    pub jobs: Vec<JobSettings>,
}

/// Where the LAB is and how it is checked.
#[derive(Debug, Clone, PartialEq)]
pub struct LabSettings {
    /// The workspace.
    pub root: PathBuf,
    /// The folder of the health scripts.
    pub scripts: PathBuf,
    /// Files that define servers.
    pub mcp_files: Vec<PathBuf>,
    /// Time between two sweeps.
    pub interval: Duration,
    /// How long a server may take to be up, from its own start.
    pub start_timeout: Duration,
    /// How long a server may take to answer.
    pub ping_timeout: Duration,
    /// How long a health script may take, from its own start.
    pub script_timeout: Duration,
    /// How long a sweep may take.
    pub bound: Duration,
    /// Start servers anew this often, instead of keeping a session with each.
    pub cold: Option<Duration>,
    /// How long a health script's "up" holds.
    pub cache_up: Duration,
    /// How long a health script's "down" holds.
    pub cache_down: Duration,
    /// After how many failures in a row a server is shown as down, where damped.
    pub failures: u32,
    /// After how many successes in a row a server is shown as up again, where damped.
    pub successes: u32,
    /// The worktrees.
    pub worktrees: Vec<WorktreeSettings>,
}

/// A worktree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorktreeSettings {
    /// Its name.
    pub name: String,
    /// Where it is.
    pub path: PathBuf,
    /// Whether git is asked for its real state.
    pub git: bool,
    /// A test report in `JUnit` XML that decides its test status.
    pub junit: Option<PathBuf>,
}

/// What the file changes of a job.
#[derive(Debug, Clone, PartialEq)]
pub struct JobSettings {
    /// Its name, one of [`JOBS`].
    pub name: &'static str,
    /// When it is due.
    pub trigger: Option<Trigger>,
    /// How long a run may take.
    pub timeout: Option<Duration>,
    /// How far ticks may be moved back.
    pub jitter: Option<Duration>,
}

impl Settings {
    /// What holds without a file: the jobs, and no LAB.
    #[must_use]
    pub const fn without_file() -> Self {
        Self {
            lab: None,
            jobs: Vec::new(),
        }
    }

    /// Reads a file. Paths in it count from its folder.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| ConfigError::Read(path.to_owned(), error))?;
        Self::parse(path, &text)
    }

    /// Reads a file that must name a LAB.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn read_with_lab(path: &Path) -> Result<Self, ConfigError> {
        let settings = Self::read(path)?;
        match settings.lab {
            Some(_) => Ok(settings),
            None => Err(ConfigError::Missing {
                at: Place {
                    file: path.to_owned(),
                    line: 1,
                },
                key: "a table [lab]",
                table: "the file",
            }),
        }
    }

    /// Reads the text of a file.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn parse(path: &Path, text: &str) -> Result<Self, ConfigError> {
        let file = File { path, text };
        let whole = file.parse()?;
        let root = Table::new(&file, "the file", whole.get_ref(), 0);
        root.accept(&["lab", "job"])?;
        let lab = root.table("lab", "[lab]")?;
        let lab = lab.map(|table| lab::read(&table, path)).transpose()?;
        let mut jobs: Vec<JobSettings> = Vec::new();
        for table in root.tables("job", "[[job]]")? {
            let job = job::read(&table)?;
            if jobs.iter().any(|known| known.name == job.name) {
                return Err(table.twice("name", job.name));
            }
            if job.name == LAB_JOB && lab.is_none() {
                return Err(table.lacks("name", "a table [lab] for this job"));
            }
            jobs.push(job);
        }
        Ok(Self { lab, jobs })
    }
}
