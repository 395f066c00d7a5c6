//! `--accepted`: lines on writes that the API accepted from their producers.

use super::binding::Binding;
use super::fields::{filled, id, text, time};
use super::headers::Headers;
use super::shapes::{Told, bytes, rebuild, scanned};
use crate::domain::endpoint::{EndpointOrigin, EndpointPath};
use crate::domain::identity::{Sha, content_hash};
use crate::domain::json::Node;
use crate::domain::key::IdempotencyKey;
use crate::domain::lane::named;
use crate::domain::success::Success;

/// Reads one line; `None` if it tells of a failure. The error says why it is rejected.
pub(super) fn read_success(line: &[u8], binding: &Binding) -> Result<Option<Success>, String> {
    let node = scanned(line)?;
    let (target, bound) = binding.target_of(text(&node, "target")?.as_deref())?;
    let profile = &bound.settings.profile;
    let request = node.get_present("request").filter(|request| request.is_object()).unwrap_or(&node);
    let method = filled(request, "method")?.unwrap_or_else(|| "POST".to_owned()).to_ascii_uppercase();
    if !Told::read(&node, profile)?.may_be_accepted(&method, profile) {
        return Ok(None);
    }
    let named_path = filled(request, "path")?.map_or_else(|| filled(request, "url"), |path| Ok(Some(path)))?;
    let (path, origin) = match named_path {
        Some(path) => {
            let path = EndpointPath::parse(&path, bound.base_url.as_ref()).map_err(|e| format!("path: {e}"))?;
            (path, EndpointOrigin::Given)
        }
        None => binding.endpoint_for(&bound)?,
    };
    if origin == EndpointOrigin::Assumed {
        return Err("path: is missing, and --endpoint was not given".to_owned());
    }
    let body = bytes(request, "body")?;
    let record = node.get_present("record").filter(|record| record.is_object());
    let built = match record {
        Some(record) => Some(rebuild(Some(record), binding.match_key_for(&bound, origin))?),
        None => None,
    };
    let lanes = if let Some(name) = filled(&node, "lane")? {
        vec![named(&target, &name).ok_or_else(|| format!("lane: {name:?} is not the name of a lane"))?]
    } else {
        let operated = profile.operated(&method, &path);
        let body = body.as_deref().or(built.as_deref()).unwrap_or_default();
        operated.lane.lanes(&target, &operated.object, path.as_str(), body)
    };
    let key = key(&node, request, bound.settings.key_header.as_deref())?;
    if key.is_none() && lanes.is_empty() {
        return Err("it names neither a key nor a record, so it says nothing of any write".to_owned());
    }
    let body_sha256 = match filled(&node, "body_sha256")? {
        Some(digits) => Some(Sha::parse(&digits).ok_or("body_sha256: must be 64 hexadecimal digits")?),
        None => None,
    };
    Ok(Some(Success {
        content: body.as_deref().map(content_hash),
        body_sha256,
        at: time(&node, "accepted_at")?.map_or_else(|| time(&node, "failed_at"), |at| Ok(Some(at)))?,
        path: path.as_str().to_owned(),
        target,
        method,
        key,
        lanes,
    }))
}

/// Returns the key that was on the wire: the one that the line gives, or the header's.
fn key(node: &Node<'_>, request: &Node<'_>, header: Option<&str>) -> Result<Option<IdempotencyKey>, String> {
    let given = id(node, "idempotency_key")?.map_or_else(|| id(request, "idempotency_key"), |key| Ok(Some(key)))?;
    let headers = Headers::read(request.get_present("headers"))?;
    let sent = given.or_else(|| headers.get(header?).filter(|key| !key.is_empty()).map(str::to_owned));
    sent.map(|key| IdempotencyKey::parse(&key).map_err(|e| e.to_string())).transpose()
}
