//! Options for opening a store, and the progress of upgrading one of an older version.

use std::path::PathBuf;
use std::time::Duration;

use super::{Copied, Sharing};

/// Options for opening a file.
#[derive(Debug, Clone, Copy)]
pub struct OpenOptions {
    /// `true` to create the file if it is missing.
    pub create: bool,
    /// `true` if anything will be written; runs whose process died are then recovered first.
    pub write: bool,
    /// The users of what is made.
    pub sharing: Sharing,
    /// Time to wait for another process that holds the file.
    pub busy_timeout: Duration,
    /// Callback that receives the progress of upgrading a file of an older version.
    pub told: Option<fn(Upgrading)>,
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self {
            create: false,
            write: true,
            sharing: Sharing::default(),
            busy_timeout: Duration::from_secs(10),
            told: None,
        }
    }
}

/// The result of an upgrade.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Upgraded {
    /// The schema version that the file had.
    pub from: i64,
    /// The schema version that it has now.
    pub to: i64,
    /// The copy that was made of the older file; `None` if there was none.
    pub copied: Option<Copied>,
}

/// The progress of an upgrade.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Upgrading {
    /// The upgrade has begun.
    Began {
        /// The file.
        path: PathBuf,
        /// The schema version that it has.
        from: i64,
        /// The schema version that it gets.
        to: i64,
    },
    /// The upgrade is still running; reported every two seconds.
    GoesOn {
        /// Time since it began.
        elapsed: Duration,
    },
    /// The upgrade is complete, and on disk.
    Done {
        /// Time the upgrade took.
        elapsed: Duration,
    },
}
