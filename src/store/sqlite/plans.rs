//! Input data for plans: candidates in compact form, and their lane mates.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, Row, params_from_iter};

use super::error::{JobResult, row_error};
use super::lanes::{hashes_of, latest_success_in, mates};
use super::locks::RunLock;
use super::sql_filter::Where;
use super::writes::{ids_matching, stateless};
use super::{SqliteStore, times};
use crate::domain::endpoint::is_upsert;
use crate::domain::filter::{Filter, Test};
use crate::domain::hazard::Facts;
use crate::domain::ids::{RunId, WriteId};
use crate::domain::lane::Turn;
use crate::domain::plan::{Candidate, LaneMate};
use crate::domain::rules::lane::{LaneFacts, is_open};
use crate::domain::run::RunState;
use crate::domain::selection::Selection;
use crate::domain::state::State;
use crate::domain::target::Windows;
use crate::domain::time::Timestamp;
use crate::store::{PlanData, Reply, RestOfRun, StoreError, face};

impl face::Plans for SqliteStore {
    fn plan_data(&self, filter: &Filter, limit: Option<usize>, windows: Windows) -> Reply<PlanData> {
        let filter = filter.clone().and(Test::State(State::REPLAYABLE.to_vec()));
        self.read(move |connection| {
            let snapshot = connection.unchecked_transaction()?;
            let now = times::now();
            let mut data = PlanData { clock: times::read(&snapshot, now)?, ..PlanData::default() };
            data.damaged = stateless(&snapshot)?;
            matching(&snapshot, &filter, now, &mut data)?;
            if filter.hazard_terms().next().is_some() {
                let kept: HashSet<WriteId> = ids_matching(&snapshot, &filter, &windows, now)?.into_iter().collect();
                data.candidates.retain(|c| kept.contains(&c.id));
            }
            data.candidates.truncate(limit.unwrap_or(usize::MAX));
            data.targets = targets(&snapshot, &filter, now)?;
            data.last_id = snapshot.query_row("SELECT max(id) FROM writes", [], |row| row.get(0))?;
            lanes(&snapshot, &mut data)?;
            snapshot.finish()?;
            Ok(data)
        })
    }

    fn rest_of_run(&self, run: RunId) -> Reply<RestOfRun> {
        let path = self.path.clone();
        self.read(move |connection| {
            let snapshot = connection.unchecked_transaction()?;
            let found: Option<(String, Option<String>, String, RunState)> = snapshot
                .prepare_cached(
                    "SELECT t.name, r.selection, r.options, r.state FROM runs r JOIN targets t ON t.id = r.target_id
                     WHERE r.id = ?",
                )?
                .query_row([run], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))
                .optional()?;
            let Some((target, selection, options, state)) = found else {
                return Err(StoreError::NoSuchRun(run).into());
            };
            if state == RunState::Running && RunLock::is_held(&path, run) {
                return Err(StoreError::StillRunning(run).into());
            }
            let from = "run_items i JOIN writes w ON w.id = i.write_id
                        WHERE i.run_id = ? AND coalesce(i.outcome, 'unsent') <> 'accepted'";
            let last_id = snapshot.query_row("SELECT max(id) FROM writes", [], |row| row.get(0))?;
            let clock = times::read(&snapshot, times::now())?;
            let mut data = PlanData { last_id, targets: vec![target], clock, ..PlanData::default() };
            candidates(&snapshot, "i.content", from, vec![run.0.into()], &mut data)?;
            lanes(&snapshot, &mut data)?;
            snapshot.finish()?;
            let options: serde_json::Value = serde_json::from_str(&options).unwrap_or_default();
            let last_id = options["last_id"].as_i64().map(WriteId).or(data.last_id);
            let selection = selection.as_deref().and_then(Selection::read);
            Ok(RestOfRun { data: PlanData { last_id, ..data }, selection })
        })
    }

    fn recent_latency(&self) -> Reply<Option<Duration>> {
        self.read(|connection| {
            let millis: Option<f64> = connection
                .prepare_cached(
                    "SELECT avg(latency_ms) FROM
                       (SELECT latency_ms FROM attempts WHERE latency_ms IS NOT NULL AND status IS NOT NULL ORDER BY id DESC LIMIT 200)",
                )?
                .query_row([], |row| row.get(0))?;
            Ok(millis.and_then(|millis| Duration::try_from_secs_f64(millis / 1000.0).ok()))
        })
    }
}

fn matching(connection: &Connection, filter: &Filter, now: Timestamp, data: &mut PlanData) -> JobResult<()> {
    let clause = Where::new(filter, now);
    let from = format!("writes w JOIN targets t ON t.id = w.target_id WHERE {}", clause.sql);
    candidates(connection, "w.body_sha256", &from, clause.params, data)
}

