//! One write, from its claim to its outcome: intent, request, verdict, retries.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;
use url::Url;

use super::attempt::{Attempted, kind_of};
use super::backoff::backoff;
use super::breakers::Kind;
use super::events::{Event, Events, RunOptions};
use super::gate::Gate;
use super::pace::{Permit, Signal};
use super::transport::{Outgoing, Sent, Transport};
use crate::domain::attempt::AttemptEnd;
use crate::domain::endpoint::EndpointPath;
use crate::domain::hazard::Hazard;
use crate::domain::ids::{RunId, WriteId};
use crate::domain::notice::Notice;
use crate::domain::outcome::{AttemptOutcome, Outcome};
use crate::domain::plan::PlannedWrite;
use crate::domain::reason::{GivenUp, LastAttempt, Reason, SkipReason};
use crate::domain::rules::claim::{Step, Terms};
use crate::domain::rules::outcome::Then;
use crate::domain::state::State;
use crate::domain::time::Timestamp;
use crate::store::{Attempting, Intent, Lease, Sendable, Store, StoreError};

/// How a write ended in the run.
#[derive(Debug, Clone)]
pub(super) struct Ended {
    pub(super) index: usize,
    pub(super) outcome: Outcome,
    pub(super) reason: Option<Reason>,
    pub(super) key: String,
    pub(super) state: State,
    pub(super) last: Option<AttemptEnd>,
    pub(super) attempts: u32,
    pub(super) revision: i64,
    /// True if a stop kept it from being tried (again).
    pub(super) cut: bool,
    /// What kind its group is of, and what kind its last failure was.
    pub(super) kinds: Option<(Kind, Kind)>,
    /// True if it is still counted in [`Sender::keeping`].
    pub(super) keeps_slot: bool,
}

const LOOK_AGAIN: Duration = Duration::from_millis(250);
const MOST_URLS: usize = 1000;
/// An intent that is older than this when its request would leave (the machine slept) is looked at again instead.
const STALE_INTENT: Duration = Duration::from_secs(10);

/// The time since the machine was started, also while it slept, whatever anyone sets its clock to.
fn since_boot() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    Duration::new(time.tv_sec.try_into().unwrap_or(0), time.tv_nsec.try_into().unwrap_or(0))
}

/// All that the sending of a write needs; shared by the writes of a run.
pub(super) struct Sender<T> {
    pub(super) store: Arc<dyn Store>,
    pub(super) transport: Arc<T>,
    pub(super) options: Arc<RunOptions>,
    pub(super) run: RunId,
    /// Held for the run's life.
    pub(super) lease: Arc<dyn Lease>,
    /// Where the run sends to, as the file knows it.
    pub(super) base_url: Arc<str>,
    pub(super) stop: CancellationToken,
    pub(super) events: Events,
    pub(super) gate: Gate,
    /// How many writes have no request out and keep their slot: they wait for their next attempt, or are not over yet.
    pub(super) keeping: AtomicUsize,
    /// The URLs of the endpoints that were sent to.
    pub(super) urls: Mutex<HashMap<String, Url>>,
}

/// Where a first or next attempt stands after its intent was asked for.
enum Ready {
    Go { n: i64, at: Timestamp, asked_at: Duration, permit: Permit, sendable: Option<Box<Sendable>> },
    Not(NotSent),
}

/// The reason why there is no intent.
#[derive(Debug, Clone, Copy)]
enum NotSent {
    Skip(SkipReason),
    Refuse(Hazard),
    Stopped,
}

impl NotSent {
    /// How a write ends of which nothing was sent in this run.
    fn first(self) -> (Outcome, Reason) {
        match self {
            Self::Skip(skip) => (Outcome::Skipped, Reason::Skipped(skip)),
            Self::Refuse(hazard) => (Outcome::Refused, Reason::Hazard(hazard)),
            Self::Stopped => (Outcome::Unsent, Reason::RunStopped),
        }
    }

    /// Returns the reason why a write is not tried again.
    fn again(self) -> GivenUp {
        match self {
            Self::Skip(skip) => GivenUp::Skipped(skip),
            Self::Refuse(hazard) => GivenUp::Hazard(hazard),
            Self::Stopped => GivenUp::RunStopped,
        }
    }
}

