//! The progress of a run: of this process, told by its events, or of another one, read from the file.

use std::collections::VecDeque;
use std::sync::Arc;

use super::theme::Role;
use crate::domain::ids::{RunId, WriteId};
use crate::domain::outcome::{Outcome, Tally};
use crate::domain::run::{Run, RunState, Wanted};
use crate::domain::time::{Timestamp, human_length};
use crate::render::words;
use crate::replay::{PaceNow, PaceSettings, Prepared, RunEvent, RunReport, WriteEnded};
use crate::store::WishChange;

/// Lines of the log kept, at most.
const MOST_LINES: usize = 500;
/// Milliseconds over which the rate is measured.
const RATE_OVER: i64 = 5000;

/// The most seconds kept for the chart.
const MOST_SECONDS: usize = 240;

/// The requests that ended within a second.
#[derive(Debug, Clone, Copy, Default)]
pub struct Second {
    /// The second, since 1970.
    pub at: i64,
    /// Number of writes that ended.
    pub writes: u64,
    /// Milliseconds that the answered requests took, in total.
    pub latency: u64,
    /// Number of answered requests.
    pub answered: u64,
}

/// The progress of a run.
#[derive(Debug, Default)]
pub struct RunProgress {
    /// Its ID; `None` until it has begun.
    pub id: Option<RunId>,
    /// Its plan, if this process sends it.
    pub prepared: Option<Arc<Prepared>>,
    /// The run as last read from the file.
    pub known: Option<Box<Run>>,
    /// Number of writes to send.
    pub total: u64,
    /// Outcomes so far.
    pub tally: Tally,
    /// Lines of the log, the newest last.
    pub log: VecDeque<(Role, String)>,
    /// The last retry or notice; cleared when a write is accepted.
    pub trouble: Option<String>,
    /// Number of older lines of the log that were dropped.
    pub dropped: usize,
    /// Recent samples of time, in milliseconds, and writes done; they measure the rate.
    pace: VecDeque<(i64, u64)>,
    /// The last seconds, the newest last, while this process sends it.
    pub seconds: VecDeque<Second>,
    /// The pace that it keeps now, as the engine tells.
    pub paced: Option<PaceNow>,
    /// The pace asked of it.
    pub asked: PaceSettings,
    /// True if it was asked to pause.
    pub is_paused: bool,
    /// True if it was asked to stop.
    pub is_stopping: bool,
    /// The time when it began.
    pub began: Option<Timestamp>,
    /// The time when it ended.
    pub ended: Option<Timestamp>,
    /// Its report, once it has ended in this process.
    pub report: Option<Box<RunReport>>,
    /// The reason why it couldn't begin, or broke off.
    pub error: Option<String>,
    /// The write sent as a trial.
    pub trial: Option<WriteId>,
    /// Outcome of the trial.
    pub trial_ended: Option<Box<WriteEnded>>,
}

impl RunProgress {
    /// Creates the screen of a run of this process.
    pub fn own(prepared: Arc<Prepared>, now: Timestamp) -> Self {
        let asked = prepared.options.pace;
        let (total, began) = (prepared.plan.send.len() as u64, Some(now));
        let prepared = Some(prepared);
        Self { prepared, total, asked, began, ..Self::default() }
    }

    /// Creates the screen of a run that was read from the file.
    pub fn of(run: Box<Run>) -> Self {
        let mut screen = Self { id: Some(run.id), ..Self::default() };
        screen.refresh(run);
        screen
    }

    /// Returns true if this process sends it.
    pub fn is_own(&self) -> bool {
        self.prepared.is_some()
    }

    /// Returns true if it is under way.
    pub fn is_under_way(&self) -> bool {
        match &self.known {
            Some(run) if !self.is_own() => run.state == RunState::Running,
            _ => self.report.is_none() && self.error.is_none(),
        }
    }

    /// Takes in the run as read from the file.
    pub fn refresh(&mut self, run: Box<Run>) {
        self.is_paused = run.wanted == Some(Wanted::Pause);
        self.is_stopping |= run.wanted == Some(Wanted::Stop);
        if !self.is_own() {
            self.tally = run.tally;
            // While a run is under way, the file counts writes without an outcome as unsent.
            if run.state == RunState::Running {
                let unsent = run.tally.get(Outcome::Unsent);
                self.tally = Tally::default();
                for &outcome in Outcome::ALL.iter().filter(|o| **o != Outcome::Unsent) {
                    self.tally.add(outcome, run.tally.get(outcome));
                }
                self.total = run.tally.planned() - run.tally.get(Outcome::Refused);
                debug_assert!(unsent <= self.total);
            } else {
                self.total = run.tally.planned() - run.tally.get(Outcome::Refused);
            }
            self.began = Some(run.started_at);
            self.ended = run.ended_at;
        }
        self.known = Some(run);
    }

    /// Takes in an event of the run.
    pub fn take(&mut self, event: RunEvent, now: Timestamp) {
        match event {
            RunEvent::Began(id) => {
                self.id = Some(id);
                self.say(Role::Faint, now, &format!("run {id} has begun"));
            }
            RunEvent::Ended(ended) => self.ended(&ended, now),
            RunEvent::Retry { id, attempt, end, wait } => {
                let reason = end.failure.as_ref().map(|f| words::said(f, end.cached)).unwrap_or_default();
                let text = format!("write {id}, attempt {attempt}: {reason}; again in {}", human_length(wait));
                self.say(Role::Warn, now, &text);
                self.trouble = Some(text);
            }
            RunEvent::Notice(notice) => {
                let text = words::notice(&notice);
                self.say(Role::Warn, now, &text);
                self.trouble = Some(text);
            }
            RunEvent::Paced(paced) => self.paced = Some(paced),
            RunEvent::Stopping(stop) => self.say(Role::Bad, now, &format!("stopping: {}", words::stop(&stop))),
        }
    }

