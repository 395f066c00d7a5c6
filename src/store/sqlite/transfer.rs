//! Importing exports: parts next to their batches, and the state that a write had reached in the
//! other file.

use rusqlite::{Connection, OptionalExtension};

use super::actions::log;
use super::answers::restore_captured;
use super::edits::{Edit, add_revision};
use super::error::JobResult;
use super::seals::{load_standing, resealed};
use super::standing::save_standing;
use super::writes::load;
use crate::domain::action::Action;
use crate::domain::ids::{TargetId, WriteId};
use crate::domain::state::{Place, Standing};
use crate::domain::transfer::{BatchIsHere, Parent, may_stand_beside};
use crate::domain::write::Captured;
use crate::store::By;

/// A part's relation to its batch.
pub(super) enum Beside {
    /// It is not a part.
    Nothing,
    /// Its batch is in this file, and was split here or in the file that it was exported from.
    Batch { id: WriteId, arrival: WriteId },
    /// Its batch is not in this file; this is the identity that it will be recognised by.
    Absent([u8; 16]),
}

pub(super) fn beside(
    connection: &Connection,
    target: TargetId,
    captured: &Captured,
    parent: &Parent,
) -> JobResult<Result<Beside, BatchIsHere>> {
    let identity = parent.identity(&captured.target);
    let found: Option<(WriteId, WriteId)> = connection
        .prepare_cached(
            "SELECT id, coalesce(order_id, id) FROM writes WHERE identity_hash = ? AND target_id = ? AND method = ?
               AND path = ? AND coalesce(parent_key, key) = ? AND content_hash = ?",
        )?
        .query_row(
            (identity.index_hash(), target, identity.method, identity.path, identity.key, identity.content),
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .optional()?;
    let Some((id, arrival)) = found else { return Ok(Ok(Beside::Absent(identity.tombstone()))) };
    let standing = load_standing(connection, id)?.map(|found| found.standing);
    Ok(standing.map_or(Ok(()), |standing| may_stand_beside(id, &standing)).map(|()| Beside::Batch { id, arrival }))
}

/// Returns the parts that came in before this batch.
pub(super) fn waiting_parts(connection: &Connection, batch: [u8; 16]) -> JobResult<Vec<WriteId>> {
    let mut statement = connection.prepare_cached("SELECT id FROM writes WHERE parent_identity = ?")?;
    let parts = statement.query_map([batch], |row| row.get(0))?;
    Ok(parts.collect::<Result<_, _>>()?)
}

/// Links a part to its batch, whose place in the order it takes.
pub(super) fn place_in_batch(
    connection: &Connection,
    part: WriteId,
    batch: WriteId,
    arrival: WriteId,
) -> JobResult<()> {
    resealed(connection, part, |connection| {
        connection
            .prepare_cached("UPDATE writes SET parent_id = ?, order_id = ?, parent_identity = NULL WHERE id = ?")?
            .execute((batch, arrival, part))?;
        Ok(())
    })
}

/// Restores what an export says about a write besides its captured request: a newer key, its
/// standing and an edit.
pub(super) fn restore(connection: &Connection, id: WriteId, captured: &Captured) -> JobResult<()> {
    if let Some(new) = &captured.new_key {
        resealed(connection, id, |connection| {
            connection
                .prepare_cached("UPDATE writes SET parent_key = key, key = ?, key_since = ? WHERE id = ?")?
                .execute((new.as_str(), captured.captured_at, id))?;
            Ok(())
        })?;
    }
    if let Some(exported) = &captured.exported
        && let Some(found) = load_standing(connection, id)?
    {
        let ambiguous_since = found.standing.ambiguous_since.filter(|_| exported.place != Place::Replayed);
        let standing = Standing { place: exported.place, ambiguous_since };
        let settled_at = exported.settled_at.map_or(captured.captured_at, |at| at.min(captured.captured_at));
        save_standing(connection, id, &found, &standing, None, settled_at)?;
        connection.prepare_cached("UPDATE writes SET parts = ? WHERE id = ?")?.execute((exported.parts, id))?;
        restore_captured(connection, id, &exported.captured)?;
        let action = Action::Import { state: standing.state(), last_attempt: exported.last_attempt.clone() };
        log(connection, Some(id), &action, &By::new(&exported.by), captured.captured_at)?;
    }
    if let Some((body, at)) = &captured.edited
        && let Some(write) = load(connection, id)?
    {
        let edit = Edit { body, made_at: *at, operator: None, reason: None };
        add_revision(connection, &write, &edit)?;
    }
    Ok(())
}
