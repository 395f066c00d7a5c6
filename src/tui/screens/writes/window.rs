//! The part of a list of writes that is in memory: a few screens around the cursor, of what may be millions of rows.

use std::collections::BTreeMap;

use crate::domain::ids::WriteId;
use crate::domain::outcome::Outcome;
use crate::domain::reason::Reason;
use crate::domain::write::WriteView;
use crate::store::{Cursor, Order};
use crate::tui::msg::{PagePart, Rows};
use crate::tui::scroll::{Scroll, ScrollStep};

/// Rows read at a time, at least.
pub const CHUNK: usize = 120;
/// Rows kept in memory; beyond that, those away from the cursor are dropped.
const MOST: usize = 600;

/// Consecutive rows of a list, and the cursor among them.
#[derive(Debug, Default)]
pub struct Window {
    /// The rows in memory.
    pub rows: Vec<WriteView>,
    /// Cursor among those rows.
    pub scroll: Scroll,
    /// True if the first row is the first of the list.
    pub has_first: bool,
    /// True if the last row is the last of the list.
    pub has_last: bool,
    /// True if rows have been read.
    pub is_loaded: bool,
    /// The outcomes of the rows in the run that the filter names, if it names one.
    pub outcomes: BTreeMap<WriteId, (Outcome, Option<Reason>)>,
    /// True if the cursor goes to the first row as soon as that is read.
    goes_first: bool,
}

impl Window {
    /// Returns the row under the cursor.
    pub fn current(&self) -> Option<&WriteView> {
        self.rows.get(self.scroll.at)
    }

    /// Moves the cursor. Returns the part to read next if it comes near an end of the rows in memory.
    pub fn go(&mut self, step: ScrollStep, order: Order, height: usize) -> Option<PagePart> {
        match step {
            ScrollStep::First if !self.has_first => {
                self.goes_first = true;
                return Some(PagePart::First);
            }
            ScrollStep::Last if !self.has_last => return Some(PagePart::Last),
            _ => {}
        }
        self.scroll.go(step, self.rows.len(), height);
        self.wanted(order, height)
    }

    fn wanted(&self, order: Order, height: usize) -> Option<PagePart> {
        let (first, last) = (self.rows.first()?, self.rows.last()?);
        if !self.has_last && self.scroll.at + 2 * height >= self.rows.len() {
            return Some(PagePart::After(Cursor::of(&last.write, order)));
        }
        if !self.has_first && self.scroll.at < 2 * height {
            return Some(PagePart::Before(Cursor::of(&first.write, order)));
        }
        None
    }

    /// Returns the part and the number of rows that reread what is in memory.
    pub fn again(&self, order: Order) -> (PagePart, usize) {
        // New rows above push the cursor's row down, so more are read than there were.
        let limit = (self.scroll.at + 2 * CHUNK).max(self.rows.len()).min(MOST + CHUNK);
        match self.rows.first() {
            Some(first) if !self.has_first => (PagePart::From(Cursor::just_before(&first.write, order)), limit),
            _ => (PagePart::First, limit),
        }
    }

    /// Takes in rows. The cursor stays on its write, and the write on its line, wherever possible.
    pub fn take(&mut self, rows: Rows, height: usize) {
        self.is_loaded = true;
        let at = self.current().map(|view| view.write.id);
        if !matches!(rows.part, PagePart::After(_) | PagePart::Before(_)) {
            self.outcomes.clear();
        }
        self.outcomes.extend(rows.outcomes.into_iter().map(|(id, outcome, reason)| (id, (outcome, reason))));
        match rows.part {
            PagePart::First | PagePart::From(_) => {
                self.has_first = rows.part == PagePart::First;
                self.has_last = !rows.more;
                let jump = rows.part == PagePart::First
                    && self.rows.first().map(|v| v.write.id) != rows.writes.first().map(|v| v.write.id);
                self.rows = rows.writes;
                if std::mem::take(&mut self.goes_first) {
                    self.scroll = Scroll::default();
                } else {
                    self.stay(at, jump && self.scroll.top == 0, height);
                }
            }
            PagePart::After(_) => {
                self.rows.extend(rows.writes);
                self.has_last = !rows.more;
                let extra = self.rows.len().saturating_sub(MOST).min(self.scroll.top);
                if extra > 0 {
                    self.rows.drain(..extra);
                    self.has_first = false;
                    self.scroll.at -= extra;
                    self.scroll.top -= extra;
                }
            }
            PagePart::Before(_) => {
                let added = rows.writes.len();
                self.rows.splice(..0, rows.writes);
                self.has_first = !rows.more;
                self.scroll.at += added;
                self.scroll.top += added;
                if self.rows.len() > MOST && self.scroll.at < MOST - height.min(MOST) {
                    self.rows.truncate(MOST);
                    self.has_last = false;
                }
            }
            PagePart::Last => {
                self.has_last = true;
                self.has_first = !rows.more;
                self.rows = rows.writes;
                self.scroll.go(ScrollStep::Last, self.rows.len(), height);
            }
        }
        self.scroll.keep_seen(self.rows.len(), height);
    }

