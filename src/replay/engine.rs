//! The engine of a run: fills free slots from the schedule, handles what comes back, stops safely.

use std::sync::{Arc, Mutex, OnceLock, RwLock};

use tokio::sync::mpsc::UnboundedSender;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::breakers::{Breakers, Failed, Over};
use super::control::heed_wishes;
use super::events::{Events, RunEvent, RunOptions, WriteEnded};
use super::gate::Gate;
use super::pace::Wait;
use super::report::{MaybeCached, RunReport};
use super::schedule::{Dropped, Finish, Schedule};
use super::sending::{Ended, Sender};
use super::transport::Transport;
use crate::domain::filter::Test;
use crate::domain::ids::{RunId, WriteId};
use crate::domain::notice::Notice;
use crate::domain::outcome::{Outcome, Tally};
use crate::domain::plan::{Plan, PlannedWrite};
use crate::domain::reason::{Damage, GivenUp, Reason, SkipReason};
use crate::domain::run::RunState;
use crate::domain::state::State;
use crate::domain::stop::{Blame, Stop, Stops};
use crate::store::{CutOff, NewRun, Store, StoreError};

/// A run in progress.
pub struct Replay<T> {
    store: Arc<dyn Store>,
    sender: Arc<Sender<T>>,
    options: Arc<RunOptions>,
    plan: Arc<Plan>,
    schedule: Schedule,
    breakers: Breakers,
    tally: Tally,
    maybe_cached: Option<MaybeCached>,
    cached: u64,
    damaged: Vec<(WriteId, Damage)>,
    connections: Connections,
    stopped: Stops,
    course: Course,
    /// Name of the operator who stopped the run from another terminal.
    stopped_by: Arc<OnceLock<String>>,
    /// Outcomes of writes that ended without a request, yet to be recorded in the file.
    notes: Vec<(usize, Outcome, Reason)>,
    events: Events,
    stop: CancellationToken,
    /// Cancelled by the second Ctrl-C: answers are no longer waited for.
    abort: CancellationToken,
}

/// The course of a run, which decides how its end is reported.
#[derive(Debug, PartialEq, Eq)]
enum Course {
    /// It works through its plan.
    Onward,
    /// A stop from outside kept a write from being sent.
    CutShort,
    /// The run stopped itself, or was aborted.
    Stopped,
    /// The store failed with this error, the first one; nothing is sent after it.
    Failed(String),
}

/// State of the connections, as last reported to the operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Connections {
    Made,
    Fail,
}

/// Notes that may be pending before they are written, as one batch.
const NOTES: usize = 1000;

impl<T: Transport> Replay<T> {
    /// Records the run with its plan and takes its lock, which is held until the run ends.
    pub async fn begin(
        store: Arc<dyn Store>,
        transport: T,
        options: RunOptions,
        plan: Plan,
        events: UnboundedSender<RunEvent>,
        stop: CancellationToken,
        abort: CancellationToken,
    ) -> Result<Self, StoreError> {
        let new = NewRun {
            target: options.target.name.clone(),
            base_url: options.base_url.clone(),
            key_header: options.target.key_header.clone().unwrap_or_default(),
            operator: options.operator.clone(),
            reason: options.reason.clone(),
            selection: options.selection.clone(),
            options: options.to_json(),
            alongside: options.alongside,
            send: plan.send.iter().map(|w| (w.id, w.content)).collect(),
            refused: plan.refused.iter().map(|(w, hazard)| (w.id, w.content, *hazard)).collect(),
        };
        let lease = store.begin_run(new).await?;
        let run = lease.run();
        let _ = events.send(RunEvent::Began(run));
        let options = Arc::new(options);
        let sender = Arc::new(Sender {
            lease,
            base_url: Arc::from(options.base_url.as_str()),
            store: Arc::clone(&store),
            transport: Arc::new(transport),
            options: Arc::clone(&options),
            run,
            stop: stop.clone(),
            events: events.clone(),
            gate: Arc::new(Gate::new(options.pace, options.target.backoff)),
            urls: Mutex::default(),
            scrubber: RwLock::new(Arc::new(options.scrubber.clone())),
        });
        let schedule = Schedule::new(&plan.send, options.canaries);
        let breakers = Breakers::new(options.max_failures);
        let replay = Self {
            store,
            sender,
            options,
            plan: Arc::new(plan),
            schedule,
            breakers,
            tally: Tally::default(),
            maybe_cached: None,
            cached: 0,
            damaged: Vec::new(),
            connections: Connections::Made,
            stopped: Stops::default(),
            course: Course::Onward,
            stopped_by: Arc::default(),
            notes: Vec::new(),
            events,
            stop,
            abort,
        };
        Ok(replay)
    }

