//! Lane facts for writes, looked up once per lane: reading a list stays linear, however long its
//! lanes are.

use std::collections::HashSet;

use rusqlite::{Connection, Row};

use super::error::{JobResult, row_error};
use super::rows::standing;
use crate::domain::clock::Clock;
use crate::domain::endpoint::is_upsert;
use crate::domain::hazard::{Facts, hazards};
use crate::domain::ids::WriteId;
use crate::domain::lane::Turn;
use crate::domain::rules::lane::{LaneFacts, MatePlace, is_accepted, is_open};
use crate::domain::target::Windows;
use crate::domain::time::Timestamp;
use crate::domain::write::FailedWrite;
use crate::store::LaneCache;
use crate::store::lane_cache::{Lane, Lanes};

/// The context in which hazards are determined.
pub(super) struct Looking<'a> {
    pub(super) cache: &'a LaneCache,
    pub(super) windows: &'a Windows,
    pub(super) clock: Clock,
}

impl Looking<'_> {
    /// Sets `superseded_by` and `blocked_by` of a write according to its lanes.
    pub(super) fn at_lanes_of(&self, connection: &Connection, write: &mut FailedWrite) -> JobResult<()> {
        if write.lane.is_none() || !write.standing.state().is_open() {
            return Ok(());
        }
        let lanes = &mut *self.cache.lanes();
        for hash in hashes_of(connection, write.id)? {
            let lane = if let Some(lane) = lanes.known.get(&hash) {
                *lane
            } else {
                let lane = self.lane(connection, hash, lanes)?;
                lanes.known.insert(hash, lane);
                lane
            };
            let facts =
                LaneFacts { oldest_open: lane.blocking, latest_accepted: lane.accepted, ..LaneFacts::default() };
            write.superseded_by = write.superseded_by.or(facts.superseder(write.turn).map(|turn| turn.id));
            write.blocked_by = write.blocked_by.or(facts.blocker(write.turn).map(|turn| turn.id));
        }
        Ok(())
    }

    fn lane(&self, connection: &Connection, hash: i64, known: &mut Lanes) -> JobResult<Lane> {
        let seen = known.seen(connection, hash)?;
        let mut blocking: Option<Turn> = None;
        for turn in seen.open {
            if blocking.is_some_and(|oldest| oldest <= turn) {
                continue;
            }
            let Some((facts, target)) = facts_of_mate(connection, turn)? else {
                // It can't be sent and its place is unknown, so err on the side of caution.
                blocking = Some(Turn { at: Timestamp::EPOCH, ..turn });
                continue;
            };
            let facts = Facts { superseded: is_superseded(connection, turn, known)?, ..facts };
            if hazards(&facts, self.windows.of(&target), self.clock).iter().any(|hazard| hazard.refuses()) {
                blocking = Some(turn);
            }
        }
        Ok(Lane { accepted: seen.accepted, blocking })
    }
}

/// The writes of a lane that affect others in it.
#[derive(Debug, Clone, Default)]
struct Seen {
    open: Vec<Turn>,
    accepted: Option<Turn>,
}

impl Lanes {
    fn seen(&mut self, connection: &Connection, hash: i64) -> JobResult<Seen> {
        let mut seen = Seen::default();
        let mut statement = connection.prepare_cached(&format!(
            "SELECT {MATE} FROM lanes l JOIN writes x ON x.id = l.write_id WHERE l.hash = ?"
        ))?;
        let mut rows = statement.query([hash])?;
        while let Some(row) = rows.next()? {
            let (turn, place) = mate(row)?;
            if is_open(place) {
                seen.open.push(turn);
            }
            if place.is_some_and(is_accepted) {
                seen.accepted = seen.accepted.max(Some(turn));
            }
        }
        self.accepted.insert(hash, seen.accepted);
        Ok(seen)
    }
}

/// The columns that [`mate`] reads, of `writes x`.
pub(super) const MATE: &str =
    "x.id, x.order_at, coalesce(x.order_id, x.id), x.state, x.was, x.resolution, x.ambiguous_since";

