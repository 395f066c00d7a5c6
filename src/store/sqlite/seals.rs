//! Seals of rows: checked before a change, set after it. A broken seal stays broken: only a backup,
//! or a person who investigates, can tell what the row contained.

use rusqlite::{Connection, OptionalExtension, Row};

use super::error::JobResult;
use super::lanes::hashes_of;
use super::rows::{WRITE_COLUMN_COUNT, WRITE_COLUMNS, standing, write};
use crate::domain::ids::{RunId, WriteId};
use crate::domain::reason::Damage;
use crate::domain::seal::{Seal, Sealed, standing_seal};
use crate::domain::state::Standing;
use crate::domain::write::FailedWrite;

/// A write with its seal.
pub(super) struct Checked {
    pub(super) write: FailedWrite,
    /// The seal that its request should have.
    pub(super) request: Seal,
    /// `true` if the row is as the last change left it.
    pub(super) sound: bool,
}

impl Checked {
    /// Returns its standing with its seal.
    pub(super) fn stands(&self) -> Stands {
        let (standing, run) = (self.write.standing, self.write.run);
        Stands { standing, run, request: Some(self.request), sound: self.sound }
    }
}

/// A write's standing with its seal.
#[derive(Clone, Copy, Default)]
pub(super) struct Stands {
    pub(super) standing: Standing,
    /// The run that has it in hand.
    pub(super) run: Option<RunId>,
    request: Option<Seal>,
    sound: bool,
}

impl Stands {
    /// Returns the seal for a new standing; `None` leaves a broken one as it is.
    pub(super) fn seal_for(&self, standing: &Standing, run: Option<RunId>) -> Option<Seal> {
        self.request.filter(|_| self.sound).map(|request| standing_seal(request, standing, run))
    }
}

/// Loads a write's current standing; `None` if no write has that ID.
pub(super) fn load_standing(connection: &Connection, id: WriteId) -> rusqlite::Result<Option<Stands>> {
    connection
        .prepare_cached(
            "SELECT state, was, resolution, ambiguous_since, run_id, request_seal, seal FROM writes WHERE id = ?",
        )?
        .query_row([id], |row| {
            let (standing, run) = (standing(row, 0)?, row.get(4)?);
            let (request, seal): (Option<Seal>, Option<Seal>) = (row.get(5)?, row.get(6)?);
            let sound = request.is_some_and(|request| Some(standing_seal(request, &standing, run)) == seal);
            Ok(Stands { standing, run, request, sound })
        })
        .optional()
}

/// Loads one write without its body, and checks whether its row is sound; `None` if no write has
/// that ID.
pub(super) fn load_checked(connection: &Connection, id: WriteId) -> JobResult<Option<Checked>> {
    // Not a join, which SQLite would recompile whenever its parameter changes.
    let columns = WRITE_COLUMNS.replace("t.name", "(SELECT name FROM targets WHERE id = w.target_id)");
    let sql = format!("SELECT {columns}, w.request_seal, w.seal FROM writes w WHERE w.id = ?");
    let found = connection.prepare_cached(&sql)?.query_row([id], with_seals).optional()?;
    let Some((write, kept)) = found else { return Ok(None) };
    let request = request_seal(connection, &write)?;
    let seal = standing_seal(request, &write.standing, write.run);
    Ok(Some(Checked { sound: kept == (Some(request), Some(seal)), write, request }))
}

/// The stored seals of a row: of its request, and of its request with its standing.
pub(super) type Kept = (Option<Seal>, Option<Seal>);

/// Reads the seals of a row that was selected with [`WRITE_COLUMNS`] followed by both seals.
pub(super) fn kept(row: &Row<'_>) -> rusqlite::Result<Kept> {
    Ok((row.get(WRITE_COLUMN_COUNT)?, row.get(WRITE_COLUMN_COUNT + 1)?))
}

/// Returns `true` if a row is as the last change left it.
pub(super) fn is_sound(connection: &Connection, write: &FailedWrite, kept: Kept) -> JobResult<bool> {
    let request = request_seal(connection, write)?;
    Ok(kept == (Some(request), Some(standing_seal(request, &write.standing, write.run))))
}

fn with_seals(row: &Row<'_>) -> rusqlite::Result<(FailedWrite, Kept)> {
    Ok((write(row)?, kept(row)?))
}

pub(super) fn request_seal(connection: &Connection, write: &FailedWrite) -> JobResult<Seal> {
    let lanes = if write.lane.is_some() { hashes_of(connection, write.id)? } else { Vec::new() };
    Ok(Sealed::of(write).seal(&lanes))
}

/// Changes sealed columns of a write, and seals it again if it was sound before. Returns the result
/// of the change.
pub(super) fn resealed<T>(
    connection: &Connection,
    id: WriteId,
    change: impl FnOnce(&Connection) -> JobResult<T>,
) -> JobResult<T> {
    let sound = load_checked(connection, id)?.is_some_and(|checked| checked.sound);
    let done = change(connection)?;
    if sound {
        seal(connection, id)?;
    }
    Ok(done)
}

/// Seals a write as it is.
pub(super) fn seal(connection: &Connection, id: WriteId) -> JobResult<()> {
    if let Some(Checked { write, request, .. }) = load_checked(connection, id)? {
        set(connection, id, request, &standing_seal(request, &write.standing, write.run))?;
    }
    Ok(())
}

/// Stores the seals of a write.
pub(super) fn set(connection: &Connection, id: WriteId, request: Seal, seal: &Seal) -> rusqlite::Result<()> {
    connection
        .prepare_cached("UPDATE writes SET request_seal = ?, seal = ? WHERE id = ?")?
        .execute((request, seal, id))?;
    Ok(())
}

/// Seals every row of a file that predates seals.
pub(super) fn seal_all(connection: &Connection) -> JobResult<()> {
    let mut last = 0;
    loop {
        let ids: Vec<WriteId> = connection
            .prepare_cached("SELECT id FROM writes WHERE id > ? ORDER BY id LIMIT 1000")?
            .query_map([last], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        let Some(WriteId(end)) = ids.last().copied() else { break };
        ids.into_iter().try_for_each(|id| seal(connection, id))?;
        last = end;
    }
    super::targets::seal_all(connection)
}

/// Returns the writes that can't be read or whose seal is broken, at most `most` of them, each with
/// its damage; and the number of writes checked.
pub(super) fn broken(connection: &Connection, most: usize) -> JobResult<(Vec<(WriteId, Damage)>, u64)> {
    let mut statement = connection.prepare("SELECT id FROM writes")?;
    let mut rows = statement.query([])?;
    let (mut found, mut looked_at) = (Vec::new(), 0);
    while let Some(row) = rows.next()? {
        let id = row.get(0)?;
        looked_at += 1;
        let why = match load_checked(connection, id) {
            Ok(Some(checked)) if !checked.sound => Damage::Seal,
            Ok(_) => continue,
            Err(error) => match error.of_row() {
                Some(why) => why,
                None => return Err(error),
            },
        };
        if found.len() < most {
            found.push((id, why));
        }
    }
    Ok((found, looked_at))
}
