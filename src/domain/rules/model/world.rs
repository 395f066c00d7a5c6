//! One history: producers, operators, runs and the API, in one world with one true time.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::Step;
use super::api::Api;
use super::memory::{Memory, Write};
use crate::domain::action::Settling;
use crate::domain::clock::Clock;
use crate::domain::identity::Sha;
use crate::domain::ids::WriteId;
use crate::domain::lane::Turn;
use crate::domain::outcome::AttemptOutcome;
use crate::domain::state::State;
use crate::domain::time::Timestamp;

/// The end of a request.
#[derive(Debug, Clone, Copy)]
pub(super) enum Ends {
    Accepted,
    Refused,
    Unclear { applied: bool },
    NoAnswer { applied: bool },
    NotSent,
}

/// A request that is under way.
#[derive(Debug, Clone)]
pub(super) struct Flight {
    pub(super) write: WriteId,
    pub(super) n: usize,
    pub(super) sent_at: Timestamp,
    pub(super) key: String,
    /// The true time when it left, which is when the API receives it.
    pub(super) left: Timestamp,
    /// True if the API had any of its records when it left.
    pub(super) had: bool,
    /// The API's answer, where the run's process has not got round to recording it.
    pub(super) answered: Option<AttemptOutcome>,
}

#[derive(Debug, Default)]
pub(super) struct Run {
    pub(super) id: i64,
    /// True if its process lives and holds its lock.
    pub(super) alive: bool,
    /// True if someone has removed its lock file.
    pub(super) lost: bool,
    /// True if the API accepted the requests that were in flight then.
    pub(super) applied: bool,
    /// True if the file says that it is running.
    pub(super) running: bool,
    pub(super) new_key: bool,
    pub(super) plan: BTreeMap<WriteId, Sha>,
    pub(super) flying: Vec<Flight>,
    /// Writes that it keeps between two attempts.
    pub(super) kept: Vec<WriteId>,
}

#[derive(Debug)]
pub(super) struct World {
    pub(super) memory: Memory,
    pub(super) api: Api,
    pub(super) runs: Vec<Run>,
    /// The true time; the machine's clock is `behind` it.
    pub(super) now: Timestamp,
    pub(super) behind: Duration,
    pub(super) behind_until: Timestamp,
    pub(super) newest: Timestamp,
    pub(super) next_id: i64,
    pub(super) next_record: u64,
    pub(super) purged: BTreeSet<String>,
    /// The lanes and places of purged writes that the API has, and the ID of the next write at that time.
    pub(super) purged_accepted: Vec<(u8, Turn, WriteId)>,
    /// Broken promises.
    pub(super) broken: Vec<String>,
    pub(super) reached: BTreeMap<&'static str, u32>,
}

impl Default for World {
    fn default() -> Self {
        let now = Timestamp::from_millis(1_800_000_000_000);
        Self {
            memory: Memory::default(),
            api: Api::default(),
            runs: Vec::new(),
            now,
            behind: Duration::ZERO,
            behind_until: now,
            newest: now,
            next_id: 1,
            next_record: 0,
            purged: BTreeSet::new(),
            purged_accepted: Vec::new(),
            broken: Vec::new(),
            reached: BTreeMap::new(),
        }
    }
}

impl World {
    pub(super) fn wall(&self) -> Timestamp {
        self.now.minus(self.behind)
    }

    /// Returns the clock with its floor, and raises the floor to the newest time read.
    pub(super) fn tick(&mut self) -> Clock {
        let clock = Clock { wall: self.wall(), newest: self.newest };
        self.newest = self.newest.max(clock.wall);
        clock
    }

    pub(super) fn reach(&mut self, what: &'static str) {
        *self.reached.entry(what).or_default() += 1;
    }

    pub(super) fn pick(&self, n: u8) -> Option<WriteId> {
        let count = self.memory.writes.len();
        self.memory.writes.keys().nth(usize::from(n) % count.max(1)).copied()
    }

    pub(super) fn pick_run(&self, n: u8) -> Option<usize> {
        (!self.runs.is_empty()).then(|| usize::from(n) % self.runs.len())
    }

    pub(super) fn go(&mut self, step: &Step) {
        self.now = self.now.plus(Duration::from_secs(1));
        self.end_what_is_overdue();
        if self.now >= self.behind_until {
            self.behind = Duration::ZERO;
        }
        match *step {
            Step::Ingest { .. } => self.ingest(step),
            Step::Repeat { write, ambiguous, applied } => self.repeat(write, ambiguous, applied),
            Step::Recovered { write, lane_is_told } => self.recovered(write, lane_is_told),
            Step::Begin { new_key } => self.begin(new_key),
            Step::Claim { run, write } => self.claim(run, write),
            Step::End { run, how, retry } => self.end(run, how, retry),
            Step::Retry { run } => self.retry(run),
            Step::LetGo { run } => self.let_go(run),
            Step::Die { run } => {
                if let Some(run) = self.pick_run(run) {
                    self.die(run);
                }
            }
            Step::LoseLock { run, applied } => self.lose_lock(run, applied),
            Step::Recover => self.recover(),
            Step::Resolve { write } => self.resolve(write),
            Step::Discard { write } => self.settle(write, Settling::Discard),
            Step::Reopen { write } => self.settle(write, Settling::Reopen),
            Step::Edit { write } => self.edit(write),
            Step::Undo { write } => self.undo(write),
            Step::Split { write } => self.split(write),
            Step::Unsplit { write } => self.unsplit(write),
            Step::Purge { age_h } => self.purge(age_h),
            Step::Wait { minutes } => self.now = self.now.plus(Duration::from_mins(minutes.into())),
            Step::ClockBack { .. } if self.runs.iter().any(|run| run.lost && !run.flying.is_empty()) => {}
            Step::ClockBack { hours } => {
                // dlq was running when the clock was set back. A clock that stays back until it has caught up looks right
                // again: nobody could tell.
                self.tick();
                let off = Duration::from_hours(hours.into());
                (self.behind, self.behind_until) = (off, self.newest.plus(off).minus(Duration::from_mins(2)));
            }
            Step::ClockRight => self.behind = Duration::ZERO,
        }
        if self.now >= self.behind_until {
            self.behind = Duration::ZERO;
        }
    }

    /// Checks what has to hold after every step.
    pub(super) fn check(&self) -> Result<(), String> {
        if let Some(broken) = self.broken.first() {
            return Err(broken.clone());
        }
        for write in self.memory.writes.values() {
            let (id, state, has_it) = (write.id, write.standing.state(), self.api.has_any(write.records.clone()));
            if state == State::Replayed && !has_it {
                return Err(format!("write {id} is replayed, and the API never saw it"));
            }
            if (state == State::Replaying) != write.holder.is_some() {
                return Err(format!("write {id} is {state}, held by {:?}", write.holder));
            }
            // A write that waits without a doubt was surely not applied.
            let is_surely_not = matches!(state, State::Pending) && write.standing.ambiguous_since.is_none();
            if is_surely_not && has_it && write.parent.is_none() {
                return Err(format!("write {id} waits without a doubt, and the API has it"));
            }
            let open = write.attempts.iter().filter(|attempt| attempt.outcome.is_none()).count();
            if open > 1 {
                return Err(format!("write {id} has {open} open attempts"));
            }
        }
        Ok(())
    }
}

pub(super) fn write_of(memory: &Memory, id: WriteId) -> &Write {
    &memory.writes[&id]
}
