//! The kinds of store that the suite is run against.

use std::path::PathBuf;
use std::sync::Arc;

use crate::domain::ids::RunId;
use crate::store::{self, OpenOptions, Store};

/// A place where a store of some kind is kept.
pub(super) trait Kind {
    /// Opens the store: what was committed before is there.
    fn open(&self) -> Arc<dyn Store>;

    /// Robs a run of its lease, as whatever can go wrong with a lease of this kind would.
    fn rob(&self, run: RunId);
}

/// A file in a directory of its own.
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

    /// Someone tidies up, and deletes the lock file.
    fn rob(&self, run: RunId) {
        std::fs::remove_file(self.directory.path().join(format!("dlq.db-run-{run}.lock"))).unwrap();
    }
}

pub(super) fn sqlite() -> Box<dyn Kind> {
    Box::new(InFile { directory: tempfile::tempdir().unwrap() })
}
