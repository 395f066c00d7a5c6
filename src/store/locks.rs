//! Run locks: an OS file lock says which run lives, whatever the clock says.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::StoreError;
use crate::domain::ids::RunId;

/// The lock that a run holds for its life. The system lets go of it when the process ends, however it ends.
#[derive(Debug)]
pub struct RunLock {
    file: File,
    path: PathBuf,
}

impl RunLock {
    /// Takes the lock of a run that is about to begin.
    pub(super) fn take(db: &Path, run: RunId) -> Result<Self, StoreError> {
        Self::try_take(db, run)?.ok_or(StoreError::Fenced(run))
    }

    /// Takes the lock if nobody holds it: then the run is dead.
    pub(super) fn try_take(db: &Path, run: RunId) -> Result<Option<Self>, StoreError> {
        let path = lock_path(db, run);
        let at = |why| StoreError::File { path: path.clone(), why };
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .read(true)
            .mode(0o600)
            .open(&path)
            .map_err(at)?;
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
            Ok(()) => {
                // For people only: who holds it is what the lock says, not this text.
                use std::io::Write as _;
                let _ = file.set_len(0).and_then(|()| writeln!(&file, "{}", std::process::id()));
                Ok(Some(Self { file, path }))
            }
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(why)) => Err(at(why)),
        }
    }

    /// Whether a run's lock is held; looks without taking it for longer than an instant, and makes no file.
    pub(super) fn is_held(db: &Path, run: RunId) -> bool {
        let Ok(file) = File::open(lock_path(db, run)) else { return false };
        matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock))
    }

    /// Lets go, and takes the file away.
    pub fn release(self) {
        let _ = std::fs::remove_file(&self.path);
        let _ = self.file.unlock();
    }
}

/// The process that took a run's lock, for messages.
pub(super) fn holder(db: &Path, run: RunId) -> String {
    std::fs::read_to_string(lock_path(db, run)).map_or_else(|_| "unknown".to_owned(), |text| text.trim().to_owned())
}

fn lock_path(db: &Path, run: RunId) -> PathBuf {
    let mut name = db.as_os_str().to_owned();
    name.push(format!("-run-{run}.lock"));
    PathBuf::from(name)
}

/// What kind of file system a path lies on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum FileSystem {
    /// Of this host alone.
    Local(String),
    /// Other hosts may see it; locks and shared memory don't hold there.
    Network(String),
}

/// Looks up the file system of a path; `None` where the system has no answer.
#[cfg(target_os = "linux")]
pub(super) fn file_system(path: &Path) -> Option<FileSystem> {
    let magic = u64::try_from(rustix::fs::statfs(path).ok()?.f_type).unwrap_or_default() & 0xffff_ffff;
    let network = match magic {
        0x6969 => "NFS",
        0x517b => "SMB",
        0xff53_4d42 => "CIFS",
        0xfe53_4d42 => "SMB2",
        0x0102_1997 => "9P",
        0x5346_414f | 0x6b41_4653 => "AFS",
        0x00c3_6400 => "Ceph",
        0x0bd0_0bd0 => "Lustre",
        0x4750_4653 => "GPFS",
        0x7461_636f => "OCFS2",
        0x0116_1970 => "GFS2",
        0x7375_7245 => "Coda",
        // FUSE: its mount says what is behind it.
        0x6573_5546 => {
            let kind = mounted_as(path).unwrap_or_else(|| "fuse".to_owned());
            let remote = ["ssh", "nfs", "smb", "s3", "gcs", "dav", "gluster", "rclone", "ceph"];
            return Some(if remote.iter().any(|r| kind.contains(r)) {
                FileSystem::Network(kind)
            } else {
                FileSystem::Local(kind)
            });
        }
        0xef53 => return Some(FileSystem::Local("ext4".to_owned())),
        0x9123_683e => return Some(FileSystem::Local("btrfs".to_owned())),
        0x5846_5342 => return Some(FileSystem::Local("xfs".to_owned())),
        0x0102_1994 => return Some(FileSystem::Local("tmpfs (gone after a restart)".to_owned())),
        0x794c_7630 => return Some(FileSystem::Local("overlayfs".to_owned())),
        other => return Some(FileSystem::Local(format!("type {other:#x}"))),
    };
    Some(FileSystem::Network(network.to_owned()))
}

/// Other systems: not looked up.
#[cfg(not(target_os = "linux"))]
pub(super) fn file_system(_: &Path) -> Option<FileSystem> {
    None
}

#[cfg(target_os = "linux")]
fn mounted_as(path: &Path) -> Option<String> {
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").ok()?;
    let mut best = (0, None);
    for line in mounts.lines() {
        let (left, right) = line.split_once(" - ")?;
        let point = left.split(' ').nth(4)?;
        if path.starts_with(point) && point.len() >= best.0 {
            best = (point.len(), right.split(' ').next().map(str::to_owned));
        }
    }
    best.1
}
