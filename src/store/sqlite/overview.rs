//! Data that a screen shows all the time, and notice of changes to it; writes are never counted.

use std::time::Duration;

use rusqlite::Connection;

use super::connect::reader;
use super::{SqliteStore, times};
use crate::domain::arrivals::{Arrivals, Span, hour_of};
use crate::domain::filter::TextField;
use crate::domain::json;
use crate::store::{Changes, Reply, Result, StoreError, face};

/// Time between two checks for changes.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Number of the newest bodies that are searched for the values of a field.
const BODIES_LOOKED_INTO: usize = 500;

/// Returns a number that changes with any commit of another connection; `None` if it can't be read.
fn version(connection: &Connection) -> Option<i64> {
    connection.query_row("PRAGMA data_version", [], |row| row.get(0)).ok()
}

impl face::Overview for SqliteStore {
    fn changes(&self) -> Result<Changes> {
        let connection = reader(&self.path).map_err(|e| StoreError::sqlite(&self.path, &e))?;
        let (tell, changes) = Changes::channel();
        let mut seen = version(&connection);
        std::thread::spawn(move || {
            while !tell.is_closed() {
                std::thread::sleep(LOOK_EVERY);
                let now = version(&connection);
                // An error counts as a change too: the next read will meet and report it.
                if now.is_none() || now != seen {
                    seen = now;
                    let _ = tell.send(());
                }
            }
        });
        Ok(changes)
    }

    fn arrivals(&self, target: Option<&str>, span: Span) -> Reply<Vec<Arrivals>> {
        let target = target.map(str::to_owned);
        self.read(move |connection| {
            let mut statement = connection.prepare_cached(
                "SELECT (a.hour - ?1) / ?2, a.group_id, g.failure_type, sum(a.n) FROM arrivals a
                   JOIN groups g ON g.id = a.group_id JOIN targets t ON t.id = g.target_id
                 WHERE a.hour >= ?1 AND a.hour < ?1 + ?2 * ?4 AND a.n > 0 AND (?3 IS NULL OR t.name = ?3)
                 GROUP BY 1, 2",
            )?;
            let rows = statement.query_map((span.from, span.step, target, Span::BARS as i64), |row| {
                Ok(Arrivals {
                    bar: usize::try_from(row.get::<_, i64>(0)?).unwrap_or(0),
                    group: row.get(1)?,
                    failure_type: row.get(2)?,
                    count: row.get::<_, i64>(3)? as u64,
                })
            })?;
            Ok(rows.collect::<std::result::Result<_, _>>()?)
        })
    }

    fn fitting_span(&self, target: Option<&str>) -> Reply<Span> {
        let target = target.map(str::to_owned);
        self.read(move |connection| {
            let mut statement = connection.prepare_cached(
                "SELECT a.hour, sum(a.n) FROM arrivals a
                   JOIN groups g ON g.id = a.group_id JOIN targets t ON t.id = g.target_id
                 WHERE (?1 IS NULL OR t.name = ?1) AND EXISTS (SELECT 1 FROM group_counts c
                   WHERE c.group_id = g.id AND c.n > 0 AND c.state IN ('pending', 'replaying', 'unknown'))
                 GROUP BY 1",
            )?;
            let rows = statement.query_map([target], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?.unsigned_abs())))?;
            let hours: Vec<(i64, u64)> = rows.collect::<std::result::Result<_, _>>()?;
            Ok(Span::fitting(&hours, hour_of(times::now())))
        })
    }

    fn values_of(&self, field: TextField, part: &str, limit: usize) -> Reply<Vec<String>> {
        let part = part.to_owned();
        self.read(move |connection| {
            // Read from the small tables where possible.
            let sql = match field {
                TextField::Object => "SELECT DISTINCT object AS v FROM groups",
                TextField::Code => "SELECT DISTINCT error_code AS v FROM groups",
                TextField::Target => "SELECT name AS v FROM targets",
                TextField::Source => "SELECT DISTINCT source AS v FROM writes",
                TextField::Path => "SELECT DISTINCT path AS v FROM writes",
                TextField::Operation => "SELECT DISTINCT operation AS v FROM writes",
                TextField::Message | TextField::Key | TextField::CorrelationId | TextField::Lane => {
                    return Ok(Vec::new());
                }
            };
            let sql = format!("SELECT v FROM ({sql}) WHERE v <> '' AND instr(lower(v), lower(?)) > 0 LIMIT ?");
            let mut statement = connection.prepare_cached(&sql)?;
            let rows = statement.query_map((part, limit as i64), |row| row.get(0))?;
            Ok(rows.collect::<std::result::Result<_, _>>()?)
        })
    }

    fn body_values(&self, path: &[String], part: &str, limit: usize) -> Reply<Vec<String>> {
        let (path, part) = (path.to_owned(), part.to_lowercase());
        self.read(move |connection| {
            let mut statement = connection
                .prepare_cached("SELECT body FROM revisions WHERE body IS NOT NULL ORDER BY id DESC LIMIT ?")?;
            let mut rows = statement.query([BODIES_LOOKED_INTO as i64])?;
            let mut found: Vec<String> = Vec::new();
            while let Some(row) = rows.next()? {
                let Some(value) = value_at(row.get_ref(0)?.as_blob().unwrap_or_default(), &path) else { continue };
                if found.len() < limit && value.to_lowercase().contains(&part) && !found.contains(&value) {
                    found.push(value);
                }
            }
            found.sort();
            Ok(found)
        })
    }
}

fn value_at(body: &[u8], path: &[String]) -> Option<String> {
    let root = json::scan(body).ok()?;
    let place = path.iter().try_fold(&root, |node, name| node.get(name))?;
    let is_simple = !place.is_object() && place.items().is_none();
    is_simple.then(|| place.text().map_or_else(|| place.raw_text().to_owned(), Into::into))
}
