//! A folder of its own for one test, gone when the test is over.

use std::fs;
use std::path::PathBuf;

use uuid::Uuid;

use crate::state::HeldFile;

pub(crate) struct Scratch {
    folder: PathBuf,
}

impl Scratch {
    pub(crate) fn new() -> Self {
        let folder = std::env::temp_dir().join(format!("sentinel-{}", Uuid::new_v4()));
        fs::create_dir(&folder).unwrap();
        Self { folder }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// A file of the folder, held as a program holds it.
    pub(crate) fn held(&self, name: &str) -> HeldFile {
        HeldFile::take(&self.folder, name).unwrap()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // A test may have removed the folder itself.
        fs::remove_dir_all(&self.folder).ok();
    }
}
