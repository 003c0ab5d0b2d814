//! What can be wrong with a configuration, and where.

use std::path::PathBuf;

use super::JOBS;
use crate::engine::TriggerError;

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{} cannot be read", .0.display())]
    Read(PathBuf, #[source] std::io::Error),
    /// It is not TOML.
    #[error("{at}: {message}")]
    Syntax {
        /// The file and line.
        at: Place,
        /// What the parser says.
        message: String,
    },
    /// A key that is none.
    #[error("{at}: unknown key {key:?} in {table}{}; accepted are {}", did_you_mean(*.nearest), .accepted.join(", "))]
    UnknownKey {
        /// The file and line.
        at: Place,
        /// The key.
        key: String,
        /// The table.
        table: &'static str,
        /// The accepted key that looks most like it.
        nearest: Option<&'static str>,
        /// All keys that are accepted.
        accepted: &'static [&'static str],
    },
    /// A job or another name that is none.
    #[error("{at}: unknown job {name:?}{}; accepted are {}", did_you_mean(*.nearest), JOBS.join(", "))]
    UnknownJob {
        /// The file and line.
        at: Place,
        /// The name.
        name: String,
        /// The accepted name that looks most like it.
        nearest: Option<&'static str>,
    },
    /// A value of the wrong kind.
    #[error("{at}: {key} in {table} must be {wanted}")]
    Value {
        /// The file and line.
        at: Place,
        /// The key.
        key: &'static str,
        /// The table.
        table: &'static str,
        /// What is accepted.
        wanted: &'static str,
    },
    /// A key that must be there.
    #[error("{at}: {table} needs {key}")]
    Missing {
        /// The file and line.
        at: Place,
        /// The key.
        key: &'static str,
        /// The table.
        table: &'static str,
    },
    /// A trigger that is none.
    #[error("{at}: job {job}")]
    Trigger {
        /// The file and line.
        at: Place,
        /// The job.
        job: &'static str,
        /// What is wrong with it.
        source: TriggerError,
    },
    /// Two triggers for one job.
    #[error("{at}: job {job} has more than one of every, daily and cron")]
    Triggers {
        /// The file and line.
        at: Place,
        /// The job.
        job: &'static str,
    },
    /// A name that two entries have.
    #[error("{at}: {name:?} is there twice in {table}")]
    Twice {
        /// The file and line.
        at: Place,
        /// The name.
        name: String,
        /// The table.
        table: &'static str,
    },
}

/// A line of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub file: PathBuf,
    /// The line, from 1.
    pub line: usize,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.file.display(), self.line)
    }
}

fn did_you_mean(name: Option<&str>) -> String {
    name.map_or_else(String::new, |name| format!(", did you mean {name:?}?"))
}