    fn ended(&mut self, ended: &WriteEnded, now: Timestamp) {
        self.tally.add(ended.outcome, 1);
        if !matches!(ended.outcome, Outcome::Refused | Outcome::Unsent) {
            let latency = ended.last.as_ref().and_then(|last| u64::try_from(last.latency_ms).ok());
            let second = self.second(now);
            second.writes += 1;
            second.latency += latency.unwrap_or(0);
            second.answered += u64::from(latency.is_some());
        }
        if ended.outcome == Outcome::Accepted {
            self.trouble = None;
        }
        if self.trial == Some(ended.id) {
            self.trial_ended = Some(Box::new(ended.clone()));
        }
        // A stop leaves thousands unsent: they are told by cause, and would bury what failed.
        if matches!(ended.outcome, Outcome::Unsent | Outcome::Refused) {
            return;
        }
        let role = match ended.outcome {
            Outcome::Failed | Outcome::Unknown => Role::Bad,
            _ => Role::Faint,
        };
        let last = ended.last.as_ref();
        let reason = ended.reason.as_ref().map(|why| format!(": {}", words::reason(why, last))).unwrap_or_default();
        let cid = ended.last.as_ref().and_then(|last| last.correlation_id.as_deref());
        let cid = cid.map(|cid| format!(" [{cid}]")).unwrap_or_default();
        self.say(role, now, &format!("write {} {}{reason}{cid}", ended.id, ended.outcome));
    }

    /// Returns the second that a time is in; seconds in which nothing ended are filled in.
    fn second(&mut self, now: Timestamp) -> &mut Second {
        let at = now.millis() / 1000;
        let missing = self.seconds.back().map_or(1, |last| (at - last.at).clamp(0, MOST_SECONDS as i64));
        for back in (0..missing).rev() {
            self.seconds.push_back(Second { at: at - back, ..Second::default() });
        }
        while self.seconds.len() > MOST_SECONDS {
            self.seconds.pop_front();
        }
        let last = self.seconds.len() - 1;
        &mut self.seconds[last]
    }

    /// Returns the last seconds up to now, those included in which nothing has ended yet.
    pub fn seconds_until(&self, now: Timestamp) -> VecDeque<Second> {
        let mut seconds = self.seconds.clone();
        let at = now.millis() / 1000;
        if let Some(last) = seconds.back().map(|last| last.at) {
            let first = (last + 1).max(at - MOST_SECONDS as i64);
            seconds.extend((first..=at).map(|at| Second { at, ..Second::default() }));
        }
        while seconds.len() > MOST_SECONDS {
            seconds.pop_front();
        }
        seconds
    }

    /// Ends with the engine's report.
    pub fn end(&mut self, report: Box<RunReport>, now: Timestamp) {
        self.ended = Some(now);
        self.tally = report.tally;
        let role = if !report.stopped.is_empty() || report.error.is_some() { Role::Bad } else { Role::Good };
        self.say(role, now, "the run is over");
        self.report = Some(report);
    }

    /// Returns what was asked of it before it had begun.
    pub fn asked_early(&self) -> Option<WishChange> {
        let planned = self.prepared.as_ref().map_or(self.asked, |prepared| prepared.options.pace);
        let wanted = match (self.is_stopping, self.is_paused) {
            (true, _) => Some(Wanted::Stop),
            (false, true) => Some(Wanted::Pause),
            (false, false) => None,
        };
        let rate = (self.asked.rate != planned.rate).then(|| self.asked.rate.unwrap_or(0.0));
        let concurrency = (self.asked.concurrency != planned.concurrency).then_some(self.asked.concurrency);
        let is_changed = wanted.is_some() || rate.is_some() || concurrency.is_some();
        is_changed.then_some(WishChange { wanted, rate, concurrency })
    }

    /// Adds a line to the log.
    pub fn say(&mut self, role: Role, now: Timestamp, text: &str) {
        let human = now.to_human();
        let time = human.split(' ').nth(1).unwrap_or_default();
        self.log.push_back((role, format!("{time}  {text}")));
        if self.log.len() > MOST_LINES {
            self.log.pop_front();
            self.dropped += 1;
        }
    }

    /// Returns the number of writes done, of those to send.
    pub fn done(&self) -> u64 {
        let not_tried = self.tally.get(Outcome::Refused) + self.tally.get(Outcome::Unsent);
        (self.tally.planned() - not_tried).min(self.total)
    }

    /// Records a sample of its progress, to measure the rate.
    pub fn measure(&mut self, now: Timestamp) {
        let done = self.done();
        if self.is_paused {
            // A pause doesn't count towards the rate.
            self.pace.clear();
        } else if self.is_under_way() && self.pace.back().is_none_or(|(at, _)| now.millis() - at >= 200) {
            self.pace.push_back((now.millis(), done));
            while self.pace.len() > 2 && self.pace.front().is_some_and(|(at, _)| now.millis() - at > RATE_OVER) {
                self.pace.pop_front();
            }
        }
    }

    /// Returns the recent rate in writes per second, at most what was asked of it.
    pub fn rate(&self) -> Option<f64> {
        if self.is_paused || self.is_stopping {
            return None;
        }
        self.measured().map(|rate| rate.min(self.asked.rate.unwrap_or(f64::INFINITY)))
    }

    fn measured(&self) -> Option<f64> {
        let ((from, before), (to, after)) = (*self.pace.front()?, *self.pace.back()?);
        (to > from).then(|| (after - before) as f64 * 1000.0 / (to - from) as f64)
    }
}
