//! Opening the file: creating it, refusing unsuitable ones, and setting up every connection.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rusqlite::Connection;

use super::connect::{Way, connect, set_up_writer, several};
use super::error::JobResult;
use super::locks::RunLock;
use super::place::Place;
use super::worker::{Readers, Writer};
use super::{backup, migrate};
use crate::store::files::beside;
use crate::store::{OpenOptions, Reply, Result, Sharing, Store, StoreError, Upgraded, disk, face, why_denied};

/// An open file.
pub(super) struct SqliteStore {
    pub(super) path: PathBuf,
    place: Place,
    // Dropped first: the last connection to close moves the log into the file, and only the
    // writer's may do that.
    readers: Readers,
    writer: Option<Writer>,
}

const READERS: usize = 3;

/// Opens the file at `path`. If it is opened for writing, runs whose process died are recovered
/// first.
pub fn open(path: &Path, options: OpenOptions) -> Result<Arc<dyn Store>> {
    Ok(Arc::new(SqliteStore::open(path, options)?))
}

/// Upgrades a file to the latest schema, after copying it as it is if a copy is wanted. Returns the
/// schema versions before and after, and the details of the copy.
pub fn upgrade(path: &Path, copy: Option<&Path>, options: OpenOptions) -> Result<Upgraded> {
    let path = prepare_path(path, false, options.sharing)?;
    refuse_network(&path)?;
    let at = |error: &rusqlite::Error| StoreError::sqlite(&path, error);
    let mut connection = connect(&path, Way::ToWrite, options.busy_timeout).map_err(|e| at(&e))?;
    let from = migrate::known_version(&connection, &path)?;
    let copied = match copy {
        Some(to) if from < migrate::LATEST => Some(backup::copy_as_it_is(&connection, &path, to)?),
        _ => None,
    };
    migrate::bring_up_to_date(&mut connection, &path, &OpenOptions { create: false, ..options })?;
    Ok(Upgraded { from, to: migrate::LATEST, copied })
}

impl Store for SqliteStore {
    fn name(&self) -> String {
        self.path.display().to_string()
    }

    fn file(&self) -> Option<&Path> {
        Some(&self.path)
    }

    fn in_place(&self) -> Result<()> {
        self.place.check()
    }
}

impl SqliteStore {
    fn open(path: &Path, options: OpenOptions) -> Result<Self> {
        let path = prepare_path(path, options.create, options.sharing)?;
        refuse_network(&path)?;
        let at = |error: &rusqlite::Error| StoreError::sqlite(&path, error);
        if !options.write {
            let readers = match readers_for(&path, options.busy_timeout) {
                Err(older @ StoreError::Older { .. }) => {
                    upgrade_for_reader(&path, &options, older)?;
                    readers_for(&path, options.busy_timeout)?
                }
                other => other?,
            };
            return Ok(Self { writer: None, readers: Readers::start(readers, &path), place: Place::of(&path), path });
        }
        let mut connection = connect(&path, Way::ToWrite, options.busy_timeout).map_err(|e| at(&e))?;
        migrate::bring_up_to_date(&mut connection, &path, &options)?;
        set_up_writer(&connection).map_err(|e| at(&e))?;
        let readers = several(&path, Way::ToRead, READERS, options.busy_timeout).map_err(|e| at(&e))?;
        // SQLite gives them the file's rights; their group is that of the directory, unless that passes none on.
        let sharing = Sharing::of(&path);
        for suffix in ["-wal", "-shm"] {
            sharing.share_own(&beside(&path, suffix));
        }
        let place = Place::of(&path);
        let writer = Some(Writer::start(connection, &path, place.clone()));
        let store = Self { readers: Readers::start(readers, &path), writer, place, path };
        for dead in face::Runs::recover_dead_runs(&store).wait()? {
            RunLock::tidy(&store.path, dead);
        }
        Ok(store)
    }

    pub(super) fn read<T, F>(&self, work: F) -> Reply<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> JobResult<T> + Send + 'static,
    {
        self.readers.submit(work)
    }

    /// Runs a small job in a transaction that it may share with others.
    pub(super) fn write<T, F>(&self, work: F) -> Reply<T>
    where
        T: Send + 'static,
        F: FnMut(&Connection) -> JobResult<T> + Send + 'static,
    {
        self.write_job(false, work, |_| {})
    }

    /// Runs a large job in a transaction of its own.
    pub(super) fn write_alone<T, F>(&self, work: F) -> Reply<T>
    where
        T: Send + 'static,
        F: FnMut(&Connection) -> JobResult<T> + Send + 'static,
    {
        self.write_job(true, work, |_| {})
    }

