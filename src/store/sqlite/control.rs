//! Live control of a run through the file, which holds the current wish until the run looks.

use rusqlite::{Connection, OptionalExtension};

use super::actions::log;
use super::error::JobResult;
use super::locks::RunLock;
use super::{SqliteStore, times};
use crate::domain::action::Action;
use crate::domain::ids::RunId;
use crate::domain::run::{RunState, Wanted, Wish};
use crate::store::{By, Reply, StoreError, WishChange, face};

impl face::Control for SqliteStore {
    fn wish(&self, run: RunId) -> Reply<Option<Wish>> {
        self.read(move |connection| read_wish(connection, run))
    }

    fn ask_run(&self, run: RunId, change: WishChange, by: By) -> Reply<Wish> {
        let path = self.path.clone();
        self.write(move |connection| {
            let state: Option<RunState> = connection
                .prepare_cached("SELECT state FROM runs WHERE id = ?")?
                .query_row([run], |row| row.get(0))
                .optional()?;
            match state {
                None => return Err(StoreError::NoSuchRun(run).into()),
                Some(RunState::Running) if RunLock::is_held(&path, run) => {}
                Some(RunState::Running) => return Err(StoreError::NotRunning(run, RunState::Died.name()).into()),
                Some(state) => return Err(StoreError::NotRunning(run, state.name()).into()),
            }
            let before = read_wish(connection, run)?;
            let wish = Wish {
                wanted: change.wanted.or(before.as_ref().map(|b| b.wanted)).unwrap_or(Wanted::Go),
                rate: change.rate.or(before.as_ref().and_then(|b| b.rate)),
                concurrency: change.concurrency.or(before.as_ref().and_then(|b| b.concurrency)),
                operator: by.operator.name.clone(),
            };
            if before.as_ref().is_some_and(|b| b.wanted == Wanted::Stop) && wish.wanted != Wanted::Stop {
                return Err(StoreError::NotRunning(run, "stopping").into());
            }
            connection
                .prepare_cached(
                    "INSERT OR REPLACE INTO run_wishes (run_id, wanted, rate, concurrency, operator) VALUES (?, ?, ?, ?, ?)",
                )?
                .execute((run, wish.wanted, wish.rate, wish.concurrency.map(|n| n as i64), &wish.operator))?;
            let WishChange { wanted, rate, concurrency } = change;
            let concurrency = concurrency.map(|n| n as u64);
            log(connection, None, &Action::Steer { run, wanted, rate, concurrency }, &by, times::now())?;
            Ok(wish)
        })
    }
}

pub(super) fn read_wish(connection: &Connection, run: RunId) -> JobResult<Option<Wish>> {
    Ok(connection
        .prepare_cached("SELECT wanted, rate, concurrency, operator FROM run_wishes WHERE run_id = ?")?
        .query_row([run], |row| {
            Ok(Wish {
                wanted: row.get(0)?,
                rate: row.get(1)?,
                concurrency: row.get::<_, Option<i64>>(2)?.and_then(|n| usize::try_from(n).ok()),
                operator: row.get(3)?,
            })
        })
        .optional()?)
}
