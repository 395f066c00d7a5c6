//! Runs: what they claim, send and record, how they die and are recovered; and the API's side of a request.

use std::sync::Arc;
use std::time::Duration;

use super::memory::Write;
use super::world::{Ends, Flight, Run, World, write_of};
use crate::domain::attempt::AttemptEnd;
use crate::domain::identity::Sha;
use crate::domain::ids::{RunId, WriteId};
use crate::domain::lane::Turn;
use crate::domain::outcome::{AttemptOutcome, Outcome};
use crate::domain::reason::{Reason, SkipReason};
use crate::domain::rules::Change;
use crate::domain::rules::claim::{Claim, Step as Asking, Terms, may_send};
use crate::domain::rules::lane::is_accepted;
use crate::domain::rules::outcome::{InHand, Then, let_go, record};
use crate::domain::rules::recovery::{Claimed, take_back};
use crate::domain::state::{Place, State};
use crate::domain::time::Timestamp;

const WINDOW: Duration = Duration::from_hours(24);

const REFUSED: [&str; 7] = [
    "refused: clock-behind",
    "refused: key-expired",
    "refused: key-not-sent",
    "refused: lane-blocked",
    "refused: superseded",
    "refused: edited-after-ambiguous",
    "refused: outcome-unknown",
];

impl World {
    pub(super) fn begin(&mut self, new_key: bool) {
        self.tick();
        let is_open = |write: &&Write| State::REPLAYABLE.contains(&write.standing.state());
        let plan = self.memory.writes.values().filter(is_open).map(|w| (w.id, w.body())).collect();
        let id = self.runs.len() as i64 + 1;
        self.runs.push(Run { id, alive: true, running: true, new_key, plan, ..Run::default() });
    }

    pub(super) fn claim(&mut self, run: u8, write: u8) {
        let Some(run) = self.pick_run(run).filter(|&run| self.runs[run].alive) else { return };
        let count = self.runs[run].plan.len();
        let Some((&id, &planned)) = self.runs[run].plan.iter().nth(usize::from(write) % count.max(1)) else { return };
        if self.memory.ended.contains_key(&(RunId(self.runs[run].id), id))
            || self.runs[run].flying.iter().any(|flight| flight.write == id)
            || self.runs[run].kept.contains(&id)
        {
            return;
        }
        self.intend(run, id, planned, Asking::First);
    }

    pub(super) fn retry(&mut self, run: u8) {
        let Some(run) = self.pick_run(run).filter(|&run| self.runs[run].alive) else { return };
        let Some(id) = self.runs[run].kept.pop() else { return };
        let planned = self.runs[run].plan[&id];
        self.intend(run, id, planned, Asking::Retry);
    }

    pub(super) fn intend(&mut self, run: usize, id: WriteId, planned: Sha, asking: Asking) {
        // The fencing token: a run that was taken for dead sends nothing more.
        if !self.runs[run].running || self.runs[run].lost {
            return;
        }
        let clock = self.tick();
        let Some(write) = self.memory.writes.get(&id) else { return };
        let run_id = RunId(self.runs[run].id);
        let terms = Terms {
            allowed: Vec::new(),
            window: WINDOW,
            rate: None,
            new_key: self.runs[run].new_key,
            base_url: Arc::from("u"),
        };
        let facts = self.memory.claim_facts(write, run_id, planned);
        match may_send(&facts, &terms, asking, clock) {
            Claim::Send(changes) => {
                self.check_sending(id, asking, planned);
                if self.memory.apply(id, Some(run_id), &changes, clock.wall) {
                    self.reach("new key");
                }
                self.reach(if asking == Asking::First { "sent" } else { "retried" });
                let write = write_of(&self.memory, id);
                let (n, key, had) =
                    (write.attempts.len(), write.key.to_string(), self.api.has_any(write.records.clone()));
                let (sent_at, answered) = (clock.wall, None);
                self.runs[run].flying.push(Flight { write: id, n, sent_at, key, left: self.now, had, answered });
            }
            Claim::Refuse(hazard) => {
                self.reach(REFUSED.iter().find(|name| name.ends_with(hazard.name())).copied().unwrap_or("refused"));
                self.give_up(run, id, asking);
            }
            Claim::Skip(why) => {
                match why {
                    SkipReason::LaneInFlight(_) => self.reach("skipped: lane in flight"),
                    SkipReason::Edited => self.reach("skipped: edited"),
                    _ => {}
                }
                self.give_up(run, id, asking);
            }
            Claim::Fenced | Claim::Moved | Claim::Closed(..) | Claim::NoToken(..) => {}
        }
    }

    /// Releases a write that may not be retried.
    pub(super) fn give_up(&mut self, run: usize, id: WriteId, asking: Asking) {
        if asking == Asking::Retry {
            self.release(run, id);
        }
    }

