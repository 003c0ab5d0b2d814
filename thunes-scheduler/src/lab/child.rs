//! A child under its guard: started, heard, and let go of without ever waiting for its pipes.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::process::{ChildStderr, ChildStdin, ChildStdout};
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use crate::guard::{Guard, NOT_STARTED, NOT_STARTED_CODE, Streams};

/// How much of a child's standard error is kept: its end, where the reason stands.
const KEPT: usize = 4 * 1024;

/// How long the rest of standard error may take once the child has ended. It is in the pipe by then.
const REST: Duration = Duration::from_millis(100);

/// What to start.
#[derive(Debug, Clone)]
pub(super) struct Command {
    pub(super) program: PathBuf,
    pub(super) args: Vec<String>,
    pub(super) env: Vec<(String, String)>,
    pub(super) folder: Option<PathBuf>,
}

/// Where children are started, and waited for when the program ends.
#[derive(Debug, Clone, Default)]
pub(super) struct Nursery {
    guard: Guard,
    keepers: TaskTracker,
}

/// A child; dropped, it and all its descendants are ended.
#[derive(Debug)]
pub(super) struct Child {
    pub(super) stdin: Option<ChildStdin>,
    pub(super) stdout: Option<ChildStdout>,
    stderr: Tail,
    exited: watch::Receiver<Option<i32>>,
    _alive: DropGuard,
}

impl Nursery {
    pub(super) fn new(guard: Guard) -> Self {
        let keepers = TaskTracker::new();
        Self { guard, keepers }
    }

    /// Starts a child under a guard.
    pub(super) fn start(&self, command: &Command, streams: Streams) -> std::io::Result<Child> {
        let mut guard = self.guard.around(&command.program, streams);
        guard.args(&command.args).envs(command.env.iter().cloned());
        if let Some(folder) = &command.folder {
            guard.current_dir(folder);
        }
        let (input, output) = match streams {
            Streams::Piped => (Stdio::piped(), Stdio::piped()),
            Streams::Quiet => (Stdio::null(), Stdio::null()),
        };
        guard.stdin(input).stdout(output).stderr(Stdio::piped());
        let mut guard = guard.spawn()?;
        let (stdin, stdout) = (guard.stdin.take(), guard.stdout.take());
        let errors = guard.stderr.take().expect("standard error is piped");
        let (tell, exited) = watch::channel(None);
        let (stderr, end) = (Tail::default(), CancellationToken::new());
        let alive = end.clone().drop_guard();
        self.keepers
            .spawn(keep(guard, errors, stderr.clone(), end, tell));
        Ok(Child {
            stdin,
            stdout,
            stderr,
            exited,
            _alive: alive,
        })
    }

    /// Waits until every child that was let go of has ended, up to `limit`.
    pub(super) async fn empty(&self, limit: Duration) {
        self.keepers.close();
        if tokio::time::timeout(limit, self.keepers.wait())
            .await
            .is_err()
        {
            let left = self.keepers.len();
            tracing::warn!("{left} children have not ended within {limit:?}; their guards go on");
        }
    }
}

impl Child {
    /// Waits for the child's end: its exit code, with 128 added to the number of a signal that ended it.
    pub(super) async fn exited(&mut self) -> i32 {
        let code = self.exited.wait_for(Option::is_some).await;
        code.ok().and_then(|code| *code).unwrap_or(NOT_STARTED_CODE)
    }

    /// The end of what it wrote to standard error.
    pub(super) fn stderr(&self) -> String {
        self.stderr.text()
    }

    /// Whether this exit code means that the command was never started; then why.
    pub(super) fn not_started(&self, code: i32) -> Option<String> {
        let text = self.stderr();
        let why = text
            .lines()
            .find_map(|line| line.strip_prefix(NOT_STARTED))?;
        (code == NOT_STARTED_CODE).then(|| why.trim_start_matches(": ").to_owned())
    }
}

/// Keeps hold of the guard's pipe until the child ends or is let go of; then reaps the guard.
async fn keep(
    mut guard: tokio::process::Child,
    mut errors: ChildStderr,
    tail: Tail,
    end: CancellationToken,
    tell: watch::Sender<Option<i32>>,
) {
    let mut buffer = vec![0; 64 * 1024];
    let mut open = true;
    let status = loop {
        tokio::select! {
            biased;
            () = end.cancelled() => break None,
            status = guard.wait() => break status.ok(),
            read = errors.read(&mut buffer), if open => match read {
                Ok(n) if n > 0 => tail.add(&buffer[..n]),
                _ => open = false,
            },
        }
    };
    if status.is_some() && open {
        let rest = async {
            while let Ok(n @ 1..) = errors.read(&mut buffer).await {
                tail.add(&buffer[..n]);
            }
        };
        let _ = tokio::time::timeout(REST, rest).await;
    }
    // The sign for the guard.
    drop(errors);
    let status = match status {
        Some(status) => Some(status),
        None => guard.wait().await.ok(),
    };
    tell.send_replace(Some(
        status
            .and_then(|status| status.code())
            .unwrap_or(NOT_STARTED_CODE),
    ));
}

/// The last bytes of a stream, however much goes through it.
#[derive(Debug, Clone, Default)]
struct Tail(Arc<Mutex<Vec<u8>>>);

impl Tail {
    fn add(&self, bytes: &[u8]) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes = &bytes[bytes.len().saturating_sub(KEPT)..];
        let old = (kept.len() + bytes.len()).saturating_sub(KEPT);
        kept.drain(..old);
        kept.extend_from_slice(bytes);
    }

    fn text(&self) -> String {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&kept).into_owned()
    }
}

/// The file that a command's name stands for, looked for in `path` as a shell would.
pub(super) fn resolve(command: &str, path: &str) -> Option<PathBuf> {
    let runs = |file: &Path| {
        let found = file.metadata();
        found.is_ok_and(|found| found.is_file() && is_executable(&found))
    };
    if command.contains('/') {
        return Some(PathBuf::from(command)).filter(|file| runs(file));
    }
    let places = std::env::split_paths(path);
    places
        .map(|place| place.join(command))
        .find(|file| runs(file))
}

/// Whether somebody may execute the file.
pub(super) fn is_executable(file: &std::fs::Metadata) -> bool {
    std::os::unix::fs::PermissionsExt::mode(&file.permissions()) & 0o111 != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_kept_to_its_end() {
        let tail = Tail::default();
        for _ in 0..1000 {
            tail.add(&[b'x'; 1000]);
        }
        tail.add(b"the reason");
        let text = tail.text();
        assert_eq!(text.len(), KEPT);
        assert!(text.ends_with("xthe reason"));
    }

    #[test]
    fn commands_are_found_as_a_shell_does() {
        assert!(resolve("sh", "/nowhere:/usr/bin:/bin").is_some());
        assert_eq!(resolve("sh", "/nowhere"), None);
        assert_eq!(resolve("/etc/passwd", "/bin"), None, "not executable");
    }
}
