//! What is told while a file of an older version is brought up to date.

use std::path::PathBuf;
use std::time::Duration;

/// What is told while a file is brought up to date.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Upgrading {
    /// It begins.
    Began {
        /// The file.
        path: PathBuf,
        /// Its schema.
        from: i64,
        /// The schema that it gets.
        to: i64,
    },
    /// It goes on; told every two seconds.
    GoesOn {
        /// Since when.
        elapsed: Duration,
    },
    /// It is done, and on disk.
    Done {
        /// How long it took.
        elapsed: Duration,
    },
}
