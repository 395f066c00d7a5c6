//! Dialogs over a screen: a question, a menu, the palette; and completions.

use ratatui::layout::Rect;

use super::layout::Layout;
use super::paint::{Painter, wrap};
use super::writes;
use crate::tui::app::App;
use crate::tui::state::dialog::{Ask, CommandPalette, Dialog, Menu};
use crate::tui::theme::Role;

pub(super) fn draw(app: &App, layout: &Layout, p: &mut Painter<'_>) {
    match &app.dialog {
        None => writes::choices(app, layout, p),
        Some(Dialog::Ask(ask)) => draw_ask(ask, app.size, p),
        Some(Dialog::Menu(menu)) => draw_menu(menu, app.size, p),
        Some(Dialog::Palette(palette)) => draw_palette(app, palette, p),
    }
}

fn centred(size: (u16, u16), width: u16, height: u16) -> Rect {
    let width = width.min(size.0.saturating_sub(2));
    let height = height.min(size.1.saturating_sub(2));
    Rect { x: (size.0 - width) / 2, y: (size.1 - height) / 3, width, height }
}

fn draw_ask(ask: &Ask, size: (u16, u16), p: &mut Painter<'_>) {
    let room = usize::from(size.0.saturating_sub(8).min(70));
    let mut lines: Vec<(Role, String)> = Vec::new();
    for note in &ask.notes {
        lines.extend(wrap(note, room).into_iter().map(|line| (Role::Text, line)));
    }
    if let Some(error) = &ask.error {
        lines.extend(wrap(error, room).into_iter().map(|line| (Role::Bad, line)));
    }
    let height = u16::try_from(lines.len()).unwrap_or(0) + 4;
    let inside = p.window(centred(size, 76, height), &ask.title);
    for ((role, line), y) in lines.iter().zip(inside.top()..inside.bottom()) {
        p.text(inside.x, y, inside.width, line, *role);
    }
    let y = inside.bottom().saturating_sub(1);
    typed(&ask.input, Rect { y, height: 1, ..inside }, p);
}

/// Draws a line that is being typed, with its cursor.
fn typed(input: &tui_input::Input, area: Rect, p: &mut Painter<'_>) {
    let x = p.text(area.x, area.y, 2, "> ", Role::Key);
    let room = area.right().saturating_sub(x);
    let skip = input.visual_scroll(usize::from(room).saturating_sub(1));
    let shown: String = input.value().chars().skip(skip).collect();
    p.text(x, area.y, room, &shown, Role::Strong);
    let at = x + u16::try_from(input.visual_cursor().saturating_sub(skip)).unwrap_or(0);
    p.line(Rect { x: at.min(area.right().saturating_sub(1)), y: area.y, width: 1, height: 1 }, Role::Cursor);
}

fn draw_menu(menu: &Menu, size: (u16, u16), p: &mut Painter<'_>) {
    let height = u16::try_from(menu.items.len()).unwrap_or(0) + 2;
    let inside = p.window(centred(size, 90, height), &menu.title);
    for ((n, item), y) in menu.items.iter().enumerate().skip(menu.scroll.top).zip(inside.top()..inside.bottom()) {
        let key = item.key.to_string();
        p.pieces(inside.x, y, inside.width, [(Role::Key, key.as_str()), (Role::Text, "  "), (Role::Text, &item.text)]);
        if n == menu.scroll.at {
            p.line(Rect { y, height: 1, ..inside }, Role::Cursor);
        }
    }
}

fn draw_palette(app: &App, palette: &CommandPalette, p: &mut Painter<'_>) {
    let inside = p.window(centred(app.size, 84, 14), "Commands");
    typed(&palette.input, Rect { height: 1, ..inside }, p);
    let list = Rect { y: inside.y + 1, height: inside.height.saturating_sub(1), ..inside };
    for ((n, action), y) in palette.found.iter().enumerate().skip(palette.scroll.top).zip(list.top()..list.bottom()) {
        let about = action.about();
        let is_here = about.places.contains(&app.place()) && app.why_not(*action).is_none();
        let role = if is_here { Role::Text } else { Role::Faint };
        p.text(list.x, y, 12, &app.setup.keymap.key(*action), Role::Key);
        p.text(list.x + 12, y, 16, about.name, role);
        p.text(list.x + 29, y, list.width.saturating_sub(29), about.help, role);
        if n == palette.scroll.at {
            p.line(Rect { y, height: 1, ..list }, Role::Cursor);
        }
    }
}
