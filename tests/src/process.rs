//! Programs as processes of their own: built, started, listened to, and ended.

use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use crate::{Folder, wait_until};

/// The path of a program of the workspace, built as the tests are.
///
/// # Panics
/// It cannot be built.
pub fn program(name: &str) -> PathBuf {
    static BUILT: OnceLock<()> = OnceLock::new();
    BUILT.get_or_init(|| {
        let mut build = Command::new(env!("CARGO"));
        build.args(["build", "--quiet", "--workspace", "--bins"]);
        build.current_dir(env!("CARGO_MANIFEST_DIR"));
        // With the tests, so that features are united as in `cargo test --workspace` and nothing is built twice. In
        // release these tests are alone, and only the programs are wanted.
        build.arg(if cfg!(debug_assertions) {
            "--tests"
        } else {
            "--release"
        });
        assert!(
            build.status().expect("cargo runs").success(),
            "the programs must build"
        );
    });
    let test = std::env::current_exe().expect("a test has a path");
    let folder = test
        .parent()
        .and_then(|deps| deps.parent())
        .expect("tests stand in target/PROFILE/deps");
    folder.join(name)
}

/// What a stream of a process has said so far.
#[derive(Debug, Clone)]
struct Heard(Arc<Mutex<String>>);

impl Heard {
    fn listen(stream: impl Read + Send + 'static) -> Self {
        let heard = Arc::<Mutex<String>>::default();
        let writer = Arc::clone(&heard);
        std::thread::spawn(move || {
            for line in BufReader::new(stream).lines().map_while(Result::ok) {
                let mut text = writer.lock().unwrap_or_else(PoisonError::into_inner);
                text.push_str(&line);
                text.push('\n');
            }
        });
        Self(heard)
    }

    fn text(&self) -> String {
        let text = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        text.clone()
    }

    /// Whether the stream has ended, and all that it said is in the text.
    fn has_ended(&self) -> bool {
        // Its thread holds the other reference.
        Arc::strong_count(&self.0) == 1
    }

    /// The first line that starts with `word`, without it.
    fn line(&self, word: &str) -> Option<String> {
        let text = self.text();
        let line = text.lines().find_map(|line| line.trim().strip_prefix(word));
        line.map(|rest| rest.trim().to_owned())
    }
}

/// A running program; it is killed when dropped.
#[derive(Debug)]
pub struct Running {
    child: Child,
    stdout: Heard,
    stderr: Heard,
    /// Where it keeps state unless told otherwise: forgotten with it.
    _state: Folder,
}

impl Running {
    /// Starts `sentinel-daemon` with these arguments, without the environment names it reads.
    ///
    /// # Panics
    /// It does not start.
    #[must_use]
    pub fn daemon(args: &[&str]) -> Self {
        Self::daemon_with(args, &[])
    }

    /// Starts `sentinel-daemon` with these arguments and a vendor token.
    ///
    /// # Panics
    /// It does not start.
    #[must_use]
    pub fn daemon_with_token(args: &[&str], token: &str) -> Self {
        Self::daemon_with(args, &[("EODHD_API_TOKEN", token)])
    }

    /// Starts `sentinel-daemon` with these arguments and names in its environment.
    ///
    /// # Panics
    /// It does not start.
    #[must_use]
    pub fn daemon_with(args: &[&str], environment: &[(&str, &str)]) -> Self {
        let mut command = Command::new(program("sentinel-daemon"));
        clean(&mut command);
        Self::spawn(command.args(args), environment)
    }

    /// Starts a program that is not ours, which is looked for where the system looks for programs.
    ///
    /// # Panics
    /// It does not start.
    #[must_use]
    pub fn other(name: &str, args: &[&str]) -> Self {
        Self::spawn(Command::new(name).args(args), &[])
    }

    pub(crate) fn spawn(command: &mut Command, environment: &[(&str, &str)]) -> Self {
        static STARTED: AtomicU32 = AtomicU32::new(0);
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let state = Folder::new(&format!("state-{number}"));
        let mut child = command
            .env("XDG_STATE_HOME", state.path())
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let stdout = Heard::listen(child.stdout.take().expect("stdout is piped"));
        let stderr = Heard::listen(child.stderr.take().expect("stderr is piped"));
        Self {
            child,
            stdout,
            stderr,
            _state: state,
        }
    }

    /// What follows `word` on a line of standard output, once it is there.
    ///
    /// # Panics
    /// It does not come.
    pub fn announced(&mut self, word: &str) -> String {
        let mut found = None;
        wait_until(&format!("the line {word:?}"), || {
            let ended = self.stdout.has_ended();
            found = self.stdout.line(word);
            assert!(
                found.is_some() || !ended,
                "it ended instead: {}",
                self.log()
            );
            if found.is_some() {
                Ok(())
            } else {
                Err(self.stdout.text())
            }
        });
        found.expect("it was waited for")
    }

