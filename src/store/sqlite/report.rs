//! Input data for reports, read in one snapshot.

use rusqlite::{Connection, Row, params};

use super::actions::action;
use super::error::JobResult;
use super::runs::{reason, run_with_tally};
use super::{SqliteStore, times};
use crate::domain::ids::{GroupId, RunId, WriteId};
use crate::domain::outcome::Outcome;
use crate::domain::reason::Reason;
use crate::domain::report::{About, ActionTally, CauseGroup, LastSaid, NotThrough, RunCause};
use crate::domain::time::Timestamp;
use crate::store::{Happened, Reply, StoreError, face};

impl face::Reports for SqliteStore {
    fn happened(&self, about: About) -> Reply<Happened> {
        let path = self.path.clone();
        self.read(move |connection| {
            let snapshot = connection.unchecked_transaction()?;
            let now = times::now();
            let ids: Vec<RunId> = match about {
                About::Run(run) => vec![run],
                // Includes runs that were in progress when the period began.
                About::Since(from) => snapshot
                    .prepare_cached("SELECT id FROM runs WHERE coalesce(ended_at, ?1) >= ?2 ORDER BY id")?
                    .query_map((now, from), |row| row.get(0))?
                    .collect::<Result<_, _>>()?,
            };
            let mut runs = Vec::new();
            for id in ids {
                let Some(run) = run_with_tally(&snapshot, &path, id)? else {
                    return Err(StoreError::NoSuchRun(id).into());
                };
                runs.push((run, not_through(&snapshot, id)?));
            }
            let (from, to) = match (about, runs.first()) {
                (About::Run(_), Some((run, _))) => (run.started_at, run.ended_at.unwrap_or(now)),
                (About::Since(from), _) => (from, now),
                (About::Run(_), None) => (now, now),
            };
            let mut statement = snapshot.prepare_cached(
                "SELECT failure_type, count(*) FROM writes
                 WHERE captured_at BETWEEN ? AND ? AND parent_id IS NULL GROUP BY 1 ORDER BY 2 DESC",
            )?;
            let arrived =
                statement.query_map((from, to), |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?;
            let actions = actions(&snapshot, from, to)?;
            Ok(Happened { from, to, arrived, runs, actions })
        })
    }

    fn causes(&self, run: RunId) -> Reply<Vec<RunCause>> {
        self.read(move |connection| causes(connection, run))
    }

    fn outcomes_in(&self, run: RunId, ids: Vec<WriteId>) -> Reply<Vec<(WriteId, Outcome, Option<Reason>)>> {
        self.read(move |connection| {
            let mut statement = connection.prepare_cached(
                "SELECT coalesce(outcome, 'unsent'), reason, reason_data FROM run_items WHERE write_id = ? AND run_id = ?",
            )?;
            let mut found = Vec::new();
            for id in ids {
                let mut rows = statement.query((id, run))?;
                if let Some(row) = rows.next()? {
                    found.push((id, row.get(0)?, reason(row, 1)?));
                }
            }
            Ok(found)
        })
    }
}

/// The last answer to each write `i` of run `?1` that failed or is unknown. An answer that judged the data moved its write
/// to the group of what it said, so it says no more than the group.
const SAID: &str = "LEFT JOIN attempts a ON a.write_id = i.write_id AND i.outcome IN ('failed', 'unknown')
    AND a.n = (SELECT max(n) FROM attempts WHERE write_id = i.write_id AND run_id = ?1)
    AND (a.status IS NULL OR a.status NOT IN (400, 404, 413, 422))";

/// Of the attempts that [`SAID`] finds: one, and the number of different statuses and codes.
const SAID_PART: &str = "min(a.id) AS said,
    count(DISTINCT coalesce(a.status, '') || ' ' || coalesce(a.error_code, '')) AS kinds";

/// The columns that [`said`] reads, of that attempt as `s`.
const SAID_COLUMNS: &str = "s.attempt, s.status, s.error_code, s.error_message, kinds";

/// The join that makes it so; other names of `attempts` would be those of the parts, too.
const SAID_ONE: &str =
    "LEFT JOIN (SELECT id AS attempt, status, error_code, error_message FROM attempts) s ON s.attempt = said";

fn said(row: &Row<'_>, at: usize) -> rusqlite::Result<Option<LastSaid>> {
    if row.get::<_, Option<i64>>(at)?.is_none() {
        return Ok(None);
    }
    let kinds: i64 = row.get(at + 4)?;
    Ok(Some(LastSaid {
        status: row.get(at + 1)?,
        code: row.get(at + 2)?,
        message: row.get(at + 3)?,
        kinds: kinds.unsigned_abs(),
    }))
}

fn causes(connection: &Connection, run: RunId) -> JobResult<Vec<RunCause>> {
    let mut statement = connection.prepare_cached(&format!(
        "WITH items AS (
           SELECT coalesce(i.outcome, 'unsent') AS outcome, i.reason, i.reason_data, i.write_id,
             CASE WHEN i.outcome IN ('failed', 'unknown') THEN (SELECT group_id FROM writes w WHERE w.id = i.write_id) END AS g,
             CASE WHEN i.reason IN ('group-stopped', 'endpoint-stopped') THEN i.reason_data END AS part
           FROM run_items i WHERE i.run_id = ?1 AND i.outcome IS NOT 'accepted'
         ), parts AS (
           SELECT i.outcome AS outcome, reason, min(reason_data) AS reason_data, g, count(*) AS n,
             count(DISTINCT coalesce(reason_data, '')) AS reasons, min(i.write_id) AS example, {SAID_PART}
           FROM items i {SAID} GROUP BY i.outcome, reason, g, part, a.id IS NULL
         )
         SELECT parts.outcome, reason, reason_data, g, n, reasons, example,
           (SELECT error_code FROM groups c WHERE c.id = g), (SELECT message FROM groups c WHERE c.id = g), {SAID_COLUMNS}
         FROM parts {SAID_ONE}
         ORDER BY parts.outcome NOT IN ('failed', 'unknown'), n DESC, example"
    ))?;
    let rows = statement.query_map([run], |row| {
        let (id, code): (Option<GroupId>, Option<String>) = (row.get(3)?, row.get(7)?);
        let message: Option<String> = row.get(8)?;
        Ok(RunCause {
            outcome: row.get(0)?,
            reason: reason(row, 1)?,
            group: id.zip(message).map(|(id, message)| CauseGroup { id, code, message }),
            said: said(row, 9)?,
            count: row.get::<_, i64>(4)?.unsigned_abs(),
            reasons: row.get::<_, i64>(5)?.unsigned_abs(),
            example: row.get(6)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn not_through(connection: &Connection, run: RunId) -> JobResult<Vec<NotThrough>> {
    let mut statement = connection.prepare_cached(&format!(
        "WITH items AS (
           SELECT i.outcome, i.write_id, (SELECT group_id FROM writes w WHERE w.id = i.write_id) AS group_id,
             CASE i.outcome WHEN 'refused' THEN i.reason END AS hazard,
             i.outcome = 'failed' AND json_extract(i.reason_data, '$.maybe_cached_until') IS NOT NULL AS again
           FROM run_items i WHERE i.run_id = ?1 AND i.outcome IN ('failed', 'unknown', 'held', 'refused')
         ), parts AS (
           SELECT i.outcome AS outcome, group_id, hazard, count(*) AS n, min(i.write_id) AS example, sum(again) AS again,
             {SAID_PART}
           FROM items i {SAID} GROUP BY 1, 2, 3, a.id IS NULL
         )
         SELECT parts.outcome, group_id, hazard, n, example, again, {SAID_COLUMNS}, (SELECT g.error_code || ': ' || g.message FROM groups g WHERE g.id = group_id),
           (SELECT correlation_id FROM attempts a WHERE a.write_id = example AND a.run_id = ?1 ORDER BY a.n DESC LIMIT 1)
         FROM parts {SAID_ONE} ORDER BY n DESC"
    ))?;
    let rows = statement.query_map([run], |row| {
        Ok(NotThrough {
            outcome: row.get(0)?,
            group: row.get(1)?,
            hazard: row.get(2)?,
            count: row.get(3)?,
            example: row.get(4)?,
            maybe_cached: row.get(5)?,
            said: said(row, 6)?,
            cause: row.get(11)?,
            correlation_id: row.get(12)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn actions(connection: &Connection, from: Timestamp, to: Timestamp) -> JobResult<Vec<ActionTally>> {
    let mut statement = connection.prepare_cached(
        "SELECT l.action, l.data, l.detail, l.operator, l.reason, g.n, g.first, g.last, g.writes FROM
           (SELECT min(id) AS id, count(*) AS n, min(at) AS first, max(at) AS last, group_concat(write_id) AS writes
            FROM operator_log
            WHERE at BETWEEN ? AND ? AND action <> 'part' GROUP BY action, operator, reason) g
           JOIN operator_log l ON l.id = g.id ORDER BY g.id",
    )?;
    let rows = statement.query_map(params![from, to], |row| {
        Ok(ActionTally {
            action: action(row, 0)?,
            operator: row.get(3)?,
            reason: row.get(4)?,
            count: row.get(5)?,
            first: row.get(6)?,
            last: row.get(7)?,
            writes: ids(row.get_ref(8)?.as_str_or_null()?.unwrap_or_default()),
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Reads the first IDs of a list, each once.
fn ids(list: &str) -> Vec<WriteId> {
    let mut ids: Vec<WriteId> = Vec::new();
    for id in list.split(',').filter_map(|id| id.parse().ok()).map(WriteId).take(ActionTally::MOST_WRITES) {
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    ids
}