    /// Keeps the cursor on its write. At the top of the list new rows push it down; elsewhere the screen stands still.
    fn stay(&mut self, at: Option<WriteId>, at_the_top: bool, height: usize) {
        let line = self.scroll.at - self.scroll.top.min(self.scroll.at);
        if let Some(found) = at.and_then(|id| self.rows.iter().position(|view| view.write.id == id)) {
            self.scroll.at = found;
        }
        if !(at_the_top && self.scroll.at < height) {
            self.scroll.top = self.scroll.at.saturating_sub(line);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Sort;
    use crate::tui::tests::values::write_view;

    const NEWEST: Order = Order { sort: Sort::Id, descending: true };

    fn rows(part: PagePart, ids: std::ops::RangeInclusive<i64>, more: bool) -> Rows {
        Rows { part, writes: ids.rev().map(write_view).collect(), more, outcomes: Vec::new() }
    }

    fn on(window: &Window) -> (i64, usize) {
        (window.current().unwrap().write.id.0, window.scroll.at - window.scroll.top)
    }

    #[test]
    fn new_rows_do_not_move_the_cursor_off_its_write() {
        let mut window = Window::default();
        window.take(rows(PagePart::First, 1..=50, false), 10);
        assert_eq!(on(&window), (50, 0));
        window.take(rows(PagePart::First, 1..=53, false), 10);
        assert_eq!((on(&window), window.scroll.top), ((50, 3), 0), "the new ones are seen above it");
        window.take(rows(PagePart::First, 1..=70, false), 10);
        assert_eq!(on(&window).0, 50, "and it never leaves the screen");
        window.go(ScrollStep::Lines(5), NEWEST, 10);
        let before = on(&window);
        window.take(rows(PagePart::First, 1..=75, false), 10);
        assert_eq!(on(&window), before, "further down the screen stands still");
    }

    #[test]
    fn a_row_that_goes_leaves_the_cursor_where_it_was() {
        let mut window = Window::default();
        window.take(rows(PagePart::First, 1..=20, false), 10);
        window.go(ScrollStep::Lines(3), NEWEST, 10);
        let mut fewer = rows(PagePart::First, 1..=20, false);
        fewer.writes.remove(3);
        window.take(fewer, 10);
        assert_eq!(on(&window), (16, 3));
        window.take(Rows { part: PagePart::First, writes: Vec::new(), more: false, outcomes: Vec::new() }, 10);
        assert!(window.current().is_none());
    }

    #[test]
    fn a_long_list_is_read_as_the_cursor_comes_near() {
        let mut window = Window::default();
        window.take(rows(PagePart::First, 881..=1000, true), 10);
        assert_eq!(window.go(ScrollStep::Lines(50), NEWEST, 10), None);
        let Some(PagePart::After(cursor)) = window.go(ScrollStep::Lines(60), NEWEST, 10) else { panic!() };
        assert_eq!(cursor, Cursor::of(&write_view(881).write, NEWEST));
        for n in 1..8 {
            let end = 1000 - n * 120;
            window.take(rows(PagePart::After(cursor.clone()), end - 119..=end, true), 10);
            window.go(ScrollStep::Lines(120), NEWEST, 10);
        }
        assert!(window.rows.len() <= MOST + CHUNK && !window.has_first, "{}", window.rows.len());
        assert_eq!(on(&window).0, 890 - 7 * 120);
        assert_eq!(window.go(ScrollStep::First, NEWEST, 10), Some(PagePart::First));
        assert_eq!(window.go(ScrollStep::Last, NEWEST, 10), Some(PagePart::Last));
        window.take(rows(PagePart::Last, 1..=120, true), 10);
        assert_eq!(on(&window), (1, 9));
        assert!(matches!(window.again(NEWEST), (PagePart::From(_), _)));
        assert_eq!(window.go(ScrollStep::First, NEWEST, 10), Some(PagePart::First));
        window.take(rows(PagePart::First, 881..=1000, true), 10);
        assert_eq!((on(&window), window.scroll.top), ((1000, 0), 0));
    }
}
