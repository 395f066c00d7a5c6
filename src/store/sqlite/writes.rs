//! Reading writes: pages by key, one write in full, and its history.

use bytes::Bytes;
use rusqlite::types::Value as SqlValue;
use rusqlite::{Connection, OptionalExtension, params_from_iter};

use super::error::{JobResult, row_error};
use super::lanes::Looking;
use super::rows::{WRITE_COLUMNS, write};
use super::sql_filter::Where;
use super::{SqliteStore, actions, answers, lanes, seals, times};
use crate::domain::action::LogEntry;
use crate::domain::attempt::Attempt;
use crate::domain::evidence::CapturedFailure;
use crate::domain::filter::Filter;
use crate::domain::hazard::{Hazard, hazards};
use crate::domain::ids::WriteId;
use crate::domain::key::{IdempotencyKey, knows_keys};
use crate::domain::lane::Neighbour;
use crate::domain::reason::Damage;
use crate::domain::record;
use crate::domain::run::Operator;
use crate::domain::state::State;
use crate::domain::target::Windows;
use crate::domain::time::Timestamp;
use crate::domain::transfer::Parent;
use crate::domain::write::{FailedWrite, WriteView};
use crate::store::listing::Place;
use crate::store::{Bodies, Cursor, HistoryEntry, LaneCache, Order, Page, PageRequest, Reply, Sort, face};

impl From<Place> for SqlValue {
    fn from(place: Place) -> Self {
        match place {
            Place::Number(n) => Self::Integer(n),
            Place::Text(text) => Self::Text(text),
        }
    }
}

impl rusqlite::types::FromSql for Place {
    fn column_result(value: rusqlite::types::ValueRef<'_>) -> rusqlite::types::FromSqlResult<Self> {
        value.as_i64().map(Self::Number).or_else(|_| value.as_str().map(|text| Self::Text(text.to_owned())))
    }
}

/// The most neighbours in a lane that are listed, on either side.
const NEIGHBOURS: i64 = 10;

impl face::Writes for SqliteStore {
    fn page(&self, request: PageRequest, windows: Windows) -> Reply<Page> {
        let PageRequest { filter, order, after, backward, limit, bodies, lanes } = request;
        let order = Order { descending: order.descending != backward, ..order };
        self.read(move |connection| {
            let now = times::now();
            let mut page = Page { writes: Vec::new(), next: after, damaged: Vec::new() };
            let looking = Looking { cache: &lanes, windows: &windows, clock: times::read(connection, now)? };
            // Hazards are filtered here, so a page may take several reads.
            loop {
                let wanted = limit - page.writes.len() - page.damaged.len();
                let Found { writes, next, damaged } =
                    read_page(connection, &filter, order, page.next.take(), wanted.max(1), now)?;
                page.next = next;
                page.damaged.extend(damaged);
                for row in writes {
                    let view = view(connection, row, bodies, &looking)?;
                    if hazards_match(&filter, &view.hazards) {
                        page.writes.push(view);
                    }
                }
                if page.next.is_none() || page.writes.len() + page.damaged.len() >= limit {
                    if backward {
                        page.writes.reverse();
                    }
                    return Ok(page);
                }
            }
        })
    }

    fn write_view(&self, id: WriteId, windows: Windows) -> Reply<Option<WriteView>> {
        self.read(move |connection| {
            let Some(row) = load(connection, id)? else { return Ok(None) };
            let cache = LaneCache::default();
            let looking = Looking { cache: &cache, windows: &windows, clock: times::read(connection, times::now())? };
            Ok(Some(view(connection, row, Bodies::All, &looking)?))
        })
    }

