//! Checks that the file is consistent and undamaged.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rusqlite::Connection;
use rusqlite::types::Value;

use super::connect::writer;
use super::error::JobResult;
use super::{SqliteStore, seals, targets, times};
use crate::domain::failure_type::FailureType;
use crate::domain::identity::Sha;
use crate::domain::outcome::{AttemptOutcome, Outcome};
use crate::domain::run::RunState;
use crate::domain::state::State;
use crate::domain::time::human_length;
use crate::store::Sharing;
use crate::store::files::beside;
use crate::store::{Finding, Reply, Severity, StoreError, disk, face};

/// Free space in bytes below which replays are at risk.
const LITTLE_ROOM: u64 = 256 << 20;

impl face::Care for SqliteStore {
    fn check(&self) -> Reply<Vec<Finding>> {
        let path = self.path.clone();
        self.read(move |connection| {
            // A check that can't be run does not hide the findings of the others.
            let found = |check, result: JobResult<Finding>| {
                result.unwrap_or_else(|error| Finding::new(check, Severity::Fail, error.at(&path).to_string()))
            };
            Ok(vec![
                found("file", integrity(connection)),
                found("references", foreign_keys(connection)),
                found("counters", counters(connection)),
                found("names", names(connection)),
                found("rows", rows(connection)),
                found("bodies", bodies(connection)),
                found("clock", clock_finding(connection)),
            ])
        })
    }

    fn writer_settings(&self) -> Vec<Finding> {
        let settings = writer_settings(&self.path);
        vec![match settings {
            Ok(settings) => Finding::new("writer", Severity::Ok, settings),
            Err(error) => Finding::new("writer", Severity::Warn, StoreError::sqlite(&self.path, &error).to_string()),
        }]
    }
}

fn writer_settings(path: &Path) -> rusqlite::Result<String> {
    const SETTINGS: [&str; 9] = [
        "journal_mode",
        "synchronous",
        "foreign_keys",
        "ignore_check_constraints",
        "secure_delete",
        "wal_autocheckpoint",
        "journal_size_limit",
        "temp_store",
        "cache_size",
    ];
    let connection = writer(path)?;
    let mut all = Vec::new();
    for name in SETTINGS {
        let value: Value = connection.query_row(&format!("PRAGMA {name}"), [], |row| row.get(0))?;
        all.push(match value {
            Value::Integer(n) => format!("{name} {n}"),
            Value::Text(text) => format!("{name} {text}"),
            other => format!("{name} {other:?}"),
        });
    }
    Ok(all.join(", "))
}

