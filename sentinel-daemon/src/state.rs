//! The folder where state outlives the process: which one it is, and that one process alone writes there.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

/// The file of the order of unknown outcome.
pub const ORDERS: &str = "orders.json";
/// The file of a paper account.
pub const PAPER_ACCOUNT: &str = "paper-gateway.json";

/// Why a folder for state cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// No folder is given, and the environment names no place for one.
    #[error(
        "no folder for state: neither XDG_STATE_HOME nor HOME is an absolute path; give one with --state-dir"
    )]
    NoHome,
    /// It cannot be made or written to.
    #[error("cannot use the folder {} for state", .0.display())]
    Unusable(PathBuf, #[source] io::Error),
    /// Another process keeps its state there.
    #[error("the state in {} is in use by another process; stop it, or give another folder with --state-dir", .0.display())]
    InUse(PathBuf),
}

/// A file in a folder for state, held by this process until it is dropped or the process ends, in whatever way.
#[derive(Debug)]
pub struct HeldFile {
    path: PathBuf,
    _lock: File,
}

impl HeldFile {
    /// Takes `name` in `folder`, which is made if it is not there. The file itself is left as it is.
    ///
    /// # Errors
    /// [`FolderError::Unusable`] and [`FolderError::InUse`].
    pub fn take(folder: &Path, name: &str) -> Result<Self, FolderError> {
        let unusable = |error| FolderError::Unusable(folder.to_owned(), error);
        fs::create_dir_all(folder).map_err(unusable)?;
        let path = folder.join(name);
        // A file beside it, as the file itself is replaced at each write.
        let lock = File::create(path.with_extension("lock")).map_err(unusable)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path, _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(FolderError::InUse(folder.to_owned())),
            Err(TryLockError::Error(error)) => Err(unusable(error)),
        }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// The folder for what belongs to a gateway's address, if none is given: `sentinel-daemon/HOST_PORT` below
/// `$XDG_STATE_HOME`, else below `~/.local/state`. An order is only known where it was sent, so each address has a folder.
///
/// # Errors
/// [`FolderError::NoHome`].
pub fn folder_of(endpoint: &str) -> Result<PathBuf, FolderError> {
    let absolute = |name| {
        let path = std::env::var_os(name).map(PathBuf::from);
        // As the XDG base directory specification has it, a relative path counts as unset.
        path.filter(|path| path.is_absolute())
    };
    let home = absolute("XDG_STATE_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".local/state")))
        .ok_or(FolderError::NoHome)?;
    Ok(home.join("sentinel-daemon").join(folder_name(endpoint)))
}

fn folder_name(endpoint: &str) -> String {
    let address = endpoint.strip_prefix("tcp://").unwrap_or(endpoint);
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() || ".-".contains(c) {
            c
        } else {
            '_'
        }
    };
    address.chars().map(plain).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counterpart::gateway::scratch::Scratch;

    #[test]
    fn a_file_is_held_by_one_until_it_is_dropped() {
        let room = Scratch::new();
        let folder = room.path("made/for it");
        let held = HeldFile::take(&folder, "orders.json").unwrap();
        assert_eq!(held.path(), folder.join("orders.json"));
        let second = HeldFile::take(&folder, "orders.json").unwrap_err();
        assert!(matches!(&second, FolderError::InUse(path) if *path == folder));
        HeldFile::take(&folder, "another.json").expect("each file has an owner of its own");
        drop(held);
        HeldFile::take(&folder, "orders.json").expect("it is free again");
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_named() {
        let room = Scratch::new();
        let file = room.path("file");
        fs::write(&file, "").unwrap();
        let refused = HeldFile::take(&file.join("below"), "orders.json").unwrap_err();
        assert!(refused.to_string().contains("file/below"), "{refused}");
    }

    #[test]
    fn each_address_has_a_name_that_a_file_system_takes() {
        assert_eq!(folder_name("tcp://127.0.0.1:5555"), "127.0.0.1_5555");
        assert_eq!(folder_name("tcp://[::1]:5555"), "___1__5555");
        assert_eq!(folder_name("ipc:///run/gateway"), "ipc____run_gateway");
    }
}
