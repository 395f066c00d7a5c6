//! Groups and counts. All but filtered counts come from tables that triggers maintain, so that no
//! writes are counted.

use std::time::Duration;

use rusqlite::types::Value as SqlValue;
use rusqlite::{Connection, OptionalExtension, Row};

use super::error::JobResult;
use super::sql_filter::Where;
use super::{SqliteStore, times};
use crate::domain::failure_type::FailureType;
use crate::domain::filter::Filter;
use crate::domain::group::Group;
use crate::domain::ids::{GroupId, TargetId, WriteId};
use crate::domain::key::{KeyWindows, knows_keys};
use crate::domain::parking::Parked;
use crate::domain::state::State;
use crate::domain::target::Windows;
use crate::domain::time::Timestamp;
use crate::store::{Count, CountBy, Reply, face};

impl face::Groups for SqliteStore {
    fn groups(&self, target: Option<&str>) -> Reply<Vec<Group>> {
        let target = target.map(str::to_owned);
        self.read(move |connection| {
            let mut groups = read_groups(connection, target)?;
            for group in &mut groups {
                group.example_id = example(connection, group.id, group.open > 0)?;
            }
            Ok(groups)
        })
    }

    fn groups_without_examples(&self, target: Option<&str>) -> Reply<Vec<Group>> {
        let target = target.map(str::to_owned);
        self.read(move |connection| read_groups(connection, target))
    }

    fn counts(&self, by: CountBy, target: Option<&str>) -> Reply<Vec<Count>> {
        let target = target.map(str::to_owned);
        self.read(move |connection| {
            let key = match by {
                CountBy::Type => "g.failure_type",
                CountBy::Code => "g.error_code",
                CountBy::Object => "g.object",
                CountBy::Target => "t.name",
                CountBy::Group => "CAST(g.id AS TEXT)",
            };
            let mut statement = connection.prepare(&format!(
                "SELECT {key}, c.state, sum(c.n) FROM groups g
                 JOIN targets t ON t.id = g.target_id JOIN group_counts c ON c.group_id = g.id
                 WHERE ?1 IS NULL OR t.name = ?1 GROUP BY 1, 2 HAVING sum(c.n) > 0 ORDER BY 1"
            ))?;
            let mut counts: Vec<Count> = Vec::new();
            let mut rows = statement.query([target])?;
            while let Some(row) = rows.next()? {
                let key: String = row.get(0)?;
                // Skips an unknown state, which `doctor` reports.
                let Ok(state) = row.get::<_, State>(1) else { continue };
                if counts.last().is_none_or(|last| last.key != key) {
                    counts.push(Count { key, by_state: [0; 6] });
                }
                if let Some(last) = counts.last_mut() {
                    last.by_state[state as usize] = row.get(2)?;
                }
            }
            counts.sort_by_key(|c| std::cmp::Reverse(c.by_state.iter().sum::<i64>()));
            Ok(counts)
        })
    }

