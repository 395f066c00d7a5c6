//! One ingest under way: what is waiting to be committed, and what has been counted.

use std::borrow::Cow;
use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use super::accepted::read_success;
use super::file_notice::FileNotice;
use super::follow::{Followed, follow};
use super::input::{Bunch, Input, InputError, Line, read_ahead, total_size};
use super::map::Map;
use super::rejects::{Rejects, unwrap};
use super::shapes::{Recognised, read_line};
use super::survey::Survey;
use super::terms::{IngestError, IngestOptions, LineKind, Progress, Summary};
use super::wrapped::{GivenUp, Inside, Part, Unwrapper};
use crate::domain::body::BodyOrigin;
use crate::domain::endpoint::{EndpointOrigin, is_upsert};
use crate::domain::file_place::FilePlace;
use crate::domain::json;
use crate::domain::success::Success;
use crate::store::{Accepted, Incoming, Ingested, Intake, RefusedLine, Reply};

/// A batch is committed at this many writes, or at this many bytes of bodies.
const BATCH: usize = 2000;
const BATCH_BYTES: usize = 4 << 20;
/// Batches on their way to the writer.
const IN_FLIGHT: usize = 2;

/// Lines that were read are committed after this time, even while more may come.
const COMMIT_AFTER: Duration = Duration::from_millis(500);
/// The reason why the beginning of a split line is rejected.
const LAST_PART_MISSING: &str = "it was split, and its last part is missing";

/// The interval at which a stop is looked for while nothing comes.
const LOOK: Duration = Duration::from_millis(50);

pub(super) struct Session<'a> {
    intake: Box<dyn Intake>,
    options: &'a IngestOptions,
    /// The rejects file; `None` in a rehearsal.
    rejects: Option<Rejects>,
    /// The counts of a rehearsal.
    pub(super) survey: Survey,
    /// The unwrapper of each file that is followed; one for all others.
    unwrappers: Vec<Unwrapper>,
    /// The places up to which files that are followed were read, once all lines before them are in a batch.
    places: BTreeMap<usize, FilePlace>,
    /// The filter that makes failures of the lines.
    map: Option<Map>,
    /// The reason why rejects can't be kept any more. The other lines go on.
    broken: Option<std::io::Error>,
    batch: Vec<Incoming>,
    batch_bytes: usize,
    successes: Vec<Success>,
    in_flight: VecDeque<InFlight>,
    pub(super) summary: Summary,
    /// The time since which something waits to be committed.
    oldest: Option<Instant>,
}

impl<'a> Session<'a> {
    pub(super) fn new(
        intake: Box<dyn Intake>,
        options: &'a IngestOptions,
        map: Option<Map>,
        rejects: Option<Rejects>,
    ) -> Self {
        Self {
            intake,
            options,
            rejects,
            survey: Survey::default(),
            unwrappers: Vec::new(),
            places: BTreeMap::new(),
            map,
            broken: None,
            batch: Vec::new(),
            batch_bytes: 0,
            successes: Vec::new(),
            in_flight: VecDeque::new(),
            summary: Summary::default(),
            oldest: None,
        }
    }

    /// Reads all inputs, and returns itself once everything is committed.
    pub(super) fn run(mut self, stop: &Arc<AtomicBool>, watch: &mut dyn FnMut(Progress)) -> Result<Self, IngestError> {
        let position = Arc::new(AtomicU64::new(0));
        let inputs = &self.options.inputs;
        let (bunches, total) = if self.options.follows {
            (follow(self.followed()?, Arc::clone(stop)), None)
        } else {
            let limit = |path| self.rejects.as_ref().and_then(|rejects| rejects.limit_of(path));
            // All inputs are opened first, so that a wrong name is reported before anything is done.
            let opened = inputs.iter().map(|path| Input::open(path, limit(path), &position)).collect::<Result<_, _>>();
            (read_ahead(opened.map_err(IngestError::Open)?, Arc::clone(stop)), total_size(inputs))
        };
        let files = if self.options.follows { inputs.len() } else { 1 };
        self.unwrappers.resize_with(files, Unwrapper::default);
        let mut tell = |summary, said| {
            let bytes = position.load(Ordering::Relaxed);
            watch(Progress { bytes, total, summary, said });
        };
        let done = self.take_all(&bunches, stop, &mut tell).and_then(|read| {
            self.finish(stop.load(Ordering::Relaxed) || read.is_err())?;
            read
        });
        // Without its rejects file, an ingest goes on to its end all the same.
        if done.as_ref().is_err_and(|error| !matches!(error, IngestError::Rejects { .. })) {
            self.count_what_is_kept();
        }
        // If the store has failed, that has been said, and the number is all that is missing.
        self.summary.intake = self.intake.end().wait().unwrap_or_default();
        tell(self.summary, None);
        done.map(|()| self)
    }

