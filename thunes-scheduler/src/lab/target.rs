//! One server under watch: what is kept of it between sweeps, and how a sweep gets its verdict.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::child::Nursery;
use super::definition::Definition;
use super::script::{self, Stamp};
use super::server::Server;
use super::verdict::{Reason, State, Verdict};
use crate::config::LabSettings;

/// How many checks wait at the same time.
const PARALLEL: usize = 256;

/// Time between two starts of processes: a start takes a core for a while, and all at once would slow all.
const STAGGER: Duration = Duration::from_millis(20);

/// What all checks share.
#[derive(Debug, Clone)]
pub(super) struct Context {
    pub(super) settings: Arc<LabSettings>,
    pub(super) nursery: Nursery,
    pub(super) gate: Arc<Gate>,
    permits: Arc<Semaphore>,
}

impl Context {
    pub(super) fn new(settings: Arc<LabSettings>, nursery: Nursery) -> Self {
        Self {
            settings,
            nursery,
            gate: Arc::default(),
            permits: Arc::new(Semaphore::new(PARALLEL)),
        }
    }
}

/// Lets processes start one after another.
#[derive(Debug, Default)]
pub(super) struct Gate(Mutex<Option<Instant>>);

impl Gate {
    /// Waits for one's turn to start a process.
    pub(super) async fn turn(&self) {
        let turn = {
            let mut next = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let now = Instant::now();
            let turn = next.map_or(now, |next| next.max(now));
            *next = Some(turn + STAGGER);
            turn
        };
        sleep_until(turn).await;
    }
}

/// A verdict, and whether it is of this sweep.
pub(super) type Checked = (Verdict, bool);

/// A server under watch.
#[derive(Debug)]
pub(super) enum Target {
    /// One that a health script speaks for.
    Script(Script),
    /// One that is spoken to.
    Server(Box<Server>),
}

impl Target {
    /// Whether it is what this definition defines; none is a health script.
    pub(super) fn is(&self, definition: Option<&Definition>, scripts: &Path) -> bool {
        match self {
            Self::Script(script) => definition.is_none() && script.path.starts_with(scripts),
            Self::Server(server) => definition == Some(&server.definition),
        }
    }

    /// The verdict of a sweep that ends at `until`.
    pub(super) async fn check(&self, context: &Context, until: Instant) -> Checked {
        let start = Instant::now();
        let checked = async {
            let _permit = context.permits.acquire().await;
            match self {
                Self::Script(script) => script.check(context).await,
                Self::Server(server) => server.check(context, until).await,
            }
        };
        let bound = |_| {
            let bound = context.settings.bound;
            let verdict = Verdict::down(Reason::Bound, format!("the sweep ended after {bound:?}"));
            (verdict.took(start.elapsed()), true)
        };
        timeout_at(until, checked).await.unwrap_or_else(bound)
    }
}

/// A health script and its last verdict.
#[derive(Debug)]
pub(super) struct Script {
    path: PathBuf,
    last: Mutex<Option<(Stamp, Verdict, Instant)>>,
}

impl Script {
    pub(super) fn new(folder: &Path, server: &str) -> Self {
        Self {
            path: script::path_of(folder, server),
            last: Mutex::default(),
        }
    }

    async fn check(&self, context: &Context) -> Checked {
        let stamp = script::stamp(&self.path);
        if let Some(verdict) = self.cached(stamp, &context.settings) {
            return (verdict, false);
        }
        if stamp.is_some() {
            context.gate.turn().await;
        }
        let (root, limit) = (&context.settings.root, context.settings.script_timeout);
        let verdict = script::check(&context.nursery, &self.path, root, limit).await;
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        *last = Some((stamp, verdict.clone(), Instant::now()));
        (verdict, true)
    }

    /// A verdict that still holds: of the same script, and young enough. What is not configured stays so until its
    /// script changes.
    fn cached(&self, stamp: Stamp, settings: &LabSettings) -> Option<Verdict> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let (_, verdict, at) = last.as_ref().filter(|(of, ..)| *of == stamp)?;
        let holds = match verdict.state {
            State::Up => at.elapsed() < settings.cache_up,
            State::Down => at.elapsed() < settings.cache_down,
            State::NotConfigured => true,
            State::Starting => false,
        };
        holds.then(|| verdict.clone())
    }
}
