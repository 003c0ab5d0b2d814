//! The LAB: MCP servers and git worktrees, looked at in parallel under one bound.
//!
//! When sweeps happen is not decided here; see [`crate::engine`].

mod child;
mod damping;
mod definition;
mod expansion;
mod http;
mod jsonc;
mod junit;
mod report;
mod script;
mod server;
mod session;
mod shared;
mod start;
mod target;
mod verdict;
mod wire;
mod worktree;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

pub use definition::McpFileError;
pub use report::{Report, ServerReport};
pub use shared::SharedLab;
pub use verdict::{Level, Reason, State, Verdict};
pub use worktree::{GitState, TestStatus, Worktree, WorktreeStatus};

use crate::config::LabSettings;
use crate::guard::Guard;
use crate::metrics::{self, ServerSeries, WorktreeSeries};
use child::Nursery;
use damping::Damper;
use definition::Definition;
use script::{Stamp, path_of, server_of, stamp};
use server::Server;
use target::{Checked, Context, Script, Target};

/// The servers that the predecessor knew, for a LAB that names none itself. Source: its LAB script.
pub const PREDECESSORS_SERVERS: [&str; 18] = [
    "filesystem",
    "fetch",
    "sqlite",
    "git",
    "github",
    "playwright",
    "jupyter",
    "openapi",
    "context7",
    "perplexity",
    "sequential",
    "cloudflare-browser",
    "cloudflare-radar",
    "cloudflare-container",
    "cloudflare-docs",
    "cloudflare-bindings",
    "cloudflare-observability",
    "rag-query",
];

/// How long after its bound a sweep waits for checks that do not keep to it.
const SLACK: Duration = Duration::from_millis(200);

/// How long children may take to end when the LAB is closed.
const CLOSE: Duration = Duration::from_secs(3);

/// The LAB under watch.
pub struct Lab {
    context: Context,
    servers: BTreeMap<String, Watched>,
    worktrees: BTreeMap<String, WorktreeSeries>,
    /// What each file of servers held when it was last read well.
    files: BTreeMap<PathBuf, (Stamp, BTreeMap<String, Definition>)>,
    /// The only server to be looked at.
    only: Option<String>,
}

/// A server under watch, and what is shown of it.
struct Watched {
    target: Arc<Target>,
    damper: Damper,
    series: ServerSeries,
}

impl Lab {
    /// A LAB with these settings; `guard` says which program guards children.
    #[must_use]
    pub fn new(settings: LabSettings, guard: Guard) -> Self {
        let mut lab = Self {
            context: Context::new(Arc::new(settings), Nursery::new(guard)),
            servers: BTreeMap::new(),
            worktrees: BTreeMap::new(),
            files: BTreeMap::new(),
            only: None,
        };
        lab.refresh();
        lab
    }

    /// Goes on with other settings: what they change is begun anew, all else is kept.
    pub fn reconfigure(&mut self, settings: LabSettings) {
        self.context.settings = Arc::new(settings);
        let folder = self.context.settings.scripts.clone();
        // Health scripts that were deleted are not configured up to here, and gone from now on.
        self.servers.retain(|name, watched| {
            !matches!(*watched.target, Target::Script(_)) || path_of(&folder, name).exists()
        });
        self.refresh();
    }

    /// Looks at every server and worktree, in parallel and within the bound.
    pub async fn sweep(&mut self) -> Report {
        let begin = Instant::now();
        let mut errors = self.refresh();
        let until = begin + self.context.settings.bound;
        let (servers, worktrees) =
            tokio::join!(self.check_servers(until), self.look_at_worktrees(until));
        let mut report = Report::default();
        for (name, (verdict, fresh)) in servers {
            if let Some(watched) = self.servers.get_mut(&name) {
                let damped = watched.damper.take(verdict.state);
                watched.series.show(&verdict, damped, fresh);
            }
            report.servers.push(ServerReport::new(name, verdict));
        }
        for worktree in worktrees {
            errors += worktree.errors;
            if let Some(series) = self.worktrees.get_mut(&worktree.name) {
                series.show(&worktree);
            }
            report.worktrees.push(worktree);
        }
        report.errors = errors;
        metrics::swept(begin.elapsed(), errors);
        report
    }

    async fn check_servers(&self, until: Instant) -> BTreeMap<String, Checked> {
        let mut checks = JoinSet::new();
        for (name, watched) in &self.servers {
            let (name, target) = (name.clone(), Arc::clone(&watched.target));
            let context = self.context.clone();
            checks.spawn(async move { (name, target.check(&context, until).await) });
        }
        let mut results = BTreeMap::new();
        while let Ok(Some(result)) = timeout_at(until + SLACK, checks.join_next()).await {
            // A check that panicked is missing, and found so below.
            results.extend(result.ok());
        }
        for name in self.servers.keys() {
            results.entry(name.clone()).or_insert_with(|| {
                let told = "the check did not come to an end";
                (Verdict::down(Reason::Internal, told), true)
            });
        }
        results
    }