    /// Ingests all that is read. The inner error is that of an input that broke off: lines before it are kept.
    fn take_all(
        &mut self,
        bunches: &Receiver<Result<Bunch, InputError>>,
        stop: &AtomicBool,
        tell: &mut dyn FnMut(Summary, Option<FileNotice>),
    ) -> Result<Result<(), IngestError>, IngestError> {
        loop {
            let patience = self.oldest.map_or(LOOK, |oldest| COMMIT_AFTER.saturating_sub(oldest.elapsed()).min(LOOK));
            match bunches.recv_timeout(patience) {
                Ok(Ok(bunch)) => {
                    self.take(bunch.file, &bunch.lines)?;
                    self.pass(bunch.file, bunch.place);
                    tell(self.summary, bunch.said);
                }
                Ok(Err(error)) => return Ok(Err(IngestError::Read(error))),
                Err(RecvTimeoutError::Disconnected) => return Ok(Ok(())),
                // The thread that reads may be waiting for a line that never comes.
                Err(RecvTimeoutError::Timeout) if stop.load(Ordering::Relaxed) => {
                    for bunch in bunches.try_iter().flatten() {
                        self.take(bunch.file, &bunch.lines)?;
                        self.pass(bunch.file, bunch.place);
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
        while let Some(batch) = self.in_flight.pop_front() {
            match batch {
                InFlight::Failures(reply) => drop(reply.wait().map(|done| self.summary.add(&done))),
                InFlight::Successes(reply) => drop(reply.wait().map(|done| self.summary.add_accepted(done))),
            }
        }
        self.summary.rejected = self.kept_rejects();
        self.summary.read = self.summary.total();
    }

    /// Returns the files to follow, each with the place up to which it was read before.
    fn followed(&self) -> Result<Vec<Followed>, IngestError> {
        let follow = |path: &PathBuf| -> Result<Followed, IngestError> {
            let absolute = std::path::absolute(path)
                .map_err(|why| IngestError::Open(InputError { name: path.display().to_string(), why }))?;
            let place = self.intake.place(&absolute.to_string_lossy()).wait()?;
            Ok(Followed { path: absolute, place })
        };
        self.options.inputs.iter().map(follow).collect()
    }

    /// Notes a place that was reached. As long as a part of a split line waits for the rest, the place stays before it.
    fn pass(&mut self, file: usize, place: Option<FilePlace>) {
        if let Some(place) = place.filter(|_| !self.unwrappers[file].waits()) {
            self.places.insert(file, place);
            self.oldest.get_or_insert_with(Instant::now);
        }
    }

    /// Takes in lines that were read together.
    fn take(&mut self, file: usize, lines: &[Line]) -> Result<(), IngestError> {
        let whole = lines.iter().filter_map(|line| self.whole(file, line)).collect::<Vec<_>>();
        let mapped = match &mut self.map {
            None => return whole.iter().try_for_each(|line| self.take_in(line.number, &line.text, &line.text)),
            Some(map) => map.apply(whole.iter().map(|line| &*line.text))?,
        };
        for (line, given) in whole.iter().zip(mapped) {
            match given {
                Ok(values) if values.is_empty() => {
                    self.read();
                    self.summary.other += 1;
                }
                Ok(values) => values.iter().try_for_each(|value| self.take_in(line.number, value, &line.text))?,
                Err(reason) => {
                    self.read();
                    self.reject(line.number, &reason, &line.text);
                }
            }
        }
        Ok(())
    }

    /// Returns a line without what was wrapped around it, if it is one to look into: not blank, not too long, not one of
    /// those to be left out.
    fn whole<'l>(&mut self, file: usize, line: &'l Line) -> Option<WholeLine<'l>> {
        if line.bytes.iter().all(u8::is_ascii_whitespace) && line.len == line.bytes.len() as u64 {
            return None;
        }
        let (raw, len) = match inside_reject(&line.bytes) {
            Some(inner) => {
                let len = inner.len() as u64;
                (Cow::Owned(inner), len)
            }
            None => (Cow::Borrowed(line.bytes.as_slice()), line.len),
        };
        if len > raw.len() as u64 {
            return self.looked_at(line.number, raw, len);
        }
        for (part, why) in self.unwrappers[file].give_up(self.options.max_line) {
            let reason = match why {
                GivenUp::Late => LAST_PART_MISSING.to_owned(),
                GivenUp::Long => {
                    let limit = self.options.max_line;
                    format!(
                        "it was split, and has more bytes than the limit of {limit} (--max-line); its beginning is kept here"
                    )
                }
            };
            self.read();
            self.reject(part.line, &reason, &part.text);
        }
        let (number, text) = match self.unwrappers[file].unwrap(line.number, &raw) {
            Inside::Part => return None,
            Inside::Broken(number, text, why) => {
                let text = text.into_owned();
                self.read();
                self.reject(number, why, &text);
                return None;
            }
            Inside::Whole(number, Cow::Borrowed(text)) if text.len() == raw.len() => (number, None),
            Inside::Whole(number, text) => (number, Some(text.into_owned())),
        };
        match text {
            None => self.looked_at(number, raw, len),
            Some(text) => {
                let len = text.len() as u64;
                self.looked_at(number, Cow::Owned(text), len)
            }
        }
    }

    /// Counts a line that is not to be looked into; `len` is its length, if only its beginning was kept.
    fn looked_at<'l>(&mut self, number: u64, text: Cow<'l, [u8]>, len: u64) -> Option<WholeLine<'l>> {
        if text.trim_ascii().is_empty() && len == text.len() as u64 {
            return None;
        }
        if self.options.ignores_other && is_other(&text) {
            self.read();
            self.summary.other += 1;
            return None;
        }
        if len > self.options.max_line as u64 {
            let cut = if len > text.len() as u64 {
                format!("; its first {} bytes are kept here", text.len())
            } else {
                String::new()
            };
            let reason = format!("the line has {len} bytes, the limit is {} (--max-line){cut}", self.options.max_line);
            self.read();
            self.reject(number, &reason, &text);
            return None;
        }
        Some(WholeLine { number, text })
    }

