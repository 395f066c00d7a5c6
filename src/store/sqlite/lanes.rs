//! Lane facts for writes, looked up once per lane: reading a list stays linear, however long its
//! lanes are.

use std::collections::{HashMap, HashSet};

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
use crate::store::lane_cache::{Lane, Lanes, LatestAccepted};

/// Number of lanes of a write up to which each is looked up by itself; of a larger batch all are read at once.
const ONE_BY_ONE: usize = 16;

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
        let hashes = hashes_of(connection, write.id)?;
        if hashes.iter().filter(|hash| !lanes.known.contains_key(hash)).count() > ONE_BY_ONE {
            self.read_all(connection, write.id, lanes)?;
        }
        for hash in hashes {
            let lane = if let Some(lane) = lanes.known.get(&hash) {
                *lane
            } else {
                let seen = lanes.seen(connection, hash)?;
                let lane = self.lane(connection, seen, lanes)?;
                lanes.known.insert(hash, lane);
                lane
            };
            let facts = LaneFacts {
                oldest_open: lane.blocking,
                latest_accepted: lane.accepted.write,
                latest_success: lane.accepted.success,
                ..LaneFacts::default()
            };
            write.superseded_by = write.superseded_by.or(facts.superseder(write.turn));
            write.blocked_by = write.blocked_by.or(facts.blocker(write.turn).map(|turn| turn.id));
        }
        Ok(())
    }

    /// Reads all lanes of a write that are not known yet.
    fn read_all(&self, connection: &Connection, id: WriteId, known: &mut Lanes) -> JobResult<()> {
        let mut statement = connection.prepare_cached(&format!(
            "SELECT {MATE}, l.hash FROM lanes o JOIN lanes l ON l.hash = o.hash JOIN writes x ON x.id = l.write_id
             WHERE o.write_id = ?"
        ))?;
        let mut rows = statement.query([id])?;
        let mut lanes: HashMap<i64, Seen> = HashMap::new();
        while let Some(row) = rows.next()? {
            let hash: i64 = row.get("hash")?;
            if !known.known.contains_key(&hash) {
                lanes.entry(hash).or_default().add(mate(row)?);
            }
        }
        for (hash, seen) in &mut lanes {
            seen.accepted.success = latest_success_in(connection, *hash)?;
        }
        known.accepted.extend(lanes.iter().map(|(hash, seen)| (*hash, seen.accepted)));
        for (hash, seen) in lanes {
            let lane = self.lane(connection, seen, known)?;
            known.known.insert(hash, lane);
        }
        Ok(())
    }

    fn lane(&self, connection: &Connection, seen: Seen, known: &mut Lanes) -> JobResult<Lane> {
        let mut blocking: Option<Turn> = None;
        for turn in seen.open {
            if blocking.is_some_and(|oldest| oldest <= turn) {
                continue;
            }
            blocking = self.blocks_from(connection, turn, known)?.or(blocking);
        }
        Ok(Lane { accepted: seen.accepted, blocking })
    }

    /// Returns the turn from which an open write blocks others, because a hazard keeps it from being sent now; `None` if it
    /// can be sent.
    fn blocks_from(&self, connection: &Connection, turn: Turn, known: &mut Lanes) -> JobResult<Option<Turn>> {
        if let Some(blocks) = known.blocking.get(&turn.id) {
            return Ok(*blocks);
        }
        let blocks = match facts_of_mate(connection, turn)? {
            Some((facts, target)) => {
                let facts = Facts { superseded: is_superseded(connection, turn, known)?, ..facts };
                let found = hazards(&facts, self.windows.of(&target), self.clock);
                found.iter().any(|hazard| hazard.refuses()).then_some(turn)
            }
            // It can't be sent and its place is unknown, so err on the side of caution.
            None => Some(Turn { at: Timestamp::EPOCH, ..turn }),
        };
        known.blocking.insert(turn.id, blocks);
        Ok(blocks)
    }
}

/// The writes of a lane that affect others in it.
#[derive(Debug, Clone, Default)]
struct Seen {
    open: Vec<Turn>,
    accepted: LatestAccepted,
}

impl Seen {
    fn add(&mut self, (turn, place): (Turn, MatePlace)) {
        if is_open(place) {
            self.open.push(turn);
        }
        if place.is_some_and(is_accepted) {
            self.accepted.write = self.accepted.write.max(Some(turn));
        }
    }
}

impl Lanes {
    fn seen(&mut self, connection: &Connection, hash: i64) -> JobResult<Seen> {
        let mut seen = Seen::default();
        let mut statement = connection.prepare_cached(&format!(
            "SELECT {MATE} FROM lanes l JOIN writes x ON x.id = l.write_id WHERE l.hash = ?"
        ))?;
        let mut rows = statement.query([hash])?;
        while let Some(row) = rows.next()? {
            seen.add(mate(row)?);
        }
        seen.accepted.success = latest_success_in(connection, hash)?;
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
    facts.latest_success = latest_success_beside(connection, id)?;
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
               x.captured_ambiguous, x.edited_at, x.key_reused, x.state, x.was, x.resolution, x.ambiguous_since,
               (SELECT key_header_since FROM targets WHERE id = x.target_id)
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
                key_moved_at: row.get(13)?,
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
        let facts = LaneFacts { latest_accepted: latest.write, latest_success: latest.success, ..LaneFacts::default() };
        if facts.supersedes(turn) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Returns the time of the latest success in a lane.
pub(super) fn latest_success_in(connection: &Connection, lane: i64) -> JobResult<Option<Timestamp>> {
    Ok(connection
        .prepare_cached("SELECT max(at) FROM success_lanes WHERE hash = ?")?
        .query_row([lane], |row| row.get(0))?)
}

/// Returns the time of the latest success in the lanes of a write.
pub(super) fn latest_success_beside(connection: &Connection, id: WriteId) -> JobResult<Option<Timestamp>> {
    Ok(connection
        .prepare_cached(
            "SELECT max((SELECT max(at) FROM success_lanes s WHERE s.hash = l.hash)) FROM lanes l WHERE l.write_id = ?",
        )?
        .query_row([id], |row| row.get(0))?)
}

/// Returns the number of a write's lanes.
pub(super) fn count_of(connection: &Connection, write: &FailedWrite) -> JobResult<u64> {
    // Most writes have a single one, or none: only a comma may part others from it.
    match &write.lane {
        Some(lane) if lane.contains(',') => {
            let mut statement = connection.prepare_cached("SELECT count(*) FROM lanes WHERE write_id = ?")?;
            Ok(statement.query_row([write.id], |row| row.get::<_, i64>(0))?.unsigned_abs())
        }
        Some(_) => Ok(1),
        None => Ok(0),
    }
}

/// Reads the hashes of a write's lanes.
pub(super) fn hashes_of(connection: &Connection, id: WriteId) -> JobResult<Vec<i64>> {
    let mut statement = connection.prepare_cached("SELECT hash FROM lanes WHERE write_id = ?")?;
    let hashes = statement.query_map([id], |row| row.get(0))?;
    Ok(hashes.collect::<Result<_, _>>()?)
}
