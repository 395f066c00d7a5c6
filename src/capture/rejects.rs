//! The rejects file: lines that could not be ingested, with the reason, kept for whoever repairs them. Each line only once.
//!
//! Any number of processes append to it, and one that ingests it replaces it by what remains. All of that happens under
//! the file's own lock, and only on the file that has its name while the lock is held: if it was replaced meanwhile, the
//! new one is opened.

use std::collections::HashSet;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::domain::identity::Sha;
use crate::domain::json::{self, Node};
use crate::domain::secrets::Scrubber;
use crate::store::{NO_FOLLOW, Sharing, beside};

/// The writer of the rejects file.
pub(super) struct Rejects {
    path: PathBuf,
    sharing: Sharing,
    scrubber: Scrubber,
    /// The file that is being ingested, if the input is the rejects file itself: by the end it holds what remains.
    own: Option<Own>,
    /// Lines that were added and are not in the file yet.
    waiting: Vec<Entry>,
    bytes: usize,
    kept: u64,
    seen: Seen,
}

/// The rejects file as an input.
struct Own {
    id: FileId,
    /// Its length in bytes when it was opened, which is as far as it is read.
    upto: u64,
    /// The entries that remain, kept aside until all of it was read.
    remains: Vec<Entry>,
}

struct Entry {
    fingerprint: Fingerprint,
    line: Vec<u8>,
}

/// The identity of a file, whatever its name: device and inode.
type FileId = (u64, u64);
type Fingerprint = [u8; 16];

/// The lines that are known to be in a file, up to a length of it.
#[derive(Default)]
struct Seen {
    file: Option<FileId>,
    upto: u64,
    lines: HashSet<Fingerprint>,
}

/// The most bytes that wait before they are written.
const MOST_WAITING: usize = 1 << 20;

impl Rejects {
    pub(super) fn new(path: &Path, inputs: &[PathBuf], scrubber: Scrubber, sharing: Sharing) -> std::io::Result<Self> {
        let is_input = inputs.iter().any(|input| same_file(input, path)) && !is_device(path);
        let own = if is_input {
            // Under the lock: whole lines, and then what others append.
            let found = locked(path, sharing)?.metadata()?;
            Some(Own { id: (found.dev(), found.ino()), upto: found.len(), remains: Vec::new() })
        } else {
            None
        };
        Ok(Self {
            path: path.to_owned(),
            sharing,
            scrubber,
            own,
            waiting: Vec::new(),
            bytes: 0,
            kept: 0,
            seen: Seen::default(),
        })
    }

    /// Adds a reject, without its secrets. The file has the same line only once.
    pub(super) fn add(&mut self, line: u64, reason: &str, raw: &[u8]) -> std::io::Result<()> {
        let clean = self.scrubber.line(raw);
        let fingerprint = fingerprint(&clean);
        let mut entry = serde_json::Map::new();
        entry.insert("line".to_owned(), line.into());
        entry.insert("reason".to_owned(), self.scrubber.text(reason).into());
        match String::from_utf8(clean) {
            Ok(text) => entry.insert("raw".to_owned(), text.into()),
            Err(e) => entry.insert("raw_base64".to_owned(), BASE64.encode(e.as_bytes()).into()),
        };
        let mut line = serde_json::to_vec(&entry)?;
        line.push(b'\n');
        self.bytes += line.len();
        self.waiting.push(Entry { fingerprint, line });
        if self.bytes >= MOST_WAITING { self.flush() } else { Ok(()) }
    }

    /// Writes the entries that were added. If the file itself is being read, they are kept aside: it stays as it is until its end.
    pub(super) fn flush(&mut self) -> std::io::Result<()> {
        self.bytes = 0;
        let waiting = std::mem::take(&mut self.waiting);
        let count = waiting.len() as u64;
        match &mut self.own {
            Some(own) => own.remains.extend(waiting),
            None if waiting.is_empty() => {}
            None => append(&self.path, waiting, &mut self.seen, self.sharing)?,
        }
        self.kept += count;
        Ok(())
    }

    /// Returns how many of the added entries are in the file.
    pub(super) fn kept(&self) -> u64 {
        self.kept
    }

    /// Returns how many bytes of an input to read: of the rejects file itself only those in it now, since others go on
    /// appending to it.
    pub(super) fn limit_of(&self, input: &Path) -> Option<u64> {
        self.own.as_ref().filter(|own| id_of(input) == Some(own.id)).map(|own| own.upto)
    }

    /// Makes the file durable; if it was the input, what remains takes its place.
    pub(super) fn finish(&mut self) -> std::io::Result<()> {
        self.flush()?;
        self.own.take().map_or(Ok(()), |own| replace(&self.path, own, self.sharing))
    }

    /// Makes the file durable after only a part of the input was read: if it was the input, it stays as it is.
    pub(super) fn keep(&mut self) -> std::io::Result<()> {
        self.flush()?;
        // Entries from other inputs are nowhere else; a line that is already in the file is not added again.
        match self.own.take() {
            Some(own) if !own.remains.is_empty() => append(&self.path, own.remains, &mut self.seen, self.sharing),
            _ => Ok(()),
        }
    }
}

