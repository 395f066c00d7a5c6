//! The five shapes of a line, told apart by their fields: request, body, event, record (with or without a key).

use std::borrow::Cow;

use base64::Engine as _;

use super::binding::{Binding, TargetBinding};
use super::exported::exported;
use super::fields::{count, filled, flag, id, status, text, time};
use super::headers::Headers;
use crate::domain::api_error::{ApiError, summary_of};
use crate::domain::body::BodyOrigin;
use crate::domain::endpoint::{EndpointOrigin, EndpointPath};
use crate::domain::evidence;
use crate::domain::failure::Failure;
use crate::domain::failure_type::FailureType;
use crate::domain::json::{self, MAX_DEPTH, Node, Value};
use crate::domain::key::{IdempotencyKey, KeyOrigin};
use crate::domain::producer::{Testimony, failure_type};
use crate::domain::profile::{Logged, Profile};
use crate::domain::secrets::Scrubber;
use crate::domain::stable_key::{stable_key_of, uuid_of};
use crate::domain::write::Captured;

/// The failed request, as a line describes it.
struct Request {
    method: String,
    path: Option<String>,
    headers: Headers,
    body: Body,
}

enum Body {
    /// The bytes that were sent, or those that a map built in their place.
    Bytes(Vec<u8>, BodyOrigin),
    /// The record's value, to be wrapped as the guide's client does.
    Record,
    Missing,
}

/// A recognised line: a failed write, or one that the API accepted.
#[derive(Debug)]
pub enum Recognised {
    /// A failed write.
    Failed(Box<Captured>),
    /// A write that the API accepted: no failure.
    Accepted,
}

impl Body {
    fn empty() -> Self {
        Self::Bytes(Vec::new(), BodyOrigin::Captured)
    }
}

impl Recognised {
    /// Returns the write, if it failed.
    pub fn failed(self) -> Option<Captured> {
        match self {
            Self::Failed(captured) => Some(*captured),
            Self::Accepted => None,
        }
    }
}

/// Scans a line, which must be an object and not the line of a log.
pub(super) fn scanned(line: &[u8]) -> Result<Node<'_>, String> {
    // A body may be nested as deep as a stable key allows, and lies a few levels down.
    let node = json::scan_within(line, MAX_DEPTH + 4).map_err(|e| format!("not JSON: {e}"))?;
    if !node.is_object() {
        return Err("the line must be a JSON object".to_owned());
    }
    match log_line(&node) {
        Some(why) => Err(why),
        None => Ok(node),
    }
}

