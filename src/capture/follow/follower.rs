//! The follower: one thread that reads all files that are followed, as they grow, until it is stopped.

use std::collections::VecDeque;
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use super::reading::Reading;
use super::rotation::{Known, KnownBy, new_ones, rest_of};
use crate::capture::file_notice::FileNotice;
use crate::capture::input::{BUNCHES, Bunch, Input, InputError, Line};
use crate::domain::file_place::FilePlace;

/// The interval at which files are looked at that have not grown.
const LOOK: Duration = Duration::from_millis(100);

/// A file that was renamed is read on for so long after it last grew, if the new one has something: its writer may not have
/// noticed yet.
const QUIET: Duration = Duration::from_millis(500);

/// After that it is still looked at for so long, since another writer may have it open.
const STILL_OPEN: Duration = Duration::from_mins(10);

/// Files that are still looked at, and places that are remembered of files that were read, at most.
const MOST_LEFT: usize = 16;

/// A file to follow.
#[derive(Debug)]
pub(in crate::capture) struct Followed {
    /// Its absolute path.
    pub(in crate::capture) path: PathBuf,
    /// The place up to which it was read before.
    pub(in crate::capture) place: Option<FilePlace>,
}

/// Follows files in a thread of its own, which ends once `stop` is set.
pub(in crate::capture) fn follow(files: Vec<Followed>, stop: Arc<AtomicBool>) -> Receiver<Result<Bunch, InputError>> {
    let (sender, receiver) = sync_channel(BUNCHES);
    std::thread::spawn(move || {
        let mut all: Vec<Follower> =
            files.into_iter().enumerate().map(|(index, file)| Follower::new(index, file)).collect();
        while !stop.load(Ordering::Relaxed) {
            let mut grew = false;
            for follower in &mut all {
                match follower.step(Instant::now(), &sender, &stop) {
                    Ok(more) => grew |= more,
                    Err(Ended::Unreadable(why)) => {
                        let name = follower.path.display().to_string();
                        drop(sender.send(Err(InputError { name, why })));
                        return;
                    }
                    Err(Ended::Unwanted) => return,
                }
            }
            if !grew {
                std::thread::sleep(LOOK);
            }
        }
    });
    receiver
}

/// The reason why a follower ends.
pub(super) enum Ended {
    /// Nobody takes its lines any more.
    Unwanted,
    /// Its file can't be read.
    Unreadable(io::Error),
}

impl From<io::Error> for Ended {
    fn from(error: io::Error) -> Self {
        Self::Unreadable(error)
    }
}

/// The follower of one file.
pub(super) struct Follower {
    index: usize,
    path: PathBuf,
    /// The place from which it has to go on, until the file that it is in has been found.
    began_at: Option<FilePlace>,
    /// Rotated files that are read before the current one.
    rest: VecDeque<Reading>,
    current: Option<Reading>,
    /// Renamed files that were left, and when: each may get late lines.
    left: VecDeque<(Reading, Instant)>,
    /// The places up to which files were read before they were left: one may be found again packed, or copied.
    read: VecDeque<FilePlace>,
    /// The rotated files that were seen beside it.
    known: Known,
    /// The time since which the current file has lost its name and not grown.
    quiet_since: Option<Instant>,
    /// True once it was said that the file can't be opened.
    said_so: bool,
    /// True once the file could be opened.
    was_opened: bool,
    /// The time of this step.
    now: Instant,
    /// True until it has been looked for the first time.
    is_new: bool,
}

impl Follower {
    pub(super) fn new(index: usize, file: Followed) -> Self {
        Self {
            index,
            path: file.path,
            began_at: file.place,
            rest: VecDeque::new(),
            current: None,
            left: VecDeque::new(),
            read: VecDeque::new(),
            known: Known::new(),
            is_new: true,
            quiet_since: None,
            said_so: false,
            was_opened: false,
            now: Instant::now(),
        }
    }

