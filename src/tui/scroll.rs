//! A cursor in a list, or a scroll position in a text.

/// The line under the cursor, and the first visible line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Scroll {
    /// The line under the cursor.
    pub at: usize,
    /// The first line on the screen.
    pub top: usize,
}

/// A move of the cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScrollStep {
    /// This many lines; up if negative.
    Lines(isize),
    /// This many screens; up if negative.
    Pages(isize),
    /// To the first line.
    First,
    /// To the last line.
    Last,
}

impl Scroll {
    /// Moves the cursor in a list of `len` lines of which `height` are visible.
    pub fn go(&mut self, step: ScrollStep, len: usize, height: usize) {
        let last = len.saturating_sub(1);
        self.at = match step {
            ScrollStep::Lines(n) => self.at.saturating_add_signed(n),
            ScrollStep::Pages(n) => self.at.saturating_add_signed(n * height.saturating_sub(1).max(1).cast_signed()),
            ScrollStep::First => 0,
            ScrollStep::Last => last,
        }
        .min(last);
        self.keep_seen(len, height);
    }

    /// Moves the first visible line so that the cursor is on the screen and no room is wasted.
    pub fn keep_seen(&mut self, len: usize, height: usize) {
        let height = height.max(1);
        self.at = self.at.min(len.saturating_sub(1));
        self.top = self.top.min(self.at).max((self.at + 1).saturating_sub(height)).min(len.saturating_sub(height));
    }

    /// Scrolls a text that has no cursor.
    pub fn roll(&mut self, step: ScrollStep, len: usize, height: usize) {
        let furthest = len.saturating_sub(height);
        self.top = match step {
            ScrollStep::Lines(n) => self.top.saturating_add_signed(n),
            ScrollStep::Pages(n) => self.top.saturating_add_signed(n * height.saturating_sub(1).max(1).cast_signed()),
            ScrollStep::First => 0,
            ScrollStep::Last => furthest,
        }
        .min(furthest);
        self.at = self.top;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cursor_stays_in_the_list_and_on_the_screen() {
        let mut scroll = Scroll::default();
        scroll.go(ScrollStep::Lines(-1), 100, 10);
        assert_eq!(scroll, Scroll { at: 0, top: 0 });
        scroll.go(ScrollStep::Lines(12), 100, 10);
        assert_eq!(scroll, Scroll { at: 12, top: 3 });
        scroll.go(ScrollStep::Last, 100, 10);
        assert_eq!(scroll, Scroll { at: 99, top: 90 });
        scroll.go(ScrollStep::Pages(-1), 100, 10);
        assert_eq!(scroll, Scroll { at: 90, top: 90 });
        scroll.keep_seen(5, 10);
        assert_eq!(scroll, Scroll { at: 4, top: 0 });
        scroll.go(ScrollStep::Last, 0, 10);
        assert_eq!(scroll, Scroll::default());
        scroll.roll(ScrollStep::Pages(9), 30, 10);
        assert_eq!(scroll.top, 20);
    }
}