/// Reads one line; the error says why it is rejected, for whoever has to repair it.
pub fn read_line(line: &[u8], binding: &Binding) -> Result<Recognised, String> {
    let node = scanned(line)?;
    let (target, bound) = binding.target_of(text(&node, "target")?.as_deref())?;
    let request = request(&node, binding.is_mapped)?;
    let is_whole = matches!(request.body, Body::Bytes(..));
    let (path, endpoint_origin) = match &request.path {
        Some(path) if binding.scrubber.is_in_path(path) => {
            let hint = "send secrets in headers, which are never kept";
            return Err(format!("path: it contains a secret, which would be kept and sent again; {hint}"));
        }
        Some(path) => {
            let path = EndpointPath::parse(path, bound.base_url.as_ref()).map_err(|e| format!("path: {e}"))?;
            (path, EndpointOrigin::Given)
        }
        None => binding.endpoint_for(&bound)?,
    };
    let (body, body_origin) = match request.body {
        Body::Bytes(bytes, origin) => (bytes, origin),
        Body::Record => {
            let match_key = binding.match_key_for(&bound, endpoint_origin);
            (rebuild(node.get("record"), match_key)?, BodyOrigin::Rebuilt)
        }
        Body::Missing => (Vec::new(), BodyOrigin::Missing),
    };
    let event = node.get_present("event");
    let profile = &bound.settings.profile;
    let answered = Told::read(&node, profile)?;
    if answered.is_accepted(&request.method, profile) {
        return Ok(Recognised::Accepted);
    }
    let (tries, first_attempt_at) = (count(&node, "tries")?, time(&node, "first_attempt_at")?);
    let failed_at = time(&node, "failed_at")?;
    let is_event = event.is_some() && body_origin == BodyOrigin::Missing;
    let failure = answered.failure(&node, &request.method, is_event, profile)?;
    let exported = exported(&node, binding)?;
    let whole = format!("{} {path}", request.method);
    let header = bound.settings.key_header.as_deref();
    let sent = header.and_then(|name| request.headers.get(name)).filter(|key| !key.is_empty()).map(str::to_owned);
    let (key, key_origin, new_key) = keys(&node, sent, is_whole.then_some(&body), &whole, exported.is_some())?;
    let key_was_sent = header.is_some() && key_origin == KeyOrigin::Given;
    let logged = answered.logged(&request.method, failure.code.as_deref());
    let is_definite = Testimony { logged, key_was_sent, tries, first_attempt_at, failed_at }.is_definite(profile);
    let failure = scrubbed(failure, &binding.scrubber);
    let edited = match &exported {
        Some(_) => bytes(&node, "edited_body")?.zip(Some(time(&node, "edited_at")?.unwrap_or(binding.now))),
        None => None,
    };
    let scanned = json::scan(&body).ok();
    let record = scanned.as_ref().and_then(|b| b.get("record").or_else(|| b.get("records")?.items()?.first()));
    let operated = profile.operated(&request.method, &path);
    Ok(Recognised::Failed(Box::new(Captured {
        lanes: operated.lane.lanes(&target, &operated.object, path.as_str(), &body),
        operated,
        profile: profile.version.clone(),
        record_fields: record.map(field_names).unwrap_or_default(),
        ambiguous: match flag(&node, "captured_ambiguous") {
            Ok(Some(true)) => true,
            // Only an export knows that someone has looked.
            Ok(Some(false)) if exported.is_some() => false,
            _ => !is_definite,
        },
        ambiguous_since: time(&node, "ambiguous_since")?,
        first_attempt_at,
        failed_at,
        captured_at: binding.now,
        source: filled(&node, "source")?
            .map(|s| binding.scrubber.text(&s).into_owned())
            .or_else(|| binding.source.clone()),
        evidence: (body_origin == BodyOrigin::Missing).then(|| event.map(|e| binding.scrubber.line(e.raw))).flatten(),
        method: request.method,
        headers: kept_headers(request.headers, &bound)?,
        target,
        path,
        endpoint_origin,
        body,
        body_origin,
        key,
        new_key,
        key_origin,
        key_header: Some(header.unwrap_or_default().to_owned()),
        edited,
        exported: exported.map(Box::new),
        failure,
    })))
}

/// Returns the reason why the line of a log is rejected, if this is one: it has a level or a time, as logs do, and a text. An
/// event that failed is an object.
pub(super) fn log_line(node: &Node<'_>) -> Option<String> {
    const MARKS: [&str; 8] = ["level", "severity", "log_level", "levelname", "timestamp", "@timestamp", "time", "ts"];
    let is_marked = MARKS.iter().any(|name| node.get_present(name).is_some());
    let is_text = |name: &&str| node.get_present(name).is_some_and(|found| matches!(found.value, Value::String(_)));
    let name = is_marked.then(|| ["event", "msg", "message"].into_iter().find(is_text)).flatten()?;
    let hint = "--map makes failures of such lines";
    Some(format!("it is the line of a log, with the text `{name}`, and not a failed write: {hint}"))
}

/// Reads the request of a line. One that fits several shapes is read as the first of: request, body, event, record.
fn request(node: &Node<'_>, is_mapped: bool) -> Result<Request, String> {
    if let Some(request) = node.get_present("request") {
        if !request.is_object() {
            return Err("request: must be an object".to_owned());
        }
        let body = whole_body(request, is_mapped).map_err(|e| format!("request.{e}"))?;
        let body = body.or_else(|| is_delete(request).then(Body::empty)).ok_or("request: has no body")?;
        return described(request, body).map_err(|e| format!("request.{e}"));
    }
    if let Some(body) = whole_body(node, is_mapped)? {
        return described(node, body);
    }
    if let Some(event) = node.get_present("event") {
        if !event.is_object() {
            return Err("event: must be an object; a text is the line of a log, and not a failed write".to_owned());
        }
        return described(node, Body::Missing);
    }
    match node.get_present("record") {
        Some(record) if record.is_object() => described(node, Body::Record),
        Some(_) => Err("record: must be an object".to_owned()),
        // A DELETE says all there is to say by its path.
        None if is_delete(node) && (node.get_present("path").is_some() || node.get_present("url").is_some()) => {
            described(node, Body::empty())
        }
        None => Err("none of the known shapes: it has no request, body, body_base64, event or record".to_owned()),
    }
}

