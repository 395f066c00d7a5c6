//! Who may use the files of a store: their owner alone, or a group of the host's users.

use std::fs::File;
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use nix::unistd::Group;

/// The users of a store's files: their owner, and perhaps a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sharing {
    group: Option<u32>,
}

/// The rights of a file that its users read and write.
const SHARED: u32 = 0o660;

impl Sharing {
    /// Finds the group of a name, or of a number.
    pub fn with(name: &str) -> Result<Self, String> {
        if let Ok(number) = name.parse() {
            return Ok(Self { group: Some(number) });
        }
        match Group::from_name(name) {
            Ok(Some(group)) => Ok(Self { group: Some(group.gid.as_raw()) }),
            Ok(None) => Err(format!("there is no group {name:?} on this host")),
            Err(error) => Err(format!("group {name:?} can't be looked up: {error}")),
        }
    }

    /// Returns the sharing of a file that is there: files beside it are for the same users.
    pub fn of(path: &Path) -> Self {
        let found = std::fs::metadata(path).ok().filter(|found| found.mode() & SHARED == SHARED);
        Self { group: found.map(|found| found.gid()) }
    }

    /// Returns the group, if there is one.
    pub(super) fn group(self) -> Option<u32> {
        self.group
    }

    /// Returns the rights of a file that its users read and write.
    pub(super) fn mode(self) -> u32 {
        self.group.map_or(0o600, |_| SHARED)
    }

    /// Returns the rights of a copy, which only its maker writes.
    pub(super) fn mode_of_a_copy(self) -> u32 {
        self.group.map_or(0o600, |_| 0o640)
    }

    /// Gives a file that was just made to the group, whatever the umask is.
    pub(crate) fn share(self, file: &File) -> io::Result<()> {
        self.give(file, self.mode())
    }

    pub(super) fn share_copy(self, file: &File) -> io::Result<()> {
        self.give(file, self.mode_of_a_copy())
    }

    /// Gives a directory that was just made to the group: what is made in it is the group's, too.
    pub(super) fn share_directory(self, path: &Path) -> io::Result<()> {
        self.group.map_or(Ok(()), |_| self.give(&File::open(path)?, 0o2770))
    }

    /// Gives a file that the database has made to the group, if it is this user's own; what others have made is left alone.
    ///
    /// The file is not opened as files are: closing it would drop the locks that the database holds on it in this process,
    /// and another process would take it for unused.
    #[cfg(target_os = "linux")]
    pub(super) fn share_own(self, path: &Path) {
        use rustix::fs::{AtFlags, Gid, Mode, OFlags, chmod, chownat, fstat, open};
        let Some(group) = self.group else { return };
        let Ok(place) = open(path, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty()) else { return };
        let is_own = |found: rustix::fs::Stat| {
            found.st_uid == rustix::process::geteuid().as_raw()
                && rustix::fs::FileType::from_raw_mode(found.st_mode) == rustix::fs::FileType::RegularFile
        };
        if fstat(&place).is_ok_and(is_own) {
            use std::os::fd::AsRawFd as _;
            // Whoever can't open it later is told so, with the way out.
            let _ = chownat(&place, "", None, Some(Gid::from_raw(group)), AtFlags::EMPTY_PATH);
            let _ = chmod(format!("/proc/self/fd/{}", place.as_raw_fd()), Mode::from_raw_mode(self.mode()));
        }
    }

    /// Does nothing: the database gives its files the rights of the database, and the directory their group.
    #[cfg(not(target_os = "linux"))]
    pub(super) fn share_own(self, _: &Path) {}

    fn give(self, file: &File, mode: u32) -> io::Result<()> {
        let Some(group) = self.group else { return Ok(()) };
        let found = file.metadata()?;
        if found.gid() != group {
            std::os::unix::fs::fchown(file, None, Some(group))?;
        }
        if found.mode() & 0o7777 != mode {
            file.set_permissions(std::fs::Permissions::from_mode(mode))?;
        }
        Ok(())
    }
}
