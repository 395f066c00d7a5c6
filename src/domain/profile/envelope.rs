//! The envelope of an API's errors: where code, message and the rest are.

use std::borrow::Cow;

use super::pointer::{find, is_filled};
use crate::domain::api_error::ApiError;
use crate::domain::evidence::Headers;
use crate::domain::json::{Node, Value};

/// A place in an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Source {
    /// A JSON pointer into the body.
    Pointer(String),
    /// A header, in lower case.
    Header(String),
}

/// The places of an error's parts: of each the first that has something.
#[derive(Debug, Clone, Default)]
pub struct Envelope {
    pub(super) code: Vec<Source>,
    pub(super) message: Vec<Source>,
    pub(super) field: Vec<Source>,
    pub(super) details: Vec<Source>,
    pub(super) correlation_id: Vec<Source>,
    /// The parts without one of which there is no envelope; if none are named, any JSON object is one.
    pub(super) needs: Vec<Need>,
}

/// A part that makes an envelope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Need {
    Code,
    Message,
    /// A value or a header that only the API gives.
    Place(Source),
}

/// The parts of an envelope, as found.
#[derive(Debug, Clone, Default)]
pub(super) struct Parts {
    pub(super) error: ApiError,
    pub(super) is_envelope: bool,
    pub(super) correlation_id: Option<String>,
}

impl Envelope {
    pub(super) fn read(&self, headers: &Headers, body: Option<&Node<'_>>) -> Parts {
        let text = |sources: &[Source]| first(sources, headers, body);
        let (code, message) = (text(&self.code), text(&self.message));
        let detail = self.details.iter().find_map(|source| match source {
            Source::Pointer(pointer) => {
                let found = body.map(|body| find(body, pointer)).unwrap_or_default();
                found.into_iter().find(|node| !matches!(node.value, Value::Null)).map(|node| node.raw_text().to_owned())
            }
            Source::Header(name) => header(headers, name).and_then(|value| serde_json::to_string(value).ok()),
        });
        let field = text(&self.field);
        let details = match (detail, field) {
            (None, Some(field)) => serde_json::to_string(&serde_json::json!({ "path": field })).ok(),
            (detail, _) => detail,
        };
        let has = |need: &Need| match need {
            Need::Code => code.is_some(),
            Need::Message => message.is_some(),
            Need::Place(Source::Header(name)) => header(headers, name).is_some(),
            Need::Place(Source::Pointer(pointer)) => {
                body.is_some_and(|body| find(body, pointer).into_iter().any(|node| is_filled(node)))
            }
        };
        let is_object = body.is_some_and(Node::is_object);
        let is_envelope = is_object && (self.needs.is_empty() || self.needs.iter().any(has));
        let correlation_id = text(&self.correlation_id);
        let error = ApiError { code: code.unwrap_or_default(), message: message.unwrap_or_default(), details };
        Parts { error, is_envelope, correlation_id }
    }
}

/// Returns the first text that one of the places has.
fn first(sources: &[Source], headers: &Headers, body: Option<&Node<'_>>) -> Option<String> {
    sources.iter().find_map(|source| match source {
        Source::Header(name) => header(headers, name).map(str::to_owned),
        Source::Pointer(pointer) => {
            let found = body.map(|body| find(body, pointer)).unwrap_or_default();
            found.into_iter().filter_map(string_of).find(|text| !text.is_empty())
        }
    })
}

/// Returns a text; the API's words are never numbers.
fn string_of(node: &Node<'_>) -> Option<String> {
    node.text().map(Cow::into_owned)
}

/// Returns the value of a header, if it isn't blank.
pub(super) fn header<'h>(headers: &'h Headers, name: &str) -> Option<&'h str> {
    headers.iter().find(|(found, _)| *found == name).map(|(_, value)| value.trim()).filter(|value| !value.is_empty())
}

impl Source {
    /// Parses a pointer, or `header:NAME`.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        match text.strip_prefix("header:") {
            Some(name) => Ok(Self::Header(name.trim().to_ascii_lowercase())),
            None => super::pointer::check(text).map(|()| Self::Pointer(text.to_owned())),
        }
    }
}
