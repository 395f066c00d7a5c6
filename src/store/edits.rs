//! Edits: new revisions of a body, and taking the last one back. What was captured never changes.

use rusqlite::Connection;

use super::error::{JobError, JobResult};
use super::seals::{BROKEN, Checked, load_checked, resealed};
use super::settle::log;
use super::worker::Reply;
use super::{Store, StoreError};
use crate::domain::identity::Sha;
use crate::domain::ids::WriteId;
use crate::domain::json;
use crate::domain::lane::{self, lanes_of};
use crate::domain::revision::Revision;
use crate::domain::run::Operator;
use crate::domain::state::Event;
use crate::domain::time::Timestamp;
use crate::domain::write::{BodyOrigin, FailedWrite};

impl Store {
    /// The versions of a write's body, the captured one first.
    pub fn revisions(&self, id: WriteId) -> Reply<Vec<Revision>> {
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

    /// Gives a write another body, as a new revision. Refused if its body is not the one that was edited any more, or if
    /// its state does not allow it. Gives the new revision's number.
    pub fn edit(
        &self,
        id: WriteId,
        edited: Sha,
        body: Vec<u8>,
        operator: &Operator,
        reason: Option<&str>,
        now: Timestamp,
    ) -> Reply<i64> {
        let (operator, reason) = (operator.clone(), reason.map(str::to_owned));
        self.write(move |connection| {
            let write = editable(connection, id)?;
            if write.body_sha256 != edited {
                return Err(StoreError::NotEdited(id, "its body was changed meanwhile".to_owned()).into());
            }
            let edit = Edit { body: &body, made_at: now, operator: Some(&operator.name), reason: reason.as_deref() };
            let number = add_revision(connection, &write, &edit)?;
            let detail = format!("revision {} -> {number}", write.revision);
            log(connection, "edit", Some(id), &detail, &operator, reason.as_deref(), now)?;
            Ok(number)
        })
    }

    /// Takes an edit back: the body is again the one that was edited, and `revision` stays on record. Refused if that is not
    /// the current one, or was sent.
    pub fn undo_edit(&self, id: WriteId, revision: i64, operator: &Operator, now: Timestamp) -> Reply<i64> {
        let operator = operator.clone();
        self.write(move |connection| {
            let refused = |why: &str| StoreError::EditStays(id, why.to_owned());
            let write = editable(connection, id).map_err(|error| match error {
                JobError::Store(StoreError::NotEdited(_, why)) => refused(&why).into(),
                other => other,
            })?;
            if write.revision != revision || revision == 0 {
                return Err(refused("that edit is not its last one").into());
            }
            let was_sent: bool = connection
                .prepare_cached("SELECT EXISTS (SELECT 1 FROM attempts WHERE write_id = ? AND revision = ?)")?
                .query_row((id, revision), |row| row.get(0))?;
            if was_sent {
                return Err(refused("it was sent as it is now; edit it again instead").into());
            }
            let (before, body, made_at): (i64, Option<Vec<u8>>, Option<Timestamp>) = connection
                .prepare_cached(
                    "SELECT b.revision, b.body, b.made_at FROM revisions r
                       JOIN revisions b ON b.write_id = r.write_id AND b.revision = r.based_on
                     WHERE r.write_id = ? AND r.revision = ?",
                )?
                .query_row((id, revision), |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
            make_current(connection, &write, before, body.as_deref().unwrap_or_default(), made_at)?;
            let detail = format!("revision {revision} -> {before}");
            log(connection, "undo edit", Some(id), &detail, &operator, None, now)?;
            Ok(before)
        })
    }
}

/// Another body for a write.
pub(super) struct Edit<'a> {
    pub(super) body: &'a [u8],
    pub(super) made_at: Timestamp,
    pub(super) operator: Option<&'a str>,
    pub(super) reason: Option<&'a str>,
}

/// Adds a revision after all there are, and makes it the current one. Gives its number.
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

fn editable(connection: &Connection, id: WriteId) -> JobResult<FailedWrite> {
    let refused = |why: String| StoreError::NotEdited(id, why);
    let Some(Checked { write, sound, .. }) = load_checked(connection, id)? else {
        return Err(refused("there is no such write".to_owned()).into());
    };
    if !sound {
        return Err(refused(BROKEN.to_owned()).into());
    }
    write.standing.after(Event::Edit).map_err(|why| refused(why.to_string()))?;
    if write.body_origin == BodyOrigin::Missing {
        return Err(refused("only its event was captured: there is no body to edit".to_owned()).into());
    }
    Ok(write)
}

/// The identity stays that of the captured body; the lanes are those of the bytes that will be sent.
fn make_current(
    connection: &Connection,
    write: &FailedWrite,
    revision: i64,
    body: &[u8],
    made_at: Option<Timestamp>,
) -> JobResult<()> {
    let lanes = json::scan(body).map(|node| lanes_of(&write.target, write.path.object(), &node)).unwrap_or_default();
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
