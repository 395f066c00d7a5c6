//! Groups: writes with the same cause.

use super::failure_type::FailureType;
use super::ids::{GroupId, WriteId};
use super::time::Timestamp;

/// A group and its counts.
#[derive(Debug, Clone)]
pub struct Group {
    /// Names it.
    pub id: GroupId,
    /// The target's name.
    pub target: String,
    /// The object written to.
    pub object: String,
    /// What has to be done about it.
    pub failure_type: FailureType,
    /// The error code.
    pub error_code: Option<String>,
    /// The message without its variables.
    pub message: String,
    /// All its writes.
    pub count: i64,
    /// Those that are open.
    pub open: i64,
    /// The earliest failure.
    pub first_seen: Timestamp,
    /// The latest failure.
    pub last_seen: Timestamp,
    /// The time when one of its writes was last sent by dlq.
    pub last_replayed: Option<Timestamp>,
    /// One of its writes: an open one if there is one.
    pub example_id: Option<WriteId>,
}
