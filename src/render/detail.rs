//! One write as a page for people: the cause first.

use std::fmt::Write as _;

use super::style::Palette;
use crate::domain::batch::{named_records, records_in};
use crate::domain::escape::terminal;
use crate::domain::explain::explain;
use crate::domain::fingerprint::{named_field, without_indexes};
use crate::domain::json::{self, Node, Value};
use crate::domain::key::inside_window;
use crate::domain::lane::Neighbour;
use crate::domain::outcome::AttemptOutcome;
use crate::domain::run::Attempt;
use crate::domain::state::State;
use crate::domain::time::{Timestamp, human_length};
use crate::domain::write::{Failure, WriteView};

/// Bodies longer than this are cut on the page; `--json` has them whole.
const MOST_LINES: usize = 60;

/// What the page of a write shows.
#[derive(Debug)]
pub struct Subject<'a> {
    /// The write, with its body.
    pub view: &'a WriteView,
    /// Its attempts, oldest first.
    pub attempts: &'a [Attempt],
    /// The other writes of its lanes, oldest first.
    pub neighbours: &'a [Neighbour],
    /// The event, where that is all that was captured.
    pub evidence: Option<&'a [u8]>,
    /// How long its target remembers a key.
    pub window: std::time::Duration,
}

/// The page of a write.
pub fn page(subject: &Subject<'_>, now: Timestamp, paint: Palette) -> String {
    let Subject { view, attempts, window, .. } = *subject;
    let write = &view.write;
    let failure = &write.failure;
    let mut out = String::new();
    let status = failure.status.map(|s| format!("HTTP {s} ")).unwrap_or_default();
    let code = failure.code.as_deref().unwrap_or("no error code");
    let _ = writeln!(
        out,
        "{}  {}, {}, seen {}, group {}",
        paint.strong(&format!("Write {}", write.id)),
        write.standing.state(),
        failure.failure_type,
        times(write.occurrences),
        write.group
    );
    let _ = writeln!(out, "\n{}", paint.strong("Cause"));
    let _ = writeln!(out, "  {}", paint.bad(&terminal(&format!("{status}{code}"))));
    if let Some(message) = &failure.message {
        let _ = writeln!(out, "  {}", terminal(message));
    }
    let explanation = explain(failure.status, failure.code.as_deref(), failure.failure_type);
    let retryable =
        if explanation.retryable { "yes" } else { "not by itself: the same bytes fail again until the cause is gone" };
    pair(&mut out, "Meaning", explanation.meaning);
    pair(&mut out, "Retryable", retryable);
    // A hazard that refuses comes before any advice on the error.
    let refusal = view.hazards.iter().find(|h| h.refuses());
    pair(&mut out, "Next", refusal.map_or(explanation.next, |hazard| hazard.why()));
    let field = named_field(failure.failure_type, failure.message.as_deref().unwrap_or(""), failure.details.as_deref());
    if let Some(field) = &field {
        pair(&mut out, "Field", field);
    }
    if let Some(batch) = view.body.as_deref().and_then(|body| batch_line(body, failure)) {
        pair(&mut out, "Batch", &batch);
        if write.standing.state() == State::Pending {
            pair(
                &mut out,
                "Split",
                &format!("dlq split {} makes writes of its records, so that the good ones can go", write.id),
            );
        }
    }
    if let Some(details) = &failure.details {
        pair(&mut out, "Details", details);
    }
    if let Some(cid) = &failure.correlation_id {
        pair(&mut out, "Correlation", cid);
    }
    if !view.hazards.is_empty() {
        let _ = writeln!(out, "\n{}", paint.strong("Hazards"));
        for hazard in &view.hazards {
            let mark = if hazard.refuses() { paint.bad("refuses") } else { paint.warn("note   ") };
            let _ = writeln!(out, "  {mark} {}: {}", hazard.name(), hazard.why());
        }
    }
    if let Some(since) = write.standing.ambiguous_since {
        let end = since.plus(window);
        let left = if inside_window(since, window, now) {
            format!("its key protects it for another {}, until {}", human_length(end.since(now)), end.to_human())
        } else {
            format!("its key window ended at {}", end.to_human())
        };
        pair(&mut out, "Ambiguous", &format!("since {}; {left}", since.to_human()));
    }
    request(&mut out, subject, field.as_deref(), paint);
    if !attempts.is_empty() {
        let _ = writeln!(out, "\n{}", paint.strong("Attempts"));
        for attempt in attempts {
            let _ = writeln!(out, "  {}", terminal(&attempt_line(attempt)));
        }
    }
    let _ = writeln!(out, "\n{}", paint.strong("Times (UTC)"));
    let mut time = |label, at: Option<Timestamp>| {
        if let Some(at) = at {
            pair(&mut out, label, &format!("{}  ({} ago)", at.to_human(), human_length(now.since(at))));
        }
    };
    time("First try", write.first_attempt_at);
    time("Failed", write.failed_at);
    time("Captured", Some(write.captured_at));
    time("Settled", write.settled_at);
    out
}

