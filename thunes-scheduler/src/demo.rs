//! A LAB to look at: eighteen servers, some slow, hung, or dead, and five worktrees, in a folder that goes with it.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::config::{ConfigError, Settings};
use crate::lab::PREDECESSORS_SERVERS;

/// What the health scripts do, by the number of the server; all others are up at once.
const SCRIPTS: [(usize, &str); 7] = [
    (2, "echo 'no database' >&2; exit 1"),
    (5, "sleep 1; exit 0"),
    (6, "sleep 600"),
    (7, "trap '' TERM; sleep 600; sleep 600"),
    (9, "echo 'set PERPLEXITY_API_KEY' >&2; exit 2"),
    (11, "sleep 600 & exit 0"),
    (13, "kill -9 $$"),
];

/// The server without a script.
const MISSING: usize = 17;

const WORKTREES: [(&str, &str); 5] = [
    ("main", "status=complete\ntest_status=passing\n"),
    ("dev", "status=\"working\"\ntest_status=\"failing\"\n"),
    ("experimental", "status='testing' # a long run\n"),
    ("cloudflare", "status=blocked\n"),
    ("thunes", "status=asleep\n"),
];

const CONFIG: &str = "[lab]\nroot = \".\"\ninterval = \"10s\"\nscript_timeout = \"3s\"\n";

/// The folder of a demonstration; removed when dropped.
#[derive(Debug)]
pub struct Demo(PathBuf);

impl Demo {
    /// Makes the folder and everything in it.
    ///
    /// # Errors
    /// The folder for temporary files cannot be written to.
    pub fn new() -> io::Result<Self> {
        let demo = Self(std::env::temp_dir().join(format!("thunes-demo-{}", std::process::id())));
        fs::create_dir_all(demo.0.join("bin"))?;
        for (number, server) in PREDECESSORS_SERVERS.iter().enumerate() {
            if number != MISSING {
                demo.script(server, number)?;
            }
        }
        let mut config = CONFIG.to_owned();
        for (name, text) in WORKTREES {
            let folder = demo.0.join("worktrees").join(name);
            fs::create_dir_all(&folder)?;
            fs::write(folder.join(".worktree"), text)?;
            let lines = [
                "[[lab.worktree]]".to_owned(),
                format!("name = \"{name}\""),
                format!("path = \"worktrees/{name}\"\n"),
            ];
            config.push_str(&lines.join("\n"));
        }
        fs::write(demo.config(), config)?;
        Ok(demo)
    }

    fn script(&self, server: &str, number: usize) -> io::Result<()> {
        let body = SCRIPTS.iter().find(|(known, _)| *known == number);
        let body = body.map_or("exit 0", |(_, body)| body);
        let path = self.0.join(format!("bin/mcp-{server}-health"));
        fs::write(&path, format!("#!/bin/sh\n{body}\n"))?;
        fs::set_permissions(path, fs::Permissions::from_mode(0o755))
    }

    /// Its configuration file, which may be edited while it runs.
    #[must_use]
    pub fn config(&self) -> PathBuf {
        self.0.join("thunes.toml")
    }

    /// What its configuration says.
    ///
    /// # Errors
    /// Somebody changed it already.
    pub fn settings(&self) -> Result<Settings, ConfigError> {
        Settings::read(Path::new(&self.config()))
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        // What cannot be removed is left to whoever cleans temporary files.
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_has_what_it_promises_and_leaves_nothing() {
        let demo = Demo::new().unwrap();
        let lab = demo.settings().unwrap().lab.unwrap();
        assert_eq!(lab.worktrees.len(), 5);
        assert_eq!(
            fs::read_dir(&lab.scripts).unwrap().count(),
            17,
            "one of 18 has none"
        );
        drop(demo);
        assert!(!lab.root.exists());
    }
}
