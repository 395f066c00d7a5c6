//! Operators' actions on writes: resolve, discard, reopen, purge. Each is logged with who, when and
//! why.

use std::collections::HashSet;

use rusqlite::{Connection, Row};

use super::actions::log;
use super::answers::{bodies_of, forget_unless_used};
use super::apply::Applying;
use super::error::{JobResult, row_error};
use super::lanes::{MATE, facts_of, mate};
use super::runs::{stops, stops_data};
use super::seals::load_standing;
use super::{SqliteStore, times};
use crate::domain::action::{Action, Settling};
use crate::domain::identity::{Identity, Sha};
use crate::domain::ids::{RunId, WriteId};
use crate::domain::rules::lane::LaneFacts;
use crate::domain::rules::purge::{PurgeFacts, may_purge};
use crate::domain::rules::settle::{SettleRefusal, settle};
use crate::domain::stop::{Stop, Stops};
use crate::domain::time::Timestamp;
use crate::store::{By, Purged, Reply, Settled, face};

/// Number of writes examined in one step of a purge.
const STEP: usize = 500;

impl face::Settle for SqliteStore {
    fn purgeable(&self, before: Timestamp) -> Reply<u64> {
        self.read(move |connection| {
            // The writes that a purge would delete, pass after pass: some can go only after others.
            let mut goes: HashSet<WriteId> = HashSet::new();
            loop {
                let (mut found, mut after) = (0, None);
                loop {
                    let candidates = candidates(connection, before, after, STEP)?;
                    let Some(last) = candidates.last() else { break };
                    after = Some(last.id);
                    for candidate in candidates {
                        let is_news = !goes.contains(&candidate.id);
                        if is_news && may_purge(&candidate.facts(connection, &goes)?, before) {
                            goes.insert(candidate.id);
                            found += 1;
                        }
                    }
                }
                if found == 0 {
                    return Ok(goes.len() as u64);
                }
            }
        })
    }

    fn settle(&self, ids: Vec<WriteId>, how: Settling, by: By) -> Reply<Settled> {
        self.write_alone(move |connection| {
            let mut settled = Settled::default();
            for &id in &ids {
                match settle_one(connection, id, how, &by)? {
                    None => settled.done.push(id),
                    Some(why) => settled.refused.push((id, why)),
                }
            }
            Ok(settled)
        })
    }

    fn purge(&self, before: Timestamp, after: Option<WriteId>) -> Reply<Purged> {
        self.write_alone(move |connection| {
            overwriting(connection, |connection| purge_step(connection, before, after, times::now()))
        })
    }
}

/// Runs a job with secure deletion on, for this job only: what it deletes is overwritten on disk.
fn overwriting<T>(connection: &Connection, job: impl FnOnce(&Connection) -> JobResult<T>) -> JobResult<T> {
    connection.execute_batch("PRAGMA secure_delete = ON")?;
    let done = job(connection);
    connection.execute_batch("PRAGMA secure_delete = OFF")?;
    done
}

/// A settled write that a purge examines, oldest first: one that keeps a later write of its lane
/// goes before it.
struct Candidate {
    id: WriteId,
    facts: PurgeFacts,
}

impl Candidate {
    /// Returns the facts for the rule as if the writes in `gone` had been deleted; its lanes and
    /// parts are looked up now.
    fn facts(&self, connection: &Connection, gone: &HashSet<WriteId>) -> JobResult<PurgeFacts> {
        let mut parts = connection.prepare_cached("SELECT id FROM writes WHERE parent_id = ?")?;
        let parts: Vec<WriteId> = parts.query_map([self.id], |row| row.get(0))?.collect::<Result<_, _>>()?;
        let has_parts = parts.iter().any(|part| !gone.contains(part));
        Ok(PurgeFacts { lane: facts_of(connection, self.id, gone)?, has_parts, ..self.facts })
    }
}

fn candidates(
    connection: &Connection,
    before: Timestamp,
    after: Option<WriteId>,
    most: usize,
) -> JobResult<Vec<Candidate>> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {MATE}, x.settled_at FROM writes x
         WHERE x.id > ? AND x.settled_at < ? ORDER BY x.id LIMIT ?"
    ))?;
    let candidate = |row: &Row<'_>| -> rusqlite::Result<Option<Candidate>> {
        let (turn, Some(place)) = mate(row)? else { return Ok(None) };
        let lane = LaneFacts::default();
        let facts = PurgeFacts { place, settled_at: row.get(7)?, turn, lane, has_parts: false };
        Ok(Some(Candidate { id: turn.id, facts }))
    };
    let after = after.map_or(0, |id| id.0);
    let mut rows = statement.query((after, before, most as i64))?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        // A write that can't be read is left for someone to investigate.
        match candidate(row) {
            Ok(candidate) => found.extend(candidate),
            Err(error) if row_error(&error).is_some() => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(found)
}

