//! Worktrees: what their `.worktree` file says, the real state of git, and test results, where asked for.

use std::path::{Path, PathBuf};
use std::time::Duration;

use instrument_core::LabelValue;
use serde::Serialize;

use super::child::{Command, Nursery, resolve};
use super::junit;
use crate::config::WorktreeSettings;
use crate::guard::Streams;

/// How long git may take for a worktree.
const GIT: Duration = Duration::from_secs(5);

/// A larger `.worktree` file is none.
const MOST_BYTES: u64 = 64 * 1024;

/// What a worktree is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, LabelValue, Default)]
#[serde(rename_all = "snake_case")]
pub enum WorktreeStatus {
    /// Its task is done: 0.
    Complete,
    /// It is worked on: 1; also without a file, or with a status that is none.
    #[default]
    Working,
    /// It is tested: 2.
    Testing,
    /// It cannot go on: 3.
    Blocked,
}

/// What its tests came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, LabelValue, Default)]
#[serde(rename_all = "snake_case")]
pub enum TestStatus {
    /// Nobody knows: 0.
    #[default]
    Unknown,
    /// They pass: 1.
    Passing,
    /// Some fail: 2.
    Failing,
}

/// The real state of a worktree, by git.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
pub struct GitState {
    /// The branch; `None` if the head is detached.
    pub branch: Option<String>,
    /// How many files differ from the last commit.
    pub dirty: u64,
    /// Commits that upstream does not have.
    pub ahead: u64,
    /// Commits of upstream that are not here.
    pub behind: u64,
    /// Seconds since the last commit.
    pub last_commit_age_seconds: Option<i64>,
}

/// What was found out about a worktree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Worktree {
    /// Its name.
    pub name: String,
    /// What it is at.
    pub status: WorktreeStatus,
    /// What its tests came to.
    pub test_status: TestStatus,
    /// What is wrong or unusual, for people.
    pub detail: String,
    /// The real state, where it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub git: Option<GitState>,
    /// How many things could not be read or understood.
    #[serde(skip)]
    pub errors: u64,
}

impl Worktree {
    fn flag(&mut self, what: &str) {
        self.errors += 1;
        self.note(what);
    }

    fn note(&mut self, what: &str) {
        if !self.detail.is_empty() {
            self.detail.push_str("; ");
        }
        self.detail.push_str(what);
    }
}

/// Looks at a worktree.
pub(super) async fn look(settings: &WorktreeSettings, nursery: &Nursery) -> Worktree {
    let mut worktree = Worktree {
        name: settings.name.clone(),
        status: WorktreeStatus::default(),
        test_status: TestStatus::default(),
        detail: String::new(),
        git: None,
        errors: 0,
    };
    let path = settings.path.join(".worktree");
    match read(path.clone()).await {
        Ok(Some(text)) => apply(&text, &mut worktree),
        Ok(None) => worktree.note("no .worktree file"),
        Err(error) => worktree.flag(&format!("{}: {error}", path.display())),
    }
    if let Some(report) = settings.junit.clone() {
        match junit::read(report.clone()).await {
            Ok(status) => worktree.test_status = status,
            Err(error) => worktree.flag(&format!(
                "{}: {}",
                report.display(),
                crate::engine::chain(&error)
            )),
        }
    }
    if settings.git {
        match git_state(&settings.path, nursery).await {
            Ok(state) => worktree.git = Some(state),
            Err(why) => worktree.flag(&format!("git: {why}")),
        }
    }
    worktree
}

/// The text of a file; `None` if it is not there. Off the async threads: a file system may hang.
async fn read(path: PathBuf) -> std::io::Result<Option<String>> {
    let read = tokio::task::spawn_blocking(move || match path.metadata() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
        Ok(file) if file.len() > MOST_BYTES => Err(std::io::ErrorKind::FileTooLarge.into()),
        Ok(_) => std::fs::read_to_string(path).map(Some),
    });
    read.await
        .unwrap_or_else(|_| Err(std::io::ErrorKind::Other.into()))
}

/// Takes over what a `.worktree` file says; later lines win, as in a shell.
fn apply(text: &str, worktree: &mut Worktree) {
    for (number, line) in text.lines().enumerate() {
        match assignment(line) {
            Ok(Some(("status", value))) => match value.as_str() {
                "complete" | "completed" => worktree.status = WorktreeStatus::Complete,
                "working" => worktree.status = WorktreeStatus::Working,
                "testing" => worktree.status = WorktreeStatus::Testing,
                "blocked" => worktree.status = WorktreeStatus::Blocked,
                other => worktree.flag(&format!("unknown status {other:?}")),
            },
            Ok(Some(("test_status", value))) => match value.as_str() {
                "unknown" => worktree.test_status = TestStatus::Unknown,
                "passing" => worktree.test_status = TestStatus::Passing,
                "failing" => worktree.test_status = TestStatus::Failing,
                other => worktree.flag(&format!("unknown test_status {other:?}")),
            },
            Ok(_) => {}
            Err(NotAssigned) => worktree.flag(&format!("line {} is no key=value", number + 1)),
        }
    }
}

