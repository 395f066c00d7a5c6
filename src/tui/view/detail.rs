//! One write: its tabs, and an edit before it is kept.

use ratatui::layout::Rect;

use super::layout::Layout;
use super::paint::{Painter, wrap};
use crate::domain::outcome::AttemptOutcome;
use crate::domain::time::human_length;
use crate::render::detail::{Entry, Section, Subject, cause, heading, request, times};
use crate::render::words;
use crate::store::HistoryEntry;
use crate::tui::actions::Zone;
use crate::tui::app::App;
use crate::tui::msg::Detail;
use crate::tui::state::detail::Tab;
use crate::tui::theme::Role;

/// A line as pieces of text, each with its role.
type Line = Vec<(Role, String)>;

/// Width of a label, in columns.
const LABEL: usize = 13;

pub(super) fn draw(app: &App, layout: &Layout, p: &mut Painter<'_>) {
    let area = layout.detail;
    if layout.divider.width > 0 {
        p.divider(layout.divider);
    }
    let Some(detail) = app.detail.read() else {
        p.text(area.x + 1, area.y, area.width.saturating_sub(1), "reading ...", Role::Faint);
        return;
    };
    let (title, rest) = heading(&detail.view);
    p.pieces(area.x, area.y, area.width, [(Role::Title, title.as_str()), (Role::Text, "  "), (Role::Text, &rest)]);
    let mut x = area.x;
    for tab in Tab::ALL {
        let is_here = tab == app.detail.tab;
        let role = if is_here && app.place() == Zone::Detail {
            Role::On
        } else if is_here {
            Role::Strong
        } else {
            Role::Faint
        };
        let (left, right) = if is_here { ("[", "]") } else { (" ", " ") };
        x = p.pieces(x, area.y + 1, area.right().saturating_sub(x), [(role, left), (role, tab.name()), (role, right)]);
    }
    let inside = Rect { y: area.y + 2, height: area.height.saturating_sub(2), ..area };
    let lines = lines(app, detail, inside.width);
    let scroll = app.detail.scroll[app.detail.tab as usize];
    let has_cursor = app.detail.tab == Tab::Request && app.place() == Zone::Detail;
    for ((n, line), y) in lines.iter().enumerate().skip(scroll.top).zip(inside.top()..inside.bottom()) {
        p.pieces(inside.x, y, inside.width, line.iter().map(|(role, text)| (*role, text.as_str())));
        if has_cursor && n == scroll.at {
            p.line(Rect { y, height: 1, ..inside }, Role::CursorAway);
        }
    }
    more(lines.len(), scroll.top, inside, p);
}

/// Draws the number of lines below the area.
pub(super) fn more(len: usize, top: usize, area: Rect, p: &mut Painter<'_>) {
    let below = len.saturating_sub(top + usize::from(area.height));
    if below > 0 && area.height > 1 {
        let text = format!(" {} {below} more ", p.theme.symbol("↓", "v"));
        p.right(area.x, area.bottom() - 1, area.width, &text, Role::Faint);
    }
}

/// Returns the number of lines of the tab.
pub fn length(app: &App) -> usize {
    let width = Layout::of(app).detail.width;
    app.detail.read().map_or(0, |detail| lines(app, detail, width).len())
}

fn lines(app: &App, detail: &Detail, width: u16) -> Vec<Line> {
    let subject = Subject {
        view: &detail.view,
        attempts: &detail.attempts,
        captured: &detail.captured,
        neighbours: &detail.neighbours,
        evidence: detail.evidence.as_deref(),
        window: detail.window,
    };
    let width = usize::from(width);
    match app.detail.tab {
        Tab::Cause => {
            let [cause, hazards] = cause(&subject, app.now);
            let times = times(&detail.view.write, app.now);
            let mut times = times;
            times.entries.extend(lately(detail, app));
            let sections = [cause, hazards, times];
            // The name of the tab stands for the first section's title.
            sections.iter().flat_map(|section| self::section(section, width)).skip(2).collect()
        }
        Tab::Request => body(app).into_iter().chain(section(&request(&subject), width)).collect(),
        Tab::Attempts => attempts(detail, width),
        Tab::Changes => app.detail.changes.iter().map(|(role, text)| vec![(*role, text.clone())]).collect(),
        Tab::History => history(detail, width),
    }
}

/// Returns the last attempt and the last edit.
fn lately(detail: &Detail, app: &App) -> Vec<Entry> {
    let mut entries = Vec::new();
    if let Some(last) = detail.attempts.last() {
        let outcome = last.outcome.map_or("under way", |outcome| outcome.name());
        let status = last.status.map(|s| format!(" (HTTP {s})")).unwrap_or_default();
        let text = format!(
            "{}: {outcome}{status}, {} ago by run {}",
            last.started_at.to_human(),
            human_length(app.now.since(last.started_at)),
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

fn body(app: &App) -> Vec<Line> {
    let line = |line: &crate::tui::state::json_view::Line| {
        let mut pieces = vec![(Role::Text, "  ".repeat(line.depth))];
        pieces.extend(line.pieces.iter().cloned());
        if line.is_named {
            let arrow = app.setup.theme.symbol("  ◂ this field", "  <-- this field");
            pieces.push((Role::Bad, arrow.to_owned()));
        }
        pieces
    };
    app.detail.json.lines.iter().map(line).collect()
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

/// Draws what an edit changes, before it is kept.
pub(super) fn draw_review(app: &App, area: Rect, p: &mut Painter<'_>) {
    let Some(review) = &app.review else { return };
    let id = review.id;
    let (role, text) = match &review.result {
        Ok(_) => (Role::Strong, format!("Write {id}: this is what the edit changes. Nothing is kept yet.")),
        Err(why) => (Role::Bad, format!("Write {id} can't be kept like this: {why}")),
    };
    p.text(area.x + 1, area.y, area.width.saturating_sub(1), &text, role);
    if review.result.is_err() {
        let kept = format!("What was typed is in {}", review.edited.file.display());
        p.text(area.x + 1, area.y + 1, area.width.saturating_sub(1), &kept, Role::Faint);
    }
    let inside = Rect {
        y: area.y + 2,
        height: area.height.saturating_sub(2),
        x: area.x + 1,
        width: area.width.saturating_sub(1),
    };
    for ((role, line), y) in review.lines.iter().skip(review.scroll.top).zip(inside.top()..inside.bottom()) {
        p.text(inside.x, y, inside.width, line, *role);
    }
    more(review.lines.len(), review.scroll.top, inside, p);
}
