//! SQLite's errors, and those of a job on a connection.

use rusqlite::ErrorCode;

use crate::domain::reason::Damage;
use crate::store::StoreError;
use crate::store::access::denial;
use crate::store::disk::{Room, room_in_words};

impl StoreError {
    /// Converts SQLite's error to one in dlq's words.
    pub(super) fn sqlite(path: &std::path::Path, error: &rusqlite::Error) -> Self {
        let path = path.to_owned();
        let why = error.to_string();
        // The log's index, which SQLite keeps next to the file, did not fit on the disk.
        let no_room = error.sqlite_error().is_some_and(|e| e.extended_code == rusqlite::ffi::SQLITE_IOERR_SHMSIZE);
        match error.sqlite_error_code() {
            Some(ErrorCode::SystemIoFailure) if no_room => Self::Full { room: room_in_words(&path), path },
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy(path),
            Some(ErrorCode::DiskFull) => Self::Full { room: room_in_words(&path), path },
            Some(ErrorCode::SystemIoFailure) => {
                let room =
                    Room::of(&path).map_or_else(|| " not said how full it is".to_owned(), |room| format!(" {room}"));
                Self::Io { path, why, room }
            }
            Some(ErrorCode::ReadOnly) => Self::ReadOnly(path),
            Some(ErrorCode::CannotOpen) => Self::CantOpen { why: denial(&path).unwrap_or(why), path },
            Some(ErrorCode::NotADatabase) => Self::Foreign(path),
            Some(ErrorCode::DatabaseCorrupt) => Self::Damaged { path, why },
            _ => Self::Other { path, why: format!("SQLite says: {why}") },
        }
    }
}

/// The error of a job on a connection; the worker, which knows the path, turns it into a
/// [`StoreError`].
#[derive(Debug)]
pub(super) enum JobError {
    Sqlite(rusqlite::Error),
    Store(StoreError),
}

impl From<rusqlite::Error> for JobError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl From<StoreError> for JobError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl JobError {
    /// Returns the damage of the row that was read, if only that row can't be read: the others
    /// still can.
    pub(super) fn of_row(&self) -> Option<Damage> {
        match self {
            Self::Sqlite(error) => row_error(error),
            Self::Store(_) => None,
        }
    }

    pub(super) fn at(self, path: &std::path::Path) -> StoreError {
        match self {
            Self::Sqlite(error) => StoreError::sqlite(path, &error),
            Self::Store(error) => error,
        }
    }
}

/// Returns the damage of a row that SQLite could read but the domain can't.
pub(super) fn row_error(error: &rusqlite::Error) -> Option<Damage> {
    use rusqlite::Error::{FromSqlConversionFailure, IntegralValueOutOfRange, InvalidColumnType, Utf8Error};
    match error {
        InvalidColumnType(_, name, _) => Some(Damage::column(name)),
        FromSqlConversionFailure(..) | IntegralValueOutOfRange(..) | Utf8Error(..) => Some(Damage::column("unnamed")),
        _ => None,
    }
}

/// Adds the name of the column to an error.
pub(super) fn named(row: &rusqlite::Row<'_>, error: rusqlite::Error) -> rusqlite::Error {
    use rusqlite::Error::{FromSqlConversionFailure, IntegralValueOutOfRange, InvalidColumnType, Utf8Error};
    let at = match &error {
        FromSqlConversionFailure(at, ..) | IntegralValueOutOfRange(at, _) | Utf8Error(at, _) => *at,
        _ => return error,
    };
    match (row.as_ref().column_name(at), row.get_ref(at)) {
        (Ok(name), Ok(value)) => InvalidColumnType(at, name.to_owned(), value.data_type()),
        _ => error,
    }
}

pub(super) type JobResult<T> = std::result::Result<T, JobError>;
