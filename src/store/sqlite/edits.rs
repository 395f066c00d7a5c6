//! Edits: adding revisions of a body, and undoing the last one. The captured body never changes.

use rusqlite::Connection;

use super::actions::log;
use super::error::JobResult;
use super::seals::{Checked, load_checked, resealed};
use super::{SqliteStore, times};
use crate::domain::action::Action;
use crate::domain::identity::Sha;
use crate::domain::ids::WriteId;
use crate::domain::lane;
use crate::domain::reason::Damage;
use crate::domain::revision::Revision;
use crate::domain::rules::edit::{EditFacts, EditRefusal, may_edit, may_undo};
use crate::domain::time::Timestamp;
use crate::domain::write::FailedWrite;
use crate::store::{By, Reply, StoreError, face};

impl face::Edits for SqliteStore {
    fn revisions(&self, id: WriteId) -> Reply<Vec<Revision>> {
        self.read(move |connection| {
            let mut statement = connection.prepare_cached(
                "SELECT revision, body, made_at, operator, reason FROM revisions WHERE write_id = ? ORDER BY revision",
            )?;
            let rows = statement.query_map([id], |row| {
                Ok(Revision {
                    number: row.get(0)?,
                    body: row.get(1)?,
                    made_at: row.get(2)?,
                    operator: row.get(3)?,
                    reason: row.get(4)?,
                })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    fn edit(&self, id: WriteId, edited: Sha, body: Vec<u8>, by: By) -> Reply<i64> {
        self.write(move |connection| {
            let refused = |why| StoreError::NotEdited(id, why);
            let (write, facts) = edit_facts(connection, id)?.ok_or(refused(EditRefusal::NoSuchWrite))?;
            may_edit(&facts, edited).map_err(refused)?;
            let at = times::now();
            let (operator, reason) = (Some(by.operator.name.as_str()), by.reason.as_deref());
            let to = add_revision(connection, &write, &Edit { body: &body, made_at: at, operator, reason })?;
            log(connection, Some(id), &Action::Edit { from: write.revision, to }, &by, at)?;
            Ok(to)
        })
    }

    fn undo_edit(&self, id: WriteId, revision: i64, by: By) -> Reply<i64> {
        self.write(move |connection| {
            let refused = |why| StoreError::EditStays(id, why);
            let (write, facts) = edit_facts(connection, id)?.ok_or(refused(EditRefusal::NoSuchWrite))?;
            let was_sent: bool = connection
                .prepare_cached("SELECT EXISTS (SELECT 1 FROM attempts WHERE write_id = ? AND revision = ?)")?
                .query_row((id, revision), |row| row.get(0))?;
            may_undo(&facts, revision, was_sent).map_err(refused)?;
            let (before, body, made_at): (i64, Option<Vec<u8>>, Option<Timestamp>) = connection
                .prepare_cached(
                    "SELECT b.revision, b.body, b.made_at FROM revisions r
                       JOIN revisions b ON b.write_id = r.write_id AND b.revision = r.based_on
                     WHERE r.write_id = ? AND r.revision = ?",
                )?
                .query_row((id, revision), |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
            make_current(connection, &write, before, body.as_deref().unwrap_or_default(), made_at)?;
            log(connection, Some(id), &Action::UndoEdit { from: revision, to: before }, &by, times::now())?;
            Ok(before)
        })
    }
}

/// A new body for a write.
pub(super) struct Edit<'a> {
    pub(super) body: &'a [u8],
    pub(super) made_at: Timestamp,
    pub(super) operator: Option<&'a str>,
    pub(super) reason: Option<&'a str>,
}

/// Adds a revision after all existing ones, makes it the current one, and returns its number.
pub(super) fn add_revision(connection: &Connection, write: &FailedWrite, edit: &Edit<'_>) -> JobResult<i64> {
    let newest: i64 = connection
        .prepare_cached("SELECT max(revision) FROM revisions WHERE write_id = ?")?
        .query_row([write.id], |row| row.get(0))?;
    let number = newest + 1;
    connection
        .prepare_cached(
            "INSERT INTO revisions (write_id, revision, body, made_at, operator, reason, based_on)
             VALUES (?, ?, ?, ?, ?, ?, ?)",
        )?
        .execute((write.id, number, edit.body, edit.made_at, edit.operator, edit.reason, write.revision))?;
    make_current(connection, write, number, edit.body, Some(edit.made_at))?;
    Ok(number)
}

/// Loads a write and the facts that the rules for edits need; `None` if no write has that ID.
fn edit_facts(connection: &Connection, id: WriteId) -> JobResult<Option<(FailedWrite, EditFacts)>> {
    let Some(Checked { write, sound, .. }) = load_checked(connection, id)? else { return Ok(None) };
    let facts = EditFacts {
        damage: (!sound).then_some(Damage::Seal),
        standing: write.standing,
        body_origin: write.body_origin,
        body: write.body_sha256,
        revision: write.revision,
    };
    Ok(Some((write, facts)))
}

/// Makes a revision the current one. The identity stays that of the captured body; the lanes become
/// those of the bytes that will be sent.
fn make_current(
    connection: &Connection,
    write: &FailedWrite,
    revision: i64,
    body: &[u8],
    made_at: Option<Timestamp>,
) -> JobResult<()> {
    let lanes = write.operated.lane.lanes(&write.target, &write.operated.object, write.path.as_str(), body);
    resealed(connection, write.id, |connection| {
        connection
            .prepare_cached(
                "UPDATE writes SET revision = ?, body_sha256 = ?, body_len = ?, lane = ?, edited_at = ? WHERE id = ?",
            )?
            .execute((revision, Sha::of(body), body.len() as i64, lane::name_of(&lanes), made_at, write.id))?;
        connection.prepare_cached("DELETE FROM lanes WHERE write_id = ?")?.execute([write.id])?;
        for lane in &lanes {
            connection
                .prepare_cached("INSERT OR IGNORE INTO lanes (write_id, hash) VALUES (?, ?)")?
                .execute((write.id, lane.hash))?;
        }
        Ok(())
    })
}
