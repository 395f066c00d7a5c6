//! One request and what it means: for the file, for the pace, and for whether it is tried again. Pure but for the clock.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::backoff::{RateLimit, rate_limit, retry_after};
use super::breakers::Kind;
use super::pace::Signal;
use super::transport::{Answer, Sent};
use crate::domain::answer::{Extent, Verdict, judge, judges_data};
use crate::domain::attempt::AttemptEnd;
use crate::domain::cached::{self, Earlier, Said};
use crate::domain::evidence::{KeptAnswer, Lost, MOST_KEPT};
use crate::domain::failure::Failure;
use crate::domain::failure_type::{FailureType, classify};
use crate::domain::fingerprint::fingerprint;
use crate::domain::identity::Sha;
use crate::domain::key::inside_window;
use crate::domain::outcome::{AttemptOutcome, Outcome};
use crate::domain::secrets::Scrubber;
use crate::domain::time::Timestamp;
use crate::store::Sendable;

/// What a request came to.
#[derive(Debug)]
pub(super) struct Attempted {
    /// For the file.
    pub(super) end: AttemptEnd,
    /// For the pace.
    pub(super) signal: Signal,
    /// What is left of the quota.
    pub(super) limits: Option<RateLimit>,
    /// How long the API wants this write to wait.
    pub(super) asked: Duration,
    /// True if a header says that the answer comes from the API's cache.
    replayed: bool,
    /// True if it looks like an earlier answer again. It is one if no other write's answer carried its correlation ID.
    pub(super) repeats: bool,
}

impl Attempted {
    /// Reads what became of a request. `earlier` are the write's earlier answers; `scrubber` blanks what is kept.
    pub(super) fn read(sent: Sent, latency: Duration, earlier: &[Earlier], scrubber: &Scrubber) -> Self {
        let latency_ms = i64::try_from(latency.as_millis()).unwrap_or(i64::MAX);
        let quiet = |outcome, failure_type, why: String, lost, signal| Self {
            end: AttemptEnd {
                transport: lost,
                ..unanswered(outcome, failure_type, scrubber.text(&why).into_owned(), latency_ms)
            },
            signal,
            limits: None,
            asked: Duration::ZERO,
            replayed: false,
            repeats: false,
        };
        let answer = match sent {
            Sent::Answered(answer) => answer,
            Sent::NotSent(lost) => {
                let kept = Some(scrubbed(&lost, scrubber));
                return quiet(AttemptOutcome::NotSent, FailureType::Transient, lost.why, kept, Signal::NotSent);
            }
            Sent::NoAnswer(lost) => {
                let kept = Some(scrubbed(&lost, scrubber));
                return quiet(AttemptOutcome::NoAnswer, FailureType::Transient, lost.why, kept, Signal::Silence);
            }
            Sent::Stale(why) => {
                return quiet(AttemptOutcome::NotSent, FailureType::Transient, why, None, Signal::Nothing);
            }
            Sent::Impossible(why) => {
                return quiet(AttemptOutcome::NotSent, FailureType::BadData, why, None, Signal::Nothing);
            }
        };
        let now = SystemTime::now();
        let asked = answer.retry_after.as_deref().map(|value| retry_after(value, now));
        let limits =
            answer.remaining.as_deref().and_then(|remaining| rate_limit(remaining, answer.reset.as_deref(), now));
        let (status, replayed) = (answer.status, answer.replayed);
        let end = answered(answer, latency_ms, scrubber);
        let signal = match (end.outcome, status) {
            (AttemptOutcome::Accepted, _) => Signal::Accepted,
            (_, 429) => Signal::Limited(asked),
            (_, 503) => Signal::Unavailable(asked),
            (AttemptOutcome::NoAnswer, _) => Signal::Silence,
            _ => Signal::Answered,
        };
        let failure = said(end.failure.as_ref());
        let repeats = !replayed
            && end
                .answer_sha()
                .is_some_and(|body| cached::repeats(status, end.correlation_id.as_deref(), body, &failure, earlier));
        Self { end, signal, limits, asked: asked.unwrap_or_default(), replayed, repeats }
    }

    /// The guide's retries: 409, 429, 5xx, and what was surely not sent. What got no answer is tried again too; the store
    /// looks at its key window first. A cached refusal would only come again.
    pub(super) fn is_retryable(&self) -> bool {
        let end = &self.end;
        match end.outcome {
            AttemptOutcome::Accepted | AttemptOutcome::Partial => false,
            // No request could be made at all: that does not pass.
            AttemptOutcome::NotSent => end.failure.as_ref().is_some_and(|f| f.failure_type == FailureType::Transient),
            AttemptOutcome::NoAnswer => true,
            AttemptOutcome::Refused | AttemptOutcome::Unclear => {
                !self.replayed && matches!(end.status, Some(409 | 429 | 500..=599))
            }
        }
    }