impl<T: Transport> Sender<T> {
    /// Sends one write of the plan, retries included. `index` is its index in the plan; `permit` is for its first request.
    pub(super) async fn send(&self, index: usize, planned: &PlannedWrite, permit: Permit) -> Result<Ended, StoreError> {
        let (options, id, seq) = (&*self.options, planned.id, index + 1);
        if planned.settled {
            self.gate.learn(permit, Signal::Nothing, None);
            return self.not_sent(index, NotSent::Skip(SkipReason::Settled)).await;
        }
        let (mut n, mut at, mut asked_at, mut permit, mut sendable) =
            match self.intend(Step::First, planned, permit).await? {
                Ready::Go { n, at, asked_at, permit, sendable: Some(sendable) } => (n, at, asked_at, permit, sendable),
                Ready::Go { permit, sendable: None, .. } => {
                    self.gate.learn(permit, Signal::Nothing, None);
                    return Err(StoreError::Fenced(self.run));
                }
                Ready::Not(why) => return self.not_sent(index, why).await,
            };
        let mut ended = Ended {
            index,
            outcome: Outcome::Failed,
            reason: None,
            key: sendable.write.key.to_string(),
            state: State::Replaying,
            last: None,
            attempts: 0,
            revision: sendable.write.revision,
            cut: false,
            kinds: None,
            keeps_slot: false,
        };
        loop {
            ended.attempts += 1;
            let mut attempted = self.request(&sendable, asked_at).await;
            attempted.scrub(&options.scrubber);
            if attempted.repeats {
                let id = attempted.end.correlation_id.clone().unwrap_or_default();
                // If that can't be looked up it counts as an answer of its own.
                attempted.end.cached = !self.store.carried_by_others(id, planned.id).await.unwrap_or(true);
            }
            let retry = ended.attempts < options.max_attempts && attempted.is_retryable() && !self.stop.is_cancelled();
            // Accepted, its slot is free at once. Else nothing takes its place before the breakers know.
            ended.keeps_slot = attempted.end.outcome != AttemptOutcome::Accepted;
            if ended.keeps_slot {
                self.keeping.fetch_add(1, Ordering::Relaxed);
            }
            attempted.end.closes_target = self.gate.learn(permit, attempted.signal, attempted.limits);
            if let Some(length) = attempted.end.closes_target {
                self.tell_closed(length);
            }
            let outcome = attempted.outcome();
            let last = LastAttempt {
                outcome: attempted.end.outcome,
                maybe_cached_until: attempted.maybe_cached_until(&sendable, options.target.window, at),
                given_up: None,
            };
            ended.kinds = attempted.end.failure.as_ref().map(|f| (kind_of(&sendable.write.failure), kind_of(f)));
            sendable.earlier.extend(attempted.as_earlier());
            let reason = (outcome != Outcome::Accepted).then_some(Reason::Attempt(last));
            let then = if retry { Then::Retry } else { Then::Settle(outcome, reason.clone()) };
            let attempting = Attempting { run: self.run, seq, write: id, n, sent_at: at };
            let recorded = self.store.record_attempt(attempting, attempted.end.clone(), then).await?;
            let status = attempted.end.status;
            // What came back is on record; whoever is told of it needs its words only.
            ended.last = Some(AttemptEnd { answer: None, ..attempted.end.clone() });
            (ended.outcome, ended.state) = (recorded.outcome.unwrap_or(outcome), recorded.state);
            ended.reason = reason;
            if !retry {
                return Ok(ended);
            }
            let wait = attempted.asked.max(backoff(ended.attempts - 1, fastrand::f64(), options.target.backoff));
            if attempted.asked > Duration::ZERO && attempted.asked >= wait {
                self.tell_asked(id, status, wait);
            }
            let end = Box::new(attempted.end);
            let _ = self.events.send(Event::Retry { id, attempt: ended.attempts, end, wait });
            // Apart: few writes are tried again, and all would carry the room for that.
            let why = match Box::pin(self.wait_for_permit(wait)).await {
                None => NotSent::Stopped,
                Some(next) => {
                    // The permit stands for its slot from here on.
                    self.keeping.fetch_sub(1, Ordering::Relaxed);
                    ended.keeps_slot = false;
                    match Box::pin(self.intend(Step::Retry, planned, next)).await? {
                        Ready::Go { n: next_n, at: next_at, asked_at: next_asked, permit: next, .. } => {
                            (n, at, asked_at, permit) = (next_n, next_at, next_asked, next);
                            continue;
                        }
                        Ready::Not(why) => why,
                    }
                }
            };
            let reason = Reason::Attempt(LastAttempt { given_up: Some(why.again()), ..last });
            let recorded = Box::pin(self.store.let_go(self.run, id, seq, outcome, reason.clone())).await?;
            let outcome = recorded.outcome.unwrap_or(outcome);
            return Ok(Ended {
                outcome,
                state: recorded.state,
                reason: Some(reason),
                cut: matches!(why, NotSent::Stopped),
                ..ended
            });
        }
    }

