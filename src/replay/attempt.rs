//! The reading of a request's result: what to record, how the pace reacts, whether to try again.
//! Pure apart from the clock.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::backoff::{RateLimit, Reset, rate_limit, retry_after};
use super::breakers::Kind;
use super::pace::Signal;
use super::transport::{Answer, Sent};
use crate::domain::answer::{Extent, Verdict, judges_data};
use crate::domain::attempt::AttemptEnd;
use crate::domain::cached::{self, Earlier, Said};
use crate::domain::evidence::{KeptAnswer, Lost, MOST_KEPT};
use crate::domain::failure::Failure;
use crate::domain::failure_type::FailureType;
use crate::domain::fingerprint::fingerprint;
use crate::domain::identity::Sha;
use crate::domain::key::inside_window;
use crate::domain::outcome::{AttemptOutcome, Outcome};
use crate::domain::profile::{Answered, Profile};
use crate::domain::secrets::Scrubber;
use crate::domain::time::Timestamp;
use crate::store::Sendable;

/// The result of one request, for the rest of the run.
#[derive(Debug)]
pub(super) struct Attempted {
    /// The outcome to record in the file.
    pub(super) end: AttemptEnd,
    /// The signal for the pace.
    pub(super) signal: Signal,
    /// The remaining quota, if the API reported it.
    pub(super) limits: Option<RateLimit>,
    /// Wait that the API asked for before this write is sent again; zero if none.
    pub(super) asked: Duration,
    /// True if a header says that the answer comes from the API's cache.
    replayed: bool,
    /// True if the answer looks like a repeat of an earlier one; it is taken for one unless another
    /// write's answer carried its correlation ID.
    pub(super) repeats: bool,
    /// True if the API's profile says that a write is sent again after such an answer.
    is_sent_again: bool,
}

/// A request, as far as the reading of its answer depends on it.
pub(super) struct Asking<'a> {
    /// What is known of the API.
    pub(super) profile: &'a Profile,
    /// The method, upper-case.
    pub(super) method: &'a str,
    /// True if an earlier request for the write may have been applied.
    pub(super) is_ambiguous: bool,
    /// The write's earlier answers.
    pub(super) earlier: &'a [Earlier],
}

impl Attempted {
    /// Interprets the result of a request. `earlier` holds the write's earlier answers; `scrubber`
    /// blanks secrets in what is kept.
    pub(super) fn read(sent: Sent, latency: Duration, asking: &Asking<'_>, scrubber: &Scrubber) -> Self {
        let (profile, earlier) = (asking.profile, asking.earlier);
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
            is_sent_again: true,
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
        let hints = profile.hints(&answer.headers);
        let asked = hints.retry_after.as_ref().or(answer.retry_after.as_ref()).map(|value| retry_after(value, now));
        let reset = hints.reset_in.as_deref().map(Reset::In).or(hints.reset_at.as_deref().map(Reset::At));
        let reset = reset.or(answer.reset.as_deref().map(Reset::At));
        let remaining = hints.remaining.as_ref().or(answer.remaining.as_ref());
        let limits = remaining.and_then(|remaining| rate_limit(remaining, reset, now));
        let status = answer.status;
        let retries = profile.retries(status, &answer.headers);
        let (end, replayed) = answered(answer, latency_ms, asking, scrubber);
        let is_of_type = |wanted| end.failure.as_ref().is_some_and(|failure| failure.failure_type == wanted);
        // A 403 may be a rate limit, or a missing permission, which no retry brings.
        let is_sent_again = retries && !is_of_type(FailureType::Auth);
        let signal = match (end.outcome, status) {
            (AttemptOutcome::Accepted, _) => Signal::Accepted,
            (_, 429) => Signal::Limited(asked),
            (_, 403) if is_of_type(FailureType::Transient) => Signal::Limited(asked),
            (_, 503) => Signal::Unavailable(asked),
            (AttemptOutcome::NoAnswer, _) => Signal::Silence,
            _ => Signal::Answered,
        };
        let failure = said(end.failure.as_ref());
        let repeats = !replayed
            && profile.caches(status)
            && end
                .answer_sha()
                .is_some_and(|body| cached::repeats(status, end.correlation_id.as_deref(), body, &failure, earlier));
        Self { end, signal, limits, asked: asked.unwrap_or_default(), replayed, repeats, is_sent_again }
    }

    /// Returns true if the write should be tried again: after a 409, 429 or 5xx (the guide's
    /// retries), if the request was certainly not sent, or if no answer came, in which case the
    /// store checks its key window first. A cached refusal is not retried: it would only come back.
    pub(super) fn is_retryable(&self) -> bool {
        let end = &self.end;
        match end.outcome {
            AttemptOutcome::Accepted | AttemptOutcome::Partial => false,
            // Unless the failure is transient, no request could be made at all, and a retry won't
            // change that.
            AttemptOutcome::NotSent => end.failure.as_ref().is_some_and(|f| f.failure_type == FailureType::Transient),
            AttemptOutcome::NoAnswer => true,
            AttemptOutcome::Refused | AttemptOutcome::Unclear => {
                !self.replayed && end.status.is_some() && self.is_sent_again
            }
        }
    }