    fn key_windows(&self, lengths: Windows, target: Option<&str>) -> Reply<KeyWindows> {
        let target = target.map(str::to_owned);
        self.read(move |connection| {
            let mut statement =
                connection.prepare_cached("SELECT id, name FROM targets WHERE ?1 IS NULL OR name = ?1")?;
            let targets: Vec<(TargetId, String)> =
                statement.query_map([target], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?;
            let mut windows = KeyWindows::default();
            for (id, name) in targets {
                add_windows(connection, &mut windows, id, lengths.of(&name), None)?;
            }
            Ok(windows)
        })
    }

    fn windows_of_group(&self, lengths: Windows, group: GroupId) -> Reply<KeyWindows> {
        self.read(move |connection| {
            let mut windows = KeyWindows::default();
            let target: Option<(TargetId, String)> = connection
                .prepare_cached(
                    "SELECT t.id, t.name FROM groups g JOIN targets t ON t.id = g.target_id WHERE g.id = ?",
                )?
                .query_row([group], |row| Ok((row.get(0)?, row.get(1)?)))
                .optional()?;
            if let Some((id, name)) = target {
                add_windows(connection, &mut windows, id, lengths.of(&name), Some(group))?;
            }
            Ok(windows)
        })
    }

    fn count(&self, filter: &Filter) -> Reply<i64> {
        let clause = Where::new(filter, times::now());
        self.read(move |connection| count_where(connection, &clause, None))
    }

    fn count_after(&self, filter: &Filter, last: WriteId) -> Reply<i64> {
        let clause = Where::new(filter, times::now());
        self.read(move |connection| count_where(connection, &clause, Some(last)))
    }

    fn last_id(&self) -> Reply<WriteId> {
        self.read(|connection| {
            Ok(connection.query_row("SELECT coalesce(max(id), 0) FROM writes", [], |row| row.get(0))?)
        })
    }
}

/// Adds the key windows of a target, or of one of its groups.
fn add_windows(
    connection: &Connection,
    windows: &mut KeyWindows,
    target: TargetId,
    length: Duration,
    group: Option<GroupId>,
) -> JobResult<()> {
    const MATTERS: &str = "ambiguous_since IS NOT NULL AND settled_at IS NULL
        AND operation <> 'upsert' AND operation <> 'upsert-batch' AND operation <> 'delete'";
    if !knows_keys(length) {
        return Ok(());
    }
    let now = times::read(connection, times::now())?.latest();
    let began = now.minus(length);
    let first: Option<(WriteId, Timestamp)> = connection
        .prepare_cached(&format!(
            "SELECT id, ambiguous_since FROM writes WHERE target_id = ?1 AND ambiguous_since > ?2 AND {MATTERS}
               AND (?3 IS NULL OR group_id = ?3)
             ORDER BY ambiguous_since LIMIT 1"
        ))?
        .query_row((target, began, group), |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let first = first.map(|(write, since)| (write, since.plus(length)));
    windows.first_ends = windows.first_ends.into_iter().chain(first).min_by_key(|(_, ends)| *ends);
    let ended: i64 = connection
        .prepare_cached(&format!(
            "SELECT count(*) FROM (SELECT 1 FROM writes WHERE target_id = ?1 AND ambiguous_since <= ?2 AND {MATTERS}
               AND (?3 IS NULL OR group_id = ?3) LIMIT ?4)"
        ))?
        .query_row((target, began, group, KeyWindows::MOST_COUNTED as i64 + 1), |row| row.get(0))?;
    windows.ended += ended.unsigned_abs();
    Ok(())
}

fn read_groups(connection: &Connection, target: Option<String>) -> JobResult<Vec<Group>> {
    let mut statement = connection.prepare_cached(
        "SELECT g.id, t.name, g.object, g.failure_type, g.error_code, g.message, sum(c.n) AS total,
           sum(c.n) FILTER (WHERE c.state IN ('pending', 'replaying', 'unknown')) AS open,
           g.first_seen, g.last_seen, g.last_replayed, g.note, g.parked_until, g.parked_count
         FROM groups g JOIN targets t ON t.id = g.target_id JOIN group_counts c ON c.group_id = g.id
         WHERE ?1 IS NULL OR t.name = ?1
         GROUP BY g.id HAVING total > 0 ORDER BY open DESC, total DESC, g.id",
    )?;
    let rows = statement.query_map([target], |row| {
        let code: String = row.get(4)?;
        Ok(Group {
            id: row.get(0)?,
            target: row.get(1)?,
            object: row.get(2)?,
            failure_type: row.get(3)?,
            error_code: (!code.is_empty()).then_some(code),
            message: row.get(5)?,
            count: row.get(6)?,
            open: row.get::<_, Option<i64>>(7)?.unwrap_or(0),
            first_seen: row.get(8)?,
            last_seen: row.get(9)?,
            last_replayed: row.get(10)?,
            example_id: None,
            note: row.get(11)?,
            parked: parked(row, 12)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Reads `parked_until, parked_count`, starting at column `at`.
pub(super) fn parked(row: &Row<'_>, at: usize) -> rusqlite::Result<Option<Parked>> {
    let until: Option<Timestamp> = row.get(at)?;
    let count: Option<i64> = row.get(at + 1)?;
    Ok(until.map(Parked::Until).or_else(|| count.map(Parked::AtCount)))
}

fn count_where(connection: &Connection, clause: &Where, after: Option<WriteId>) -> JobResult<i64> {
    let mut params = clause.params.clone();
    let after_sql = if let Some(id) = after {
        params.push(SqlValue::Integer(id.0));
        " AND w.id > ?"
    } else {
        ""
    };
    let sql =
        format!("SELECT count(*) FROM writes w JOIN targets t ON t.id = w.target_id WHERE {}{after_sql}", clause.sql);
    Ok(connection.prepare_cached(&sql)?.query_row(rusqlite::params_from_iter(params), |row| row.get(0))?)
}

fn example(connection: &Connection, group: GroupId, open: bool) -> JobResult<Option<WriteId>> {
    let state = if open { "AND state IN ('pending', 'replaying', 'unknown')" } else { "" };
    let sql = format!("SELECT min(id) FROM (SELECT id FROM writes WHERE group_id = ? {state} ORDER BY id LIMIT 1)");
    Ok(connection.prepare_cached(&sql)?.query_row([group], |row| row.get(0))?)
}

/// The key of a group: target, object, type, code and message.
pub(super) type GroupKey = (TargetId, String, FailureType, String, String);

/// Returns the group with that key, creating it if it is new.
pub(super) fn ensure_group(connection: &Connection, key: &GroupKey, seen: Timestamp) -> JobResult<GroupId> {
    let (target, object, failure_type, code, message) = key;
    let found = connection
        .prepare_cached(
            "SELECT id FROM groups WHERE target_id = ? AND failure_type = ? AND object = ? AND error_code = ? AND message = ?",
        )?
        .query_row((target, failure_type, object, code, message), |row| row.get(0))
        .optional()?;
    if let Some(id) = found {
        return Ok(id);
    }
    connection
        .prepare_cached(
            "INSERT INTO groups (target_id, failure_type, object, error_code, message, first_seen, last_seen)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6)",
        )?
        .execute((target, failure_type, object, code, message, seen))?;
    Ok(GroupId(connection.last_insert_rowid()))
}