/// A line that assigns nothing.
#[derive(Debug, PartialEq, Eq)]
struct NotAssigned;

/// A line of a shell-style file: `export key = "a value" # comment`. Spaces around `=` are accepted.
fn assignment(line: &str) -> Result<Option<(&str, String)>, NotAssigned> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let line = line.strip_prefix("export ").unwrap_or(line);
    let (key, value) = line.split_once('=').ok_or(NotAssigned)?;
    let (key, value) = (key.trim(), value.trim());
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if key.is_empty() || !key.chars().all(is_name) {
        return Err(NotAssigned);
    }
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''));
    let value = match quote {
        Some(quote) => value[1..].split_once(quote).ok_or(NotAssigned)?.0,
        None => value.split(" #").next().unwrap_or("").trim(),
    };
    Ok(Some((key, value.to_owned())))
}

async fn git_state(folder: &Path, nursery: &Nursery) -> Result<GitState, String> {
    let status = ["status", "--porcelain=v2", "--branch"];
    let mut state = parse_status(&git(folder, &status, nursery).await?);
    let commit = git(folder, &["log", "-1", "--format=%ct"], nursery).await?;
    let time: Option<i64> = commit.trim().parse().ok();
    state.last_commit_age_seconds = time.map(|time| jiff::Timestamp::now().as_second() - time);
    Ok(state)
}

async fn git(folder: &Path, args: &[&str], nursery: &Nursery) -> Result<String, String> {
    let path = std::env::var("PATH").unwrap_or_default();
    let command = Command {
        program: resolve("git", &path).ok_or("there is no command \"git\"")?,
        args: args.iter().map(|arg| (*arg).to_owned()).collect(),
        // A look must not take git's locks from those who work there.
        env: vec![("GIT_OPTIONAL_LOCKS".to_owned(), "0".to_owned())],
        folder: Some(folder.to_owned()),
    };
    let mut child = nursery
        .start(&command, Streams::Piped)
        .map_err(|error| error.to_string())?;
    drop(child.stdin.take());
    let mut output = child.stdout.take().expect("its output is piped");
    let mut text = Vec::new();
    let read = tokio::io::AsyncReadExt::read_to_end(&mut output, &mut text);
    let ended = tokio::time::timeout(GIT, read).await;
    ended
        .map_err(|_| format!("no answer within {GIT:?}"))?
        .map_err(|error| error.to_string())?;
    match child.exited().await {
        0 => Ok(String::from_utf8_lossy(&text).into_owned()),
        code => Err(format!(
            "exit {code}: {}",
            super::script::last_line(&child.stderr())
        )),
    }
}

/// Reads what `git status --porcelain=v2 --branch` prints.
fn parse_status(text: &str) -> GitState {
    let mut state = GitState::default();
    for line in text.lines() {
        if let Some(branch) = line.strip_prefix("# branch.head ") {
            state.branch = Some(branch.to_owned()).filter(|branch| branch != "(detached)");
        } else if let Some(counts) = line.strip_prefix("# branch.ab ") {
            let count = |sign| {
                let mut words = counts.split(' ');
                words.find_map(|word| word.strip_prefix(sign)?.parse().ok())
            };
            state.ahead = count('+').unwrap_or(0);
            state.behind = count('-').unwrap_or(0);
        } else if !line.starts_with('#') && !line.is_empty() {
            state.dirty += 1;
        }
    }
    state
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied(text: &str) -> Worktree {
        let mut worktree = Worktree {
            name: "dev".to_owned(),
            status: WorktreeStatus::default(),
            test_status: TestStatus::default(),
            detail: String::new(),
            git: None,
            errors: 0,
        };
        apply(text, &mut worktree);
        worktree
    }

    #[test]
    fn files_are_read_as_a_shell_would() {
        let worktree = applied(
            "# state\nexport status=\"testing\" # for now\n\n  test_status = 'passing'\nowner=me # x\n",
        );
        assert_eq!(worktree.status, WorktreeStatus::Testing);
        assert_eq!(worktree.test_status, TestStatus::Passing);
        assert_eq!((worktree.errors, worktree.detail.as_str()), (0, ""));
    }

    #[test]
    fn unknown_values_are_flagged_and_count_as_the_sheet_says() {
        let worktree =
            applied("status=sleeping\ntest_status=\"maybe\"\nnonsense\nstatus2=\"open\n");
        assert_eq!(worktree.status, WorktreeStatus::Working);
        assert_eq!(worktree.test_status, TestStatus::Unknown);
        assert_eq!(worktree.errors, 4);
        assert!(worktree.detail.contains("\"sleeping\"") && worktree.detail.contains("line 3"));
    }

    #[test]
    fn git_says_where_a_worktree_stands() {
        let state = parse_status(
            "# branch.oid 12\n# branch.head main\n# branch.upstream origin/main\n# branch.ab +2 -3\n1 .M N... a\n? b\n",
        );
        assert_eq!(state.branch.as_deref(), Some("main"));
        assert_eq!((state.dirty, state.ahead, state.behind), (2, 2, 3));
        assert_eq!(parse_status("# branch.head (detached)\n").branch, None);
    }
}
