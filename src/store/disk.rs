//! The disk a file is on: its file system and its free space.

use std::path::Path;

/// Free and total space of a disk, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) struct Room {
    /// Space available to this user.
    pub(in crate::store) free: u64,
    /// Size of the whole disk.
    pub(in crate::store) total: u64,
}

impl Room {
    /// Returns the space on the disk of a path, or of its directory if there is no such file;
    /// `None` if the system does not say.
    pub(in crate::store) fn of(path: &Path) -> Option<Self> {
        let found = rustix::fs::statvfs(path).or_else(|_| {
            let directory = path.parent().filter(|d| !d.as_os_str().is_empty()).unwrap_or(Path::new("."));
            rustix::fs::statvfs(directory)
        });
        let found = found.ok()?;
        let bytes = |blocks: u64| blocks.saturating_mul(found.f_frsize);
        Some(Self { free: bytes(found.f_bavail), total: bytes(found.f_blocks) })
    }
}

impl std::fmt::Display for Room {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} MB free of {} MB", self.free >> 20, self.total >> 20)
    }
}

/// Returns the space on a path's disk, worded for the end of a message: ` (3 MB free of 500 MB)`.
/// Empty if the system does not say.
pub(crate) fn room_in_words(path: &Path) -> String {
    Room::of(path).map(|room| format!(" ({room})")).unwrap_or_default()
}

/// The kind of file system a path is on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::store) enum FileSystem {
    /// Used by this host alone.
    Local(String),
    /// Possibly shared with other hosts; locks and shared memory don't hold there.
    Network(String),
}

/// Looks up the file system of a path; `None` if the system does not say.
#[cfg(target_os = "linux")]
pub(in crate::store) fn file_system(path: &Path) -> Option<FileSystem> {
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
        // FUSE: the type of the mount tells what is behind it.
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

/// Returns `None`: not implemented for this system.
#[cfg(not(target_os = "linux"))]
pub(in crate::store) fn file_system(_: &Path) -> Option<FileSystem> {
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
