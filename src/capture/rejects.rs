//! The rejects file: what could not be taken in, with the reason, kept for whoever mends it. The same line once.

use std::collections::HashSet;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::domain::identity::Sha;
use crate::domain::json::{self, Node};
use crate::domain::secrets::scrub_line;

/// Where rejects go. The file is opened when the first one comes.
pub(super) struct Rejects {
    path: PathBuf,
    /// Set when the input is this very file: what remains is written beside it and takes its place at the end.
    replacement: Option<PathBuf>,
    open: Option<Open>,
}

struct Open {
    file: BufWriter<File>,
    /// 16 bytes for each line that is in the file.
    seen: HashSet<[u8; 16]>,
}

impl Rejects {
    pub(super) fn new(path: &Path, inputs: &[PathBuf]) -> Self {
        let same = inputs.iter().any(|input| same_file(input, path));
        let replacement = same.then(|| {
            let mut name = path.as_os_str().to_owned();
            name.push(".new");
            PathBuf::from(name)
        });
        Self { path: path.to_owned(), replacement, open: None }
    }

    /// Adds a reject, without its secrets, unless the same line is there already.
    pub(super) fn add(&mut self, line: u64, reason: &str, raw: &[u8]) -> std::io::Result<()> {
        let clean = scrub_line(raw);
        let open = self.opened()?;
        if !open.seen.insert(fingerprint(&clean)) {
            return Ok(());
        }
        let mut entry = serde_json::Map::new();
        entry.insert("line".to_owned(), line.into());
        entry.insert("reason".to_owned(), reason.into());
        match String::from_utf8(clean) {
            Ok(text) => entry.insert("raw".to_owned(), text.into()),
            Err(e) => entry.insert("raw_base64".to_owned(), BASE64.encode(e.as_bytes()).into()),
        };
        serde_json::to_writer(&mut open.file, &entry)?;
        open.file.write_all(b"\n")
    }

    /// Hands what was added to the system.
    pub(super) fn flush(&mut self) -> std::io::Result<()> {
        self.open.as_mut().map_or(Ok(()), |open| open.file.flush())
    }

    /// Makes it durable; when the input was this file, what remains takes its place.
    pub(super) fn finish(mut self) -> std::io::Result<()> {
        if self.replacement.is_some() {
            self.opened()?;
        }
        let Some(mut open) = self.open.take() else { return Ok(()) };
        open.file.flush()?;
        sync(open.file.get_ref())?;
        if let Some(replacement) = &self.replacement {
            std::fs::rename(replacement, &self.path)?;
            if let Some(directory) = self.path.parent().filter(|d| !d.as_os_str().is_empty()) {
                let _ = File::open(directory).and_then(|d| d.sync_all());
            }
        }
        Ok(())
    }

    /// Makes it durable after only a part of the input was read: a file that is being read stays as it is.
    pub(super) fn keep(mut self) -> std::io::Result<()> {
        let Some(mut open) = self.open.take() else { return Ok(()) };
        open.file.flush()?;
        sync(open.file.get_ref())?;
        self.replacement.as_ref().map_or(Ok(()), std::fs::remove_file)
    }

    fn opened(&mut self) -> std::io::Result<&mut Open> {
        if self.open.is_none() {
            let path = self.replacement.as_ref().unwrap_or(&self.path);
            self.open = Some(open(path, self.replacement.is_some())?);
        }
        self.open.as_mut().ok_or_else(|| std::io::Error::other("the rejects file is not open"))
    }
}

fn open(path: &Path, afresh: bool) -> std::io::Result<Open> {
    let regular = std::fs::metadata(path).map_or(true, |m| m.is_file());
    if !regular {
        // A pipe or a device: there is nothing to read back.
        let file = OpenOptions::new().write(true).open(path)?;
        return Ok(Open { file: BufWriter::new(file), seen: HashSet::new() });
    }
    let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(afresh).mode(0o600).open(path)?;
    let mut seen = HashSet::new();
    for line in BufReader::new(&file).split(b'\n') {
        let line = line?;
        if let Some(raw) = json::scan(&line).ok().as_ref().and_then(unwrap) {
            seen.insert(fingerprint(&raw));
        }
    }
    let len = file.seek(SeekFrom::End(0))?;
    if len > 0 {
        // A line that was cut off when a process died must not swallow the next one.
        let mut last = [0];
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut last)?;
        if last != *b"\n" {
            file.write_all(b"\n")?;
        }
    }
    Ok(Open { file: BufWriter::new(file), seen })
}

/// Makes a file durable; a pipe or device has nothing to sync.
fn sync(file: &File) -> std::io::Result<()> {
    if file.metadata()?.is_file() { file.sync_all() } else { Ok(()) }
}

fn fingerprint(raw: &[u8]) -> [u8; 16] {
    let mut first = [0; 16];
    first.copy_from_slice(&Sha::of(raw).0[..16]);
    first
}

/// The line inside a reject, if this is one.
pub(super) fn unwrap(node: &Node<'_>) -> Option<Vec<u8>> {
    node.get("line")?;
    node.get("reason")?.text()?;
    if let Some(raw) = node.get("raw") {
        return Some(raw.text()?.into_owned().into_bytes());
    }
    BASE64.decode(node.get("raw_base64")?.text()?.as_bytes()).ok()
}

pub(crate) fn same_file(a: &Path, b: &Path) -> bool {
    let id = |path: &Path| std::fs::metadata(path).map(|m| (m.dev(), m.ino())).ok();
    id(a).is_some_and(|found| Some(found) == id(b))
}
