//! Reading of the list: pages as the cursor moves, and the number of writes that match.

use super::WriteList;
use super::window::CHUNK;
use crate::domain::filter::Filter;
use crate::tui::goals::States;
use crate::tui::msg::{PagePart, Question, Reading};
use crate::tui::screen::{Cx, Screen as _, Shared};
use crate::tui::scroll::Scroll;

impl WriteList {
    /// Reads the list from the top, after the filter or the order has changed.
    pub(super) fn read_anew(&mut self, cx: &mut Cx<'_>) {
        self.window.scroll = Scroll::default();
        self.count = None;
        self.elsewhere = None;
        self.marks.from = None;
        self.read_page(PagePart::First, CHUNK, cx);
        self.read_count(cx);
    }

    pub(super) fn read_page(&mut self, part: PagePart, limit: usize, cx: &mut Cx<'_>) {
        let Some(filter) = self.matching(cx.shared) else { return };
        self.page_ticket = cx.ask(self.id, Question::Page { filter, order: self.order, part, limit });
        self.is_loading = true;
        self.reads_again = false;
    }

    pub(super) fn read_count(&mut self, cx: &mut Cx<'_>) {
        if self.is_preview {
            return;
        }
        let Some(filter) = self.matching(cx.shared) else { return };
        self.count_ticket = cx.ask(self.id, Question::Count(filter));
        self.is_counting = true;
    }

    /// Returns the filter and the target as one filter; `None` while the line can't be parsed.
    pub(super) fn matching(&mut self, shared: &Shared) -> Option<Filter> {
        let filter = self.filter.filter(&shared.overview.fields, &shared.types)?;
        Some(shared.of_target(filter))
    }

    /// Rereads the rows in memory, one read at a time.
    pub(super) fn read_again(&mut self, cx: &mut Cx<'_>) {
        if self.is_loading {
            self.reads_again = true;
            return;
        }
        let (part, limit) = self.window.again(self.order);
        self.read_page(part, limit, cx);
        // A long count would never end if every change restarted it.
        if self.is_counting {
            self.counts_again = true;
        } else {
            self.read_count(cx);
        }
    }

    pub(super) fn hear_page(&mut self, answer: Reading, cx: &mut Cx<'_>) {
        self.is_loading = false;
        if let Reading::Page(rows) = answer {
            let height = self.rows(cx.area);
            self.window.take(*rows, height);
            self.follow_cursor(cx);
            if self.reads_again {
                self.refresh(cx);
            }
        }
    }

    pub(super) fn hear_count(&mut self, answer: &Reading, cx: &mut Cx<'_>) {
        self.is_counting = false;
        if let Reading::Count(count) = answer {
            self.count = Some(*count);
            if *count == 0 {
                self.look_elsewhere(cx);
            }
            if std::mem::take(&mut self.counts_again) {
                self.read_count(cx);
            }
        }
    }

    /// Counts the writes that match in any state, since none match in those that are shown.
    fn look_elsewhere(&mut self, cx: &mut Cx<'_>) {
        if self.filter.names_states || self.filter.states == States::All || self.filter.is_clear() {
            return;
        }
        if let Ok(filter) = self.filter.in_any_state(&cx.shared.overview.fields, &cx.shared.types) {
            let filter = cx.shared.of_target(filter);
            self.elsewhere_ticket = cx.ask(self.id, Question::Count(filter));
        }
    }
}