    fn brief(&self, id: WriteId) -> Reply<Option<(String, State, i64)>> {
        self.read(move |connection| {
            Ok(connection
                .prepare_cached("SELECT key, state, revision FROM writes WHERE id = ?")?
                .query_row([id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
                .optional()?)
        })
    }

    fn state_of(&self, id: WriteId) -> Reply<Option<State>> {
        self.read(move |connection| Ok(seals::load_standing(connection, id)?.map(|found| found.standing.state())))
    }

    fn lane_mates(&self, id: WriteId) -> Reply<Vec<Neighbour>> {
        self.read(move |connection| {
            let Some(write) = load(connection, id)? else { return Ok(Vec::new()) };
            let turn = write.turn;
            let nearest = |older: bool| -> JobResult<Vec<Neighbour>> {
                let (is_there, nearest_first) = if older { ("<", "DESC") } else { (">", "ASC") };
                let sql = format!(
                    "SELECT DISTINCT x.id, x.state, x.order_at AS at, coalesce(x.order_id, x.id) AS arrival FROM lanes l
                       JOIN lanes m ON m.hash = l.hash AND m.write_id <> l.write_id JOIN writes x ON x.id = m.write_id
                     WHERE l.write_id = ?1 AND (at, arrival, x.id) {is_there} (?2, ?3, ?1)
                     ORDER BY 3 {nearest_first}, 4 {nearest_first}, 1 {nearest_first} LIMIT ?4"
                );
                let mut statement = connection.prepare_cached(&sql)?;
                let mates = statement.query_map((id, turn.at, turn.arrival, NEIGHBOURS), |row| {
                    Ok(Neighbour { id: row.get(0)?, state: row.get(1)?, older })
                })?;
                Ok(mates.collect::<Result<_, _>>()?)
            };
            let mut mates = nearest(true)?;
            mates.reverse();
            mates.extend(nearest(false)?);
            Ok(mates)
        })
    }

    fn evidence(&self, id: WriteId) -> Reply<Option<Vec<u8>>> {
        self.read(move |connection| {
            Ok(connection
                .prepare_cached("SELECT evidence FROM revisions WHERE write_id = ? AND revision = 0")?
                .query_row([id], |row| row.get(0))
                .optional()?
                .flatten())
        })
    }

    fn history(&self, id: WriteId) -> Reply<Vec<HistoryEntry>> {
        self.read(move |connection| {
            let mut entries: Vec<HistoryEntry> =
                answers::attempts_of(connection, id)?.into_iter().map(HistoryEntry::Attempt).collect();
            let mut statement = connection.prepare_cached(
                "SELECT at, operator, uid, host, reason, action, data, detail FROM operator_log
                 WHERE write_id = ? ORDER BY id",
            )?;
            let actions = statement.query_map([id], |row| {
                Ok(HistoryEntry::Action(LogEntry {
                    at: row.get(0)?,
                    operator: Operator { name: row.get(1)?, uid: row.get(2)?, host: row.get(3)? },
                    reason: row.get(4)?,
                    action: actions::action(row, 5)?,
                }))
            })?;
            for action in actions {
                entries.push(action?);
            }
            entries.sort_by_key(HistoryEntry::at);
            Ok(entries)
        })
    }

    fn captured(&self, id: WriteId) -> Reply<CapturedFailure> {
        self.read(move |connection| answers::captured(connection, id))
    }

    fn damage(&self, id: WriteId) -> Reply<Option<Damage>> {
        self.read(move |connection| match seals::load_checked(connection, id) {
            Ok(Some(checked)) if !checked.sound => Ok(Some(Damage::Seal)),
            Ok(_) => Ok(None),
            Err(error) => error.of_row().map_or(Err(error), |why| Ok(Some(why))),
        })
    }

    fn without_state(&self) -> Reply<Vec<(WriteId, Damage)>> {
        self.read(stateless)
    }

    fn as_parent(&self, id: WriteId) -> Reply<Option<Parent>> {
        self.read(move |connection| {
            Ok(connection
                .prepare_cached(
                    "SELECT method, path, coalesce(parent_key, key), content_hash FROM writes WHERE id = ?",
                )?
                .query_row([id], |row| {
                    let key = IdempotencyKey::from_stored(row.get(2)?);
                    Ok(Parent { method: row.get(0)?, path: row.get(1)?, key, content: row.get(3)? })
                })
                .optional()?)
        })
    }

    fn last_attempt(&self, id: WriteId) -> Reply<Option<Attempt>> {
        self.read(move |connection| Ok(answers::attempts_of(connection, id)?.pop()))
    }

    fn matching_ids(&self, filter: &Filter, windows: Windows) -> Reply<Vec<WriteId>> {
        let filter = filter.clone();
        self.read(move |connection| ids_matching(connection, &filter, &windows, times::now()))
    }

    fn record_fields(&self) -> Reply<Vec<String>> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached("SELECT name FROM record_fields ORDER BY name")?;
            let rows = statement.query_map([], |row| row.get(0))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }
}

/// Lists the writes whose state is unknown, each with its damage.
pub(super) fn stateless(connection: &Connection) -> JobResult<Vec<(WriteId, Damage)>> {
    let names = State::ALL.map(|state| format!("'{}'", state.name())).join(", ");
    let sql = format!("SELECT id FROM writes WHERE state NOT IN ({names})");
    let mut statement = connection.prepare_cached(&sql)?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, Damage::column("state"))))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn hazards_match(filter: &Filter, hazards: &[Hazard]) -> bool {
    filter.hazard_terms().all(|(any, negated)| hazards.iter().any(|h| any.contains(h)) != negated)
}

/// Lists the IDs of all matching writes, hazards included.
pub(super) fn ids_matching(
    connection: &Connection,
    filter: &Filter,
    windows: &Windows,
    now: Timestamp,
) -> JobResult<Vec<WriteId>> {
    let clause = Where::new(filter, now);
    let sql =
        format!("SELECT w.id FROM writes w JOIN targets t ON t.id = w.target_id WHERE {} ORDER BY w.id", clause.sql);
    let mut statement = connection.prepare(&sql)?;
    let mut ids: Vec<WriteId> =
        statement.query_map(params_from_iter(clause.params), |row| row.get(0))?.collect::<Result<_, _>>()?;
    if filter.hazard_terms().next().is_some() {
        let mut kept = Vec::new();
        let cache = LaneCache::default();
        let looking = Looking { cache: &cache, windows, clock: times::read(connection, now)? };
        for id in ids {
            let row = match load(connection, id) {
                Ok(Some(row)) => row,
                Ok(None) => continue,
                // The hazards of a write that can't be read are unknown.
                Err(error) if error.of_row().is_some() => continue,
                Err(error) => return Err(error),
            };
            if hazards_match(filter, &view(connection, row, Bodies::None, &looking)?.hazards) {
                kept.push(id);
            }
        }
        ids = kept;
    }
    Ok(ids)
}

