//! Runs: beginning and ending them, and taking back the writes of dead ones.

use std::sync::Arc;
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, Row};

use super::apply::{Applying, reason_data};
use super::control::read_wish;
use super::error::{JobResult, row_error};
use super::locks::{FileId, LockState, RunLock, holder};
use super::outcomes::went_unanswered;
use super::seals::{Stands, load_standing};
use super::{SqliteStore, targets, times};
use crate::domain::ids::{RunId, WriteId};
use crate::domain::outcome::{Outcome, Tally};
use crate::domain::reason::Reason;
use crate::domain::rules::recovery::{self, Claimed};
use crate::domain::run::{Operator, Run, RunState};
use crate::domain::stop::Stops;
use crate::domain::time::Timestamp;
use crate::store::{By, CutOff, Lease, NewRun, Reply, StoreError, face};

impl face::Runs for SqliteStore {
    fn begin_run(&self, new: NewRun) -> Reply<Arc<dyn Lease>> {
        let path = self.path.clone();
        self.write_alone(move |connection| {
            let now = times::now();
            recover(connection, &path, now)?;
            times::tick(connection, now)?;
            let target = targets::bind_to(connection, &new.target, &new.base_url, &By::new(&new.operator), now)?;
            targets::note_key_header(connection, target, &new.key_header)?;
            let other = connection
                .prepare_cached("SELECT id, operator, host FROM runs WHERE state = 'running' AND target_id = ?")?
                .query_row([target], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
                .optional()?;
            if let Some((run, operator, host)) = other.filter(|_| !new.alongside) {
                let pid = holder(&path, run);
                return Err(StoreError::RunInTheWay { run, operator, host, pid, target: new.target.clone() }.into());
            }
            connection
                .prepare_cached(
                    "INSERT INTO runs (target_id, state, operator, uid, host, reason, query, selection, options, started_at)
                     VALUES (?, 'running', ?, ?, ?, ?, ?, ?, ?, ?)",
                )?
                .execute((
                    target,
                    &new.operator.name,
                    new.operator.uid,
                    &new.operator.host,
                    &new.reason,
                    new.selection.as_typed(),
                    new.selection.to_json(),
                    &new.options,
                    now,
                ))?;
            let run = RunId(connection.last_insert_rowid());
            // The lock is held before anyone can see the run.
            let lock = RunLock::make(&path, run)?;
            let (dev, ino) = lock.id();
            connection.prepare_cached("UPDATE runs SET lock_dev = ?, lock_ino = ? WHERE id = ?")?.execute((
                dev.cast_signed(),
                ino.cast_signed(),
                run,
            ))?;
            let mut item = connection.prepare_cached(
                "INSERT INTO run_items (run_id, seq, write_id, content, outcome, reason) VALUES (?, ?, ?, ?, ?, ?)",
            )?;
            let mut seq = 0i64;
            for (write, content) in &new.send {
                seq += 1;
                item.execute((run, seq, write, content, None::<Outcome>, None::<&str>))?;
            }
            for (write, content, hazard) in &new.refused {
                seq += 1;
                item.execute((run, seq, write, content, Outcome::Refused, hazard.name()))?;
            }
            Ok(Arc::new(lock) as Arc<dyn Lease>)
        })
    }

    fn note_outcomes(&self, run: RunId, outcomes: Vec<(usize, Outcome, Reason)>) -> Reply<()> {
        self.write(move |connection| {
            let mut statement = connection.prepare_cached(
                "UPDATE run_items SET outcome = ?, reason = ?, reason_data = ? WHERE run_id = ? AND seq = ?",
            )?;
            for (seq, outcome, reason) in &outcomes {
                statement.execute((outcome, reason.code(), reason_data(reason), run, *seq as i64))?;
            }
            Ok(())
        })
    }

    fn end_run(&self, run: RunId, state: RunState, stopped: Stops, new_since_plan: u64) -> Reply<()> {
        self.write(move |connection| {
            let now = times::now();
            times::tick(connection, now)?;
            take_back(connection, run, None, now)?;
            connection
                .prepare_cached(
                    "UPDATE runs SET state = ?, ended_at = ?, stopped = ?, stopped_data = ?, new_since_plan = ?
                     WHERE id = ? AND state = 'running'",
                )?
                .execute((state, now, stopped.code(), stops_data(&stopped), new_since_plan as i64, run))?;
            Ok(())
        })
    }

    fn cut_off(&self, run: RunId, seqs: Vec<usize>) -> Reply<Vec<CutOff>> {
        self.write(move |connection| {
            take_back(connection, run, None, times::now())?;
            let mut outcomes = Vec::new();
            for &seq in &seqs {
                let mut statement = connection.prepare_cached(
                    "SELECT outcome, reason, reason_data, (SELECT count(*) FROM attempts a
                       WHERE a.write_id = run_items.write_id AND a.run_id = run_items.run_id)
                     FROM run_items WHERE run_id = ? AND seq = ?",
                )?;
                outcomes.push(statement.query_row((run, seq as i64), |row| {
                    Ok(CutOff {
                        outcome: row.get::<_, Option<Outcome>>(0)?.unwrap_or(Outcome::Unsent),
                        reason: reason(row, 1)?,
                        attempts: row.get(3)?,
                    })
                })?);
            }
            Ok(outcomes)
        })
    }

