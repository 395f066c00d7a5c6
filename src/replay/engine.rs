//! The engine: fills free slots from the schedule, follows what comes back, stops safely.

use std::sync::Arc;
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
            notes: Vec::new(),
            events,
            stop,
            abort,
        };
        Ok((replay, lock))
    }

    /// Sends the plan, and reports. Whatever ends it, nothing stays claimed.
    pub async fn run(mut self, lock: RunLock) -> Result<Report, StoreError> {
        let plan = Arc::clone(&self.plan);
        for (write, hazard) in &plan.refused {
            self.tally.add(Outcome::Refused, 1);
            self.tell(write, Outcome::Refused, Some(hazard.name().to_owned()));
        }
        let sent = self.send_all().await;
        if sent.is_err() {
            // What is in flight is over (its tasks are gone); its claims go back below.
            self.stopped.push("an error of the store".to_owned());
        } else if self.stop.is_cancelled() && self.stopped.is_empty() {
            self.stopped.push("it was asked to stop".to_owned());
        }
        let reason = self.stopped.first().cloned().unwrap_or_default();
        let left = self.schedule.stop(&reason);
        self.drop_writes(left).await?;
        self.write_notes(0).await?;
        let new_since_plan = self.new_since_plan().await?;
        let stopped = (!self.stopped.is_empty()).then(|| self.stopped.join("; "));
        let state = if stopped.is_some() { RunState::Stopped } else { RunState::Finished };
        let run = self.sender.run;
        self.store.end_run(run, state, stopped.clone(), new_since_plan, Timestamp::now()).await?;
        lock.release();
        sent?;
        Ok(Report { run, tally: self.tally, new_since_plan, stopped })
    }

    async fn send_all(&mut self) -> Result<(), StoreError> {
        let mut in_flight: JoinSet<Result<Ended, StoreError>> = JoinSet::new();
        loop {
            while in_flight.len() < self.options.concurrency && !self.stop.is_cancelled() {
                let Some(index) = self.schedule.take_next() else { break };
                let (sender, plan) = (Arc::clone(&self.sender), Arc::clone(&self.plan));
                in_flight.spawn(async move { sender.send(index, &plan.send[index]).await });
            }
            let ended = tokio::select! {
                ended = in_flight.join_next() => ended,
                () = self.abort.cancelled() => {
                    in_flight.shutdown().await;
                    self.stopped.push("it was cut off; what was in flight is unknown".to_owned());
                    self.count_cut_off().await?;
                    return Ok(());
                }
            };
            match ended {
                None => return Ok(()),
                Some(Ok(Ok(ended))) => self.over(ended).await?,
                Some(Ok(Err(error))) => {
                    // The store can't be trusted to record what comes back: send nothing more.
                    self.stop.cancel();
                    while in_flight.join_next().await.is_some() {}
                    return Err(error);
                }
                Some(Err(_)) => {
                    self.stop.cancel();
                    return Err(StoreError::Gone);
                }
            }
        }
    }

    async fn over(&mut self, ended: Ended) -> Result<(), StoreError> {
        let index = ended.index;
        let plan = Arc::clone(&self.plan);
        let planned = &plan.send[index];
        self.tally.add(ended.outcome, 1);
        let was_canary = self.schedule.is_canary(index);
        let finish = match ended.outcome {
            Outcome::Accepted => Finish::Done,
            Outcome::Skipped if !is_still_open(&self.store, planned.id).await? => {
                self.schedule.replace_canary(index);
                Finish::Done
            }
            Outcome::Failed | Outcome::Unknown => Finish::Failed,
            _ => Finish::LeftOpen,
        };
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
        } else if was_canary && finish == Finish::Failed {
            let reason = ended.reason.unwrap_or_default();
            self.stop_group(planned.group, planned.id, &reason).await?;
        }
        Ok(())
    }

    fn stop_run(&mut self, reason: &str) {
        if !self.stop.is_cancelled() || self.stopped.is_empty() {
            self.stopped.push(reason.to_owned());
            let _ = self.events.send(Event::Stopping(reason.to_owned()));
        }
        self.stop.cancel();
    }

    async fn stop_group(&mut self, group: GroupId, canary: WriteId, why: &str) -> Result<(), StoreError> {
        let reason = format!("group {group} was stopped: its canary, write {canary}, failed ({why})");
        let dropped = self.schedule.stop_group(group, &reason);
        let never_sent = dropped.len();
        self.drop_writes(dropped).await?;
        let message = format!("{reason}; {never_sent} writes were never sent");
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

    /// After a cut: what became of the writes whose answers nobody waited for.
    async fn count_cut_off(&mut self) -> Result<(), StoreError> {
        let in_flight = self.schedule.in_flight();
        let seqs = in_flight.iter().map(|index| index + 1).collect();
        let outcomes = self.store.cut_off(self.sender.run, seqs, Timestamp::now()).await?;
        let plan = Arc::clone(&self.plan);
        for (index, outcome) in in_flight.into_iter().zip(outcomes) {
            self.tally.add(outcome, 1);
            self.tell(&plan.send[index], outcome, Some("the run was cut off before an answer came".to_owned()));
        }
        Ok(())
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
