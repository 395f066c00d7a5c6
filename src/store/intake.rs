//! Failures on their way in.

use crate::domain::fingerprint::fingerprint;
use crate::domain::identity::Sha;
use crate::domain::ids::WriteId;
use crate::domain::time::Timestamp;
use crate::domain::write::Captured;

/// A failure with all that can be worked out before the store is asked: hashes and the group's message.
#[derive(Debug)]
pub struct Incoming {
    pub(super) captured: Captured,
    pub(super) index_hash: i64,
    pub(super) tombstone: [u8; 16],
    pub(super) content: Sha,
    pub(super) body_sha256: Sha,
    pub(super) group_message: String,
    /// The line's number and bytes, where the store may have to refuse it.
    pub(super) raw: Option<(u64, Vec<u8>)>,
}

impl Incoming {
    /// The same, captured at a time of the store's clock.
    pub(super) fn captured_at(&mut self, at: Timestamp) {
        self.captured.captured_at = at;
    }

    /// Keeps the line that it came from, for the rejects, if the store may have to refuse it.
    #[must_use]
    pub fn of_line(self, line: u64, raw: &[u8]) -> Self {
        let is_part = self.captured.exported.as_ref().is_some_and(|exported| exported.parent.is_some());
        Self { raw: is_part.then(|| (line, raw.to_vec())), ..self }
    }

    /// Works it out; takes the time that hashing takes.
    pub fn new(captured: Captured) -> Self {
        let identity = captured.identity();
        let (index_hash, tombstone, content) = (identity.index_hash(), identity.tombstone(), identity.content);
        let failure = &captured.failure;
        let message = failure.message.as_deref().unwrap_or("");
        Self {
            index_hash,
            tombstone,
            content,
            body_sha256: Sha::of(&captured.body),
            group_message: fingerprint(failure.failure_type, message, failure.details.as_deref()),
            raw: None,
            captured,
        }
    }
}

/// What became of some failures.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ingested {
    /// New writes.
    pub inserted: u64,
    /// Writes that were known.
    pub repeated: u64,
    /// Of those: writes that are open here, although an export says that they are settled.
    pub open_here: Vec<WriteId>,
    /// Lines of an export that can't be taken in.
    pub refused: Vec<RefusedLine>,
}

/// A line of an export that can't be taken in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedLine {
    /// Its number in its input.
    pub line: u64,
    /// Why.
    pub why: String,
    /// The line.
    pub raw: Vec<u8>,
}
