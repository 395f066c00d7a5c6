//! Copies of the file: complete under their final name, or absent.

use std::ffi::OsStr;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use rusqlite::types::ValueRef;

use super::connect::reader;
use super::error::{JobError, JobResult};
use super::{SqliteStore, migrate};
use crate::store::files::{NO_FOLLOW, beside};
use crate::store::{Copied, Reply, Sharing, StoreError, face};

impl face::Backup for SqliteStore {
    fn backup(&self, to: &Path) -> Reply<Copied> {
        let (to, sharing) = (to.to_owned(), Sharing::of(&self.path));
        self.read(move |connection| {
            let to = absolute(&to)?;
            copy(connection, &to, sharing).map_err(|error| match error {
                // Any disk error, such as a full disk, concerns the copy.
                JobError::Sqlite(error) => StoreError::sqlite(&to, &error).into(),
                error @ JobError::Store(_) => error,
            })
        })
    }
}

/// Copies a file, perhaps of an older version, before it is upgraded.
pub(super) fn copy_as_it_is(connection: &Connection, path: &Path, to: &Path) -> Result<Copied, StoreError> {
    let to = absolute(to)?;
    copy(connection, &to, Sharing::of(path)).map_err(|error| error.at(path))
}

fn copy(connection: &Connection, to: &Path, sharing: Sharing) -> JobResult<Copied> {
    let at = |why| StoreError::File { path: to.to_owned(), why };
    if std::fs::symlink_metadata(to).is_ok() {
        return Err(at(std::io::Error::other("it exists already; nothing was overwritten")).into());
    }
    let partial = Partial::make(&beside(to, ".partial")).map_err(at)?;
    // Bound as text whatever its bytes: a path is not a URI, and need not be UTF-8.
    let name = rusqlite::types::ToSqlOutput::Borrowed(ValueRef::Text(partial.path.as_os_str().as_bytes()));
    connection.execute("VACUUM INTO ?", [name])?;
    sharing.share_copy(&partial.file).map_err(at)?;
    partial.file.sync_all().map_err(at)?;
    let (writes, open) = check(&partial.path)?;
    let bytes = partial.file.metadata().map_err(at)?.len();
    partial.rename(to).map_err(at)?;
    Ok(Copied { writes, open, bytes })
}

/// Opens a copy and checks that it is sound. Returns the number of its writes, and of those that
/// are open.
fn check(path: &Path) -> JobResult<(u64, u64)> {
    let copy = reader(path)?;
    migrate::check_some(&copy, path)?;
    let answer: String = copy.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    let (writes, open, counted): (i64, i64, i64) = copy.query_row(
        "SELECT count(*), count(*) FILTER (WHERE state IN ('pending', 'replaying', 'unknown')),
           (SELECT coalesce(sum(n), 0) FROM group_counts) FROM writes",
        [],
        |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
    )?;
    if answer != "ok" || counted != writes {
        let why = format!("the copy is not sound ({answer}; {writes} writes, {counted} counted); it was removed");
        return Err(StoreError::Damaged { path: path.to_owned(), why }.into());
    }
    Ok((writes.unsigned_abs(), open.unsigned_abs()))
}

/// A copy in progress, deleted on drop unless it is done. Its maker holds a lock on it, so that the
/// next one can recognise a file left by a killed process.
struct Partial {
    path: PathBuf,
    file: File,
    done: bool,
}

impl Partial {
    fn make(path: &Path) -> std::io::Result<Self> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).custom_flags(NO_FOLLOW);
        match options.open(path) {
            Err(e) if e.kind() == ErrorKind::NotFound => {}
            Err(e) => return Err(e),
            Ok(left) => match left.try_lock() {
                Ok(()) => std::fs::remove_file(path)?,
                Err(TryLockError::WouldBlock) => {
                    return Err(std::io::Error::other("another backup to the same file is under way"));
                }
                Err(TryLockError::Error(e)) => return Err(e),
            },
        }
        let file = options.create_new(true).mode(0o600).open(path)?;
        file.try_lock().map_err(std::io::Error::from)?;
        Ok(Self { path: path.to_owned(), file, done: false })
    }

    /// Renames it to its final name, unless that is taken.
    fn rename(mut self, to: &Path) -> std::io::Result<()> {
        use rustix::fs::{CWD, RenameFlags, renameat_with};
        match renameat_with(CWD, &self.path, CWD, to, RenameFlags::NOREPLACE) {
            Ok(()) => {}
            // This file system can't do it in one step.
            Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) => {
                std::fs::hard_link(&self.path, to)?;
                std::fs::remove_file(&self.path)?;
            }
            Err(e) => return Err(e.into()),
        }
        self.done = true;
        if let Some(directory) = to.parent() {
            let _ = File::open(directory).and_then(|d| d.sync_all());
        }
        Ok(())
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        if !self.done {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Returns the absolute path, which can't be mistaken for a URI.
fn absolute(path: &Path) -> Result<PathBuf, StoreError> {
    let at = |why| StoreError::File { path: path.to_owned(), why };
    let name = path.file_name().map(OsStr::to_owned);
    let name = name.ok_or_else(|| at(std::io::Error::other("it does not name a file")))?;
    let directory = path.parent().filter(|d| !d.as_os_str().is_empty()).unwrap_or(Path::new("."));
    Ok(std::fs::canonicalize(directory).map_err(at)?.join(name))
}
