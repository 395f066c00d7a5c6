//! One write, from its claim to its outcome: intent, request, verdict, retries.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use tokio_util::sync::CancellationToken;

use super::backoff::{backoff, retry_after};
use super::engine::{Event, Events, RunOptions};
use super::transport::{Answer, Outgoing, Sent, Transport};
use crate::domain::answer::{Verdict, judge};
use crate::domain::failure_type::{FailureType, classify};
use crate::domain::ids::RunId;
use crate::domain::outcome::{AttemptOutcome, Outcome};
use crate::domain::plan::PlannedWrite;
use crate::domain::state::State;
use crate::domain::time::Timestamp;
use crate::domain::write::Failure;
use crate::store::{AttemptEnd, Intent, Sendable, Store, StoreError, Then};

/// How a write ended in the run.
#[derive(Debug, Clone)]
pub(super) struct Ended {
    pub(super) index: usize,
    pub(super) outcome: Outcome,
    pub(super) reason: Option<String>,
    pub(super) key: String,
    pub(super) state: State,
    pub(super) last: Option<AttemptEnd>,
    pub(super) attempts: u32,
    pub(super) revision: i64,
    /// Whether a stop kept it from being tried (again).
    pub(super) cut: bool,
}

const STOPPED: &str = "the run was stopped first";

/// All that the sending of a write needs; shared by the writes of a run.
pub(super) struct Sender<T> {
    pub(super) store: Arc<Store>,
    pub(super) transport: Arc<T>,
    pub(super) options: Arc<RunOptions>,
    pub(super) run: RunId,
    pub(super) stop: CancellationToken,
    pub(super) events: Events,
    /// The target asked everyone to wait until then (a 429 is the token's, not the write's).
    pub(super) not_before: Mutex<Option<Instant>>,
}

impl<T: Transport> Sender<T> {
    /// Sends one write of the plan, retries included. `index` is its index in the plan.
    pub(super) async fn send(&self, index: usize, planned: &PlannedWrite) -> Result<Ended, StoreError> {
        let (options, id, seq) = (&*self.options, planned.id, index + 1);
        let window = options.target.window;
        if !self.target_is_open().await {
            return self.not_sent(index, Outcome::Unsent, STOPPED.to_owned()).await;
        }
        let claim = self.store.claim(self.run, id, planned.content, options.allowed.clone(), window).await?;
        let (mut n, mut sent_at, sendable) = match claim {
            Intent::Go { n, at, sendable: Some(sendable) } => (n, at, sendable),
            Intent::Go { sendable: None, .. } => return Err(StoreError::Fenced(self.run)),
            Intent::Skip(reason) => return self.not_sent(index, Outcome::Skipped, reason).await,
            Intent::Refuse(hazard) => return self.not_sent(index, Outcome::Refused, hazard.name().to_owned()).await,
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
        };
        loop {
            ended.attempts += 1;
            let (end, asked) = self.attempt(&sendable).await;
            if end.status == Some(429) {
                self.hold_target(asked);
            }
            let retry = ended.attempts < options.max_attempts && is_retryable(&end) && !self.stop.is_cancelled();
            let reason = describe(&end);
            let outcome = outcome_of(end.outcome);
            let then = if retry { Then::Retry } else { Then::Settle(seq, outcome, reason.clone()) };
            let recorded = self.store.record_attempt(self.run, id, n, sent_at, end.clone(), then).await?;
            ended.last = Some(end);
            (ended.outcome, ended.state) = (recorded.outcome.unwrap_or(outcome), recorded.state);
            ended.reason = (outcome != Outcome::Accepted).then_some(reason.clone());
            if !retry {
                return Ok(ended);
            }
            let wait = asked.max(backoff(ended.attempts - 1, fastrand::f64(), options.target.backoff));
            let _ = self.events.send(Event::Retry { id, attempt: ended.attempts, reason: reason.clone(), wait });
            let stopped = !self.wait(wait).await || !self.target_is_open().await;
            let refusal = if stopped {
                Some(STOPPED.to_owned())
            } else {
                match self.store.intend_retry(self.run, id, options.allowed.clone(), window).await? {
                    Intent::Go { n: next, at, .. } => {
                        (n, sent_at) = (next, at);
                        None
                    }
                    Intent::Skip(why) => Some(why),
                    Intent::Refuse(hazard) => Some(hazard.name().to_owned()),
                }
            };
            if let Some(why) = refusal {
                let reason = format!("{reason}; not tried again: {why}");
                let recorded = self.store.let_go(self.run, id, seq, outcome, reason.clone()).await?;
                let outcome = recorded.outcome.unwrap_or(outcome);
                return Ok(Ended { outcome, state: recorded.state, reason: Some(reason), cut: stopped, ..ended });
            }
        }
    }

    /// Waits; false if the run is stopped meanwhile.
    async fn wait(&self, length: Duration) -> bool {
        tokio::select! {
            () = tokio::time::sleep(length) => true,
            () = self.stop.cancelled() => false,
        }
    }

