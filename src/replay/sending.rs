//! One write, from its claim to its outcome: intent, request, verdict, retries.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;
use url::Url;

use super::attempt::{Asking, Attempted, kind_of};
use super::backoff::backoff;
use super::breakers::Kind;
use super::events::{Events, RunEvent, RunOptions};
use super::gate::{Gate, Slot};
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
use crate::domain::secrets::Scrubber;
use crate::domain::state::State;
use crate::domain::time::Timestamp;
use crate::store::{Attempting, Intent, Lease, Sendable, Store, StoreError};

/// The end of a write in the run.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) index: usize,
    pub(super) outcome: Outcome,
    pub(super) reason: Option<Reason>,
    pub(super) key: String,
    pub(super) state: State,
    pub(super) last: Option<AttemptEnd>,
    pub(super) attempts: u32,
    pub(super) revision: i64,
    /// The kind of failure of its group, and of its last attempt.
    pub(super) kinds: Option<(Kind, Kind)>,
    /// Held until the breakers have taken in the result.
    pub(super) slot: Slot,
}

impl Ended {
    /// Returns true if a stop kept it from being tried (again).
    pub(super) fn was_cut(&self) -> bool {
        match self.reason {
            Some(Reason::RunStopped) => true,
            Some(Reason::Attempt(last)) => last.given_up == Some(GivenUp::RunStopped),
            _ => false,
        }
    }
}

const LOOK_AGAIN: Duration = Duration::from_millis(250);
const MOST_URLS: usize = 1000;
/// Age above which an intent is checked again rather than sent, as when the machine has slept.
const STALE_INTENT: Duration = Duration::from_secs(10);

/// Returns the time since the machine was started, sleep included, whatever happens to its wall
/// clock.
fn since_boot() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    Duration::new(time.tv_sec.try_into().unwrap_or(0), time.tv_nsec.try_into().unwrap_or(0))
}

/// Everything needed to send a write, shared by all writes of a run.
pub(super) struct Sender<T> {
    pub(super) store: Arc<dyn Store>,
    pub(super) transport: Arc<T>,
    pub(super) options: Arc<RunOptions>,
    pub(super) run: RunId,
    /// Held for the run's life.
    pub(super) lease: Arc<dyn Lease>,
    /// The target's base URL, as the file has it.
    pub(super) base_url: Arc<str>,
    pub(super) stop: CancellationToken,
    pub(super) events: Events,
    pub(super) gate: Arc<Gate>,
    /// URLs by endpoint path, for those used so far.
    pub(super) urls: Mutex<HashMap<String, Url>>,
    /// Blanks secrets in all that is kept, the tokens of this run among them.
    pub(super) scrubber: RwLock<Arc<Scrubber>>,
}

/// A committed intent.
struct Intended {
    /// The attempt's number among the write's attempts.
    n: i64,
    /// The time of the intent by the store's clock.
    at: Timestamp,
    /// The time since boot when it was asked for.
    asked_at: Duration,
    /// The write to send; `None` for a retry, which has it already.
    sendable: Option<Box<Sendable>>,
}

/// The decision after the wait between two attempts.
enum Again {
    /// The next attempt: its intent, and the slot with a permit for it.
    Try(Intended, Slot),
    /// The end of the write, without another attempt.
    GaveUp(Box<Ended>),
}

/// The reason why there is no intent.
#[derive(Debug, Clone, Copy)]
enum NotSent {
    Skip(SkipReason),
    Refuse(Hazard),
    Stopped,
}

