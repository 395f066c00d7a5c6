//! Run locks: an OS file lock says which run lives, whatever the clock says.
//!
//! A lock is a lock only while its file is the one that everybody finds under its name: the run's row keeps the file's inode,
//! and a holder looks at it with every intent.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::domain::ids::RunId;
use crate::store::files::{NO_FOLLOW, beside};
use crate::store::{Lease, StoreError};

/// What names a file whatever it is called: its device and inode.
pub(super) type FileId = (u64, u64);

/// The lock that a run holds for its life. The system lets go of it when the process ends, however it ends.
#[derive(Debug)]
pub(super) struct RunLock {
    file: File,
    path: PathBuf,
    run: RunId,
    id: FileId,
}

/// What a run's lock says of it.
#[derive(Debug)]
pub(super) enum LockState {
    /// Its process lives.
    Held,
    /// Its process is dead.
    Free,
    /// The lock file is not the one that the run made: it says nothing about the run.
    Lost,
}

impl RunLock {
    /// Makes the lock of a run that is about to begin. Whatever stands under its name already is not followed or changed.
    pub(super) fn make(db: &Path, run: RunId) -> Result<Self, StoreError> {
        use std::io::Write as _;
        let path = lock_path(db, run);
        let at = |why| StoreError::File { path: path.clone(), why };
        if let Ok(found) = std::fs::symlink_metadata(&path) {
            if !found.is_file() {
                return Err(at(std::io::Error::other("it is in the way of a run's lock file; it was not changed")));
            }
            // Left by a run of another file that had this name; if that one lives, it keeps it.
            let left = options().open(&path).map_err(at)?;
            if matches!(left.try_lock(), Err(TryLockError::WouldBlock)) {
                return Err(StoreError::Fenced(run));
            }
            std::fs::remove_file(&path).map_err(at)?;
        }
        let file = options().create_new(true).open(&path).map_err(at)?;
        file.try_lock().map_err(|e| at(e.into()))?;
        // For people only: who holds it is what the lock says, not this text.
        let _ = writeln!(&file, "{}", std::process::id());
        let found = file.metadata().map_err(at)?;
        Ok(Self { id: (found.dev(), found.ino()), file, path, run })
    }

    /// Looks whether anyone holds the lock of a run that made the file `made`.
    pub(super) fn look(db: &Path, run: RunId, made: Option<FileId>) -> Result<LockState, StoreError> {
        let path = lock_path(db, run);
        let at = |why| StoreError::File { path: path.clone(), why };
        let file = match options().open(&path) {
            Ok(file) => file,
            Err(e) if e.kind() == ErrorKind::NotFound || is_symlink(&path) => return Ok(LockState::Lost),
            Err(e) => return Err(at(e)),
        };
        let found = file.metadata().map_err(at)?;
        let id = (found.dev(), found.ino());
        // A run of an earlier version kept no inode.
        if made.is_some_and(|made| made != id) || !found.is_file() {
            return Ok(LockState::Lost);
        }
        // Someone who only looks whether it is held has it for an instant.
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

    /// Returns true if a run's lock is held; looks without taking it for longer than an instant, and makes no file.
    pub(super) fn is_held(db: &Path, run: RunId) -> bool {
        let Ok(file) = OpenOptions::new().read(true).custom_flags(NO_FOLLOW).open(lock_path(db, run)) else {
            return false;
        };
        matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock))
    }

    /// Takes the lock file of a dead run away, once that is on record.
    pub(super) fn tidy(db: &Path, run: RunId) {
        let _ = std::fs::remove_file(lock_path(db, run));
    }

    /// What names the lock file.
    pub(super) fn id(&self) -> FileId {
        self.id
    }
}

impl Lease for RunLock {
    fn run(&self) -> RunId {
        self.run
    }

    /// An error if the file under the lock's name is not the one that is locked: then nobody else sees the lock.
    fn check(&self) -> Result<(), StoreError> {
        let found = std::fs::symlink_metadata(&self.path).map(|m| (m.dev(), m.ino())).ok();
        if found == Some(self.id) {
            return Ok(());
        }
        Err(StoreError::LeaseLost { run: self.run, path: self.path.clone() })
    }

    /// Takes the file away, too, if it is still the one that was locked.
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

/// The process that took a run's lock, for messages.
pub(super) fn holder(db: &Path, run: RunId) -> String {
    std::fs::read_to_string(lock_path(db, run)).map_or_else(|_| "unknown".to_owned(), |text| text.trim().to_owned())
}

fn lock_path(db: &Path, run: RunId) -> PathBuf {
    beside(db, &format!("-run-{run}.lock"))
}
