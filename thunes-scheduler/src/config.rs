//! The configuration file: TOML, no unknown key, and every error with its file and line.

mod table;

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::engine::{Trigger, TriggerError};
use table::{File, Table};

/// The jobs that can be configured, by name. Source: the predecessor's.
pub const JOBS: [&str; 3] = [LAB_JOB, SIGNAL_JOB, SUMMARY_JOB];
/// The job that sweeps the LAB.
pub const LAB_JOB: &str = "lab_metrics_update";
/// The job that checks for signals to trade.
pub const SIGNAL_JOB: &str = "signal_check";
/// The job that sums up the day.
pub const SUMMARY_JOB: &str = "daily_summary";

/// The worktrees the predecessor knew, below its root. Source: its LAB script.
const PREDECESSORS_WORKTREES: [(&str, &str); 5] = [
    ("main", ""),
    ("dev", "worktrees/dev"),
    ("experimental", "worktrees/experimental"),
    ("cloudflare", "worktrees/cloudflare"),
    ("thunes", "worktrees/thunes"),
];

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
        let lab = lab.map(|table| lab_of(&table, path)).transpose()?;
        let mut jobs: Vec<JobSettings> = Vec::new();
        for table in root.tables("job", "[[job]]")? {
            let job = job_of(&table)?;
            if jobs.iter().any(|known| known.name == job.name) {
                return Err(table.twice("name", job.name));
            }
            jobs.push(job);
        }
        Ok(Self { lab, jobs })
    }
}

fn lab_of(table: &Table<'_, '_>, path: &Path) -> Result<LabSettings, ConfigError> {
    table.accept(&[
        "root",
        "scripts",
        "mcp_files",
        "interval",
        "start_timeout",
        "ping_timeout",
        "script_timeout",
        "bound",
        "cold",
        "cache_up",
        "cache_down",
        "failures",
        "successes",
        "worktree",
    ])?;
    // Health scripts run in the workspace, where a relative path would mean something else.
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let folder = path.parent().unwrap_or(Path::new("/"));
    let root = folder.join(home(table.text("root")?.unwrap_or("~/LAB")));
    // Without the `.` that a root of `.` leaves behind.
    let root: PathBuf = root.components().collect();
    let seconds = |key, default| {
        let value = table.duration(key)?;
        Ok::<_, ConfigError>(value.unwrap_or(Duration::from_secs(default)))
    };
    let files = table.texts("mcp_files")?;
    Ok(LabSettings {
        scripts: root.join(home(table.text("scripts")?.unwrap_or("bin"))),
        mcp_files: files.iter().map(|file| root.join(home(file))).collect(),
        interval: seconds("interval", 30)?,
        start_timeout: seconds("start_timeout", 30)?,
        ping_timeout: seconds("ping_timeout", 5)?,
        script_timeout: seconds("script_timeout", 5)?,
        bound: seconds("bound", 25)?,
        cold: table.duration("cold")?,
        cache_up: table.duration("cache_up")?.unwrap_or_default(),
        cache_down: table.duration("cache_down")?.unwrap_or_default(),
        failures: table.count("failures")?.unwrap_or(1),
        successes: table.count("successes")?.unwrap_or(1),
        worktrees: worktrees_of(table, &root)?,
        root,
    })
}

/// The worktrees of the file, or the predecessor's if it names none.
fn worktrees_of(lab: &Table<'_, '_>, root: &Path) -> Result<Vec<WorktreeSettings>, ConfigError> {
    let mut worktrees: Vec<WorktreeSettings> = Vec::new();
    for table in lab.tables("worktree", "[[lab.worktree]]")? {
        table.accept(&["name", "path", "git", "junit"])?;
        let name = table.needed("name", table.text("name")?)?;
        let path = root.join(home(table.needed("path", table.text("path")?)?));
        if worktrees.iter().any(|known| known.name == name) {
            return Err(table.twice("name", name));
        }
        worktrees.push(WorktreeSettings {
            name: name.to_owned(),
            junit: table.text("junit")?.map(|junit| path.join(home(junit))),
            git: table.truth("git")?.unwrap_or(false),
            path,
        });
    }
    if worktrees.is_empty() {
        worktrees = PREDECESSORS_WORKTREES
            .map(|(name, path)| WorktreeSettings {
                name: name.to_owned(),
                path: root.join(path),
                git: false,
                junit: None,
            })
            .to_vec();
    }
    Ok(worktrees)
}

fn job_of(table: &Table<'_, '_>) -> Result<JobSettings, ConfigError> {
    table.accept(&["name", "every", "daily", "cron", "timeout", "jitter"])?;
    let name = table.needed("name", table.text("name")?)?;
    let known = JOBS.into_iter().find(|job| *job == name);
    let name = known.ok_or_else(|| ConfigError::UnknownJob {
        at: table.place("name"),
        name: name.to_owned(),
        nearest: table::nearest_of(name, &JOBS),
    })?;
    Ok(JobSettings {
        name,
        trigger: trigger_of(table, name)?,
        timeout: table.duration("timeout")?,
        jitter: table.duration("jitter")?,
    })
}