    /// Counts a line. It waits to be committed from now on.
    fn read(&mut self) {
        self.summary.read += 1;
        self.oldest.get_or_insert_with(Instant::now);
    }

    /// Takes in a failure that was read from the line `raw`.
    fn take_in(&mut self, number: u64, failure: &[u8], raw: &[u8]) -> Result<(), IngestError> {
        self.read();
        if self.options.kind == LineKind::Accepted {
            return self.take_success(number, failure, raw);
        }
        match read_line(failure, &self.options.binding) {
            Ok(Recognised::Accepted) => {
                self.summary.accepted += 1;
                Ok(())
            }
            Ok(Recognised::Failed(captured)) => {
                self.summary.assumed += u64::from(captured.endpoint_origin == EndpointOrigin::Assumed);
                let unmatched = captured.body_origin == BodyOrigin::Rebuilt
                    && is_upsert(&captured.operated.operation)
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

    /// Takes in a success that was read from the line `raw`.
    fn take_success(&mut self, number: u64, success: &[u8], raw: &[u8]) -> Result<(), IngestError> {
        match read_success(success, &self.options.binding) {
            Ok(Some(success)) => {
                self.successes.push(success);
                if self.successes.len() >= BATCH {
                    self.send_batch()?;
                }
            }
            Ok(None) => self.summary.other += 1,
            Err(reason) => self.reject(number, &reason, raw),
        }
        Ok(())
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
        // A place must not pass a reject that is not kept yet.
        self.flush_rejects();
        if self.options.follows
            && let Some(why) = self.broken.take()
        {
            let path = self.options.rejects.clone();
            return Err(IngestError::Rejects { path, why, unkept: self.summary.rejected - self.kept_rejects() });
        }
        let places: Vec<FilePlace> = std::mem::take(&mut self.places).into_values().collect();
        let (batch, successes) = (std::mem::take(&mut self.batch), std::mem::take(&mut self.successes));
        if self.options.kind == LineKind::Accepted {
            if !successes.is_empty() || !places.is_empty() {
                self.in_flight.push_back(InFlight::Successes(self.intake.take_accepted(successes, places)));
            }
        } else if !batch.is_empty() || !places.is_empty() {
            self.in_flight.push_back(InFlight::Failures(self.intake.take(batch, places)));
        }
        while self.in_flight.len() > IN_FLIGHT {
            self.settle_oldest()?;
        }
        Ok(())
    }

    fn settle_oldest(&mut self) -> Result<(), IngestError> {
        match self.in_flight.pop_front() {
            Some(InFlight::Failures(reply)) => {
                let done = reply.wait()?;
                self.summary.add(&done);
                for RefusedLine { line, why, raw } in done.refused {
                    self.reject(line, &why, &raw);
                }
            }
            Some(InFlight::Successes(reply)) => self.summary.add_accepted(reply.wait()?),
            None => {}
        }
        Ok(())
    }

    /// Commits the rest. `stopped`: not everything was read, so a rejects file that is being read must stay.
    fn finish(&mut self, stopped: bool) -> Result<(), IngestError> {
        let unfinished: Vec<Part> = self.unwrappers.iter_mut().flat_map(Unwrapper::unfinished).collect();
        // Of a file that is followed, they are read again with the rest.
        for Part { line, text, .. } in unfinished.into_iter().filter(|_| !self.options.follows) {
            self.summary.read += 1;
            self.reject(line, LAST_PART_MISSING, &text);
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

/// A batch on its way into the store.
enum InFlight {
    Failures(Reply<Ingested>),
    Successes(Reply<Accepted>),
}

/// A line without what was wrapped around it.
struct WholeLine<'l> {
    number: u64,
    text: Cow<'l, [u8]>,
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