    /// How the write ended in its run, if this was its last attempt.
    pub(super) fn outcome(&self) -> Outcome {
        match self.end.outcome {
            AttemptOutcome::Accepted => Outcome::Accepted,
            AttemptOutcome::NoAnswer => Outcome::Unknown,
            AttemptOutcome::Refused | AttemptOutcome::Partial | AttemptOutcome::Unclear | AttemptOutcome::NotSent => {
                Outcome::Failed
            }
        }
    }

    /// Until when the API may be answering from its cache: the same definite refusal came again, under a key that it
    /// still remembers, and nothing says whether it looked at the data anew.
    pub(super) fn maybe_cached_until(
        &self,
        sendable: &Sendable,
        window: Duration,
        now: Timestamp,
    ) -> Option<Timestamp> {
        let (failure, before) = (self.end.failure.as_ref()?, &sendable.write.failure);
        let again = self.end.outcome == AttemptOutcome::Refused
            && failure.status.is_some_and(judges_data)
            && (failure.status, &failure.code, &failure.message) == (before.status, &before.code, &before.message);
        let since = sendable.refused_since.filter(|since| inside_window(*since, window, now))?;
        (again && !self.end.cached).then(|| since.plus(window))
    }

    /// Blanks the secrets that the answer, or an error of the network, repeats.
    pub(super) fn scrub(&mut self, scrubber: &Scrubber) {
        let clean = |text: &mut Option<String>| {
            *text = text.take().map(|text| scrubber.text(&text).into_owned());
        };
        clean(&mut self.end.correlation_id);
        if let Some(failure) = &mut self.end.failure {
            [&mut failure.code, &mut failure.message, &mut failure.correlation_id].into_iter().for_each(clean);
            failure.details = failure.details.take().map(|details| scrubber.json(&details));
        }
    }

    /// What later answers are compared with.
    pub(super) fn as_earlier(&self) -> Option<Earlier> {
        let end = &self.end;
        let (correlation_id, body) = (end.correlation_id.clone()?, end.answer_sha()?);
        Some(Earlier { correlation_id, status: end.status, said: Said::Body(body) })
    }
}

/// What kind of failure it is.
pub(super) fn kind_of(failure: &Failure) -> Kind {
    let message = failure.message.as_deref().unwrap_or("");
    (failure.code.clone(), fingerprint(failure.failure_type, message, failure.details.as_deref()))
}

fn unanswered(outcome: AttemptOutcome, failure_type: FailureType, why: String, latency_ms: i64) -> AttemptEnd {
    AttemptEnd {
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
        answer: None,
        transport: None,
        rejected: Vec::new(),
        latency_ms,
        closes_target: None,
    }
}

/// As much of a body as is kept.
fn kept(body: &[u8], scrubber: &Scrubber) -> Vec<u8> {
    let clean = scrubber.body(body);
    clean[..clean.len().min(MOST_KEPT)].to_vec()
}

fn scrubbed(lost: &Lost, scrubber: &Scrubber) -> Lost {
    Lost { phase: lost.phase, why: scrubber.text(&lost.why).into_owned() }
}

/// The words of a failure, to compare with others.
fn said(failure: Option<&Failure>) -> [Option<String>; 3] {
    failure.map(|f| [f.code.clone(), f.message.clone(), f.details.clone()]).unwrap_or_default()
}

fn answered(answer: Answer, latency_ms: i64, scrubber: &Scrubber) -> AttemptEnd {
    let mut rejected = Vec::new();
    // What breaks off may end in the middle of a secret; what it says decides nothing.
    let told = match answer.extent {
        Extent::Whole => Cow::Borrowed(&answer.body),
        Extent::BrokenOff | Extent::TooLong => Cow::Owned(scrubber.cut_body(&answer.body)),
    };
    let (outcome, error) = match judge(answer.status, &told, answer.extent) {
        Verdict::Accepted => (AttemptOutcome::Accepted, None),
        Verdict::Refused(error) => (AttemptOutcome::Refused, Some(error)),
        Verdict::Partial { error, rejected: named } => {
            rejected = named.unwrap_or_default();
            (AttemptOutcome::Partial, Some(error))
        }
        Verdict::Unclear(error) => (AttemptOutcome::Unclear, Some(error)),
        Verdict::Incomplete(error) => (AttemptOutcome::NoAnswer, Some(error)),
    };
    AttemptEnd {
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
        transport: answer.lost.map(|lost| scrubbed(&lost, scrubber)),
        answer: Some(Arc::new(KeptAnswer {
            status: answer.status,
            headers: scrubber.headers(&answer.headers),
            length: (answer.extent == Extent::Whole).then_some(answer.body.len() as u64),
            sha256: Sha::of(&answer.body),
            body: kept(&told, scrubber),
        })),
        rejected,
        latency_ms,
        closes_target: None,
    }
}