fn is_delete(node: &Node<'_>) -> bool {
    node.get_present("method").and_then(Node::text).is_some_and(|method| method.eq_ignore_ascii_case("DELETE"))
}

fn described(node: &Node<'_>, body: Body) -> Result<Request, String> {
    let method = filled(node, "method")?.unwrap_or_else(|| "POST".to_owned()).to_ascii_uppercase();
    if ["GET", "HEAD", "OPTIONS", "TRACE", "CONNECT"].contains(&method.as_str()) {
        return Err(format!("method: {method} writes nothing, so there is no failed write to keep"));
    }
    if method.len() > 32 || !method.bytes().all(|b| b.is_ascii_alphabetic()) {
        return Err(format!("method: {method:?} is not an HTTP method"));
    }
    let path = match filled(node, "path")? {
        Some(path) => Some(path),
        None => filled(node, "url")?,
    };
    Ok(Request { method, path, headers: Headers::read(node.get_present("headers"))?, body })
}

/// Reads the body of a request. What a map built, rather than passed on as a text, was not sent like that.
fn whole_body(node: &Node<'_>, is_mapped: bool) -> Result<Option<Body>, String> {
    let is_built = is_mapped && node.get_present("body").is_some_and(|body| !matches!(body.value, Value::String(_)));
    let origin = if is_built { BodyOrigin::Rebuilt } else { BodyOrigin::Captured };
    Ok(bytes(node, "body")?.map(|bytes| Body::Bytes(bytes, origin)))
}

/// Returns the exact bytes of a field's JSON value as it stood in the line; a string counts as its decoded text. Or those
/// of `…_base64`.
pub(super) fn bytes(node: &Node<'_>, name: &str) -> Result<Option<Vec<u8>>, String> {
    let base64_name = format!("{name}_base64");
    if let Some(body) = node.get_present(name) {
        return match &body.value {
            Value::String(text) if text.has_lone_surrogate() => {
                Err(format!("{name}: half of a surrogate pair can't be sent; give the bytes as {base64_name}"))
            }
            Value::String(text) => Ok(Some(text.to_text().into_owned().into_bytes())),
            _ => Ok(Some(body.raw.to_vec())),
        };
    }
    let Some(encoded) = text(node, &base64_name)? else { return Ok(None) };
    let decoded = base64::engine::general_purpose::STANDARD.decode(encoded.trim());
    decoded.map(Some).map_err(|e| format!("{base64_name}: {e}"))
}

/// Returns the bytes that Python's `requests` sends for `json={"record": …, "matchKey": …}`.
pub(super) fn rebuild(record: Option<&Node<'_>>, match_key: Option<&str>) -> Result<Vec<u8>, String> {
    let record = record.ok_or("record: is missing")?;
    let mut body = b"{\"record\": ".to_vec();
    body.extend(json::dumps(record).map_err(|e| format!("record: {e}"))?);
    if let Some(match_key) = match_key {
        let quoted = serde_json::to_string(match_key).map_err(|e| e.to_string())?;
        let scanned = json::scan(quoted.as_bytes()).map_err(|e| e.to_string())?;
        body.extend(b", \"matchKey\": ");
        body.extend(json::dumps(&scanned).map_err(|e| e.to_string())?);
    }
    body.push(b'}');
    Ok(body)
}

/// The answer that a line tells of, as far as there was one.
pub(super) struct Told {
    status: Option<u16>,
    /// The body, as JSON or as the text that it was.
    body: Vec<u8>,
    headers: evidence::Headers,
    correlation_id: Option<String>,
    /// The error that the line names.
    named: Option<ApiError>,
    /// The error that the answer's body has.
    envelope: Option<ApiError>,
    /// The failure type that the line names.
    given: Option<FailureType>,
    code: Option<String>,
    message: Option<String>,
}

