//! Migrations: each is applied once, in a transaction, and verified by its checksum from then on.

use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, OptionalExtension, TransactionBehavior};

use super::error::JobResult;
use super::locks::RunLock;
use crate::domain::identity::Sha;
use crate::store::{OpenOptions, Result, StoreError, Upgrading};

/// The marker of dlq's files: the letters `dlq`, followed by a 1.
const APPLICATION_ID: i64 = 0x646c_7101;

const MIGRATIONS: [(&str, &str); 7] = [
    ("0001_initial", include_str!("../../../migrations/0001_initial.sql")),
    ("0002_operating", include_str!("../../../migrations/0002_operating.sql")),
    ("0003_arrivals_edits", include_str!("../../../migrations/0003_arrivals_edits.sql")),
    ("0004_evidence_of_truth", include_str!("../../../migrations/0004_evidence_of_truth.sql")),
    ("0005_evidence", include_str!("../../../migrations/0005_evidence.sql")),
    ("0006_group_notes", include_str!("../../../migrations/0006_group_notes.sql")),
    ("0007_intakes_profiles", include_str!("../../../migrations/0007_intakes_profiles.sql")),
];

/// The schema version that this program knows.
pub(super) const LATEST: i64 = MIGRATIONS.len() as i64;

/// The first schema version whose rows are sealed.
const SEALED: i64 = 4;

/// Checks a file that will only be read, and so must have the latest schema.
pub(super) fn check(connection: &Connection, path: &Path) -> Result<()> {
    let at = |e: rusqlite::Error| StoreError::sqlite(path, &e);
    let version = known_version(connection, path)?;
    if version < MIGRATIONS.len() as i64 {
        // An empty file, or one from before a migration that only a writer can apply.
        return Err(if version == 0 {
            StoreError::Missing(path.to_owned())
        } else {
            StoreError::Older { path: path.to_owned(), found: version, known: MIGRATIONS.len() as i64 }
        });
    }
    checksums(connection).map_err(at)?.map_or(Ok(()), |name| Err(StoreError::Checksum(name)))
}

/// Checks a file of this version or an older one.
pub(super) fn check_some(connection: &Connection, path: &Path) -> Result<()> {
    let at = |e: rusqlite::Error| StoreError::sqlite(path, &e);
    if known_version(connection, path)? == 0 {
        return Err(StoreError::Missing(path.to_owned()));
    }
    checksums(connection).map_err(at)?.map_or(Ok(()), |name| Err(StoreError::Checksum(name)))
}

/// Time between progress reports of a long upgrade.
const TELL_EVERY: Duration = Duration::from_secs(2);

/// Applies the missing migrations, all or nothing. An empty file is made into a dlq file only if
/// `create` is set. Returns the schema version that the file had.
pub(super) fn bring_up_to_date(connection: &mut Connection, path: &Path, options: &OpenOptions) -> Result<i64> {
    let at = |e: rusqlite::Error| StoreError::sqlite(path, &e);
    let found = known_version(connection, path)?;
    if found == 0 && !options.create {
        return Err(StoreError::Missing(path.to_owned()));
    }
    let mode = write_ahead(connection, options.busy_timeout).map_err(at)?;
    if mode != "wal" {
        return Err(StoreError::Other {
            path: path.to_owned(),
            why: format!("WAL is not possible here (mode {mode})"),
        });
    }
    if found < LATEST {
        let began = Instant::now();
        let tell = |upgrading| options.told.filter(|_| found > 0).map(|told| told(upgrading));
        watch(connection, options.told.filter(|_| found > 0), began).map_err(at)?;
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(at)?;
        // Another process may have been faster.
        let version = known_version(&transaction, path)?;
        if version < LATEST {
            if version > 0 {
                refuse_old_runs(&transaction, path)?;
                tell(Upgrading::Began { path: path.to_owned(), from: version, to: LATEST });
            }
            apply(&transaction, version).map_err(|e| e.at(path))?;
            transaction.commit().map_err(at)?;
            tell(Upgrading::Done { elapsed: began.elapsed() });
        } else {
            drop(transaction);
        }
        connection.progress_handler(0, None::<fn() -> bool>).map_err(at)?;
    }
    checksums(connection).map_err(at)?.map_or(Ok(found), |name| Err(StoreError::Checksum(name)))
}

