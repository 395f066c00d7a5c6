//! Intakes: what came in together, what that changed of writes that were there, and taking it back.

use rusqlite::{Connection, OptionalExtension as _, Row};

use super::actions::log;
use super::answers::{bodies_of, forget_unless_used};
use super::error::{JobResult, row_error};
use super::seals::{load_checked, resealed};
use super::{SqliteStore, times};
use crate::domain::action::Action;
use crate::domain::file_place::FilePlace;
use crate::domain::ids::{GroupId, IntakeId, RunId, WriteId};
use crate::domain::rules::take_back::{CameIn, may_take_back};
use crate::domain::run::Operator;
use crate::store::{By, Reply, StoreError, TakenBack, face};

/// Writes looked at in one step.
const STEP: usize = 500;

impl face::Intakes for SqliteStore {
    fn take_back(&self, intake: IntakeId, after: Option<WriteId>) -> Reply<TakenBack> {
        let path = self.path.clone();
        self.write_alone(move |connection| {
            if after.is_none() {
                connection
                    .prepare_cached("UPDATE intakes SET undone_at = coalesce(undone_at, ?) WHERE id = ?")?
                    .execute((times::now(), intake))?;
            }
            check(connection, intake)?;
            let is_alive = |run| super::locks::RunLock::is_held(&path, run);
            take_back_writes(connection, intake, after, &is_alive)
        })
    }

    fn take_back_changes(&self, intake: IntakeId, after: Option<WriteId>) -> Reply<TakenBack> {
        self.write_alone(move |connection| take_back_changes(connection, intake, after))
    }

    fn end_take_back(&self, intake: IntakeId, groups: Vec<GroupId>, removed: u64, kept: u64, by: By) -> Reply<()> {
        self.write_alone(move |connection| {
            groups.iter().try_for_each(|group| see_again(connection, *group))?;
            connection.execute(
                "DELETE FROM successes WHERE id IN (SELECT success_id FROM success_intakes WHERE intake_id = ?1)
                   AND NOT EXISTS (SELECT 1 FROM success_intakes o WHERE o.success_id = id AND o.intake_id <> ?1)",
                [intake],
            )?;
            connection.execute("DELETE FROM success_intakes WHERE intake_id = ?", [intake])?;
            // Later places lie behind the lines that went. Read again, the lines of later intakes are repeats.
            connection.execute(
                "DELETE FROM followed WHERE intake_id >= ?1
                   AND path IN (SELECT path FROM followed WHERE intake_id = ?1)",
                [intake],
            )?;
            log(connection, None, &Action::TakeBack { intake, removed, kept }, &by, times::now())
        })
    }
}

/// Begins an intake.
pub(super) fn begin(connection: &Connection, by: &Operator) -> JobResult<IntakeId> {
    connection.prepare_cached("INSERT INTO intakes (operator, uid, host, began_at) VALUES (?, ?, ?, ?)")?.execute((
        &by.name,
        by.uid,
        &by.host,
        times::now(),
    ))?;
    Ok(IntakeId(connection.last_insert_rowid()))
}

/// Fails if an intake is being taken back, or was: what else it brought would never go, and its files' places would be kept.
pub(super) fn check_stands(connection: &Connection, intake: IntakeId) -> JobResult<()> {
    let is_undone: bool = connection
        .prepare_cached("SELECT undone_at IS NOT NULL FROM intakes WHERE id = ?")?
        .query_row([intake], |row| row.get(0))?;
    if is_undone { Err(StoreError::IntakeTakenBack(intake).into()) } else { Ok(()) }
}

/// Records the end of an intake.
pub(super) fn end(connection: &Connection, intake: IntakeId) -> JobResult<()> {
    connection.prepare_cached("UPDATE intakes SET ended_at = ? WHERE id = ?")?.execute((times::now(), intake))?;
    Ok(())
}

/// Keeps the places up to which files were read that are followed.
pub(super) fn keep_places(connection: &Connection, intake: IntakeId, places: &[FilePlace]) -> JobResult<()> {
    for place in places {
        connection
            .prepare_cached(
                "INSERT OR REPLACE INTO followed (path, intake_id, dev, ino, offset, lines, head, tail)
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            )?
            .execute((
                &place.path,
                intake,
                place.dev.cast_signed(),
                place.ino.cast_signed(),
                place.offset.cast_signed(),
                place.lines.cast_signed(),
                place.head,
                place.tail,
            ))?;
    }
    Ok(())
}

/// Returns the place up to which a file was read.
pub(super) fn place(connection: &Connection, path: &str) -> JobResult<Option<FilePlace>> {
    let number = |row: &Row<'_>, at: usize| Ok::<_, rusqlite::Error>(row.get::<_, i64>(at)?.cast_unsigned());
    Ok(connection
        .prepare_cached(
            "SELECT dev, ino, offset, lines, head, tail FROM followed WHERE path = ? ORDER BY intake_id DESC LIMIT 1",
        )?
        .query_row([path], |row| {
            Ok(FilePlace {
                path: path.to_owned(),
                dev: number(row, 0)?,
                ino: number(row, 1)?,
                offset: number(row, 2)?,
                lines: number(row, 3)?,
                head: row.get(4)?,
                tail: row.get(5)?,
            })
        })
        .optional()?)
}