impl Told {
    pub(super) fn read(node: &Node<'_>, profile: &Profile) -> Result<Self, String> {
        let response = node.get_present("response");
        let body = match response.and_then(|r| r.get_present("body")).map(|b| (&b.value, b.raw)) {
            Some((Value::String(text), _)) => text.to_text().into_owned().into_bytes(),
            Some((_, raw)) => raw.to_vec(),
            None => Vec::new(),
        };
        let headers = Headers::read(response.and_then(|r| r.get_present("headers"))).unwrap_or_default().all();
        let (envelope, correlation_id) = profile.error_of(&headers, &body);
        // The parts of an answer that were logged without its body are the guide's own.
        let parts = response.and_then(ApiError::from_envelope);
        let error = node.get_present("error");
        let named = filled(node, "type")?;
        let (named_type, named_code) = match named.as_deref().map(FailureType::parse) {
            Some(Some(failure_type)) => (Some(failure_type), None),
            _ => (None, named),
        };
        let given = filled(node, "failure_type")?
            .map(|name| {
                let known = "transient, schema, bad_data, auth";
                FailureType::parse(&name).ok_or_else(|| format!("failure_type: {name:?} is not one of {known}"))
            })
            .transpose()?;
        let status = match (status(node, "status")?, response) {
            (Some(status), _) => Some(status),
            (None, Some(response)) => status_of(response)?,
            (None, None) => None,
        };
        Ok(Self {
            status,
            correlation_id: correlation_id.or_else(|| {
                headers.iter().find(|(name, _)| *name == "x-correlation-id").map(|(_, value)| value.to_owned())
            }),
            named: error.and_then(ApiError::from_error).or(parts),
            envelope,
            headers,
            given: given.or(named_type),
            code: filled(node, "error_code")?.or(named_code),
            message: match filled(node, "error_message")? {
                Some(message) => Some(message),
                None => error.and_then(Node::text).map(Cow::into_owned).filter(|text| !text.is_empty()),
            },
            body,
        })
    }

    /// Returns true if the API has the write: a 2xx that neither its body nor the line contradicts.
    fn is_accepted(&self, method: &str, profile: &Profile) -> bool {
        self.status.is_some() && self.may_be_accepted(method, profile)
    }

    /// Returns true if nothing in the line says that the API doesn't have the write.
    pub(super) fn may_be_accepted(&self, method: &str, profile: &Profile) -> bool {
        let says_otherwise =
            self.given.is_some() || self.code.is_some() || self.message.is_some() || self.named.is_some();
        !says_otherwise && (self.status.is_none() || profile.takes(&self.logged(method, None)))
    }

    /// Returns what a profile judges. `code` is the one of the line, or else of the answer's body.
    fn logged<'s>(&'s self, method: &'s str, code: Option<&'s str>) -> Logged<'s> {
        let named = self.named.as_ref().map(|error| error.message.as_str()).filter(|message| !message.is_empty());
        let message = self.message.as_deref().or(named);
        Logged { method, status: self.status, headers: &self.headers, body: &self.body, code, message }
    }

    /// Returns the failure. An event without a word on its answer failed at the schema, as in the guide's webhook sample.
    fn failure(&self, node: &Node<'_>, method: &str, is_event: bool, profile: &Profile) -> Result<Failure, String> {
        let error = self.named.as_ref().or(self.envelope.as_ref()).cloned().unwrap_or_default();
        let text = |text: String| Some(text).filter(|text| !text.is_empty());
        let code = self.code.clone().or(text(error.code));
        let summary = || (!self.body.is_empty()).then(|| summary_of(&self.body));
        let message = self.message.clone().or(text(error.message)).or_else(summary);
        let details = error.details;
        let logged = self.logged(method, code.as_deref());
        let failure_type = match self.given {
            Some(given) => given,
            None if is_event && logged.status.is_none() && logged.code.is_none() => FailureType::Schema,
            None => failure_type(&logged, profile),
        };
        Ok(Failure {
            failure_type,
            status: self.status,
            code,
            message,
            details: node.get_present("error_details").map(|d| d.raw_text().to_owned()).or(details),
            correlation_id: id(node, "correlation_id")?.or(self.correlation_id.clone()),
        })
    }
}