/// Checks for unknown names of states, types and outcomes outside the rows of writes, which are
/// read whole.
fn names(connection: &Connection) -> JobResult<Finding> {
    let list = |names: &[&'static str]| names.iter().map(|name| format!("'{name}'")).collect::<Vec<_>>().join(", ");
    let states = list(&State::ALL.map(State::name));
    let types = list(&FailureType::ALL.map(FailureType::name));
    let attempts: Vec<_> = AttemptOutcome::ALL.iter().map(|outcome| outcome.name()).collect();
    let outcomes: Vec<_> = Outcome::ALL.iter().map(|outcome| outcome.name()).collect();
    let runs = list(&RunState::ALL.map(RunState::name));
    let mut wrong = Vec::new();
    for (table, column, allowed) in [
        ("groups", "failure_type", types.clone()),
        ("captured_failures", "failure_type", types),
        ("group_counts", "state", states),
        ("attempts", "outcome", list(&attempts)),
        ("run_items", "outcome", list(&outcomes)),
        ("runs", "state", runs),
    ] {
        let sql = format!(
            "SELECT count(*), min({column}) FROM {table} WHERE {column} IS NOT NULL AND {column} NOT IN ({allowed})"
        );
        let (count, one): (i64, Option<String>) =
            connection.query_row(&sql, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
        if let Some(one) = one {
            wrong.push(format!("{count} rows of {table}: {column} {one:?} is unknown to dlq"));
        }
    }
    Ok(if wrong.is_empty() {
        Finding::new("names", Severity::Ok, "all states, types and outcomes are known")
    } else {
        Finding::new("names", Severity::Fail, wrong.join("; "))
    })
}

/// Checks the file's surroundings: its permissions, and the disk that it is on. Works even if the
/// file can't be opened.
pub fn surroundings(path: &Path, sharing: Sharing) -> Vec<Finding> {
    vec![permissions(path, sharing), room(path), file_system(path)]
}

fn rows(connection: &Connection) -> JobResult<Finding> {
    const MOST: usize = 20;
    let (broken, looked_at) = seals::broken(connection, MOST)?;
    let targets = targets::broken(connection)?;
    if broken.is_empty() && targets.is_empty() {
        return Ok(Finding::new("rows", Severity::Ok, format!("{looked_at} writes match their seals")));
    }
    let mut what: Vec<String> = broken.iter().map(|(id, why)| format!("write {id}: {why}")).collect();
    what.extend(targets.iter().map(|name| format!("target {name}: its row was changed on disk")));
    let what = what.join("; ");
    let way_out = "they won't be sent: restore them from a backup, or discard them and send them some other way";
    Ok(Finding::new("rows", Severity::Fail, format!("{what}; {way_out}")))
}

fn clock_finding(connection: &Connection) -> JobResult<Finding> {
    let clock = times::read(connection, times::now())?;
    Ok(match clock.behind() {
        None => Finding::new("clock", Severity::Ok, "not behind what this file has seen"),
        Some(behind) => Finding::new(
            "clock",
            Severity::Fail,
            format!(
                "the clock is {} behind what this file has seen ({}): set it right, or, if it was ahead then, dlq doctor --reset-clock --reason TEXT",
                human_length(behind),
                clock.newest.to_human()
            ),
        ),
    })
}

fn integrity(connection: &Connection) -> JobResult<Finding> {
    let answer: String = connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    let version = rusqlite::version();
    Ok(if answer == "ok" {
        Finding::new("file", Severity::Ok, format!("every page is sound (SQLite {version})"))
    } else {
        Finding::new("file", Severity::Fail, answer.replace('\n', "; "))
    })
}

fn foreign_keys(connection: &Connection) -> JobResult<Finding> {
    let broken: i64 = connection.query_row("SELECT count(*) FROM pragma_foreign_key_check", [], |row| row.get(0))?;
    Ok(if broken == 0 {
        Finding::new("references", Severity::Ok, "every row refers to one that exists")
    } else {
        Finding::new("references", Severity::Fail, format!("{broken} rows refer to rows that don't exist"))
    })
}

fn counters(connection: &Connection) -> JobResult<Finding> {
    let wrong: i64 = connection.query_row(
        "SELECT count(*) FROM (
           SELECT group_id, state, sum(n) FROM (
             SELECT group_id, state, n FROM group_counts
             UNION ALL SELECT group_id, state, -count(*) FROM writes GROUP BY group_id, state
           ) GROUP BY group_id, state HAVING sum(n) <> 0)",
        [],
        |row| row.get(0),
    )?;
    let wrong_hours: i64 = connection.query_row(
        "SELECT count(*) FROM (
           SELECT hour, group_id, sum(n) FROM (
             SELECT hour, group_id, n FROM arrivals
             UNION ALL SELECT coalesce(failed_at, captured_at) / 3600000, group_id, -count(*) FROM writes GROUP BY 1, 2
           ) GROUP BY hour, group_id HAVING sum(n) <> 0)",
        [],
        |row| row.get(0),
    )?;
    let wrong = wrong + wrong_hours;
    let writes: i64 = connection.query_row("SELECT coalesce(sum(n), 0) FROM group_counts", [], |row| row.get(0))?;
    Ok(if wrong == 0 {
        Finding::new("counters", Severity::Ok, format!("all counts agree with the {writes} writes"))
    } else {
        Finding::new("counters", Severity::Fail, format!("{wrong} counts disagree with the writes"))
    })
}