fn trigger_of(table: &Table<'_, '_>, job: &'static str) -> Result<Option<Trigger>, ConfigError> {
    let every = table
        .duration("every")?
        .map(|every| ("every", Trigger::every(every)));
    let daily = table
        .text("daily")?
        .map(|daily| ("daily", Trigger::daily(daily)));
    let cron = table
        .text("cron")?
        .map(|cron| ("cron", Trigger::cron(cron)));
    let mut given = [every, daily, cron].into_iter().flatten();
    let trigger = given.next();
    if let Some((key, _)) = given.next() {
        let at = table.place(key);
        return Err(ConfigError::Triggers { at, job });
    }
    trigger
        .map(|(key, trigger)| {
            let at = table.place(key);
            trigger.map_err(|source| ConfigError::Trigger { at, job, source })
        })
        .transpose()
}

/// A path that may begin with `~/`.
fn home(path: &str) -> PathBuf {
    let below = path.strip_prefix("~/").or((path == "~").then_some(""));
    match below.zip(std::env::var_os("HOME")) {
        Some((below, home)) => Path::new(&home).join(below),
        None => PathBuf::from(path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Settings, ConfigError> {
        Settings::parse(Path::new("/etc/thunes.toml"), text)
    }

    fn refused(text: &str) -> String {
        crate::engine::chain(&parse(text).unwrap_err())
    }

    #[test]
    fn defaults_are_the_documented_ones() {
        let lab = parse("[lab]\nroot = \"lab\"\n").unwrap().lab.unwrap();
        assert_eq!(lab.scripts, Path::new("/etc/lab/bin"));
        let seconds = [
            lab.interval,
            lab.start_timeout,
            lab.ping_timeout,
            lab.script_timeout,
            lab.bound,
        ];
        assert_eq!(seconds.map(|time| time.as_secs()), [30, 30, 5, 5, 25]);
        assert_eq!((lab.failures, lab.cold), (1, None));
        let names: Vec<_> = lab
            .worktrees
            .iter()
            .map(|worktree| worktree.name.as_str())
            .collect();
        assert_eq!(
            names,
            ["main", "dev", "experimental", "cloudflare", "thunes"]
        );
    }

    #[test]
    fn everything_can_be_set() {
        let settings = parse(
            "[lab]\nroot = \"/lab\"\nmcp_files = [\".mcp.json\"]\nbound = \"1m 30s\"\nping_timeout = \"500ms\"\n\
             [[lab.worktree]]\nname = \"dev\"\npath = \"w/dev\"\ngit = true\njunit = \"junit.xml\"\n\
             [[job]]\nname = \"signal_check\"\nevery = \"1m\"\ntimeout = \"20s\"\njitter = \"5s\"\n\
             [[job]]\nname = \"daily_summary\"\ncron = \"0 22 * * 1-5\"\n",
        )
        .unwrap();
        let lab = settings.lab.unwrap();
        assert_eq!(lab.mcp_files, [Path::new("/lab/.mcp.json")]);
        assert_eq!(
            (lab.bound.as_secs(), lab.ping_timeout.as_millis()),
            (90, 500)
        );
        assert_eq!(
            lab.worktrees[0].junit.as_deref(),
            Some(Path::new("/lab/w/dev/junit.xml"))
        );
        assert_eq!(
            settings.jobs[0].trigger,
            Some(Trigger::Every(Duration::from_mins(1)))
        );
        assert_eq!(settings.jobs[1].timeout, None);
    }

    #[test]
    fn errors_name_the_line_and_the_nearest_name() {
        for (text, says) in [
            (
                "[lab]\n\nintervall = \"30s\"\n",
                "thunes.toml:3: unknown key \"intervall\" in [lab], did you mean \"interval\"?",
            ),
            (
                "[labb]\n",
                "thunes.toml:1: unknown key \"labb\" in the file, did you mean \"lab\"?",
            ),
            (
                "[lab]\nbound = 25\n",
                "thunes.toml:2: bound in [lab] must be a time such as",
            ),
            (
                "[lab]\nbound = \"0s\"\n",
                "thunes.toml:2: bound in [lab] must be a time such as",
            ),
            (
                "[lab]\nfailures = 0\n",
                "thunes.toml:2: failures in [lab] must be a number from 1",
            ),
            ("[lab]\nroot = \n", "thunes.toml:2: "),
            (
                "[[lab.worktree]]\nname = \"a\"\n",
                "thunes.toml:1: [[lab.worktree]] needs path",
            ),
            (
                "[[job]]\nname = \"daily_sumary\"\n",
                "thunes.toml:2: unknown job \"daily_sumary\", did you mean \"daily_summary\"?",
            ),
            (
                "[[job]]\nname = \"signal_check\"\ndaily = \"25:00\"\n",
                "thunes.toml:3: job signal_check: \"25:00\" is not a time of day",
            ),
            (
                "[[job]]\nname = \"signal_check\"\nevery = \"1m\"\ncron = \"* * * * *\"\n",
                "thunes.toml:4: job signal_check has more than one",
            ),
            (
                "[[job]]\nname = \"signal_check\"\n[[job]]\nname = \"signal_check\"\n",
                "thunes.toml:4: \"signal_check\" is there twice",
            ),
        ] {
            let told = refused(text);
            assert!(told.contains(says), "{told}\nshould say\n{says}");
        }
    }
}