/// Returns a failure without the secrets that its texts may repeat.
fn scrubbed(failure: Failure, scrubber: &Scrubber) -> Failure {
    let text = |text: Option<String>| text.map(|text| scrubber.text(&text).into_owned());
    Failure {
        code: text(failure.code),
        message: text(failure.message),
        details: failure.details.map(|details| scrubber.json(&details)),
        correlation_id: text(failure.correlation_id),
        ..failure
    }
}

fn status_of(response: &Node<'_>) -> Result<Option<u16>, String> {
    match status(response, "status").map_err(|e| format!("response.{e}"))? {
        Some(found) => Ok(Some(found)),
        None => status(response, "status_code").map_err(|e| format!("response.{e}")),
    }
}

/// Returns the captured key and its origin: as given, else the captured header, else the event's own ID, else the guide's
/// stable key. With it, the key that is sent instead, if an export says so. `body` is that of the line, if it has one.
fn keys(
    node: &Node<'_>,
    sent: Option<String>,
    body: Option<&Vec<u8>>,
    whole: &str,
    exported: bool,
) -> Result<(IdempotencyKey, KeyOrigin, Option<IdempotencyKey>), String> {
    let request = node.get_present("request");
    let named = |name: &str| match (id(node, name)?, request) {
        (Some(found), _) => Ok(Some(found)),
        (None, Some(request)) => id(request, name).map_err(|e| format!("request.{e}")),
        (None, None) => Ok::<_, String>(None),
    };
    let checked = |text: &str| IdempotencyKey::parse(text).map_err(|e| e.to_string());
    let given = named("idempotency_key")?.or(sent);
    let event = node.get_present("event");
    if let Some(key) = given {
        if !exported {
            return Ok((checked(&key)?, KeyOrigin::Given, None));
        }
        let origin = filled(node, "key_origin")?.and_then(|name| KeyOrigin::parse(&name)).unwrap_or(KeyOrigin::Given);
        return Ok(match filled(node, "parent_key")? {
            Some(captured) => (checked(&captured)?, origin, Some(checked(&key)?)),
            None => (checked(&key)?, origin, None),
        });
    }
    let (text, origin) = if let Some(event_id) = named("event_id")? {
        (event_id, KeyOrigin::EventId)
    } else if let Some(event_id) = event.map_or(Ok(None), |e| id(e, "id").map_err(|e| format!("event.{e}")))? {
        (event_id, KeyOrigin::EventId)
    } else {
        (derived_key(node, body, whole)?, KeyOrigin::Derived)
    };
    Ok((checked(&text)?, origin, None))
}

/// Returns the stable key of the record, of the event, or of the whole body. A body that is not JSON has none in Python; the
/// same digest over its bytes stands in; for a request without a body over method and path (`whole`), since all of those would
/// have the same key otherwise.
fn derived_key(node: &Node<'_>, body: Option<&Vec<u8>>, whole: &str) -> Result<String, String> {
    let no_key = |e: json::PythonError| format!("no key was given, and none can be derived: {e}");
    let Some(body) = body else {
        let content = node.get_present("record").or(node.get_present("event")).unwrap_or(node);
        return stable_key_of(content).map_err(no_key);
    };
    if body.is_empty() {
        return Ok(uuid_of(whole.as_bytes()));
    }
    match json::scan(body) {
        Ok(scanned) => {
            let record = scanned.get_present("record").unwrap_or(&scanned);
            stable_key_of(record).map_err(no_key)
        }
        Err(_) => Ok(uuid_of(body)),
    }
}

fn kept_headers(headers: Headers, bound: &TargetBinding) -> Result<Vec<(String, String)>, String> {
    headers.keep(&bound.settings.headers)
}

fn field_names(record: &Node<'_>) -> Vec<String> {
    record.fields().iter().map(|(name, _)| name.to_text().into_owned()).filter(|name| name.len() <= 128).collect()
}
