//! What an engine must still know after `kill -9`: a small file for each job, replaced whole and synced.
//!
//! A file a job, not one for all: a disk that hangs under one write holds up that job alone.

use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::job::Outcome;

/// How many ticks and days are remembered, so that a clock set back does not start them again.
const REMEMBERED: usize = 16;

/// Why the state of jobs cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another scheduler uses the folder.
    #[error("{} is used by another scheduler; give this one a folder of its own with --state-dir", .0.display())]
    InUse(PathBuf),
    /// The folder or a file in it cannot be read.
    #[error("state in {} cannot be read", .0.display())]
    Read(PathBuf, #[source] io::Error),
    /// A file is not a job's state.
    #[error("{} is not the state of a job; move it away and the job begins anew", .0.display())]
    Foreign(PathBuf, #[source] serde_json::Error),
    /// A file cannot be written.
    #[error("state in {} cannot be written", .0.display())]
    Write(PathBuf, #[source] io::Error),
}

/// How far a side effect got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// It was begun.
    Begun,
    /// It was made.
    Done,
}

/// A tick that was started and has not ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// When it was due.
    pub tick: Timestamp,
    /// How many runs for it have begun.
    pub attempts: u32,
}

/// The state of a job.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The run that is under way, or died.
    pub claim: Option<Claim>,
    /// The latest ticks that were claimed, the newest last.
    #[serde(default)]
    pub ticks: Vec<Timestamp>,
    /// No tick up to here is to be made up for: it was run, or skipped, or the job was not there.
    pub watched: Option<Timestamp>,
    /// When the last run started.
    pub last_run: Option<Timestamp>,
    /// How the last run ended.
    pub last_outcome: Option<Outcome>,
    /// When the last success ended.
    pub last_success: Option<Timestamp>,
    /// When the job is due next.
    pub next_run: Option<Timestamp>,
    /// How far the side effects of the latest days got.
    #[serde(default)]
    pub effects: BTreeMap<String, Effect>,
}

impl Record {
    pub(super) fn claim(&mut self, tick: Timestamp, now: Timestamp) {
        let before = self.claim.filter(|claim| claim.tick == tick);
        let attempts = before.map_or(0, |claim| claim.attempts) + 1;
        self.claim = Some(Claim { tick, attempts });
        self.last_run = Some(now);
        if !self.ticks.contains(&tick) {
            self.ticks.push(tick);
        }
        let old = self.ticks.len().saturating_sub(REMEMBERED);
        self.ticks.drain(..old);
    }

    /// Notes how the run ended, and whether a successor is to do it again.
    pub(super) fn finish(&mut self, outcome: Outcome, now: Timestamp, again: bool) {
        self.last_outcome = Some(outcome);
        if outcome == Outcome::Success {
            self.last_success = Some(now);
        }
        if !again {
            self.claim = None;
        }
    }

    pub(super) fn note_effect(&mut self, day: String, effect: Effect) {
        self.effects.insert(day, effect);
        while self.effects.len() > REMEMBERED {
            self.effects.pop_first();
        }
    }
}

/// Where the state of jobs is kept.
#[derive(Debug)]
pub struct Store {
    folder: Option<PathBuf>,
    /// Shared by a job and the one that replaces it.
    journals: Mutex<BTreeMap<String, Journal>>,
    /// Held as long as the store is: one scheduler a folder.
    _lock: Option<File>,
}

impl Store {
    /// A store that forgets everything with the process.
    #[must_use]
    pub const fn in_memory() -> Self {
        Self {
            folder: None,
            journals: Mutex::new(BTreeMap::new()),
            _lock: None,
        }
    }

    /// A store in `folder`, which is made if it is not there.
    ///
    /// # Errors
    /// The folder cannot be made or locked, or another scheduler uses it.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        let failed = |error| StoreError::Write(folder.to_owned(), error);
        fs::create_dir_all(folder).map_err(failed)?;
        let lock = File::create(folder.join("lock")).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self {
                folder: Some(folder.to_owned()),
                journals: Mutex::default(),
                _lock: Some(lock),
            }),
            Err(TryLockError::WouldBlock) => Err(StoreError::InUse(folder.to_owned())),
            Err(TryLockError::Error(error)) => Err(failed(error)),
        }
    }

    /// Reads the state of a job without using the folder otherwise; nothing is known of a job without a file.
    ///
    /// # Errors
    /// The file cannot be read, or is not a job's state.
    pub fn peek(folder: &Path, job: &str) -> Result<Record, StoreError> {
        let path = file_of(folder, job);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Record::default()),
            Err(error) => return Err(StoreError::Read(path, error)),
        };
        serde_json::from_slice(&text).map_err(|error| StoreError::Foreign(path, error))
    }

    pub(super) fn journal(&self, job: &str) -> Result<Journal, StoreError> {
        let mut journals = self.journals.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(journal) = journals.get(job) {
            return Ok(journal.clone());
        }
        let journal = match &self.folder {
            Some(folder) => Journal::new(Some(file_of(folder, job)), Self::peek(folder, job)?),
            None => Journal::in_memory(),
        };
        journals.insert(job.to_owned(), journal.clone());
        Ok(journal)
    }
}

fn file_of(folder: &Path, job: &str) -> PathBuf {
    folder.join(format!("{job}.json"))
}

/// The state of one job, in memory and on disk.
#[derive(Debug, Clone)]
pub(super) struct Journal(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    path: Option<PathBuf>,
    record: Mutex<Record>,
    /// Held over a change, so that writes reach the disk in the order they were made.
    turn: tokio::sync::Mutex<()>,
}

impl Journal {
    fn new(path: Option<PathBuf>, record: Record) -> Self {
        Self(Arc::new(Inner {
            path,
            record: Mutex::new(record),
            turn: tokio::sync::Mutex::new(()),
        }))
    }

    pub(super) fn in_memory() -> Self {
        Self::new(None, Record::default())
    }

    pub(super) fn record(&self) -> Record {
        let record = self.0.record.lock();
        record.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Changes the state; once this returns well, a successor will read it.
    pub(super) async fn update(&self, change: impl FnOnce(&mut Record)) -> Result<(), StoreError> {
        let _turn = self.0.turn.lock().await;
        let mut record = self.record();
        change(&mut record);
        if let Some(path) = self.0.path.clone() {
            let text = serde_json::to_vec_pretty(&record).expect("a record has only string keys");
            let written = tokio::task::spawn_blocking(move || {
                replace(&path, &text).map_err(|error| StoreError::Write(path, error))
            });
            written.await.expect("writing a file does not panic")?;
        }
        *self.0.record.lock().unwrap_or_else(PoisonError::into_inner) = record;
        Ok(())
    }
}

/// Replaces a file whole: after a crash at any point it is the old one or the new one.
fn replace(path: &Path, text: &[u8]) -> io::Result<()> {
    let new = path.with_extension("json.new");
    let mut file = File::create(&new)?;
    file.write_all(text)?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    let folder = path.parent().unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}
