//! Files next to other files: their names, and opening them safely where someone may have planted a
//! symbolic link.

use std::path::{Path, PathBuf};

/// Returns the path with a suffix appended to its file name: `dlq.db` and `-wal` give `dlq.db-wal`.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// The `open` flag that makes opening a symbolic link an error.
#[expect(clippy::cast_possible_wrap, reason = "a small flag")]
pub(crate) const NO_FOLLOW: i32 = rustix::fs::OFlags::NOFOLLOW.bits() as i32;