/// Appends entries in one write, under the lock, durably. Lines that are already there are left out.
fn append(path: &Path, entries: Vec<Entry>, seen: &mut Seen, sharing: Sharing) -> std::io::Result<()> {
    if is_device(path) {
        let mut file = OpenOptions::new().append(true).open(path)?;
        return entries.iter().try_for_each(|entry| file.write_all(&entry.line));
    }
    let file = locked(path, sharing)?;
    let found = file.metadata()?;
    let id = (found.dev(), found.ino());
    if seen.file != Some(id) || found.len() < seen.upto {
        *seen = Seen { file: Some(id), ..Seen::default() };
    }
    let mut text = Vec::new();
    if read_from(&file, seen)? == Some(false) {
        // A line that was cut off when a process died must not swallow the next one.
        text.push(b'\n');
    }
    for entry in entries {
        if seen.lines.insert(entry.fingerprint) {
            text.extend_from_slice(&entry.line);
        }
    }
    (&file).write_all(&text)?;
    file.sync_data()?;
    seen.upto = file.metadata()?.len();
    Ok(())
}

/// Replaces the file by what remains, with all that others appended to it since it was read. If another process has
/// already replaced it, what remains is appended to that one.
fn replace(path: &Path, own: Own, sharing: Sharing) -> std::io::Result<()> {
    let file = locked(path, sharing)?;
    let found = file.metadata()?;
    if (found.dev(), found.ino()) != own.id {
        drop(file);
        return append(path, own.remains, &mut Seen::default(), sharing);
    }
    let new = beside(path, ".new");
    // Only the holder of the lock makes this file: one that is there was left by a kill, or planted.
    match std::fs::remove_file(&new) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    let mut made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
    sharing.share(&made)?;
    let mut written = HashSet::new();
    let mut put = |entry: &Entry| if written.insert(entry.fingerprint) { made.write_all(&entry.line) } else { Ok(()) };
    own.remains.iter().try_for_each(&mut put)?;
    let mut tail = BufReader::new(&file);
    tail.seek(SeekFrom::Start(own.upto))?;
    for line in tail.split(b'\n') {
        let mut line = line?;
        if line.is_empty() {
            continue;
        }
        let fingerprint = fingerprint(&inner(&line).unwrap_or_else(|| line.clone()));
        line.push(b'\n');
        put(&Entry { fingerprint, line })?;
    }
    made.sync_all()?;
    std::fs::rename(&new, path)?;
    if let Some(directory) = path.parent().filter(|d| !d.as_os_str().is_empty()) {
        let _ = File::open(directory).and_then(|d| d.sync_all());
    }
    Ok(())
}

/// Opens the file, creates it if it isn't there, and locks it. A symbolic link is not followed.
fn locked(path: &Path, sharing: Sharing) -> std::io::Result<File> {
    loop {
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(true).mode(0o600).custom_flags(NO_FOLLOW);
        let file = options.open(path).map_err(|e| {
            let link = std::fs::symlink_metadata(path).is_ok_and(|found| found.is_symlink());
            if link { std::io::Error::other("it is a symbolic link: name the file that it leads to") } else { e }
        })?;
        file.lock()?;
        let found = file.metadata()?;
        if found.len() == 0 && found.uid() == rustix::process::geteuid().as_raw() {
            sharing.share(&file)?;
        }
        // A former holder of the lock may have put another file in its place.
        if id_of(path) == Some((found.dev(), found.ino())) {
            return Ok(file);
        }
    }
}

/// Reads on from the last position. Returns true if the file ends with a line end; `None` if it is empty.
fn read_from(mut file: &File, seen: &mut Seen) -> std::io::Result<Option<bool>> {
    file.seek(SeekFrom::Start(seen.upto))?;
    for line in BufReader::new(file).split(b'\n') {
        if let Some(raw) = inner(&line?) {
            seen.lines.insert(fingerprint(&raw));
        }
    }
    if file.metadata()?.len() == 0 {
        return Ok(None);
    }
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(Some(last == *b"\n"))
}

/// Returns true for a pipe, a terminal, or anything under /dev, where nobody plants a link: nothing can be read back or locked.
fn is_device(path: &Path) -> bool {
    let regular = std::fs::metadata(path).map_or(true, |found| found.is_file());
    !regular || path.starts_with("/dev") || path.starts_with("/proc/self/fd")
}

fn fingerprint(raw: &[u8]) -> Fingerprint {
    let mut first = [0; 16];
    first.copy_from_slice(&Sha::of(raw).0[..16]);
    first
}

fn inner(line: &[u8]) -> Option<Vec<u8>> {
    json::scan(line).ok().as_ref().and_then(unwrap)
}

/// Returns the line inside a reject, if this is one.
pub(super) fn unwrap(node: &Node<'_>) -> Option<Vec<u8>> {
    node.get("line")?;
    node.get("reason")?.text()?;
    if let Some(raw) = node.get("raw") {
        return Some(raw.text()?.into_owned().into_bytes());
    }
    BASE64.decode(node.get("raw_base64")?.text()?.as_bytes()).ok()
}

fn id_of(path: &Path) -> Option<FileId> {
    std::fs::metadata(path).map(|m| (m.dev(), m.ino())).ok()
}

pub(crate) fn same_file(a: &Path, b: &Path) -> bool {
    id_of(a).is_some_and(|found| Some(found) == id_of(b))
}
