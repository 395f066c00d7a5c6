//! What is heard of a write that is there already: its failure came again, or a request of its producer may have been
//! applied. Both also concern the parts of a batch, in which it lives on.

use rusqlite::Connection;

use super::apply::Applying;
use super::error::{JobResult, row_error};
use super::intakes;
use super::seals::Stands;
use crate::domain::ids::{IntakeId, WriteId};
use crate::domain::rules::Change;
use crate::domain::rules::repeat::{self as rules, Again, Known};
use crate::domain::time::Timestamp;

/// Records a repeat of a known failure.
pub(super) fn repeat(
    connection: &Connection,
    intake: Option<IntakeId>,
    id: WriteId,
    again: &Again,
    now: Timestamp,
) -> JobResult<()> {
    if let Some(known) = known_write(connection, id)? {
        let changes = rules::repeat(&known, again);
        intakes::changing(connection, intake, id, true, || apply(connection, id, &changes, now))?;
    }
    in_parts(connection, intake, id, again, now)
}

/// Records that a request for a write may have been applied, or for the batch that it is a part of.
pub(super) fn doubt(
    connection: &Connection,
    intake: Option<IntakeId>,
    id: WriteId,
    again: &Again,
    now: Timestamp,
) -> JobResult<()> {
    if again.window_start.is_none() {
        return Ok(());
    }
    if let Some(known) = known_write(connection, id)? {
        let change = rules::doubt(&known, again);
        intakes::changing(connection, intake, id, true, || apply(connection, id, change.as_slice(), now))?;
    }
    in_parts(connection, intake, id, again, now)
}

/// Passes what may have been applied on to the parts of a batch, whose own keys were not on the wire.
fn in_parts(
    connection: &Connection,
    intake: Option<IntakeId>,
    id: WriteId,
    again: &Again,
    now: Timestamp,
) -> JobResult<()> {
    if again.window_start.is_none() {
        return Ok(());
    }
    let parts: Vec<WriteId> = connection
        .prepare_cached("SELECT id FROM writes WHERE parent_id = ?")?
        .query_map([id], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    parts.into_iter().try_for_each(|part| doubt(connection, intake, part, again, now))
}

fn apply(connection: &Connection, id: WriteId, changes: &[Change], now: Timestamp) -> JobResult<()> {
    let nowhere = Stands::default();
    Applying { write: id, stands: &nowhere, run: None, seq: None, now, sends: None }.apply(connection, changes)
}

/// Reads the facts for the rules; `None` if the row can't be read: it is left as it is, and does not keep the other lines
/// out.
fn known_write(connection: &Connection, id: WriteId) -> JobResult<Option<Known>> {
    let found = connection
        .prepare_cached(
            "SELECT state, endpoint_origin, last_failed_at, not_applied_at, ambiguous_since, captured_ambiguous
             FROM writes WHERE id = ?",
        )?
        .query_row([id], |row| {
            Ok(Known {
                state: row.get(0)?,
                endpoint_origin: row.get(1)?,
                last_failed_at: row.get(2)?,
                not_applied_at: row.get(3)?,
                ambiguous_since: row.get(4)?,
                captured_ambiguous: row.get(5)?,
            })
        });
    match found {
        Err(error) if row_error(&error).is_some() => Ok(None),
        other => Ok(Some(other?)),
    }
}
