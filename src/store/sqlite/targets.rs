//! Targets: the names that writes are bound to, and the base URL that each is bound to.

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension};

use super::actions::log;
use super::error::{JobError, JobResult};
use super::{SqliteStore, times};
use crate::domain::action::Action;
use crate::domain::endpoint::BaseUrl;
use crate::domain::ids::{RunId, TargetId, WriteId};
use crate::domain::seal::{Seal, target_seal};
use crate::domain::target::{Gate, KnownTarget};
use crate::domain::time::Timestamp;
use crate::store::{By, Reply, StoreError, face};

impl face::Targets for SqliteStore {
    fn targets(&self) -> Reply<Vec<KnownTarget>> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT t.id, t.name, t.base_url, t.key_header,
                   coalesce(sum(c.n) FILTER (WHERE c.state IN ('pending', 'replaying', 'unknown')), 0),
                   coalesce(sum(c.n), 0)
                 FROM targets t LEFT JOIN groups g ON g.target_id = t.id LEFT JOIN group_counts c ON c.group_id = g.id
                 GROUP BY t.id ORDER BY t.name",
            )?;
            let rows = statement.query_map([], |row| {
                let base: Option<String> = row.get(2)?;
                Ok(KnownTarget {
                    id: row.get(0)?,
                    name: row.get(1)?,
                    base_url: base.and_then(|b| BaseUrl::parse(&b).ok()),
                    key_header: row.get(3)?,
                    open: row.get(4)?,
                    count: row.get(5)?,
                })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    fn closed_for(&self, name: &str) -> Reply<Duration> {
        let name = name.to_owned();
        self.read(move |connection| {
            let id: Option<TargetId> = connection
                .prepare_cached("SELECT id FROM targets WHERE name = ?")?
                .query_row([name], |row| row.get(0))
                .optional()?;
            let gate = id.map(|id| gate(connection, id)).transpose()?;
            Ok(gate.and_then(|gate| gate.closed_for(times::now())).unwrap_or_default())
        })
    }

    fn bind_target(&self, name: &str, base: &BaseUrl, by: By) -> Reply<TargetId> {
        let (name, base) = (name.to_owned(), base.clone());
        self.write(move |connection| bind_to(connection, &name, &base, &by, times::now()))
    }

    fn rebind_target(&self, name: &str, base: &BaseUrl, by: By) -> Reply<()> {
        let (name, base) = (name.to_owned(), base.clone());
        self.write(move |connection| {
            let id = ensure(connection, &name)?;
            let sending: Option<RunId> = connection
                .prepare_cached("SELECT max(id) FROM runs WHERE state = 'running' AND target_id = ?")?
                .query_row([id], |row| row.get(0))?;
            if let Some(run) = sending {
                return Err(StoreError::TargetInUse { run, name: name.clone() }.into());
            }
            bind(connection, id, &name, &base, &by, times::now())
        })
    }
}

/// Notes the header in which a target's keys go, empty if it has none. If it went in another one so far, what was sent until now
/// is no longer protected by its keys.
pub(super) fn note_key_header(connection: &Connection, id: TargetId, header: &str) -> JobResult<()> {
    let known: Option<String> =
        connection.prepare_cached("SELECT key_header FROM targets WHERE id = ?")?.query_row([id], |row| row.get(0))?;
    if known.as_deref() == Some(header) {
        return Ok(());
    }
    let since = match known {
        None => None,
        Some(_) => Some(times::read(connection, times::now())?.latest()),
    };
    connection
        .prepare_cached(
            "UPDATE targets SET key_header = ?, key_header_since = coalesce(?, key_header_since) WHERE id = ?",
        )?
        .execute((header, since, id))?;
    seal(connection, id)
}

/// Reads the conditions that a request to a target has to meet. Returns an error if its row does
/// not match its seal.
pub(super) fn gate(connection: &Connection, id: TargetId) -> JobResult<Gate> {
    let mut statement = connection.prepare_cached(
        "SELECT name, base_url, opens_at, closed_ms, next_at, seal, key_header_since FROM targets WHERE id = ?",
    )?;
    let (name, seal, gate, since): (String, Option<Seal>, Gate, Option<Timestamp>) =
        statement.query_row([id], |row| {
            let positive = |number: i64| number.max(0).cast_unsigned();
            let asked = row.get::<_, Option<i64>>(3)?.map(|ms| Duration::from_millis(positive(ms)));
            let next_token = row.get::<_, Option<i64>>(4)?.map(|us| Duration::from_micros(positive(us)));
            let gate = Gate { base_url: row.get(1)?, opens_at: row.get(2)?, asked, next_token };
            Ok((row.get(0)?, row.get(5)?, gate, row.get(6)?))
        })?;
    if seal != Some(target_seal(id.0, &name, gate.base_url.as_deref(), since)) {
        return Err(StoreError::TargetBroken(name).into());
    }
    Ok(gate)
}

/// Lists the targets whose rows can't be read or do not match their seals.
pub(super) fn broken(connection: &Connection) -> JobResult<Vec<String>> {
    let ids: Vec<TargetId> =
        connection.prepare("SELECT id FROM targets")?.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    let mut found = Vec::new();
    for id in ids {
        match gate(connection, id) {
            Ok(_) => {}
            Err(JobError::Store(StoreError::TargetBroken(name))) => found.push(name),
            Err(error) if error.of_row().is_some() => found.push(id.to_string()),
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

/// Seals all targets as they are.
pub(super) fn seal_all(connection: &Connection) -> JobResult<()> {
    let ids: Vec<TargetId> =
        connection.prepare("SELECT id FROM targets")?.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    ids.into_iter().try_for_each(|id| seal(connection, id))
}

fn seal(connection: &Connection, id: TargetId) -> JobResult<()> {
    let (name, base, since): (String, Option<String>, Option<Timestamp>) = connection
        .prepare_cached("SELECT name, base_url, key_header_since FROM targets WHERE id = ?")?
        .query_row([id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    connection
        .prepare_cached("UPDATE targets SET seal = ? WHERE id = ?")?
        .execute((target_seal(id.0, &name, base.as_deref(), since), id))?;
    Ok(())
}

/// Binds a target to a base URL on its first use; after that, checks that it is still the same.
pub(super) fn bind_to(
    connection: &Connection,
    name: &str,
    base: &BaseUrl,
    by: &By,
    at: Timestamp,
) -> JobResult<TargetId> {
    let id = ensure(connection, name)?;
    match gate(connection, id)?.base_url {
        Some(bound) if bound == base.as_str() => {}
        Some(bound) => {
            let (name, asked) = (name.to_owned(), base.as_str().to_owned());
            return Err(StoreError::OtherBase { name, bound, asked }.into());
        }
        None => bind(connection, id, name, base, by, at)?,
    }
    Ok(id)
}

fn bind(connection: &Connection, id: TargetId, name: &str, base: &BaseUrl, by: &By, at: Timestamp) -> JobResult<()> {
    let from = bound(connection, id)?;
    connection.prepare_cached("UPDATE targets SET base_url = ? WHERE id = ?")?.execute((base.as_str(), id))?;
    seal(connection, id)?;
    log(connection, None, &Action::Target { name: name.to_owned(), from, to: base.to_string() }, by, at)
}

/// Reads the name of a write's target.
pub(super) fn name_of(connection: &Connection, write: WriteId) -> JobResult<String> {
    Ok(connection
        .prepare_cached("SELECT t.name FROM writes w JOIN targets t ON t.id = w.target_id WHERE w.id = ?")?
        .query_row([write], |row| row.get(0))?)
}

/// Returns the target of that name, creating it if it is new.
pub(super) fn ensure(connection: &Connection, name: &str) -> JobResult<TargetId> {
    let found = connection
        .prepare_cached("SELECT id FROM targets WHERE name = ?")?
        .query_row([name], |row| row.get(0))
        .optional()?;
    if let Some(id) = found {
        return Ok(id);
    }
    connection.prepare_cached("INSERT INTO targets (name) VALUES (?)")?.execute([name])?;
    let id = TargetId(connection.last_insert_rowid());
    seal(connection, id)?;
    Ok(id)
}

fn bound(connection: &Connection, id: TargetId) -> JobResult<Option<String>> {
    Ok(connection
        .prepare_cached("SELECT base_url FROM targets WHERE id = ?")?
        .query_row([id], |row| row.get(0))
        .optional()?
        .flatten())
}
