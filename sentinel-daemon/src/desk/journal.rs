//! The order whose outcome is not known yet: on disk before it is sent, so that a killed daemon still asks after it.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use thiserror::Error;
use uuid::Uuid;

use crate::bar::Side;
use crate::risk::Action;
use crate::state::HeldFile;

/// Marks the file as ours; the number changes with the layout.
const FORMAT: &str = "sentinel order journal 1";

/// Why the journal cannot be used. It is never overwritten by what it could not read.
#[derive(Debug, Error)]
pub enum JournalError {
    /// It is there and cannot be read.
    #[error("order journal {} cannot be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It is no journal of this program, or a damaged one.
    #[error("{} is not an order journal; move it away once you know what became of its order", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// Where reading it failed; `None` if it reads well and is of another format.
        source: Option<serde_json::Error>,
    },
    /// It cannot be written.
    #[error("order journal {} cannot be written", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// An order that has been sent, and what was known then.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SentOrder {
    /// Its name at the gateway.
    pub uuid: Uuid,
    /// Which way.
    pub side: Side,
    /// What it does.
    pub action: Action,
    /// Start of the bar whose signal it carries out; `None` if no signal asked for it.
    pub bar: Option<i64>,
    /// The gateway's session, if a ping had told it.
    pub session: Option<String>,
    /// Tickets that were open.
    pub held: Vec<u64>,
    /// When it was sent, unix milliseconds.
    pub sent_ms: i64,
}

/// What the file holds.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Page {
    format: String,
    /// Start of the bar that an order was sent for last: it is not judged again.
    bar: Option<i64>,
    unsettled: Option<SentOrder>,
}

/// At most one order of unknown outcome, as no other is sent before it is settled.
#[derive(Debug, Default)]
pub struct Journal {
    file: Option<HeldFile>,
    bar: Option<i64>,
    unsettled: Option<SentOrder>,
}

impl Journal {
    /// Opens the journal in a file, which need not be there yet; without one it is kept in memory.
    ///
    /// # Errors
    /// [`JournalError::Read`] and [`JournalError::Foreign`].
    pub fn open(file: Option<HeldFile>) -> Result<Self, JournalError> {
        let Some(file) = file else {
            return Ok(Self::default());
        };
        let page = read(file.path())?;
        Ok(Self {
            file: Some(file),
            bar: page.bar,
            unsettled: page.unsettled,
        })
    }

    /// The order whose outcome is not known.
    #[must_use]
    pub const fn unsettled(&self) -> Option<&SentOrder> {
        self.unsettled.as_ref()
    }

    /// Start of the bar that an order was sent for last.
    #[must_use]
    pub const fn bar(&self) -> Option<i64> {
        self.bar
    }

    /// Notes an order that is about to be sent. On an error it must not be.
    ///
    /// # Errors
    /// [`JournalError::Write`].
    pub fn note(&mut self, order: SentOrder) -> Result<(), JournalError> {
        let bar = order.bar.or(self.bar);
        self.write(bar, Some(&order))?;
        (self.bar, self.unsettled) = (bar, Some(order));
        Ok(())
    }

    /// Notes that its outcome is known.
    ///
    /// # Errors
    /// [`JournalError::Write`]; then a restarted daemon asks after it once more, which does no harm.
    pub fn settle(&mut self) -> Result<(), JournalError> {
        self.unsettled = None;
        self.write(self.bar, None)
    }

    fn write(&self, bar: Option<i64>, unsettled: Option<&SentOrder>) -> Result<(), JournalError> {
        let Some(path) = self.file.as_ref().map(HeldFile::path) else {
            return Ok(());
        };
        let page = Page {
            format: FORMAT.to_owned(),
            bar,
            unsettled: unsettled.cloned(),
        };
        let text = serde_json::to_vec(&page).expect("a page is numbers and strings only");
        replace(path, &text).map_err(|source| JournalError::Write {
            path: path.to_owned(),
            source,
        })
    }
}

fn read(path: &Path) -> Result<Page, JournalError> {
    let foreign = |source| JournalError::Foreign {
        path: path.to_owned(),
        source,
    };
    let text = match fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Page::default()),
        Err(source) => {
            return Err(JournalError::Read {
                path: path.to_owned(),
                source,
            });
        }
    };
    let page: Page = serde_json::from_slice(&text).map_err(|error| foreign(Some(error)))?;
    if page.format == FORMAT {
        Ok(page)
    } else {
        Err(foreign(None))
    }
}

/// Replaces a file as a whole: whoever reads it, also after a crash, finds the old text or the new one.
fn replace(path: &Path, text: &[u8]) -> io::Result<()> {
    let fresh = path.with_extension("new");
    let mut file = File::create(&fresh)?;
    file.write_all(text)?;
    file.sync_all()?;
    fs::rename(&fresh, path)?;
    match path.parent() {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counterpart::gateway::scratch::Scratch;

    fn order(bar: Option<i64>) -> SentOrder {
        SentOrder {
            uuid: Uuid::new_v4(),
            side: Side::Buy,
            action: Action::Open { volume: 0.1 },
            bar,
            session: Some("s".to_owned()),
            held: vec![3],
            sent_ms: 1_500,
        }
    }

    #[test]
    fn an_order_outlives_the_process_until_it_is_settled() {
        let room = Scratch::new();
        let open = || Journal::open(Some(room.held("orders.json"))).unwrap();
        let mut journal = open();
        assert_eq!((journal.unsettled(), journal.bar()), (None, None));
        let sent = order(Some(7_200));
        journal.note(sent.clone()).unwrap();
        drop(journal);
        let mut again = open();
        assert_eq!(again.unsettled(), Some(&sent));
        again.settle().unwrap();
        drop(again);
        let settled = open();
        assert_eq!(
            (settled.unsettled(), settled.bar()),
            (None, Some(7_200)),
            "the bar is not judged again"
        );
    }

    #[test]
    fn what_is_no_journal_is_refused_and_left_alone() {
        let room = Scratch::new();
        let path = room.path("orders.json");
        for text in ["{", r#"{"format":"another 1","bar":null,"unsettled":null}"#] {
            fs::write(&path, text).unwrap();
            let refused = Journal::open(Some(room.held("orders.json")));
            assert!(
                matches!(refused, Err(JournalError::Foreign { .. })),
                "{text}"
            );
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
    }

    #[test]
    fn an_order_that_cannot_be_noted_is_not_kept_in_mind() {
        let room = Scratch::new();
        let mut journal = Journal::open(Some(room.held("orders.json"))).unwrap();
        drop(room);
        assert!(matches!(
            journal.note(order(None)),
            Err(JournalError::Write { .. })
        ));
        assert_eq!(journal.unsettled(), None);
    }
}
