//! Text on the screen: escaped, cut to its room, in the style of its role.

use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use unicode_width::UnicodeWidthStr;

use crate::domain::escape::terminal;
use crate::domain::time::brief_length;
use crate::render::count::thousands;
use crate::tui::theme::{Role, Theme};

/// A buffer to draw on, with a theme.
pub struct Painter<'a> {
    /// The buffer to draw on.
    pub buffer: &'a mut Buffer,
    /// Styles and symbols.
    pub theme: Theme,
}

impl Painter<'_> {
    /// Draws a text in at most `width` columns; if it is cut, it ends in an ellipsis. Returns the column after it.
    pub fn text(&mut self, x: u16, y: u16, width: u16, text: &str, role: Role) -> u16 {
        self.styled(x, y, width, text, self.theme.style(role))
    }

    /// Does the same in any style.
    pub fn styled(&mut self, x: u16, y: u16, width: u16, text: &str, style: Style) -> u16 {
        let area = self.buffer.area;
        if width == 0 || y >= area.bottom() || x >= area.right() {
            return x;
        }
        let text = terminal(text);
        let width = width.min(area.right() - x);
        if text.width() <= width.into() {
            return self.buffer.set_stringn(x, y, &text, width.into(), style).0;
        }
        let ellipsis = self.theme.symbol("…", "~");
        let (end, _) = self.buffer.set_stringn(x, y, &text, usize::from(width) - 1, style);
        self.buffer.set_stringn(end, y, ellipsis, 1, style).0
    }

    /// Draws a text that ends at the right edge of its room.
    pub fn right(&mut self, x: u16, y: u16, width: u16, text: &str, role: Role) {
        let wide = u16::try_from(terminal(text).width()).unwrap_or(u16::MAX);
        let pad = width.saturating_sub(wide);
        self.text(x + pad, y, width - pad, text, role);
    }

    /// Draws pieces of text one after the other. Returns the column after them.
    pub fn pieces<'t>(&mut self, x: u16, y: u16, width: u16, pieces: impl IntoIterator<Item = (Role, &'t str)>) -> u16 {
        let end = x.saturating_add(width);
        let mut at = x;
        for (role, text) in pieces {
            at = self.text(at, y, end.saturating_sub(at), text, role);
        }
        at
    }

    /// Applies the style of a role to an area and leaves its text as it is.
    pub fn line(&mut self, area: Rect, role: Role) {
        let style = self.theme.style(role);
        self.buffer.set_style(area.intersection(self.buffer.area), style);
    }

    /// Draws a horizontal line, with a title on it.
    pub fn rule(&mut self, area: Rect, title: &str) {
        let dash = self.theme.symbol("─", "-");
        self.text(area.x, area.y, area.width, &dash.repeat(area.width.into()), Role::Rule);
        if !title.is_empty() && area.width > 4 {
            self.text(area.x + 1, area.y, area.width - 2, &format!(" {title} "), Role::Title);
        }
    }

    /// Draws lines, wrapped to the width of their area.
    pub fn paragraph(&mut self, area: Rect, lines: &[(Role, String)]) {
        let mut y = area.y + u16::from(area.height > 8);
        for (role, text) in lines {
            for line in wrap(text, usize::from(area.width.saturating_sub(4))) {
                if y >= area.bottom() {
                    return;
                }
                self.text(area.x + 2, y, area.width.saturating_sub(4), &line, *role);
                y += 1;
            }
        }
    }

    /// Draws the number of lines below an area that shows some of `len`, from `top` on.
    pub fn more(&mut self, len: usize, top: usize, area: Rect) {
        let below = len.saturating_sub(top + usize::from(area.height));
        if below > 0 && area.height > 1 {
            let text = format!(" {} {} more ", self.theme.symbol("↓", "v"), thousands(below as u64));
            self.right(area.x, area.bottom() - 1, area.width, &text, Role::Faint);
        }
    }

    /// Marks a text wherever it stands in an area, ignoring case.
    pub fn mark(&mut self, area: Rect, text: &str) {
        let wanted: Vec<char> = text.to_lowercase().chars().collect();
        if wanted.is_empty() {
            return;
        }
        let area = area.intersection(self.buffer.area);
        for y in area.top()..area.bottom() {
            let cell = |x: u16| self.buffer[(x, y)].symbol().chars().next().unwrap_or(' ');
            let row: Vec<(u16, char)> =
                (area.left()..area.right()).flat_map(|x| cell(x).to_lowercase().map(move |c| (x, c))).collect();
            let starts: Vec<usize> = (0..row.len().saturating_sub(wanted.len() - 1))
                .filter(|&n| row[n..].iter().zip(&wanted).all(|((_, c), w)| c == w))
                .collect();
            for n in starts {
                let (from, to) = (row[n].0, row[n + wanted.len() - 1].0);
                self.line(Rect { x: from, y, width: to - from + 1, height: 1 }, Role::Found);
            }
        }
    }

    /// Clears an area.
    pub fn blank(&mut self, area: Rect) {
        let area = area.intersection(self.buffer.area);
        for y in area.top()..area.bottom() {
            for x in area.left()..area.right() {
                self.buffer[(x, y)].reset();
            }
        }
    }

    /// Draws a vertical line.
    pub fn divider(&mut self, area: Rect) {
        let bar = self.theme.symbol("│", "|");
        for y in area.top()..area.bottom() {
            self.text(area.x, y, 1, bar, Role::Rule);
        }
    }

    /// Draws an empty window over what is there, with a title on its frame. Returns the area inside.
    pub fn window(&mut self, area: Rect, title: &str) -> Rect {
        let area = area.intersection(self.buffer.area);
        self.blank(area);
        let symbol = |unicode, ascii| self.theme.symbol(unicode, ascii);
        let (flat, upright) = (symbol("─", "-"), symbol("│", "|"));
        let corners = [symbol("╭", "+"), symbol("╮", "+"), symbol("╰", "+"), symbol("╯", "+")];
        let (right, bottom) = (area.right().saturating_sub(1), area.bottom().saturating_sub(1));
        for y in area.top()..area.bottom() {
            self.text(area.x, y, 1, upright, Role::Rule);
            self.text(right, y, 1, upright, Role::Rule);
        }
        let line = flat.repeat(area.width.saturating_sub(2).into());
        for (y, left, end) in [(area.y, corners[0], corners[1]), (bottom, corners[2], corners[3])] {
            self.pieces(area.x, y, area.width, [(Role::Rule, left), (Role::Rule, line.as_str()), (Role::Rule, end)]);
        }
        if !title.is_empty() {
            self.text(area.x + 2, area.y, area.width.saturating_sub(4), &format!(" {title} "), Role::Title);
        }
        Rect {
            x: area.x + 2,
            y: area.y + 1,
            width: area.width.saturating_sub(4),
            height: area.height.saturating_sub(2),
        }
    }
}

