//! A file under way: it is read in whole lines, and known again by its content.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use crate::capture::input::{decoded, is_packed};
use crate::domain::file_place::{FilePlace, KNOWN_BY};
use crate::domain::identity::Sha;

/// An opened file, and how far it was read.
#[derive(Debug, Clone)]
pub(super) struct Reading {
    file: Arc<File>,
    /// Device and inode.
    pub(super) id: (u64, u64),
    /// Bytes read, in whole lines.
    pub(super) offset: u64,
    /// Lines read.
    pub(super) lines: u64,
    /// The size up to which no line end was found after `offset`.
    searched: u64,
    /// The bytes at its beginning, by which it is known again.
    head: Vec<u8>,
    /// The bytes before `offset`, by which a file that was truncated and has grown again is told.
    before: Vec<u8>,
}

impl Reading {
    /// Opens a file at its beginning.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let metadata = file.metadata()?;
        if metadata.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        let id = (metadata.dev(), metadata.ino());
        Ok(Self { file: Arc::new(file), id, offset: 0, lines: 0, searched: 0, head: Vec::new(), before: Vec::new() })
    }

    /// Goes to a place, if this is the file that the place is in: its content before the place is the same.
    pub(super) fn at(mut self, place: &FilePlace) -> io::Result<Option<Self>> {
        if self.size()? < place.offset || place.offset == 0 && self.id != (place.dev, place.ino) {
            return Ok(None);
        }
        let head = self.bytes(0, place.offset.min(KNOWN_BY))?;
        let before = self.bytes_before(place.offset)?;
        if Sha::of(&head) != place.head || Sha::of(&before) != place.tail {
            return Ok(None);
        }
        (self.offset, self.lines, self.searched) = (place.offset, place.lines, place.offset);
        (self.head, self.before) = (head, before);
        Ok(Some(self))
    }

    /// Returns its place, by what is remembered of it: the file may have been truncated since.
    pub(super) fn place(&self, path: &Path) -> FilePlace {
        FilePlace {
            path: path.to_string_lossy().into_owned(),
            dev: self.id.0,
            ino: self.id.1,
            offset: self.offset,
            lines: self.lines,
            head: Sha::of(&self.head),
            tail: Sha::of(&self.before),
        }
    }

    /// Returns the size that was seen last, in bytes.
    pub(super) fn seen(&self) -> u64 {
        self.searched.max(self.offset)
    }

    /// Returns the time when it was last written to.
    pub(super) fn written(&self) -> io::Result<SystemTime> {
        self.file.metadata()?.modified()
    }

    /// Returns a reader of all of it, unpacked.
    pub(super) fn whole(&self) -> io::Result<Box<dyn io::Read + Send>> {
        decoded(FromOffset { file: Arc::clone(&self.file), offset: 0 })
    }

    /// Returns true if it is packed.
    pub(super) fn is_packed(&self) -> io::Result<bool> {
        Ok(is_packed(&self.bytes(0, 4)?))
    }

    /// Goes to an offset that is known to be in this file.
    pub(super) fn go_to(&mut self, offset: u64, lines: u64) -> io::Result<()> {
        (self.offset, self.lines, self.searched) = (offset, lines, offset);
        self.remember()
    }

    /// Returns its size in bytes.
    pub(super) fn size(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.size())
    }

    /// Returns true if it is no longer the file that was read so far: it is shorter, or what was read has changed.
    pub(super) fn was_truncated(&self) -> io::Result<bool> {
        Ok(self.size()? < self.offset || self.bytes_before(self.offset)? != self.before)
    }

    /// Returns the end of the last whole line, if there are any that were not read. `is_last`: nothing more comes, so that a
    /// line without an end is whole.
    pub(super) fn whole_lines(&mut self, is_last: bool) -> io::Result<Option<u64>> {
        let size = self.size()?;
        if is_last {
            return Ok(Some(size).filter(|size| *size > self.offset));
        }
        let from = self.searched.max(self.offset);
        let mut end = size;
        while end > from {
            let begin = end.saturating_sub(64 << 10).max(from);
            let chunk = self.bytes(begin, end - begin)?;
            if let Some(found) = memchr::memrchr(b'\n', &chunk) {
                return Ok(Some(begin + found as u64 + 1));
            }
            end = begin;
        }
        self.searched = size;
        Ok(None)
    }

    /// Returns a reader of the bytes from its offset on, up to `end`.
    pub(super) fn upto(&self, end: u64) -> impl io::Read + Send + use<> {
        FromOffset { file: Arc::clone(&self.file), offset: self.offset }.take(end - self.offset)
    }

    /// Goes on by so many bytes and lines that were read.
    pub(super) fn advance(&mut self, bytes: u64, lines: u64) -> io::Result<()> {
        self.offset += bytes;
        self.lines += lines;
        self.remember()
    }

    fn remember(&mut self) -> io::Result<()> {
        let known = self.offset.min(KNOWN_BY);
        if (self.head.len() as u64) < known {
            self.head = self.bytes(0, known)?;
        }
        self.before = self.bytes_before(self.offset)?;
        Ok(())
    }

    fn bytes_before(&self, offset: u64) -> io::Result<Vec<u8>> {
        let count = offset.min(KNOWN_BY);
        self.bytes(offset - count, count)
    }

    /// Returns bytes of the file; fewer at its end.
    fn bytes(&self, from: u64, count: u64) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; usize::try_from(count).map_err(io::Error::other)?];
        let mut filled = 0;
        while filled < bytes.len() {
            match self.file.read_at(&mut bytes[filled..], from + filled as u64) {
                Ok(0) => break,
                Ok(n) => filled += n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        bytes.truncate(filled);
        Ok(bytes)
    }
}

/// A reader of a file from an offset on, whatever others read of it.
struct FromOffset {
    file: Arc<File>,
    offset: u64,
}

impl io::Read for FromOffset {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.file.read_at(buffer, self.offset)?;
        self.offset += n as u64;
        Ok(n)
    }
}
