//! A write as a line that `ingest` reads back into another file.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Map, Value, json};

use super::json::{body_fields, line, raw};
use super::words;
use crate::domain::attempt::Attempt;
use crate::domain::escape::json_line;
use crate::domain::evidence::CapturedFailure;
use crate::domain::failure::Failure;
use crate::domain::key::{IdempotencyKey, KeyOrigin};
use crate::domain::outcome::AttemptOutcome;
use crate::domain::producer::Testimony;
use crate::domain::profile::{self, Logged};
use crate::domain::state::{Place, State};
use crate::domain::time::Timestamp;
use crate::domain::transfer::Parent;
use crate::domain::write::{FailedWrite, WriteView};

/// The facts that an export adds to the write itself.
#[derive(Debug, Default)]
pub struct Beside {
    /// The captured body, where it was edited.
    pub captured: Option<Vec<u8>>,
    /// The event, where nothing else was captured.
    pub evidence: Option<Vec<u8>>,
    /// The batch that it was split from.
    pub parent: Option<Parent>,
    /// Its last attempt.
    pub last_attempt: Option<Attempt>,
    /// The failure that it came in with.
    pub captured_failure: CapturedFailure,
    /// The time when the request now under way for it was intended.
    pub in_flight_since: Option<Timestamp>,
}

/// Formats a write in the full shape that `ingest` reads back: same identity, same bytes, same keys, same ambiguity.
/// A settled write stays settled there.
pub fn export(view: &WriteView, beside: &Beside) -> String {
    let write = &view.write;
    let (captured, evidence) = (beside.captured.as_deref(), beside.evidence.as_deref());
    let mut fields: Map<String, Value> = Map::new();
    let mut put = |name: &str, value: Value| {
        if !value.is_null() {
            fields.insert(name.to_owned(), value);
        }
    };
    put("dlq", json!(1));
    place(&mut put, write);
    put("target", json!(write.target));
    put("method", json!(write.method));
    if write.endpoint_origin != crate::domain::endpoint::EndpointOrigin::Assumed {
        put("path", json!(write.path.as_str()));
    }
    if !write.headers.is_empty() {
        put("headers", write.headers.iter().map(|(n, v)| (n.clone(), json!(v))).collect::<Map<_, _>>().into());
    }
    put("idempotency_key", json!(write.key.as_str()));
    put("parent_key", json!(write.parent_key.as_ref().map(IdempotencyKey::as_str)));
    if write.key_origin != KeyOrigin::Given {
        put("key_origin", json!(write.key_origin.name()));
    }
    put("failure_type", json!(write.failure.failure_type.name()));
    put("status", json!(write.failure.status));
    put("error_code", json!(write.failure.code));
    put("error_message", json!(write.failure.message));
    put("correlation_id", json!(write.failure.correlation_id));
    put("failed_at", json!(write.failed_at));
    put("first_attempt_at", json!(write.first_attempt_at));
    let since = write.standing.ambiguous_since.into_iter().chain(beside.in_flight_since).min();
    put("ambiguous_since", json!(since));
    // What the line tells doesn't show what an operator, or another answer, has said since.
    let failure = &write.failure;
    let logged = Logged::told(&write.method, failure.status, failure.code.as_deref(), failure.message.as_deref());
    let told = Testimony {
        logged,
        key_was_sent: write.key_origin == KeyOrigin::Given,
        tries: None,
        first_attempt_at: write.first_attempt_at,
        failed_at: write.failed_at,
    };
    // Another profile, or another version of it, may read it otherwise.
    let profile = profile::built_in();
    let is_same = write.profile.as_ref().is_none_or(|version| *version == profile.version);
    if !is_same || write.captured_ambiguous == told.is_definite(&profile) {
        put("captured_ambiguous", json!(write.captured_ambiguous));
    }
    put("edited_at", json!(write.edited_at));
    put("source", json!(write.source));
    put("parent", beside.parent.as_ref().map_or(Value::Null, parent));
    match &beside.captured_failure {
        CapturedFailure::Current => {}
        CapturedFailure::Earlier(failure) => put("captured", captured_failure(failure)),
        CapturedFailure::Lost => put("captured", json!("lost")),
    }
    put("last_attempt", beside.last_attempt.as_ref().map_or(Value::Null, last_attempt));
    // The exact bytes: base64 whenever escaping the line would change them.
    let mut text = line(&Value::Object(fields));
    text.pop();
    if let Some(details) = write.failure.details.as_deref().and_then(raw) {
        text.push_str(&format!(",\"error_details\":{details}"));
    }
    if let Some(event) = evidence {
        text.push_str(&format!(",\"event\":{}", String::from_utf8_lossy(event)));
    } else if let Some(body) = &view.body {
        text.push_str(&exact("body", captured.unwrap_or(body)));
        if captured.is_some() {
            text.push_str(&exact("edited_body", body));
        }
    }
    text.push('}');
    json_line(text)
}

/// Formats a field with exactly these bytes: as they stand, or in base64 where a line of JSON would change them.
fn exact(name: &str, body: &[u8]) -> String {
    match body_fields(body) {
        (Some(raw), _) if json_line(raw.get().to_owned()) == raw.get() && !raw.get().starts_with('"') => {
            format!(",\"{name}\":{raw}")
        }
        _ => format!(",\"{name}_base64\":\"{}\"", BASE64.encode(body)),
    }
}

/// Puts the write's place in the state machine. A write that a run has in hand may have been sent.
fn place(put: &mut impl FnMut(&str, Value), write: &FailedWrite) {
    let state = match write.standing.state() {
        State::Replaying => State::Unknown,
        state => state,
    };
    put("state", json!(state.name()));
    if let Place::Resolved { was, .. } | Place::Discarded { was } = write.standing.place {
        put("was", json!(was.state().name()));
    }
    if let Place::Resolved { how, .. } = write.standing.place {
        put("resolution", json!(how.name()));
    }
    put("settled_at", json!(write.settled_at));
    put("parts", json!(write.parts));
}

fn parent(parent: &Parent) -> Value {
    json!({
        "method": parent.method,
        "path": parent.path,
        "idempotency_key": parent.key.as_str(),
        "content_sha256": parent.content.to_string(),
    })
}

fn captured_failure(failure: &Failure) -> Value {
    json!({
        "failure_type": failure.failure_type.name(),
        "status": failure.status,
        "error_code": failure.code,
        "error_message": failure.message,
        "error_details": failure.details.as_deref(),
        "correlation_id": failure.correlation_id,
    })
}

fn last_attempt(attempt: &Attempt) -> Value {
    json!({
        "started_at": attempt.started_at,
        "outcome": attempt.outcome.map(AttemptOutcome::name),
        "status": attempt.status,
        "error_code": attempt.error_code,
        "error_message": words::attempt_message(attempt),
        "correlation_id": attempt.correlation_id,
    })
}
