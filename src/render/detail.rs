//! One write as a page for people: the cause first.

use std::fmt::Write as _;
use std::time::Duration;

use super::count::thousands;
use super::marks::{Marks, join};
use super::style::Palette;
use super::words;
use crate::domain::attempt::Attempt;
use crate::domain::batch::{named_records, records_in};
use crate::domain::escape::terminal;
use crate::domain::evidence::CapturedFailure;
use crate::domain::explain::explain;
use crate::domain::failure::Failure;
use crate::domain::hazard::Hazard;
use crate::domain::json::{self, Node, Value};
use crate::domain::key::{inside_window, knows_keys};
use crate::domain::lane::Neighbour;
use crate::domain::lane::Superseder;
use crate::domain::outcome::AttemptOutcome;
use crate::domain::profile::{Logged, Profile};
use crate::domain::state::State;
use crate::domain::time::{Timestamp, human_length};
use crate::domain::write::{FailedWrite, WriteView};

/// Bodies longer than this are cut on the page; `--json` has them whole.
const MOST_LINES: usize = 60;

/// The contents of a write's page.
#[derive(Debug)]
pub struct Subject<'a> {
    /// The write, with its body.
    pub view: &'a WriteView,
    /// Its attempts, oldest first.
    pub attempts: &'a [Attempt],
    /// The other writes of its lanes, oldest first.
    pub neighbours: &'a [Neighbour],
    /// The event, where nothing else was captured.
    pub evidence: Option<&'a [u8]>,
    /// The profile of its target, which explains the failure.
    pub profile: &'a Profile,
    /// Time for which its target remembers a key.
    pub window: std::time::Duration,
    /// The failure that it came in with.
    pub captured: &'a CapturedFailure,
    /// Number of records in its body, if that is a batch: see [`records`].
    pub records: Option<usize>,
}

/// Counts the records in a body; `None` if it is not a batch. It takes a scan of the whole body.
pub fn records(body: Option<&[u8]>) -> Option<usize> {
    json::scan(body?).ok().and_then(|node| records_in(&node))
}

/// A part of the page.
#[derive(Debug, Clone)]
pub struct Section {
    /// Its title.
    pub title: &'static str,
    /// Its lines.
    pub entries: Vec<Entry>,
}

/// A line of the page. Its text may come from outside, so it is escaped where it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// An error.
    Wrong(String),
    /// A text.
    Text(String),
    /// A label and a value.
    Pair(String, String),
    /// A hazard.
    Hazard(Hazard),
}

impl Section {
    fn new(title: &'static str) -> Self {
        Self { title, entries: Vec::new() }
    }

    fn pair(&mut self, label: impl Into<String>, value: impl Into<String>) {
        self.entries.push(Entry::Pair(label.into(), value.into()));
    }
}

/// Formats the page of a write.
pub fn page(subject: &Subject<'_>, now: Timestamp, paint: Palette) -> String {
    let (title, rest) = heading(subject.view);
    let mut out = format!("{}  {rest}\n", paint.strong(&title));
    for section in cause(subject, now) {
        print(&mut out, section, paint);
    }
    print(&mut out, request(subject), paint);
    let body = subject.view.body.as_deref().or(subject.evidence);
    if let Some(body) = body {
        let marks = if subject.view.body.is_some() { Marks::of(&subject.view.write.failure) } else { Marks::default() };
        let _ = writeln!(out, "{}", body_text(body, &marks));
    }
    print(&mut out, attempts(subject.attempts), paint);
    print(&mut out, times(&subject.view.write, now), paint);
    out
}

fn print(out: &mut String, section: Section, paint: Palette) {
    if section.entries.is_empty() {
        return;
    }
    let _ = writeln!(out, "\n{}", paint.strong(section.title));
    for entry in section.entries {
        let _ = match entry {
            Entry::Wrong(text) => writeln!(out, "  {}", paint.bad(&terminal(&text))),
            Entry::Text(text) => writeln!(out, "  {}", terminal(&text)),
            Entry::Pair(label, value) => writeln!(out, "  {label:<12} {}", terminal(&value)),
            Entry::Hazard(hazard) => {
                let mark = if hazard.refuses() { paint.bad("refuses") } else { paint.warn("note   ") };
                writeln!(out, "  {mark} {}: {}", hazard.name(), words::hazard(hazard))
            }
        };
    }
}

