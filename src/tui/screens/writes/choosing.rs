//! Choosing writes of the list: marks, ranges, and all that match.

use super::WriteList;
use crate::domain::selection::Selection;
use crate::render::count::thousands;
use crate::tui::aim::Aim;
use crate::tui::screen::{Cx, Screen as _, Shared};
use crate::tui::scroll::ScrollStep;

impl WriteList {
    pub(super) fn mark(&mut self, cx: &mut Cx<'_>) {
        let Some(id) = self.window.current().map(|view| view.write.id) else { return };
        self.marks.toggle(id);
        self.scroll(ScrollStep::Lines(1), cx);
    }

    pub(super) fn mark_range(&mut self) {
        if self.marks.from.take().is_none() {
            self.marks.from = self.window.current().map(|view| view.write.id);
            self.mark_up_to_cursor();
        }
    }

    /// Marked the rows from the start of the range to the cursor, while a range is being marked.
    pub(super) fn mark_up_to_cursor(&mut self) {
        let Some(from) = self.marks.from else { return };
        let Some(start) = self.window.rows.iter().position(|view| view.write.id == from) else { return };
        let at = self.window.scroll.at;
        let rows = &self.window.rows[start.min(at)..=start.max(at)];
        self.marks.add(rows.iter().map(|view| view.write.id));
    }

    /// Aims at all that match, but for those that were unmarked.
    pub(super) fn all(&self, shared: &Shared) -> Option<Aim> {
        let left_out = self.marks.ids().len();
        let filter = self.filter.parsed(&shared.overview.fields, &shared.types).ok()?;
        let but = if left_out > 0 { format!(" but {}", thousands(left_out as u64)) } else { String::new() };
        let words = match self.count {
            Some(n) => format!("all {} writes that match{but}", thousands(n.unsigned_abs())),
            None => format!("all writes that match{but}"),
        };
        let query = format!("{} {}", self.filter.query(&shared.types), self.marks.exceptions());
        let filter = shared.of_target(self.marks.narrow(filter));
        Some(Aim { filter, selection: Selection::of_words(query.trim()), words, is_group: false })
    }
}
