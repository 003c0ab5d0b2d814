//! Health scripts: exit 0 is up, 2 is not configured, all else is down. A missing script is not configured.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::child::{Command, Nursery, is_executable};
use super::verdict::{Reason, State, Verdict};
use crate::guard::Streams;

/// How much of a line is told.
const MOST_CHARS: usize = 300;

/// What tells whether a file was changed: inode, size, and both times in nanoseconds.
pub(super) type Stamp = Option<(u64, u64, i64, i64, i64, i64)>;

/// The stamp of a file; `None` if it is not there.
pub(super) fn stamp(path: &Path) -> Stamp {
    let file = path.metadata().ok()?;
    let changed = (file.ctime(), file.ctime_nsec());
    Some((
        file.ino(),
        file.size(),
        file.mtime(),
        file.mtime_nsec(),
        changed.0,
        changed.1,
    ))
}

/// The name of the server that a file in the scripts' folder checks.
pub(super) fn server_of(file: &str) -> Option<&str> {
    let name = file.strip_prefix("mcp-")?.strip_suffix("-health")?;
    Some(name).filter(|name| !name.is_empty())
}

/// The script of a server.
pub(super) fn path_of(folder: &Path, server: &str) -> PathBuf {
    folder.join(format!("mcp-{server}-health"))
}

/// Runs a health script; the limit counts from its start.
pub(super) async fn check(
    nursery: &Nursery,
    script: &Path,
    folder: &Path,
    limit: Duration,
) -> Verdict {
    let start = Instant::now();
    run(nursery, script, folder, limit)
        .await
        .took(start.elapsed())
}

async fn run(nursery: &Nursery, script: &Path, folder: &Path, limit: Duration) -> Verdict {
    match script.metadata() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Verdict::new(State::NotConfigured, format!("no {}", script.display()));
        }
        Err(error) => {
            return Verdict::down(Reason::Spawn, format!("{}: {error}", script.display()));
        }
        Ok(file) if !file.is_file() || !is_executable(&file) => {
            return Verdict::down(
                Reason::Spawn,
                format!("{} is not executable", script.display()),
            );
        }
        Ok(_) => {}
    }
    let command = Command {
        program: script.to_owned(),
        args: Vec::new(),
        env: Vec::new(),
        folder: Some(folder.to_owned()),
    };
    let mut child = match nursery.start(&command, Streams::Quiet) {
        Ok(child) => child,
        Err(error) => return Verdict::down(Reason::Spawn, error.to_string()),
    };
    let Ok(code) = timeout(limit, child.exited()).await else {
        return Verdict::down(Reason::Timeout, format!("no result within {limit:?}"));
    };
    let said = last_line(&child.stderr());
    match code {
        0 => Verdict::new(State::Up, said),
        2 => Verdict::new(State::NotConfigured, said),
        code => match child.not_started(code) {
            Some(why) => Verdict::down(Reason::Spawn, why),
            None => Verdict::down(Reason::Exit, format!("exit {code}: {said}")),
        },
    }
}

/// The last line that says something.
pub(super) fn last_line(text: &str) -> String {
    let line = text.lines().rev().find(|line| !line.trim().is_empty());
    let shown = line
        .unwrap_or("")
        .trim()
        .chars()
        .filter(|c| !c.is_control());
    shown.take(MOST_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_is_known_by_its_name() {
        assert_eq!(server_of("mcp-rag-query-health"), Some("rag-query"));
        assert_eq!(server_of("mcp--health"), None);
        assert_eq!(server_of("mcp-git-health.bak"), None);
    }
}