/// Returns `Write 12`, and a summary in a few words.
pub fn heading(view: &WriteView) -> (String, String) {
    let write = &view.write;
    let seen = seen(write.occurrences);
    let (state, kind, group) = (write.standing.state(), write.failure.failure_type, write.group);
    (format!("Write {}", write.id), format!("{state}, {kind}, seen {seen}, group {group}"))
}

/// Returns the cause, its meaning and what to do; and the hazards of sending the write again.
pub fn cause(subject: &Subject<'_>, now: Timestamp) -> [Section; 2] {
    let Subject { view, window, .. } = *subject;
    let write = &view.write;
    let failure = &write.failure;
    let (mut cause, mut hazards) = (Section::new("Cause"), Section::new("Hazards"));
    let status = failure.status.map(|s| format!("HTTP {s} ")).unwrap_or_default();
    let code = failure.code.as_deref().unwrap_or("no error code");
    cause.entries.push(Entry::Wrong(format!("{status}{code}")));
    cause.entries.extend(failure.message.clone().map(Entry::Text));
    let (code_of_api, said) = (failure.code.as_deref(), failure.message.as_deref());
    let logged = Logged::told(&write.method, failure.status, code_of_api, said);
    let explanation = explain(subject.profile, &logged, failure.failure_type);
    let retryable = if explanation.retryable { "yes" } else { "no: the same bytes will fail until the cause is fixed" };
    cause.pair("Meaning", explanation.meaning);
    // A hazard that refuses comes before any advice on the error; a settled write needs none.
    let refusal = view.hazards.iter().find(|h| h.refuses());
    let advice = match write.standing.state() {
        State::Pending | State::Unknown => refusal.map_or(explanation.next.as_str(), |hazard| words::hazard(*hazard)),
        State::Replaying => "Wait: a run is sending it now.",
        State::Replayed => "Nothing: the API has accepted it since.",
        State::Resolved => "Nothing: it was resolved.",
        State::Discarded => "Nothing: it was given up. Reopen it if that was wrong.",
    };
    if write.standing.state().is_open() {
        cause.pair("Retryable", retryable);
    }
    cause.pair("Next", advice);
    if let Some(field) = Marks::of(failure).field {
        cause.pair("Field", field);
    }
    if let Some(batch) = subject.records.and_then(|records| batch_line(records, failure)) {
        cause.pair("Batch", batch);
        if write.standing.state() == State::Pending && write.standing.ambiguous_since.is_none() {
            let how = format!("dlq split {} turns its records into writes, so the good ones can be sent", write.id);
            cause.pair("Split", how);
        }
    }
    if let Some(partial) = subject.attempts.last().filter(|a| a.outcome == Some(AttemptOutcome::Partial)) {
        cause.pair("Partial", partial_line(write, partial));
    }
    if let Some(details) = &failure.details {
        cause.pair("Details", details);
    }
    if let Some(cid) = &failure.correlation_id {
        cause.pair("Correlation", cid);
    }
    match subject.captured {
        CapturedFailure::Current => {}
        CapturedFailure::Earlier(first) => {
            let cid = first.correlation_id.as_deref().map(|cid| format!("  [{cid}]")).unwrap_or_default();
            cause.pair("Came in as", format!("{}, {}{cid}", first.failure_type, words::said(first, false)));
        }
        CapturedFailure::Lost => cause.pair("Came in as", "not known: an older dlq overwrote it"),
    }
    hazards.entries.extend(view.hazards.iter().copied().map(Entry::Hazard));
    if let Some(since) = write.standing.ambiguous_since {
        let end = since.plus(window);
        let left = if !knows_keys(window) {
            "the API has no keys that could protect it".to_owned()
        } else if inside_window(since, window, now) {
            format!("its key protects it for another {}, until {}", human_length(end.since(now)), end.to_human())
        } else {
            format!("its key window ended at {}", end.to_human())
        };
        let section = if hazards.entries.is_empty() { &mut cause } else { &mut hazards };
        section.pair("Ambiguous", format!("since {}; {left}", since.to_human()));
    }
    [cause, hazards]
}