    /// Reads what there is to read now. Returns true if there was anything.
    pub(super) fn step(
        &mut self,
        now: Instant,
        sender: &SyncSender<Result<Bunch, InputError>>,
        stop: &AtomicBool,
    ) -> Result<bool, Ended> {
        self.now = now;
        if std::mem::take(&mut self.is_new) {
            // What was rotated before anyone followed is not read.
            new_ones(&self.path, None, &[], &mut self.known)?;
        }
        if let Some(place) = self.began_at.take() {
            self.find(&place, sender)?;
        }
        if let Some(rest) = self.rest.pop_front() {
            self.read_rest(rest, sender, stop)?;
            return Ok(true);
        }
        let Some(mut current) = self.current.take() else { return self.open(sender) };
        if current.was_truncated()? {
            self.go_on_from_copy(&current, sender)?;
            return Ok(true);
        }
        let grew = self.read(&mut current, false, sender, stop)?;
        if stop.load(Ordering::Relaxed) || !self.has_lost_its_name(&current, grew) {
            self.current = Some(current);
            return Ok(grew || self.read_late_lines(sender)?);
        }
        self.read(&mut current, true, sender, stop)?;
        let id = current.id;
        self.leave(current);
        let others = new_ones(&self.path, Some(id), self.read.make_contiguous(), &mut self.known)?;
        self.rest.extend(others);
        self.quiet_since = None;
        Ok(true)
    }

    /// Leaves a file that was read to its end.
    fn leave(&mut self, reading: Reading) {
        self.read.push_back(reading.place(&self.path));
        self.left.push_back((reading, self.now));
        self.read.drain(..self.read.len().saturating_sub(MOST_LEFT));
        self.left.drain(..self.left.len().saturating_sub(MOST_LEFT));
    }

    /// Reads what a writer that has not noticed yet has written to files that were left. Returns true if there was anything.
    fn read_late_lines(&mut self, sender: &SyncSender<Result<Bunch, InputError>>) -> Result<bool, Ended> {
        let now = self.now;
        self.left.retain(|(_, since)| now.duration_since(*since) < STILL_OPEN);
        let mut grew = false;
        for (reading, _) in &mut self.left {
            let Some(end) = reading.whole_lines(false)?.filter(|end| *end > reading.offset) else { continue };
            let mut input = Input::of(&self.path, Box::new(reading.upto(end)), reading.lines);
            while let Some(lines) = next_lines(&mut input)? {
                let (bytes, count) = (input.take_consumed(), lines.len() as u64);
                reading.advance(bytes, count)?;
                send(Bunch { lines, file: self.index, place: None, said: None }, sender)?;
            }
            grew = true;
        }
        Ok(grew)
    }

    /// Finds the file that a place of an earlier follower is in.
    fn find(&mut self, place: &FilePlace, sender: &SyncSender<Result<Bunch, InputError>>) -> Result<(), Ended> {
        let here = match Reading::open(&self.path) {
            Ok(reading) => reading.at(place)?,
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Err(error.into()),
            Err(_) => None,
        };
        let is_it = |reading: &Reading| reading.id == (place.dev, place.ino);
        // Another file that begins alike is taken for it only if the file itself is nowhere.
        if here.as_ref().is_some_and(is_it) {
            self.current = here;
        } else if let Some(rest) = rest_of(&self.path, place, KnownBy::Inode, &[], &mut self.known)? {
            self.rest.extend(rest);
        } else if here.is_some() {
            self.current = here;
        } else if let Some(rest) = rest_of(&self.path, place, KnownBy::Content, &[], &mut self.known)? {
            self.rest.extend(rest);
        } else {
            self.say(FileNotice::Gap { path: self.path.clone(), bytes: None }, sender)?;
        }
        Ok(())
    }

    /// Opens the file that has the name now.
    fn open(&mut self, sender: &SyncSender<Result<Bunch, InputError>>) -> Result<bool, Ended> {
        match Reading::open(&self.path) {
            Ok(reading) => {
                self.known.remove(&reading.id);
                self.current = Some(reading);
                (self.said_so, self.was_opened) = (false, true);
                Ok(true)
            }
            Err(error) => {
                let path = self.path.clone();
                let notice = match error.kind() {
                    io::ErrorKind::NotFound => FileNotice::Missing { path },
                    // A file that was rotated in may not have its rights yet.
                    io::ErrorKind::PermissionDenied if self.was_opened => FileNotice::Denied { path },
                    _ => return Err(error.into()),
                };
                if !std::mem::replace(&mut self.said_so, true) {
                    self.say(notice, sender)?;
                }
                Ok(false)
            }
        }
    }

