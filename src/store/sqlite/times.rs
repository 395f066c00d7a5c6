//! The clock that this store uses, and its floor: the newest time that dlq itself wrote into the
//! file.

use std::time::Duration;

use rusqlite::Connection;

use super::error::JobResult;
use crate::domain::clock::Clock;
use crate::domain::time::Timestamp;

/// The step in which the floor is raised, so that not every request has to write it.
const STEP: Duration = Duration::from_secs(1);

/// Returns the time on the machine's clock; the only place where this store reads it.
pub(super) fn now() -> Timestamp {
    Timestamp::now()
}

/// Reads the floor, and returns it with the time on the clock.
pub(super) fn read(connection: &Connection, wall: Timestamp) -> JobResult<Clock> {
    let newest = connection.prepare_cached("SELECT newest FROM clock WHERE id = 1")?.query_row([], |row| row.get(0))?;
    Ok(Clock { wall, newest })
}

/// Raises the floor to a time just taken from the clock. Returns that time and the previous floor.
pub(super) fn tick(connection: &Connection, wall: Timestamp) -> JobResult<Clock> {
    let clock = read(connection, wall)?;
    if wall > clock.newest.plus(STEP) {
        connection.prepare_cached("UPDATE clock SET newest = ? WHERE id = 1")?.execute([wall])?;
    }
    Ok(clock)
}
