//! Failures that the file knows already: by their identity, and as writes that were purged.

use rusqlite::{Connection, OptionalExtension as _};

use super::error::JobResult;
use crate::domain::identity::{Sha, key_range};
use crate::domain::ids::{TargetId, WriteId};
use crate::domain::state::State;
use crate::store::Incoming;

/// The writes of a target that carry the key of a failure.
#[derive(Debug, Default)]
pub(super) struct SameKey {
    /// The write that the failure repeats, and its state.
    pub(super) same: Option<(WriteId, State)>,
    /// Others, with another method, path or body.
    pub(super) others: Vec<WriteId>,
}

/// Returns the writes that carry the key of a failure; the others only as far as none is the same.
pub(super) fn same_key(connection: &Connection, prepared: &Incoming, target: TargetId) -> JobResult<SameKey> {
    let captured = &prepared.captured;
    let mut found = SameKey::default();
    let mut statement = connection.prepare_cached(
        "SELECT id, identity_hash, target_id, coalesce(parent_key, key), method, path, content_hash, state FROM writes
         WHERE identity_hash BETWEEN ? AND ?",
    )?;
    let range = key_range(captured.key.as_str());
    let mut rows = statement.query([range.start(), range.end()])?;
    while let Some(row) = rows.next()? {
        let same_key = row.get::<_, TargetId>(2)? == target && row.get_ref(3)?.as_str() == Ok(captured.key.as_str());
        if !same_key {
            continue;
        }
        let id: WriteId = row.get(0)?;
        if row.get::<_, i64>(1)? == prepared.index_hash
            && row.get_ref(4)?.as_str() == Ok(&captured.method)
            && row.get_ref(5)?.as_str() == Ok(captured.path.as_str())
            && row.get::<_, Sha>(6)? == prepared.content
        {
            found.same = Some((id, row.get(7)?));
            return Ok(found);
        }
        found.others.push(id);
    }
    Ok(found)
}

/// Returns true if a failure is that of a write which was purged.
pub(super) fn is_purged(connection: &Connection, prepared: &Incoming) -> JobResult<bool> {
    let purged = connection
        .prepare_cached("SELECT 1 FROM tombstones WHERE identity = ?")?
        .query_row([prepared.tombstone], |_| Ok(()))
        .optional()?;
    Ok(purged.is_some())
}