    /// Returns the run's ID.
    pub fn id(&self) -> RunId {
        self.sender.run
    }

    /// Sends the plan and returns a report. However the run ends, no write stays claimed, and every
    /// write of the plan is reported.
    pub async fn run(mut self) -> RunReport {
        let plan = Arc::clone(&self.plan);
        for (write, hazard) in &plan.refused {
            self.tally.add(Outcome::Refused, 1);
            self.tell(write, Outcome::Refused, Some(Reason::Hazard(*hazard)), 0);
        }
        let heeding = tokio::spawn(heed_wishes(Arc::clone(&self.sender), Arc::clone(&self.stopped_by)));
        self.send_all().await;
        heeding.abort();
        let left = self.schedule.stop();
        if self.stop.is_cancelled() && !left.is_empty() {
            self.was_cut_short();
        }
        if self.course == Course::CutShort {
            self.stopped.push(Stop::Asked { by: self.stopped_by.get().cloned() });
        }
        let dropped = self.drop_writes(left).await;
        self.keep_error(dropped);
        let noted = self.write_notes(0).await;
        self.keep_error(noted);
        let new_since_plan = match self.new_since_plan().await {
            Ok(count) => count,
            Err(error) => {
                self.keep_error(Err(error));
                0
            }
        };
        let mut why = self.stopped.clone();
        if let Course::Failed(error) = &self.course {
            why.push(Stop::StoreFailed { error: error.clone() });
        }
        let state = if why.is_empty() { RunState::Finished } else { RunState::Stopped };
        let run = self.sender.run;
        let ended = self.store.end_run(run, state, why, new_since_plan).await;
        // If the end could not be recorded, the lock file stays: a lock file that nobody holds
        // marks a dead run.
        if ended.is_ok() {
            self.sender.lease.release();
        }
        self.keep_error(ended);
        RunReport {
            run,
            tally: self.tally,
            new_since_plan,
            stopped: self.stopped,
            maybe_cached: self.maybe_cached,
            cached: self.cached,
            damaged: self.damaged,
            error: match self.course {
                Course::Failed(error) => Some(error),
                Course::Onward | Course::CutShort | Course::Stopped => None,
            },
        }
    }

    /// Keeps the first error and stops the run.
    fn keep_error(&mut self, result: Result<(), StoreError>) {
        if let Err(error) = result {
            self.stop.cancel();
            if !matches!(self.course, Course::Failed(_)) {
                self.course = Course::Failed(error.to_string());
            }
        }
    }

    /// Notes that a stop kept a write from being sent. It came from outside, unless the run had
    /// already stopped itself.
    fn was_cut_short(&mut self) {
        if self.course == Course::Onward {
            self.course = Course::CutShort;
        }
    }

    async fn send_all(&mut self) {
        let mut in_flight: JoinSet<Result<Ended, StoreError>> = JoinSet::new();
        let sender = Arc::clone(&self.sender);
        let mut changes = sender.gate.changes();
        loop {
            changes.mark_unchanged();
            self.watch_connections();
            let wait = self.fill(&mut in_flight);
            let stopping = self.stop.is_cancelled();
            if in_flight.is_empty() && (stopping || wait.is_none()) {
                // Writes whose task hit a store error are still marked as in flight: the file has
                // their outcome.
                return self.settle_cut_off().await;
            }
            let joined = tokio::select! {
                Some(joined) = in_flight.join_next() => joined,
                _ = changes.changed() => continue,
                () = sender.gate.until(wait) => continue,
                () = self.stop.cancelled(), if !stopping => continue,
                () = self.abort.cancelled() => {
                    in_flight.shutdown().await;
                    self.stopped.push(Stop::CutOff);
                    if !matches!(self.course, Course::Failed(_)) {
                        self.course = Course::Stopped;
                    }
                    return self.settle_cut_off().await;
                }
            };
            let result = match joined {
                Ok(Ok(ended)) => self.over(ended).await,
                Ok(Err(error)) => Err(error),
                Err(_) => Err(StoreError::Gone),
            };
            // After an error nothing new is sent; requests in flight are still waited for and
            // reported.
            self.keep_error(result);
        }
    }

