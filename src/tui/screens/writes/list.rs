//! Drawing of the list of writes: one line each, in as many columns as fit.

use ratatui::layout::Rect;

use super::{Parts, WriteList};
use crate::domain::write::WriteView;
use crate::render::count::thousands;
use crate::store::Sort;
use crate::tui::actions::Action;
use crate::tui::chips;
use crate::tui::paint::{Painter, age, wrap};
use crate::tui::screen::Shared;
use crate::tui::theme::{Role, Theme, outcome_name};
use crate::tui::typing;

/// A column: its title, its width, and the sort that it shows.
type Column = (&'static str, u16, Option<Sort>);

const ID: Column = ("ID", 9, Some(Sort::Id));
const OUTCOME: Column = ("OUTCOME", 10, None);
const STATE: Column = ("STATE", 10, None);
const TYPE: Column = ("TYPE", 10, Some(Sort::Type));
const AGE: Column = ("AGE", 6, Some(Sort::Time));
const STATUS: Column = ("HTTP", 6, Some(Sort::Status));
const OBJECT: Column = ("OBJECT", 11, None);
const SEEN: Column = ("SEEN", 5, Some(Sort::Occurrences));
const SENT: Column = ("SENT", 5, Some(Sort::Attempts));
const HAZARD: Column = ("HAZARD", 16, None);
const KEY: Column = ("KEY", 20, None);

const RECORD: Column = ("RECORD", 22, None);

/// Returns the columns before the message, which takes the rest of the width. In a list of one group, of which all writes
/// have the same type and nearly the same message, records are told apart by their names.
fn columns(width: u16, is_of_one_group: bool) -> Vec<Column> {
    match width {
        56..76 if is_of_one_group => vec![ID, STATE, AGE, RECORD],
        76..100 if is_of_one_group => vec![ID, STATE, AGE, STATUS, RECORD],
        0..56 => vec![ID, TYPE],
        56..76 => vec![ID, STATE, TYPE, AGE],
        76..100 => vec![ID, STATE, TYPE, AGE, STATUS],
        100..140 => vec![ID, STATE, TYPE, AGE, STATUS, RECORD, SENT, HAZARD],
        _ => vec![ID, STATE, TYPE, AGE, STATUS, OBJECT, RECORD, SEEN, SENT, HAZARD, KEY],
    }
}

/// Draws the filter line, the titles and the rows.
pub(super) fn draw(writes: &WriteList, shared: &Shared, parts: &Parts, p: &mut Painter<'_>) {
    filter(writes, shared, parts, p);
    let mut columns = columns(parts.list.width, writes.filter.is_of_one_group());
    if !writes.window.outcomes.is_empty() {
        columns.insert(1, OUTCOME);
    }
    head(writes, &columns, parts.head, p);
    if writes.window.rows.is_empty() {
        return empty(writes, shared, parts.list, p);
    }
    let rows = writes.window.rows.iter().enumerate().skip(writes.window.scroll.top);
    for ((n, view), y) in rows.zip(parts.list.top()..parts.list.bottom()) {
        let area = Rect { y, height: 1, ..parts.list };
        row(writes, shared, view, &columns, area, p);
        if n == writes.window.scroll.at {
            p.line(area, if writes.is_in_write { Role::CursorAway } else { Role::Cursor });
        }
    }
}

/// Draws the chips and the filter line, with its error below.
fn filter(writes: &WriteList, shared: &Shared, parts: &Parts, p: &mut Painter<'_>) {
    let area = parts.filter;
    if area.height == 0 {
        return;
    }
    let line = &writes.filter;
    let mut x = chips::draw(shared, area, p);
    let states = format!(
        " {} {} ",
        shared.key(Action::NextState),
        if line.names_states { "as typed" } else { line.states.name() }
    );
    x = p.text(x, area.y, area.right().saturating_sub(x), &states, Role::Strong);
    x = p.text(x, area.y, 2, "/ ", Role::Key);
    let room = area.right().saturating_sub(x);
    if line.text().is_empty() && !line.is_typing {
        p.text(x, area.y, room, "filter", Role::Faint);
        return;
    }
    if line.is_typing {
        typing::draw(&line.input, Rect { x, width: room, ..area }, p);
    } else {
        p.text(x, area.y, room, line.text(), Role::Text);
    }
    let skip = if line.is_typing { line.input.visual_scroll(usize::from(room).saturating_sub(1)) } else { 0 };
    if let Some(error) = &line.error
        && parts.error.height > 1
    {
        let before = error.query[..error.at].chars().count().saturating_sub(skip);
        let at = x + u16::try_from(before).unwrap_or(0);
        let carets = "^".repeat(error.query[error.at..error.at + error.len].chars().count().max(1));
        p.text(at, parts.error.y, parts.error.right().saturating_sub(at), &carets, Role::Bad);
        let lines = wrap(&error.message, area.width.into());
        for (line, y) in lines.iter().zip(parts.error.y + 1..parts.error.bottom()) {
            p.text(area.x, y, area.width, line, Role::Bad);
        }
    }
}

/// Draws the completions of the filter line, over the rows.
pub(super) fn choices(writes: &WriteList, parts: &Parts, p: &mut Painter<'_>) {
    const SEEN: usize = 8;
    let line = &writes.filter;
    if !line.is_typing || line.choices.is_empty() {
        return;
    }
    let first = line.chosen.saturating_sub(SEEN - 1);
    let shown: Vec<_> = line.choices.iter().enumerate().skip(first).take(SEEN).collect();
    let height = u16::try_from(shown.len()).unwrap_or(0) + 2;
    let x = parts.filter.x + if parts.filter.width > 80 { 50 } else { 4 };
    let area = Rect { x, y: parts.filter.y + 1, width: (parts.filter.right() - x).min(50), height };
    let inside = p.window(area, "");
    for ((n, choice), y) in shown.into_iter().zip(inside.y..) {
        let end = p.text(inside.x, y, inside.width, &choice.text, Role::Strong);
        p.text(end + 1, y, inside.right().saturating_sub(end + 1), &choice.note, Role::Faint);
        if n == line.chosen {
            p.line(Rect { y, height: 1, ..inside }, Role::Cursor);
        }
    }
}

fn head(writes: &WriteList, columns: &[Column], area: Rect, p: &mut Painter<'_>) {
    let mut x = area.x + 1;
    for &(title, width, sort) in columns {
        let is_sorted = sort == Some(writes.order.sort);
        let arrow = match (is_sorted, writes.order.descending) {
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

fn row(writes: &WriteList, shared: &Shared, view: &WriteView, columns: &[Column], area: Rect, p: &mut Painter<'_>) {
    let write = &view.write;
    let failure = &write.failure;
    let state = write.standing.state();
    let is_marked = writes.marks.has(write.id);
    if is_marked {
        p.text(area.x, area.y, 1, p.theme.symbol("●", "*"), Role::Key);
    }
    let (mut x, y) = (area.x + 1, area.y);
    let text_role = if state.is_open() { Role::Text } else { Role::Faint };
    for &(title, width, sort) in columns {
        let (text, role) = match (title, sort) {
            ("ID", _) => (write.id.to_string(), if is_marked { Role::Strong } else { text_role }),
            ("OUTCOME", _) => {
                writes.window.outcomes.get(&write.id).map_or((String::new(), text_role), |(outcome, _)| {
                    (outcome_name(*outcome).to_owned(), Role::Outcome(*outcome))
                })
            }
            ("STATE", _) => (state.name().to_owned(), Role::State(state)),
            ("TYPE", _) => (failure.failure_type.name().to_owned(), Role::Type(failure.failure_type)),
            ("AGE", _) => (age(shared.now.since(write.turn.at)), text_role),
            ("HTTP", _) => (failure.status.map_or_else(|| "-".to_owned(), |s| s.to_string()), text_role),
            ("OBJECT", _) => (write.path.object().to_owned(), text_role),
            ("SEEN", _) => (write.occurrences.to_string(), text_role),
            ("SENT", _) => (write.attempts.to_string(), text_role),
            ("RECORD", _) => (record_name(write.lane.as_deref()), text_role),
            ("KEY", _) => (write.key.to_string(), text_role),
            _ => hazard(view, shared.setup.theme),
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

/// Returns what a record is called: the value that it is matched by, or the number of records of a batch.
fn record_name(lane: Option<&str>) -> String {
    let Some(lane) = lane else { return "-".to_owned() };
    let lanes = lane.split("\",").count();
    if lanes > 1 {
        return format!("{lanes} records");
    }
    let value = lane.split_once(':').map_or(lane, |(_, value)| value);
    value.trim_matches('"').to_owned()
}

/// Returns the first hazard, with the number of others.
fn hazard(view: &WriteView, theme: Theme) -> (String, Role) {
    let Some(first) = view.hazards.first() else { return (String::new(), Role::Text) };
    let more = view.hazards.len() - 1;
    let more = if more > 0 { format!(" +{more}") } else { String::new() };
    let mark = if first.refuses() { theme.symbol("✗", "!") } else { "" };
    (format!("{mark}{}{more}", first.name()), if first.refuses() { Role::Bad } else { Role::Warn })
}

fn empty(writes: &WriteList, shared: &Shared, area: Rect, p: &mut Painter<'_>) {
    let text = if writes.filter.error.is_some() {
        "the filter can't be read yet".to_owned()
    } else if writes.is_loading || !writes.window.is_loaded {
        "reading ...".to_owned()
    } else if writes.filter.is_clear() && shared.types.is_empty() {
        "No write is open: nothing is left to do.".to_owned()
    } else if let Some(n) = writes.elsewhere.filter(|n| *n > 0) {
        let (state, key) = (writes.filter.states.name(), shared.key(Action::NextState));
        let states = if n == 1 { "another state" } else { "other states" };
        format!("None is {state}; {} in {states}: {key}", thousands(n.unsigned_abs()))
    } else if writes.filter.is_typing {
        "No write matches.".to_owned()
    } else {
        format!("No write matches; {} clears the filter.", shared.key(Action::ClearFilter))
    };
    p.text(area.x + 2, area.y + 1, area.width.saturating_sub(2), &text, Role::Faint);
}

/// Returns a summary of the list: marks, order, rows above and count.
pub(super) fn summary(writes: &WriteList, shared: &Shared) -> String {
    let mut parts = Vec::new();
    let ids = writes.marks.ids().len() as u64;
    match (writes.marks.is_all(), ids) {
        (true, 0) => parts.push("all that match are marked".to_owned()),
        (true, but) => parts.push(format!("all but {} are marked", thousands(but))),
        (false, 0) => {}
        (false, marked) => parts.push(format!("{} marked", thousands(marked))),
    }
    if writes.marks.from.is_some() {
        parts.push("marking a range".to_owned());
    }
    if writes.order.sort != Sort::Id || !writes.order.descending {
        parts.push(format!("{} first", first(writes.order.sort, writes.order.descending)));
    }
    let has_above = writes.window.has_first && writes.window.scroll.top > 0;
    if has_above {
        let arrow = shared.setup.theme.symbol("↑", "^");
        parts.push(format!("{arrow}{} above", thousands(writes.window.scroll.top as u64)));
    }
    parts.push(match writes.count {
        _ if writes.filter.error.is_some() || !shared.is_open => "?".to_owned(),
        Some(n) => {
            let all: i64 = shared.overview.counts.iter().flat_map(|count| count.by_state).sum();
            format!("{} of {}", thousands(n.unsigned_abs()), thousands(all.max(n).unsigned_abs()))
        }
        None if writes.is_loading => "reading".to_owned(),
        None => "counting".to_owned(),
    });
    parts.join(", ")
}

/// Returns what stands first in an order.
fn first(sort: Sort, descending: bool) -> &'static str {
    match (sort, descending) {
        (Sort::Id, true) => "last taken in",
        (Sort::Id, false) => "first taken in",
        (Sort::Time, true) => "newest",
        (Sort::Time, false) => "oldest",
        (Sort::Type, true) => "transient",
        (Sort::Type, false) => "auth",
        (Sort::Status, true) => "highest HTTP status",
        (Sort::Status, false) => "lowest HTTP status",
        (Sort::Occurrences, true) => "most often seen",
        (Sort::Occurrences, false) => "least often seen",
        (Sort::Attempts, true) => "most often sent",
        (Sort::Attempts, false) => "least often sent",
    }
}
