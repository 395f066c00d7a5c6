//! Failures on their way into the store.

use crate::domain::fingerprint::fingerprint;
use crate::domain::identity::Sha;
use crate::domain::ids::{GroupId, IntakeId, WriteId};
use crate::domain::time::Timestamp;
use crate::domain::write::Captured;

/// A failure with everything that can be computed before the store is involved: hashes and the
/// group's message.
#[derive(Debug)]
pub struct Incoming {
    pub(super) captured: Captured,
    pub(super) index_hash: i64,
    pub(super) tombstone: [u8; 16],
    pub(super) content: Sha,
    pub(super) body_sha256: Sha,
    pub(super) group_message: String,
    /// The line's number and bytes, if the store may have to refuse it.
    pub(super) raw: Option<(u64, Vec<u8>)>,
}

impl Incoming {
    /// Sets the capture time, taken from the store's clock.
    pub(super) fn captured_at(&mut self, at: Timestamp) {
        self.captured.captured_at = at;
    }

    /// Keeps the line that the failure came from, for the rejects, if the store may have to refuse
    /// it.
    #[must_use]
    pub fn of_line(self, line: u64, raw: &[u8]) -> Self {
        let is_part = self.captured.exported.as_ref().is_some_and(|exported| exported.parent.is_some());
        Self { raw: is_part.then(|| (line, raw.to_vec())), ..self }
    }

    /// Computes the hashes and the group's message; the cost is that of hashing.
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

/// The result of taking in some failures.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ingested {
    /// Number of new writes.
    pub inserted: u64,
    /// Number of failures that were already known.
    pub repeated: u64,
    /// The writes among those that are open here although an export says they are settled.
    pub open_here: Vec<WriteId>,
    /// Lines of an export that can't be taken in.
    pub refused: Vec<RefusedLine>,
    /// Number of new writes whose key a write of an earlier intake has, with another path or body.
    pub elsewhere: u64,
    /// The earliest of those intakes.
    pub elsewhere_in: Option<IntakeId>,
}

/// The result of taking in some successes of producers: each counts once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Accepted {
    /// Number of those that settled a write.
    pub settled: u64,
    /// Number of those kept as facts of their lanes.
    pub stored: u64,
    /// Number of those that may be of several waiting writes, and settled none.
    pub several: u64,
    /// Number of those that were known, and settled nothing now.
    pub repeated: u64,
}

/// A step of taking an intake back.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TakenBack {
    /// Number of writes removed.
    pub removed: u64,
    /// Number of writes left as they are, because something has happened to them since.
    pub kept: u64,
    /// The groups that they are in.
    pub groups: Vec<GroupId>,
    /// The last write that was looked at, to continue after; `None` at the end.
    pub after: Option<WriteId>,
}

/// A line of an export that can't be taken in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedLine {
    /// Its line number in the input.
    pub line: u64,
    /// The reason.
    pub why: String,
    /// The line as it was read.
    pub raw: Vec<u8>,
}
