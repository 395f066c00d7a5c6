//! The log of what operators did.

use rusqlite::{Connection, Row};
use serde_json::Value;

use super::Store;
use super::error::JobResult;
use super::worker::Reply;
use crate::domain::action::Action;
use crate::domain::ids::WriteId;
use crate::domain::run::Operator;
use crate::domain::time::Timestamp;

/// An operator who does something, with the reason and the time.
#[derive(Debug, Clone)]
pub struct By {
    /// The operator.
    pub operator: Operator,
    /// Why, in the operator's words.
    pub reason: Option<String>,
    /// When.
    pub at: Timestamp,
}

impl By {
    /// An operator, without a reason.
    pub fn new(operator: &Operator, at: Timestamp) -> Self {
        Self { operator: operator.clone(), reason: None, at }
    }

    /// The same with a reason.
    #[must_use]
    pub fn because(self, reason: Option<&str>) -> Self {
        Self { reason: reason.map(str::to_owned), ..self }
    }
}

impl Store {
    /// Adds an action on the whole file to the log.
    pub fn log(&self, action: Action, by: By) -> Reply<()> {
        self.write(move |connection| log(connection, None, &action, &by))
    }
}

/// Adds an action to the log.
pub(super) fn log(connection: &Connection, write: Option<WriteId>, action: &Action, by: &By) -> JobResult<()> {
    let (operator, data) = (&by.operator, Value::Object(action.data()).to_string());
    connection
        .prepare_cached(
            "INSERT INTO operator_log (at, operator, uid, host, action, write_id, detail, data, reason)
             VALUES (?, ?, ?, ?, ?, ?, '', ?, ?)",
        )?
        .execute((by.at, &operator.name, operator.uid, &operator.host, action.name(), write, data, &by.reason))?;
    Ok(())
}

/// Reads `action, data, detail` from the column at `at` on.
pub(super) fn action(row: &Row<'_>, at: usize) -> rusqlite::Result<Action> {
    let data: Option<Value> = row.get_ref(at + 1)?.as_str_or_null()?.and_then(|text| serde_json::from_str(text).ok());
    Ok(Action::read(row.get_ref(at)?.as_str()?, data.as_ref(), row.get_ref(at + 2)?.as_str()?))
}