    /// Returns the write's outcome in its run, provided that this was its last attempt.
    pub(super) fn outcome(&self) -> Outcome {
        match self.end.outcome {
            AttemptOutcome::Accepted => Outcome::Accepted,
            AttemptOutcome::NoAnswer => Outcome::Unknown,
            AttemptOutcome::Refused | AttemptOutcome::Partial | AttemptOutcome::Unclear | AttemptOutcome::NotSent => {
                Outcome::Failed
            }
        }
    }

    /// Returns the time until which the API may be answering from its cache: the same definite
    /// refusal came back, under a key that the API still remembers, and nothing shows that it
    /// judged the data afresh.
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

    /// Blanks secrets that the answer or a network error repeats.
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

    /// Returns the facts of this answer that later answers are compared with.
    pub(super) fn as_earlier(&self) -> Option<Earlier> {
        let end = &self.end;
        let (correlation_id, body) = (end.correlation_id.clone()?, end.answer_sha()?);
        Some(Earlier { correlation_id, status: end.status, said: Said::Body(body) })
    }
}

/// Returns the kind of a failure: its code, and the fingerprint of its message.
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
        profile: None,
        latency_ms,
        closes_target: None,
    }
}

/// Scrubs a body and cuts it to the length that is kept.
fn kept(body: &[u8], scrubber: &Scrubber) -> Vec<u8> {
    let clean = scrubber.body(body);
    clean[..clean.len().min(MOST_KEPT)].to_vec()
}

fn scrubbed(lost: &Lost, scrubber: &Scrubber) -> Lost {
    Lost { phase: lost.phase, why: scrubber.text(&lost.why).into_owned() }
}

/// Returns a failure's code, message and details, for comparison with others.
fn said(failure: Option<&Failure>) -> [Option<String>; 3] {
    failure.map(|f| [f.code.clone(), f.message.clone(), f.details.clone()]).unwrap_or_default()
}

/// Reads an answer; also returns true if a header says that it comes from the API's cache.
fn answered(answer: Answer, latency_ms: i64, asking: &Asking<'_>, scrubber: &Scrubber) -> (AttemptEnd, bool) {
    let mut rejected = Vec::new();
    // A body that was cut short may end in the middle of a secret; its text has no bearing on the
    // verdict.
    let told = match answer.extent {
        Extent::Whole => Cow::Borrowed(&answer.body),
        Extent::BrokenOff | Extent::TooLong => Cow::Owned(scrubber.cut_body(&answer.body)),
    };
    let judged = asking.profile.judge(&Answered {
        method: asking.method,
        is_ambiguous: asking.is_ambiguous,
        status: answer.status,
        headers: &answer.headers,
        body: &told,
        extent: answer.extent,
    });
    let (outcome, error) = match judged.verdict {
        Verdict::Accepted => (AttemptOutcome::Accepted, None),
        Verdict::Refused(error) => (AttemptOutcome::Refused, Some(error)),
        Verdict::Partial { error, rejected: named } => {
            rejected = named.unwrap_or_default();
            (AttemptOutcome::Partial, Some(error))
        }
        Verdict::Unclear(error) => (AttemptOutcome::Unclear, Some(error)),
        Verdict::Incomplete(error) => (AttemptOutcome::NoAnswer, Some(error)),
    };
    let correlation_id = judged.correlation_id.or(answer.correlation_id);
    let is_replayed = judged.is_replayed || answer.replayed;
    let end = AttemptEnd {
        outcome,
        failure: error.map(|error| Failure {
            failure_type: judged.failure_type.unwrap_or(FailureType::BadData),
            status: Some(answer.status),
            code: (!error.code.is_empty()).then_some(error.code),
            message: Some(error.message),
            details: error.details,
            correlation_id: correlation_id.clone(),
        }),
        status: Some(answer.status),
        correlation_id,
        cached: is_replayed,
        transport: answer.lost.map(|lost| scrubbed(&lost, scrubber)),
        answer: Some(Arc::new(KeptAnswer {
            status: answer.status,
            headers: scrubber.headers(&answer.headers),
            length: (answer.extent == Extent::Whole).then_some(answer.body.len() as u64),
            sha256: Sha::of(&answer.body),
            body: kept(&told, scrubber),
        })),
        rejected,
        profile: Some(Arc::from(asking.profile.version.as_str())),
        latency_ms,
        closes_target: None,
    };
    (end, is_replayed)
}