    pub(super) fn release(&mut self, run: usize, id: WriteId) {
        let (now, run_id) = (self.tick().wall, RunId(self.runs[run].id));
        let Some(write) = self.memory.writes.get(&id) else { return };
        let facts = InHand {
            run: run_id,
            holder: write.holder,
            standing: write.standing,
            unanswered: write.unanswered(run_id),
        };
        let reason = Reason::attempt(AttemptOutcome::Unclear);
        let recorded = let_go(&facts, Outcome::Failed, reason);
        self.apply_recorded(run_id, id, &recorded.changes, now);
    }

    pub(super) fn let_go(&mut self, run: u8) {
        let Some(run) = self.pick_run(run).filter(|&run| self.runs[run].alive) else { return };
        if let Some(id) = self.runs[run].kept.pop() {
            self.release(run, id);
        }
    }

    /// Applies what a run records, in place of what its recovery may have recorded meanwhile.
    pub(super) fn apply_recorded(&mut self, run: RunId, id: WriteId, changes: &[Change], now: Timestamp) {
        self.memory.ended.remove(&(run, id));
        self.memory.apply(id, Some(run), changes, now);
    }

    pub(super) fn end(&mut self, run: u8, how: Ends, retry: bool) {
        let Some(run) = self.pick_run(run) else { return };
        // A process that was taken for dead may be alive, only cut off from its lock. Its answer comes late.
        if !self.runs[run].alive && self.runs[run].flying.is_empty() {
            return;
        }
        let Some(flight) = self.runs[run].flying.pop() else { return };
        let run_id = RunId(self.runs[run].id);
        let outcome = flight.answered.unwrap_or_else(|| self.request(&flight, how));
        let now = self.tick().wall;
        let end = AttemptEnd {
            outcome,
            failure: None,
            status: None,
            correlation_id: None,
            cached: false,
            answer: None,
            transport: None,
            rejected: Vec::new(),
            profile: None,
            latency_ms: 1,
            closes_target: None,
        };
        let Some(write) = self.memory.writes.get_mut(&flight.write) else { return };
        let unanswered = write.unanswered(run_id);
        let is_late = write.holder != Some(run_id);
        write.attempts[flight.n - 1].outcome = Some(outcome);
        let facts = InHand { run: run_id, holder: write.holder, standing: write.standing, unanswered };
        let in_run = match outcome {
            AttemptOutcome::Accepted => Outcome::Accepted,
            AttemptOutcome::NoAnswer => Outcome::Unknown,
            _ => Outcome::Failed,
        };
        let keeps = retry && !is_late && outcome != AttemptOutcome::Accepted;
        let reason = (in_run != Outcome::Accepted).then(|| Reason::attempt(outcome));
        let then = if keeps { Then::Retry } else { Then::Settle(in_run, reason) };
        let recorded = record(&facts, &end, flight.sent_at, then, now);
        self.apply_recorded(run_id, flight.write, &recorded.changes, now);
        if is_late && outcome == AttemptOutcome::Accepted && recorded.state == State::Replayed {
            self.reach("late acceptance");
        }
        if keeps {
            self.runs[run].kept.push(flight.write);
        }
    }

    /// Plays the API's side of a request.
    pub(super) fn request(&mut self, flight: &Flight, how: Ends) -> AttemptOutcome {
        let (applies, outcome) = match how {
            Ends::Accepted => (true, AttemptOutcome::Accepted),
            Ends::Refused => (false, AttemptOutcome::Refused),
            Ends::Unclear { applied } => (applied, AttemptOutcome::Unclear),
            Ends::NoAnswer { applied } => (applied, AttemptOutcome::NoAnswer),
            Ends::NotSent => (false, AttemptOutcome::NotSent),
        };
        let Some(write) = self.memory.writes.get(&flight.write) else { return outcome };
        let (append, records) = (write.append, write.records.clone());
        // The API repeats what it remembers of a key, so it can't refuse what it has applied under it.
        if !applies && outcome == AttemptOutcome::Refused && self.api.has_any(records.clone()) {
            return AttemptOutcome::Unclear;
        }
        if !applies {
            return outcome;
        }
        let applied = self.api.apply(Some(&flight.key), records, flight.left);
        if applied {
            self.reach("applied");
            if outcome != AttemptOutcome::Accepted {
                self.reach("applied without an answer");
            }
            if flight.had && append {
                self.broken.push(format!("write {} was applied twice by dlq's doing", flight.write));
            }
        } else {
            self.reach("answered from the cache");
        }
        outcome
    }

