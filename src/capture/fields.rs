//! Readers of a line's fields, each with an error that names the field.

use crate::domain::json::{Node, Number, Value};
use crate::domain::time::Timestamp;

/// Reads a text; `null` counts as missing.
pub(super) fn text(node: &Node<'_>, name: &str) -> Result<Option<String>, String> {
    match node.get_present(name) {
        None => Ok(None),
        Some(found) => match &found.value {
            Value::String(text) if text.has_lone_surrogate() => Err(format!("{name}: has half of a surrogate pair")),
            Value::String(text) => Ok(Some(text.to_text().into_owned())),
            _ => Err(format!("{name}: must be a string")),
        },
    }
}

/// Like [`text`], but an empty text counts as missing, too.
pub(super) fn filled(node: &Node<'_>, name: &str) -> Result<Option<String>, String> {
    Ok(text(node, name)?.filter(|text| !text.is_empty()))
}

/// Reads a text or a whole number, as IDs come.
pub(super) fn id(node: &Node<'_>, name: &str) -> Result<Option<String>, String> {
    match node.get_present(name).map(|found| &found.value) {
        Some(Value::Number(Number::Int(digits))) => Ok(Some((*digits).to_owned())),
        Some(Value::String(_)) | None => filled(node, name),
        Some(_) => Err(format!("{name}: must be a string or a whole number")),
    }
}

/// Reads a time; one that can't be parsed is an error.
pub(super) fn time(node: &Node<'_>, name: &str) -> Result<Option<Timestamp>, String> {
    let Some(found) = node.get_present(name) else { return Ok(None) };
    let shown = match &found.value {
        Value::String(text) => text.to_text().into_owned(),
        Value::Number(_) => found.raw_text().to_owned(),
        _ => return Err(format!("{name}: must be a time (RFC 3339)")),
    };
    Timestamp::parse(&shown).map(Some).ok_or_else(|| format!("{name}: {shown:?} is not a time (RFC 3339)"))
}

/// Reads a whole number that isn't negative.
pub(super) fn count(node: &Node<'_>, name: &str) -> Result<Option<u64>, String> {
    let Some(found) = node.get_present(name) else { return Ok(None) };
    found.raw_text().parse().map(Some).map_err(|_| format!("{name}: must be a whole number"))
}

/// Reads a flag.
pub(super) fn flag(node: &Node<'_>, name: &str) -> Result<Option<bool>, String> {
    match node.get_present(name).map(Node::raw_text) {
        None => Ok(None),
        Some("true") => Ok(Some(true)),
        Some("false") => Ok(Some(false)),
        Some(_) => Err(format!("{name}: must be true or false")),
    }
}

/// Reads an HTTP status; 0 and `null` count as missing.
pub(super) fn status(node: &Node<'_>, name: &str) -> Result<Option<u16>, String> {
    let Some(found) = node.get_present(name) else { return Ok(None) };
    let shown = match &found.value {
        Value::String(text) => text.to_text().into_owned(),
        _ => found.raw_text().to_owned(),
    };
    match shown.trim().parse::<u16>() {
        Ok(0) => Ok(None),
        Ok(status @ 100..=599) => Ok(Some(status)),
        _ => Err(format!("{name}: {shown} is not an HTTP status (100 to 599)")),
    }
}
