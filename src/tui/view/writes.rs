//! The writes: one line each, in as many columns as fit.

use ratatui::layout::Rect;

use super::layout::Layout;
use super::paint::{Painter, age, wrap};
use crate::domain::failure_type::FailureType;
use crate::domain::write::WriteView;
use crate::render::count::thousands;
use crate::store::Sort;
use crate::tui::actions::{Action, Zone};
use crate::tui::app::{App, File};
use crate::tui::theme::{Role, Theme};

/// A column: its title, its width, and the sort that it shows.
type Column = (&'static str, u16, Option<Sort>);

const ID: Column = ("ID", 9, Some(Sort::Id));
const STATE: Column = ("STATE", 10, None);
const TYPE: Column = ("TYPE", 10, Some(Sort::Type));
const AGE: Column = ("AGE", 6, Some(Sort::Time));
const STATUS: Column = ("HTTP", 6, Some(Sort::Status));
const OBJECT: Column = ("OBJECT", 11, None);
const SEEN: Column = ("SEEN", 5, Some(Sort::Occurrences));
const SENT: Column = ("SENT", 5, Some(Sort::Attempts));
const HAZARD: Column = ("HAZARD", 16, None);
const KEY: Column = ("KEY", 20, None);

/// Returns the columns before the message, which takes the rest of the width.
fn columns(width: u16) -> Vec<Column> {
    match width {
        0..56 => vec![ID, TYPE],
        56..76 => vec![ID, STATE, TYPE, AGE],
        76..100 => vec![ID, STATE, TYPE, AGE, STATUS],
        100..140 => vec![ID, STATE, TYPE, AGE, STATUS, OBJECT, SENT, HAZARD],
        _ => vec![ID, STATE, TYPE, AGE, STATUS, OBJECT, SEEN, SENT, HAZARD, KEY],
    }
}

pub(super) fn draw(app: &App, layout: &Layout, p: &mut Painter<'_>) {
    filter(app, layout, p);
    let columns = columns(layout.list.width);
    head(app, &columns, layout.head, p);
    if app.writes.rows.is_empty() {
        return empty(app, layout.list, p);
    }
    let rows = app.writes.rows.iter().enumerate().skip(app.writes.scroll.top);
    for ((n, view), y) in rows.zip(layout.list.top()..layout.list.bottom()) {
        let area = Rect { y, height: 1, ..layout.list };
        row(app, view, &columns, area, p);
        if n == app.writes.scroll.at {
            let role = if app.place() == Zone::Writes { Role::Cursor } else { Role::CursorAway };
            p.line(area, role);
        }
    }
    if layout.divider.width > 0 {
        p.divider(layout.divider);
    }
}

/// Draws the chips and the filter line, with its error below.
fn filter(app: &App, layout: &Layout, p: &mut Painter<'_>) {
    let area = layout.filter;
    if area.height == 0 {
        return;
    }
    let mut x = area.x;
    let line = &app.filter;
    let keys = [Action::Transient, Action::Schema, Action::BadData, Action::Auth];
    let narrow = area.width < 76;
    for (failure_type, action) in FailureType::ALL.into_iter().zip(keys) {
        let is_on = line.types.contains(&failure_type);
        if narrow && !is_on {
            continue;
        }
        let text = format!("{} {}", app.setup.keymap.key(action), failure_type.name());
        let text = if is_on { format!("[{text}]") } else { format!(" {text} ") };
        x = p.text(x, area.y, area.right().saturating_sub(x), &text, if is_on { Role::On } else { Role::Faint });
    }
    let states = format!(
        " {} {} ",
        app.setup.keymap.key(Action::NextState),
        if line.names_states { "as typed" } else { line.states.name() }
    );
    x = p.text(x, area.y, area.right().saturating_sub(x), &states, Role::Strong);
    x = p.text(x, area.y, 2, "/ ", Role::Key);
    let room = area.right().saturating_sub(x);
    if line.text().is_empty() && !line.is_typing {
        p.text(x, area.y, room, "filter", Role::Faint);
        return;
    }
    // The line is scrolled so that the cursor is visible.
    let skip = line.input.visual_scroll(usize::from(room).saturating_sub(1));
    let shown: String = line.text().chars().skip(skip).collect();
    p.text(x, area.y, room, &shown, if line.is_typing { Role::Strong } else { Role::Text });
    if line.is_typing {
        let at = x + u16::try_from(line.input.visual_cursor().saturating_sub(skip)).unwrap_or(0);
        p.line(Rect { x: at.min(area.right() - 1), y: area.y, width: 1, height: 1 }, Role::Cursor);
    }
    if let Some(error) = &line.error
        && layout.error.height > 1
    {
        let before = error.query[..error.at].chars().count().saturating_sub(skip);
        let at = x + u16::try_from(before).unwrap_or(0);
        let carets = "^".repeat(error.query[error.at..error.at + error.len].chars().count().max(1));
        p.text(at, layout.error.y, layout.error.right().saturating_sub(at), &carets, Role::Bad);
        let lines = wrap(&error.message, area.width.into());
        for (line, y) in lines.iter().zip(layout.error.y + 1..layout.error.bottom()) {
            p.text(area.x, y, area.width, line, Role::Bad);
        }
    }
}

/// Draws the completions of the filter line, over the rows.
pub(super) fn choices(app: &App, layout: &Layout, p: &mut Painter<'_>) {
    const SEEN: usize = 8;
    let line = &app.filter;
    if !line.is_typing || line.choices.is_empty() {
        return;
    }
    let first = line.chosen.saturating_sub(SEEN - 1);
    let shown: Vec<_> = line.choices.iter().enumerate().skip(first).take(SEEN).collect();
    let height = u16::try_from(shown.len()).unwrap_or(0) + 2;
    let x = layout.filter.x + if layout.filter.width > 80 { 50 } else { 4 };
    let area = Rect { x, y: layout.filter.y + 1, width: (layout.filter.right() - x).min(50), height };
    let inside = p.window(area, "");
    for ((n, choice), y) in shown.into_iter().zip(inside.y..) {
        let end = p.text(inside.x, y, inside.width, &choice.text, Role::Strong);
        p.text(end + 1, y, inside.right().saturating_sub(end + 1), &choice.note, Role::Faint);
        if n == line.chosen {
            p.line(Rect { y, height: 1, ..inside }, Role::Cursor);
        }
    }
}

fn head(app: &App, columns: &[Column], area: Rect, p: &mut Painter<'_>) {
    let mut x = area.x + 1;
    for &(title, width, sort) in columns {
        let is_sorted = sort == Some(app.order.sort);
        let arrow = match (is_sorted, app.order.descending) {
            (false, _) => "",
            (true, true) => p.theme.symbol("▾", "v"),
            (true, false) => p.theme.symbol("▴", "^"),
        };
        let role = if is_sorted { Role::Strong } else { Role::Faint };
        if is_number(title) {
            p.right(x, area.y, width - 1, &format!("{title}{arrow}"), role);
        } else {
            p.text(x, area.y, width - 1, &format!("{title}{arrow}"), role);
        }
        x += width;
    }
    p.text(x, area.y, area.right().saturating_sub(x), "MESSAGE", Role::Faint);
}

fn is_number(title: &str) -> bool {
    matches!(title, "ID" | "SEEN" | "SENT")
}

fn row(app: &App, view: &WriteView, columns: &[Column], area: Rect, p: &mut Painter<'_>) {
    let write = &view.write;
    let failure = &write.failure;
    let state = write.standing.state();
    let is_marked = app.marks.all || app.marks.ids.contains(&write.id);
    if is_marked {
        p.text(area.x, area.y, 1, p.theme.symbol("●", "*"), Role::Key);
    }
    let (mut x, y) = (area.x + 1, area.y);
    let text_role = if state.is_open() { Role::Text } else { Role::Faint };
    for &(title, width, sort) in columns {
        let (text, role) = match (title, sort) {
            ("ID", _) => (write.id.to_string(), if is_marked { Role::Strong } else { text_role }),
            ("STATE", _) => (state.name().to_owned(), Role::State(state)),
            ("TYPE", _) => (failure.failure_type.name().to_owned(), Role::Type(failure.failure_type)),
            ("AGE", _) => (age(app.now.since(write.turn.at)), text_role),
            ("HTTP", _) => (failure.status.map_or_else(|| "-".to_owned(), |s| s.to_string()), text_role),
            ("OBJECT", _) => (write.path.object().to_owned(), text_role),
            ("SEEN", _) => (write.occurrences.to_string(), text_role),
            ("SENT", _) => (write.attempts.to_string(), text_role),
            ("KEY", _) => (write.key.to_string(), text_role),
            _ => hazard(view, app.setup.theme),
        };
        if is_number(title) {
            p.right(x, y, width - 1, &text, role);
        } else {
            p.text(x, y, width - 1, &text, role);
        }
        x += width;
    }
    let message = failure.message.as_deref().or(failure.code.as_deref()).unwrap_or("no message");
    p.text(x, y, area.right().saturating_sub(x), message, text_role);
}

/// Returns the first hazard, with the number of others.
fn hazard(view: &WriteView, theme: Theme) -> (String, Role) {
    let Some(first) = view.hazards.first() else { return (String::new(), Role::Text) };
    let more = view.hazards.len() - 1;
    let more = if more > 0 { format!(" +{more}") } else { String::new() };
    let mark = if first.refuses() { theme.symbol("✗", "!") } else { "" };
    (format!("{mark}{}{more}", first.name()), if first.refuses() { Role::Bad } else { Role::Warn })
}

fn empty(app: &App, area: Rect, p: &mut Painter<'_>) {
    let text = if app.filter.error.is_some() {
        "the filter can't be read yet".to_owned()
    } else if app.is_loading || !app.writes.is_loaded {
        "reading ...".to_owned()
    } else if app.filter.is_clear() {
        "No write is open: nothing is left to do.".to_owned()
    } else {
        format!("No write matches; {} clears the filter.", app.setup.keymap.key(Action::ClearFilter))
    };
    p.text(area.x + 2, area.y + 1, area.width.saturating_sub(2), &text, Role::Faint);
}

/// Returns a summary of the list: marks, order, rows above and count.
pub(super) fn summary(app: &App) -> String {
    let mut parts = Vec::new();
    if app.marks.all {
        parts.push("all that match are marked".to_owned());
    } else if !app.marks.ids.is_empty() {
        parts.push(format!("{} marked", thousands(app.marks.ids.len() as u64)));
    }
    if app.marks.from.is_some() {
        parts.push("marking a range".to_owned());
    }
    if app.order.sort != Sort::Id {
        let (name, arrow) = (sort_name(app.order.sort), if app.order.descending { "down" } else { "up" });
        parts.push(format!("by {name}, {arrow}"));
    }
    let has_above = app.writes.has_first && app.writes.scroll.top > 0;
    if has_above {
        let arrow = app.setup.theme.symbol("↑", "^");
        parts.push(format!("{arrow}{} above", thousands(app.writes.scroll.top as u64)));
    }
    parts.push(match app.count {
        _ if app.filter.error.is_some() || !matches!(app.file, File::Open) => "?".to_owned(),
        Some(n) => thousands(n.unsigned_abs()),
        None if app.is_loading => "reading".to_owned(),
        None => "counting".to_owned(),
    });
    parts.join(", ")
}

fn sort_name(sort: Sort) -> &'static str {
    match sort {
        Sort::Id => "ID",
        Sort::Time => "age",
        Sort::Type => "type",
        Sort::Status => "HTTP status",
        Sort::Occurrences => "times seen",
        Sort::Attempts => "times sent",
    }
}
