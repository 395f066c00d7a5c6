//! The clock that this store goes by, and the floor under it: the newest time that dlq itself wrote into the file.

use std::time::Duration;

use rusqlite::Connection;

use super::error::JobResult;
use crate::domain::clock::Clock;
use crate::domain::time::Timestamp;

/// The floor is raised in steps: not each request has to write it.
const STEP: Duration = Duration::from_secs(1);

/// The time by the machine's clock: the only place where this store asks for it.
pub(super) fn now() -> Timestamp {
    Timestamp::now()
}

/// The clock and its floor.
pub(super) fn read(connection: &Connection, wall: Timestamp) -> JobResult<Clock> {
    let newest = connection.prepare_cached("SELECT newest FROM clock WHERE id = 1")?.query_row([], |row| row.get(0))?;
    Ok(Clock { wall, newest })
}

/// Raises the floor to a time that was just taken from the clock, and gives both.
pub(super) fn tick(connection: &Connection, wall: Timestamp) -> JobResult<Clock> {
    let clock = read(connection, wall)?;
    if wall > clock.newest.plus(STEP) {
        connection.prepare_cached("UPDATE clock SET newest = ? WHERE id = 1")?.execute([wall])?;
    }
    Ok(clock)
}