    /// Waits until the target may be sent to; false if the run is stopped meanwhile.
    async fn target_is_open(&self) -> bool {
        loop {
            let until = *self.not_before.lock().unwrap_or_else(PoisonError::into_inner);
            match until.and_then(|until| until.checked_duration_since(Instant::now())) {
                None => return !self.stop.is_cancelled(),
                Some(left) => {
                    if !self.wait(left).await {
                        return false;
                    }
                }
            }
        }
    }

    fn hold_target(&self, length: Duration) {
        let mut until = self.not_before.lock().unwrap_or_else(PoisonError::into_inner);
        *until = (*until).max(Instant::now().checked_add(length));
    }

    async fn not_sent(&self, index: usize, outcome: Outcome, reason: String) -> Result<Ended, StoreError> {
        self.store.note_outcomes(self.run, vec![(index + 1, outcome, reason.clone())]).await?;
        let state = State::Pending;
        Ok(Ended {
            index,
            outcome,
            reason: Some(reason),
            key: String::new(),
            state,
            last: None,
            attempts: 0,
            revision: 0,
            cut: outcome == Outcome::Unsent,
        })
    }

    /// One request and what came of it, with how long the API asked to wait.
    async fn attempt(&self, sendable: &Sendable) -> (AttemptEnd, Duration) {
        let write = &sendable.write;
        let Some(url) = self.options.base_url.join(&write.path) else {
            let sent = Sent::Impossible(format!("{} is not below {}", write.path, self.options.base_url));
            return (attempt_end(sent, 0), Duration::ZERO);
        };
        let request = Outgoing {
            method: write.method.clone(),
            url,
            headers: write.headers.clone(),
            key: write.key.to_string(),
            body: sendable.body.clone(),
        };
        let began = Instant::now();
        let sent = self.transport.send(request).await;
        let latency = i64::try_from(began.elapsed().as_millis()).unwrap_or(i64::MAX);
        let asked = match &sent {
            Sent::Answered(Answer { retry_after: Some(value), .. }) => retry_after(value, SystemTime::now()),
            _ => Duration::ZERO,
        };
        (attempt_end(sent, latency), asked)
    }
}

fn attempt_end(sent: Sent, latency_ms: i64) -> AttemptEnd {
    let at = Timestamp::now();
    let broken = |outcome, failure_type, why| AttemptEnd {
        at,
        outcome,
        failure: Some(Failure {
            failure_type,
            status: None,
            code: None,
            message: Some(why),
            details: None,
            correlation_id: None,
        }),
        status: None,
        correlation_id: None,
        cached: false,
        latency_ms,
    };
    let answer = match sent {
        Sent::Answered(answer) => answer,
        Sent::NotSent(why) => return broken(AttemptOutcome::NotSent, FailureType::Transient, why),
        Sent::NoAnswer(why) => return broken(AttemptOutcome::NoAnswer, FailureType::Transient, why),
        Sent::Impossible(why) => return broken(AttemptOutcome::NotSent, FailureType::BadData, why),
    };
    let (outcome, error) = match judge(answer.status, &answer.body, answer.whole) {
        Verdict::Accepted => (AttemptOutcome::Accepted, None),
        Verdict::Refused(error) => (AttemptOutcome::Refused, Some(error)),
        Verdict::Unclear(error) => (AttemptOutcome::Unclear, Some(error)),
    };
    AttemptEnd {
        at,
        outcome,
        failure: error.map(|error| Failure {
            failure_type: classify(Some(answer.status), Some(&error.code), b""),
            status: Some(answer.status),
            code: (!error.code.is_empty()).then_some(error.code),
            message: Some(error.message),
            details: error.details,
            correlation_id: answer.correlation_id.clone(),
        }),
        status: Some(answer.status),
        correlation_id: answer.correlation_id,
        cached: answer.replayed,
        latency_ms,
    }
}

/// The guide's retries: 409, 429, 5xx, and what was surely not sent. What got no answer is tried again too; the store
/// looks at its key window first. A cached refusal would only come again.
fn is_retryable(end: &AttemptEnd) -> bool {
    match end.outcome {
        AttemptOutcome::Accepted => false,
        // No request could be made at all: that does not pass.
        AttemptOutcome::NotSent => end.failure.as_ref().is_some_and(|f| f.failure_type == FailureType::Transient),
        AttemptOutcome::NoAnswer => true,
        AttemptOutcome::Refused | AttemptOutcome::Unclear => {
            !end.cached && matches!(end.status, Some(409 | 429 | 500..=599))
        }
    }
}

fn outcome_of(outcome: AttemptOutcome) -> Outcome {
    match outcome {
        AttemptOutcome::Accepted => Outcome::Accepted,
        AttemptOutcome::NoAnswer => Outcome::Unknown,
        AttemptOutcome::Refused | AttemptOutcome::Unclear | AttemptOutcome::NotSent => Outcome::Failed,
    }
}

fn describe(end: &AttemptEnd) -> String {
    let Some(failure) = &end.failure else { return String::new() };
    let status = failure.status.map(|s| format!("HTTP {s} ")).unwrap_or_default();
    let code = failure.code.as_deref().map(|c| format!("{c}: ")).unwrap_or_default();
    let message = failure.message.as_deref().unwrap_or("");
    // An unclear answer's message names its status already.
    let status = if message.starts_with("HTTP ") { String::new() } else { status };
    format!("{status}{code}{message}")
}