    /// The `host:port` of the metrics endpoint.
    ///
    /// # Panics
    /// It does not come up.
    pub fn metrics_addr(&mut self) -> String {
        let url = self.announced("metrics");
        let addr = url
            .strip_prefix("http://")
            .and_then(|rest| rest.strip_suffix("/metrics"));
        addr.expect("the line holds the URL").to_owned()
    }

    /// Standard error so far.
    #[must_use]
    pub fn log(&self) -> String {
        self.stderr.text()
    }

    /// Standard output so far.
    #[must_use]
    pub fn output(&self) -> String {
        self.stdout.text()
    }

    /// Resident memory in KiB.
    ///
    /// # Panics
    /// The system does not tell.
    #[must_use]
    pub fn resident_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id()))
            .expect("a running process has a status");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.expect("its memory is in it").trim();
        kib.trim_end_matches(" kB")
            .parse()
            .expect("it is a number of KiB")
    }

    /// The process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it still runs.
    ///
    /// # Panics
    /// The system does not tell.
    pub fn is_alive(&mut self) -> bool {
        self.child
            .try_wait()
            .expect("a child can be waited for")
            .is_none()
    }

    /// Sends a signal by name, such as `TERM`.
    ///
    /// # Panics
    /// It cannot be sent.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill")
            .arg(format!("-{name}"))
            .arg(self.id().to_string())
            .status();
        assert!(sent.expect("kill runs").success(), "{name} is sent");
    }

    /// Kills it without notice, and waits.
    ///
    /// # Panics
    /// It cannot be killed.
    pub fn kill(&mut self) {
        self.child.kill().expect("a child can be killed");
        self.child.wait().expect("a child can be waited for");
    }

    /// Waits for its end; all that it said is then in [`Self::log`] and [`Self::output`].
    ///
    /// # Panics
    /// It does not end, or something that it left behind holds its streams.
    pub fn ended(&mut self) -> ExitStatus {
        let mut status = None;
        wait_until("the end of the program", || {
            status = self.child.try_wait().expect("a child can be waited for");
            let all_heard = self.stdout.has_ended() && self.stderr.has_ended();
            status
                .filter(|_| all_heard)
                .map(|_| ())
                .ok_or_else(|| self.log())
        });
        status.expect("it was waited for")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already, which is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One of the three parties that the daemon talks to, as a process of its own.
#[derive(Debug)]
pub struct Counterpart {
    command: &'static str,
    addr: String,
    args: Vec<String>,
    running: Running,
}

impl Counterpart {
    /// Starts it on a free port, and keeps that port for when it comes back. `word` begins the line that names it.
    ///
    /// # Panics
    /// It does not start.
    #[must_use]
    pub fn start(command: &'static str, word: &str) -> Self {
        Self::start_with(command, word, &[])
    }

    /// Starts it with more arguments.
    ///
    /// # Panics
    /// It does not start.
    #[must_use]
    pub fn start_with(command: &'static str, word: &str, args: &[&str]) -> Self {
        let first = [&[command, "--bind", "127.0.0.1:0"], args].concat();
        let mut running = Running::daemon(&first);
        let line = running.announced(word);
        let url = line
            .split_whitespace()
            .next()
            .expect("the line holds the URL");
        let rest = url.split("://").nth(1).expect("the URL has a scheme");
        let addr = rest
            .split('/')
            .next()
            .expect("the URL has a host")
            .to_owned();
        let args = args.iter().map(|&arg| arg.to_owned()).collect();
        Self {
            command,
            addr,
            args,
            running,
        }
    }

    /// Kills it without notice.
    pub fn kill(&mut self) {
        self.running.kill();
    }

    /// Starts it again at its old address.
    pub fn restart(&mut self) {
        let mut args = vec![self.command, "--bind", &self.addr];
        args.extend(self.args.iter().map(String::as_str));
        self.running = Running::daemon(&args);
    }

    /// `HOST:PORT`.
    #[must_use]
    pub fn addr(&self) -> &str {
        &self.addr
    }

    /// The port.
    ///
    /// # Panics
    /// Never: an address has a port.
    #[must_use]
    pub fn port(&self) -> &str {
        self.addr.rsplit(':').next().expect("an address has a port")
    }
}

/// Takes the names away that the programs read from the environment, so that a test's machine does not matter.
pub(crate) fn clean(command: &mut Command) {
    for name in [
        "HUB_HOST",
        "HUB_PORT",
        "GTW_HOST",
        "GTW_PORT",
        "VENDOR_URL",
        "METRICS_PORT",
        "METRICS_HOST",
        "EODHD_API_TOKEN",
        "STATE_DIRECTORY",
        "SENTINEL_RISK_KEY_FILE",
        "LOG_LEVEL",
        "LOG_FORMAT",
        "LAB_CONFIG",
        "THUNES_CONFIG",
    ] {
        command.env_remove(name);
    }
}
