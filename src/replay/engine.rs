//! The engine: fills free slots from the schedule, follows what comes back, stops safely.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::mpsc::UnboundedSender;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::attempt::{Ended, Sender};
use super::report::Report;
use super::schedule::{Dropped, Finish, Schedule};
use super::transport::Transport;
use crate::domain::endpoint::BaseUrl;
use crate::domain::filter::{Filter, Test};
use crate::domain::hazard::Hazard;
use crate::domain::ids::{GroupId, RunId, WriteId};
use crate::domain::outcome::{Outcome, Tally};
use crate::domain::plan::{Plan, PlannedWrite};
use crate::domain::run::{Operator, RunState};
use crate::domain::state::State;
use crate::domain::target::TargetSettings;
use crate::domain::time::Timestamp;
use crate::store::{NewRun, RunLock, Store, StoreError};

/// How a run sends.
#[derive(Debug, Clone)]
pub struct RunOptions {
    /// The target.
    pub target: TargetSettings,
    /// Where it is; the file is bound to it.
    pub base_url: BaseUrl,
    /// Hazards that are overridden.
    pub allowed: Vec<Hazard>,
    /// The most writes in flight.
    pub concurrency: usize,
    /// How many writes go first, one by one.
    pub canaries: usize,
    /// The most requests for a write in this run.
    pub max_attempts: u32,
    /// Who starts it.
    pub operator: Operator,
    /// Why, in the operator's words.
    pub reason: Option<String>,
    /// What was selected, as text.
    pub query: String,
    /// What was selected.
    pub filter: Filter,
    /// The highest ID when the plan was made.
    pub last_id: WriteId,
}

/// What happens in a run, as it happens.
#[derive(Debug, Clone)]
pub enum Event {
    /// The run has begun.
    Began(RunId),
    /// A write is over.
    Ended(Box<WriteEnded>),
    /// A write will be tried again.
    Retry {
        /// The write.
        id: WriteId,
        /// The attempt that failed, counted in this run.
        attempt: u32,
        /// Why.
        reason: String,
        /// How long it waits.
        wait: Duration,
    },
    /// A group or the whole run stops, and why.
    Stopping(String),
}

/// How a write ended in its run.
#[derive(Debug, Clone)]
pub struct WriteEnded {
    /// The write.
    pub id: WriteId,
    /// How.
    pub outcome: Outcome,
    /// Why, unless it was accepted.
    pub reason: Option<String>,
    /// The key it was sent under; empty when it was not sent.
    pub key: String,
    /// Its state now; `None` when this run did not touch it.
    pub state: Option<State>,
    /// The last attempt.
    pub last: Option<crate::store::AttemptEnd>,
    /// The attempts of this run.
    pub attempts: u32,
    /// The body's version.
    pub revision: i64,
}

pub(super) type Events = UnboundedSender<Event>;

/// A run in progress.
pub struct Replay<T> {
    store: Arc<Store>,
    sender: Arc<Sender<T>>,
    options: Arc<RunOptions>,
    plan: Arc<Plan>,
    schedule: Schedule,
    tally: Tally,
    stopped: Vec<String>,
    /// Whether the run stopped itself, and whether a stop from outside kept a write from being sent.
    stopped_itself: bool,
    cut_short: bool,
    /// The first error of the store. Nothing is sent after it.
    error: Option<String>,
    /// Writes that ended without a request, for the file.
    notes: Vec<(usize, Outcome, String)>,
    events: Events,
    stop: CancellationToken,
    /// Cancelled by the second Ctrl-C: don't wait for answers.
    abort: CancellationToken,
}

/// Notes are written in batches.
const NOTES: usize = 1000;

