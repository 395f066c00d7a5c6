//! Seals of rows: looked at before a change, set after it. A row whose seal is broken keeps it broken: only a backup, or
//! someone who looks, knows what was in it.

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
    /// The seal of its request, as it should be.
    pub(super) request: Seal,
    /// True if the row is as the last change left it.
    pub(super) sound: bool,
}

impl Checked {
    /// Where it stands, with its seal.
    pub(super) fn stands(&self) -> Stands {
        let (standing, run) = (self.write.standing, self.write.run);
        Stands { standing, run, request: Some(self.request), sound: self.sound }
    }
}

/// Where a write stands, with its seal.
#[derive(Clone, Copy, Default)]
pub(super) struct Stands {
    pub(super) standing: Standing,
    /// The run that has it in hand.
    pub(super) run: Option<RunId>,
    request: Option<Seal>,
    sound: bool,
}

impl Stands {
    /// The seal after a change of where it stands; `None` leaves a broken one as it is.
    pub(super) fn seal_for(&self, standing: &Standing, run: Option<RunId>) -> Option<Seal> {
        self.request.filter(|_| self.sound).map(|request| standing_seal(request, standing, run))
    }
}

/// Where a write stands now; `None` if there is none of that ID.
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

/// One write without its body, and whether its row is sound; `None` if there is none of that ID.
pub(super) fn load_checked(connection: &Connection, id: WriteId) -> JobResult<Option<Checked>> {
    // Not a join: SQLite would compile that anew whenever its parameter changes.
    let columns = WRITE_COLUMNS.replace("t.name", "(SELECT name FROM targets WHERE id = w.target_id)");
    let sql = format!("SELECT {columns}, w.request_seal, w.seal FROM writes w WHERE w.id = ?");
    let found = connection.prepare_cached(&sql)?.query_row([id], with_seals).optional()?;
    let Some((write, kept)) = found else { return Ok(None) };
    let request = request_seal(connection, &write)?;
    let seal = standing_seal(request, &write.standing, write.run);
    Ok(Some(Checked { sound: kept == (Some(request), Some(seal)), write, request }))
}

/// The seals of a row as they are kept: of its request, and of that with where it stands.
pub(super) type Kept = (Option<Seal>, Option<Seal>);

/// The seals of a row that was selected with [`WRITE_COLUMNS`] and both seals behind them.
pub(super) fn kept(row: &Row<'_>) -> rusqlite::Result<Kept> {
    Ok((row.get(WRITE_COLUMN_COUNT)?, row.get(WRITE_COLUMN_COUNT + 1)?))
}

/// Returns true if a row is as the last change left it.
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

/// Changes what is sealed of a write, and seals it again if it was sound before. Gives what the change gave.
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

/// Sets the seals of a write that has just come in.
pub(super) fn set(connection: &Connection, id: WriteId, request: Seal, seal: &Seal) -> rusqlite::Result<()> {
    connection
        .prepare_cached("UPDATE writes SET request_seal = ?, seal = ? WHERE id = ?")?
        .execute((request, seal, id))?;
    Ok(())
}

/// Seals every row of a file from before there were seals.
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

/// The writes that can't be read or whose seal is broken, with what is wrong: at most `most` of them, and how many were
/// looked at.
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