fn purge_step(connection: &Connection, before: Timestamp, after: Option<WriteId>, now: Timestamp) -> JobResult<Purged> {
    let candidates = candidates(connection, before, after, STEP)?;
    let after = candidates.last().map(|last| last.id);
    let (mut count, nobody) = (0, HashSet::new());
    for candidate in candidates {
        if may_purge(&candidate.facts(connection, &nobody)?, before) {
            delete(connection, candidate.id, now)?;
            count += 1;
        }
    }
    if after.is_none() {
        super::successes::purge(connection, before)?;
    }
    Ok(Purged { count, after })
}

fn delete(connection: &Connection, id: WriteId, now: Timestamp) -> JobResult<()> {
    let tombstone = connection
        .prepare_cached(
            "SELECT t.name, w.method, w.path, coalesce(w.parent_key, w.key), w.content_hash
             FROM writes w JOIN targets t ON t.id = w.target_id WHERE w.id = ?",
        )?
        .query_row([id], |row| {
            let identity = Identity {
                target: row.get_ref(0)?.as_str()?,
                method: row.get_ref(1)?.as_str()?,
                path: row.get_ref(2)?.as_str()?,
                key: row.get_ref(3)?.as_str()?,
                content: row.get::<_, Sha>(4)?,
            };
            Ok(identity.tombstone())
        })?;
    connection
        .prepare_cached("INSERT OR IGNORE INTO tombstones (identity, purged_at) VALUES (?, ?)")?
        .execute((tombstone, now))?;
    forget_in_runs(connection, id)?;
    let bodies = bodies_of(connection, id)?;
    connection.prepare_cached("DELETE FROM writes WHERE id = ?")?.execute([id])?;
    bodies.into_iter().try_for_each(|body| forget_unless_used(connection, body))
}

/// Removes the API's words about a write from the records of runs.
fn forget_in_runs(connection: &Connection, id: WriteId) -> JobResult<()> {
    connection
        .prepare_cached(
            "UPDATE run_items SET reason_data = json_remove(reason_data, '$.words') WHERE write_id = ? AND reason_data IS NOT NULL",
        )?
        .execute([id])?;
    // Narrowed down by the JSON of such a stop, or by the sentence that an older version stored.
    let (named, shown) = (format!("\"write\":{id},"), format!("(dlq show {id})"));
    let mut statement = connection.prepare_cached(
        "SELECT id, stopped, stopped_data FROM runs WHERE stopped IS NOT NULL
           AND id IN (SELECT run_id FROM run_items WHERE write_id = ?)
           AND (instr(stopped_data, ?) > 0 OR instr(stopped_data, ?) > 0)",
    )?;
    let runs: Vec<(RunId, Stops)> =
        statement.query_map((id, named, &shown), |row| Ok((row.get(0)?, stops(row, 1)?)))?.collect::<Result<_, _>>()?;
    for (run, stopped) in runs {
        let is_worded = matches!(stopped.list.as_slice(), [Stop::Worded { .. }]);
        let forgotten =
            if is_worded { Some(Stops::one(Stop::Worded { words: String::new() })) } else { stopped.forget(id) };
        if let Some(stopped) = forgotten {
            connection
                .prepare_cached("UPDATE runs SET stopped_data = ? WHERE id = ?")?
                .execute((stops_data(&stopped), run))?;
        }
    }
    Ok(())
}

/// Settles one write; returns the reason if it is refused.
fn settle_one(connection: &Connection, id: WriteId, how: Settling, by: &By) -> JobResult<Option<SettleRefusal>> {
    let stands = match load_standing(connection, id) {
        Ok(Some(stands)) => stands,
        Ok(None) => return Ok(Some(SettleRefusal::NoSuchWrite)),
        Err(error) => {
            return row_error(&error).map_or(Err(error.into()), |why| Ok(Some(SettleRefusal::Damaged(why))));
        }
    };
    let (after, changes) = match settle(stands.standing, stands.run, how) {
        Ok(settled) => settled,
        Err(why) => return Ok(Some(why)),
    };
    let at = times::now();
    times::tick(connection, at)?;
    Applying { write: id, stands: &stands, run: None, seq: None, now: at, sends: None }.apply(connection, &changes)?;
    let (from, to) = (stands.standing.state(), after.state());
    log(connection, Some(id), &Action::Settle { how, from, to }, by, at)?;
    Ok(None)
}
