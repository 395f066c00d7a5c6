//! How a store is opened, and what is told while one of an older version is brought up to date.

use std::path::PathBuf;
use std::time::Duration;

use super::Copied;

/// How to open a file.
#[derive(Debug, Clone, Copy)]
pub struct OpenOptions {
    /// True if a missing file is made.
    pub create: bool,
    /// True if anything will be written. If so, runs whose process died are recovered first.
    pub write: bool,
    /// How long to wait for another process that holds the file.
    pub busy_timeout: Duration,
    /// Is told when a file of an older version is brought up to date, and how that goes.
    pub told: Option<fn(Upgrading)>,
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self { create: false, write: true, busy_timeout: Duration::from_secs(10), told: None }
    }
}

/// What an upgrade did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Upgraded {
    /// The schema that the file had.
    pub from: i64,
    /// The schema that it has now.
    pub to: i64,
    /// The copy that was made of the older file.
    pub copied: Option<Copied>,
}

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
