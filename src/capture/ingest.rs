//! The ingest: read, tell apart, hash in one thread, write in the other; rejects aside. Killed at any instant and run
//! again, it ends with the same rows.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::binding::Binding;
use super::input::{Input, InputError, Line, total_size};
use super::rejects::{Rejects, unwrap};
use super::shapes::read_line;
use crate::domain::endpoint::{EndpointOrigin, is_upsert};
use crate::domain::json;
use crate::domain::write::BodyOrigin;
use crate::store::{IngestCache, Ingested, Prepared, Reply, Store, StoreError};

/// What to read, and how.
#[derive(Debug)]
pub struct IngestOptions {
    /// The files; `-` is stdin.
    pub inputs: Vec<PathBuf>,
    /// Where rejects go.
    pub rejects: PathBuf,
    /// The longest line, in bytes.
    pub max_line: usize,
    /// What every line is bound to.
    pub binding: Binding,
}

/// How an ingest went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Summary {
    /// Lines that were not blank.
    pub read: u64,
    /// New writes.
    pub inserted: u64,
    /// Writes that were known.
    pub repeated: u64,
    /// Lines that could not be taken in.
    pub rejected: u64,
    /// Of those taken in: failures whose endpoint had to be assumed, which are not sent.
    pub assumed: u64,
    /// Of those taken in: upserts whose body was put together again without a match key.
    pub unmatched: u64,
}

/// How far an ingest is.
#[derive(Debug, Clone, Copy)]
pub struct Progress {
    /// Bytes taken from the inputs, before decompression.
    pub bytes: u64,
    /// The inputs' size in bytes, where it is known.
    pub total: Option<u64>,
    /// So far.
    pub summary: Summary,
}

/// Why an ingest stopped early. What was committed stays; running it again goes on from there.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// An input can't be opened; nothing was read.
    #[error("{0}")]
    Open(InputError),
    /// An input can't be read to its end.
    #[error("{0}; what was read before is kept, run it again to go on")]
    Read(InputError),
    /// The rejects file can't be written.
    #[error("rejects file {path}: {why}; no reject was dropped, run it again to go on")]
    Rejects {
        /// The file.
        path: PathBuf,
        /// What the system said.
        why: std::io::Error,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A batch is committed at this many writes, or at this many bytes of bodies.
const BATCH: usize = 2000;
const BATCH_BYTES: usize = 4 << 20;
/// Batches on their way to the writer.
const IN_FLIGHT: usize = 2;

/// Takes the inputs in. `stop` ends it after the line in hand; `watch` is called now and then.
pub fn ingest(
    store: &Store,
    options: &IngestOptions,
    stop: &AtomicBool,
    watch: &mut dyn FnMut(Progress),
) -> Result<Summary, IngestError> {
    let position = Arc::new(AtomicU64::new(0));
    let total = total_size(&options.inputs);
    // All inputs are opened first: a wrong name is told before anything is done.
    let inputs = options
        .inputs
        .iter()
        .map(|path| Input::open(path, &position))
        .collect::<Result<Vec<_>, _>>()
        .map_err(IngestError::Open)?;
    let mut session = Session {
        store,
        options,
        cache: IngestCache::default(),
        rejects: Rejects::new(&options.rejects, &options.inputs),
        batch: Vec::new(),
        batch_bytes: 0,
        in_flight: VecDeque::new(),
        summary: Summary::default(),
    };
    let mut result = Ok(());
    'inputs: for mut input in inputs {
        loop {
            if stop.load(Ordering::Relaxed) {
                break 'inputs;
            }
            match input.next_line() {
                Ok(Some(line)) => {
                    session.take(&line)?;
                    if session.summary.read.is_multiple_of(256) {
                        watch(Progress { bytes: position.load(Ordering::Relaxed), total, summary: session.summary });
                    }
                }
                Ok(None) => break,
                Err(error) => {
                    // What came before the break is kept.
                    result = Err(IngestError::Read(error));
                    break 'inputs;
                }
            }
        }
    }
    let stopped = stop.load(Ordering::Relaxed) || result.is_err();
    session.finish(stopped)?;
    watch(Progress { bytes: position.load(Ordering::Relaxed), total, summary: session.summary });
    result.map(|()| session.summary)
}

