//! A LAB of a test's own: health scripts, servers, worktrees, and the configuration that names them.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use crate::process::clean;
use crate::{Folder, Running, program, wait_until};

/// A folder with a configuration, `thunes.toml`, and an empty folder for health scripts.
#[derive(Debug)]
pub struct Lab(Folder);

impl Lab {
    /// Lays one out. `config` is the text of its configuration.
    ///
    /// # Panics
    /// It cannot be written.
    #[must_use]
    pub fn new(name: &str, config: &str) -> Self {
        let lab = Self(Folder::new(name));
        fs::create_dir_all(lab.path("bin")).expect("a folder can be made");
        lab.configure(config);
        lab
    }

    /// A path in it.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        PathBuf::from(self.0.path()).join(name)
    }

    /// Its configuration file.
    #[must_use]
    pub fn config(&self) -> String {
        format!("{}/thunes.toml", self.0.path())
    }

    /// Changes its configuration.
    ///
    /// # Panics
    /// It cannot be written.
    pub fn configure(&self, config: &str) {
        // Renamed into place: a reload must not see half of it.
        fs::write(self.path("new.toml"), config).expect("a file can be written");
        fs::rename(self.path("new.toml"), self.config()).expect("a file can be renamed");
    }

    /// Writes a file.
    ///
    /// # Panics
    /// It cannot be written.
    pub fn file(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).expect("a file can be written");
    }

    /// Writes the health script of a server.
    ///
    /// # Panics
    /// It cannot be written.
    pub fn script(&self, server: &str, body: &str) {
        self.executable(&format!("bin/mcp-{server}-health"), body);
    }

    /// Writes a shell script.
    ///
    /// # Panics
    /// It cannot be written.
    pub fn executable(&self, name: &str, body: &str) {
        self.file(name, &format!("#!/bin/sh\n{body}\n"));
        let mode = fs::Permissions::from_mode(0o755);
        fs::set_permissions(self.path(name), mode).expect("a file can be made executable");
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(program("thunes-scheduler"));
        clean(&mut command);
        command.arg("--config").arg(self.config()).args(args);
        command
    }

    /// Starts the scheduler on it.
    ///
    /// # Panics
    /// It does not start.
    #[must_use]
    pub fn start(&self, args: &[&str]) -> Running {
        let mut command = self.command(&["--metrics-port", "0"]);
        Running::spawn(command.args(args), &[])
    }

    /// Starts the trading daemon with it: a replay at `pace` seconds a cycle.
    ///
    /// # Panics
    /// It does not start.
    #[must_use]
    pub fn start_daemon(&self, pace: &str) -> Running {
        let config = self.config();
        let args = [
            "--metrics-port",
            "0",
            "--pace",
            pace,
            "--lab-config",
            &config,
        ];
        Running::daemon(&args)
    }

    /// The code that the scheduler ends with, and what it prints to both its streams.
    ///
    /// # Panics
    /// It does not start.
    #[must_use]
    pub fn ask(&self, args: &[&str]) -> (Option<i32>, String, String) {
        let output = self.command(args).output().expect("the program starts");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (
            output.status.code(),
            text(&output.stdout),
            text(&output.stderr),
        )
    }

    /// The process id that a script wrote to a file, if it has.
    #[must_use]
    pub fn pid(&self, name: &str) -> Option<i32> {
        let text = fs::read_to_string(self.path(name)).ok()?;
        text.trim().parse().ok()
    }

    /// Waits until scripts have written their process ids to these files.
    ///
    /// # Panics
    /// They do not.
    #[must_use]
    pub fn pids(&self, files: &[&str]) -> Vec<i32> {
        let mut pids = Vec::new();
        wait_until("all children", || {
            pids = files.iter().filter_map(|file| self.pid(file)).collect();
            if pids.len() == files.len() {
                Ok(())
            } else {
                Err(format!("{} of {files:?}", pids.len()))
            }
        });
        pids
    }
}

/// Waits until none of these processes is alive.
///
/// # Panics
/// One stays.
pub fn wait_for_the_end_of(pids: &[i32]) {
    wait_until("the children to end", || {
        let left: Vec<_> = pids.iter().filter(|pid| is_alive(**pid)).collect();
        if left.is_empty() {
            Ok(())
        } else {
            Err(format!("{left:?}"))
        }
    });
}

/// Whether a process is there and no zombie.
#[must_use]
pub fn is_alive(pid: i32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"));
    let fields = stat.as_deref().ok().and_then(|stat| stat.rsplit_once(')'));
    fields.is_some_and(|(_, fields)| !fields.starts_with(" Z"))
}