    /// Goes on after the current file was truncated: what was not read of it is in its copy.
    fn go_on_from_copy(&mut self, was: &Reading, sender: &SyncSender<Result<Bunch, InputError>>) -> Result<(), Ended> {
        let place = was.place(&self.path);
        if let Some(rest) = rest_of(&self.path, &place, KnownBy::Content, self.read.make_contiguous(), &mut self.known)?
        {
            self.rest.extend(rest);
        } else {
            let bytes = Some(was.seen().saturating_sub(was.offset));
            self.say(FileNotice::Gap { path: self.path.clone(), bytes }, sender)?;
        }
        Ok(())
    }

    /// Returns true once another file has had the name for a while, or none, and the one that was read grows no more.
    fn has_lost_its_name(&mut self, current: &Reading, grew: bool) -> bool {
        let named = std::fs::metadata(&self.path).ok();
        if named.as_ref().map(|found| (found.dev(), found.ino())) == Some(current.id) {
            self.quiet_since = None;
            return false;
        }
        if grew {
            self.quiet_since = None;
        }
        // Until there is something in another file, there is nothing to hurry to.
        let quiet = self.now.duration_since(*self.quiet_since.get_or_insert(self.now)) >= QUIET;
        quiet && named.is_some_and(|found| found.size() > 0)
    }

    /// Reads the whole lines of a file; also a last one without an end, once nothing more comes.
    fn read(
        &mut self,
        reading: &mut Reading,
        is_last: bool,
        sender: &SyncSender<Result<Bunch, InputError>>,
        stop: &AtomicBool,
    ) -> Result<bool, Ended> {
        let Some(end) = reading.whole_lines(is_last)? else { return Ok(false) };
        let mut input = Input::of(&self.path, Box::new(reading.upto(end)), reading.lines);
        while !stop.load(Ordering::Relaxed) {
            let Some(lines) = next_lines(&mut input)? else { break };
            if reading.was_truncated()? || reading.offset == 0 && self.found_others(reading)? {
                // These may be lines of what was written after that, and those before them are in a copy.
                break;
            }
            let (bytes, count) = (input.take_consumed(), lines.len() as u64);
            reading.advance(bytes, count)?;
            let place = Some(reading.place(&self.path));
            send(Bunch { lines, file: self.index, place, said: None }, sender)?;
        }
        Ok(true)
    }

    /// Returns true if there are rotated files that were not there before. They are read first. Of a file of which nothing was
    /// read, this is the only way to tell that it has been truncated.
    fn found_others(&mut self, but: &Reading) -> Result<bool, Ended> {
        if self.known.contains(&but.id) {
            return Ok(false);
        }
        let others = new_ones(&self.path, Some(but.id), self.read.make_contiguous(), &mut self.known)?;
        let found = !others.is_empty();
        self.rest.extend(others);
        Ok(found)
    }

    /// Reads the rest of a rotated file. It does not grow any more. Of a packed one the place stays where it was until all of it
    /// is read.
    fn read_rest(
        &mut self,
        mut rest: Reading,
        sender: &SyncSender<Result<Bunch, InputError>>,
        stop: &AtomicBool,
    ) -> Result<(), Ended> {
        if !rest.is_packed()? {
            self.read(&mut rest, true, sender, stop)?;
            self.leave(rest);
            return Ok(());
        }
        let mut unpacked = rest.whole()?;
        io::copy(&mut (&mut unpacked).take(rest.offset), &mut io::sink())?;
        let mut input = Input::of(&self.path, unpacked, rest.lines);
        while let Some(lines) = next_lines(&mut input)? {
            send(Bunch { lines, file: self.index, place: None, said: None }, sender)?;
        }
        Ok(())
    }

    fn say(&self, said: FileNotice, sender: &SyncSender<Result<Bunch, InputError>>) -> Result<(), Ended> {
        send(Bunch { lines: Vec::new(), file: self.index, place: None, said: Some(said) }, sender)
    }
}

fn send(bunch: Bunch, sender: &SyncSender<Result<Bunch, InputError>>) -> Result<(), Ended> {
    sender.send(Ok(bunch)).map_err(|_| Ended::Unwanted)
}

fn next_lines(input: &mut Input) -> Result<Option<Vec<Line>>, Ended> {
    input.next_lines().map_err(|error| Ended::Unreadable(error.why))
}
