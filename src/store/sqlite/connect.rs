//! Opening and setting up connections.

use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::functions;

/// Pages between checkpoints, about 200 MB: loading stays fast, and the log stays bounded.
const AUTOCHECKPOINT: u32 = 50_000;
/// The mode in which a connection is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    ToWrite,
    ToRead,
    /// Without the log: nobody can write, and everything in the log is in the file already.
    AsItIs,
    /// With the log's index in memory instead of a file next to it, while no other process uses the
    /// file.
    Alone,
}

pub(super) fn connect(path: &Path, way: Way, busy_timeout: Duration) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_NO_MUTEX
        | match way {
            Way::ToWrite | Way::Alone => OpenFlags::SQLITE_OPEN_READ_WRITE,
            Way::ToRead => OpenFlags::SQLITE_OPEN_READ_ONLY,
            Way::AsItIs => OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI,
        };
    let connection = match way {
        Way::AsItIs => Connection::open_with_flags(uri(path), flags)?,
        _ => Connection::open_with_flags(path, flags)?,
    };
    connection.busy_timeout(busy_timeout)?;
    connection.set_prepared_statement_cache_capacity(64);
    if way == Way::Alone {
        connection.execute_batch("PRAGMA locking_mode = EXCLUSIVE; PRAGMA query_only = ON;")?;
    }
    Ok(connection)
}

pub(super) fn several(
    path: &Path,
    way: Way,
    count: usize,
    busy_timeout: Duration,
) -> rusqlite::Result<Vec<Connection>> {
    let one = |_| {
        let reader = connect(path, way, busy_timeout)?;
        functions::register(&reader)?;
        Ok(reader)
    };
    (0..count).map(one).collect()
}

/// Returns the path as a URI that declares the file immutable.
fn uri(path: &Path) -> String {
    let mut uri = "file:".to_owned();
    for byte in path.as_os_str().as_bytes() {
        match byte {
            b'/' | b'.' | b'-' | b'_' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => uri.push(char::from(*byte)),
            _ => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    uri + "?immutable=1"
}

/// Opens another connection for writing, set up like the writer's.
pub(super) fn writer(path: &Path) -> rusqlite::Result<Connection> {
    let connection = connect(path, Way::ToWrite, Duration::ZERO)?;
    set_up_writer(&connection)?;
    Ok(connection)
}

/// Opens another connection for reading.
pub(super) fn reader(path: &Path) -> rusqlite::Result<Connection> {
    connect(path, Way::ToRead, Duration::ZERO)
}

pub(super) fn set_up_writer(connection: &Connection) -> rusqlite::Result<()> {
    // The names that CHECK constraints allow are those of Rust enums, and `doctor` verifies them
    // too; checking them at each change of a write would cost as much as the change.
    connection.execute_batch(&format!(
        "PRAGMA synchronous = FULL;
         PRAGMA foreign_keys = ON;
         PRAGMA ignore_check_constraints = ON;
         PRAGMA wal_autocheckpoint = {AUTOCHECKPOINT};
         PRAGMA journal_size_limit = 67108864;
         PRAGMA temp_store = MEMORY;
         PRAGMA cache_size = -32768;"
    ))
}
