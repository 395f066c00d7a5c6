//! The values in a body that an error names.

use crate::domain::batch::named_records;
use crate::domain::failure::Failure;
use crate::domain::fingerprint::{named_field, without_indexes};

/// The parts of a body that an error names.
#[derive(Debug, Clone, Default)]
pub struct Marks {
    /// The field, as a path without indexes: `record.email`.
    pub field: Option<String>,
    /// The records of a batch, counted from 0.
    pub records: Vec<usize>,
}

impl Marks {
    /// Reads the marks from a failure.
    pub fn of(failure: &Failure) -> Self {
        let message = failure.message.as_deref().unwrap_or("");
        let details = failure.details.as_deref();
        Self { field: named_field(failure.failure_type, message, details), records: named_records(message, details) }
    }

    /// Returns true if the value at a path (`records[2].email`) is named; in a batch, only the records that are named count.
    pub fn has(&self, path: &str) -> bool {
        let in_named = match named_records(path, None).as_slice() {
            [record] if path.starts_with("records[") && !self.records.is_empty() => self.records.contains(record),
            _ => true,
        };
        in_named && self.field.as_deref() == Some(without_indexes(path).as_str())
    }
}

/// Joins the path of an object and the name of a field in it.
pub fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}
