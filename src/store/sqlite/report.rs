//! Input data for reports, read in one snapshot.

use rusqlite::{Connection, params};

use super::actions::action;
use super::error::JobResult;
use super::runs::{reason, run_with_tally};
use super::{SqliteStore, times};
use crate::domain::ids::{GroupId, RunId, WriteId};
use crate::domain::outcome::Outcome;
use crate::domain::reason::Reason;
use crate::domain::report::{About, ActionTally, CauseGroup, NotThrough, RunCause};
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

fn causes(connection: &Connection, run: RunId) -> JobResult<Vec<RunCause>> {
    let mut statement = connection.prepare_cached(
        "WITH items AS (
           SELECT coalesce(i.outcome, 'unsent') AS outcome, i.reason, i.reason_data, i.write_id,
             CASE WHEN i.outcome IN ('failed', 'unknown') THEN (SELECT group_id FROM writes w WHERE w.id = i.write_id) END AS g,
             CASE WHEN i.reason IN ('group-stopped', 'endpoint-stopped') THEN i.reason_data END AS part
           FROM run_items i WHERE i.run_id = ?1 AND i.outcome IS NOT 'accepted'
         )
         SELECT outcome, reason, min(reason_data), g, count(*), count(DISTINCT coalesce(reason_data, '')), min(write_id),
           (SELECT error_code FROM groups c WHERE c.id = g), (SELECT message FROM groups c WHERE c.id = g)
         FROM items GROUP BY outcome, reason, g, part
         ORDER BY outcome NOT IN ('failed', 'unknown'), 5 DESC, 7",
    )?;
    let rows = statement.query_map([run], |row| {
        let (id, code): (Option<GroupId>, Option<String>) = (row.get(3)?, row.get(7)?);
        let message: Option<String> = row.get(8)?;
        Ok(RunCause {
            outcome: row.get(0)?,
            reason: reason(row, 1)?,
            group: id.zip(message).map(|(id, message)| CauseGroup { id, code, message }),
            count: row.get::<_, i64>(4)?.unsigned_abs(),
            reasons: row.get::<_, i64>(5)?.unsigned_abs(),
            example: row.get(6)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn not_through(connection: &Connection, run: RunId) -> JobResult<Vec<NotThrough>> {
    let mut statement = connection.prepare_cached(
        "WITH items AS (
           SELECT i.outcome, i.write_id, (SELECT group_id FROM writes w WHERE w.id = i.write_id) AS group_id,
             CASE i.outcome WHEN 'refused' THEN i.reason END AS hazard,
             i.outcome = 'failed' AND json_extract(i.reason_data, '$.maybe_cached_until') IS NOT NULL AS again
           FROM run_items i WHERE i.run_id = ?1 AND i.outcome IN ('failed', 'unknown', 'held', 'refused')
         ), parts AS (
           SELECT outcome, group_id, hazard, count(*) AS n, min(write_id) AS example, sum(again) AS again
           FROM items GROUP BY 1, 2, 3
         )
         SELECT outcome, group_id, hazard, n, example,
           (SELECT g.error_code || ': ' || g.message FROM groups g WHERE g.id = group_id), again, (SELECT correlation_id FROM attempts a
             WHERE a.write_id = example AND a.run_id = ?1 ORDER BY a.n DESC LIMIT 1)
         FROM parts ORDER BY n DESC",
    )?;
    let rows = statement.query_map([run], |row| {
        Ok(NotThrough {
            outcome: row.get(0)?,
            group: row.get(1)?,
            hazard: row.get(2)?,
            count: row.get(3)?,
            example: row.get(4)?,
            cause: row.get(5)?,
            maybe_cached: row.get(6)?,
            correlation_id: row.get(7)?,
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