/// The rows that were read for a page, before hazards are filtered.
#[derive(Default)]
struct Found {
    writes: Vec<FailedWrite>,
    next: Option<Cursor>,
    damaged: Vec<(WriteId, Damage)>,
}

fn read_page(
    connection: &Connection,
    filter: &Filter,
    order: Order,
    after: Option<Cursor>,
    limit: usize,
    now: Timestamp,
) -> JobResult<Found> {
    let column = match order.sort {
        Sort::Id => "w.id",
        Sort::Time => "w.order_at",
        Sort::Type => "w.failure_type",
        Sort::Status => "coalesce(w.status, 0)",
        Sort::Occurrences => "w.occurrences",
        Sort::Attempts => "w.attempts",
    };
    let (direction, beyond) = if order.descending { ("DESC", "<") } else { ("ASC", ">") };
    let mut clause = Where::new(filter, now);
    if let Some(cursor) = after {
        clause.and(&format!("({column}, w.id) {beyond} (?, ?)"), [cursor.value.into(), SqlValue::Integer(cursor.id)]);
    }
    clause.params.push(SqlValue::Integer(limit as i64));
    let sql = format!(
        "SELECT {WRITE_COLUMNS}, w.request_seal, w.seal, {column} FROM writes w JOIN targets t ON t.id = w.target_id
         WHERE {} ORDER BY {column} {direction}, w.id {direction} LIMIT ?",
        clause.sql
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let sort_column = statement.column_count() - 1;
    let mut rows = statement.query(params_from_iter(clause.params))?;
    let (mut found, mut count) = (Found::default(), 0);
    let mut last = None;
    while let Some(row) = rows.next()? {
        count += 1;
        let id: WriteId = row.get(0)?;
        last = Some(Cursor { value: row.get(sort_column)?, id: id.0 });
        match write(row) {
            Ok(write) if seals::is_sound(connection, &write, seals::kept(row)?)? => found.writes.push(write),
            Ok(_) => found.damaged.push((id, Damage::Seal)),
            Err(error) => match row_error(&error) {
                Some(why) => found.damaged.push((id, why)),
                None => return Err(error.into()),
            },
        }
    }
    found.next = last.filter(|_| count >= limit);
    Ok(found)
}

/// Loads one write without its body; `None` if no write has that ID.
pub(super) fn load(connection: &Connection, id: WriteId) -> JobResult<Option<FailedWrite>> {
    // Not a join, which SQLite would recompile whenever its parameter changes.
    let columns = WRITE_COLUMNS.replace("t.name", "(SELECT name FROM targets WHERE id = w.target_id)");
    let sql = format!("SELECT {columns} FROM writes w WHERE w.id = ?");
    Ok(connection.prepare_cached(&sql)?.query_row([id], write).optional()?)
}

/// Loads the body of a write's revision; `None` if it has none.
pub(super) fn load_body(connection: &Connection, id: WriteId, revision: i64) -> JobResult<Option<Vec<u8>>> {
    Ok(connection
        .prepare_cached("SELECT body FROM revisions WHERE write_id = ? AND revision = ?")?
        .query_row((id, revision), |row| row.get(0))
        .optional()?
        .flatten())
}

/// Loads the body of a write's revision, unless it is longer than is looked into for a name.
fn load_short_body(connection: &Connection, id: WriteId, revision: i64) -> JobResult<Option<Vec<u8>>> {
    let most = i64::try_from(record::MOST_BYTES).unwrap_or(i64::MAX);
    Ok(connection
        .prepare_cached(
            "SELECT CASE WHEN length(body) <= ?3 THEN body END FROM revisions WHERE write_id = ?1 AND revision = ?2",
        )?
        .query_row((id, revision, most), |row| row.get(0))
        .optional()?
        .flatten())
}

fn view(
    connection: &Connection,
    mut write: FailedWrite,
    bodies: Bodies,
    looking: &Looking<'_>,
) -> JobResult<WriteView> {
    looking.at_lanes_of(connection, &mut write)?;
    let body = if bodies == Bodies::All { load_body(connection, write.id, write.revision)? } else { None };
    let name = if bodies == Bodies::Names && write.lane.is_none() {
        load_short_body(connection, write.id, write.revision)?.and_then(|body| record::name_in(&body))
    } else {
        None
    };
    let (facts, length) = (write.facts(), looking.windows.of(&write.target));
    let is_open = write.standing.state().is_open();
    let hazards = if is_open { hazards(&facts, length, looking.clock) } else { Vec::new() };
    let window_ends = facts
        .ambiguous_since
        .filter(|_| is_open && !facts.upsert && knows_keys(length))
        .map(|since| since.plus(length));
    let lanes = lanes::count_of(connection, &write)?;
    Ok(WriteView { write, hazards, body: body.map(Bytes::from), window_ends, lanes, name })
}
