//! Files that stand beside others: their names, and how they are opened where someone may have planted a link.

use std::path::{Path, PathBuf};

/// The path with something added to its last part: `dlq.db` and `-wal` give `dlq.db-wal`.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// The flag of `open` with which a symbolic link is an error.
#[expect(clippy::cast_possible_wrap, reason = "a small flag")]
pub(crate) const NO_FOLLOW: i32 = rustix::fs::OFlags::NOFOLLOW.bits() as i32;
