//! Input: files or stdin, plain, gzip or zstd (told apart by their first bytes), read line by line in constant memory.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};

use super::file_notice::FileNotice;
use crate::domain::file_place::FilePlace;

/// Longest line that is read as a failure, in bytes, unless `--max-line` says otherwise.
pub const DEFAULT_MAX_LINE: usize = 16 << 20;
/// A line that is too long is kept whole in the rejects up to this many bytes; of a longer one, only the start.
const KEPT_WHOLE: usize = 32 << 20;
const KEPT_START: usize = 64 << 10;

/// The reason why reading an input failed.
#[derive(Debug, thiserror::Error)]
#[error("{name}: {why}")]
pub struct InputError {
    /// The file, or `stdin`.
    pub(super) name: String,
    /// The system's error.
    pub(super) why: io::Error,
}

/// One line of input.
#[derive(Debug)]
pub(super) struct Line {
    /// Its number in its file, from 1.
    pub(super) number: u64,
    /// Its bytes without the line end; only the start if it was too long to keep.
    pub(super) bytes: Vec<u8>,
    /// Its length in bytes.
    pub(super) len: u64,
}

/// An opened input.
pub(super) struct Input {
    name: String,
    source: Source,
    number: u64,
    /// Bytes of lines that were read, their ends included.
    consumed: u64,
}

enum Source {
    /// Nothing was read yet: a pipe may still be empty.
    Unread(Counted<io::Take<Box<dyn Read + Send>>>),
    Read(BufReader<Box<dyn Read + Send>>),
}

const BUFFER: usize = 256 << 10;

impl Input {
    /// Opens a file, or stdin for `-`; nothing is read yet. `position` counts the bytes taken from it, before
    /// decompression; at most `limit` of them are read.
    pub(super) fn open(path: &Path, limit: Option<u64>, position: &Arc<AtomicU64>) -> Result<Self, InputError> {
        let stdin = path == Path::new("-");
        let name = if stdin { "stdin".to_owned() } else { path.display().to_string() };
        let at = |why| InputError { name: name.clone(), why };
        let raw: Box<dyn Read + Send> = if stdin {
            Box::new(io::stdin())
        } else {
            let file = File::open(path).map_err(at)?;
            if file.metadata().map_err(at)?.is_dir() {
                return Err(at(io::Error::from(io::ErrorKind::IsADirectory)));
            }
            Box::new(file)
        };
        let raw = Counted { inner: raw.take(limit.unwrap_or(u64::MAX)), position: Arc::clone(position) };
        Ok(Self { name, source: Source::Unread(raw), number: 0, consumed: 0 })
    }

    /// Reads the lines of a part of a file, after `number` lines before it.
    pub(super) fn of(path: &Path, part: Box<dyn Read + Send>, number: u64) -> Self {
        let source = Source::Read(BufReader::with_capacity(BUFFER, part));
        Self { name: path.display().to_string(), source, number, consumed: 0 }
    }

    /// Returns the number of bytes of the lines that were read since it was last asked.
    pub(super) fn take_consumed(&mut self) -> u64 {
        std::mem::take(&mut self.consumed)
    }

    /// Reads at least one line, and all others that are there without waiting; `None` at the end.
    pub(super) fn next_lines(&mut self) -> Result<Option<Vec<Line>>, InputError> {
        let mut lines = Vec::new();
        while lines.is_empty() || self.has_line() {
            match self.next_line()? {
                Some(line) => lines.push(line),
                None => break,
            }
        }
        Ok(Some(lines).filter(|lines| !lines.is_empty()))
    }

    /// Returns true if a whole line is already buffered.
    fn has_line(&self) -> bool {
        match &self.source {
            Source::Read(reader) => memchr::memchr(b'\n', reader.buffer()).is_some(),
            Source::Unread(_) => false,
        }
    }

    /// Returns the reader, once the first bytes have told what it has to decode.
    fn reader(&mut self) -> io::Result<&mut BufReader<Box<dyn Read + Send>>> {
        if let Source::Unread(raw) = &mut self.source {
            let empty =
                Counted { inner: (Box::new(io::empty()) as Box<dyn Read + Send>).take(0), position: Arc::default() };
            let decoded = decoded(std::mem::replace(raw, empty))?;
            self.source = Source::Read(BufReader::with_capacity(BUFFER, decoded));
        }
        match &mut self.source {
            Source::Read(reader) => Ok(reader),
            Source::Unread(_) => Err(io::Error::other("not opened")),
        }
    }