    /// Starts the writes that may go now. Returns what the next one has to wait for, or `None` if
    /// no write is ready.
    ///
    /// A slot is free as soon as its write is accepted: the store takes jobs in order, so the
    /// acceptance is committed no later than the intent of the next write.
    fn fill(&mut self, in_flight: &mut JoinSet<Result<Ended, StoreError>>) -> Option<Wait> {
        let sender = &self.sender;
        while !self.stop.is_cancelled() && self.schedule.has_next() {
            let slot = match sender.gate.try_slot() {
                Ok(slot) => slot,
                Err(wait) => return Some(wait),
            };
            let Some(index) = self.schedule.take_next() else { break };
            let (sender, plan) = (Arc::clone(sender), Arc::clone(&self.plan));
            in_flight.spawn(async move { sender.send(index, &plan.send[index], slot).await });
        }
        None
    }

    /// Reports when connections start to fail or work again, and gives up once the target counts as
    /// unreachable.
    fn watch_connections(&mut self) {
        let base = &self.options.base_url;
        let now = if self.sender.gate.is_tripped() { Connections::Fail } else { Connections::Made };
        if now != self.connections {
            self.connections = now;
            let url = base.to_string();
            let _ = self.events.send(RunEvent::Notice(match now {
                Connections::Fail => Notice::ConnectionsFail { url },
                Connections::Made => Notice::ConnectionsBack { url },
            }));
        }
        if self.sender.gate.is_unreachable() {
            self.give_up_connecting();
        }
    }

    fn give_up_connecting(&mut self) {
        self.stop_run(Stop::Unreachable { url: self.options.base_url.to_string() });
    }

    async fn over(&mut self, ended: Ended) -> Result<(), StoreError> {
        let index = ended.index;
        let plan = Arc::clone(&self.plan);
        let planned = &plan.send[index];
        // If that can't be determined, the lane is held, to be on the safe side.
        let settled =
            ended.outcome == Outcome::Skipped && !is_still_open(&*self.store, planned.id).await.unwrap_or(true);
        self.tally.add(ended.outcome, 1);
        let over = self.describe_over(&ended);
        let finish = match ended.outcome {
            Outcome::Accepted => Finish::Done,
            Outcome::Skipped if settled => {
                self.schedule.replace_canary(index);
                Finish::Done
            }
            Outcome::Failed | Outcome::Unknown => Finish::Failed,
            _ => Finish::LeftOpen,
        };
        if let Some(damage) = damage(ended.reason.as_ref()) {
            self.damaged.push((planned.id, damage));
        }
        let maybe_cached_until = match &ended.reason {
            Some(Reason::Attempt(last)) => last.maybe_cached_until,
            _ => None,
        };
        if ended.was_cut() {
            self.was_cut_short();
        }
        let state = (ended.attempts > 0).then_some(ended.state);
        let was_cached = ended.last.as_ref().is_some_and(|last| last.cached);
        let _ = self.events.send(RunEvent::Ended(Box::new(WriteEnded {
            id: planned.id,
            outcome: ended.outcome,
            reason: ended.reason.clone(),
            key: ended.key,
            state,
            last: ended.last,
            attempts: ended.attempts,
            revision: ended.revision,
        })));
        let _slot = ended.slot;
        self.cached += u64::from(ended.outcome == Outcome::Failed && was_cached);
        if let Some(until) = maybe_cached_until {
            self.maybe_cached.get_or_insert_default().add(until);
        }
        let held = self.schedule.finish(index, finish);
        self.drop_writes(held).await?;
        let Some(over) = over else { return Ok(()) };
        if self.breakers.is_new(&over)
            && let Some(failed) = &over.failed
        {
            let (group, write, cached) = (over.group, over.id, failed.blame.cached);
            let failure = Box::new(failed.failure.clone());
            let _ = self.events.send(RunEvent::Notice(Notice::NewFailure { group, write, failure, cached }));
        }
        if over.failed.as_ref().is_some_and(|failed| failed.blame.status.is_none()) && self.sender.gate.is_tripped() {
            // This failure says nothing about its group. A run can't go on without its canary;
            // otherwise the circuit breaker decides.
            if over.canary {
                self.give_up_connecting();
            }
            return Ok(());
        }
        let Some(stop) = self.breakers.learn(&over) else { return Ok(()) };
        let dropped = match &stop {
            Stop::CanaryFailed { group, .. } | Stop::FailuresInARow { group, .. } => self.schedule.stop_group(*group),
            Stop::EndpointForbidden { path, .. } => self.schedule.stop_endpoint(path),
            _ => {
                self.stop_run(stop);
                return Ok(());
            }
        };
        let stop = stop.with_never_sent(dropped.len() as u64);
        self.drop_writes(dropped).await?;
        let _ = self.events.send(RunEvent::Stopping(stop.clone()));
        self.stopped.push(stop);
        Ok(())
    }

