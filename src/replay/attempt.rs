//! One write, from its claim to its outcome: intent, request, verdict, retries.

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use tokio_util::sync::CancellationToken;

use super::backoff::{backoff, retry_after};
use super::engine::{Event, Events, RunOptions};
use super::transport::{Answer, Outgoing, Sent, Transport};
use crate::domain::answer::{Verdict, judge};
use crate::domain::failure_type::classify;
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
}

/// All that the sending of a write needs; shared by the writes of a run.
pub(super) struct Sender<T> {
    pub(super) store: Arc<Store>,
    pub(super) transport: Arc<T>,
    pub(super) options: Arc<RunOptions>,
    pub(super) run: RunId,
    pub(super) stop: CancellationToken,
    pub(super) events: Events,
}

impl<T: Transport> Sender<T> {
    /// Sends one write of the plan, retries included. `index` is its index in the plan.
    pub(super) async fn send(&self, index: usize, planned: &PlannedWrite) -> Result<Ended, StoreError> {
        let (options, id, seq) = (&*self.options, planned.id, index + 1);
        let window = options.target.window;
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
        };
        loop {
            ended.attempts += 1;
            let (end, asked) = self.attempt(&sendable).await;
            let retry = ended.attempts < options.max_attempts && is_retryable(&end) && !self.stop.is_cancelled();
            let reason = describe(&end);
            let outcome = outcome_of(end.outcome);
            let then = if retry { Then::Retry } else { Then::Settle(seq, outcome, reason.clone()) };
            let recorded = self.store.record_attempt(self.run, id, n, sent_at, end.clone(), then).await?;
            ended.last = Some(end);
            (ended.outcome, ended.state) = (outcome, recorded.state);
            ended.reason = (outcome != Outcome::Accepted).then_some(reason.clone());
            if !retry {
                return Ok(ended);
            }
            let wait = asked.max(backoff(ended.attempts - 1, fastrand::f64(), options.target.backoff));
            let _ = self.events.send(Event::Retry { id, attempt: ended.attempts, reason: reason.clone(), wait });
            let stopped = tokio::select! {
                () = tokio::time::sleep(wait) => false,
                () = self.stop.cancelled() => true,
            };
            let refusal = if stopped {
                Some("the run was stopped before its next attempt".to_owned())
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
                return Ok(Ended { state: recorded.state, reason: Some(reason), ..ended });
            }
        }
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
        })
    }

    /// One request and what came of it, with how long the API asked to wait.
    async fn attempt(&self, sendable: &Sendable) -> (AttemptEnd, std::time::Duration) {
        let write = &sendable.write;
        let Some(url) = self.options.base_url.join(&write.path) else {
            let sent = Sent::NotSent(format!("{} is not below {}", write.path, self.options.base_url));
            return (attempt_end(sent, 0), std::time::Duration::ZERO);
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
            _ => std::time::Duration::ZERO,
        };
        (attempt_end(sent, latency), asked)
    }
}

fn attempt_end(sent: Sent, latency_ms: i64) -> AttemptEnd {
    let at = Timestamp::now();
    let broken = |outcome, why| AttemptEnd {
        at,
        outcome,
        failure: Some(Failure {
            failure_type: classify(Some(503), None, b""),
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
        Sent::NotSent(why) => return broken(AttemptOutcome::NotSent, why),
        Sent::NoAnswer(why) => return broken(AttemptOutcome::NoAnswer, why),
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
        AttemptOutcome::NotSent | AttemptOutcome::NoAnswer => true,
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
