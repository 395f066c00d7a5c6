//! Facts in words: reasons, stops, notices, actions and hazards, in English. The only place where they become sentences.

use std::borrow::Cow;

use crate::domain::action::{Action, Settling};
use crate::domain::attempt::{Attempt, AttemptEnd};
use crate::domain::failure::Failure;
use crate::domain::hazard::Hazard;
use crate::domain::notice::Notice;
use crate::domain::outcome::{AttemptOutcome, Outcome};
use crate::domain::parking::Parked;
use crate::domain::reason::{GivenUp, Reason, SkipReason};
use crate::domain::report::{LastSaid, RunCause};
use crate::domain::rules::settle::SettleRefusal;
use crate::domain::stop::{Blame, Stop, Stops};
use crate::domain::time::human_length;

use super::count::{thousands, writes};

/// Returns the words of the API or the network, in a line: `HTTP 422 CODE: message`.
pub fn said(failure: &Failure, cached: bool) -> String {
    answer(failure.status, failure.code.as_deref(), failure.message.as_deref(), cached)
}

fn answer(status: Option<u16>, code: Option<&str>, message: Option<&str>, cached: bool) -> String {
    let message = message.unwrap_or("");
    // An unclear answer's message already names its status.
    let status = status.filter(|_| !message.starts_with("HTTP ")).map(|status| format!("HTTP {status}"));
    let what = match code {
        Some(code) if message.is_empty() => code.to_owned(),
        Some(code) => format!("{code}: {message}"),
        None => message.to_owned(),
    };
    let mut text = status.into_iter().chain(Some(what).filter(|what| !what.is_empty())).collect::<Vec<_>>().join(" ");
    if cached {
        text.push_str(" (from the API's cache)");
    }
    text
}

/// Returns the reason why a write ended as it did in its run; `last` is its last attempt there.
pub fn reason(reason: &Reason, last: Option<&AttemptEnd>) -> String {
    match reason {
        Reason::Attempt(attempt) => {
            let mut text = match last.and_then(|last| Some((last.failure.as_ref()?, last.cached))) {
                Some((failure, cached)) => said(failure, cached),
                None => attempt_outcome(attempt.outcome).to_owned(),
            };
            if let Some(until) = attempt.maybe_cached_until {
                text.push_str(&format!("; maybe-cached until {until}"));
            }
            if let Some(given_up) = attempt.given_up {
                text.push_str(&format!("; not tried again: {}", self::given_up(given_up)));
            }
            text
        }
        Reason::Hazard(hazard) => hazard.name().to_owned(),
        Reason::Skipped(skip) => skipped(*skip),
        Reason::LaneFailed(Some(write)) => format!("older write {write} in its lane did not go through"),
        Reason::LaneFailed(None) => "an older write in its lane did not go through".to_owned(),
        Reason::GroupStopped(group) => format!("group {group} was stopped first"),
        Reason::EndpointStopped(path) => format!("{path} was stopped first"),
        Reason::RunStopped => "the run was stopped first".to_owned(),
        Reason::StoreFailed => "the store failed".to_owned(),
        Reason::Worded { words, .. } => words.clone(),
    }
}

/// Returns what writes of a run that ended alike have in common.
pub fn run_cause(cause: &RunCause) -> String {
    match (&cause.reason, &cause.group) {
        (Some(Reason::Attempt(_)), Some(group)) if cause.said.is_some() => {
            let said = cause.said.as_ref().map(last_said).unwrap_or_default();
            format!("{said} (group {})", group.id)
        }
        (Some(Reason::Attempt(_)) | None, Some(group)) => {
            // The first segments of a code are alike for a whole API.
            let code = group.code.as_deref().and_then(|code| code.rsplit('.').next());
            let code = code.map(|code| format!("{code}: ")).unwrap_or_default();
            format!("{code}{} (group {})", group.message, group.id)
        }
        (Some(Reason::Hazard(hazard)), _) => format!("{hazard}: {}", self::hazard(*hazard)),
        (Some(Reason::LaneFailed(Some(write))), _) if cause.reasons > 1 => {
            let others = cause.reasons - 1;
            let others = if others == 1 { "another".to_owned() } else { format!("{} others", thousands(others)) };
            format!("older writes of their lanes did not go through: write {write} and {others}")
        }
        (Some(why), _) => reason(why, None),
        (None, None) => match cause.outcome {
            Outcome::Unsent => "not sent before the run ended".to_owned(),
            other => other.name().to_owned(),
        },
    }
}

