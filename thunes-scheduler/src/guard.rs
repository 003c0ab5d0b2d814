//! A process of ours around each child: when the program ends in any way, the guard ends the child and all it started.
//!
//! The program starts itself again with [`asked`] as the first thing in `main`. The guard's standard error is a pipe
//! to the program. When the program closes its end, or dies, the guard's end reports an error, and that is the sign to
//! end: no byte is sent, so nothing can hold it up. The guard adopts what its child leaves behind (it is a child
//! subreaper), so a process that called `setsid` is found as well.

use std::ffi::OsString;
use std::fs;
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitOptions, WaitStatus, getpid, kill_process, kill_process_group,
    pidfd_open, set_child_subreaper, wait,
};

/// The first argument that makes the program a guard.
const WORD: &str = "--guard-a-child";

/// The exit code for a command that could not be started, as shells have it, with [`NOT_STARTED`] on standard error.
pub(crate) const NOT_STARTED_CODE: i32 = 127;

/// What the guard says of a command that could not be started.
pub(crate) const NOT_STARTED: &str = "guard: cannot start";

/// How long a child that reads its standard input has to end by itself once that is closed. The slowest of thirteen
/// real servers took 0.37 s.
const AFTER_EOF: Duration = Duration::from_millis(500);

/// How long a child has between SIGTERM and SIGKILL.
const AFTER_TERM: Duration = Duration::from_secs(1);

/// How the child's streams are laid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Streams {
    /// Input and output are the program's pipes.
    Piped,
    /// No input; output goes where errors go.
    Quiet,
}

impl Streams {
    const fn word(self) -> &'static str {
        match self {
            Self::Piped => "piped",
            Self::Quiet => "quiet",
        }
    }
}

/// How guards are started: the program that becomes one.
#[derive(Debug, Clone)]
pub struct Guard(PathBuf);

impl Default for Guard {
    /// The running program. On Linux that is the same file even after an update has replaced it.
    fn default() -> Self {
        let this = Path::new("/proc/self/exe");
        if this.exists() {
            return Self(this.to_owned());
        }
        Self(std::env::current_exe().unwrap_or_else(|_| this.to_owned()))
    }
}

impl Guard {
    /// Another program that calls [`asked`] first.
    #[must_use]
    pub const fn program(path: PathBuf) -> Self {
        Self(path)
    }

    /// A command that starts a guard around `program`; arguments of `program` are to be added.
    pub(crate) fn around(&self, program: &Path, streams: Streams) -> tokio::process::Command {
        let mut command = tokio::process::Command::new(&self.0);
        command.arg0("thunes-guard").arg(WORD).arg(streams.word());
        // A group of its own: Ctrl-C at the terminal is the program's to handle.
        command.arg(program).process_group(0);
        command
    }
}

/// Whether this process was started as a guard; then it has been one, and the exit code is to be returned from `main`.
#[must_use]
pub fn asked() -> Option<ExitCode> {
    let mut args = std::env::args_os().skip(1);
    if args.next()? != WORD {
        return None;
    }
    let code = match guard(args.next()? == Streams::Piped.word(), args.collect()) {
        Ok(code) => code,
        Err(error) => {
            let _ = writeln!(io::stderr(), "{NOT_STARTED}: {error}");
            NOT_STARTED_CODE
        }
    };
    Some(ExitCode::from(u8::try_from(code).unwrap_or(u8::MAX)))
}

/// Runs the command to its end or the program's, and leaves nothing of it.
fn guard(piped: bool, line: Vec<OsString>) -> io::Result<i32> {
    set_child_subreaper(Some(getpid()))?;
    let mut line = line.into_iter();
    let program = line.next().ok_or(io::ErrorKind::InvalidInput)?;
    let mut command = Command::new(program);
    command.args(line).process_group(0);
    if !piped {
        let errors = io::stderr().as_fd().try_clone_to_owned()?;
        command.stdin(Stdio::null()).stdout(errors);
    }
    let child = command.spawn()?;
    let child = Pid::from_child(&child);
    let ended = pidfd_open(child, PidfdFlags::empty())?;
    let_go_of_the_pipes()?;
    if !wait_for(&ended, true, None)? {
        end(child, &ended, piped)?;
    }
    // The group is the child's until it is reaped, so this meets nobody else.
    let _ = kill_process_group(child, Signal::KILL);
    Ok(bury_all(child))
}

