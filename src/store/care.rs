//! Care of the file: copies, and checks that it says the truth.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::error::JobResult;
use super::worker::Reply;
use super::{Store, StoreError, locks};
use crate::domain::identity::Sha;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// As it should be.
    Ok,
    /// Works, but look at it.
    Warn,
    /// Wrong.
    Fail,
}

impl Severity {
    /// The name used everywhere.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

/// What a check found.
#[derive(Debug, Clone)]
pub struct Finding {
    /// What was checked.
    pub check: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// In words.
    pub detail: String,
}

impl Finding {
    /// A finding.
    pub fn new(check: &'static str, severity: Severity, detail: impl Into<String>) -> Self {
        Self { check, severity, detail: detail.into() }
    }
}

/// Below this much free room, replays are at risk.
const LITTLE_ROOM: u64 = 256 << 20;

impl Store {
    /// Copies the file, consistent also under load, to a new one with mode 0600; gives its size in bytes.
    pub fn backup(&self, to: &Path) -> Reply<u64> {
        let to = to.to_owned();
        self.read(move |connection| {
            let partial = beside(&to, ".partial");
            let at = |why| StoreError::File { path: to.clone(), why };
            if fs::symlink_metadata(&to).is_ok() {
                return Err(at(std::io::Error::other("it exists already; nothing was overwritten")).into());
            }
            // Its own, from a copy that was cut off: a copy is complete only under its final name.
            let _ = fs::remove_file(&partial);
            OpenOptions::new().write(true).create_new(true).mode(0o600).open(&partial).map_err(at)?;
            let copied = connection.execute("VACUUM INTO ?", [partial.to_string_lossy()]);
            if let Err(error) = copied {
                let _ = fs::remove_file(&partial);
                return Err(error.into());
            }
            let file = fs::File::open(&partial).map_err(at)?;
            file.sync_all().map_err(at)?;
            let size = file.metadata().map_err(at)?.len();
            fs::hard_link(&partial, &to).map_err(at)?;
            fs::remove_file(&partial).map_err(at)?;
            if let Some(directory) = to.parent().filter(|d| !d.as_os_str().is_empty()) {
                let _ = fs::File::open(directory).and_then(|d| d.sync_all());
            }
            Ok(size)
        })
    }

    /// Checks the file: its pages, its counters, every body against its hash, its permissions, and the room around it.
    pub fn check(&self) -> Reply<Vec<Finding>> {
        let path = self.path().to_owned();
        self.read(move |connection| {
            Ok(vec![
                integrity(connection)?,
                foreign_keys(connection)?,
                counters(connection)?,
                bodies(connection)?,
                permissions(&path),
                room(&path),
                file_system(&path),
            ])
        })
    }
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

fn integrity(connection: &Connection) -> JobResult<Finding> {
    let answer: String = connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    let version = rusqlite::version();
    Ok(if answer == "ok" {
        Finding::new("file", Severity::Ok, format!("every page is sound (SQLite {version})"))
    } else {
        Finding::new("file", Severity::Fail, answer)
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

/// SQLite's own check does not see a flipped bit in a payload.
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
        if Sha::of(body.unwrap_or_default()) != row.get::<_, Sha>(1)? {
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

fn permissions(path: &Path) -> Finding {
    let mode = fs::metadata(path).map_or(0, |m| m.mode() & 0o777);
    let others = mode & 0o077;
    if others == 0 {
        Finding::new("permissions", Severity::Ok, format!("only its owner can read it (mode {mode:04o})"))
    } else {
        let detail = format!("others may read customer data in it (mode {mode:04o}): chmod 600 {}", path.display());
        Finding::new("permissions", Severity::Warn, detail)
    }
}

fn room(path: &Path) -> Finding {
    match rustix::fs::statvfs(path) {
        Ok(found) => {
            let free = found.f_bavail.saturating_mul(found.f_frsize);
            let severity = if free < LITTLE_ROOM { Severity::Warn } else { Severity::Ok };
            let used = fs::metadata(path).map_or(0, |m| m.len());
            Finding::new("disk", severity, format!("{} MB free, the file has {} MB", free >> 20, used >> 20))
        }
        Err(error) => Finding::new("disk", Severity::Warn, format!("the free room is not known: {error}")),
    }
}

fn file_system(path: &Path) -> Finding {
    match locks::file_system(path) {
        Some(locks::FileSystem::Local(kind)) => Finding::new("filesystem", Severity::Ok, format!("local ({kind})")),
        Some(locks::FileSystem::Network(kind)) => {
            Finding::new("filesystem", Severity::Fail, format!("{kind}: locks don't hold on a network file system"))
        }
        None => Finding::new("filesystem", Severity::Warn, "not known"),
    }
}
