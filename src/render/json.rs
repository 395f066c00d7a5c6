//! NDJSON: the field names here are a contract with scripts.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::words;
use crate::domain::action::LogEntry;
use crate::domain::attempt::Attempt;
use crate::domain::batch::Child;
use crate::domain::escape::json_line;
use crate::domain::evidence::{CapturedFailure, KeptAnswer};
use crate::domain::group::Group;
use crate::domain::ids::{RunId, WriteId};
use crate::domain::json;
use crate::domain::key::{IdempotencyKey, KeyWindows};
use crate::domain::outcome::{AttemptOutcome, Outcome, Tally};
use crate::domain::parking::Parked;
use crate::domain::producer;
use crate::domain::reason::Data;
use crate::domain::rules::settle::SettleRefusal;
use crate::domain::run::{Run, Wish};
use crate::domain::state::State;
use crate::domain::stop::Stops;
use crate::domain::time::Timestamp;
use crate::domain::write::{FailedWrite, WriteView};

/// Formats one line of JSON, with hostile characters escaped.
pub fn line(value: &impl Serialize) -> String {
    json_line(serde_json::to_string(value).unwrap_or_default())
}

#[derive(Serialize)]
struct WriteJson<'a> {
    id: WriteId,
    state: &'static str,
    failure_type: &'static str,
    status: Option<u16>,
    error_code: Option<&'a str>,
    error_message: Option<&'a str>,
    error_details: Option<Box<RawValue>>,
    correlation_id: Option<&'a str>,
    idempotency_key: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_key: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_id: Option<WriteId>,
    key_origin: &'static str,
    target: &'a str,
    method: &'a str,
    path: &'a str,
    endpoint_origin: &'static str,
    object: &'a str,
    operation: &'a str,
    lane: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body_base64: Option<String>,
    body_sha256: Option<String>,
    body_origin: &'static str,
    revision: i64,
    first_attempt_at: Option<String>,
    failed_at: Option<String>,
    captured_at: String,
    ambiguous_since: Option<String>,
    occurrences: i64,
    attempts: i64,
    group: i64,
    hazards: Vec<&'static str>,
    source: Option<&'a str>,
}

/// Formats a write, with its body if it was read.
pub fn write(view: &WriteView) -> String {
    let write = &view.write;
    let time = |at: Option<crate::domain::time::Timestamp>| at.map(|at| at.to_string());
    let (body, body_base64) = view.body.as_deref().map_or((None, None), body_fields);
    line(&WriteJson {
        id: write.id,
        state: write.standing.state().name(),
        failure_type: write.failure.failure_type.name(),
        status: write.failure.status,
        error_code: write.failure.code.as_deref(),
        error_message: write.failure.message.as_deref(),
        error_details: write.failure.details.as_deref().and_then(raw),
        correlation_id: write.failure.correlation_id.as_deref(),
        idempotency_key: write.key.as_str(),
        parent_key: write.parent_key.as_ref().map(IdempotencyKey::as_str),
        parent_id: write.parent,
        key_origin: write.key_origin.name(),
        target: &write.target,
        method: &write.method,
        path: write.path.as_str(),
        endpoint_origin: write.endpoint_origin.name(),
        object: &write.operated.object,
        operation: &write.operated.operation,
        lane: write.lane.as_deref(),
        body,
        body_base64,
        body_sha256: (write.body_origin != crate::domain::body::BodyOrigin::Missing)
            .then(|| write.body_sha256.to_string()),
        body_origin: write.body_origin.name(),
        revision: write.revision,
        first_attempt_at: time(write.first_attempt_at),
        failed_at: time(write.failed_at),
        captured_at: write.captured_at.to_string(),
        ambiguous_since: time(write.standing.ambiguous_since),
        occurrences: write.occurrences,
        attempts: write.attempts,
        group: write.group.0,
        hazards: view.hazards.iter().map(|h| h.name()).collect(),
        source: write.source.as_deref(),
    })
}