    async fn look_at_worktrees(&self, until: Instant) -> Vec<Worktree> {
        let mut looks = JoinSet::new();
        for settings in self.context.settings.worktrees.clone() {
            let nursery = self.context.nursery.clone();
            looks.spawn(async move { worktree::look(&settings, &nursery).await });
        }
        let mut worktrees = Vec::new();
        while let Ok(Some(look)) = timeout_at(until + SLACK, looks.join_next()).await {
            worktrees.extend(look.ok());
        }
        worktrees.sort_by(|a: &Worktree, b| a.name.cmp(&b.name));
        worktrees
    }

    /// Takes over what changed in files and settings; the number of files that could not be read.
    fn refresh(&mut self) -> u64 {
        let errors = self.read_files();
        let wanted = self.wanted();
        let folder = self.context.settings.scripts.clone();
        self.servers.retain(|name, watched| {
            let same = |definition: &Option<_>| watched.target.is(definition.as_ref(), &folder);
            wanted.get(name).is_some_and(same)
        });
        for (name, definition) in wanted {
            let settings = &self.context.settings;
            self.servers.entry(name).or_insert_with_key(|name| Watched {
                target: Arc::new(match definition {
                    Some(definition) => Target::Server(Box::new(Server::new(definition))),
                    None => Target::Script(Script::new(&settings.scripts, name)),
                }),
                damper: Damper::new(settings.failures, settings.successes),
                series: ServerSeries::new(name),
            });
        }
        let names: BTreeSet<&String> = self
            .context
            .settings
            .worktrees
            .iter()
            .map(|one| &one.name)
            .collect();
        self.worktrees.retain(|name, _| names.contains(name));
        for name in names {
            self.worktrees
                .entry(name.clone())
                .or_insert_with_key(|name| WorktreeSeries::new(name));
        }
        errors
    }

    /// The servers there should be: one that a file defines is spoken to, even if it has a health script.
    fn wanted(&self) -> BTreeMap<String, Option<Definition>> {
        let scripts = self.scripts().into_iter().map(|name| (name, None));
        let files = self.files.values().flat_map(|(_, definitions)| definitions);
        let defined = files.map(|(name, definition)| (name.clone(), Some(definition.clone())));
        let all = scripts.chain(defined);
        let only = self.only.as_ref();
        all.filter(|(name, _)| only.is_none_or(|only| only == name))
            .collect()
    }

    /// Reads the files of servers that changed. One that cannot be read leaves its servers as they were.
    fn read_files(&mut self) -> u64 {
        let paths = &self.context.settings.mcp_files;
        self.files.retain(|path, _| paths.contains(path));
        let root = &self.context.settings.root;
        let mut errors = u64::from(!root.is_dir());
        if errors > 0 {
            tracing::error!("the LAB's root {} is no folder", root.display());
        }
        for path in paths {
            let now = stamp(path);
            let known = self.files.get(path);
            if known.is_some_and(|(then, _)| *then == now && now.is_some()) {
                continue;
            }
            match definition::read(path) {
                Ok(definitions) => {
                    self.files.insert(path.clone(), (now, definitions));
                }
                Err(error) => {
                    errors += 1;
                    tracing::error!("{}", crate::engine::chain(&error));
                }
            }
        }
        errors
    }

    /// The servers that health scripts speak for. A LAB that looks like the predecessor's has all of its servers,
    /// as a missing script means not configured.
    fn scripts(&self) -> BTreeSet<String> {
        let folder = std::fs::read_dir(&self.context.settings.scripts);
        let files = folder.into_iter().flatten().flatten();
        let found: BTreeSet<String> = files
            .filter_map(|file| server_of(file.file_name().to_str()?).map(str::to_owned))
            .collect();
        let familiar = found
            .iter()
            .all(|name| PREDECESSORS_SERVERS.contains(&name.as_str()));
        // A script that is deleted leaves a server that is not configured any more.
        let known = self
            .servers
            .iter()
            .filter(|(_, watched)| matches!(*watched.target, Target::Script(_)));
        let known = known.map(|(name, _)| name.clone());
        let all = PREDECESSORS_SERVERS.iter().map(|name| (*name).to_owned());
        if familiar && self.context.settings.mcp_files.is_empty() {
            all.collect()
        } else {
            found.into_iter().chain(known).collect()
        }
    }

    /// The names of the servers.
    #[must_use]
    pub fn server_names(&self) -> Vec<String> {
        self.servers.keys().cloned().collect()
    }

    /// Looks at no other server than the one of this name; `false` if there is none.
    pub fn only(&mut self, name: &str) -> bool {
        self.only = Some(name.to_owned());
        self.refresh();
        !self.servers.is_empty()
    }

    /// Ends every child, and waits for that.
    pub async fn close(self) {
        let nursery = self.context.nursery.clone();
        drop(self);
        nursery.empty(CLOSE).await;
    }
}
