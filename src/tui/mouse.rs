//! The mouse: clicks select and act, the wheel scrolls, the divider can be dragged. Positions come from [`Layout`].

use crossterm::event::{MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::{Position, Rect};

use super::actions::{Action, Zone};
use super::app::App;
use super::state::detail::Tab;
use super::state::dialog::Dialog;
use super::state::scroll::ScrollStep;
use super::view::hints;
use super::view::layout::Layout;

/// Lines for each notch of the wheel.
const WHEEL: isize = 3;

impl App {
    pub(super) fn mouse(&mut self, event: MouseEvent) {
        let at = Position { x: event.column, y: event.row };
        match event.kind {
            MouseEventKind::ScrollUp => self.wheel(-WHEEL),
            MouseEventKind::ScrollDown => self.wheel(WHEEL),
            MouseEventKind::Down(MouseButton::Left) => self.click(at),
            MouseEventKind::Drag(MouseButton::Left) if self.is_dragging => {
                self.share =
                    u16::try_from(u32::from(at.x) * 100 / u32::from(self.size.0.max(1))).unwrap_or(50).clamp(30, 70);
            }
            MouseEventKind::Up(MouseButton::Left) => self.is_dragging = false,
            _ => {}
        }
    }

    fn wheel(&mut self, lines: isize) {
        match &mut self.dialog {
            Some(Dialog::Menu(menu)) => menu.scroll.go(ScrollStep::Lines(lines.signum()), menu.items.len(), 10),
            Some(Dialog::Palette(palette)) => palette.scroll.go(ScrollStep::Lines(lines), palette.found.len(), 10),
            Some(Dialog::Ask(_)) => {}
            None => self.go(ScrollStep::Lines(lines)),
        }
    }

    fn click(&mut self, at: Position) {
        if self.dialog.is_some() {
            return;
        }
        let layout = Layout::of(self);
        if self.filter.is_typing {
            // A click elsewhere accepts the filter, or cancels it if it can't be parsed.
            if !layout.filter.contains(at) && !self.filter.accept() {
                self.filter.cancel();
                self.filter_changed();
            }
            return;
        }
        if layout.divider.contains(at) {
            self.is_dragging = true;
        } else if layout.footer.contains(at) {
            if let Some(action) = self.hint_at(at.x) {
                self.act(action);
            }
        } else if layout.tabs.contains(at) {
            self.click_screen(at.x);
        } else if layout.filter.contains(at) && layout.filter.height > 0 {
            self.act(Action::Filter);
        } else if layout.detail.contains(at) && self.shows_detail() {
            self.click_detail(at, layout.detail);
        } else if layout.list.contains(at) {
            self.click_row(usize::from(at.y - layout.list.y));
        }
    }

    fn click_row(&mut self, line: usize) {
        if self.place() == Zone::Detail {
            self.places.pop();
        }
        let (scroll, len) = match self.place() {
            Zone::Groups => (self.groups_scroll, self.shown_groups().count()),
            Zone::Writes => (self.writes.scroll, self.writes.rows.len()),
            Zone::Runs => (self.runs_scroll, self.runs.len()),
            _ => return,
        };
        let row = scroll.top + line;
        if row >= len {
            return;
        }
        // A click on the row under the cursor opens it.
        if row == scroll.at {
            self.act(Action::Open);
        } else {
            self.go(ScrollStep::Lines(row.cast_signed() - scroll.at.cast_signed()));
        }
    }

    fn click_detail(&mut self, at: Position, area: Rect) {
        if self.place() == Zone::Writes {
            self.places.push(Zone::Detail);
        }
        if at.y == area.y + 1 {
            let mut x = area.x;
            for tab in Tab::ALL {
                let end = x + u16::try_from(tab.name().len()).unwrap_or(0) + 2;
                if (x..end).contains(&at.x) {
                    self.detail.tab = tab;
                }
                x = end;
            }
        } else if at.y > area.y + 1 && self.detail.tab == Tab::Request {
            let scroll = &mut self.detail.scroll[Tab::Request as usize];
            scroll.at = scroll.top + usize::from(at.y - area.y - 2);
            self.act(Action::Fold);
        }
    }

    fn click_screen(&mut self, x: u16) {
        let mut start = 1;
        for place in [Zone::Groups, Zone::Writes, Zone::Runs] {
            let end = start + u16::try_from(place.name().len()).unwrap_or(0) + 2;
            if (start..end).contains(&x) {
                self.show_list(place);
            }
            start = end;
        }
    }

    /// Returns the action whose hint is at a column of the footer.
    fn hint_at(&self, x: u16) -> Option<Action> {
        let mut start = 0;
        for (key, what, action) in hints(self) {
            let end = start + u16::try_from(key.len() + what.len() + 3).unwrap_or(0);
            if (start..end).contains(&x) {
                return Some(action);
            }
            start = end;
        }
        None
    }
}
