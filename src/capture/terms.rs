//! The terms of an ingest: what it reads and how, what it counts, and how it may end.

use std::path::{Path, PathBuf};

use super::binding::Binding;
use super::file_notice::FileNotice;
use super::input::InputError;
use crate::domain::ids::IntakeId;
use crate::domain::run::Operator;
use crate::jq::FilterError;
use crate::store::{Accepted, Ingested, Sharing, StoreError, room_in_words, why_denied};

/// The inputs of an ingest, and how to read them.
#[derive(Debug)]
pub struct IngestOptions {
    /// The files; `-` is stdin.
    pub inputs: Vec<PathBuf>,
    /// The path of the rejects file.
    pub rejects: PathBuf,
    /// The users of the rejects file.
    pub sharing: Sharing,
    /// The longest line, in bytes.
    pub max_line: usize,
    /// True if lines that are no JSON objects are counted and left out, rather than rejected.
    pub ignores_other: bool,
    /// The binding of every line.
    pub binding: Binding,
    /// The operator who ingests.
    pub operator: Operator,
    /// The lines that are read.
    pub kind: LineKind,
    /// True if the inputs are files that grow, and are read until the ingest is stopped.
    pub follows: bool,
}

/// The kinds of lines that an ingest reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineKind {
    /// Failed writes.
    Failures,
    /// Writes that the API accepted.
    Accepted,
}

/// The result of an ingest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Summary {
    /// The intake's number; `None` if nothing was to be taken in.
    pub intake: Option<IntakeId>,
    /// Lines that were not blank.
    pub read: u64,
    /// New writes.
    pub inserted: u64,
    /// Writes that were already known.
    pub repeated: u64,
    /// Lines that were rejected.
    pub rejected: u64,
    /// Lines on writes that the API accepted, which are no failures.
    pub accepted: u64,
    /// Of an ingest of accepted writes: those that settled a write.
    pub settled: u64,
    /// Of an ingest of accepted writes: those that were kept, and settled nothing.
    pub stored: u64,
    /// Of an ingest of accepted writes: those that may be of several waiting writes.
    pub several: u64,
    /// Lines that are no JSON object, where those are to be left out.
    pub other: u64,
    /// Of the rejected lines: those that the rejects file could not take.
    pub unkept: u64,
    /// Of those ingested: failures whose endpoint had to be assumed, which are not sent.
    pub assumed: u64,
    /// Of those ingested: failures that their producer dates later than now.
    pub from_the_future: u64,
    /// Lines of an export that call a write settled which is open here.
    pub open_here: u64,
    /// Of those ingested: new writes whose key a write of an earlier intake has, with another path or body.
    pub elsewhere: u64,
    /// The earliest of those intakes.
    pub elsewhere_in: Option<IntakeId>,
    /// Of those ingested: upserts whose body was rebuilt without a match key.
    pub unmatched: u64,
}

impl Summary {
    pub(super) fn add(&mut self, done: &Ingested) {
        self.inserted += done.inserted;
        self.repeated += done.repeated;
        self.open_here += done.open_here.len() as u64;
        self.elsewhere += done.elsewhere;
        self.elsewhere_in = [self.elsewhere_in, done.elsewhere_in].into_iter().flatten().min();
    }

    pub(super) fn add_accepted(&mut self, done: Accepted) {
        self.settled += done.settled;
        self.stored += done.stored;
        self.several += done.several;
        self.repeated += done.repeated;
    }

    /// Returns the number of lines by what became of them.
    pub(super) fn total(&self) -> u64 {
        let failures = self.inserted + self.accepted;
        let successes = self.settled + self.stored + self.several;
        failures + successes + self.repeated + self.rejected + self.other
    }
}

/// The progress of an ingest.
#[derive(Debug, Clone)]
pub struct Progress {
    /// Bytes taken from the inputs, before decompression.
    pub bytes: u64,
    /// The inputs' size in bytes, if it is known.
    pub total: Option<u64>,
    /// The result so far.
    pub summary: Summary,
    /// Something that has to be said now of a file that is followed.
    pub said: Option<FileNotice>,
}

/// The reason why an ingest stopped early. Committed lines stay; running it again continues from there.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// An input can't be opened; nothing was read.
    #[error("{0}")]
    Open(InputError),
    /// An input can't be read to its end.
    #[error("{0}; what was read before is kept, run it again to go on")]
    Read(InputError),
    /// The rejects file can't be written. All other lines are in.
    #[error(
        "rejects file {path}: {why}{}; {unkept} rejected lines were not kept, all others are in: run it again with a --rejects FILE that can be written",
        full(path, why)
    )]
    Rejects {
        /// The file.
        path: PathBuf,
        /// The system's error.
        why: std::io::Error,
        /// Number of rejected lines that are in no file.
        unkept: u64,
    },
    /// The map can't be run any more.
    #[error("--map can't go on; what was read before is kept, run it again to go on")]
    Map(#[from] FilterError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Describes the full disk, or whose the file is, if that is the cause.
fn full(path: &Path, why: &std::io::Error) -> String {
    let full = why.kind() == std::io::ErrorKind::StorageFull && path.is_file();
    if full { format!(": the disk is full{}", room_in_words(path)) } else { why_denied(path, why) }
}
