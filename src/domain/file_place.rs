//! How far a file that grows was read.

use super::identity::Sha;

/// The bytes at the beginning of a file, and before a place in it, by which the file is known again: at most so many.
pub const KNOWN_BY: u64 = 4096;

/// A place in a file that is followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilePlace {
    /// The absolute path under which the file is followed.
    pub path: String,
    /// The device of the file that was read, which may have another name by now.
    pub dev: u64,
    /// Its inode.
    pub ino: u64,
    /// Bytes from the start of the file.
    pub offset: u64,
    /// Lines before that.
    pub lines: u64,
    /// The SHA-256 of its beginning: [`KNOWN_BY`] bytes, but not more than `offset`.
    pub head: Sha,
    /// The SHA-256 of as many bytes before `offset`.
    pub tail: Sha,
}
