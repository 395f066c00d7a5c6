//! The kinds of store that the suite runs against.

use std::path::PathBuf;
use std::sync::Arc;

use crate::domain::ids::RunId;
use crate::store::{self, OpenOptions, Store};

/// The location of a store of some kind.
pub(super) trait Kind {
    /// Opens the store, with everything that was committed before.
    fn open(&self) -> Arc<dyn Store>;

    /// Makes a run lose its lease, in a way that a lease of this kind can be lost.
    fn rob(&self, run: RunId);

    /// Puts another store in the place of an open one.
    fn replace(&self);
}

/// A store in a file, in a directory of its own.
struct InFile {
    directory: tempfile::TempDir,
}

impl InFile {
    fn path(&self) -> PathBuf {
        self.directory.path().join("dlq.db")
    }
}

impl Kind for InFile {
    fn open(&self) -> Arc<dyn Store> {
        store::open(&self.path(), OpenOptions { create: true, ..OpenOptions::default() }).unwrap()
    }

    /// Deletes the lock file, as someone tidying up might.
    fn rob(&self, run: RunId) {
        std::fs::remove_file(self.directory.path().join(format!("dlq.db-run-{run}.lock"))).unwrap();
    }

    /// Moves the file away and leaves a copy, as a restore from a backup might.
    fn replace(&self) {
        let away = self.directory.path().join("away.db");
        std::fs::rename(self.path(), &away).unwrap();
        std::fs::copy(&away, self.path()).unwrap();
    }
}

pub(super) fn sqlite() -> Box<dyn Kind> {
    Box::new(InFile { directory: tempfile::tempdir().unwrap() })
}
