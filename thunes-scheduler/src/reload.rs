//! Tells when the configuration is to be read again: on SIGHUP, and when its file changes.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::config::{ConfigError, Settings};
use crate::metrics;

/// How often the file is looked at.
const GLANCE: Duration = Duration::from_secs(2);

/// What tells one version of a file from another: inode, size, seconds and nanoseconds of its last change.
type Version = Option<(u64, u64, i64, i64)>;

/// Waits for a new configuration.
#[derive(Debug)]
pub(crate) struct Reload {
    file: Option<PathBuf>,
    read: fn(&Path) -> Result<Settings, ConfigError>,
    hangup: Signal,
    known: Version,
}

impl Reload {
    /// Watches `file`, if there is one.
    pub(crate) fn new(
        file: Option<PathBuf>,
        read: fn(&Path) -> Result<Settings, ConfigError>,
    ) -> io::Result<Self> {
        let known = file.as_deref().and_then(version);
        let hangup = signal(SignalKind::hangup())?;
        metrics::reloaded(true);
        Ok(Self {
            file,
            read,
            hangup,
            known,
        })
    }

    /// Waits for a reason to read the file again, and reads it. Nothing is lost when it is dropped while it waits.
    pub(crate) async fn next(&mut self) -> Result<Settings, ConfigError> {
        loop {
            let asked = tokio::select! {
                _ = self.hangup.recv() => true,
                () = tokio::time::sleep(GLANCE) => false,
            };
            let Some(file) = &self.file else {
                if asked {
                    tracing::info!("SIGHUP: there is no configuration file to read again");
                }
                continue;
            };
            let now = version(file);
            // A file that is gone is about to be replaced; only a person's wish reads it now.
            if asked || (now.is_some() && now != self.known) {
                self.known = now;
                return (self.read)(file);
            }
        }
    }
}

fn version(file: &Path) -> Version {
    let file = file.metadata().ok()?;
    Some((file.ino(), file.size(), file.mtime(), file.mtime_nsec()))
}
