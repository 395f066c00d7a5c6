//! Groups: writes with the same cause.

use super::failure_type::FailureType;
use super::ids::{GroupId, WriteId};
use super::time::Timestamp;

/// A group and its counts.
#[derive(Debug, Clone)]
pub struct Group {
    /// Its ID.
    pub id: GroupId,
    /// The target's name.
    pub target: String,
    /// The object that its writes go to.
    pub object: String,
    /// The failure type, which says what has to be done about it.
    pub failure_type: FailureType,
    /// The error code.
    pub error_code: Option<String>,
    /// The message without its variable parts.
    pub message: String,
    /// Number of its writes.
    pub count: i64,
    /// Number of those that are open.
    pub open: i64,
    /// The time of the earliest failure.
    pub first_seen: Timestamp,
    /// The time of the latest failure.
    pub last_seen: Timestamp,
    /// The time when dlq last sent one of its writes.
    pub last_replayed: Option<Timestamp>,
    /// One of its writes, an open one if there is any.
    pub example_id: Option<WriteId>,
}