/// Reports from time to time that an upgrade is still running.
fn watch(connection: &mut Connection, told: Option<fn(Upgrading)>, began: Instant) -> rusqlite::Result<()> {
    let Some(told) = told else { return Ok(()) };
    let mut last = began;
    let tell = move || {
        if last.elapsed() >= TELL_EVERY {
            last = Instant::now();
            told(Upgrading::GoesOn { elapsed: began.elapsed() });
        }
        false
    };
    connection.progress_handler(100_000, Some(tell))
}

/// Refuses to upgrade while a run of an older version is alive, since it does not keep this
/// version's promises: seals, evidence, reasons.
fn refuse_old_runs(connection: &Connection, path: &Path) -> Result<()> {
    let at = |e: rusqlite::Error| StoreError::sqlite(path, &e);
    let mut statement = connection.prepare("SELECT id FROM runs WHERE state = 'running'").map_err(at)?;
    let running = statement.query_map([], |row| row.get(0)).map_err(at)?;
    for run in running {
        let run = run.map_err(at)?;
        if RunLock::is_held(path, run) {
            return Err(StoreError::OldRun(run));
        }
    }
    Ok(())
}

/// Turns on the write-ahead log, unless it is on, and returns the journal mode. Retries while the
/// file is busy, since SQLite does not wait for other processes here.
fn write_ahead(connection: &Connection, busy_timeout: Duration) -> rusqlite::Result<String> {
    let until = Instant::now() + busy_timeout;
    loop {
        let mode: String = connection.query_row("PRAGMA journal_mode", [], |row| row.get(0))?;
        if mode == "wal" {
            return Ok(mode);
        }
        match connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0)) {
            Err(e) if e.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) && Instant::now() < until => {
                std::thread::sleep(Duration::from_millis(5));
            }
            answer => return answer,
        }
    }
}

fn apply(connection: &Connection, version: i64) -> JobResult<()> {
    connection.execute_batch(
        "CREATE TABLE IF NOT EXISTS migrations (
           version INTEGER PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL
         ) STRICT",
    )?;
    for (n, (name, sql)) in (1i64..).zip(MIGRATIONS).skip(usize::try_from(version).unwrap_or(0)) {
        connection.execute_batch(sql)?;
        connection.execute(
            "INSERT INTO migrations (version, name, checksum) VALUES (?, ?, ?)",
            (n, name, Sha::of(sql.as_bytes()).to_string()),
        )?;
        connection.pragma_update(None, "user_version", n)?;
    }
    if (1..SEALED).contains(&version) {
        super::seals::seal_all(connection)?;
    }
    Ok(connection.pragma_update(None, "application_id", APPLICATION_ID)?)
}

/// Returns the file's schema version; 0 for an empty file. Refuses files that are not dlq's, and
/// those of newer versions.
pub(super) fn known_version(connection: &Connection, path: &Path) -> Result<i64> {
    let at = |e: rusqlite::Error| StoreError::sqlite(path, &e);
    // One statement, so one snapshot: another process may be creating the file right now.
    let (application, version, objects): (i64, i64, i64) = connection
        .query_row(
            "SELECT (SELECT application_id FROM pragma_application_id), (SELECT user_version FROM pragma_user_version),
               (SELECT count(*) FROM sqlite_schema)",
            [],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
        )
        .map_err(at)?;
    let known = MIGRATIONS.len() as i64;
    match application {
        APPLICATION_ID if version > known => Err(StoreError::Newer { path: path.to_owned(), found: version, known }),
        APPLICATION_ID => Ok(version),
        0 if version == 0 && objects == 0 => Ok(0),
        _ => Err(StoreError::Foreign(path.to_owned())),
    }
}

/// Returns the name of the first applied migration that differs from the one this program knows.
fn checksums(connection: &Connection) -> rusqlite::Result<Option<String>> {
    for (n, (name, sql)) in (1i64..).zip(MIGRATIONS) {
        let found: Option<String> = connection
            .query_row("SELECT checksum FROM migrations WHERE version = ?", [n], |row| row.get(0))
            .optional()?;
        if found.is_some_and(|found| found != Sha::of(sql.as_bytes()).to_string()) {
            return Ok(Some(name.to_owned()));
        }
    }
    Ok(None)
}
