//! Why a file can't be opened by this user: whose it is, who this user is, and the way out.

use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use nix::unistd::{Gid, Group, Uid, User};
use rustix::fs::Access;

use super::files::beside;

/// Returns the reason, worded to follow the name of a file, if a file of the store or its directory may not be used by this
/// user; `None` if the rights are in order.
pub(super) fn denial(path: &Path) -> Option<String> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let files = ["", "-wal", "-shm"].map(|suffix| beside(path, suffix));
    let of_directory = (directory.to_owned(), Access::READ_OK | Access::WRITE_OK | Access::EXEC_OK);
    let of_files = files.into_iter().map(|file| (file, Access::READ_OK | Access::WRITE_OK));
    let denied = |(path, wanted): &(PathBuf, Access)| {
        matches!(rustix::fs::access(path, *wanted), Err(rustix::io::Errno::ACCESS))
    };
    let (denied, _) = [of_directory].into_iter().chain(of_files).find(denied)?;
    Some(explain(&denied))
}

/// Returns `; …` for the end of a message on an error at a file, if the rights are what is in the way.
pub(crate) fn why_denied(path: &Path, error: &std::io::Error) -> String {
    if error.kind() != ErrorKind::PermissionDenied {
        return String::new();
    }
    // Where the file can't even be looked at, its directory is what denies it.
    let closest = path.ancestors().find(|part| part.metadata().is_ok()).unwrap_or(path);
    format!("; {}", explain(closest))
}

fn explain(path: &Path) -> String {
    let Ok(found) = path.metadata() else { return format!("{} can't be looked at", path.display()) };
    let group = group_name(found.gid());
    let mode = found.mode() & 0o7777;
    let needed = if found.is_dir() { 0o070 } else { 0o060 };
    let way_out = if mode & needed == needed {
        format!("an administrator can add you to {group} (then log in again, or newgrp {group})")
    } else {
        let rights = if found.is_dir() { "2770" } else { "660" };
        format!(
            "its owner can share it (chmod {rights} {}), and dlq shares what it makes with [store] unix_group",
            path.display()
        )
    };
    format!(
        "{} is of {}, group {group}, mode {mode:04o}; you are {}, in {}: {way_out}",
        path.display(),
        user_name(found.uid()),
        user_name(Uid::effective().as_raw()),
        own_groups()
    )
}

fn user_name(uid: u32) -> String {
    let found = User::from_uid(Uid::from_raw(uid)).ok().flatten();
    found.map_or_else(|| format!("user {uid}"), |user| user.name)
}

fn group_name(gid: u32) -> String {
    let found = Group::from_gid(Gid::from_raw(gid)).ok().flatten();
    found.map_or_else(|| gid.to_string(), |group| group.name)
}

fn own_groups() -> String {
    let mut all = vec![Gid::effective().as_raw()];
    all.extend(nix::unistd::getgroups().unwrap_or_default().into_iter().map(Gid::as_raw));
    all.dedup();
    let names: Vec<String> = all.into_iter().map(group_name).collect();
    format!("group{} {}", if names.len() == 1 { "" } else { "s" }, names.join(", "))
}
