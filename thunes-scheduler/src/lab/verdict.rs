//! What a check of a server comes to: a closed state, a closed reason, and how far it got.

use std::fmt;
use std::time::Duration;

use instrument_core::LabelValue;
use jiff::Timestamp;
use serde::Serialize;

/// The state of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, LabelValue)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It does not work.
    Down,
    /// It works.
    Up,
    /// It cannot work yet: something it needs is not set up.
    NotConfigured,
    /// It is still within its time to start.
    Starting,
}

impl State {
    /// The value of `lab_mcp_server_health`: 0 down, 1 up, 2 not configured. A server that starts has none: it keeps
    /// the value it had.
    #[must_use]
    pub const fn health(self) -> Option<u8> {
        match self {
            Self::Down => Some(0),
            Self::Up => Some(1),
            Self::NotConfigured => Some(2),
            Self::Starting => None,
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Down => "down",
            Self::Up => "up",
            Self::NotConfigured => "not configured",
            Self::Starting => "starting",
        })
    }
}

/// How far a check got. "Up" of a lower level may hide a dead API key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Level {
    /// No further than a process, or a connection.
    #[default]
    Process,
    /// The two sides have agreed on a protocol version.
    Handshake,
    /// It has answered a ping or, in the newer era, `server/discover`.
    Ping,
    /// It has listed its tools, and there are some.
    Tools,
}

impl Level {
    /// The value of `lab_mcp_server_level`: 0 to 3, in the order above.
    #[must_use]
    pub const fn number(self) -> u8 {
        self as u8
    }
}

impl Serialize for Level {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(self.number())
    }
}

/// Why a server is down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, LabelValue)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The command could not be started.
    Spawn,
    /// The process ended, or a health script said so.
    Exit,
    /// A health script took too long.
    Timeout,
    /// A server was not up within its time to start.
    StartTimeout,
    /// A server that was up did not answer in time.
    PingTimeout,
    /// It answered with something that is not the protocol.
    BadJson,
    /// It answered with an error.
    RpcError,
    /// It speaks no version of the protocol that we do.
    Version,
    /// It answered with an HTTP status that is no success.
    HttpStatus,
    /// There is no connection to it.
    Connect,
    /// The sweep's total time was over before the check was.
    Bound,
    /// The check itself failed; this is ours to mend.
    Internal,
}

/// The result of a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// The state.
    pub state: State,
    /// How far the check got.
    pub level: Level,
    /// Why it is down.
    pub reason: Option<Reason>,
    /// More on it, for people; never a value that a variable was expanded to.
    pub detail: String,
    /// The protocol version that was agreed on.
    pub protocol: Option<String>,
    /// How long the check took.
    pub took: Duration,
    /// When it ended.
    pub at: Timestamp,
}

impl Verdict {
    pub(super) fn new(state: State, detail: impl Into<String>) -> Self {
        Self {
            state,
            level: Level::Process,
            reason: None,
            detail: detail.into(),
            protocol: None,
            took: Duration::ZERO,
            at: Timestamp::now(),
        }
    }

    pub(super) fn down(reason: Reason, detail: impl Into<String>) -> Self {
        let mut verdict = Self::new(State::Down, detail);
        verdict.reason = Some(reason);
        verdict
    }

    pub(super) const fn took(mut self, took: Duration) -> Self {
        self.took = took;
        self
    }
}
