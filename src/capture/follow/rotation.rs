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

/// Finds the file that a place is in, now that another has its name: by its inode, else by its content. Returns it at that
/// place, and the files that were written after it, in their order.
pub(super) fn rest_of(path: &Path, place: &FilePlace, known: &mut Known) -> io::Result<Option<Vec<Reading>>> {
    let mut siblings = siblings(path)?;
    *known = siblings.iter().map(|one| one.reading.id).collect();
    let is_it = |one: &Sibling| holds(&one.reading, place);
    let by_inode = siblings.iter().position(|one| one.reading.id == (place.dev, place.ino) && is_it(one));
    let by_content = || siblings.iter().position(|one| place.offset > 0 && is_it(one));
    let Some(found) = by_inode.or_else(by_content) else { return Ok(None) };
    let Sibling { mut reading, written, .. } = siblings.swap_remove(found);
    let later = after(path, siblings, reading.id, written);
    reading.go_to(place.offset, place.lines)?;
    Ok(Some([vec![reading], later].concat()))
}

/// Returns the rotated files that were written after a file that has been read to its end.
pub(super) fn written_after(path: &Path, reading: &Reading, known: &mut Known) -> io::Result<Vec<Reading>> {
    let siblings = siblings(path)?;
    *known = siblings.iter().map(|one| one.reading.id).collect();
    Ok(after(path, siblings, reading.id, reading.written()?))
}

/// Returns the rotated files that were not there when it was last looked, which are known from now on.
pub(super) fn new_ones(path: &Path, known: &mut Known) -> io::Result<Vec<Reading>> {
    let mut found = siblings(path)?;
    let before = std::mem::replace(known, found.iter().map(|one| one.reading.id).collect());
    found.retain(|one| !before.contains(&one.reading.id));
    Ok(after(path, found, (0, 0), SystemTime::UNIX_EPOCH))
}

/// The rotated files that were there when it was last looked, by device and inode.
pub(super) type Known = HashSet<(u64, u64)>;

/// Returns the files written after `since`, the oldest first. One of the same moment is among them: to read a file again
/// changes nothing, to miss one does.
fn after(path: &Path, siblings: Vec<Sibling>, but: (u64, u64), since: SystemTime) -> Vec<Reading> {
    let current = std::fs::metadata(path).ok().map(|found| (found.dev(), found.ino()));
    let is_later = |one: &Sibling| one.written >= since && one.reading.id != but && Some(one.reading.id) != current;
    let mut later: Vec<Sibling> = siblings.into_iter().filter(is_later).collect();
    later.sort_by(|a, b| a.written.cmp(&b.written).then_with(|| b.name.cmp(&a.name)));
    later.into_iter().map(|one| one.reading).collect()
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
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut found: Vec<Sibling> = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let is_made_from_it =
            entry.file_name().to_string_lossy().strip_prefix(&*name).is_some_and(|suffix| {
                suffix.starts_with(['.', '-', '_']) && suffix.bytes().any(|b| b.is_ascii_digit())
            });
        if !is_made_from_it || !entry.file_type()?.is_file() {
            continue;
        }
        // One that is gone by now has been rotated on, and is found under its next name.
        let Ok(reading) = Reading::open(&entry.path()) else { continue };
        if found.iter().all(|one| one.reading.id != reading.id) {
            found.push(Sibling { name: entry.path(), written: reading.written()?, reading });
        }
    }
    Ok(found)
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