/// Returns the body as JSON if it is on one line, else as base64.
pub fn body_fields(body: &[u8]) -> (Option<Box<RawValue>>, Option<String>) {
    let text = json::scan(body).ok().filter(json::Node::is_strict).map(|node| node.raw_text());
    let one_line = text.filter(|text| text.len() == body.len() && !text.contains(['\n', '\r']));
    match one_line.and_then(raw) {
        Some(raw) => (Some(raw), None),
        None => (None, Some(BASE64.encode(body))),
    }
}

pub(super) fn raw(text: &str) -> Option<Box<RawValue>> {
    if text.contains(['\n', '\r']) || !json::scan(text.as_bytes()).is_ok_and(|node| node.is_strict()) {
        return None;
    }
    RawValue::from_string(text.to_owned()).ok()
}

/// Formats a group.
pub fn group(group: &Group) -> String {
    line(&json!({
        "id": group.id,
        "target": group.target,
        "object": group.object,
        "failure_type": group.failure_type.name(),
        "error_code": group.error_code,
        "message": group.message,
        "count": group.count,
        "open": group.open,
        "first_seen": group.first_seen,
        "last_seen": group.last_seen,
        "last_replayed": group.last_replayed,
        "example_id": group.example_id,
        "note": group.note,
        "parked_until": if let Some(Parked::Until(time)) = group.parked { Some(time) } else { None },
        "parked_count": if let Some(Parked::AtCount(count)) = group.parked { Some(count) } else { None },
    }))
}

/// Formats a run, with its counts.
pub fn run(run: &Run) -> String {
    let mut fields = Map::new();
    fields.insert("id".to_owned(), json!(run.id));
    fields.insert("state".to_owned(), json!(run.state.name()));
    fields.insert("target".to_owned(), json!(run.target));
    fields.insert("operator".to_owned(), json!(run.operator.name));
    fields.insert("host".to_owned(), json!(run.operator.host));
    fields.insert("reason".to_owned(), json!(run.reason));
    fields.insert("query".to_owned(), json!(run.query));
    fields.insert("started_at".to_owned(), json!(run.started_at));
    fields.insert("ended_at".to_owned(), json!(run.ended_at));
    counts(&mut fields, &run.tally, run.new_since_plan, &run.stopped);
    line(&Value::Object(fields))
}

fn counts(fields: &mut Map<String, Value>, tally: &Tally, new_since_plan: u64, stopped: &Stops) {
    fields.insert("planned".to_owned(), json!(tally.planned()));
    for &outcome in Outcome::ALL {
        let name = if outcome == Outcome::Accepted { "replayed" } else { outcome.name() };
        fields.insert(name.to_owned(), json!(tally.get(outcome)));
    }
    fields.insert("new_since_plan".to_owned(), json!(new_since_plan));
    fields.insert("stopped".to_owned(), json!(stopped.code()));
    fields.insert("stopped_data".to_owned(), Value::Object(stopped.data()));
}

/// Formats the current wishes for a run.
pub fn wish(run: RunId, wish: &Wish) -> String {
    line(&json!({
        "run": run,
        "wanted": wish.wanted.name(),
        "rate": wish.rate.filter(|rate| *rate > 0.0),
        "concurrency": wish.concurrency,
        "operator": wish.operator,
    }))
}

/// Formats the key windows that matter, for `stats`.
pub fn key_windows(windows: &KeyWindows) -> String {
    line(&json!({ "key_windows": windows_value(windows) }))
}

/// Returns the key windows as a value, for use inside another object.
pub fn windows_value(windows: &KeyWindows) -> Value {
    json!({
        "first_ends_at": windows.first_ends.map(|(_, ends)| ends),
        "first_id": windows.first_ends.map(|(id, _)| id),
        "ended": windows.ended,
    })
}

/// Formats the last line of a replay.
pub fn summary(run: Option<RunId>, tally: &Tally, new_since_plan: u64, stopped: &Stops) -> String {
    let mut fields = Map::new();
    fields.insert("run".to_owned(), json!(run));
    counts(&mut fields, tally, new_since_plan, stopped);
    line(&json!({ "summary": fields }))
}