/// Reads [`MATE`]: a write of a lane, with its place. One that can't be read has no place, and
/// comes before all others.
pub(super) fn mate(row: &Row<'_>) -> rusqlite::Result<(Turn, MatePlace)> {
    let id: WriteId = row.get(0)?;
    let read = || -> rusqlite::Result<_> {
        let turn = Turn { id, at: row.get(1)?, arrival: row.get(2)? };
        Ok((turn, Some(standing(row, 3)?.place)))
    };
    match read() {
        Err(error) if row_error(&error).is_some() => Ok((Turn { at: Timestamp::EPOCH, arrival: id, id }, None)),
        other => other,
    }
}

/// Sums up the other writes in a write's lanes, as if those in `gone` had been deleted.
pub(super) fn facts_of(connection: &Connection, id: WriteId, gone: &HashSet<WriteId>) -> JobResult<LaneFacts> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {MATE} FROM lanes l JOIN writes x ON x.id = l.write_id
         WHERE l.hash IN (SELECT hash FROM lanes WHERE write_id = ?1) AND l.write_id <> ?1"
    ))?;
    let mut rows = statement.query([id])?;
    let mut facts = LaneFacts::default();
    while let Some(row) = rows.next()? {
        let (turn, place) = mate(row)?;
        if !gone.contains(&turn.id) {
            facts.add(turn, place);
        }
    }
    Ok(facts)
}

/// Reads the writes of a lane other than `but`.
pub(super) fn mates(connection: &Connection, lane: i64, but: WriteId) -> JobResult<Vec<(Turn, MatePlace)>> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {MATE} FROM lanes l JOIN writes x ON x.id = l.write_id WHERE l.hash = ? AND l.write_id <> ?"
    ))?;
    let rows = statement.query_map((lane, but), mate)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Reads the facts that the hazards of an open write in a lane depend on, and the name of its
/// target; `None` if its row can't be read.
fn facts_of_mate(connection: &Connection, turn: Turn) -> JobResult<Option<(Facts, String)>> {
    let found = connection
        .prepare_cached(
            "SELECT (SELECT name FROM targets WHERE id = x.target_id), x.endpoint_origin, x.body_origin, x.operation,
               CASE WHEN x.parent_key IS NULL THEN x.key_origin ELSE 'derived' END, x.ambiguous_since,
               x.captured_ambiguous, x.edited_at, x.key_reused, x.state, x.was, x.resolution, x.ambiguous_since
             FROM writes x WHERE x.id = ?",
        )?
        .query_row([turn.id], |row| {
            standing(row, 9)?;
            let facts = Facts {
                endpoint_origin: row.get(1)?,
                body_origin: row.get(2)?,
                upsert: is_upsert(row.get_ref(3)?.as_str()?),
                key_origin: row.get(4)?,
                ambiguous_since: row.get(5)?,
                captured_ambiguous: row.get(6)?,
                edited_at: row.get(7)?,
                key_reused: row.get(8)?,
                order_at: turn.at,
                superseded: false,
                lane_blocked: false,
            };
            Ok((facts, row.get(0)?))
        });
    match found {
        Ok(found) => Ok(Some(found)),
        Err(error) if row_error(&error).is_some() => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Returns `true` if the API has a newer write in one of the lanes of this one.
fn is_superseded(connection: &Connection, turn: Turn, known: &mut Lanes) -> JobResult<bool> {
    for hash in hashes_of(connection, turn.id)? {
        let latest = match known.accepted.get(&hash) {
            Some(latest) => *latest,
            None => known.seen(connection, hash)?.accepted,
        };
        if (LaneFacts { latest_accepted: latest, ..LaneFacts::default() }).supersedes(turn) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Reads the hashes of a write's lanes.
pub(super) fn hashes_of(connection: &Connection, id: WriteId) -> JobResult<Vec<i64>> {
    let mut statement = connection.prepare_cached("SELECT hash FROM lanes WHERE write_id = ?")?;
    let hashes = statement.query_map([id], |row| row.get(0))?;
    Ok(hashes.collect::<Result<_, _>>()?)
}