/// What is known of a batch's records: `record 2 of 5 (counted from 0), at least`.
fn batch_line(body: &[u8], failure: &Failure) -> Option<String> {
    let records = json::scan(body).ok().and_then(|node| records_in(&node)).filter(|records| *records > 1)?;
    let mut named = named_records(failure.message.as_deref().unwrap_or(""), failure.details.as_deref());
    named.retain(|index| *index < records);
    if named.is_empty() {
        return Some(format!("{records} records; the refusal names none of them"));
    }
    let list: Vec<String> = named.iter().map(ToString::to_string).collect();
    let noun = if named.len() == 1 { "record" } else { "records" };
    Some(format!("{noun} {} of {records} (counted from 0), at least: the API may name only the first", list.join(", ")))
}

/// One attempt on one line.
pub fn attempt_line(attempt: &Attempt) -> String {
    let status = attempt.status.map(|s| format!(" HTTP {s}")).unwrap_or_default();
    let outcome = match attempt.outcome {
        None => "under way",
        Some(AttemptOutcome::Refused) => "refused by the API,",
        Some(AttemptOutcome::NoAnswer) => "no answer",
        Some(AttemptOutcome::NotSent) => "not sent",
        Some(other) => other.name(),
    };
    let latency = attempt.latency_ms.map(|ms| format!(" in {ms} ms")).unwrap_or_default();
    let cached = if attempt.cached { ", cached" } else { "" };
    let said = [attempt.error_code.as_deref(), attempt.error_message.as_deref()]
        .into_iter()
        .flatten()
        .filter(|t| !t.is_empty())
        .collect::<Vec<_>>()
        .join(": ");
    let said = if said.is_empty() { said } else { format!("  {said}") };
    let cid = attempt.correlation_id.as_deref().map(|c| format!("  [{c}]")).unwrap_or_default();
    let at = attempt.started_at.to_human();
    format!("{at}  attempt {} of run {}: {outcome}{status}{latency}{cached}{said}{cid}", attempt.n, attempt.run)
}