impl NotSent {
    /// Returns the outcome of a write of which nothing was sent in this run, with the reason.
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
    /// Sends one write of the plan, retries included. `index` is its index in the plan; `slot`
    /// holds the permit for its first request.
    pub(super) async fn send(&self, index: usize, planned: &PlannedWrite, mut slot: Slot) -> Result<Ended, StoreError> {
        let (options, id, seq) = (&*self.options, planned.id, index + 1);
        if planned.settled {
            return self.not_sent(index, NotSent::Skip(SkipReason::Settled), slot).await;
        }
        let (mut intended, mut sendable) = match self.intend(Step::First, planned, &mut slot).await? {
            Ok(Intended { sendable: Some(sendable), n, at, asked_at }) => {
                (Intended { n, at, asked_at, sendable: None }, sendable)
            }
            Ok(Intended { sendable: None, .. }) => return Err(StoreError::Fenced(self.run)),
            Err(why) => return self.not_sent(index, why, slot).await,
        };
        let mut attempts = 0;
        let mut may_be_applied = sendable.write.standing.ambiguous_since.is_some();
        loop {
            attempts += 1;
            let asked_at = Instant::now();
            let mut attempted = self.request(&sendable, may_be_applied, intended.asked_at).await;
            may_be_applied |= matches!(
                attempted.end.outcome,
                AttemptOutcome::NoAnswer | AttemptOutcome::Unclear | AttemptOutcome::Partial
            );
            attempted.scrub(&self.scrubber());
            if attempted.repeats {
                let id = attempted.end.correlation_id.clone().unwrap_or_default();
                // If the lookup fails, the answer does not count as cached.
                attempted.end.cached = !self.store.carried_by_others(id, planned.id).await.unwrap_or(true);
            }
            let may_retry = attempts < options.max_attempts && !self.stop.is_cancelled();
            // Before the breaker falls: there may be a new token.
            let renewed = may_retry && attempted.end.status == Some(401) && self.renew_token(asked_at).await;
            let retry = may_retry && (attempted.is_retryable() || renewed);
            attempted.end.closes_target = slot.heard(attempted.signal, attempted.limits);
            if let Some(length) = attempted.end.closes_target {
                self.tell_closed(length);
            }
            let outcome = attempted.outcome();
            let last = LastAttempt {
                outcome: attempted.end.outcome,
                maybe_cached_until: attempted.maybe_cached_until(&sendable, options.target.window, intended.at),
                given_up: None,
            };
            let kinds = attempted.end.failure.as_ref().map(|f| (kind_of(&sendable.write.failure), kind_of(f)));
            sendable.earlier.extend(attempted.as_earlier());
            let reason = (outcome != Outcome::Accepted).then_some(Reason::Attempt(last));
            let then = if retry { Then::Retry } else { Then::Settle(outcome, reason.clone()) };
            let attempting = Attempting { run: self.run, seq, write: id, n: intended.n, sent_at: intended.at };
            let recorded = self.store.record_attempt(attempting, attempted.end.clone(), then).await?;
            let status = attempted.end.status;
            let ended = Ended {
                index,
                outcome: recorded.outcome.unwrap_or(outcome),
                reason,
                key: sendable.write.key.to_string(),
                state: recorded.state,
                // The answer itself is on record; whoever hears of it needs only the failure.
                last: Some(AttemptEnd { answer: None, ..attempted.end.clone() }),
                attempts,
                revision: sendable.write.revision,
                kinds,
                slot,
            };
            if !retry {
                return Ok(ended);
            }
            let wait = attempted.asked.max(backoff(attempts - 1, fastrand::f64(), options.target.backoff));
            if attempted.asked > Duration::ZERO && attempted.asked >= wait {
                self.tell_asked(id, status, wait);
            }
            let end = Box::new(attempted.end);
            let _ = self.events.send(RunEvent::Retry { id, attempt: attempts, end, wait });
            // Boxed: few writes are retried, and every future would have to hold the state for
            // that.
            match Box::pin(self.try_again(ended, planned, wait, last)).await? {
                Again::Try(next, kept) => (intended, slot) = (next, kept),
                Again::GaveUp(ended) => return Ok(*ended),
            }
        }
    }

    /// Waits for a write's next attempt and asks for its intent; releases the write if there will
    /// be none.
    async fn try_again(
        &self,
        ended: Ended,
        planned: &PlannedWrite,
        wait: Duration,
        last: LastAttempt,
    ) -> Result<Again, StoreError> {
        let mut slot = ended.slot;
        let next = if self.wait(wait).await && slot.leave_again(&self.stop).await {
            self.intend(Step::Retry, planned, &mut slot).await?
        } else {
            Err(NotSent::Stopped)
        };
        let why = match next {
            Ok(intended) => return Ok(Again::Try(intended, slot)),
            Err(why) => why,
        };
        let reason = Reason::Attempt(LastAttempt { given_up: Some(why.again()), ..last });
        let let_go = self.store.let_go(self.run, planned.id, ended.index + 1, ended.outcome, reason.clone());
        let recorded = let_go.await?;
        let outcome = recorded.outcome.unwrap_or(ended.outcome);
        Ok(Again::GaveUp(Box::new(Ended { outcome, state: recorded.state, reason: Some(reason), slot, ..ended })))
    }

