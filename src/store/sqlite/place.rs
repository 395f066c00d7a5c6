//! The place of an open file: SQLite goes on writing to a file that was deleted or replaced, where nobody finds it.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::locks::FileId;
use crate::store::{Result, StoreError};

/// A path, and the file that was opened there.
#[derive(Debug, Clone)]
pub(super) struct Place {
    path: PathBuf,
    id: Option<FileId>,
}

impl Place {
    /// Notes which file is at a path.
    pub(super) fn of(path: &Path) -> Self {
        Self { path: path.to_owned(), id: id(path) }
    }

    /// Returns an error if the file is no longer at its path.
    pub(super) fn check(&self) -> Result<()> {
        if id(&self.path) == self.id { Ok(()) } else { Err(StoreError::Replaced(self.path.clone())) }
    }
}

fn id(path: &Path) -> Option<FileId> {
    std::fs::metadata(path).map(|found| (found.dev(), found.ino())).ok()
}