impl<T: Transport> Replay<T> {
    /// Records the run and its plan, and takes its lock.
    pub async fn begin(
        store: Arc<Store>,
        transport: T,
        options: RunOptions,
        plan: Plan,
        events: UnboundedSender<Event>,
        stop: CancellationToken,
        abort: CancellationToken,
    ) -> Result<(Self, RunLock), StoreError> {
        let settings = serde_json::json!({
            "base_url": options.base_url.as_str(),
            "concurrency": options.concurrency,
            "canary": options.canaries,
            "max_attempts": options.max_attempts,
            "allow": options.allowed.iter().map(|h| h.name()).collect::<Vec<_>>(),
        });
        let new = NewRun {
            target: options.target.name.clone(),
            operator: options.operator.clone(),
            reason: options.reason.clone(),
            query: options.query.clone(),
            options: settings.to_string(),
            send: plan.send.iter().map(|w| (w.id, w.content)).collect(),
            refused: plan.refused.iter().map(|(w, hazard)| (w.id, w.content, hazard.name())).collect(),
        };
        let (run, lock) = store.begin_run(new, Timestamp::now()).await?;
        let _ = events.send(Event::Began(run));
        let options = Arc::new(options);
        let sender = Arc::new(Sender {
            store: Arc::clone(&store),
            transport: Arc::new(transport),
            options: Arc::clone(&options),
            run,
            stop: stop.clone(),
            events: events.clone(),
            not_before: Mutex::new(None),
        });
        let schedule = Schedule::new(&plan.send, options.canaries);
        let replay = Self {
            store,
            sender,
            options,
            plan: Arc::new(plan),
            schedule,
            tally: Tally::default(),
            stopped: Vec::new(),
            stopped_itself: false,
            cut_short: false,
            error: None,
            notes: Vec::new(),
            events,
            stop,
            abort,
        };
        Ok((replay, lock))
    }

