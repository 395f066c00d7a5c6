//! Drawing of the list of writes: one line each, in as many columns as fit.

use ratatui::layout::Rect;

use super::{Parts, WriteList};
use crate::domain::hazard::Hazard;
use crate::domain::reason::Reason;
use crate::domain::write::WriteView;
use crate::render::count::thousands;
use crate::render::words;
use crate::store::Sort;
use crate::tui::actions::Action;
use crate::tui::chips;
use crate::tui::columns::WriteColumn;
use crate::tui::paint::{Painter, age, wrap};
use crate::tui::screen::Shared;
use crate::tui::theme::{Role, Theme, outcome_name};
use crate::tui::typing;

/// The least room, in columns, in which a message says anything.
const LEAST_MESSAGE: u16 = 8;

/// Draws the filter line, the titles and the rows.
pub(super) fn draw(writes: &WriteList, shared: &Shared, parts: &Parts, p: &mut Painter<'_>) {
    filter(writes, shared, parts, p);
    let columns = writes.columns(shared, parts.list.width);
    head(writes, &columns, parts.head, p);
    if writes.window.rows.is_empty() {
        return empty(writes, shared, parts.list, p);
    }
    let rows = writes.window.rows.iter().enumerate().skip(writes.window.scroll.top);
    for ((n, view), y) in rows.zip(parts.list.top()..parts.list.bottom()) {
        let area = Rect { y, height: 1, ..parts.list };
        row(writes, shared, view, &columns, area, p);
        if n == writes.window.scroll.at {
            p.line(area, if writes.is_in_write || writes.is_preview { Role::CursorAway } else { Role::Cursor });
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

fn head(writes: &WriteList, columns: &[WriteColumn], area: Rect, p: &mut Painter<'_>) {
    let mut x = area.x + 1;
    for &column in columns {
        let is_sorted = column.sort() == Some(writes.order.sort);
        let arrow = match (is_sorted, writes.order.descending) {
            (false, _) => "",
            (true, true) => p.theme.symbol("▾", "v"),
            (true, false) => p.theme.symbol("▴", "^"),
        };
        let role = if is_sorted { Role::Strong } else { Role::Faint };
        let width = column.width(area.width);
        cell(column, Rect { x, width: width - 1, ..area }, &format!("{}{arrow}", column.title()), role, p);
        x += width;
    }
    let room = area.right().saturating_sub(x);
    if room >= LEAST_MESSAGE {
        p.text(x, area.y, room, "MESSAGE", Role::Faint);
    }
}

/// Returns what a row says: why a write was not sent in the run that the list is about, else its error.
fn message(writes: &WriteList, view: &WriteView) -> String {
    let failure = &view.write.failure;
    let own = || failure.message.as_deref().or(failure.code.as_deref()).unwrap_or("no message").to_owned();
    match writes.window.outcomes.get(&view.write.id) {
        Some((_, Some(Reason::Hazard(Hazard::LaneBlocked)))) => match view.write.blocked_by {
            Some(blocker) => format!("{}: write {blocker} goes first", Hazard::LaneBlocked),
            None => Hazard::LaneBlocked.to_string(),
        },
        Some((_, Some(Reason::Attempt(_)) | None)) | None => own(),
        Some((_, Some(why))) => words::reason(why, None),
    }
}

fn cell(column: WriteColumn, area: Rect, text: &str, role: Role, p: &mut Painter<'_>) {
    if column.is_number() {
        p.right(area.x, area.y, area.width, text, role);
    } else {
        p.text(area.x, area.y, area.width, text, role);
    }
}

fn row(
    writes: &WriteList,
    shared: &Shared,
    view: &WriteView,
    columns: &[WriteColumn],
    area: Rect,
    p: &mut Painter<'_>,
) {
    let write = &view.write;
    let failure = &write.failure;
    let state = write.standing.state();
    let is_marked = writes.marks.has(write.id);
    if is_marked {
        p.text(area.x, area.y, 1, p.theme.symbol("●", "*"), Role::Key);
    }
    let (mut x, y, whole) = (area.x + 1, area.y, area.width);
    let text_role = if state.is_open() { Role::Text } else { Role::Faint };
    for &column in columns {
        let (text, role) = match column {
            WriteColumn::Id => (write.id.to_string(), if is_marked { Role::Strong } else { text_role }),
            WriteColumn::Outcome => {
                writes.window.outcomes.get(&write.id).map_or((String::new(), text_role), |(outcome, _)| {
                    (outcome_name(*outcome).to_owned(), Role::Outcome(*outcome))
                })
            }
            WriteColumn::State => (state.name().to_owned(), Role::State(state)),
            WriteColumn::Type => (failure.failure_type.name().to_owned(), Role::Type(failure.failure_type)),
            WriteColumn::Age => (age(shared.now.since(write.turn.at)), text_role),
            WriteColumn::Status => (failure.status.map_or_else(|| "-".to_owned(), |s| s.to_string()), text_role),
            WriteColumn::Code => {
                let code = failure.code.as_deref().unwrap_or("-");
                (code.rsplit('.').next().unwrap_or(code).to_owned(), text_role)
            }
            WriteColumn::Record => (record_name(view), text_role),
            WriteColumn::Object => (write.operated.object.clone(), text_role),
            WriteColumn::Path => (write.path.to_string(), text_role),
            WriteColumn::Target => (write.target.clone(), text_role),
            WriteColumn::Source => (write.source.clone().unwrap_or_else(|| "-".to_owned()), text_role),
            WriteColumn::Seen => (write.occurrences.to_string(), text_role),
            WriteColumn::Sent => (write.attempts.to_string(), text_role),
            WriteColumn::Window => window(view, shared),
            WriteColumn::Hazard => hazard(view, shared.setup.theme),
            WriteColumn::Key => (write.key.to_string(), text_role),
            WriteColumn::Correlation => (failure.correlation_id.clone().unwrap_or_else(|| "-".to_owned()), text_role),
        };
        let width = column.width(whole);
        cell(column, Rect { x, y, width: width - 1, height: 1 }, &text, role, p);
        x += width;
    }
    let room = area.right().saturating_sub(x);
    if room >= LEAST_MESSAGE {
        p.text(x, y, room, &message(writes, view), text_role);
    }
}

/// Returns what a record is called: the value that it is matched by, else what its body says, or the number of records of
/// a batch.
fn record_name(view: &WriteView) -> String {
    let Some(lane) = &view.write.lane else { return view.name.clone().unwrap_or_else(|| "-".to_owned()) };
    if view.lanes > 1 {
        return format!("{} records", thousands(view.lanes));
    }
    let value = lane.split_once(':').map_or(lane.as_str(), |(_, value)| value);
    value.trim_matches('"').to_owned()
}

/// Returns the time left in the key window.
fn window(view: &WriteView, shared: &Shared) -> (String, Role) {
    match view.window_ends {
        None => ("-".to_owned(), Role::Faint),
        Some(ends) if ends <= shared.now => ("ended".to_owned(), Role::Bad),
        Some(ends) => (age(ends.since(shared.now)), Role::Warn),
    }
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
