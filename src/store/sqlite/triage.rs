//! Operators' notes and parkings of groups.

use rusqlite::{Connection, OptionalExtension};

use super::actions::log;
use super::error::JobResult;
use super::groups::parked;
use super::{SqliteStore, times};
use crate::domain::action::Action;
use crate::domain::ids::GroupId;
use crate::domain::parking::{Park, Parked, Parking};
use crate::store::{By, Reply, StoreError, face};

impl face::Triage for SqliteStore {
    fn note_group(&self, group: GroupId, note: Option<String>, by: By) -> Reply<()> {
        self.write(move |connection| {
            let from: Option<String> = connection
                .prepare_cached("SELECT note FROM groups WHERE id = ?")?
                .query_row([group], |row| row.get(0))
                .optional()?
                .ok_or(StoreError::NoSuchGroup(group))?;
            if from == note {
                return Ok(());
            }
            connection.prepare_cached("UPDATE groups SET note = ? WHERE id = ?")?.execute((&note, group))?;
            log(connection, None, &Action::Note { group, from, to: note.clone() }, &by, times::now())
        })
    }

    fn park_group(&self, group: GroupId, park: Park, by: By) -> Reply<Option<Parked>> {
        self.write(move |connection| {
            let now = times::now();
            let parked = park.of(writes_of(connection, group)?, now);
            let (until, count) = match parked {
                Some(Parked::Until(time)) => (Some(time), None),
                Some(Parked::AtCount(count)) => (None, Some(count)),
                None => (None, None),
            };
            connection
                .prepare_cached("UPDATE groups SET parked_until = ?, parked_count = ? WHERE id = ?")?
                .execute((until, count, group))?;
            log(connection, None, &Action::Park { group, parked }, &by, now)?;
            Ok(parked)
        })
    }

    fn parkings(&self, target: Option<&str>) -> Reply<Vec<Parking>> {
        let target = target.map(str::to_owned);
        self.read(move |connection| {
            let mut statement = connection.prepare_cached(
                "SELECT g.parked_until, g.parked_count, (SELECT sum(c.n) FROM group_counts c WHERE c.group_id = g.id)
                 FROM groups g JOIN targets t ON t.id = g.target_id
                 WHERE (g.parked_until IS NOT NULL OR g.parked_count IS NOT NULL) AND (?1 IS NULL OR t.name = ?1)",
            )?;
            let rows = statement.query_map([target], |row| {
                let count: Option<i64> = row.get(2)?;
                Ok(parked(row, 0)?.map(|parked| Parking { parked, count: count.unwrap_or(0) }))
            })?;
            // A group whose writes are all gone is in no list.
            Ok(rows
                .filter_map(Result::transpose)
                .collect::<Result<Vec<_>, _>>()?
                .into_iter()
                .filter(|p| p.count > 0)
                .collect())
        })
    }
}

/// Counts the writes of a group. Fails if there is no such group.
fn writes_of(connection: &Connection, group: GroupId) -> JobResult<i64> {
    let count = connection
        .prepare_cached(
            "SELECT (SELECT coalesce(sum(n), 0) FROM group_counts c WHERE c.group_id = g.id) FROM groups g WHERE g.id = ?",
        )?
        .query_row([group], |row| row.get(0))
        .optional()?;
    Ok(count.ok_or(StoreError::NoSuchGroup(group))?)
}