/// Describes what was said last to writes of a run.
pub fn last_said(said: &LastSaid) -> String {
    let text = answer(said.status, said.code.as_deref(), said.message.as_deref(), false);
    let text = if text.is_empty() { "no answer".to_owned() } else { text };
    match said.kinds.saturating_sub(1) {
        0 => text,
        1 => format!("{text}, and another answer"),
        others => format!("{text}, and {} other answers", thousands(others)),
    }
}

fn attempt_outcome(outcome: AttemptOutcome) -> &'static str {
    match outcome {
        AttemptOutcome::Accepted => "accepted",
        AttemptOutcome::Refused => "refused by the API",
        AttemptOutcome::Partial => "applied in part",
        AttemptOutcome::Unclear => "the answer doesn't say whether it was applied",
        AttemptOutcome::NoAnswer => "no answer was recorded",
        AttemptOutcome::NotSent => "not sent",
    }
}

fn given_up(why: GivenUp) -> String {
    match why {
        GivenUp::RunStopped => "the run was stopped first".to_owned(),
        GivenUp::RunEnded => "the run ended first".to_owned(),
        GivenUp::Hazard(hazard) => hazard.name().to_owned(),
        GivenUp::Skipped(skip) => skipped(skip),
    }
}

fn skipped(skip: SkipReason) -> String {
    match skip {
        SkipReason::State(state) => format!("it is {state} now"),
        SkipReason::Settled => "it was settled since the first plan".to_owned(),
        SkipReason::Edited => "its body was edited since the plan was made".to_owned(),
        SkipReason::Purged => "it was purged".to_owned(),
        SkipReason::LaneInFlight(mate) => format!("another run is sending write {mate} of its lane"),
        SkipReason::Damaged(damage) => damage.to_string(),
    }
}

/// Returns the message of an attempt, or words for one that ended without an answer.
pub fn attempt_message(attempt: &Attempt) -> Option<Cow<'_, str>> {
    let is_lost = attempt.outcome == Some(AttemptOutcome::NoAnswer)
        && attempt.error_message.is_none()
        && attempt.transport.is_none()
        && attempt.answer.is_none();
    if is_lost {
        return Some("the run ended before an answer was recorded".into());
    }
    attempt.error_message.as_deref().map(Cow::Borrowed)
}

/// Describes what stopped a run, a group or an endpoint, and what follows from that.
pub fn stop(stop: &Stop) -> String {
    let (what, blame) = match stop {
        Stop::Asked { by: Some(operator) } => return format!("{operator} asked it to stop"),
        Stop::Asked { by: None } => return "it was asked to stop".to_owned(),
        Stop::CutOff => return "it was cut off; what was in flight is unknown".to_owned(),
        Stop::Unreachable { url } => {
            return format!("{url} can't be reached: look at the address, the network and the API itself");
        }
        Stop::StoreFailed { error } => return error.clone(),
        Stop::Fault { what } => return format!("a fault inside dlq: {what}"),
        Stop::Worded { words } if words.is_empty() => return "the reason was purged with its write".to_owned(),
        Stop::Worded { words } => return words.clone(),
        Stop::TokenRefused(blame) => {
            let said = blamed(blame);
            return format!("the API does not accept the token (401): set a valid one ({said})");
        }
        Stop::EndpointForbidden { path, blame } => {
            let said = blamed(blame);
            (format!("{path} was stopped: this token isn't allowed there; add the scope ({said})"), blame)
        }
        Stop::CanaryFailed { group, blame } => {
            let canary = blame.write.map(|id| format!(", write {id},")).unwrap_or_default();
            (format!("group {group} was stopped: its canary{canary} failed ({})", blamed(blame)), blame)
        }
        Stop::FailuresInARow { group, count, blame } => {
            let said = blamed(blame);
            (format!("group {group} was stopped: {count} writes failed in a row (the last: {said})"), blame)
        }
    };
    let rest = match blame.never_sent {
        0 => String::new(),
        1 => "; 1 write was never sent".to_owned(),
        n => format!("; {} were never sent", writes(n)),
    };
    format!("{what}{rest}")
}

