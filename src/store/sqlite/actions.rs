//! The log of operators' actions.

use rusqlite::{Connection, Row};
use serde_json::Value;

use super::error::JobResult;
use super::{SqliteStore, times};
use crate::domain::action::Action;
use crate::domain::ids::WriteId;
use crate::domain::time::Timestamp;
use crate::store::{By, Reply, face};

impl face::Log for SqliteStore {
    fn log(&self, action: Action, by: By) -> Reply<()> {
        self.write(move |connection| log(connection, None, &action, &by, times::now()))
    }
}

/// Adds an action to the log.
pub(super) fn log(
    connection: &Connection,
    write: Option<WriteId>,
    action: &Action,
    by: &By,
    at: Timestamp,
) -> JobResult<()> {
    let (operator, data) = (&by.operator, Value::Object(action.data()).to_string());
    connection
        .prepare_cached(
            "INSERT INTO operator_log (at, operator, uid, host, action, write_id, detail, data, reason)
             VALUES (?, ?, ?, ?, ?, ?, '', ?, ?)",
        )?
        .execute((at, &operator.name, operator.uid, &operator.host, action.name(), write, data, &by.reason))?;
    Ok(())
}

/// Reads `action, data, detail`, starting at column `at`.
pub(super) fn action(row: &Row<'_>, at: usize) -> rusqlite::Result<Action> {
    let data: Option<Value> = row.get_ref(at + 1)?.as_str_or_null()?.and_then(|text| serde_json::from_str(text).ok());
    Ok(Action::read(row.get_ref(at)?.as_str()?, data.as_ref(), row.get_ref(at + 2)?.as_str()?))
}
