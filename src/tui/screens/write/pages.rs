//! The pages of a write, as lines: cause, request, attempts, changes, history.

use super::json_view::JsonView;
use super::{Tab, WritePage};
use crate::domain::outcome::AttemptOutcome;
use crate::domain::time::human_length;
use crate::render::detail::{Entry, Section, Subject, cause, request, times};
use crate::render::words;
use crate::store::HistoryEntry;
use crate::tui::msg::Detail;
use crate::tui::paint::wrap;
use crate::tui::screen::Shared;
use crate::tui::theme::Role;

/// A line as pieces of text, each with its role.
pub(super) type Line = Vec<(Role, String)>;

/// Width of a label, in columns.
const LABEL: usize = 13;

/// Returns the lines of the page on the screen.
pub(super) fn lines(write: &WritePage, detail: &Detail, shared: &Shared, width: u16) -> Vec<Line> {
    let subject = Subject {
        view: &detail.view,
        attempts: &detail.attempts,
        captured: &detail.captured,
        neighbours: &detail.neighbours,
        evidence: detail.evidence.as_deref(),
        window: detail.window,
    };
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
        Tab::Request => body(&write.json, shared).into_iter().chain(section(&request(&subject), width)).collect(),
        Tab::Attempts => attempts(detail, width),
        Tab::Changes => write.changes.iter().map(|(role, text)| vec![(*role, text.clone())]).collect(),
        Tab::History => history(detail, width),
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

fn body(json: &JsonView, shared: &Shared) -> Vec<Line> {
    let line = |line: &super::json_view::Line| {
        let mut pieces = vec![(Role::Text, "  ".repeat(line.depth))];
        pieces.extend(line.pieces.iter().cloned());
        if line.is_named {
            let arrow = shared.setup.theme.symbol("  ◂ this field", "  <-- this field");
            pieces.push((Role::Bad, arrow.to_owned()));
        }
        pieces
    };
    json.lines.iter().map(line).collect()
}

/// Returns the lines of the attempts: time, outcome and latency of each, then its error.
fn attempts(detail: &Detail, width: usize) -> Vec<Line> {
    let mut lines = Vec::new();
    if detail.attempts.is_empty() {
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
        lines.push(vec![
            (Role::Faint, format!("{}  ", attempt.started_at.to_human())),
            (role, format!("{outcome}{status}")),
            (
                Role::Text,
                format!(
                    "{latency}{cached}  (attempt {} of run {}, revision {})",
                    attempt.n, attempt.run, attempt.revision
                ),
            ),
        ]);
        for (label, text) in [
            ("code", attempt.error_code.as_deref()),
            ("message", attempt.error_message.as_deref()),
            ("correlation", attempt.correlation_id.as_deref()),
        ] {
            if let Some(text) = text.filter(|text| !text.is_empty()) {
                pair(&mut lines, label, text, Role::Text, width);
            }
        }
        lines.push(vec![]);
    }
    if let Some(cid) = &detail.view.write.failure.correlation_id {
        pair(&mut lines, "captured", &format!("correlation ID {cid}"), Role::Text, width);
    }
    lines
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