fn blamed(blame: &Blame) -> String {
    let cid = blame.correlation_id.as_ref().map(|id| format!(" [correlation ID {id}]")).unwrap_or_default();
    let said = answer(blame.status, blame.code.as_deref(), blame.message.as_deref(), blame.cached);
    if said.is_empty() { "the answer was purged with its write".to_owned() } else { format!("{said}{cid}") }
}

/// Describes all stops in a readable line: the first few, and how many more. `None` if there are none.
pub fn stops(stops: &Stops) -> Option<String> {
    const MOST: usize = 5;
    if stops.is_empty() {
        return None;
    }
    let mut text = stops.list.iter().take(MOST).map(stop).collect::<Vec<_>>().join("; ");
    let more = stops.list.len().saturating_sub(MOST) as u64 + stops.unlisted;
    if more > 0 {
        text.push_str(&format!("; and {} more", thousands(more)));
    }
    Some(text)
}

/// Describes an event in a run that stops nothing.
pub fn notice(notice: &Notice) -> String {
    match notice {
        Notice::ConnectionsFail { url } => {
            format!("connections to {url} fail: trying one write at a time from now on")
        }
        Notice::ConnectionsBack { url } => format!("connections to {url} work again"),
        Notice::AskedToWait { write, status, length } => {
            let status = status.map(|status| format!(" (HTTP {status})")).unwrap_or_default();
            format!("the API asked for a wait of {}{status}: write {write} waits", human_length(*length))
        }
        Notice::Closed { length } => {
            format!("waiting {}: the API asked for that, or the rate limit is reached", human_length(*length))
        }
        Notice::NewFailure { group, write, failure, cached } => {
            let said = said(failure, *cached);
            let cid = failure.correlation_id.as_ref().map(|id| format!(" [correlation ID {id}]")).unwrap_or_default();
            format!("new in group {group}: write {write} failed in another way ({said}{cid})")
        }
        Notice::PaceSet { by, rate, concurrency } => {
            let rate = rate.map_or_else(|| "no rate limit".to_owned(), |rate| format!("{rate} requests a second"));
            format!("{by} set the pace: {rate}, at most {concurrency} at once")
        }
        Notice::Paused { by, .. } => format!("paused by {by}"),
        Notice::Resumed { by } => format!("resumed by {by}"),
    }
}

/// Describes how long a group is parked.
pub fn parked(parked: Parked) -> String {
    match parked {
        Parked::Until(time) => format!("parked until {} UTC", time.to_human()),
        Parked::AtCount(count) => format!("parked until it has more than {} writes", thousands(count.unsigned_abs())),
    }
}

