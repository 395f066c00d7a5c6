//! The mouse on the list of writes: a click goes to a row or opens it, the divider can be dragged.

use crossterm::event::{MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::Position;

use super::WriteList;
use crate::tui::screen::{Cx, Screen as _};
use crate::tui::scroll::ScrollStep;

impl WriteList {
    pub(super) fn on_mouse(&mut self, event: MouseEvent, cx: &mut Cx<'_>) {
        match event.kind {
            MouseEventKind::Down(MouseButton::Left) => {
                self.click(Position { x: event.column, y: event.row }, event, cx);
            }
            MouseEventKind::Drag(MouseButton::Left) if self.is_dragging => {
                let share = u32::from(event.column) * 100 / u32::from(cx.area.width.max(1));
                self.share = u16::try_from(share).unwrap_or(50).clamp(30, 70);
            }
            MouseEventKind::Up(MouseButton::Left) => self.is_dragging = false,
            _ => {}
        }
    }

    fn click(&mut self, at: Position, event: MouseEvent, cx: &mut Cx<'_>) {
        let parts = self.parts(cx.area);
        if self.filter.is_typing {
            // A click elsewhere accepts the filter, or cancels it if it can't be parsed.
            if !parts.filter.contains(at) && !self.filter.accept() {
                self.filter.cancel();
                self.filter_changed(cx);
            }
        } else if parts.divider.contains(at) {
            self.is_dragging = true;
        } else if parts.filter.contains(at) {
            self.open_filter();
        } else if parts.write.contains(at) {
            self.set_in_write(true);
            self.beside.mouse(event, &mut cx.within(parts.write));
        } else if parts.list.contains(at) {
            self.set_in_write(false);
            let row = self.window.scroll.top + usize::from(at.y - parts.list.y);
            if row == self.window.scroll.at {
                // A click on the row under the cursor opens it.
                self.open_write(cx);
            } else if row < self.window.rows.len() {
                self.scroll(ScrollStep::Lines(row.cast_signed() - self.window.scroll.at.cast_signed()), cx);
            }
        }
    }
}