    fn recover_dead_runs(&self) -> Reply<Vec<RunId>> {
        let path = self.path.clone();
        self.write(move |connection| recover(connection, &path, times::now()))
    }

    fn runs(&self, limit: usize) -> Reply<Vec<Run>> {
        let path = self.path.clone();
        self.read(move |connection| {
            let ids: Vec<RunId> = connection
                .prepare_cached("SELECT id FROM runs ORDER BY id DESC LIMIT ?")?
                .query_map([limit as i64], |row| row.get(0))?
                .collect::<Result<_, _>>()?;
            let mut runs = Vec::new();
            for id in ids {
                runs.extend(run_with_tally(connection, &path, id)?);
            }
            Ok(runs)
        })
    }

    fn run(&self, id: RunId) -> Reply<Option<Run>> {
        let path = self.path.clone();
        self.read(move |connection| run_with_tally(connection, &path, id))
    }
}

/// Reads one run with its counts; `None` if no run has that ID. A run whose process is dead is
/// reported as such.
pub(super) fn run_with_tally(connection: &Connection, path: &std::path::Path, id: RunId) -> JobResult<Option<Run>> {
    let found = connection
        .prepare_cached(
            "SELECT r.id, r.state, t.name, r.operator, r.uid, r.host, r.reason, r.query, r.started_at, r.ended_at,
               r.new_since_plan, r.stopped, r.stopped_data
             FROM runs r JOIN targets t ON t.id = r.target_id WHERE r.id = ?",
        )?
        .query_row([id], run)
        .optional()?;
    let Some(mut run) = found else { return Ok(None) };
    if run.state == RunState::Running && !RunLock::is_held(path, id) {
        run.state = RunState::Died;
    }
    if run.state == RunState::Running {
        run.wanted = read_wish(connection, id)?.map(|wish| wish.wanted);
    }
    run.tally = tally(connection, id)?;
    Ok(Some(run))
}

fn run(row: &Row<'_>) -> rusqlite::Result<Run> {
    Ok(Run {
        id: row.get(0)?,
        state: row.get(1)?,
        target: row.get(2)?,
        operator: Operator { name: row.get(3)?, uid: row.get(4)?, host: row.get(5)? },
        reason: row.get(6)?,
        query: row.get(7)?,
        started_at: row.get(8)?,
        ended_at: row.get(9)?,
        new_since_plan: row.get::<_, i64>(10)? as u64,
        stopped: stops(row, 11)?,
        wanted: None,
        tally: Tally::default(),
    })
}

/// Reads `stopped, stopped_data`, starting at column `at`.
pub(super) fn stops(row: &Row<'_>, at: usize) -> rusqlite::Result<Stops> {
    Ok(Stops::read(row.get_ref(at)?.as_str_or_null()?, &json(row, at + 1)?))
}

/// Returns the data of stops as JSON; `None` if there are none.
pub(super) fn stops_data(stops: &Stops) -> Option<String> {
    (!stops.is_empty()).then(|| serde_json::Value::Object(stops.data()).to_string())
}

/// Reads `reason, reason_data`, starting at column `at`.
pub(super) fn reason(row: &Row<'_>, at: usize) -> rusqlite::Result<Option<Reason>> {
    let Some(code) = row.get_ref(at)?.as_str_or_null()? else { return Ok(None) };
    Ok(Reason::read(code, &json(row, at + 1)?))
}

fn json(row: &Row<'_>, at: usize) -> rusqlite::Result<serde_json::Value> {
    let text = row.get_ref(at)?.as_str_or_null()?;
    Ok(text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default())
}

fn tally(connection: &Connection, run: RunId) -> JobResult<Tally> {
    let mut tally = Tally::default();
    let mut statement = connection
        .prepare_cached("SELECT coalesce(outcome, 'unsent'), count(*) FROM run_items WHERE run_id = ? GROUP BY 1")?;
    let mut rows = statement.query([run])?;
    while let Some(row) = rows.next()? {
        tally.add(row.get(0)?, row.get::<_, i64>(1)? as u64);
    }
    Ok(tally)
}

