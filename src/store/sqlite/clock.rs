//! The floor under the clock: the newest time that dlq itself wrote into the file.

use std::time::Duration;

use rusqlite::Connection;

use super::Store;
use super::actions::{By, log};
use super::error::JobResult;
use super::worker::Reply;
use crate::domain::action::Action;
use crate::domain::clock::Clock;
use crate::domain::time::Timestamp;

/// The floor is raised in steps: not each request has to write it.
const STEP: Duration = Duration::from_secs(1);

impl Store {
    /// The machine's clock beside what the file has seen of it.
    pub fn clock(&self, wall: Timestamp) -> Reply<Clock> {
        self.read(move |connection| read(connection, wall))
    }

    /// Takes a floor away that was wrong, because the machine's clock had been ahead. When writes were sent that, by that
    /// clock, were sent later than now, nobody knows: their keys count as expired. Gives how many those are.
    pub fn reset_clock(&self, by: By) -> Reply<usize> {
        self.write_alone(move |connection| {
            let wall = by.at;
            let Clock { newest, .. } = read(connection, wall)?;
            connection.execute("UPDATE clock SET newest = ? WHERE id = 1", [wall])?;
            let ahead: Vec<crate::domain::ids::WriteId> = connection
                .prepare("SELECT id FROM writes WHERE ambiguous_since > ?")?
                .query_map([wall], |row| row.get(0))?
                .collect::<Result<_, _>>()?;
            for &id in &ahead {
                super::seals::resealed(connection, id, |connection| {
                    connection
                        .prepare_cached("UPDATE writes SET ambiguous_since = ? WHERE id = ?")?
                        .execute((Timestamp::EPOCH, id))?;
                    Ok(())
                })?;
            }
            log(connection, None, &Action::ResetClock { from: newest, to: wall }, &by)?;
            Ok(ahead.len())
        })
    }
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
