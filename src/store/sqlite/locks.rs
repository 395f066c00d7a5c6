//! Run locks: an OS file lock shows whether a run is alive, whatever the clock says.
//!
//! A lock counts only while its file is the one that everybody finds under its name: the run's row
//! records the file's inode, and the holder compares it with every intent.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::domain::ids::RunId;
use crate::store::files::{NO_FOLLOW, beside};
use crate::store::{Lease, Sharing, StoreError};

/// The identity of a file under any name: its device and inode.
pub(super) type FileId = (u64, u64);

/// The lock that a run holds for its lifetime. The system releases it when the process ends,
/// however it ends.
#[derive(Debug)]
pub(super) struct RunLock {
    file: File,
    path: PathBuf,
    run: RunId,
    id: FileId,
}

/// The state of a run's lock.
#[derive(Debug)]
pub(super) enum LockState {
    /// The run's process is alive, or nobody can tell.
    Held,
    /// The run's process is dead.
    Free,
    /// The lock file is missing or not the one that the run made: it says nothing about the run.
    Lost,
}

impl RunLock {
    /// Creates the lock of a run that is about to begin. A leftover lock file is replaced; anything
    /// else under its name is neither followed nor changed.
    pub(super) fn make(db: &Path, run: RunId) -> Result<Self, StoreError> {
        use std::io::Write as _;
        let path = lock_path(db, run);
        let at = |why| StoreError::File { path: path.clone(), why };
        if let Ok(found) = std::fs::symlink_metadata(&path) {
            if !found.is_file() {
                return Err(at(std::io::Error::other("it is in the way of a run's lock file; it was not changed")));
            }
            // Left by a run of another file of this name; if that run is alive, it keeps the lock.
            let left = options().open(&path).map_err(at)?;
            if matches!(left.try_lock(), Err(TryLockError::WouldBlock)) {
                return Err(StoreError::Fenced(run));
            }
            std::fs::remove_file(&path).map_err(at)?;
        }
        let file = options().create_new(true).open(&path).map_err(at)?;
        Sharing::of(db).share(&file).map_err(at)?;
        file.try_lock().map_err(|e| at(e.into()))?;
        // For people only: the lock, not this text, shows who holds it.
        let _ = writeln!(&file, "{}", std::process::id());
        let found = file.metadata().map_err(at)?;
        Ok(Self { id: (found.dev(), found.ino()), file, path, run })
    }

    /// Checks whether anyone holds the lock of a run that made the file `made`.
    pub(super) fn look(db: &Path, run: RunId, made: Option<FileId>) -> Result<LockState, StoreError> {
        let path = lock_path(db, run);
        let at = |why| StoreError::File { path: path.clone(), why };
        let file = match options().open(&path) {
            Ok(file) => file,
            Err(e) if e.kind() == ErrorKind::NotFound || is_symlink(&path) => return Ok(LockState::Lost),
            // Nobody can tell, so that the run counts as alive.
            Err(e) if e.kind() == ErrorKind::PermissionDenied => return Ok(LockState::Held),
            Err(e) => return Err(at(e)),
        };
        let found = file.metadata().map_err(at)?;
        let id = (found.dev(), found.ino());
        // A run of an older version recorded no inode.
        if made.is_some_and(|made| made != id) || !found.is_file() {
            return Ok(LockState::Lost);
        }
        // A process that only checks the lock holds it for an instant.
        let mut locked = file.try_lock();
        for _ in 0..5 {
            if !matches!(locked, Err(TryLockError::WouldBlock)) {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(5));
            locked = file.try_lock();
        }
        match locked {
            Ok(()) => Ok(LockState::Free),
            Err(TryLockError::WouldBlock) => Ok(LockState::Held),
            Err(TryLockError::Error(why)) => Err(at(why)),
        }
    }

    /// Returns `true` if a run's lock is held, or can't be opened, so that nobody can tell. Takes it for no more than an
    /// instant, and creates no file.
    pub(super) fn is_held(db: &Path, run: RunId) -> bool {
        match OpenOptions::new().read(true).custom_flags(NO_FOLLOW).open(lock_path(db, run)) {
            Ok(file) => matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)),
            Err(error) => error.kind() == ErrorKind::PermissionDenied,
        }
    }

    /// Removes the lock file of a dead run, once its death is on record.
    pub(super) fn tidy(db: &Path, run: RunId) {
        let _ = std::fs::remove_file(lock_path(db, run));
    }

    /// Returns the identity of the lock file.
    pub(super) fn id(&self) -> FileId {
        self.id
    }
}

impl Lease for RunLock {
    fn run(&self) -> RunId {
        self.run
    }

    /// Returns an error if the file under the lock's name is not the locked one, since nobody else
    /// sees the lock then.
    fn check(&self) -> Result<(), StoreError> {
        let found = std::fs::symlink_metadata(&self.path).map(|m| (m.dev(), m.ino())).ok();
        if found == Some(self.id) {
            return Ok(());
        }
        Err(StoreError::LeaseLost { run: self.run, path: self.path.clone() })
    }

    /// Removes the file as well, if it is still the locked one.
    fn release(&self) {
        if self.check().is_ok() {
            let _ = std::fs::remove_file(&self.path);
        }
        let _ = self.file.unlock();
    }
}

fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).mode(0o600).custom_flags(NO_FOLLOW);
    options
}

fn is_symlink(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_ok_and(|found| found.is_symlink())
}

/// Returns the process ID of a run's lock holder, for messages; `unknown` if it can't be read.
pub(super) fn holder(db: &Path, run: RunId) -> String {
    std::fs::read_to_string(lock_path(db, run)).map_or_else(|_| "unknown".to_owned(), |text| text.trim().to_owned())
}

fn lock_path(db: &Path, run: RunId) -> PathBuf {
    beside(db, &format!("-run-{run}.lock"))
}