    /// Reads the next line; `None` at the end.
    fn next_line(&mut self) -> Result<Option<Line>, InputError> {
        let mut bytes = Vec::new();
        let mut len = 0u64;
        let mut cut = false;
        loop {
            let number = self.number;
            let filled = self.reader().and_then(|reader| reader.fill_buf());
            let chunk = match filled {
                Ok(chunk) => chunk,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(why) => {
                    let why = io::Error::new(why.kind(), format!("broke off after line {number}: {why}"));
                    return Err(InputError { name: self.name.clone(), why });
                }
            };
            if chunk.is_empty() {
                if len == 0 {
                    return Ok(None);
                }
                break;
            }
            let end = memchr::memchr(b'\n', chunk);
            let part = &chunk[..end.unwrap_or(chunk.len())];
            len += part.len() as u64;
            if !cut {
                bytes.extend_from_slice(part);
                if bytes.len() > KEPT_WHOLE {
                    bytes.truncate(KEPT_START);
                    bytes.shrink_to_fit();
                    cut = true;
                }
            }
            let used = part.len() + usize::from(end.is_some());
            let ended = end.is_some();
            if let Source::Read(reader) = &mut self.source {
                reader.consume(used);
            }
            self.consumed += used as u64;
            if ended {
                break;
            }
        }
        self.number += 1;
        if bytes.last() == Some(&b'\r') && !cut {
            bytes.pop();
            len -= 1;
        }
        if self.number == 1 && bytes.starts_with(b"\xef\xbb\xbf") {
            bytes.drain(..3);
            len -= 3;
        }
        Ok(Some(Line { number: self.number, bytes, len }))
    }
}

/// Lines that were read together.
pub(super) struct Bunch {
    pub(super) lines: Vec<Line>,
    /// The index of the file that they are from, among those that are followed; 0 for others.
    pub(super) file: usize,
    /// The place after them, in a file that is followed.
    pub(super) place: Option<FilePlace>,
    /// Something that has to be said of the file.
    pub(super) said: Option<FileNotice>,
}

/// Bunches of lines on their way from the thread that reads.
pub(super) const BUNCHES: usize = 8;

/// Reads in a thread of its own, which ends with its inputs, or after the current line once `stop` is set.
pub(super) fn read_ahead(inputs: Vec<Input>, stop: Arc<AtomicBool>) -> Receiver<Result<Bunch, InputError>> {
    let (sender, receiver) = sync_channel(BUNCHES);
    std::thread::spawn(move || {
        for mut input in inputs {
            loop {
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                let bunch = match input.next_lines() {
                    Ok(Some(lines)) => Ok(Bunch { lines, file: 0, place: None, said: None }),
                    Ok(None) => break,
                    Err(error) => Err(error),
                };
                let broke = bunch.is_err();
                if sender.send(bunch).is_err() || broke {
                    return;
                }
            }
        }
    });
    receiver
}

/// Returns a reader of what is in packed bytes, or of the bytes themselves.
pub(super) fn decoded(mut raw: impl Read + Send + 'static) -> io::Result<Box<dyn Read + Send>> {
    let magic = first_bytes(&mut raw)?;
    let (is_gzip, is_zstd) = (magic.starts_with(&GZIP), magic.starts_with(&ZSTD));
    let raw = io::Cursor::new(magic).chain(raw);
    Ok(match (is_gzip, is_zstd) {
        (true, _) => Box::new(flate2::bufread::MultiGzDecoder::new(BufReader::with_capacity(BUFFER, raw))),
        (_, true) => Box::new(zstd::stream::read::Decoder::with_buffer(BufReader::with_capacity(BUFFER, raw))?),
        _ => Box::new(raw),
    })
}

/// The first bytes of packed files.
const GZIP: [u8; 2] = [0x1f, 0x8b];
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// Returns true if the first bytes of a file say that it is packed.
pub(super) fn is_packed(first: &[u8]) -> bool {
    first.starts_with(&GZIP) || first.starts_with(&ZSTD)
}

/// Reads the first bytes: as many as it takes to tell the format. A pipe may deliver them one by one, and after the first
/// there may be no more for a long time.
fn first_bytes(reader: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut first = Vec::with_capacity(4);
    reader.by_ref().take(1).read_to_end(&mut first)?;
    if matches!(first.first(), Some(0x1f | 0x28)) {
        reader.take(3).read_to_end(&mut first)?;
    }
    Ok(first)
}

struct Counted<R> {
    inner: R,
    position: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buffer)?;
        self.position.fetch_add(n as u64, Ordering::Relaxed);
        Ok(n)
    }
}

/// Returns the size of all files together, for a progress bar; `None` as soon as one has none (stdin, a pipe).
pub(super) fn total_size(paths: &[PathBuf]) -> Option<u64> {
    paths.iter().try_fold(0, |sum, path| {
        let metadata = std::fs::metadata(path).ok().filter(std::fs::Metadata::is_file)?;
        Some(sum + metadata.len())
    })
}
