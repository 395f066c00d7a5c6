//! The five shapes of a line, told apart by their fields: request, body, event, record (with or without a key).

use base64::Engine as _;

use super::binding::{Binding, TargetBinding};
use super::exported::exported;
use super::fields::{filled, flag, id, status, text, time};
use super::headers::Headers;
use crate::domain::answer::captured_is_definite;
use crate::domain::api_error::ApiError;
use crate::domain::body::BodyOrigin;
use crate::domain::endpoint::{EndpointOrigin, EndpointPath};
use crate::domain::failure::Failure;
use crate::domain::failure_type::{FailureType, classify};
use crate::domain::json::{self, MAX_DEPTH, Node, Value};
use crate::domain::key::{IdempotencyKey, KeyOrigin};
use crate::domain::lane::lanes_of;
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
    Captured(Vec<u8>),
    /// The record's value, to be wrapped as the guide's client does.
    Record,
    Missing,
}

/// Reads one line; the error says why it is rejected, for whoever has to repair it.
pub fn read_line(line: &[u8], binding: &Binding) -> Result<Captured, String> {
    // A body may be nested as deep as a stable key allows, and lies a few levels down.
    let node = json::scan_within(line, MAX_DEPTH + 4).map_err(|e| format!("not JSON: {e}"))?;
    if !node.is_object() {
        return Err("the line must be a JSON object".to_owned());
    }
    let (target, bound) = binding.target_of(text(&node, "target")?.as_deref())?;
    let request = request(&node)?;
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
        Body::Captured(bytes) => (bytes, BodyOrigin::Captured),
        Body::Record => {
            let match_key = binding.match_key_for(&bound, endpoint_origin);
            (rebuild(node.get("record"), match_key)?, BodyOrigin::Rebuilt)
        }
        Body::Missing => (Vec::new(), BodyOrigin::Missing),
    };
    let event = node.get_present("event");
    let failure = scrubbed(failure(&node, event.is_some() && body_origin == BodyOrigin::Missing)?, &binding.scrubber);
    let exported = exported(&node, binding)?;
    let (key, key_origin, new_key) = keys(&node, &request.headers, &body, body_origin, exported.is_some())?;
    let edited = match &exported {
        Some(_) => bytes(&node, "edited_body")?.zip(Some(time(&node, "edited_at")?.unwrap_or(binding.now))),
        None => None,
    };
    let scanned = json::scan(&body).ok();
    let record = scanned.as_ref().and_then(|b| b.get("record").or_else(|| b.get("records")?.items()?.first()));
    Ok(Captured {
        lanes: scanned.as_ref().map(|b| lanes_of(&target, path.object(), b)).unwrap_or_default(),
        record_fields: record.map(field_names).unwrap_or_default(),
        ambiguous: match flag(&node, "captured_ambiguous") {
            Ok(Some(true)) => true,
            // Only an export knows that someone has looked.
            Ok(Some(false)) if exported.is_some() => false,
            _ => !captured_is_definite(failure.status, failure.code.as_deref()),
        },
        ambiguous_since: time(&node, "ambiguous_since")?,
        first_attempt_at: time(&node, "first_attempt_at")?,
        failed_at: time(&node, "failed_at")?,
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
        edited,
        exported: exported.map(Box::new),
        failure,
    })
}