/// Describes the details of an action.
pub fn action(action: &Action) -> String {
    match action {
        Action::Settle { from, to, .. } => format!("{from} -> {to}"),
        Action::Edit { from, to } | Action::UndoEdit { from, to } => format!("revision {from} -> {to}"),
        Action::Split { batch, parts, rejected } => {
            let rejected = if *rejected { "the rejected records of " } else { "" };
            format!("{rejected}write {batch} into {parts} parts")
        }
        Action::Part { batch, first, count } => format!("{} of write {batch}", records(*first, *count)),
        Action::Unsplit { batch, parts } => format!("{parts} parts of write {batch} are gone"),
        Action::Target { name, from: Some(from), to } => format!("{name}: {from} -> {to}"),
        Action::Target { name, from: None, to } => format!("{name}: bound to {to}"),
        Action::Note { group, to: Some(note), .. } => format!("group {group}: {note}"),
        Action::Note { group, to: None, .. } => format!("group {group}: the note is gone"),
        Action::Park { group, parked: Some(parked) } => format!("group {group}: {}", self::parked(*parked)),
        Action::Park { group, parked: None } => format!("group {group}: back in the list"),
        Action::Steer { run, rate, concurrency, .. } => {
            let rate = match rate {
                Some(rate) if *rate > 0.0 => format!(", rate {rate}"),
                Some(_) => ", no rate limit".to_owned(),
                None => String::new(),
            };
            let concurrency = concurrency.map(|n| format!(", concurrency {n}")).unwrap_or_default();
            format!("run {run}{rate}{concurrency}")
        }
        Action::NewKey { from, to } => format!("{from} -> {to}"),
        Action::Import { state, last_attempt } => {
            let last = last_attempt.as_ref().map(|attempt| format!("; last attempt {attempt}")).unwrap_or_default();
            format!("came in from an export as {state}{last}")
        }
        Action::Recovered { at: Some(at) } => format!("its producer got it accepted at {} UTC", at.to_human()),
        Action::Recovered { at: None } => "its producer got it accepted".to_owned(),
        Action::TakeBack { intake, removed, kept } => {
            let kept = if *kept > 0 { format!(", {kept} kept") } else { String::new() };
            format!("intake {intake}: {} removed{kept}", writes(*removed))
        }
        Action::Purge { writes: count, before } => {
            format!("{} settled before {} UTC", writes(*count), before.to_human())
        }
        Action::ResetClock { from, to } => format!("{from} -> {to}"),
        Action::Worded { words, .. } => words.clone(),
    }
}

/// Formats `record 2`, `records 3 to 7`: counted from 0, as the API counts them.
fn records(first: usize, count: usize) -> String {
    if count == 1 { format!("record {first}") } else { format!("records {first} to {}", first + count - 1) }
}

/// Returns the reason why a write was not settled.
pub fn settle_refusal(refusal: SettleRefusal) -> String {
    match refusal {
        SettleRefusal::NoSuchWrite => "there is no such write".to_owned(),
        SettleRefusal::Damaged(damage) => damage.to_string(),
        SettleRefusal::NotAllowed { run: Some(run), .. } => format!("run {run} is sending it"),
        SettleRefusal::NotAllowed { why, run: None } => why.to_string(),
    }
}

/// Describes the result of settling this many writes by hand.
pub fn settled(how: Settling, count: u64) -> String {
    let count = format!("{} {}", thousands(count), if count == 1 { "write" } else { "writes" });
    match how {
        Settling::Applied => format!("{count} resolved"),
        Settling::NotApplied => format!("{count} cleared: pending, and may be sent again at any age"),
        Settling::Discard => format!("{count} discarded"),
        Settling::Reopen => format!("{count} reopened"),
    }
}

/// Explains a hazard and what to do, in a sentence or two.
pub fn hazard(hazard: Hazard) -> &'static str {
    match hazard {
        Hazard::ClockBehind => {
            "it may have been applied, and this machine's clock is behind what the file has seen: correct the clock (if it ran ahead earlier, dlq doctor --reset-clock), or override this"
        }
        Hazard::EndpointAssumed => {
            "it was ingested without an endpoint: ingest it again with --endpoint (and --match-key), or override this to send it to the assumed one"
        }
        Hazard::NoBody => "only the event was captured, not the request: ingest the request, or discard this one",
        Hazard::KeyExpired => {
            "it may have been applied, and the API no longer remembers its key: look in the API, then resolve it as applied or not applied"
        }
        Hazard::KeyNotSent => {
            "it may have been applied, and no key that the API knows keeps it from being applied again: look in the API, then resolve it as applied or not applied"
        }
        Hazard::LaneBlocked => {
            "an older open write to the same record is not sent by this run: replay or settle that one first"
        }
        Hazard::Superseded => {
            "a newer write to the same record was already accepted: sending this one would overwrite it"
        }
        Hazard::EditedAfterAmbiguous => {
            "it was edited after it may have been applied: look in the API first, or both bodies could end up there"
        }
        Hazard::OutcomeUnknown => "it may have been applied when it was first sent",
        Hazard::KeyReused => "another write carries the same key with another body: the API may answer from its cache",
        Hazard::MaybeStale => "an upsert from over an hour ago: it may overwrite newer values",
    }
}
