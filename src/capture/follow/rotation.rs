//! Rotated files: where the rest of a file is that was renamed, or copied and truncated.

use std::collections::HashSet;
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::reading::Reading;
use crate::domain::file_place::{FilePlace, KNOWN_BY};
use crate::domain::identity::Sha;

/// A file beside the one that is followed, with a name made from its name: `app.log.1`, `app.log-20260131.gz`. It is opened, since
/// its name may be another's in the next moment.
struct Sibling {
    name: PathBuf,
    reading: Reading,
    written: SystemTime,
}

/// The evidence that identifies a followed file under its new name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KnownBy {
    /// Its inode and its content: it was renamed.
    Inode,
    /// Its content: it was copied, or packed.
    Content,
}

/// Finds the file that a place is in, now that another has its name. Returns it at that place, and the files that were written
/// after it, in their order.
pub(super) fn rest_of(
    path: &Path,
    place: &FilePlace,
    by: KnownBy,
    read: &[FilePlace],
    known: &mut Known,
) -> io::Result<Option<Vec<Reading>>> {
    let mut siblings = siblings(path)?;
    let before = std::mem::replace(known, siblings.iter().map(|one| one.reading.id).collect());
    let may_be_it = |one: &Sibling| match by {
        KnownBy::Inode => one.reading.id == (place.dev, place.ino),
        KnownBy::Content => place.offset > 0,
    };
    let found = siblings.iter().position(|one| may_be_it(one) && holds(&one.reading, place));
    let Some(found) = found else { return Ok(None) };
    let Sibling { mut reading, written, .. } = siblings.swap_remove(found);
    // Late lines may have made it the newest: what is new is later, too.
    let is_later = |one: &Sibling| one.written >= written || !before.contains(&one.reading.id);
    siblings.retain(is_later);
    let later = past(in_order(path, siblings, Some(reading.id)), read)?;
    reading.go_to(place.offset, place.lines)?;
    Ok(Some([vec![reading], later].concat()))
}

/// Returns the rotated files that were not there when it was last looked, which are known from now on, without `but` and
/// without what `read` was read of them before, under another name.
pub(super) fn new_ones(
    path: &Path,
    but: Option<(u64, u64)>,
    read: &[FilePlace],
    known: &mut Known,
) -> io::Result<Vec<Reading>> {
    let mut found = siblings(path)?;
    let before = std::mem::replace(known, found.iter().map(|one| one.reading.id).collect());
    found.retain(|one| !before.contains(&one.reading.id));
    past(in_order(path, found, but), read)
}

/// Passes over what was read of files before, under another name.
fn past(mut found: Vec<Reading>, read: &[FilePlace]) -> io::Result<Vec<Reading>> {
    for reading in &mut found {
        let is_it = |place: &&FilePlace| place.offset > 0 && begins_like(reading, place) && holds(reading, place);
        // The longest of them: a file may have been read in two goes.
        if let Some(place) = read.iter().filter(is_it).max_by_key(|place| place.offset) {
            reading.go_to(place.offset, place.lines)?;
        }
    }
    Ok(found)
}

/// The rotated files that were there when it was last looked, by device and inode.
pub(super) type Known = HashSet<(u64, u64)>;

/// Returns files in the order in which they were written, without `but` and the one that has the name now.
fn in_order(path: &Path, mut siblings: Vec<Sibling>, but: Option<(u64, u64)>) -> Vec<Reading> {
    let current = std::fs::metadata(path).ok().map(|found| (found.dev(), found.ino()));
    siblings.retain(|one| Some(one.reading.id) != but && Some(one.reading.id) != current);
    siblings.sort_by(|a, b| a.written.cmp(&b.written).then_with(|| b.name.cmp(&a.name)));
    siblings.into_iter().map(|one| one.reading).collect()
}

/// Listings until two in a row are the same, at most.
const TRIES: usize = 20;

/// Returns the files beside the one that is followed. They are listed until two listings agree: one that is renamed
/// meanwhile can be missing in a listing, or be there twice.
fn siblings(path: &Path) -> io::Result<Vec<Sibling>> {
    let ids = |all: &[Sibling]| {
        let mut ids: Vec<(u64, u64)> = all.iter().map(|one| one.reading.id).collect();
        ids.sort_unstable();
        ids
    };
    let mut found = list(path)?;
    for _ in 0..TRIES {
        let again = list(path)?;
        if ids(&found) == ids(&again) {
            return Ok(again);
        }
        found = again;
    }
    Ok(found)
}

fn list(path: &Path) -> io::Result<Vec<Sibling>> {
    let mut found = Vec::new();
    list_beside(path, &mut found)?;
    // Of a link, the rotated files lie beside the file that it leads to.
    if let Ok(whole) = std::fs::canonicalize(path)
        && whole != path
    {
        list_beside(&whole, &mut found)?;
    }
    Ok(found)
}

/// Endings of packed files.
const PACKED: [&str; 4] = ["gz", "zst", "bz2", "xz"];

fn list_beside(path: &Path, found: &mut Vec<Sibling>) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let is_made_from_it =
            entry.file_name().to_string_lossy().strip_prefix(&*name).is_some_and(|suffix| {
                suffix.starts_with(['.', '-', '_']) && suffix.bytes().any(|b| b.is_ascii_digit())
            });
        if !is_made_from_it || !entry.file_type()?.is_file() {
            continue;
        }
        // As long as the file that is being packed is there, the packed one is not whole.
        let is_under_way = entry.path().extension().is_some_and(|end| PACKED.iter().any(|packed| end == *packed))
            && entry.path().with_extension("").exists();
        if is_under_way {
            continue;
        }
        // One that is gone by now has been rotated on, and is found under its next name.
        let Ok(reading) = Reading::open(&entry.path()) else { continue };
        if found.iter().all(|one| one.reading.id != reading.id) {
            found.push(Sibling { name: entry.path(), written: reading.written()?, reading });
        }
    }
    Ok(())
}

/// Returns true if a file's beginning is the one that a place tells of.
fn begins_like(reading: &Reading, place: &FilePlace) -> bool {
    let mut head = Vec::new();
    let found = reading.whole().and_then(|whole| whole.take(place.offset.min(KNOWN_BY)).read_to_end(&mut head));
    found.is_ok() && Sha::of(&head) == place.head
}

/// Returns true if a file has the content that a place tells of; packed ones are unpacked.
fn holds(reading: &Reading, place: &FilePlace) -> bool {
    let found = reading.whole().and_then(|whole| content_before(whole, place.offset));
    found.is_ok_and(|found| found.is_some_and(|(head, tail)| head == place.head && tail == place.tail))
}

/// Returns the hashes of a file's beginning and of the bytes before an offset; `None` if it is shorter.
fn content_before(mut file: impl io::Read, offset: u64) -> io::Result<Option<(Sha, Sha)>> {
    let known = offset.min(KNOWN_BY);
    let mut head = Vec::new();
    file.by_ref().take(known).read_to_end(&mut head)?;
    let skipped = (offset - known).saturating_sub(known);
    let passed = io::copy(&mut file.by_ref().take(skipped), &mut io::sink())?;
    let mut rest = Vec::new();
    file.take(offset - known - skipped).read_to_end(&mut rest)?;
    if head.len() as u64 + passed + (rest.len() as u64) < offset {
        return Ok(None);
    }
    let mut end = head.clone();
    end.extend(rest);
    let tail = &end[end.len() - usize::try_from(known).map_err(io::Error::other)?..];
    Ok(Some((Sha::of(&head), Sha::of(tail))))
}