/// Checks each body against its hash: SQLite's own check does not see a flipped bit in a payload.
fn bodies(connection: &Connection) -> JobResult<Finding> {
    let mut statement = connection.prepare(
        "SELECT w.id, w.body_sha256, r.body FROM writes w
         LEFT JOIN revisions r ON r.write_id = w.id AND r.revision = w.revision",
    )?;
    let mut rows = statement.query([])?;
    let (mut checked, mut wrong) = (0u64, Vec::new());
    while let Some(row) = rows.next()? {
        let body: Option<&[u8]> = row.get_ref(2)?.as_blob_or_null().unwrap_or_default();
        checked += 1;
        if row.get::<_, Sha>(1).ok() != Some(Sha::of(body.unwrap_or_default())) {
            wrong.push(row.get::<_, i64>(0)?.to_string());
        }
    }
    Ok(if wrong.is_empty() {
        Finding::new("bodies", Severity::Ok, format!("{checked} bodies are byte for byte what was captured"))
    } else {
        wrong.truncate(20);
        Finding::new(
            "bodies",
            Severity::Fail,
            format!("the bodies of these writes were changed on disk: {}", wrong.join(", ")),
        )
    })
}

/// Checks the rights of a file that is for a group, of those beside it and of its directory.
fn shared(path: &Path, group: u32) -> Finding {
    let mut wrong = Vec::new();
    for (suffix, is_directory) in [("", false), ("-wal", false), ("-shm", false), ("", true)] {
        let one = if is_directory { path.parent().map(Path::to_owned) } else { Some(beside(path, suffix)) };
        let Some((one, found)) = one.and_then(|one| fs::metadata(&one).ok().map(|found| (one, found))) else {
            continue;
        };
        let (mode, wanted) = (found.mode() & 0o7777, if is_directory { 0o2770 } else { 0o660 });
        if found.gid() != group {
            wrong.push(format!("{0} is of group {1}: chgrp {group} {0}", one.display(), found.gid()));
        }
        if mode != wanted {
            wrong.push(format!("{0} has mode {mode:04o}: chmod {wanted:o} {0}", one.display()));
        }
    }
    if wrong.is_empty() {
        Finding::new("permissions", Severity::Ok, format!("shared with group {group} alone"))
    } else {
        Finding::new("permissions", Severity::Warn, wrong.join("; "))
    }
}

fn permissions(path: &Path, sharing: Sharing) -> Finding {
    if let Some(group) = sharing.group() {
        return shared(path, group);
    }
    let Some(mode) = fs::metadata(path).ok().filter(fs::Metadata::is_file).map(|m| m.mode() & 0o777) else {
        return Finding::new("permissions", Severity::Warn, "the file can't be looked at");
    };
    let others = mode & 0o077;
    if others == 0 {
        Finding::new("permissions", Severity::Ok, format!("only its owner can read it (mode {mode:04o})"))
    } else {
        let detail = format!("others may read customer data in it (mode {mode:04o}): chmod 600 {}", path.display());
        Finding::new("permissions", Severity::Warn, detail)
    }
}

fn room(path: &Path) -> Finding {
    match disk::Room::of(path) {
        Some(room) => {
            let severity = if room.free < LITTLE_ROOM { Severity::Warn } else { Severity::Ok };
            let used = fs::metadata(path).map_or(0, |m| m.len());
            Finding::new("disk", severity, format!("{room}, the file has {} MB", used >> 20))
        }
        None => Finding::new("disk", Severity::Warn, "free space unknown"),
    }
}

fn file_system(path: &Path) -> Finding {
    match disk::file_system(path) {
        Some(disk::FileSystem::Local(kind)) => Finding::new("filesystem", Severity::Ok, format!("local ({kind})")),
        Some(disk::FileSystem::Network(kind)) => {
            Finding::new("filesystem", Severity::Fail, format!("{kind}: locks don't hold on a network file system"))
        }
        None => Finding::new("filesystem", Severity::Warn, "not known"),
    }
}
