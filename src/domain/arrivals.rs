//! Arrivals: how many writes of each group failed in each hour.

use std::time::Duration;

use super::failure_type::FailureType;
use super::ids::GroupId;
use super::time::Timestamp;

/// The writes of one group that failed in one hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrivals {
    /// Hours since 1970 (UTC).
    pub hour: i64,
    /// The group's ID.
    pub group: GroupId,
    /// The group's failure type.
    pub failure_type: FailureType,
    /// Number of writes.
    pub count: u64,
}

const HOUR: Duration = Duration::from_hours(1);

/// Returns the hour that a time lies in, counted from 1970.
pub fn hour_of(time: Timestamp) -> i64 {
    time.since(Timestamp::EPOCH).as_secs().cast_signed() / HOUR.as_secs().cast_signed()
}