    /// Sends the plan, and reports. Whatever ends it, nothing stays claimed, and every write of the plan is told.
    pub async fn run(mut self, lock: RunLock) -> Report {
        let plan = Arc::clone(&self.plan);
        for (write, hazard) in &plan.refused {
            self.tally.add(Outcome::Refused, 1);
            self.tell(write, Outcome::Refused, Some(hazard.name().to_owned()));
        }
        self.send_all().await;
        let asked = self.stop.is_cancelled() && !self.stopped_itself && self.error.is_none();
        let by_hand = "it was asked to stop";
        let reason = match (&self.error, asked) {
            (Some(_), _) => "the store failed",
            (None, true) => by_hand,
            (None, false) => self.stopped.last().map_or("", String::as_str),
        }
        .to_owned();
        let left = self.schedule.stop(&reason);
        if asked && (self.cut_short || !left.is_empty()) {
            self.stopped.push(by_hand.to_owned());
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
        let stopped = (!self.stopped.is_empty()).then(|| self.stopped.join("; "));
        let state = if stopped.is_some() || self.error.is_some() { RunState::Stopped } else { RunState::Finished };
        let why = stopped.clone().or_else(|| self.error.clone());
        let run = self.sender.run;
        let ended = self.store.end_run(run, state, why, new_since_plan, Timestamp::now()).await;
        self.keep_error(ended);
        lock.release();
        Report { run, tally: self.tally, new_since_plan, stopped, error: self.error }
    }

    /// Notes the first error, and stops.
    fn keep_error(&mut self, result: Result<(), StoreError>) {
        if let Err(error) = result {
            self.stop.cancel();
            self.error.get_or_insert_with(|| error.to_string());
        }
    }

    async fn send_all(&mut self) {
        let mut in_flight: JoinSet<(usize, Result<Ended, StoreError>)> = JoinSet::new();
        loop {
            while in_flight.len() < self.options.concurrency && !self.stop.is_cancelled() {
                let Some(index) = self.schedule.take_next() else { break };
                let (sender, plan) = (Arc::clone(&self.sender), Arc::clone(&self.plan));
                in_flight.spawn(async move { (index, sender.send(index, &plan.send[index]).await) });
            }
            let joined = tokio::select! {
                joined = in_flight.join_next() => joined,
                () = self.abort.cancelled() => {
                    in_flight.shutdown().await;
                    self.stopped.push("it was cut off; what was in flight is unknown".to_owned());
                    self.stopped_itself = true;
                    return self.settle_cut_off().await;
                }
            };
            let result = match joined {
                // Writes whose task met an error of the store: the file says what became of them.
                None => return self.settle_cut_off().await,
                Some(Ok((_, Ok(ended)))) => self.over(ended).await,
                Some(Ok((_, Err(error)))) => Err(error),
                Some(Err(_)) => Err(StoreError::Gone),
            };
            // After an error nothing new is sent, and what is in flight is still waited for and told.
            self.keep_error(result);
        }
    }

    async fn over(&mut self, ended: Ended) -> Result<(), StoreError> {
        let index = ended.index;
        let plan = Arc::clone(&self.plan);
        let planned = &plan.send[index];
        // If that can't be told, the lane is held: the careful side.
        let settled =
            ended.outcome == Outcome::Skipped && !is_still_open(&self.store, planned.id).await.unwrap_or(true);
        self.tally.add(ended.outcome, 1);
        let was_canary = self.schedule.is_canary(index);
        let finish = match ended.outcome {
            Outcome::Accepted => Finish::Done,
            Outcome::Skipped if settled => {
                self.schedule.replace_canary(index);
                Finish::Done
            }
            Outcome::Failed | Outcome::Unknown => Finish::Failed,
            _ => Finish::LeftOpen,
        };
        self.cut_short |= ended.cut;
        let unauthorized = ended.last.as_ref().is_some_and(|last| last.status == Some(401));
        let state = (ended.attempts > 0).then_some(ended.state);
        let _ = self.events.send(Event::Ended(Box::new(WriteEnded {
            id: planned.id,
            outcome: ended.outcome,
            reason: ended.reason.clone(),
            key: ended.key,
            state,
            last: ended.last,
            attempts: ended.attempts,
            revision: ended.revision,
        })));
        let held = self.schedule.finish(index, finish);
        self.drop_writes(held).await?;
        if unauthorized {
            self.stop_run("the API does not accept the token (401); put a valid one in place and replay again");
        } else if was_canary && finish == Finish::Failed && !ended.cut {
            let reason = ended.reason.unwrap_or_default();
            self.stop_group(planned.group, planned.id, &reason).await?;
        }
        Ok(())
    }

    fn stop_run(&mut self, reason: &str) {
        if !self.stopped_itself {
            self.stopped.push(reason.to_owned());
            let _ = self.events.send(Event::Stopping(reason.to_owned()));
        }
        self.stopped_itself = true;
        self.stop.cancel();
    }

    async fn stop_group(&mut self, group: GroupId, canary: WriteId, why: &str) -> Result<(), StoreError> {
        let reason = format!("group {group} was stopped: its canary, write {canary}, failed ({why})");
        let dropped = self.schedule.stop_group(group, &reason);
        let never_sent = dropped.len();
        self.drop_writes(dropped).await?;
        let rest = if never_sent == 0 { String::new() } else { format!("; {never_sent} writes were never sent") };
        let message = format!("{reason}{rest} (dlq show {canary})");
        let _ = self.events.send(Event::Stopping(message.clone()));
        self.stopped.push(message);
        Ok(())
    }

    /// Counts and tells writes that will not be sent any more.
    async fn drop_writes(&mut self, dropped: Vec<Dropped>) -> Result<(), StoreError> {
        let plan = Arc::clone(&self.plan);
        for Dropped { index, outcome, reason } in dropped {
            self.tally.add(outcome, 1);
            self.tell(&plan.send[index], outcome, Some(reason.clone()));
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

    fn tell(&self, write: &PlannedWrite, outcome: Outcome, reason: Option<String>) {
        let _ = self.events.send(Event::Ended(Box::new(WriteEnded {
            id: write.id,
            outcome,
            reason,
            key: String::new(),
            state: None,
            last: None,
            attempts: 0,
            revision: 0,
        })));
    }

    /// What became of the writes that are in flight no more and were not told yet.
    async fn settle_cut_off(&mut self) {
        let in_flight = self.schedule.in_flight();
        if in_flight.is_empty() {
            return;
        }
        let seqs = in_flight.iter().map(|index| index + 1).collect();
        let outcomes = match self.store.cut_off(self.sender.run, seqs, Timestamp::now()).await {
            Ok(outcomes) => outcomes,
            Err(error) => {
                self.keep_error(Err(error));
                // Not even that is known; the next one to open the file finds out.
                vec![(Outcome::Unknown, Some("the store failed".to_owned())); in_flight.len()]
            }
        };
        let plan = Arc::clone(&self.plan);
        for (index, (outcome, reason)) in in_flight.into_iter().zip(outcomes) {
            self.tally.add(outcome, 1);
            self.tell(&plan.send[index], outcome, reason);
        }
    }

    async fn new_since_plan(&self) -> Result<u64, StoreError> {
        let filter = self.options.filter.clone().and(Test::State(State::REPLAYABLE.to_vec()));
        let count = self.store.count_after(&filter, self.options.last_id, Timestamp::now()).await?;
        Ok(u64::try_from(count).unwrap_or(0))
    }
}

/// Whether a write that was skipped still waits: then its lane must not go on without it.
async fn is_still_open(store: &Store, id: WriteId) -> Result<bool, StoreError> {
    Ok(store.state_of(id).await?.is_some_and(State::is_open))
}