/// Formats the last line of a replay that sent something.
pub fn run_summary(run: RunId, tally: &Tally, new_since_plan: u64, stopped: &Stops, windows: &KeyWindows) -> String {
    let mut fields = Map::new();
    fields.insert("run".to_owned(), json!(run));
    counts(&mut fields, tally, new_since_plan, stopped);
    fields.insert("key_windows".to_owned(), windows_value(windows));
    line(&json!({ "summary": fields }))
}

/// The outcome of one write of a plan.
#[derive(Debug, Clone, Serialize)]
pub struct ReplayLine {
    /// The write's ID.
    pub id: WriteId,
    /// The key it was sent under.
    pub idempotency_key: String,
    /// Its outcome; `planned` in a dry run.
    pub outcome: &'static str,
    /// The code of the reason, unless it was accepted.
    pub reason: Option<String>,
    /// The details of the reason.
    pub reason_data: Data,
    /// Its current state.
    pub state: &'static str,
    /// The HTTP status of the last attempt in this run.
    pub status: Option<u16>,
    /// The API's error code.
    pub error_code: Option<String>,
    /// The API's message.
    pub error_message: Option<String>,
    /// The correlation ID of the last attempt.
    pub correlation_id: Option<String>,
    /// True if the answer came from the API's idempotency cache.
    pub cached: bool,
    /// Number of attempts in this run.
    pub attempts: u32,
    /// The last attempt's latency in milliseconds.
    pub latency_ms: Option<i64>,
    /// The body's revision.
    pub revision: i64,
}

/// Formats the result of settling a write.
pub fn settled(id: WriteId, outcome: &str, state: Option<&str>, refusal: Option<SettleRefusal>) -> String {
    line(&json!({
        "id": id, "outcome": outcome, "state": state, "reason": refusal.map(SettleRefusal::code),
        "reason_data": refusal.map(SettleRefusal::data).unwrap_or_default(),
    }))
}

/// Formats a part of a split batch.
pub fn child(parent: WriteId, child: &Child) -> String {
    line(&json!({
        "id": child.id,
        "parent_id": parent,
        "first_record": child.first,
        "records": child.count,
        "named": child.named,
    }))
}

/// Formats a batch whose split was undone.
pub fn unsplit(id: WriteId, parts: usize) -> String {
    line(&json!({ "id": id, "state": State::Pending.name(), "parts": parts }))
}

#[derive(Serialize)]
struct AttemptJson<'a> {
    n: i64,
    run: Option<RunId>,
    started_at: Option<Timestamp>,
    ended_at: Option<Timestamp>,
    status: Option<u16>,
    error_code: Option<&'a str>,
    error_message: Option<Cow<'a, str>>,
    correlation_id: Option<&'a str>,
    outcome: Option<&'static str>,
    cached: bool,
    latency_ms: Option<i64>,
    revision: i64,
    answer: Option<AnswerJson<'a>>,
    transport: Option<TransportJson<'a>>,
    #[serde(flatten)]
    captured: Option<CapturedJson>,
}

/// The fields that only attempt 0 has, where it is shown alone.
#[derive(Serialize)]
struct CapturedJson {
    failure_type: &'static str,
    error_details: Option<Box<RawValue>>,
}

#[derive(Serialize)]
struct AnswerJson<'a> {
    status: u16,
    headers: Vec<(&'a str, &'a str)>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body_base64: Option<String>,
    body_bytes: Option<u64>,
    body_sha256: String,
}

#[derive(Serialize)]
struct TransportJson<'a> {
    phase: &'static str,
    error: &'a str,
}

/// Formats an attempt, for `history`.
pub fn attempt(attempt: &Attempt) -> String {
    line(&attempt_json(attempt))
}