    /// Describes an ended write for the breakers; `None` if it was not sent, or a stop cut its
    /// attempts short.
    fn describe_over(&self, ended: &Ended) -> Option<Over> {
        let planned = &self.plan.send[ended.index];
        let failed = match (ended.outcome, &ended.last) {
            (Outcome::Accepted, _) => None,
            (Outcome::Failed | Outcome::Unknown, Some(last)) if !ended.was_cut() => {
                let (group_kind, kind) = ended.kinds.clone().unwrap_or_default();
                let failure = last.failure.clone()?;
                let blame = Blame {
                    write: Some(planned.id),
                    status: last.status,
                    code: failure.code.clone(),
                    message: failure.message.clone(),
                    correlation_id: last.correlation_id.clone(),
                    cached: last.cached,
                    never_sent: 0,
                };
                Some(Failed { blame, failure, kind, group_kind })
            }
            _ => return None,
        };
        Some(Over {
            id: planned.id,
            group: planned.group,
            endpoint: Arc::clone(&planned.endpoint),
            canary: self.schedule.is_canary(ended.index),
            failed,
        })
    }

    fn stop_run(&mut self, stop: Stop) {
        if matches!(self.course, Course::Onward | Course::CutShort) {
            let _ = self.events.send(RunEvent::Stopping(stop.clone()));
            self.stopped.push(stop);
            self.course = Course::Stopped;
        }
        self.stop.cancel();
    }

    /// Counts and reports writes that will no longer be sent.
    async fn drop_writes(&mut self, dropped: Vec<Dropped>) -> Result<(), StoreError> {
        let plan = Arc::clone(&self.plan);
        for Dropped { index, outcome, reason } in dropped {
            self.tally.add(outcome, 1);
            self.tell(&plan.send[index], outcome, Some(reason.clone()), 0);
            self.notes.push((index + 1, outcome, reason));
        }
        self.write_notes(NOTES).await
    }

    async fn write_notes(&mut self, at_least: usize) -> Result<(), StoreError> {
        if self.notes.len() <= at_least {
            return Ok(());
        }
        let notes = std::mem::take(&mut self.notes);
        self.store.note_outcomes(self.sender.run, notes).await
    }

    fn tell(&self, write: &PlannedWrite, outcome: Outcome, reason: Option<Reason>, attempts: u32) {
        let _ = self.events.send(RunEvent::Ended(Box::new(WriteEnded {
            id: write.id,
            outcome,
            reason,
            key: String::new(),
            state: None,
            last: None,
            attempts,
            revision: 0,
        })));
    }

    /// Settles the writes that are still marked as in flight once sending has ended, and reports
    /// their outcomes.
    async fn settle_cut_off(&mut self) {
        let in_flight = self.schedule.in_flight();
        if in_flight.is_empty() {
            return;
        }
        let seqs = in_flight.iter().map(|index| index + 1).collect();
        let outcomes = match self.store.cut_off(self.sender.run, seqs).await {
            Ok(outcomes) => outcomes,
            Err(error) => {
                self.keep_error(Err(error));
                // Not even that is known; it is worked out when the file is next opened.
                let reason = Some(Reason::StoreFailed);
                vec![CutOff { outcome: Outcome::Unknown, reason, attempts: 0 }; in_flight.len()]
            }
        };
        let plan = Arc::clone(&self.plan);
        for (index, CutOff { outcome, reason, attempts }) in in_flight.into_iter().zip(outcomes) {
            self.tally.add(outcome, 1);
            self.tell(&plan.send[index], outcome, reason, attempts);
        }
    }

    async fn new_since_plan(&self) -> Result<u64, StoreError> {
        let filter = self.options.filter.clone().and(Test::State(State::REPLAYABLE.to_vec()));
        let count = self.store.count_after(&filter, self.options.last_id).await?;
        Ok(u64::try_from(count).unwrap_or(0))
    }
}

/// Returns the damage on disk that kept a write from being sent (again), if any.
fn damage(reason: Option<&Reason>) -> Option<Damage> {
    match reason? {
        Reason::Skipped(SkipReason::Damaged(damage)) => Some(*damage),
        Reason::Attempt(last) => match last.given_up {
            Some(GivenUp::Skipped(SkipReason::Damaged(damage))) => Some(damage),
            _ => None,
        },
        _ => None,
    }
}

/// Returns true if a skipped write is still open: its lane must not go on without it.
async fn is_still_open(store: &dyn Store, id: WriteId) -> Result<bool, StoreError> {
    Ok(store.state_of(id).await?.is_some_and(State::is_open))
}
