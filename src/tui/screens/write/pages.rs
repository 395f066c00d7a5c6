//! The pages of a write, as lines: cause, request, attempts, changes, history.

use super::json_view::JsonView;
use super::{Tab, WritePage};
use crate::domain::evidence::KeptAnswer;
use crate::domain::outcome::AttemptOutcome;
use crate::domain::time::human_length;
use crate::render::count::thousands;
use crate::render::detail::{Entry, Section, Subject, cause, request, times};
use crate::render::words;
use crate::repair::for_editor;
use crate::store::HistoryEntry;
use crate::tui::msg::Detail;
use crate::tui::paint::wrap;
use crate::tui::rows::{self, Lines};
use crate::tui::screen::Shared;
use crate::tui::theme::Role;

/// A line as pieces of text, each with its role.
pub(super) type Line = rows::Pieces;

/// Width of a label, in columns.
const LABEL: usize = 13;

/// `records` is the number of records in the body; a request is told without it.
fn subject(detail: &Detail, records: Option<usize>) -> Subject<'_> {
    Subject {
        view: &detail.view,
        attempts: &detail.attempts,
        captured: &detail.captured,
        neighbours: &detail.neighbours,
        evidence: detail.evidence.as_deref(),
        profile: &detail.profile,
        window: detail.window,
        records,
    }
}

/// Returns the lines of the page on the screen.
pub(super) fn lines(write: &WritePage, detail: &Detail, shared: &Shared, width: u16) -> Vec<Line> {
    let subject = subject(detail, write.records);
    let width = usize::from(width);
    match write.tab {
        Tab::Cause => {
            let [cause, hazards] = cause(&subject, shared.now);
            let times = times(&detail.view.write, shared.now);
            let mut times = times;
            times.entries.extend(lately(detail, shared));
            let sections = [cause, hazards, times];
            // The name of the tab stands for the first section's title.
            sections.iter().flat_map(|section| self::section(section, width)).skip(2).collect()
        }
        Tab::Request => section(&request(&subject), width),
        Tab::Attempts => attempts(detail, width),
        Tab::Changes => write.changes.iter().map(|(role, text)| vec![(*role, text.clone())]).collect(),
        Tab::History => history(detail, width),
    }
}

/// The lines of a request: its body, then where it goes.
pub(super) struct RequestLines<'a> {
    json: &'a JsonView,
    after: Vec<Line>,
    width: usize,
    /// The mark at a value that the error names.
    arrow: &'static str,
}

impl<'a> RequestLines<'a> {
    pub(super) fn new(json: &'a JsonView, detail: &Detail, shared: &Shared, width: u16) -> Self {
        let arrow = shared.setup.theme.symbol("  ◂ this field", "  <-- this field");
        Self { json, after: section(&request(&subject(detail, None)), width.into()), width: width.into(), arrow }
    }

    /// Returns the indent of a line, and its text.
    pub(super) fn line(&self, line: usize) -> (u16, Line) {
        let Some(mut json) = self.json.line(line) else {
            return (0, self.after.get(line - self.json.len()).cloned().unwrap_or_default());
        };
        if json.is_named {
            json.pieces.push((Role::Bad, self.arrow.to_owned()));
        }
        // Deep values keep at least half of the width.
        let indent = (2 * json.depth).min(self.width / 2);
        (u16::try_from(indent).unwrap_or(0), json.pieces)
    }
}

impl Lines for RequestLines<'_> {
    fn len(&self) -> usize {
        self.json.len() + self.after.len()
    }

    fn rows(&self, line: usize) -> usize {
        let (indent, pieces) = self.line(line);
        rows::count(&pieces, self.width.saturating_sub(indent.into()))
    }
}

/// Returns the last attempt and the last edit.
fn lately(detail: &Detail, shared: &Shared) -> Vec<Entry> {
    let mut entries = Vec::new();
    if let Some(last) = detail.attempts.last() {
        let outcome = last.outcome.map_or("under way", |outcome| outcome.name());
        let status = last.status.map(|s| format!(" (HTTP {s})")).unwrap_or_default();
        let text = format!(
            "{}: {outcome}{status}, {} ago by run {}",
            last.started_at.to_human(),
            human_length(shared.now.since(last.started_at)),
            last.run
        );
        entries.push(Entry::Pair("Last sent".to_owned(), text));
    }
    if let Some(at) = detail.view.write.edited_at {
        let text = format!("{}: revision {}", at.to_human(), detail.view.write.revision);
        entries.push(Entry::Pair("Edited".to_owned(), text));
    }
    entries
}

fn section(section: &Section, width: usize) -> Vec<Line> {
    if section.entries.is_empty() {
        return Vec::new();
    }
    let mut lines = vec![vec![], vec![(Role::Title, section.title.to_owned())]];
    for entry in &section.entries {
        match entry {
            Entry::Wrong(text) => wrapped(&mut lines, Role::Bad, text, width),
            Entry::Text(text) => wrapped(&mut lines, Role::Strong, text, width),
            Entry::Pair(label, value) => pair(&mut lines, label, value, Role::Text, width),
            Entry::Hazard(hazard) => {
                let (label, role) = if hazard.refuses() { ("refuses", Role::Bad) } else { ("note", Role::Warn) };
                pair(&mut lines, label, &format!("{hazard}: {}", words::hazard(*hazard)), role, width);
            }
        }
    }
    lines
}

fn wrapped(lines: &mut Vec<Line>, role: Role, text: &str, width: usize) {
    lines.extend(wrap(text, width.saturating_sub(1)).into_iter().map(|line| vec![(role, line)]));
}

