//! Input data for reports, read in one snapshot.

use rusqlite::{Connection, params};

use super::actions::action;
use super::error::JobResult;
use super::runs::run_with_tally;
use super::{SqliteStore, times};
use crate::domain::ids::RunId;
use crate::domain::report::{About, ActionTally, NotThrough};
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
        "SELECT l.action, l.data, l.detail, l.operator, l.reason, g.n, g.first, g.last FROM
           (SELECT min(id) AS id, count(*) AS n, min(at) AS first, max(at) AS last FROM operator_log
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
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}