    /// Asks the store for an intent. The permit is given back while the
    /// target is closed, so that a pause and a new pace are heeded, and if nothing will be sent.
    async fn intend(&self, step: Step, planned: &PlannedWrite, mut permit: Permit) -> Result<Ready, StoreError> {
        let not = loop {
            let terms = Terms {
                allowed: self.options.allowed.clone(),
                window: self.options.target.window,
                rate: self.gate.settings().rate,
                new_key: self.options.new_key,
                base_url: Arc::clone(&self.base_url),
            };
            let asked_at = since_boot();
            match self.store.intend(&self.lease, planned.id, planned.content, step, terms).await {
                Ok(Intent::Go { n, at, sendable }) => return Ok(Ready::Go { n, at, asked_at, permit, sendable }),
                Ok(Intent::Skip(skip)) => break Ok(Ready::Not(NotSent::Skip(skip))),
                Ok(Intent::Refuse(hazard)) => break Ok(Ready::Not(NotSent::Refuse(hazard))),
                Ok(wait @ (Intent::Closed(_) | Intent::NoToken(_))) => {
                    match Box::pin(self.wait_for_target(permit, &wait)).await {
                        Some(again) => permit = again,
                        None => return Ok(Ready::Not(NotSent::Stopped)),
                    }
                }
                Err(error) => break Err(error),
            }
        };
        self.gate.learn(permit, Signal::Nothing, None);
        not
    }

    /// Gives a permit back until the target may be sent to, and takes another; `None` if the run is stopped meanwhile.
    async fn wait_for_target(&self, permit: Permit, wait: &Intent) -> Option<Permit> {
        self.keeping.fetch_add(1, Ordering::Relaxed);
        self.gate.learn(permit, Signal::Nothing, None);
        let pause = match *wait {
            Intent::Closed(length) => {
                self.gate.close_for(length);
                self.tell_closed(length);
                Duration::ZERO
            }
            // In short steps: the rate may be changed meanwhile.
            Intent::NoToken(length) => {
                self.tell_closed(length);
                length.min(LOOK_AGAIN)
            }
            _ => Duration::ZERO,
        };
        let permit = self.wait_for_permit(pause).await;
        self.keeping.fetch_sub(1, Ordering::Relaxed);
        permit
    }

    /// Says that one write waits because the API asked for that, once for all that hear it.
    fn tell_asked(&self, id: WriteId, status: Option<u16>, length: Duration) {
        if self.gate.is_news(length) {
            let _ = self.events.send(Event::Notice(Notice::AskedToWait { write: id, status, length }));
        }
    }

    /// Says that nothing is sent for a while, once for all that hear it.
    fn tell_closed(&self, length: Duration) {
        if self.gate.is_news(length) {
            let _ = self.events.send(Event::Notice(Notice::Closed { length }));
        }
    }

    /// Waits between two attempts, and then for leave; `None` if the run is stopped meanwhile.
    async fn wait_for_permit(&self, length: Duration) -> Option<Permit> {
        if self.wait(length).await { self.gate.take(&self.stop).await } else { None }
    }

    /// Waits; false if the run is stopped meanwhile.
    async fn wait(&self, length: Duration) -> bool {
        tokio::select! {
            () = tokio::time::sleep(length) => true,
            () = self.stop.cancelled() => false,
        }
    }

    async fn not_sent(&self, index: usize, why: NotSent) -> Result<Ended, StoreError> {
        let (outcome, reason) = why.first();
        self.store.note_outcomes(self.run, vec![(index + 1, outcome, reason.clone())]).await?;
        Ok(Ended {
            index,
            outcome,
            reason: Some(reason),
            key: String::new(),
            state: State::Pending,
            last: None,
            attempts: 0,
            revision: 0,
            cut: outcome == Outcome::Unsent,
            kinds: None,
            keeps_slot: false,
        })
    }

    /// The whole URL of an endpoint; most writes share a few.
    fn url(&self, path: &EndpointPath) -> Option<Url> {
        let mut urls = self.urls.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(url) = urls.get(path.as_str()) {
            return Some(url.clone());
        }
        let url = self.options.base_url.join(path)?;
        if urls.len() < MOST_URLS {
            urls.insert(path.as_str().to_owned(), url.clone());
        }
        Some(url)
    }

    /// One request and what came of it. `intended` is when its intent was asked for.
    async fn request(&self, sendable: &Sendable, intended: Duration) -> Attempted {
        let write = &sendable.write;
        let known = &sendable.earlier;
        let Some(url) = self.url(&write.path) else {
            let why = format!("{} is not below {}", write.path, self.options.base_url);
            return Attempted::read(Sent::Impossible(why), Duration::ZERO, known, &self.options.scrubber);
        };
        if since_boot().saturating_sub(intended) > STALE_INTENT {
            let why = "this process slept between the intent and its request".to_owned();
            return Attempted::read(Sent::Stale(why), Duration::ZERO, known, &self.options.scrubber);
        }
        let request = Outgoing {
            method: write.method.clone(),
            url,
            headers: write.headers.clone(),
            key: write.key.to_string(),
            body: sendable.body.clone(),
        };
        let began = Instant::now();
        let sent = self.transport.send(request).await;
        Attempted::read(sent, began.elapsed(), known, &self.options.scrubber)
    }
}