fn pair(lines: &mut Vec<Line>, label: &str, value: &str, role: Role, width: usize) {
    for (n, line) in wrap(value, width.saturating_sub(LABEL + 1)).into_iter().enumerate() {
        let label = if n == 0 { label } else { "" };
        lines.push(vec![(Role::Faint, format!("{label:<LABEL$}")), (role, line)]);
    }
}

/// Returns the lines of the attempts, the captured failure first: each with its answer as it came.
fn attempts(detail: &Detail, width: usize) -> Vec<Line> {
    let mut lines = captured(detail, width);
    if detail.attempts.is_empty() {
        lines.push(vec![]);
        lines.push(vec![(Role::Faint, "dlq has not sent it yet.".to_owned())]);
    }
    for attempt in &detail.attempts {
        let (outcome, role) = match attempt.outcome {
            None => ("under way", Role::Warn),
            Some(AttemptOutcome::Accepted) => ("accepted", Role::Good),
            Some(AttemptOutcome::Refused) => ("refused", Role::Bad),
            Some(AttemptOutcome::NoAnswer) => ("no answer", Role::Warn),
            Some(AttemptOutcome::NotSent) => ("not sent", Role::Warn),
            Some(AttemptOutcome::Partial) => ("applied in part", Role::Warn),
            Some(AttemptOutcome::Unclear) => ("unclear", Role::Warn),
        };
        let status = attempt.status.map(|s| format!(" HTTP {s}")).unwrap_or_default();
        let latency = attempt.latency_ms.map(|ms| format!(" in {ms} ms")).unwrap_or_default();
        let cached = if attempt.cached { ", from the API's cache" } else { "" };
        lines.push(vec![]);
        lines.push(vec![
            (Role::Title, format!("Attempt {}  ", attempt.n)),
            (Role::Faint, format!("{}  ", attempt.started_at.to_human())),
            (role, format!("{outcome}{status}")),
            (Role::Text, format!("{latency}{cached}  (run {}, revision {})", attempt.run, attempt.revision)),
        ]);
        for (label, text) in [
            ("code", attempt.error_code.as_deref()),
            ("message", words::attempt_message(attempt).as_deref()),
            ("correlation", attempt.correlation_id.as_deref()),
        ] {
            if let Some(text) = text.filter(|text| !text.is_empty()) {
                pair(&mut lines, label, text, Role::Text, width);
            }
        }
        if let Some(answer) = &attempt.answer {
            answer_lines(&mut lines, answer, width);
        }
    }
    lines
}

/// Returns the lines of the failure that the write came in with.
fn captured(detail: &Detail, width: usize) -> Vec<Line> {
    let write = &detail.view.write;
    let at = write.failed_at.unwrap_or(write.captured_at).to_human();
    let mut lines = vec![vec![(Role::Title, "Captured   ".to_owned()), (Role::Faint, at)]];
    let Some(failure) = detail.captured.or_current(&write.failure) else {
        lines.push(vec![(Role::Faint, "An older dlq overwrote it with what a replay met.".to_owned())]);
        return lines;
    };
    let status = failure.status.map(|status| format!("HTTP {status}"));
    for (label, text, role) in [
        ("status", status.as_deref(), Role::Bad),
        ("code", failure.code.as_deref(), Role::Text),
        ("message", failure.message.as_deref(), Role::Text),
        ("details", failure.details.as_deref(), Role::Text),
        ("correlation", failure.correlation_id.as_deref(), Role::Text),
    ] {
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            pair(&mut lines, label, text, role, width);
        }
    }
    lines
}

/// Adds an answer as it came: its status, its headers and what was kept of its body.
fn answer_lines(lines: &mut Vec<Line>, answer: &KeptAnswer, width: usize) {
    pair(lines, "answer", &format!("HTTP {}", answer.status), Role::Strong, width);
    for (name, value) in answer.headers.iter() {
        pair(lines, "", &format!("{name}: {value}"), Role::Faint, width);
    }
    let kept = answer.body.len() as u64;
    if kept == 0 {
        return pair(lines, "body", "empty", Role::Faint, width);
    }
    let text = for_editor(&answer.body).unwrap_or_else(|| format!("{kept} bytes that are no text"));
    for (n, line) in text.lines().enumerate() {
        pair(lines, if n == 0 { "body" } else { "" }, line, Role::Text, width);
    }
    match answer.length {
        Some(length) if length > kept => {
            pair(
                lines,
                "",
                &format!("the first {} of {} bytes", thousands(kept), thousands(length)),
                Role::Faint,
                width,
            );
        }
        Some(_) => {}
        None => pair(lines, "", "it broke off here", Role::Warn, width),
    }
}

fn history(detail: &Detail, width: usize) -> Vec<Line> {
    let mut lines = Vec::new();
    let captured = detail.view.write.captured_at.to_human();
    lines.push(vec![(Role::Faint, format!("{captured}  ")), (Role::Text, "captured".to_owned())]);
    for entry in &detail.history {
        let at = entry.at().to_human();
        let text = match entry {
            HistoryEntry::Attempt(attempt) => {
                let outcome = attempt.outcome.map_or("under way", |outcome| outcome.name());
                let status = attempt.status.map(|s| format!(" (HTTP {s})")).unwrap_or_default();
                format!("sent by run {}: {outcome}{status}", attempt.run)
            }
            HistoryEntry::Action(action) => {
                let reason = action.reason.as_deref().map(|reason| format!(" ({reason})")).unwrap_or_default();
                let by = &action.operator;
                let (name, detail) = (action.action.name(), words::action(&action.action));
                format!("{name} by {} on {}: {detail}{reason}", by.name, by.host)
            }
        };
        for (n, line) in wrap(&text, width.saturating_sub(22)).into_iter().enumerate() {
            let at = if n == 0 { format!("{at}  ") } else { " ".repeat(21) };
            lines.push(vec![(Role::Faint, at), (Role::Text, line)]);
        }
    }
    lines
}
