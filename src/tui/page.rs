//! A page of text: it scrolls, and a text can be found in it.

use ratatui::layout::Rect;

use super::actions::Action;
use super::frame;
use super::keymap::Chord;
use super::paint::Painter;
use super::rows::Pieces;
use super::scroll::{Scroll, ScrollStep};
use super::search::{Search, SearchKey};

/// The scroll position of a page, and the search in it.
#[derive(Debug, Default)]
pub struct TextPage {
    scroll: Scroll,
    find: Search,
}

impl TextPage {
    /// Scrolls the page.
    pub fn scroll(&mut self, step: ScrollStep, lines: &[Pieces], area: Rect) {
        self.scroll.roll(step, lines.len(), frame::lines(area));
    }

    /// Performs the actions of a search.
    pub fn act(&mut self, action: Action, lines: &[Pieces], area: Rect) {
        match action {
            Action::Filter => self.find.open(),
            Action::FindNext => self.next(true, true, lines, area),
            Action::FindPrevious => self.next(false, true, lines, area),
            _ => {}
        }
    }

    /// Returns true while a text to find is being typed.
    pub fn is_typing(&self) -> bool {
        self.find.is_typing
    }

    /// Handles a key of that text.
    pub fn key(&mut self, chord: Chord, lines: &[Pieces], area: Rect) {
        if self.find.key(chord) == SearchKey::Edits {
            self.next(true, false, lines, area);
        }
    }

    /// Inserts a pasted text into it.
    pub fn paste(&mut self, text: &str, lines: &[Pieces], area: Rect) {
        self.find.paste(text);
        self.next(true, false, lines, area);
    }

    /// Ends the search. Returns false if there was none.
    pub fn back(&mut self) -> bool {
        self.find.clear()
    }

    fn next(&mut self, forward: bool, skips_first: bool, lines: &[Pieces], area: Rect) {
        let len = lines.len().max(1);
        let from = match (skips_first, forward) {
            (false, _) => self.scroll.at,
            (true, true) => self.scroll.at + 1,
            (true, false) => self.scroll.at + len - 1,
        };
        let text = |n: usize| lines[n].iter().map(|(_, text)| text.as_str()).collect::<String>().into();
        if let Some(found) = self.find.next(lines.len(), text, from % len, forward) {
            let height = frame::lines(area);
            self.scroll.roll(ScrollStep::First, len, height);
            // With some lines above it.
            self.scroll.roll(ScrollStep::Lines(found.saturating_sub(height / 3).cast_signed()), len, height);
            self.scroll.at = found;
        }
    }

    /// Draws the lines that are in view.
    pub fn draw(&self, lines: &[Pieces], area: Rect, p: &mut Painter<'_>) {
        for (line, y) in lines.iter().skip(self.scroll.top).zip(area.top()..area.bottom()) {
            p.pieces(area.x, y, area.width, line.iter().map(|(role, text)| (*role, text.as_str())));
        }
        p.more(lines.len(), self.scroll.top, area);
        self.find.draw(area, p);
    }
}
