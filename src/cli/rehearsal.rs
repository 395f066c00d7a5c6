//! `dlq ingest --dry-run`: what would come of it.

use serde_json::{Map, Value, json};

use super::context::Context;
use super::output::Out;
use crate::capture::{Summary, Survey};
use crate::domain::escape::terminal;
use crate::render::count::thousands;

/// Lines of each part of the text; JSON has all.
const MOST: usize = 20;

/// Prints what an ingest would bring.
pub(super) fn tell(context: &Context, summary: &Summary, survey: &Survey) -> std::io::Result<()> {
    let mut out = Out::new();
    if context.global.json {
        out.line(&json(summary, survey).to_string())?;
        return out.flush();
    }
    let n = thousands;
    let Summary { read, inserted, repeated, rejected, accepted, other, .. } = *summary;
    out.line(&format!(
        "Nothing was taken in (--dry-run). Of {} lines, {} would be new, {} repeated, {} rejected, {} are accepted writes and {} other lines.",
        n(read), n(inserted), n(repeated), n(rejected), n(accepted), n(other)
    ))?;
    let types = survey.types.iter().map(|(name, count)| (*count, name.to_string()));
    part(&mut out, "By type", types)?;
    let endpoints = survey.endpoints.iter().map(|([target, method, path, origin], count)| {
        (*count, format!("{method} {path}  (target {target}, endpoint {origin})"))
    });
    part(&mut out, "By endpoint", endpoints)?;
    part(&mut out, "By origin of the key", survey.keys.iter().map(|(name, count)| (*count, (*name).to_owned())))?;
    let groups = survey
        .groups
        .iter()
        .map(|([_, object, kind, code, message], count)| (*count, format!("{kind}  {object}  {code}  {message}")));
    part(&mut out, "By group", groups)?;
    let rejects = survey.rejects.iter().map(|one| (one.count, format!("{}  (first in line {})", one.reason, one.line)));
    part(&mut out, "Rejected", rejects)?;
    out.flush()
}

fn part(out: &mut Out, title: &str, rows: impl Iterator<Item = (u64, String)>) -> std::io::Result<()> {
    let mut rows: Vec<(u64, String)> = rows.collect();
    if rows.is_empty() {
        return Ok(());
    }
    rows.sort_by_key(|(count, _)| std::cmp::Reverse(*count));
    out.line(&format!("\n{title}"))?;
    for (count, text) in rows.iter().take(MOST) {
        out.line(&format!("{:>11}  {}", thousands(*count), terminal(text)))?;
    }
    match rows.len().saturating_sub(MOST) {
        0 => Ok(()),
        more => out.line(&format!("{:>11}  and {more} more (--json has all)", "")),
    }
}

fn json(summary: &Summary, survey: &Survey) -> Value {
    let types: Map<String, Value> = survey.types.iter().map(|(name, count)| (name.to_string(), json!(count))).collect();
    let keys: Map<String, Value> = survey.keys.iter().map(|(name, count)| ((*name).to_owned(), json!(count))).collect();
    let endpoints: Vec<Value> = survey
        .endpoints
        .iter()
        .map(|([target, method, path, origin], count)| {
            json!({"target": target, "method": method, "path": path, "endpoint_origin": origin, "count": count})
        })
        .collect();
    let groups: Vec<Value> = survey
        .groups
        .iter()
        .map(|([target, object, kind, code, message], count)| {
            let code = Some(code).filter(|code| !code.is_empty());
            json!({"target": target, "object": object, "failure_type": kind, "error_code": code, "message": message,
                   "count": count})
        })
        .collect();
    let rejects: Vec<Value> =
        survey.rejects.iter().map(|one| json!({"reason": one.reason, "line": one.line, "count": one.count})).collect();
    json!({
        "intake": null, "read": summary.read, "inserted": summary.inserted, "repeated": summary.repeated,
        "rejected": summary.rejected, "accepted": summary.accepted, "other": summary.other, "types": types,
        "endpoints": endpoints, "key_origins": keys, "groups": groups, "rejects": rejects,
    })
}
