//! Search in a page: a line to type at its bottom, and the steps from match to match.

use crossterm::event::KeyCode;
use ratatui::layout::Rect;
use tui_input::Input;

use super::keymap::Chord;
use super::paint::Painter;
use super::theme::Role;
use super::typing;

/// The search in a page.
#[derive(Debug, Default)]
pub struct Search {
    input: Input,
    /// True while the text is being typed.
    pub is_typing: bool,
    /// The text before that, which Esc restores.
    before: String,
    /// True if nothing on the page matches.
    pub is_vain: bool,
}

/// What follows from a key in the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SearchKey {
    /// Nothing but the line itself.
    Nothing,
    /// The text is another one: find it from where the search began.
    Edits,
    /// The text stands.
    Accepts,
}

impl Search {
    /// Starts typing a text.
    pub fn open(&mut self) {
        self.is_typing = true;
        self.is_vain = false;
        self.input.value().clone_into(&mut self.before);
        self.input = Input::default();
    }

    /// Returns the text that is searched for; empty if there is none.
    pub fn text(&self) -> &str {
        self.input.value()
    }

    /// Forgets the text. Returns false if there was none.
    pub fn clear(&mut self) -> bool {
        let had_text = !self.text().is_empty();
        *self = Self::default();
        had_text
    }

    /// Handles a key.
    pub fn key(&mut self, chord: Chord) -> SearchKey {
        match chord.code() {
            KeyCode::Enter => {
                self.is_typing = false;
                // An empty line repeats the last search.
                if self.text().is_empty() {
                    self.input = Input::new(std::mem::take(&mut self.before));
                    return SearchKey::Edits;
                }
                SearchKey::Accepts
            }
            KeyCode::Esc => {
                self.is_typing = false;
                self.input = Input::default();
                self.is_vain = false;
                SearchKey::Nothing
            }
            _ => match typing::edit(chord) {
                Some(request) => {
                    self.input.handle(request);
                    SearchKey::Edits
                }
                None => SearchKey::Nothing,
            },
        }
    }

    /// Inserts a pasted text.
    pub fn paste(&mut self, text: &str) {
        typing::paste(&mut self.input, text);
    }

    /// Returns the next line that has the text, from a line on and around the end; the one before if not `forward`.
    pub fn next<'l>(
        &mut self,
        len: usize,
        line: impl Fn(usize) -> std::borrow::Cow<'l, str>,
        from: usize,
        forward: bool,
    ) -> Option<usize> {
        let wanted = self.text().to_lowercase();
        let found = (0..len)
            .map(|step| if forward { (from + step) % len } else { (from + len - step % len) % len })
            .find(|&n| !wanted.is_empty() && line(n).to_lowercase().contains(&wanted));
        self.is_vain = found.is_none() && !wanted.is_empty();
        found
    }

    /// Draws the line on the last row of an area, while it is typed or finds nothing; and marks the text in the area.
    pub fn draw(&self, area: Rect, p: &mut Painter<'_>) {
        p.mark(area, self.text());
        if !self.is_typing && !self.is_vain || area.height == 0 {
            return;
        }
        let y = area.bottom() - 1;
        p.blank(Rect { y, height: 1, ..area });
        let x = p.text(area.x, y, area.width, "/", Role::Key);
        let vain = if self.is_vain { "  no match" } else { "" };
        let room = area.right().saturating_sub(x + u16::try_from(vain.len()).unwrap_or(0));
        if self.is_typing {
            typing::draw(&self.input, Rect { x, y, width: room, height: 1 }, p);
        } else {
            p.text(x, y, room, self.text(), Role::Text);
        }
        p.right(area.x, y, area.width, vain, Role::Warn);
    }
}