/// Reads candidates, oldest first, along with the rows that can't be read. `content` is the SQL
/// expression for the hash of the body that the plan shows.
fn candidates(
    connection: &Connection,
    content: &str,
    from: &str,
    params: Vec<rusqlite::types::Value>,
    data: &mut PlanData,
) -> JobResult<()> {
    let sql = format!(
        "SELECT w.id, w.group_id, w.order_at, w.endpoint_origin, w.body_origin, w.operation,
           CASE WHEN w.parent_key IS NULL THEN w.key_origin ELSE 'derived' END,
           w.ambiguous_since, w.captured_ambiguous, w.edited_at, w.key_reused, {content}, w.path,
           CASE WHEN w.lane IS NOT NULL THEN (SELECT group_concat(hash) FROM lanes WHERE write_id = w.id) END,
           w.state, coalesce(w.order_id, w.id), (SELECT key_header_since FROM targets WHERE id = w.target_id)
         FROM {from} ORDER BY w.order_at, w.id"
    );
    let mut statement = connection.prepare(&sql)?;
    let mut endpoints: HashSet<Arc<str>> = HashSet::new();
    let mut candidate = |row: &Row<'_>| -> rusqlite::Result<Candidate> {
        let order_at = row.get(2)?;
        let path = row.get_ref(12)?.as_str()?;
        let endpoint = endpoints.get(path).cloned().unwrap_or_else(|| Arc::from(path));
        endpoints.insert(Arc::clone(&endpoint));
        Ok(Candidate {
            id: row.get(0)?,
            group: row.get(1)?,
            endpoint,
            turn: Turn { at: order_at, arrival: row.get(15)?, id: row.get(0)? },
            facts: Facts {
                endpoint_origin: row.get(3)?,
                body_origin: row.get(4)?,
                upsert: is_upsert(row.get_ref(5)?.as_str()?),
                key_origin: row.get(6)?,
                ambiguous_since: row.get(7)?,
                captured_ambiguous: row.get(8)?,
                edited_at: row.get(9)?,
                key_reused: row.get(10)?,
                key_moved_at: row.get(16)?,
                order_at,
                superseded: false,
                lane_blocked: false,
            },
            content: row.get(11)?,
            lanes: row
                .get_ref(13)?
                .as_str_or_null()?
                .map_or_else(Vec::new, |hashes| hashes.split(',').filter_map(|hash| hash.parse().ok()).collect()),
            settled: !row.get::<_, State>(14)?.is_open(),
        })
    };
    let mut rows = statement.query(params_from_iter(params))?;
    while let Some(row) = rows.next()? {
        match candidate(row) {
            Ok(candidate) => data.candidates.push(candidate),
            Err(error) => match row_error(&error) {
                Some(why) => data.damaged.push((row.get(0)?, why)),
                None => return Err(error.into()),
            },
        }
    }
    Ok(())
}

fn targets(connection: &Connection, filter: &Filter, now: Timestamp) -> JobResult<Vec<String>> {
    let clause = Where::new(filter, now);
    let sql = format!(
        "SELECT DISTINCT t.name FROM writes w JOIN targets t ON t.id = w.target_id WHERE {} ORDER BY 1",
        clause.sql
    );
    let mut statement = connection.prepare(&sql)?;
    let rows = statement.query_map(params_from_iter(clause.params), |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Determines which candidates are superseded, and finds their lane mates.
fn lanes(connection: &Connection, data: &mut PlanData) -> JobResult<()> {
    for (id, _) in &data.damaged {
        // Its standing is unknown, so all of its lanes wait for it.
        let turn = Turn { at: Timestamp::EPOCH, arrival: *id, id: *id };
        data.mates.extend(hashes_of(connection, *id)?.into_iter().map(|lane| LaneMate { turn, lane }));
    }
    let chosen: HashSet<WriteId> = data.candidates.iter().map(|c| c.id).collect();
    let mut known: HashMap<i64, LaneFacts> = HashMap::new();
    for candidate in &mut data.candidates {
        for &lane in &candidate.lanes {
            if let Entry::Vacant(entry) = known.entry(lane) {
                let mut facts = LaneFacts::default();
                for (turn, place) in mates(connection, lane, candidate.id)? {
                    facts.add(turn, place);
                    if is_open(place) && !chosen.contains(&turn.id) {
                        data.mates.push(LaneMate { turn, lane });
                    }
                }
                facts.latest_success = latest_success_in(connection, lane)?;
                entry.insert(facts);
            }
            candidate.facts.superseded |= known.get(&lane).is_some_and(|facts| facts.supersedes(candidate.turn));
        }
    }
    Ok(())
}
