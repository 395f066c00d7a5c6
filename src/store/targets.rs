//! Targets: the names that writes are bound to, and the base URL that each is bound to.

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension};

use super::error::JobResult;
use super::settle::log;
use super::worker::Reply;
use super::{Store, StoreError};
use crate::domain::endpoint::BaseUrl;
use crate::domain::ids::TargetId;
use crate::domain::run::Operator;
use crate::domain::target::KnownTarget;
use crate::domain::time::Timestamp;

impl Store {
    /// The targets that the file knows, by name.
    pub fn targets(&self) -> Reply<Vec<KnownTarget>> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT t.id, t.name, t.base_url,
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
                    open: row.get(3)?,
                    count: row.get(4)?,
                })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// How long nothing may be sent to a target, because the API asked for that; zero if it is open.
    pub fn closed_for(&self, name: &str, now: Timestamp) -> Reply<Duration> {
        let name = name.to_owned();
        self.read(move |connection| {
            let opens_at: Option<Timestamp> = connection
                .prepare_cached("SELECT opens_at FROM targets WHERE name = ?")?
                .query_row([name], |row| row.get(0))
                .optional()?
                .flatten();
            Ok(still_closed(opens_at, now).unwrap_or_default())
        })
    }

    /// Binds a target to a base URL on its first use; later, checks that it is still the same.
    pub fn bind_target(&self, name: &str, base: &BaseUrl, operator: &Operator, now: Timestamp) -> Reply<TargetId> {
        let (name, base, operator) = (name.to_owned(), base.clone(), operator.clone());
        self.write(move |connection| {
            let id = ensure(connection, &name)?;
            match bound(connection, id)? {
                Some(bound) if bound == base.as_str() => {}
                Some(bound) => {
                    return Err(
                        StoreError::OtherBase { name: name.clone(), bound, asked: base.as_str().to_owned() }.into()
                    );
                }
                None => bind(connection, id, &name, &base, &operator, None, now)?,
            }
            Ok(id)
        })
    }

    /// Binds a target to another base URL, on purpose.
    pub fn rebind_target(
        &self,
        name: &str,
        base: &BaseUrl,
        operator: &Operator,
        reason: &str,
        now: Timestamp,
    ) -> Reply<()> {
        let (name, base, operator, reason) = (name.to_owned(), base.clone(), operator.clone(), reason.to_owned());
        self.write(move |connection| {
            let id = ensure(connection, &name)?;
            bind(connection, id, &name, &base, &operator, Some(&reason), now)
        })
    }
}

/// No request may ask for more than an hour; what is further away is a clock that was set back.
const MOST_CLOSED: Duration = Duration::from_hours(1);

/// How long a target that opens then is still closed.
pub(super) fn still_closed(opens_at: Option<Timestamp>, now: Timestamp) -> Option<Duration> {
    opens_at.map(|at| at.since(now)).filter(|left| !left.is_zero() && *left <= MOST_CLOSED)
}

fn bind(
    connection: &Connection,
    id: TargetId,
    name: &str,
    base: &BaseUrl,
    operator: &Operator,
    reason: Option<&str>,
    now: Timestamp,
) -> JobResult<()> {
    let before = bound(connection, id)?;
    connection.prepare_cached("UPDATE targets SET base_url = ? WHERE id = ?")?.execute((base.as_str(), id))?;
    let detail = match before {
        Some(before) => format!("{name}: {before} -> {base}"),
        None => format!("{name}: bound to {base}"),
    };
    log(connection, "target", None, &detail, operator, reason, now)
}

/// The target of that name, made if it is new.
pub(super) fn ensure(connection: &Connection, name: &str) -> JobResult<TargetId> {
    let found = connection
        .prepare_cached("SELECT id FROM targets WHERE name = ?")?
        .query_row([name], |row| row.get(0))
        .optional()?;
    if let Some(id) = found {
        return Ok(id);
    }
    connection.prepare_cached("INSERT INTO targets (name) VALUES (?)")?.execute([name])?;
    Ok(TargetId(connection.last_insert_rowid()))
}

fn bound(connection: &Connection, id: TargetId) -> JobResult<Option<String>> {
    Ok(connection
        .prepare_cached("SELECT base_url FROM targets WHERE id = ?")?
        .query_row([id], |row| row.get(0))
        .optional()?
        .flatten())
}