    /// Does the same, and calls `ended` with whether it was committed, before the reply comes.
    pub(super) fn write_alone_then<T, F, E>(&self, work: F, ended: E) -> Reply<T>
    where
        T: Send + 'static,
        F: FnMut(&Connection) -> JobResult<T> + Send + 'static,
        E: FnOnce(bool) + Send + 'static,
    {
        self.write_job(true, work, ended)
    }

    fn write_job<T, F, E>(&self, alone: bool, work: F, ended: E) -> Reply<T>
    where
        T: Send + 'static,
        F: FnMut(&Connection) -> JobResult<T> + Send + 'static,
        E: FnOnce(bool) + Send + 'static,
    {
        if let Some(writer) = &self.writer {
            return writer.submit(alone, work, ended);
        }
        // Opened for reading only: SQLite itself refuses the write, with the right error.
        let mut work = work;
        self.readers.submit(move |connection| work(connection))
    }
}

/// Upgrades a file that is only to be read, if it can be written; returns the error `older` if not.
fn upgrade_for_reader(path: &Path, options: &OpenOptions, older: StoreError) -> Result<()> {
    let upgraded = connect(path, Way::ToWrite, options.busy_timeout)
        .map_err(|e| StoreError::sqlite(path, &e))
        .and_then(|mut connection| migrate::bring_up_to_date(&mut connection, path, options));
    match upgraded {
        Ok(_) => Ok(()),
        Err(StoreError::ReadOnly(_) | StoreError::CantOpen { .. }) => Err(older),
        Err(other) => Err(other),
    }
}

/// Opens connections for reading, and checks the file. A full or read-only disk has no room for the
/// log's index, which SQLite keeps next to the file; then there are ways to do without it.
fn readers_for(path: &Path, busy_timeout: Duration) -> Result<Vec<Connection>> {
    let log = fs::metadata(beside(path, "-wal")).map_or(0, |found| found.len());
    let open = |way, count| -> Result<Vec<Connection>> {
        let readers = several(path, way, count, busy_timeout).map_err(|e| StoreError::sqlite(path, &e))?;
        migrate::check(&readers[0], path)?;
        Ok(readers)
    };
    match open(Way::ToRead, READERS) {
        Err(
            error @ (StoreError::CantOpen { .. }
            | StoreError::Io { .. }
            | StoreError::Full { .. }
            | StoreError::ReadOnly(_)),
        ) => {
            let other = if log == 0 { open(Way::AsItIs, READERS) } else { open(Way::Alone, 1) };
            // An error about the file itself says more than one about a way of opening it.
            other.map_err(|other| match other {
                StoreError::Older { .. }
                | StoreError::Newer { .. }
                | StoreError::Foreign(_)
                | StoreError::Checksum(_)
                | StoreError::Missing(_) => other,
                _ => error,
            })
        }
        other => other,
    }
}

/// Returns the canonical path. A missing file is created, for those who share it, if `create` is set.
fn prepare_path(path: &Path, create: bool, sharing: Sharing) -> Result<PathBuf> {
    let cant = |why: &std::io::Error| {
        let why = format!("{why}{}", why_denied(path, why));
        StoreError::CantOpen { path: path.to_owned(), why }
    };
    match fs::metadata(path) {
        Ok(found) if found.is_dir() => return Err(StoreError::Directory(path.to_owned())),
        // Opening a pipe would block forever.
        Ok(found) if !found.is_file() => return Err(cant(&std::io::Error::other("it is not a regular file"))),
        Ok(_) => {}
        Err(e) if e.kind() == ErrorKind::NotFound && create => {
            if let Some(directory) = path.parent().filter(|d| !d.as_os_str().is_empty()) {
                let is_new = |one: &&Path| !one.as_os_str().is_empty() && !one.exists();
                let new: Vec<&Path> = directory.ancestors().take_while(is_new).collect();
                fs::DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(|e| cant(&e))?;
                for made in new {
                    sharing.share_directory(made).map_err(|e| cant(&e))?;
                }
            }
            let made = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
            match made {
                Ok(file) => sharing.share(&file).map_err(|e| cant(&e))?,
                Err(e) if e.kind() == ErrorKind::AlreadyExists => {}
                Err(e) => return Err(cant(&e)),
            }
        }
        Err(e) if e.kind() == ErrorKind::NotFound => return Err(StoreError::Missing(path.to_owned())),
        Err(e) => return Err(cant(&e)),
    }
    fs::canonicalize(path).map_err(|e| cant(&e))
}

fn refuse_network(path: &Path) -> Result<()> {
    match disk::file_system(path) {
        Some(disk::FileSystem::Network(kind)) => Err(StoreError::Network { path: path.to_owned(), kind }),
        _ => Ok(()),
    }
}
