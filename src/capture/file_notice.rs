//! Notices about a followed file that an operator has to know of.

use std::path::PathBuf;

/// A notice about a followed file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileNotice {
    /// It does not exist yet.
    Missing {
        /// Its path.
        path: PathBuf,
    },
    /// Rotation has put a file in its place that this user may not read, or not yet.
    Denied {
        /// Its path.
        path: PathBuf,
    },
    /// Bytes were lost: the part that was not read yet is in no file any more.
    Gap {
        /// Its path.
        path: PathBuf,
        /// Number of lost bytes that were seen, so at least that many are lost; `None` if their number is not known.
        bytes: Option<u64>,
    },
}
