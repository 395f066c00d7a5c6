//! An intake that takes nothing in: it only says which failures are known already.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::{Connection, OptionalExtension as _};

use super::SqliteStore;
use super::error::JobResult;
use super::known::{is_purged, same_key};
use super::transfer::waiting_parts;
use crate::domain::file_place::FilePlace;
use crate::domain::ids::IntakeId;
use crate::domain::success::Success;
use crate::store::{Accepted, Incoming, Ingested, Intake, Reply};

/// The failures that came in so far, and the file that may know others.
pub(super) struct Rehearsal {
    store: Option<Arc<SqliteStore>>,
    seen: Arc<Mutex<HashSet<[u8; 16]>>>,
}

/// Begins an intake that takes nothing in, for a file that isn't there yet.
pub fn rehearsal_without_a_file() -> Box<dyn Intake> {
    Box::new(Rehearsal::new(None))
}

impl Rehearsal {
    /// Creates it for a file; `None` if there is none yet.
    pub(super) fn new(store: Option<Arc<SqliteStore>>) -> Self {
        Self { store, seen: Arc::default() }
    }
}

impl Intake for Rehearsal {
    fn take(&self, batch: Vec<Incoming>, _: Vec<FilePlace>) -> Reply<Ingested> {
        let seen = Arc::clone(&self.seen);
        let count = move |connection: Option<&Connection>| {
            let seen = &mut *seen.lock().unwrap_or_else(PoisonError::into_inner);
            let mut done = Ingested::default();
            for prepared in &batch {
                let is_new = seen.insert(prepared.tombstone)
                    && !connection.map_or(Ok(false), |connection| is_known(connection, prepared))?;
                done.inserted += u64::from(is_new);
                done.repeated += u64::from(!is_new);
            }
            Ok(done)
        };
        if let Some(store) = &self.store {
            return store.read(move |connection| count(Some(connection)));
        }
        let (answer, reply) = Reply::channel();
        // Only a lookup in a file can fail.
        let counted: JobResult<Ingested> = count(None);
        let _ = answer.send(Ok(counted.unwrap_or_default()));
        reply
    }

    fn take_accepted(&self, batch: Vec<Success>, _: Vec<FilePlace>) -> Reply<Accepted> {
        let (answer, reply) = Reply::channel();
        let _ = answer.send(Ok(Accepted { stored: batch.len() as u64, ..Accepted::default() }));
        reply
    }

    fn place(&self, _: &str) -> Reply<Option<FilePlace>> {
        let (answer, reply) = Reply::channel();
        let _ = answer.send(Ok(None));
        reply
    }

    fn end(&self) -> Reply<Option<IntakeId>> {
        let (answer, reply) = Reply::channel();
        let _ = answer.send(Ok(None));
        reply
    }
}

fn is_known(connection: &Connection, prepared: &Incoming) -> JobResult<bool> {
    let target = connection
        .prepare_cached("SELECT id FROM targets WHERE name = ?")?
        .query_row([&prepared.captured.target], |row| row.get(0))
        .optional()?;
    let Some(target) = target else { return Ok(false) };
    Ok(same_key(connection, prepared, target)?.same.is_some()
        || is_purged(connection, prepared)?
        || !waiting_parts(connection, prepared.tombstone)?.is_empty())
}