/// Reads the request of a line. One that fits several shapes is read as the first of: request, body, event, record.
fn request(node: &Node<'_>) -> Result<Request, String> {
    if let Some(request) = node.get_present("request") {
        if !request.is_object() {
            return Err("request: must be an object".to_owned());
        }
        let body = captured_body(request).map_err(|e| format!("request.{e}"))?.ok_or("request: has no body")?;
        return described(request, Body::Captured(body)).map_err(|e| format!("request.{e}"));
    }
    if let Some(body) = captured_body(node)? {
        return described(node, Body::Captured(body));
    }
    if node.get_present("event").is_some() {
        return described(node, Body::Missing);
    }
    match node.get_present("record") {
        Some(record) if record.is_object() => described(node, Body::Record),
        Some(_) => Err("record: must be an object".to_owned()),
        None => Err("none of the known shapes: it has no request, body, body_base64, event or record".to_owned()),
    }
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

fn captured_body(node: &Node<'_>) -> Result<Option<Vec<u8>>, String> {
    bytes(node, "body")
}

/// Returns the exact bytes of a field's JSON value as it stood in the line; a string counts as its decoded text. Or those
/// of `…_base64`.
fn bytes(node: &Node<'_>, name: &str) -> Result<Option<Vec<u8>>, String> {
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
fn rebuild(record: Option<&Node<'_>>, match_key: Option<&str>) -> Result<Vec<u8>, String> {
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

fn failure(node: &Node<'_>, is_event: bool) -> Result<Failure, String> {
    let response = node.get_present("response");
    let response_body = response.and_then(|r| r.get_present("body"));
    // As JSON, or as the text that it was.
    let body_bytes = match response_body.map(|b| (&b.value, b.raw)) {
        Some((Value::String(text), _)) => text.to_text().into_owned().into_bytes(),
        Some((_, raw)) => raw.to_vec(),
        None => Vec::new(),
    };
    let envelope = ApiError::from_body(&body_bytes).or_else(|| response.and_then(ApiError::from_envelope));
    let error = node.get_present("error");
    let from_error = error.and_then(ApiError::from_error).or(envelope);
    let named = filled(node, "type")?;
    let (named_type, named_code) = match named.as_deref().map(FailureType::parse) {
        Some(Some(failure_type)) => (Some(failure_type), None),
        _ => (None, named),
    };
    let status = match (status(node, "status")?, response) {
        (Some(status), _) => Some(status),
        (None, Some(response)) => status_of(response)?,
        (None, None) => None,
    };
    let code = filled(node, "error_code")?.or(named_code).or_else(|| from_error.as_ref().map(|e| e.code.clone()));
    let message = match (filled(node, "error_message")?, error.and_then(Node::text)) {
        (Some(message), _) => Some(message),
        (None, Some(text)) => Some(text.into_owned()),
        (None, None) => from_error
            .as_ref()
            .map(|e| e.message.clone())
            .or_else(|| (!body_bytes.is_empty()).then(|| crate::domain::api_error::summary_of(&body_bytes))),
    };
    let given = filled(node, "failure_type")?
        .map(|name| {
            let known = "transient, schema, bad_data, auth";
            FailureType::parse(&name).ok_or_else(|| format!("failure_type: {name:?} is not one of {known}"))
        })
        .transpose()?;
    let unsaid = if is_event { FailureType::Schema } else { FailureType::BadData };
    let failure_type = given.or(named_type).unwrap_or_else(|| match (status, &code) {
        (None, None) => unsaid,
        _ => classify(status, code.as_deref(), &body_bytes),
    });
    let headers = Headers::read(response.and_then(|r| r.get_present("headers"))).unwrap_or_default();
    Ok(Failure {
        failure_type,
        status,
        code,
        message,
        details: node
            .get_present("error_details")
            .map(|d| d.raw_text().to_owned())
            .or_else(|| from_error.and_then(|e| e.details)),
        correlation_id: id(node, "correlation_id")?.or_else(|| headers.get("x-correlation-id").map(str::to_owned)),
    })
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
/// stable key. With it, the key that is sent instead, if an export says so.
fn keys(
    node: &Node<'_>,
    headers: &Headers,
    body: &[u8],
    body_origin: BodyOrigin,
    exported: bool,
) -> Result<(IdempotencyKey, KeyOrigin, Option<IdempotencyKey>), String> {
    let request = node.get_present("request");
    let named = |name: &str| match (id(node, name)?, request) {
        (Some(found), _) => Ok(Some(found)),
        (None, Some(request)) => id(request, name).map_err(|e| format!("request.{e}")),
        (None, None) => Ok::<_, String>(None),
    };
    let checked = |text: &str| IdempotencyKey::parse(text).map_err(|e| e.to_string());
    let given = named("idempotency_key")?
        .or_else(|| headers.get("idempotency-key").filter(|k| !k.is_empty()).map(str::to_owned));
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
        (derived_key(node, body, body_origin)?, KeyOrigin::Derived)
    };
    Ok((checked(&text)?, origin, None))
}

/// Returns the stable key of the record, of the event, or of the whole body. A body that is not JSON has none in Python; the
/// same digest over its bytes stands in.
fn derived_key(node: &Node<'_>, body: &[u8], body_origin: BodyOrigin) -> Result<String, String> {
    let no_key = |e: json::PythonError| format!("no key was given, and none can be derived: {e}");
    if body_origin != BodyOrigin::Captured {
        let content = node.get_present("record").or(node.get_present("event")).unwrap_or(node);
        return stable_key_of(content).map_err(no_key);
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
