//! What lanes say of their writes, looked up once a lane: reading a list stays linear, however long its lanes are.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension as _, Row};

use super::error::{JobResult, row_error};
use crate::domain::clock::Clock;
use crate::domain::endpoint::is_upsert;
use crate::domain::hazard::{Facts, hazards};
use crate::domain::ids::WriteId;
use crate::domain::lane::Turn;
use crate::domain::state::State;
use crate::domain::write::FailedWrite;

/// What is known of lanes for the length of one listing.
#[derive(Debug, Clone, Default)]
pub struct LaneCache(Arc<Mutex<Known>>);

#[derive(Debug, Default)]
struct Known {
    lanes: HashMap<i64, Lane>,
    /// When the latest accepted write of a lane had its turn.
    accepted: HashMap<i64, Option<Turn>>,
}

/// What a lane says of its open writes.
#[derive(Debug, Clone, Copy)]
struct Lane {
    /// The latest that was accepted: what is older is superseded.
    accepted: Option<Turn>,
    /// The oldest open one that can't be sent now: what is younger is blocked.
    blocking: Option<Turn>,
}

/// How hazards are looked at.
pub(super) struct Looking<'a> {
    pub(super) cache: &'a LaneCache,
    pub(super) window: &'a dyn Fn(&str) -> Duration,
    pub(super) clock: Clock,
}

impl Looking<'_> {
    /// Fills in what a write's lanes say of it.
    pub(super) fn at_lanes_of(&self, connection: &Connection, write: &mut FailedWrite) -> JobResult<()> {
        if write.lane.is_none() || !write.standing.state().is_open() {
            return Ok(());
        }
        let known = &mut *self.cache.0.lock().unwrap_or_else(PoisonError::into_inner);
        for hash in hashes_of(connection, write.id)? {
            let lane = if let Some(lane) = known.lanes.get(&hash) {
                *lane
            } else {
                let lane = self.lane(connection, hash, known)?;
                known.lanes.insert(hash, lane);
                lane
            };
            write.superseded |= lane.accepted.is_some_and(|accepted| accepted > write.turn);
            write.lane_blocked |= lane.blocking.is_some_and(|blocking| blocking < write.turn);
        }
        Ok(())
    }

    fn lane(&self, connection: &Connection, hash: i64, known: &mut Known) -> JobResult<Lane> {
        let accepted = accepted(connection, hash, known)?;
        let mut statement = connection.prepare_cached(&format!(
            "SELECT {MATE} FROM lanes l JOIN writes x ON x.id = l.write_id
             WHERE l.hash = ? AND x.state NOT IN ('replayed', 'resolved', 'discarded')"
        ))?;
        let mut rows = statement.query([hash])?;
        let mut blocking: Option<Turn> = None;
        while let Some(row) = rows.next()? {
            let mate = match mate(row) {
                Ok(mate) => mate,
                // It can't be sent, and nobody knows where it stands: the careful side.
                Err(error) if row_error(&error).is_some() => Mate::unreadable(row.get(0)?),
                Err(error) => return Err(error.into()),
            };
            if blocking.is_some_and(|oldest| oldest <= mate.turn) {
                continue;
            }
            let superseded = match accepted {
                Some(accepted) if accepted > mate.turn => true,
                _ if mate.lanes > 1 => superseded_elsewhere(connection, &mate, known)?,
                _ => false,
            };
            let refuses = |facts: &Facts| {
                let facts = Facts { superseded, ..*facts };
                hazards(&facts, (self.window)(&mate.target), self.clock).iter().any(|hazard| hazard.refuses())
            };
            if mate.facts.as_ref().is_none_or(refuses) {
                blocking = Some(mate.turn);
            }
        }
        Ok(Lane { accepted, blocking })
    }
}

/// An open write of a lane. Without facts it can't be read.
struct Mate {
    id: WriteId,
    turn: Turn,
    target: String,
    lanes: i64,
    facts: Option<Facts>,
}

impl Mate {
    fn unreadable(id: WriteId) -> Self {
        let turn = Turn { at: crate::domain::time::Timestamp::EPOCH, arrival: id, id };
        Self { id, turn, target: String::new(), lanes: 0, facts: None }
    }
}

const MATE: &str = "x.id, x.order_at, coalesce(x.order_id, x.id), (SELECT name FROM targets WHERE id = x.target_id), \
    (SELECT count(*) FROM lanes m WHERE m.write_id = x.id), x.endpoint_origin, x.body_origin, x.operation, \
    CASE WHEN x.parent_key IS NULL THEN x.key_origin ELSE 'derived' END, x.ambiguous_since, x.captured_ambiguous, \
    x.edited_at, x.key_reused, x.state";

fn mate(row: &Row<'_>) -> rusqlite::Result<Mate> {
    let turn = Turn { id: row.get(0)?, at: row.get(1)?, arrival: row.get(2)? };
    let _: State = row.get(13)?;
    let facts = Facts {
        endpoint_origin: row.get(5)?,
        body_origin: row.get(6)?,
        upsert: is_upsert(row.get_ref(7)?.as_str()?),
        key_origin: row.get(8)?,
        ambiguous_since: row.get(9)?,
        captured_ambiguous: row.get(10)?,
        edited_at: row.get(11)?,
        key_reused: row.get(12)?,
        order_at: turn.at,
        superseded: false,
        lane_blocked: false,
    };
    Ok(Mate { id: turn.id, turn, target: row.get(3)?, lanes: row.get(4)?, facts: Some(facts) })
}

fn superseded_elsewhere(connection: &Connection, mate: &Mate, known: &mut Known) -> JobResult<bool> {
    for hash in hashes_of(connection, mate.id)? {
        if accepted(connection, hash, known)?.is_some_and(|accepted| accepted > mate.turn) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn accepted(connection: &Connection, hash: i64, known: &mut Known) -> JobResult<Option<Turn>> {
    if let Some(accepted) = known.accepted.get(&hash) {
        return Ok(*accepted);
    }
    let latest = connection
        .prepare_cached(
            "SELECT x.id, x.order_at, coalesce(x.order_id, x.id) FROM lanes l JOIN writes x ON x.id = l.write_id
             WHERE l.hash = ? AND (x.state = 'replayed' OR x.resolution IN ('by_hand', 'producer'))
             ORDER BY 2 DESC, 3 DESC, 1 DESC LIMIT 1",
        )?
        .query_row([hash], |row| Ok(Turn { id: row.get(0)?, at: row.get(1)?, arrival: row.get(2)? }))
        .optional()?;
    known.accepted.insert(hash, latest);
    Ok(latest)
}

/// The lanes of a write.
pub(super) fn hashes_of(connection: &Connection, id: WriteId) -> JobResult<Vec<i64>> {
    let mut statement = connection.prepare_cached("SELECT hash FROM lanes WHERE write_id = ?")?;
    let hashes = statement.query_map([id], |row| row.get(0))?;
    Ok(hashes.collect::<Result<_, _>>()?)
}
