//! The groups: one line per cause.

use ratatui::layout::Rect;

use super::header::trend;
use super::layout::Layout;
use super::paint::{Painter, age, wrap};
use crate::domain::explain::explain;
use crate::domain::group::Group;
use crate::render::count::thousands;
use crate::tui::app::App;
use crate::tui::theme::Role;

/// A column: its title and its width.
type Column = (&'static str, u16);

const OPEN: Column = ("OPEN", 9);
const TYPE: Column = ("TYPE", 10);
const ALL: Column = ("ALL", 9);
const TREND: Column = ("LAST 12 H", 12);
const FIRST: Column = ("FIRST", 6);
const LAST: Column = ("LAST", 6);
const SENT: Column = ("SENT", 6);
const OBJECT: Column = ("OBJECT", 12);
const CODE: Column = ("CODE", 18);

/// Returns the columns before the message, which takes the rest of the width.
fn columns(width: u16) -> Vec<Column> {
    match width {
        0..60 => vec![OPEN, TYPE],
        60..80 => vec![OPEN, TYPE, LAST],
        80..110 => vec![OPEN, TYPE, TREND, LAST],
        110..150 => vec![OPEN, ALL, TYPE, TREND, FIRST, LAST, SENT, OBJECT],
        _ => vec![OPEN, ALL, TYPE, TREND, FIRST, LAST, SENT, OBJECT, CODE],
    }
}

pub(super) fn draw(app: &App, layout: &Layout, p: &mut Painter<'_>) {
    let columns = columns(layout.list.width);
    let mut x = layout.head.x + 1;
    for &(title, width) in &columns {
        if is_number(title) {
            p.right(x, layout.head.y, width - 1, title, Role::Faint);
        } else {
            p.text(x, layout.head.y, width - 1, title, Role::Faint);
        }
        x += width;
    }
    p.text(x, layout.head.y, layout.head.right().saturating_sub(x), "MESSAGE", Role::Faint);
    let groups: Vec<&Group> = app.shown_groups().collect();
    if groups.is_empty() {
        return empty(app, layout.list, p);
    }
    let spare = layout.list.height.saturating_sub(u16::try_from(groups.len()).unwrap_or(u16::MAX));
    if let Some(group) = groups.get(app.groups_scroll.at).filter(|_| spare > ABOUT) {
        about(group, Rect { y: layout.list.bottom() - ABOUT, height: ABOUT, ..layout.list }, p);
    }
    let rows = groups.iter().enumerate().skip(app.groups_scroll.top).zip(layout.list.top()..layout.list.bottom());
    for ((n, group), y) in rows {
        row(app, group, &columns, Rect { y, height: 1, ..layout.list }, p);
        if n == app.groups_scroll.at {
            p.line(Rect { y, height: 1, ..layout.list }, Role::Cursor);
        }
    }
}

/// Lines for the explanation of the group under the cursor, if there is room.
const ABOUT: u16 = 7;

/// Draws what the group under the cursor means, and what to do.
fn about(group: &Group, area: Rect, p: &mut Painter<'_>) {
    let explanation = explain(None, group.error_code.as_deref(), group.failure_type);
    p.rule(Rect { height: 1, ..area }, &format!("group {}", group.id));
    let code = group.error_code.as_deref().unwrap_or("no error code");
    let retryable =
        if explanation.retryable { "retryable" } else { "the same bytes will fail until the cause is fixed" };
    let lines = [
        (Role::Bad, code.to_owned()),
        (Role::Strong, group.message.clone()),
        (Role::Text, format!("{} ({retryable})", explanation.meaning)),
        (Role::Good, explanation.next.to_owned()),
    ];
    let inside = Rect { x: area.x + 1, y: area.y + 1, width: area.width.saturating_sub(2), height: area.height - 1 };
    let wrapped = lines
        .iter()
        .flat_map(|(role, text)| wrap(text, inside.width.into()).into_iter().map(move |line| (*role, line)));
    for ((role, line), y) in wrapped.zip(inside.top()..inside.bottom()) {
        p.text(inside.x, y, inside.width, &line, role);
    }
}

fn is_number(title: &str) -> bool {
    matches!(title, "OPEN" | "ALL")
}

fn row(app: &App, group: &Group, columns: &[Column], area: Rect, p: &mut Painter<'_>) {
    let ago = |at| age(app.now.since(at));
    let (mut x, y) = (area.x + 1, area.y);
    let faint = if group.open == 0 { Role::Faint } else { Role::Text };
    for &column in columns {
        let (title, width) = column;
        let text = match column {
            OPEN => thousands(group.open.unsigned_abs()),
            ALL => thousands(group.count.unsigned_abs()),
            TYPE => group.failure_type.name().to_owned(),
            FIRST => ago(group.first_seen),
            LAST => ago(group.last_seen),
            SENT => group.last_replayed.map_or_else(|| "-".to_owned(), ago),
            OBJECT => group.object.clone(),
            CODE => group.error_code.as_deref().unwrap_or("-").rsplit('.').next().unwrap_or_default().to_owned(),
            _ => trend(app, group.id, 12 - 1).into_iter().map(|bar| p.theme.bar(bar)).collect(),
        };
        match column {
            OPEN => p.right(x, y, width - 1, &text, if group.open == 0 { Role::Faint } else { Role::Strong }),
            _ if is_number(title) => p.right(x, y, width - 1, &text, faint),
            _ => {
                let is_type = column == TYPE || column == TREND;
                p.text(x, y, width - 1, &text, if is_type { Role::Type(group.failure_type) } else { faint });
            }
        }
        x += width;
    }
    let message =
        if group.message.is_empty() { group.error_code.as_deref().unwrap_or("no message") } else { &group.message };
    p.text(x, y, area.right().saturating_sub(x), message, faint);
}

fn empty(app: &App, area: Rect, p: &mut Painter<'_>) {
    if !app.has_groups {
        p.text(area.x + 2, area.y + 1, area.width, "reading ...", Role::Faint);
        return;
    }
    if app.groups.is_empty() {
        let mut lines = vec![
            (Role::Strong, "Nothing has failed, as far as this file knows.".to_owned()),
            (Role::Text, String::new()),
        ];
        lines.extend(super::feeding(app));
        super::paragraph(p, area, &lines);
    } else {
        let text = format!(
            "No group of these types; {} shows all again.",
            app.setup.keymap.key(crate::tui::actions::Action::ClearFilter)
        );
        p.text(area.x + 2, area.y + 1, area.width.saturating_sub(2), &text, Role::Faint);
    }
}
