//! What is heard of a write that is there already: its failure came again, or a request of its producer may have been
//! applied. Both also concern the parts of a batch, in which it lives on.

use rusqlite::Connection;

use super::apply::Applying;
use super::error::{JobResult, row_error};
use super::intakes;
use super::seals::Stands;
use crate::domain::ids::{IntakeId, WriteId};
use crate::domain::rules::Change;
use crate::domain::rules::repeat::{self as rules, Again, Known};
use crate::domain::time::Timestamp;

/// A line about writes that are there already.
pub(super) struct Heard<'a> {
    pub(super) connection: &'a Connection,
    /// The intake that it came with.
    pub(super) intake: Option<IntakeId>,
    /// What it says.
    pub(super) again: Again,
    pub(super) now: Timestamp,
}

impl Heard<'_> {
    /// Records that a failure came again.
    pub(super) fn repeat(&self, id: WriteId) -> JobResult<()> {
        self.change(id, rules::repeat)
    }

    /// Records that a request for a write may have been applied, or for the batch that it is a part of.
    pub(super) fn doubt(&self, id: WriteId) -> JobResult<()> {
        match self.again.window_start {
            None => Ok(()),
            Some(_) => self.change(id, |known, again| rules::doubt(known, again).into_iter().collect()),
        }
    }

    /// Changes a write, and puts its parts in doubt: their own keys were not on the wire.
    fn change(&self, id: WriteId, decide: impl Fn(&Known, &Again) -> Vec<Change>) -> JobResult<()> {
        let Self { connection, intake, again, now } = *self;
        if let Some(known) = known_write(connection, id)? {
            let (changes, stands) = (decide(&known, &again), Stands::default());
            let applying = Applying { write: id, stands: &stands, run: None, seq: None, now, sends: None };
            intakes::changing(connection, intake, id, true, || applying.apply(connection, &changes))?;
        }
        if again.window_start.is_none() {
            return Ok(());
        }
        let parts: Vec<WriteId> = connection
            .prepare_cached("SELECT id FROM writes WHERE parent_id = ?")?
            .query_map([id], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        parts.into_iter().try_for_each(|part| self.doubt(part))
    }
}

/// Reads the facts for the rules; `None` if the row can't be read: it is left as it is, and does not keep the other lines
/// out.
fn known_write(connection: &Connection, id: WriteId) -> JobResult<Option<Known>> {
    let found = connection
        .prepare_cached(
            "SELECT state, endpoint_origin, last_failed_at, not_applied_at, ambiguous_since, captured_ambiguous
             FROM writes WHERE id = ?",
        )?
        .query_row([id], |row| {
            Ok(Known {
                state: row.get(0)?,
                endpoint_origin: row.get(1)?,
                last_failed_at: row.get(2)?,
                not_applied_at: row.get(3)?,
                ambiguous_since: row.get(4)?,
                captured_ambiguous: row.get(5)?,
            })
        });
    match found {
        Err(error) if row_error(&error).is_some() => Ok(None),
        other => Ok(Some(other?)),
    }
}
