//! Input: files or stdin, plain, gzip or zstd (told apart by their first bytes), read line by line in constant memory.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The longest line that is read as a failure, in bytes, unless `--max-line` says otherwise.
pub const DEFAULT_MAX_LINE: usize = 16 << 20;
/// A line that is too long is kept whole in the rejects up to this many bytes; of a longer one, the start.
const KEPT_WHOLE: usize = 32 << 20;
const KEPT_START: usize = 64 << 10;

/// Why an input can't be read on.
#[derive(Debug, thiserror::Error)]
#[error("{name}: {why}")]
pub struct InputError {
    /// The file, or `stdin`.
    name: String,
    /// What the system said.
    why: io::Error,
}

/// One line of input.
#[derive(Debug)]
pub(super) struct Line {
    /// Its number in its file, from 1.
    pub(super) number: u64,
    /// Its bytes without the line end; the start of it if it was longer than could be kept.
    pub(super) bytes: Vec<u8>,
    /// Its length in bytes.
    pub(super) len: u64,
}

/// An opened input.
pub(super) struct Input {
    name: String,
    reader: Box<dyn BufRead>,
    number: u64,
}

impl Input {
    /// Opens a file, or stdin for `-`. `position` counts the bytes that were taken from it, before decompression.
    pub(super) fn open(path: &Path, position: &Arc<AtomicU64>) -> Result<Self, InputError> {
        let stdin = path == Path::new("-");
        let name = if stdin { "stdin".to_owned() } else { path.display().to_string() };
        let at = |why| InputError { name: name.clone(), why };
        let raw: Box<dyn Read> = if stdin {
            Box::new(io::stdin())
        } else {
            let file = File::open(path).map_err(at)?;
            if file.metadata().map_err(at)?.is_dir() {
                return Err(at(io::Error::from(io::ErrorKind::IsADirectory)));
            }
            Box::new(file)
        };
        let mut counted = Counted { inner: raw, position: Arc::clone(position) };
        let magic = first_bytes(&mut counted).map_err(at)?;
        let zipped = (magic.starts_with(&[0x1f, 0x8b]), magic.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]));
        let counted = BufReader::with_capacity(256 << 10, io::Cursor::new(magic).chain(counted));
        let reader: Box<dyn BufRead> = match zipped {
            (true, _) => Box::new(BufReader::with_capacity(256 << 10, flate2::bufread::MultiGzDecoder::new(counted))),
            (_, true) => {
                let decoder = zstd::stream::read::Decoder::with_buffer(counted).map_err(at)?;
                Box::new(BufReader::with_capacity(256 << 10, decoder))
            }
            _ => Box::new(counted),
        };
        Ok(Self { name, reader, number: 0 })
    }

    /// The next line; `None` at the end.
    pub(super) fn next_line(&mut self) -> Result<Option<Line>, InputError> {
        let mut bytes = Vec::new();
        let mut len = 0u64;
        let mut cut = false;
        loop {
            let chunk = match self.reader.fill_buf() {
                Ok(chunk) => chunk,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(why) => {
                    let why = io::Error::new(why.kind(), format!("broke off after line {}: {why}", self.number));
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
            self.reader.consume(used);
            if end.is_some() {
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

/// The first four bytes, or as many as there are: a pipe may give them one by one.
fn first_bytes(reader: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut first = Vec::with_capacity(4);
    reader.take(4).read_to_end(&mut first)?;
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

/// The sizes of the files, for a progress bar; `None` as soon as one has none (stdin, a pipe).
pub(super) fn total_size(paths: &[PathBuf]) -> Option<u64> {
    paths.iter().try_fold(0, |sum, path| {
        let metadata = std::fs::metadata(path).ok().filter(std::fs::Metadata::is_file)?;
        Some(sum + metadata.len())
    })
}
