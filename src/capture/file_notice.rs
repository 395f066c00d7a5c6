//! What has to be said of a file that is followed.

use std::path::PathBuf;

/// Something that has to be said of a file that is followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileNotice {
    /// It isn't there yet.
    Missing {
        /// Its path.
        path: PathBuf,
    },
    /// What it had after the place up to which it was read is nowhere any more.
    Gap {
        /// Its path.
        path: PathBuf,
        /// The bytes that were seen and not read; `None` if nobody saw how long it was.
        bytes: Option<u64>,
    },
}