fn check(connection: &Connection, intake: IntakeId) -> JobResult<()> {
    let found = connection.query_row("SELECT 1 FROM intakes WHERE id = ?", [intake], |_| Ok(())).optional()?;
    Ok(found.ok_or(StoreError::NoSuchIntake(intake))?)
}

/// The columns of a write that an intake may change, and those that tell whether anything happened to it since.
const COLUMNS: &str = "json_array(state, was, resolution, settled_at, ambiguous_since, captured_ambiguous, occurrences,
    last_failed_at, endpoint_origin, key_reused, attempts, revision, not_applied_at)";

/// Makes a change for an intake, and remembers what the write was before it. Another change of a write by the same intake
/// adds to the first; if something else changed it in between, it is no longer the intake's own. What the intake itself brought
/// needs no memory. `is_repeat`: the intake brought that write, too, or
/// settled it.
pub(super) fn changing<T>(
    connection: &Connection,
    intake: Option<IntakeId>,
    id: WriteId,
    is_repeat: bool,
    change: impl FnOnce() -> JobResult<T>,
) -> JobResult<T> {
    let Some(intake) = intake else { return change() };
    let sql = format!("SELECT intake_id, {COLUMNS} FROM writes WHERE id = ?");
    let mut columns = connection.prepare_cached(&sql)?;
    let mut read = || -> rusqlite::Result<(Option<IntakeId>, String)> {
        columns.query_row([id], |row| Ok((row.get(0)?, row.get(1)?)))
    };
    let (own, before) = read()?;
    if own == Some(intake) {
        return change();
    }
    let done = change()?;
    let (_, after) = read()?;
    connection
        .prepare_cached(
            "INSERT INTO intake_changes (intake_id, write_id, before, after, is_repeat, nth)
             VALUES (?1, ?2, ?3, ?4, ?5, (SELECT coalesce(max(nth), 0) + 1 FROM intake_changes WHERE write_id = ?2))
             ON CONFLICT DO UPDATE SET after = excluded.after, is_repeat = is_repeat OR excluded.is_repeat, nth = excluded.nth,
               was_moved = was_moved OR after <> excluded.before",
        )?
        .execute((intake, id, before, after, is_repeat))?;
    Ok(done)
}