    /// Asks the store for an intent. The permit is given back while the target is closed, so that a
    /// pause or a new pace takes effect.
    async fn intend(
        &self,
        step: Step,
        planned: &PlannedWrite,
        slot: &mut Slot,
    ) -> Result<Result<Intended, NotSent>, StoreError> {
        loop {
            let terms = Terms {
                allowed: self.options.allowed.clone(),
                window: self.options.target.window,
                rate: self.gate.settings().rate,
                new_key: self.options.new_key,
                base_url: Arc::clone(&self.base_url),
            };
            let asked_at = since_boot();
            let pause = match self.store.intend(&self.lease, planned.id, planned.content, step, terms).await? {
                Intent::Go { n, at, sendable } => return Ok(Ok(Intended { n, at, asked_at, sendable })),
                Intent::Skip(skip) => return Ok(Err(NotSent::Skip(skip))),
                Intent::Refuse(hazard) => return Ok(Err(NotSent::Refuse(hazard))),
                Intent::Closed(length) => {
                    slot.rest();
                    self.gate.close_for(length);
                    self.tell_closed(length);
                    Duration::ZERO
                }
                // In short steps: the rate may be changed in the meantime.
                Intent::NoToken(length) => {
                    slot.rest();
                    self.tell_closed(length);
                    length.min(LOOK_AGAIN)
                }
            };
            if !(Box::pin(self.wait(pause)).await && Box::pin(slot.leave_again(&self.stop)).await) {
                return Ok(Err(NotSent::Stopped));
            }
        }
    }

    /// Reports that a write waits because the API asked for that, unless that is short or already
    /// announced.
    fn tell_asked(&self, id: WriteId, status: Option<u16>, length: Duration) {
        if self.gate.is_news(length) {
            let _ = self.events.send(RunEvent::Notice(Notice::AskedToWait { write: id, status, length }));
        }
    }

    /// Reports that nothing is sent for a while, unless that is short or already announced.
    fn tell_closed(&self, length: Duration) {
        if self.gate.is_news(length) {
            let _ = self.events.send(RunEvent::Notice(Notice::Closed { length }));
        }
    }

    fn scrubber(&self) -> Arc<Scrubber> {
        Arc::clone(&self.scrubber.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Gets another token than the one that was refused in a request of that time. Returns false if there is none.
    async fn renew_token(&self, sent_at: Instant) -> bool {
        let Some(token) = self.transport.renew_token(sent_at).await else { return false };
        let mut scrubber = self.scrubber.write().unwrap_or_else(PoisonError::into_inner);
        *scrubber = Arc::new(scrubber.with(token));
        true
    }

    /// Waits; returns false if the run is stopped meanwhile.
    async fn wait(&self, length: Duration) -> bool {
        tokio::select! {
            () = tokio::time::sleep(length) => true,
            () = self.stop.cancelled() => false,
        }
    }

    async fn not_sent(&self, index: usize, why: NotSent, slot: Slot) -> Result<Ended, StoreError> {
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
            kinds: None,
            slot,
        })
    }

    /// Returns the full URL of an endpoint, from a cache: most writes share a few.
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

    /// Sends one request and interprets the result. `is_ambiguous`: an earlier one may have been applied. `intended` is the time
    /// since boot when its intent was asked for.
    async fn request(&self, sendable: &Sendable, is_ambiguous: bool, intended: Duration) -> Attempted {
        let write = &sendable.write;
        let asking = Asking {
            profile: &self.options.target.profile,
            method: &write.method,
            is_ambiguous,
            earlier: &sendable.earlier,
        };
        let Some(url) = self.url(&write.path) else {
            let why = format!("{} is not below {}", write.path, self.options.base_url);
            return Attempted::read(Sent::Impossible(why), Duration::ZERO, &asking, &self.scrubber());
        };
        if since_boot().saturating_sub(intended) > STALE_INTENT {
            let why = "this process slept between the intent and its request".to_owned();
            return Attempted::read(Sent::Stale(why), Duration::ZERO, &asking, &self.scrubber());
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
        Attempted::read(sent, began.elapsed(), &asking, &self.scrubber())
    }
}