/// A run that is not known to have ended, or that may still have requests in flight.
struct Suspect {
    run: RunId,
    lock: Option<FileId>,
    running: bool,
    options: String,
}

/// Time after its intent for which a request of a run can still be in flight: the time its options
/// allow, plus the time an intent may wait before its request leaves.
fn patience(options: &str) -> Duration {
    const INTENT: Duration = Duration::from_secs(15);
    const UNSAID: Duration = Duration::from_mins(5);
    let options: serde_json::Value = serde_json::from_str(options).unwrap_or_default();
    options["request_ms"].as_u64().map_or(UNSAID, Duration::from_millis).saturating_add(INTENT)
}

/// Recovers every run whose lock is free, since only such a run is dead, whatever the clock says. A
/// run whose lock file was lost is fenced.
fn recover(connection: &Connection, path: &std::path::Path, now: Timestamp) -> JobResult<Vec<RunId>> {
    let mut statement = connection.prepare_cached(
        "SELECT id, lock_dev, lock_ino, state = 'running', options FROM runs
         WHERE state = 'running' OR lock_lost_at IS NOT NULL",
    )?;
    let suspects: Vec<Suspect> = statement
        .query_map([], |row| {
            let made = row.get::<_, Option<i64>>(1)?.zip(row.get::<_, Option<i64>>(2)?);
            let lock = made.map(|(dev, ino)| (dev.cast_unsigned(), ino.cast_unsigned()));
            Ok(Suspect { run: row.get(0)?, lock, running: row.get(3)?, options: row.get(4)? })
        })?
        .collect::<Result<_, _>>()?;
    let mut dead = Vec::new();
    for Suspect { run, lock, running, options } in suspects {
        match if running { RunLock::look(path, run, lock)? } else { LockState::Lost } {
            LockState::Held => continue,
            // The lock file stays until this is committed: without it, nobody could tell that the
            // run is dead.
            LockState::Free => {
                take_back(connection, run, None, now)?;
            }
            // Its process may be alive. It sends nothing more, since every intent checks the state
            // that is set here; but its requests in flight have to be waited for, or the same key
            // would be in flight twice.
            LockState::Lost => {
                let left = take_back(connection, run, Some(now.minus(patience(&options))), now)?;
                connection
                    .prepare_cached("UPDATE runs SET lock_lost_at = ? WHERE id = ?")?
                    .execute(((left > 0).then_some(now), run))?;
            }
        }
        if running {
            connection
                .prepare_cached("UPDATE runs SET state = 'died', ended_at = ? WHERE id = ?")?
                .execute((now, run))?;
            dead.push(run);
        }
    }
    Ok(dead)
}

/// Releases the claims of a run that sends nothing more, except those whose intent is newer than
/// `before`, if that is given. Returns the number of claims left.
fn take_back(connection: &Connection, run: RunId, before: Option<Timestamp>, now: Timestamp) -> JobResult<usize> {
    // A claim shares a transaction with its intent, and an outcome with the release: a write that
    // the run holds has no outcome in its plan yet.
    let mut statement = connection.prepare_cached(
        "SELECT w.id FROM run_items i JOIN writes w ON w.id = i.write_id
         WHERE i.run_id = ?1 AND i.outcome IS NULL AND w.run_id = ?1",
    )?;
    let claimed: Vec<WriteId> = statement.query_map([run], |row| row.get(0))?.collect::<Result<_, _>>()?;
    let mut left = 0;
    for id in claimed {
        // A row that can't be read is left as it is, and does not hold up the others.
        let stands = match load_standing(connection, id) {
            Err(error) if row_error(&error).is_some() => None,
            other => other?,
        };
        let (open_intent, last) = connection
            .prepare_cached(
                "SELECT (SELECT started_at FROM attempts WHERE write_id = ?1 AND run_id = ?2 AND ended_at IS NULL),
                   (SELECT outcome FROM attempts WHERE write_id = ?1 AND run_id = ?2 AND ended_at IS NOT NULL
                    ORDER BY n DESC LIMIT 1)",
            )?
            .query_row((id, run), |row| Ok((row.get(0)?, row.get(1)?)))?;
        let (holder, standing) = (stands.and_then(|stands| stands.run), stands.map(|stands| stands.standing));
        let unanswered = went_unanswered(connection, run, id)?;
        let facts = Claimed { run, holder, standing, open_intent, last, unanswered };
        let Some(changes) = recovery::take_back(&facts, before) else {
            left += 1;
            continue;
        };
        let nowhere = Stands::default();
        let stands = stands.as_ref().unwrap_or(&nowhere);
        Applying { write: id, stands, run: Some(run), seq: None, now, sends: None }.apply(connection, &changes)?;
    }
    Ok(left)
}
