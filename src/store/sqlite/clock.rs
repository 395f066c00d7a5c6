//! The floor of the clock: the newest time that dlq itself wrote into the file.

use super::actions::log;
use super::{SqliteStore, times};
use crate::domain::action::Action;
use crate::domain::clock::Clock;
use crate::domain::time::Timestamp;
use crate::store::{By, Reply, face};

impl face::Clocks for SqliteStore {
    fn clock(&self) -> Reply<Clock> {
        self.read(|connection| times::read(connection, times::now()))
    }

    fn reset_clock(&self, by: By) -> Reply<usize> {
        self.write_alone(move |connection| {
            let wall = times::now();
            let Clock { newest, .. } = times::read(connection, wall)?;
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
            log(connection, None, &Action::ResetClock { from: newest, to: wall }, &by, wall)?;
            Ok(ahead.len())
        })
    }
}
