//! What a sweep found, as `lab check --json` prints it.

use serde::Serialize;

use super::verdict::{Level, Reason, State, Verdict};
use super::worktree::Worktree;

/// What a sweep found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The servers, by name.
    pub servers: Vec<ServerReport>,
    /// The worktrees, by name.
    pub worktrees: Vec<Worktree>,
    /// How many files could not be read or understood.
    #[serde(skip)]
    pub errors: u64,
}

/// What was found out about a server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ServerReport {
    /// Its name.
    pub name: String,
    /// Its state.
    pub state: State,
    /// How far the check got: 0 process, 1 handshake, 2 ping, 3 tools.
    pub level: Level,
    /// Why it is down.
    pub reason: Option<Reason>,
    /// How long the check took, in milliseconds.
    pub duration_ms: u64,
    /// The protocol version that was agreed on.
    pub protocol: Option<String>,
    /// More on it, for people.
    pub detail: String,
}

impl ServerReport {
    pub(super) fn new(name: String, verdict: Verdict) -> Self {
        Self {
            name,
            state: verdict.state,
            level: verdict.level,
            reason: verdict.reason,
            duration_ms: u64::try_from(verdict.took.as_millis()).unwrap_or(u64::MAX),
            protocol: verdict.protocol,
            detail: verdict.detail,
        }
    }
}

impl Report {
    /// How many servers are in a state.
    #[must_use]
    pub fn count(&self, state: State) -> usize {
        self.servers
            .iter()
            .filter(|server| server.state == state)
            .count()
    }

    /// The exit code of a check, as health scripts have it: 0 up, 1 down, 2 not configured. Of several servers, one
    /// that is down decides, and then one that is up.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        if self.count(State::Down) + self.count(State::Starting) > 0 {
            1
        } else if self.count(State::Up) > 0 || self.servers.is_empty() {
            0
        } else {
            2
        }
    }
}