/// Describes an answer that applied some records of a batch and rejected others.
fn partial_line(write: &FailedWrite, attempt: &Attempt) -> String {
    let list: Vec<String> = attempt.rejected.iter().map(ToString::to_string).collect();
    let said = match list.as_slice() {
        [] => "the answer does not name each record that was rejected: look in the API".to_owned(),
        [one] => format!("record {one} was rejected (counted from 0)"),
        several => format!("records {} were rejected (counted from 0)", several.join(", ")),
    };
    let way_out = match write.standing.state() {
        State::Pending if !list.is_empty() => {
            format!("; dlq split {} --rejected turns just those into writes", write.id)
        }
        _ => String::new(),
    };
    format!("attempt {} was applied in part: {said}{way_out}", attempt.n)
}

/// Describes the records of a batch that a refusal names: `record 2 of 5 (counted from 0)`.
fn batch_line(records: usize, failure: &Failure) -> Option<String> {
    if records < 2 {
        return None;
    }
    let mut named = named_records(failure.message.as_deref().unwrap_or(""), failure.details.as_deref());
    named.retain(|index| *index < records);
    if named.is_empty() {
        return Some(format!("{records} records; the refusal names none of them"));
    }
    let list: Vec<String> = named.iter().map(ToString::to_string).collect();
    let noun = if named.len() == 1 { "record" } else { "records" };
    Some(format!(
        "{noun} {} of {records} (counted from 0), maybe more: the API may name only the first",
        list.join(", ")
    ))
}