/// Returns a length of time for a narrow column: `3d`, `12s`, `now`.
pub fn age(length: Duration) -> String {
    if length.as_secs() == 0 { "now".to_owned() } else { brief_length(length).replace(' ', "") }
}

/// Escapes a text and breaks it into lines of at most `width` columns, at spaces where there are some.
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let width = width.max(1);
    let text = terminal(text);
    let mut lines: Vec<String> = Vec::new();
    let mut line = String::new();
    for word in text.split(' ') {
        let gap = usize::from(!line.is_empty());
        if line.width() + gap + word.width() <= width {
            if gap > 0 {
                line.push(' ');
            }
            line.push_str(word);
            continue;
        }
        if !line.is_empty() {
            lines.push(std::mem::take(&mut line));
        }
        for c in word.chars() {
            if line.width() + unicode_width::UnicodeWidthChar::width(c).unwrap_or(0) > width {
                lines.push(std::mem::take(&mut line));
            }
            line.push(c);
        }
    }
    lines.push(line);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::theme::Tier;

    #[test]
    fn text_is_harmless_and_stays_in_its_room() {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 12, 1));
        let mut painter =
            Painter { buffer: &mut buffer, theme: Theme { tier: Tier::Plain, ascii: false, is_guessed: false } };
        assert_eq!(painter.text(0, 0, 6, "小明と東京", Role::Text), 5, "a wide character is not cut in two");
        painter.text(6, 0, 6, "a\u{1b}[31m", Role::Text);
        let shown: Vec<&str> = buffer.content.iter().map(ratatui::buffer::Cell::symbol).collect();
        assert_eq!(shown, ["小", " ", "明", " ", "…", " ", "a", "\\", "u", "{", "1", "…"]);
    }

    #[test]
    fn texts_are_broken_at_spaces() {
        assert_eq!(wrap("a field of the record", 9), ["a field", "of the", "record"]);
        assert_eq!(wrap("東京東京", 5), ["東京", "東京"]);
        assert_eq!(wrap("", 5), [""]);
    }
}
