//! What the paper gateway must still know after a restart: its account, and its replies to orders.

use std::collections::{HashMap, VecDeque};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use thiserror::Error;

use super::account::Account;
use crate::state::HeldFile;

/// Marks the file as ours; the number changes with the layout.
const FORMAT: &str = "sentinel paper gateway 1";

/// How many replies to orders are kept for orders that come again.
const REPLIES_KEPT: usize = 10_000;

/// Why a state file cannot be used. It is never overwritten then.
#[derive(Debug, Error)]
pub enum StateError {
    /// It is there and cannot be read.
    #[error("state file {} cannot be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It is no state file of this program, or a damaged one.
    #[error("{} is not a state file of the paper gateway; move it away or name another", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// Where reading it failed; `None` if it reads well and makes no sense.
        source: Option<serde_json::Error>,
    },
    /// It cannot be written.
    #[error("state file {} cannot be written", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// The first replies to the latest orders, by the orders' uuids.
#[derive(Debug, Default)]
pub(super) struct Memory {
    replies: HashMap<String, Value>,
    // Oldest first.
    order: VecDeque<String>,
}

impl Memory {
    pub(super) fn get(&self, uuid: &str) -> Option<&Value> {
        self.replies.get(uuid)
    }

    /// Keeps a reply to an order not known so far.
    pub(super) fn add(&mut self, uuid: &str, reply: Value) {
        self.order.push_back(uuid.to_owned());
        self.replies.insert(uuid.to_owned(), reply);
    }

    /// Undoes the last [`Memory::add`].
    pub(super) fn take_back(&mut self) {
        if let Some(uuid) = self.order.pop_back() {
            self.replies.remove(&uuid);
        }
    }

    /// Forgets the oldest replies over the number that is kept.
    pub(super) fn trim(&mut self) {
        while self.order.len() > REPLIES_KEPT
            && let Some(uuid) = self.order.pop_front()
        {
            self.replies.remove(&uuid);
        }
    }

    fn rows(&self) -> Vec<(&String, &Value)> {
        let row = |uuid| self.replies.get_key_value(uuid);
        self.order.iter().filter_map(row).collect()
    }
}

#[derive(Serialize)]
struct Written<'a> {
    format: &'a str,
    gateway_session: &'a str,
    account: &'a Account,
    replies: Vec<(&'a String, &'a Value)>,
}

#[derive(Deserialize)]
struct Read {
    format: String,
    gateway_session: String,
    account: Account,
    replies: Vec<(String, Value)>,
}

/// The file and how to replace it whole, by way of one beside it whose name ends in `.new`.
#[derive(Debug)]
pub(super) struct StateFile {
    file: HeldFile,
}

impl StateFile {
    pub(super) fn new(file: HeldFile) -> Self {
        Self { file }
    }

    /// Reads session, account and memory; `None` if there is no file yet.
    pub(super) fn read(&self) -> Result<Option<(String, Account, Memory)>, StateError> {
        let path = || self.file.path().to_owned();
        let bytes = match fs::read(self.file.path()) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => {
                return Err(StateError::Read {
                    path: path(),
                    source,
                });
            }
        };
        let foreign = |source| StateError::Foreign {
            path: path(),
            source,
        };
        let read: Read = serde_json::from_slice(&bytes).map_err(|error| foreign(Some(error)))?;
        let replies_are_sound = read.replies.iter().all(|(_, reply)| reply.is_object());
        if read.format != FORMAT || !read.account.is_sound() || !replies_are_sound {
            return Err(foreign(None));
        }
        let mut memory = Memory::default();
        for (uuid, reply) in read.replies {
            memory.add(&uuid, reply);
        }
        Ok(Some((read.gateway_session, read.account, memory)))
    }

    /// Replaces the file in one step: a reader, or a crash, meets the old state or the new one.
    pub(super) fn write(
        &self,
        session: &str,
        account: &Account,
        memory: &Memory,
    ) -> Result<(), StateError> {
        let written = Written {
            format: FORMAT,
            gateway_session: session,
            account,
            replies: memory.rows(),
        };
        let text = serde_json::to_vec(&written).expect("a state has nothing but string keys");
        self.replace(&text).map_err(|source| StateError::Write {
            path: self.file.path().to_owned(),
            source,
        })
    }

    fn replace(&self, text: &[u8]) -> io::Result<()> {
        let path = self.file.path();
        let mut beside = path.as_os_str().to_owned();
        beside.push(".new");
        let mut file = File::create(&beside)?;
        file.write_all(text)?;
        file.sync_all()?;
        fs::rename(&beside, path)?;
        if let Err(error) = sync_folder(path) {
            // The new state is in place; only a power cut could still bring the old one back.
            tracing::warn!(%error, file = %path.display(), "folder of the state file cannot be synced");
        }
        Ok(())
    }
}

fn sync_folder(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => File::open(folder)?.sync_all(),
        _ => File::open(".")?.sync_all(),
    }
}