fn attempt_json(attempt: &Attempt) -> AttemptJson<'_> {
    AttemptJson {
        n: attempt.n,
        run: Some(attempt.run),
        started_at: Some(attempt.started_at),
        ended_at: attempt.ended_at,
        status: attempt.status,
        error_code: attempt.error_code.as_deref(),
        error_message: words::attempt_message(attempt),
        correlation_id: attempt.correlation_id.as_deref(),
        outcome: attempt.outcome.map(AttemptOutcome::name),
        cached: attempt.cached,
        latency_ms: attempt.latency_ms,
        revision: attempt.revision,
        answer: attempt.answer.as_ref().map(answer),
        transport: attempt.transport.as_ref().map(|lost| TransportJson { phase: lost.phase.name(), error: &lost.why }),
        captured: None,
    }
}

fn answer(answer: &KeptAnswer) -> AnswerJson<'_> {
    let (body, body_base64) = body_fields(&answer.body);
    AnswerJson {
        status: answer.status,
        headers: answer.headers.iter().collect(),
        body,
        body_base64,
        body_bytes: answer.length,
        body_sha256: answer.sha256.to_string(),
    }
}

/// Formats the failure that a write came in with, as its attempt 0; `None` if an older dlq overwrote it.
pub fn attempt_zero(write: &FailedWrite, captured: &CapturedFailure) -> Option<String> {
    zero(write, captured).map(|zero| line(&zero))
}

fn zero<'a>(write: &'a FailedWrite, captured: &'a CapturedFailure) -> Option<AttemptJson<'a>> {
    let failure = captured.or_current(&write.failure)?;
    Some(AttemptJson {
        n: 0,
        run: None,
        started_at: write.first_attempt_at,
        ended_at: write.failed_at,
        status: failure.status,
        error_code: failure.code.as_deref(),
        error_message: failure.message.as_deref().map(Cow::Borrowed),
        correlation_id: failure.correlation_id.as_deref(),
        outcome: Some(producer::outcome(failure.status, failure.code.as_deref(), write.captured_ambiguous).name()),
        cached: false,
        latency_ms: None,
        revision: 0,
        answer: None,
        transport: None,
        captured: None,
    })
}

/// Formats a write for `show`: with its first failure as `captured`, and with all its attempts as `history` if they are wanted.
pub fn shown(view: &WriteView, captured: &CapturedFailure, attempts: Option<&[Attempt]>) -> String {
    let (write, failure) = (&view.write, captured.or_current(&view.write.failure));
    let alone = zero(write, captured).zip(failure).map(|(zero, failure)| AttemptJson {
        captured: Some(CapturedJson {
            failure_type: failure.failure_type.name(),
            error_details: failure.details.as_deref().and_then(raw),
        }),
        ..zero
    });
    let mut text = self::write(view);
    text.pop();
    text.push_str(&format!(",\"captured\":{}", line(&alone)));
    if let Some(attempts) = attempts {
        let all: Vec<_> = zero(write, captured).into_iter().chain(attempts.iter().map(attempt_json)).collect();
        text.push_str(&format!(",\"history\":{}", line(&all)));
    }
    text.push('}');
    text
}

/// Formats an operator's action, for `history`.
pub fn action(entry: &LogEntry) -> String {
    line(&json!({
        "action": entry.action.name(),
        "at": entry.at,
        "operator": entry.operator.name,
        "host": entry.operator.host,
        "detail": words::action(&entry.action),
        "data": entry.action.data(),
        "reason": entry.reason,
    }))
}

/// Formats the numbers of writes by state, for `stats`.
pub fn count(by: &str, key: &str, by_state: &[i64; 6]) -> String {
    let mut fields = Map::new();
    fields.insert(by.to_owned(), json!(key));
    fields.insert("count".to_owned(), json!(by_state.iter().sum::<i64>()));
    fields.insert("open".to_owned(), json!(State::OPEN.iter().map(|&s| by_state[s as usize]).sum::<i64>()));
    for state in State::ALL {
        fields.insert(state.name().to_owned(), json!(by_state[state as usize]));
    }
    line(&Value::Object(fields))
}
