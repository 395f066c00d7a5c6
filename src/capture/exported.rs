//! Lines that `dlq export` wrote: their facts besides the failure. In any other line the same fields mean nothing.

use super::binding::Binding;
use super::fields::{filled, time};
use crate::domain::answer::judges_data;
use crate::domain::evidence::CapturedFailure;
use crate::domain::failure::Failure;
use crate::domain::failure_type::FailureType;
use crate::domain::identity::Sha;
use crate::domain::json::{Node, Number, Value};
use crate::domain::key::IdempotencyKey;
use crate::domain::state::{Place, Resolution, State, Waiting};
use crate::domain::transfer::{Exported, Parent};

/// Reads an export's facts about a write; `None` for any other line, or where exports are not trusted.
pub(super) fn exported(node: &Node<'_>, binding: &Binding) -> Result<Option<Exported>, String> {
    let Some(by) = binding.exports.clone() else { return Ok(None) };
    if !matches!(node.get("dlq").map(|n| &n.value), Some(Value::Number(Number::Int("1")))) {
        return Ok(None);
    }
    Ok(Some(Exported {
        place: place(node)?,
        settled_at: time(node, "settled_at")?,
        parts: whole_number(node, "parts")?,
        parent: node.get_present("parent").map(parent).transpose().map_err(|e| format!("parent.{e}"))?,
        last_attempt: node.get_present("last_attempt").map(|attempt| attempt.raw_text().to_owned()),
        captured: captured(node).map_err(|e| format!("captured.{e}"))?,
        by,
    }))
}

/// Reads the failure that the write came in with, if the line's own is that of a later answer.
fn captured(node: &Node<'_>) -> Result<CapturedFailure, String> {
    let Some(found) = node.get_present("captured") else {
        // A line of an older version does not say so, but its last attempt tells whether an answer took the failure's place.
        let last = node.get_present("last_attempt");
        let refused = last.and_then(|last| last.get("outcome")).and_then(Node::text).as_deref() == Some("refused");
        let status = last.and_then(|last| last.get("status")).and_then(|status| status.raw_text().parse().ok());
        let is_lost = refused && status.is_some_and(judges_data);
        return Ok(if is_lost { CapturedFailure::Lost } else { CapturedFailure::Current });
    };
    if found.text().as_deref() == Some("lost") {
        return Ok(CapturedFailure::Lost);
    }
    let name = filled(found, "failure_type")?.unwrap_or_default();
    let status = whole_number(found, "status")?.map(u16::try_from).transpose();
    Ok(CapturedFailure::Earlier(Box::new(Failure {
        failure_type: FailureType::parse(&name).ok_or_else(|| format!("failure_type: {name:?} is none"))?,
        status: status.map_err(|_| "status: is no HTTP status")?,
        code: filled(found, "error_code")?,
        message: filled(found, "error_message")?,
        details: filled(found, "error_details")?,
        correlation_id: filled(found, "correlation_id")?,
    })))
}

fn place(node: &Node<'_>) -> Result<Place, String> {
    let state = match filled(node, "state")? {
        None => State::Pending,
        Some(name) => {
            let names = State::ALL.map(State::name).join(", ");
            State::parse(&name).ok_or_else(|| format!("state: {name:?} is not one of {names}"))?
        }
    };
    let was = match filled(node, "was")?.as_deref() {
        None | Some("pending") => Waiting::Pending,
        Some("unknown") => Waiting::Unknown,
        Some(other) => return Err(format!("was: {other:?} is neither pending nor unknown")),
    };
    Ok(match state {
        State::Pending => Place::Open(Waiting::Pending),
        // A write that a run had in hand may have been sent.
        State::Unknown | State::Replaying => Place::Open(Waiting::Unknown),
        State::Replayed => Place::Replayed,
        State::Discarded => Place::Discarded { was },
        State::Resolved => {
            let how = filled(node, "resolution")?.unwrap_or_default();
            let how = Resolution::parse(&how)
                .ok_or_else(|| format!("resolution: {how:?} is not one of by_hand, split, producer"))?;
            Place::Resolved { was, how }
        }
    })
}

fn parent(node: &Node<'_>) -> Result<Parent, String> {
    let text = |name: &str| filled(node, name)?.ok_or_else(|| format!("{name}: is missing"));
    let content = text("content_sha256")?;
    Ok(Parent {
        method: text("method")?,
        path: text("path")?,
        key: IdempotencyKey::parse(&text("idempotency_key")?).map_err(|e| format!("idempotency_key: {e}"))?,
        content: Sha::parse(&content).ok_or_else(|| format!("content_sha256: {content:?} is no SHA-256"))?,
    })
}

fn whole_number(node: &Node<'_>, name: &str) -> Result<Option<i64>, String> {
    let Some(found) = node.get_present(name) else { return Ok(None) };
    found.raw_text().parse().map(Some).map_err(|_| format!("{name}: must be a whole number"))
}
