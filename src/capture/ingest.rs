//! The ingest: one thread reads lines, one recognises and hashes them, and the store writes; rejects go aside. Killed at
//! any instant and run again, it ends with the same rows.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

use super::binding::Binding;
use super::input::{Input, InputError, Line, total_size};
use super::rejects::{Rejects, unwrap};
use super::shapes::{Recognised, read_line};
use super::survey::Survey;
use super::wrapped::{Inside, Part, Unwrapper};
use crate::domain::body::BodyOrigin;
use crate::domain::endpoint::{EndpointOrigin, is_upsert};
use crate::domain::json;
use crate::store::{Incoming, Ingested, Intake, RefusedLine, Reply, Store, StoreError, room_in_words};

/// The inputs of an ingest, and how to read them.
#[derive(Debug)]
pub struct IngestOptions {
    /// The files; `-` is stdin.
    pub inputs: Vec<PathBuf>,
    /// The path of the rejects file.
    pub rejects: PathBuf,
    /// The longest line, in bytes.
    pub max_line: usize,
    /// True if lines that are no JSON objects are counted and left out, rather than rejected.
    pub ignores_other: bool,
    /// The binding of every line.
    pub binding: Binding,
}

/// The result of an ingest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Summary {
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
    /// Of those ingested: upserts whose body was rebuilt without a match key.
    pub unmatched: u64,
}