struct Session<'a> {
    store: &'a Store,
    options: &'a IngestOptions,
    cache: IngestCache,
    rejects: Rejects,
    batch: Vec<Prepared>,
    batch_bytes: usize,
    in_flight: VecDeque<Reply<Ingested>>,
    summary: Summary,
}

impl Session<'_> {
    fn take(&mut self, line: &Line) -> Result<(), IngestError> {
        if line.bytes.iter().all(u8::is_ascii_whitespace) && line.len == line.bytes.len() as u64 {
            return Ok(());
        }
        self.summary.read += 1;
        let inner = inside_reject(&line.bytes);
        let raw = inner.as_deref().unwrap_or(&line.bytes);
        let len = if inner.is_some() { raw.len() as u64 } else { line.len };
        if len > self.options.max_line as u64 {
            let cut = if len > raw.len() as u64 {
                format!("; its first {} bytes are kept here", raw.len())
            } else {
                String::new()
            };
            let reason = format!("the line has {len} bytes, the limit is {} (--max-line){cut}", self.options.max_line);
            return self.reject(line.number, &reason, raw);
        }
        match read_line(raw, &self.options.binding) {
            Ok(captured) => {
                self.summary.assumed += u64::from(captured.endpoint_origin == EndpointOrigin::Assumed);
                let unmatched = captured.body_origin == BodyOrigin::Rebuilt
                    && is_upsert(captured.path.operation())
                    && captured.lanes.is_empty();
                self.summary.unmatched += u64::from(unmatched);
                self.batch_bytes += captured.body.len() + 1024;
                self.batch.push(Prepared::new(captured));
                if self.batch.len() >= BATCH || self.batch_bytes >= BATCH_BYTES {
                    self.send_batch()?;
                }
                Ok(())
            }
            Err(reason) => self.reject(line.number, &reason, raw),
        }
    }

    fn reject(&mut self, line: u64, reason: &str, raw: &[u8]) -> Result<(), IngestError> {
        self.summary.rejected += 1;
        self.rejects.add(line, reason, raw).map_err(|why| self.rejects_failed(why))
    }

    fn rejects_failed(&self, why: std::io::Error) -> IngestError {
        IngestError::Rejects { path: self.options.rejects.clone(), why }
    }

    fn send_batch(&mut self) -> Result<(), IngestError> {
        self.batch_bytes = 0;
        let batch = std::mem::take(&mut self.batch);
        if !batch.is_empty() {
            self.in_flight.push_back(self.store.ingest(batch, &self.cache));
        }
        self.rejects.flush().map_err(|why| self.rejects_failed(why))?;
        while self.in_flight.len() > IN_FLIGHT {
            self.settle_oldest()?;
        }
        Ok(())
    }

    fn settle_oldest(&mut self) -> Result<(), IngestError> {
        if let Some(reply) = self.in_flight.pop_front() {
            let done = reply.wait()?;
            self.summary.inserted += done.inserted;
            self.summary.repeated += done.repeated;
        }
        Ok(())
    }

    /// `stopped`: not everything was read, so a rejects file that is being read must stay.
    fn finish(&mut self, stopped: bool) -> Result<(), IngestError> {
        self.send_batch()?;
        while !self.in_flight.is_empty() {
            self.settle_oldest()?;
        }
        let rejects = std::mem::replace(&mut self.rejects, Rejects::new(&self.options.rejects, &[]));
        let done = if stopped { rejects.keep() } else { rejects.finish() };
        done.map_err(|why| self.rejects_failed(why))
    }
}

/// The line inside a reject that is ingested again. Looked for only where a line begins like one: a failure would be
/// scanned twice otherwise.
fn inside_reject(line: &[u8]) -> Option<Vec<u8>> {
    if !line.trim_ascii_start().starts_with(b"{\"line\"") {
        return None;
    }
    json::scan(line).ok().as_ref().and_then(unwrap)
}