/// Deletes writes of an intake to which nothing has happened since.
fn take_back_writes(
    connection: &Connection,
    intake: IntakeId,
    after: Option<WriteId>,
    is_alive: &dyn Fn(RunId) -> bool,
) -> JobResult<TakenBack> {
    let mut statement = connection
        .prepare_cached("SELECT id, group_id FROM writes WHERE intake_id = ? AND id > ? ORDER BY id LIMIT ?")?;
    let found: Vec<(WriteId, GroupId)> = statement
        .query_map((intake, after.map_or(0, |id| id.0), STEP as i64), |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    let mut done = TakenBack { after: found.last().map(|(id, _)| *id), ..TakenBack::default() };
    for (id, group) in found {
        if may_take_back(facts_of(connection, intake, id, is_alive)?) {
            delete(connection, id)?;
            done.removed += 1;
            if !done.groups.contains(&group) {
                done.groups.push(group);
            }
        } else {
            done.kept += 1;
        }
    }
    Ok(done)
}

fn facts_of(
    connection: &Connection,
    intake: IntakeId,
    id: WriteId,
    is_alive: &dyn Fn(RunId) -> bool,
) -> JobResult<CameIn> {
    let checked = match load_checked(connection, id) {
        Ok(checked) => checked.filter(|checked| checked.sound),
        Err(error) if error.of_row().is_some() => None,
        Err(error) => return Err(error),
    };
    let has = |sql: &str| -> JobResult<bool> {
        let sql = format!("SELECT EXISTS (SELECT 1 FROM {sql})");
        Ok(connection.prepare_cached(&sql)?.query_row((id,), |row| row.get(0))?)
    };
    let has_other = |sql: &str| -> JobResult<bool> {
        let sql = format!("SELECT EXISTS (SELECT 1 FROM {sql})");
        Ok(connection.prepare_cached(&sql)?.query_row((id, intake), |row| row.get(0))?)
    };
    let mut planned = connection.prepare_cached(
        "SELECT r.id FROM run_items i JOIN runs r ON r.id = i.run_id
         WHERE i.write_id = ? AND i.outcome IS NULL AND r.state = 'running'",
    )?;
    let runs: Vec<RunId> = planned.query_map([id], |row| row.get(0))?.collect::<Result<_, _>>()?;
    Ok(CameIn {
        place: checked.map(|checked| checked.write.standing.place),
        was_sent: has("writes WHERE id = ? AND attempts > 0")?,
        was_changed: has("operator_log WHERE write_id = ? AND action <> 'ingest'")?,
        came_again: has_other("intake_changes WHERE write_id = ? AND intake_id <> ? AND is_repeat")?,
        is_planned: runs.into_iter().any(is_alive),
        has_parts: has("writes WHERE parent_id = ?")?,
        is_part_of_another: has_other(
            "writes WHERE id = (SELECT parent_id FROM writes WHERE id = ?) AND intake_id IS NOT ?",
        )?,
    })
}

fn delete(connection: &Connection, id: WriteId) -> JobResult<()> {
    let bodies = bodies_of(connection, id)?;
    connection.prepare_cached("DELETE FROM operator_log WHERE write_id = ?")?.execute([id])?;
    connection.prepare_cached("DELETE FROM writes WHERE id = ?")?.execute([id])?;
    bodies.into_iter().try_for_each(|body| forget_unless_used(connection, body))
}

/// Takes back what an intake changed of writes that were there, as far as nothing has happened to them since.
fn take_back_changes(connection: &Connection, intake: IntakeId, after: Option<WriteId>) -> JobResult<TakenBack> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT c.write_id, c.before, c.after, w.group_id, (SELECT {COLUMNS} FROM writes WHERE id = c.write_id),
           c.was_moved OR EXISTS (SELECT 1 FROM intake_changes o
             WHERE o.write_id = c.write_id AND o.intake_id <> c.intake_id AND o.is_repeat AND o.nth > c.nth)
         FROM intake_changes c JOIN writes w ON w.id = c.write_id
         WHERE c.intake_id = ? AND c.write_id > ? ORDER BY c.write_id LIMIT ?"
    ))?;
    let found: Vec<(WriteId, String, String, GroupId, String, bool)> = statement
        .query_map((intake, after.map_or(0, |id| id.0), STEP as i64), |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?))
        })?
        .collect::<Result<_, _>>()?;
    let mut done = TakenBack { after: found.last().map(|(id, ..)| *id), ..TakenBack::default() };
    for (id, was, became, group, is, is_held) in found {
        if was == became {
            // It was only counted as repeated.
        } else if is == became && !is_held && !is_in_hand(connection, id)? {
            restore(connection, id, &was)?;
            if !done.groups.contains(&group) {
                done.groups.push(group);
            }
        } else {
            done.kept += 1;
            continue;
        }
        connection
            .prepare_cached("DELETE FROM intake_changes WHERE intake_id = ? AND write_id = ?")?
            .execute((intake, id))?;
    }
    Ok(done)
}

/// Returns true if a run has a write in hand, or its row can't be read.
fn is_in_hand(connection: &Connection, id: WriteId) -> JobResult<bool> {
    let run: rusqlite::Result<Option<RunId>> =
        connection.prepare_cached("SELECT run_id FROM writes WHERE id = ?")?.query_row([id], |row| row.get(0));
    match run {
        Ok(run) => Ok(run.is_some()),
        Err(error) if row_error(&error).is_some() => Ok(true),
        Err(error) => Err(error.into()),
    }
}

fn restore(connection: &Connection, id: WriteId, was: &str) -> JobResult<()> {
    resealed(connection, id, |connection| {
        connection
            .prepare_cached(
                "UPDATE writes SET state = ?1 ->> 0, was = ?1 ->> 1, resolution = ?1 ->> 2, settled_at = ?1 ->> 3,
                   ambiguous_since = ?1 ->> 4, captured_ambiguous = ?1 ->> 5, occurrences = ?1 ->> 6,
                   last_failed_at = ?1 ->> 7, endpoint_origin = ?1 ->> 8, key_reused = ?1 ->> 9 WHERE id = ?2",
            )?
            .execute((was, id))?;
        connection.prepare_cached("UPDATE successes SET write_id = NULL WHERE write_id = ?")?.execute([id])?;
        let recovered = Action::Recovered { at: None };
        connection
            .prepare_cached("DELETE FROM operator_log WHERE write_id = ? AND action = ?")?
            .execute((id, recovered.name()))?;
        Ok(())
    })
}

/// Sets when the writes of a group were seen first and last, from those that are left. Of a group that has none, the next
/// one decides: its row stays, since others may be about to add to it.
fn see_again(connection: &Connection, group: GroupId) -> JobResult<()> {
    connection
        .prepare_cached(
            "UPDATE groups SET (first_seen, last_seen) =
               (SELECT coalesce(min(coalesce(failed_at, captured_at)), ?2),
                  coalesce(max(max(coalesce(failed_at, captured_at), coalesce(last_failed_at, 0))), 0)
                FROM writes WHERE group_id = ?1)
             WHERE id = ?1",
        )?
        .execute((group, NEVER))?;
    Ok(())
}

/// Later than all times: the end of the year 9999.
const NEVER: i64 = 253_402_300_799_000;