    /// Checks the promises when a request leaves, before its claim is applied.
    pub(super) fn check_sending(&mut self, id: WriteId, asking: Asking, planned: Sha) {
        let write = write_of(&self.memory, id).clone();
        let mut broken = Vec::new();
        let is_out = |flight: &Flight| flight.write == id && flight.answered.is_none();
        let is_flying = self.runs.iter().any(|run| run.flying.iter().any(is_out));
        for mate in self.memory.writes.values().filter(|mate| mate.lane == write.lane) {
            // The request of a run that was taken for dead is over: only then is its claim taken back.
            if mate.id != id && matches!(mate.standing.place, Place::Replaying { .. }) {
                broken.push(format!("write {id} and {} of one lane are in hand at once", mate.id));
            }
            let is_open = mate.standing.state().is_open();
            if mate.id != id && is_open && mate.turn < write.turn {
                broken.push(format!("write {id} overtakes {}, which is open", mate.id));
            }
            if is_accepted(mate.standing.place) && mate.turn > write.turn {
                broken.push(format!("write {id} would turn back {}, which is newer", mate.id));
            }
        }
        let knew = |before: &WriteId| id < *before;
        let purged =
            |(lane, turn, before): &(u8, Turn, WriteId)| *lane == write.lane && *turn > write.turn && knew(before);
        if self.purged_accepted.iter().any(purged) {
            broken.push(format!("write {id} would turn back one that is newer, and was purged"));
        }
        let is_newer = |(lane, at): &(u8, Timestamp)| *lane == write.lane && *at > write.turn.at;
        if self.memory.successes.iter().any(is_newer) {
            broken.push(format!("write {id} would turn back what its producer got accepted"));
        }
        if write.body() != planned {
            broken.push(format!("write {id} is sent with another body than its plan showed"));
        }
        if is_flying {
            broken.push(format!("write {id} is sent twice at once"));
        }
        if asking == Asking::First && write.standing.state() == State::Replaying {
            broken.push(format!("write {id} is claimed twice"));
        }
        self.broken.extend(broken);
    }

    /// Ends the process. Its requests on the wire were applied or not, and no answer will tell.
    pub(super) fn die(&mut self, run: usize) {
        self.runs[run].alive = false;
        self.runs[run].kept.clear();
        let flying = std::mem::take(&mut self.runs[run].flying);
        for flight in flying.into_iter().filter(|flight| flight.answered.is_none()) {
            let applied = (self.now.millis() / 1000 + flight.write.0) % 2 == 0;
            self.request(&flight, Ends::NoAnswer { applied });
        }
    }

    /// Removes the lock file and stops the process: its requests in flight are answered, but nobody hears it yet.
    pub(super) fn lose_lock(&mut self, run: u8, applied: bool) {
        let Some(run) = self.pick_run(run).filter(|&run| self.runs[run].alive) else { return };
        // The wait for it is measured by the clock: a lock that is lost while the clock jumps is one fault too
        // many.
        let is_right = self.runs[run].flying.iter().all(|flight| flight.sent_at == flight.left);
        if !self.behind.is_zero() || !is_right {
            return;
        }
        self.runs[run].lost = true;
        self.runs[run].applied = applied;
        self.runs[run].kept.clear();
    }

    /// Ends the requests of stopped processes, which last a minute at most, whether or not the processes ever hear of it.
    pub(super) fn end_what_is_overdue(&mut self) {
        for run in 0..self.runs.len() {
            for n in 0..self.runs[run].flying.len() {
                let flight = self.runs[run].flying[n].clone();
                let is_over = self.now.since(flight.left) > Duration::from_mins(1);
                if self.runs[run].lost && is_over && flight.answered.is_none() {
                    let applied = self.runs[run].applied;
                    let how = if applied { Ends::Accepted } else { Ends::NoAnswer { applied } };
                    self.runs[run].flying[n].answered = Some(self.request(&flight, how));
                }
            }
        }
    }

    pub(super) fn recover(&mut self) {
        for run in 0..self.runs.len() {
            let Run { alive, lost, running, .. } = self.runs[run];
            if !lost && (alive || !running) {
                continue;
            }
            let (now, id) = (self.tick().wall, RunId(self.runs[run].id));
            // The process of a lost lock may still be alive: its requests may be under way for this long.
            let before = lost.then(|| now.minus(Duration::from_mins(2)));
            self.runs[run].running = false;
            let held: Vec<WriteId> =
                self.memory.writes.values().filter(|w| w.holder == Some(id)).map(|w| w.id).collect();
            for write in held {
                let found = write_of(&self.memory, write);
                let open_intent = found.attempts.iter().find(|a| a.run == id && a.outcome.is_none()).map(|a| a.sent_at);
                let last = found.attempts.iter().rev().find(|a| a.run == id).and_then(|a| a.outcome);
                let facts = Claimed {
                    run: id,
                    holder: found.holder,
                    standing: Some(found.standing),
                    open_intent,
                    last,
                    unanswered: found.unanswered(id),
                };
                let Some(changes) = take_back(&facts, before) else {
                    self.reach("left in flight");
                    continue;
                };
                self.memory.apply(write, Some(id), &changes, now);
                if open_intent.is_some() {
                    self.reach("recovered in flight");
                }
            }
        }
    }
}