/// The progress of an ingest.
#[derive(Debug, Clone, Copy)]
pub struct Progress {
    /// Bytes taken from the inputs, before decompression.
    pub bytes: u64,
    /// The inputs' size in bytes, if it is known.
    pub total: Option<u64>,
    /// The result so far.
    pub summary: Summary,
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
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Describes the full disk, if that is the cause.
fn full(path: &Path, why: &std::io::Error) -> String {
    let full = why.kind() == std::io::ErrorKind::StorageFull && path.is_file();
    if full { format!(": the disk is full{}", room_in_words(path)) } else { String::new() }
}

/// A batch is committed at this many writes, or at this many bytes of bodies.
const BATCH: usize = 2000;
const BATCH_BYTES: usize = 4 << 20;
/// Batches on their way to the writer.
const IN_FLIGHT: usize = 2;

/// Lines that were read are committed after this time, even while more may come.
const COMMIT_AFTER: Duration = Duration::from_millis(500);
/// Bunches of lines on their way from the thread that reads.
const BUNCHES: usize = 8;
/// The interval at which a stop is looked for while nothing comes.
const LOOK: Duration = Duration::from_millis(50);

/// Ingests the inputs. Once `stop` is set, lines that were read are ingested and committed, and no more are read. `watch` is
/// called now and then.
pub fn ingest(
    store: &Arc<dyn Store>,
    options: &IngestOptions,
    stop: &Arc<AtomicBool>,
    watch: &mut dyn FnMut(Progress),
) -> Result<Summary, IngestError> {
    let scrubber = options.binding.scrubber.clone();
    let rejects = Rejects::new(&options.rejects, &options.inputs, scrubber).map_err(|why| IngestError::Rejects {
        path: options.rejects.clone(),
        why,
        unkept: 0,
    })?;
    let session = Session::new(Arc::clone(store).intake(), options, Some(rejects));
    session.run(stop, watch).map(|session| session.summary)
}

/// Reads the inputs as [`ingest`] would, and says what would come of it: nothing is taken in, and rejects are kept nowhere.
/// `intake` tells new failures from known ones.
pub fn rehearse(
    intake: Box<dyn Intake>,
    options: &IngestOptions,
    stop: &Arc<AtomicBool>,
    watch: &mut dyn FnMut(Progress),
) -> Result<(Summary, Survey), IngestError> {
    let session = Session::new(intake, options, None);
    session.run(stop, watch).map(|session| (session.summary, session.survey))
}

/// Reads in a thread of its own, which ends with its inputs, or after the current line once `stop` is set.
fn read_ahead(inputs: Vec<Input>, stop: Arc<AtomicBool>) -> Receiver<Bunch> {
    let (sender, receiver) = sync_channel(BUNCHES);
    std::thread::spawn(move || {
        for mut input in inputs {
            loop {
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                let bunch = match input.next_lines() {
                    Ok(Some(lines)) => Ok(lines),
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

struct Session<'a> {
    intake: Box<dyn Intake>,
    options: &'a IngestOptions,
    /// The rejects file; `None` in a rehearsal.
    rejects: Option<Rejects>,
    /// The counts of a rehearsal.
    survey: Survey,
    unwrapper: Unwrapper,
    /// The reason why rejects can't be kept any more. The other lines go on.
    broken: Option<std::io::Error>,
    batch: Vec<Incoming>,
    batch_bytes: usize,
    in_flight: VecDeque<Reply<Ingested>>,
    summary: Summary,
    /// The time since which something waits to be committed.
    oldest: Option<Instant>,
}

/// Lines that were read together, or the reason why no more can be read.
type Bunch = Result<Vec<Line>, InputError>;

impl<'a> Session<'a> {
    fn new(intake: Box<dyn Intake>, options: &'a IngestOptions, rejects: Option<Rejects>) -> Self {
        Self {
            intake,
            options,
            rejects,
            survey: Survey::default(),
            unwrapper: Unwrapper::default(),
            broken: None,
            batch: Vec::new(),
            batch_bytes: 0,
            in_flight: VecDeque::new(),
            summary: Summary::default(),
            oldest: None,
        }
    }

    /// Reads all inputs, and returns itself once everything is committed.
    fn run(mut self, stop: &Arc<AtomicBool>, watch: &mut dyn FnMut(Progress)) -> Result<Self, IngestError> {
        let position = Arc::new(AtomicU64::new(0));
        let inputs = &self.options.inputs;
        let total = total_size(inputs);
        let limit = |path| self.rejects.as_ref().and_then(|rejects| rejects.limit_of(path));
        // All inputs are opened first, so that a wrong name is reported before anything is done.
        let inputs = inputs
            .iter()
            .map(|path| Input::open(path, limit(path), &position))
            .collect::<Result<Vec<_>, _>>()
            .map_err(IngestError::Open)?;
        let bunches = read_ahead(inputs, Arc::clone(stop));
        let mut tell = |summary| watch(Progress { bytes: position.load(Ordering::Relaxed), total, summary });
        let done = self.take_all(&bunches, stop, &mut tell).and_then(|read| {
            self.finish(stop.load(Ordering::Relaxed) || read.is_err())?;
            read
        });
        // Without its rejects file, an ingest goes on to its end all the same.
        if done.as_ref().is_err_and(|error| !matches!(error, IngestError::Rejects { .. })) {
            self.count_what_is_kept();
        }
        tell(self.summary);
        done.map(|()| self)
    }

    /// Ingests all that is read. The inner error is that of an input that broke off: lines before it are kept.
    fn take_all(
        &mut self,
        bunches: &Receiver<Bunch>,
        stop: &AtomicBool,
        tell: &mut dyn FnMut(Summary),
    ) -> Result<Result<(), IngestError>, IngestError> {
        loop {
            let patience = self.oldest.map_or(LOOK, |oldest| COMMIT_AFTER.saturating_sub(oldest.elapsed()).min(LOOK));
            match bunches.recv_timeout(patience) {
                Ok(Ok(lines)) => {
                    lines.iter().try_for_each(|line| self.take(line))?;
                    tell(self.summary);
                }
                Ok(Err(error)) => return Ok(Err(IngestError::Read(error))),
                Err(RecvTimeoutError::Disconnected) => return Ok(Ok(())),
                // The thread that reads may be waiting for a line that never comes.
                Err(RecvTimeoutError::Timeout) if stop.load(Ordering::Relaxed) => {
                    for lines in bunches.try_iter().flatten() {
                        lines.iter().try_for_each(|line| self.take(line))?;
                    }
                    return Ok(Ok(()));
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
            if self.oldest.is_some_and(|oldest| oldest.elapsed() >= COMMIT_AFTER) {
                self.commit()?;
            }
        }
    }

    /// Counts what was committed before an error, and no more.
    fn count_what_is_kept(&mut self) {
        while let Some(reply) = self.in_flight.pop_front() {
            if let Ok(done) = reply.wait() {
                self.summary.inserted += done.inserted;
                self.summary.repeated += done.repeated;
            }
        }
        self.summary.rejected = self.kept_rejects();
        let Summary { inserted, repeated, rejected, accepted, other, .. } = self.summary;
        self.summary.read = inserted + repeated + rejected + accepted + other;
    }

    fn take(&mut self, line: &Line) -> Result<(), IngestError> {
        if line.bytes.iter().all(u8::is_ascii_whitespace) && line.len == line.bytes.len() as u64 {
            return Ok(());
        }
        let inner = inside_reject(&line.bytes);
        let raw = inner.as_deref().unwrap_or(&line.bytes);
        let len = if inner.is_some() { raw.len() as u64 } else { line.len };
        if len > raw.len() as u64 || self.unwrapper.kept() > self.options.max_line {
            return self.take_whole(line.number, raw, len);
        }
        match self.unwrapper.unwrap(line.number, raw) {
            Inside::Whole(number, text) => {
                let len = if text.len() == raw.len() { len } else { text.len() as u64 };
                self.take_whole(number, &text, len)
            }
            Inside::Part => Ok(()),
        }
    }

    /// Takes in a line without what was wrapped around it; `len` is its length, if only its beginning was kept.
    fn take_whole(&mut self, number: u64, raw: &[u8], len: u64) -> Result<(), IngestError> {
        if raw.trim_ascii().is_empty() && len == raw.len() as u64 {
            return Ok(());
        }
        self.summary.read += 1;
        self.oldest.get_or_insert_with(Instant::now);
        if self.options.ignores_other && is_other(raw) {
            self.summary.other += 1;
            return Ok(());
        }
        if len > self.options.max_line as u64 {
            let cut = if len > raw.len() as u64 {
                format!("; its first {} bytes are kept here", raw.len())
            } else {
                String::new()
            };
            let reason = format!("the line has {len} bytes, the limit is {} (--max-line){cut}", self.options.max_line);
            self.reject(number, &reason, raw);
            return Ok(());
        }
        match read_line(raw, &self.options.binding) {
            Ok(Recognised::Accepted) => {
                self.summary.accepted += 1;
                Ok(())
            }
            Ok(Recognised::Failed(captured)) => {
                self.summary.assumed += u64::from(captured.endpoint_origin == EndpointOrigin::Assumed);
                let unmatched = captured.body_origin == BodyOrigin::Rebuilt
                    && is_upsert(captured.path.operation())
                    && captured.lanes.is_empty();
                self.summary.unmatched += u64::from(unmatched);
                self.batch_bytes += captured.body.len() + 1024;
                self.summary.from_the_future += u64::from(captured.is_from_the_future());
                if self.rejects.is_none() {
                    self.survey.add(&captured);
                }
                self.batch.push(Incoming::new(*captured).of_line(number, raw));
                if self.batch.len() >= BATCH || self.batch_bytes >= BATCH_BYTES {
                    self.send_batch()?;
                }
                Ok(())
            }
            Err(reason) => {
                self.reject(number, &reason, raw);
                Ok(())
            }
        }
    }

    fn reject(&mut self, line: u64, reason: &str, raw: &[u8]) {
        self.summary.rejected += 1;
        let Some(rejects) = &mut self.rejects else { return self.survey.reject(line, reason) };
        if self.broken.is_none() {
            self.broken = rejects.add(line, reason, raw).err();
        }
        if self.broken.is_some() {
            self.summary.unkept = self.summary.rejected.saturating_sub(rejects.kept());
        }
    }

    fn flush_rejects(&mut self) {
        if let Some(rejects) = self.rejects.as_mut().filter(|_| self.broken.is_none()) {
            self.broken = rejects.flush().err();
        }
    }

    fn kept_rejects(&self) -> u64 {
        self.rejects.as_ref().map_or(self.summary.rejected, Rejects::kept)
    }

    /// Sends waiting lines to the store, and waits until they are committed.
    fn commit(&mut self) -> Result<(), IngestError> {
        self.send_batch()?;
        while !self.in_flight.is_empty() {
            self.settle_oldest()?;
        }
        // Lines that the store refused.
        self.flush_rejects();
        Ok(())
    }

    fn send_batch(&mut self) -> Result<(), IngestError> {
        self.batch_bytes = 0;
        self.oldest = None;
        let batch = std::mem::take(&mut self.batch);
        if !batch.is_empty() {
            self.in_flight.push_back(self.intake.take(batch));
        }
        self.flush_rejects();
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
            self.summary.open_here += done.open_here.len() as u64;
            for RefusedLine { line, why, raw } in done.refused {
                self.reject(line, &why, &raw);
            }
        }
        Ok(())
    }

    /// Commits the rest. `stopped`: not everything was read, so a rejects file that is being read must stay.
    fn finish(&mut self, stopped: bool) -> Result<(), IngestError> {
        for Part { line, text } in self.unwrapper.unfinished() {
            self.summary.read += 1;
            self.reject(line, "it was split, and its last part is missing", &text);
        }
        self.commit()?;
        let done = match (self.broken.take(), &mut self.rejects) {
            (Some(why), _) => Err(why),
            (None, Some(rejects)) if stopped => rejects.keep(),
            (None, Some(rejects)) => rejects.finish(),
            (None, None) => Ok(()),
        };
        let unkept = self.summary.rejected.saturating_sub(self.kept_rejects());
        done.map_err(|why| IngestError::Rejects { path: self.options.rejects.clone(), why, unkept })
    }
}

/// Returns true for a line that is no JSON object. One that begins like an object and breaks off is not left out: it may be a
/// failure that was cut.
fn is_other(line: &[u8]) -> bool {
    !line.trim_ascii_start().starts_with(b"{")
}

/// Returns the line inside a reject that is ingested again. It is looked for only where a line begins like one: a failure
/// would be scanned twice otherwise.
fn inside_reject(line: &[u8]) -> Option<Vec<u8>> {
    if !line.trim_ascii_start().starts_with(b"{\"line\"") {
        return None;
    }
    json::scan(line).ok().as_ref().and_then(unwrap)
}