/// Formats an attempt on one line.
pub fn attempt_line(attempt: &Attempt) -> String {
    let status = attempt.status.map(|s| format!(" HTTP {s}")).unwrap_or_default();
    let outcome = match attempt.outcome {
        None => "under way",
        Some(AttemptOutcome::Refused) => "refused by the API,",
        Some(AttemptOutcome::Partial) => "applied in part,",
        Some(AttemptOutcome::NoAnswer) => "no answer",
        Some(AttemptOutcome::NotSent) => "not sent",
        Some(other) => other.name(),
    };
    let latency = attempt.latency_ms.map(|ms| format!(" in {ms} ms")).unwrap_or_default();
    let cached = if attempt.cached { ", cached" } else { "" };
    let message = words::attempt_message(attempt);
    let said = [attempt.error_code.as_deref(), message.as_deref()]
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

/// Formats the failure that a write came in with, on one line.
pub fn captured_line(write: &FailedWrite, captured: &CapturedFailure) -> String {
    let at = write.failed_at.or(write.first_attempt_at).unwrap_or(write.captured_at).to_human();
    let Some(failure) = captured.or_current(&write.failure) else {
        return format!("{at}  captured: not known any more (an older dlq overwrote it)");
    };
    let cid = failure.correlation_id.as_deref().map(|cid| format!("  [{cid}]")).unwrap_or_default();
    format!("{at}  captured: {}, {}{cid}", failure.failure_type, words::said(failure, false))
}

/// Formats the answers to a write's attempts as received: status, headers, body, and network errors.
pub fn answers(subject: &Subject<'_>, paint: Palette) -> String {
    let mut out = String::new();
    for attempt in subject.attempts {
        let title = format!("Answer to attempt {}", attempt.n);
        let _ = writeln!(out, "\n{}", paint.strong(&title));
        if let Some(lost) = &attempt.transport {
            let _ = writeln!(out, "  {:<12} {}: {}", "Network", lost.phase.name(), terminal(&lost.why));
        }
        let Some(answer) = &attempt.answer else {
            let why = if attempt.transport.is_some() { "none came" } else { "none is on record" };
            let _ = writeln!(out, "  {why}");
            continue;
        };
        let _ = writeln!(out, "  HTTP {}", answer.status);
        for (name, value) in answer.headers.iter() {
            let _ = writeln!(out, "  {name}: {}", terminal(value));
        }
        let kept = answer.body.len() as u64;
        let size = match answer.length {
            None => format!("{} bytes, then it broke off", thousands(kept)),
            Some(whole) if whole > kept => format!("the first {} of {} bytes", thousands(kept), thousands(whole)),
            Some(whole) => format!("{} bytes", thousands(whole)),
        };
        let _ = writeln!(out, "  {:<12} {size}, SHA-256 {}", "Body", answer.sha256);
        if !answer.body.is_empty() {
            let _ = writeln!(out, "{}", body_text(&answer.body, &Marks::default()));
        }
    }
    out
}

/// Returns the request and its place among others, without the text of its body.
pub fn request(subject: &Subject<'_>) -> Section {
    let Subject { view, neighbours, .. } = *subject;
    let write = &view.write;
    let mut section = Section::new("Request");
    let (target, origin) = (&write.target, write.endpoint_origin.name());
    section.entries.push(Entry::Text(format!("{} {}  (target {target}, endpoint {origin})", write.method, write.path)));
    section.pair("Key", format!("{} ({})", write.key, write.key_origin.name()));
    if let Some(parent) = &write.parent_key {
        section.pair("Captured key", parent.as_str());
    }
    match &write.lane {
        None => section.pair("Lane", "its own"),
        Some(lane) if view.lanes < 2 => section.pair("Lane", lane),
        // A batch may have tens of thousands.
        Some(_) => section.pair("Lanes", format!("{}, those of its records", thousands(view.lanes))),
    }
    for (label, older) in [("  goes after", true), ("  goes before", false)] {
        let side = neighbours.iter().filter(|n| n.older == older);
        let names: Vec<String> = side.map(|n| format!("{} ({})", n.id, n.state)).collect();
        if !names.is_empty() {
            section.pair(label, names.join(", "));
        }
    }
    if let Some(id) = write.blocked_by {
        section.pair("  blocked by", format!("write {id}"));
    }
    match write.superseded_by {
        Some(Superseder::Write(id)) => section.pair("  overtaken by", format!("write {id}, which the API has")),
        Some(Superseder::Success(at)) => {
            section.pair("  overtaken by", format!("its producer's own write, accepted at {} UTC", at.to_human()));
        }
        None => {}
    }
    for (name, value) in &write.headers {
        section.pair(name, value);
    }
    if let Some(parent) = write.parent {
        section.pair("Part of", format!("write {parent}"));
    }
    if let Some(parts) = write.parts {
        section.pair("Split into", format!("{parts} writes: dlq list parent:{} state:any", write.id));
    }
    if let Some(source) = &write.source {
        section.pair("Source", source);
    }
    section.pair(
        "Body",
        match &view.body {
            None => "missing: only the event was captured".to_owned(),
            Some(body) => {
                let origin = write.body_origin.name();
                let (revision, sha) = (write.revision, write.body_sha256);
                format!("{} bytes, {origin}, revision {revision}, SHA-256 {sha}", body.len())
            }
        },
    );
    section
}

/// Returns the requests that dlq made, oldest first.
pub fn attempts(attempts: &[Attempt]) -> Section {
    let entries = attempts.iter().map(|attempt| Entry::Text(attempt_line(attempt))).collect();
    Section { title: "Attempts", entries }
}

/// Returns the times of a write's life.
pub fn times(write: &FailedWrite, now: Timestamp) -> Section {
    let mut section = Section::new("Times (UTC)");
    for (label, at) in [
        ("First try", write.first_attempt_at),
        ("Failed", write.failed_at),
        ("Captured", Some(write.captured_at)),
        ("Settled", write.settled_at),
    ] {
        let Some(at) = at else { continue };
        // A clock that was ahead, or a zone that was left out.
        let ahead = at.since(write.captured_at) > Duration::from_mins(1) && label != "Settled";
        section.pair(
            label,
            if ahead {
                format!("{}  (in the future when captured: counted from the capture)", at.to_human())
            } else {
                format!("{}  ({} ago)", at.to_human(), human_length(now.since(at)))
            },
        );
    }
    section
}

/// Formats a body as indented JSON with the offending field marked, or as text.
fn body_text(body: &[u8], marks: &Marks) -> String {
    let mut text = String::new();
    match json::scan(body) {
        Ok(node) => indented(&mut text, &node, 2, "", marks),
        Err(_) => text.push_str(&format!("    {}", String::from_utf8_lossy(body))),
    }
    let lines: Vec<&str> = text.lines().collect();
    let mut shown: Vec<String> = lines.iter().take(MOST_LINES).map(|l| terminal(l).into_owned()).collect();
    if lines.len() > MOST_LINES {
        shown.push(format!("    … {} more lines (--json has them all)", lines.len() - MOST_LINES));
    }
    shown.join("\n")
}

fn indented(out: &mut String, node: &Node<'_>, depth: usize, path: &str, marks: &Marks) {
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
        indented(out, value, depth + 1, &inner, marks);
        if n + 1 < all.len() {
            out.push(',');
        }
        if name.is_some() && marks.has(&inner) {
            out.push_str("   <-- this field");
        }
    }
    let _ = write!(out, "\n{pad}{close}");
}

fn seen(n: i64) -> String {
    if n == 1 { "once".to_owned() } else { format!("{n} times") }
}