fn request(out: &mut String, subject: &Subject<'_>, field: Option<&str>, paint: Palette) {
    let Subject { view, neighbours, evidence, .. } = *subject;
    let write = &view.write;
    let _ = writeln!(out, "\n{}", paint.strong("Request"));
    let _ = writeln!(
        out,
        "  {} {}  (target {}, endpoint {})",
        write.method,
        terminal(write.path.as_str()),
        terminal(&write.target),
        write.endpoint_origin.name()
    );
    pair(out, "Key", &format!("{} ({})", write.key, write.key_origin.name()));
    if let Some(parent) = &write.parent_key {
        pair(out, "Captured key", parent.as_str());
    }
    pair(out, "Lane", write.lane.as_deref().unwrap_or("its own"));
    for (label, older) in [("  goes after", true), ("  goes before", false)] {
        let side = neighbours.iter().filter(|n| n.older == older);
        let names: Vec<String> = side.map(|n| format!("{} ({})", n.id, n.state)).collect();
        if !names.is_empty() {
            pair(out, label, &names.join(", "));
        }
    }
    for (name, value) in &write.headers {
        pair(out, name, value);
    }
    if let Some(parent) = write.parent {
        pair(out, "Part of", &format!("write {parent}"));
    }
    if let Some(parts) = write.parts {
        pair(out, "Split into", &format!("{parts} writes: dlq list parent:{} state:any", write.id));
    }
    if let Some(source) = &write.source {
        pair(out, "Source", source);
    }
    let Some(body) = &view.body else {
        pair(out, "Body", "missing: only the event was captured");
        if let Some(event) = evidence {
            let _ = writeln!(out, "{}", body_text(event, None, &[]));
        }
        return;
    };
    let origin = write.body_origin.name();
    pair(
        out,
        "Body",
        &format!("{} bytes, {origin}, revision {}, SHA-256 {}", body.len(), write.revision, write.body_sha256),
    );
    let failure = &write.failure;
    let named = named_records(failure.message.as_deref().unwrap_or(""), failure.details.as_deref());
    let _ = writeln!(out, "{}", body_text(body, field, &named));
}

/// A body as indented JSON with the offending field marked, or as text.
fn body_text(body: &[u8], field: Option<&str>, named: &[usize]) -> String {
    let mut text = String::new();
    match json::scan(body) {
        Ok(node) => indented(&mut text, &node, 2, "", &|path| is_marked(path, field, named)),
        Err(_) => text.push_str(&format!("    {}", String::from_utf8_lossy(body))),
    }
    let lines: Vec<&str> = text.lines().collect();
    let mut shown: Vec<String> = lines.iter().take(MOST_LINES).map(|l| terminal(l).into_owned()).collect();
    if lines.len() > MOST_LINES {
        shown.push(format!("    … {} more lines (--json has them all)", lines.len() - MOST_LINES));
    }
    shown.join("\n")
}

fn indented(out: &mut String, node: &Node<'_>, depth: usize, path: &str, marked: &dyn Fn(&str) -> bool) {
    let pad = "  ".repeat(depth);
    if path.is_empty() {
        out.push_str(&pad);
    }
    let (open, close) = match &node.value {
        Value::Array(items) if !items.is_empty() => ('[', ']'),
        Value::Object(pairs) if !pairs.is_empty() => ('{', '}'),
        _ => {
            out.push_str(node.raw_text());
            return;
        }
    };
    out.push(open);
    let items = node.items().unwrap_or_default().iter().map(|item| (None, item));
    let pairs = node.fields().iter().map(|(name, value)| (Some(name), value));
    let all: Vec<_> = items.chain(pairs).collect();
    for (n, (name, value)) in all.iter().enumerate() {
        let inner = match name {
            Some(name) => join(path, &name.to_text()),
            None => format!("{path}[{n}]"),
        };
        let _ = write!(out, "\n{pad}  ");
        if let Some(name) = name {
            let _ = write!(out, "\"{}\": ", name.raw());
        }
        indented(out, value, depth + 1, &inner, marked);
        if n + 1 < all.len() {
            out.push(',');
        }
        if name.is_some() && marked(&inner) {
            out.push_str("   <-- this field");
        }
    }
    let _ = write!(out, "\n{pad}{close}");
}

/// Whether a value is what the error names: its path without indexes, and in a batch of one of the records it names.
fn is_marked(path: &str, field: Option<&str>, named: &[usize]) -> bool {
    let in_named = match named_records(path, None).as_slice() {
        [record] if path.starts_with("records[") && !named.is_empty() => named.contains(record),
        _ => true,
    };
    in_named && field == Some(without_indexes(path).as_str())
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

fn pair(out: &mut String, label: &str, value: &str) {
    let _ = writeln!(out, "  {label:<12} {}", terminal(value));
}

fn times(n: i64) -> String {
    if n == 1 { "once".to_owned() } else { format!("{n} times") }
}
