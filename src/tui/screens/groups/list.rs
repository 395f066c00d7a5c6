//! The rows of the list of groups.

use ratatui::layout::Rect;

use super::sort::GroupSort;
use crate::domain::group::Group;
use crate::render::count::thousands;
use crate::tui::header::trend;
use crate::tui::paint::{Painter, age};
use crate::tui::screen::Shared;
use crate::tui::theme::Role;

/// A column: its title, its width, and the order that it shows.
pub(super) type Column = (&'static str, u16, Option<GroupSort>);

const OPEN: Column = ("OPEN", 9, Some(GroupSort::Open));
const TYPE: Column = ("TYPE", 10, Some(GroupSort::Type));
const ALL: Column = ("ALL", 9, Some(GroupSort::All));
const CODE: Column = ("CODE", 17, None);
const TREND: Column = ("TREND", 13, None);
const FIRST: Column = ("FIRST", 6, Some(GroupSort::First));
const LAST: Column = ("LAST", 6, Some(GroupSort::Last));
const SENT: Column = ("SENT", 6, None);
const OBJECT: Column = ("OBJECT", 12, None);

/// Returns the columns before the message, which takes the rest of the width. Groups of several objects may differ in nothing
/// else, so the object is there as soon as there is any room.
pub(super) fn columns(width: u16, has_objects: bool) -> Vec<Column> {
    match width {
        0..60 => vec![OPEN, TYPE],
        60..88 if has_objects => vec![OPEN, TYPE, CODE, OBJECT],
        60..76 => vec![OPEN, TYPE, CODE],
        76..88 => vec![OPEN, TYPE, CODE, LAST],
        88..100 => vec![OPEN, TYPE, CODE, LAST, OBJECT],
        100..140 => vec![OPEN, ALL, TYPE, CODE, TREND, LAST, SENT, OBJECT],
        _ => vec![OPEN, ALL, TYPE, CODE, TREND, FIRST, LAST, SENT, OBJECT],
    }
}

/// Draws the titles of the columns.
pub(super) fn head(columns: &[Column], sort: GroupSort, descending: bool, area: Rect, p: &mut Painter<'_>) {
    let mut x = area.x + 1;
    for &(title, width, order) in columns {
        let arrow = match (order == Some(sort), descending) {
            (false, _) => "",
            (true, true) => p.theme.symbol("▾", "v"),
            (true, false) => p.theme.symbol("▴", "^"),
        };
        let role = if arrow.is_empty() { Role::Faint } else { Role::Strong };
        let title = format!("{title}{arrow}");
        if is_number(&title) {
            p.right(x, area.y, width - 1, &title, role);
        } else {
            p.text(x, area.y, width - 1, &title, role);
        }
        x += width;
    }
    p.text(x, area.y, area.right().saturating_sub(x), "MESSAGE", Role::Faint);
}

fn is_number(title: &str) -> bool {
    title.starts_with("OPEN") || title.starts_with("ALL")
}

/// Draws a group.
pub(super) fn row(columns: &[Column], shared: &Shared, group: &Group, area: Rect, p: &mut Painter<'_>) {
    let ago = |at| age(shared.now.since(at));
    let (mut x, y) = (area.x + 1, area.y);
    let role = if group.open == 0 { Role::Faint } else { Role::Text };
    for &column in columns {
        let (title, width, _) = column;
        let text = match column {
            OPEN => thousands(group.open.unsigned_abs()),
            ALL => thousands(group.count.unsigned_abs()),
            TYPE => group.failure_type.name().to_owned(),
            FIRST => ago(group.first_seen),
            LAST => ago(group.last_seen),
            SENT => group.last_replayed.map_or_else(|| "-".to_owned(), ago),
            OBJECT => group.object.clone(),
            CODE => group.error_code.as_deref().unwrap_or("-").rsplit('.').next().unwrap_or_default().to_owned(),
            _ => trend(shared, group.id, 12).into_iter().map(|bar| p.theme.bar(bar)).collect(),
        };
        match column {
            OPEN => p.right(x, y, width - 1, &text, if group.open == 0 { Role::Faint } else { Role::Strong }),
            _ if is_number(title) => p.right(x, y, width - 1, &text, role),
            TYPE => drop(p.text(x, y, width - 1, &text, Role::Type(group.failure_type))),
            TREND => drop(p.text(x, y, width - 1, &text, Role::Faint)),
            _ => drop(p.text(x, y, width - 1, &text, role)),
        }
        x += width;
    }
    let message =
        if group.message.is_empty() { group.error_code.as_deref().unwrap_or("no message") } else { &group.message };
    let (parked, note) = (group.is_parked(shared.now), group.note.is_some());
    if parked {
        x = p.text(x, y, area.right().saturating_sub(x), "parked ", Role::Faint);
    }
    if note {
        let mark = p.theme.symbol("✎ ", "* ");
        x = p.text(x, y, area.right().saturating_sub(x), mark, Role::Warn);
    }
    p.text(x, y, area.right().saturating_sub(x), message, if parked { Role::Faint } else { role });
}