/// The child's streams are the child's: held here as well, they would not end with it.
fn let_go_of_the_pipes() -> io::Result<()> {
    let null = fs::File::options()
        .read(true)
        .write(true)
        .open("/dev/null")?;
    rustix::stdio::dup2_stdin(&null)?;
    rustix::stdio::dup2_stdout(&null)?;
    Ok(())
}

/// Waits for the child's end; `false` if the program's end of the pipe was closed first, or the time is over.
fn wait_for(ended: &OwnedFd, watch_program: bool, limit: Option<Duration>) -> io::Result<bool> {
    let until = limit.map(|limit| Instant::now() + limit);
    let errors = io::stderr();
    loop {
        let left = until.map(|until| until.saturating_duration_since(Instant::now()));
        let left = left.map(|left| Timespec::try_from(left).unwrap_or_default());
        let mut watched = vec![PollFd::new(ended, PollFlags::IN)];
        if watch_program {
            watched.push(PollFd::new(&errors, PollFlags::empty()));
        }
        match poll(&mut watched, left.as_ref()) {
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
            Ok(0) => return Ok(false),
            Ok(_) => return Ok(!watched[0].revents().is_empty()),
        }
    }
}

/// Ends a child: its input is closed already; then SIGTERM, and SIGKILL is the caller's.
fn end(child: Pid, ended: &OwnedFd, piped: bool) -> io::Result<()> {
    if piped && wait_for(ended, false, Some(AFTER_EOF))? {
        return Ok(());
    }
    let _ = kill_process_group(child, Signal::TERM);
    // A stopped process gets to SIGTERM only when it goes on.
    let _ = kill_process_group(child, Signal::CONT);
    wait_for(ended, false, Some(AFTER_TERM))?;
    Ok(())
}

/// Kills and reaps until no descendant is left, and tells the child's exit code.
fn bury_all(child: Pid) -> i32 {
    let mut code = NOT_STARTED_CODE;
    let mut pause = Duration::from_millis(1);
    loop {
        match wait(WaitOptions::NOHANG) {
            Ok(Some((pid, status))) if pid == child => code = code_of(status),
            Ok(Some(_)) | Err(rustix::io::Errno::INTR) => {}
            Err(_) => return code,
            Ok(None) => {
                // Orphans of those that die here come to us, for the next round.
                for pid in children() {
                    let _ = kill_process(pid, Signal::KILL);
                }
                std::thread::sleep(pause);
                pause = (pause * 2).min(Duration::from_millis(100));
            }
        }
    }
}

/// The exit code as shells have it: 128 and the signal's number for a child that a signal ended.
fn code_of(status: WaitStatus) -> i32 {
    let killed = status.terminating_signal().map(|signal| 128 + signal);
    status.exit_status().or(killed).unwrap_or(NOT_STARTED_CODE)
}

/// Our children, adopted ones included. Only we reap them, so none of these numbers can have passed to a stranger.
fn children() -> Vec<Pid> {
    let me = getpid().as_raw_nonzero().to_string();
    let Ok(processes) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    let mine = processes.flatten().filter_map(|process| {
        let pid: i32 = process.file_name().to_str()?.parse().ok()?;
        let stat = fs::read_to_string(process.path().join("stat")).ok()?;
        // The name before it is in brackets and may hold anything: `12 (a) b) S 7 …`.
        let parent = stat.rsplit_once(')')?.1.split_ascii_whitespace().nth(1)?;
        (parent == me).then(|| Pid::from_raw(pid))?
    });
    mine.collect()
}
