//! The table `[lab]` and its worktrees.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::table::Table;
use super::{ConfigError, LabSettings, WorktreeSettings};

/// The worktrees the predecessor knew, below its root. Source: its LAB script.
const PREDECESSORS_WORKTREES: [(&str, &str); 5] = [
    ("main", ""),
    ("dev", "worktrees/dev"),
    ("experimental", "worktrees/experimental"),
    ("cloudflare", "worktrees/cloudflare"),
    ("thunes", "worktrees/thunes"),
];

/// Reads the table; paths in it count from the folder of the file at `path`.
pub(super) fn read(table: &Table<'_, '_>, path: &Path) -> Result<LabSettings, ConfigError> {
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

/// A path that may begin with `~/`.
fn home(path: &str) -> PathBuf {
    let below = path.strip_prefix("~/").or((path == "~").then_some(""));
    match below.zip(std::env::var_os("HOME")) {
        Some((below, home)) => Path::new(&home).join(below),
        None => PathBuf::from(path),
    }
}
