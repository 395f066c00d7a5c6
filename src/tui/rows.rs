//! Long lines: each is broken into rows of a width, and the cursor goes from row to row.

use unicode_width::UnicodeWidthChar as _;

use super::scroll::ScrollStep;
use super::theme::Role;
use crate::domain::escape::terminal;

/// A line as pieces of text, each with its role.
pub type Pieces = Vec<(Role, String)>;

/// A row of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Row {
    /// The line.
    pub line: usize,
    /// The row within the line.
    pub row: usize,
}

/// Lines of which each takes one row or more.
pub trait Lines {
    /// Returns the number of lines.
    fn len(&self) -> usize;

    /// Returns the number of rows of a line, at least one.
    fn rows(&self, line: usize) -> usize;
}

/// The row under the cursor, and the first visible one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RowScroll {
    /// The row under the cursor.
    pub at: Row,
    /// The first row on the screen.
    pub top: Row,
}

impl RowScroll {
    /// Moves the cursor among lines of which `height` rows are visible.
    pub fn go(&mut self, step: ScrollStep, lines: &dyn Lines, height: usize) {
        let height = height.max(1);
        match step {
            ScrollStep::Lines(n) => self.at = moved(self.at, n, lines),
            ScrollStep::Pages(n) => self.at = moved(self.at, n * height.saturating_sub(1).max(1).cast_signed(), lines),
            ScrollStep::First => self.at = Row::default(),
            ScrollStep::Last => self.at = last(lines),
        }
        self.keep_seen(lines, height);
    }

    /// Goes to a line.
    pub fn go_to(&mut self, line: usize, lines: &dyn Lines, height: usize) {
        self.at = Row { line, row: 0 };
        self.keep_seen(lines, height);
    }

    /// Moves the first visible row so that the cursor is on the screen and no room is wasted.
    pub fn keep_seen(&mut self, lines: &dyn Lines, height: usize) {
        let up = height.max(1).saturating_sub(1).cast_signed();
        self.at = self.at.min(last(lines));
        let lowest = moved(self.at, -up, lines);
        let furthest = moved(last(lines), -up, lines);
        self.top = self.top.max(lowest).min(self.at).min(furthest);
    }
}

/// Returns the row that is this many further; up if negative.
fn moved(from: Row, by: isize, lines: &dyn Lines) -> Row {
    let mut at = from;
    let mut left = by.unsigned_abs();
    while left > 0 {
        if by > 0 {
            let below = lines.rows(at.line) - 1 - at.row.min(lines.rows(at.line) - 1);
            if left <= below {
                at.row += left;
                return at;
            }
            if at.line + 1 >= lines.len() {
                at.row += below;
                return at;
            }
            left -= below + 1;
            at = Row { line: at.line + 1, row: 0 };
        } else {
            if left <= at.row {
                at.row -= left;
                return at;
            }
            if at.line == 0 {
                return Row::default();
            }
            left -= at.row + 1;
            at.line -= 1;
            at.row = lines.rows(at.line) - 1;
        }
    }
    at
}

fn last(lines: &dyn Lines) -> Row {
    match lines.len() {
        0 => Row::default(),
        len => Row { line: len - 1, row: lines.rows(len - 1) - 1 },
    }
}

/// Returns the number of rows that a line takes in a width, at least one.
pub fn count(pieces: &Pieces, width: usize) -> usize {
    let width = width.max(1);
    if pieces.iter().all(|(_, text)| text.bytes().all(|byte| matches!(byte, b' '..=b'~'))) {
        let len: usize = pieces.iter().map(|(_, text)| text.len()).sum();
        return len.div_ceil(width).max(1);
    }
    broken(pieces, width, usize::MAX).1
}

/// Returns a row of a line.
pub fn row(pieces: &Pieces, width: usize, row: usize) -> Pieces {
    broken(pieces, width.max(1), row).0
}

/// Returns lines broken into rows of a width.
pub fn wrapped(lines: &[Pieces], width: usize) -> Vec<Pieces> {
    lines.iter().flat_map(|line| (0..count(line, width)).map(move |n| row(line, width, n))).collect()
}

/// Breaks a line into rows. Returns the wanted one, and the number of rows up to it.
fn broken(pieces: &Pieces, width: usize, wanted: usize) -> (Pieces, usize) {
    let (mut found, mut row, mut used) = (Pieces::new(), 0, 0);
    for (role, text) in pieces {
        let text = terminal(text);
        let mut part = String::new();
        for c in text.chars() {
            let wide = c.width().unwrap_or(0);
            if used + wide > width && used > 0 {
                if row == wanted {
                    found.push((*role, std::mem::take(&mut part)));
                    return (found, row + 1);
                }
                row += 1;
                used = 0;
            }
            used += wide;
            if row == wanted {
                part.push(c);
            }
        }
        if !part.is_empty() {
            found.push((*role, part));
        }
    }
    (found, row + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed(Vec<usize>);

    impl Lines for Fixed {
        fn len(&self) -> usize {
            self.0.len()
        }

        fn rows(&self, line: usize) -> usize {
            self.0[line]
        }
    }

    fn at(line: usize, row: usize) -> Row {
        Row { line, row }
    }

    #[test]
    fn the_cursor_goes_through_the_rows_of_long_lines() {
        let lines = Fixed(vec![1, 30, 1, 1]);
        let mut scroll = RowScroll::default();
        scroll.go(ScrollStep::Lines(1), &lines, 10);
        scroll.go(ScrollStep::Lines(12), &lines, 10);
        assert_eq!((scroll.at, scroll.top), (at(1, 12), at(1, 3)));
        scroll.go(ScrollStep::Pages(1), &lines, 10);
        assert_eq!((scroll.at, scroll.top), (at(1, 21), at(1, 12)));
        scroll.go(ScrollStep::Last, &lines, 10);
        assert_eq!((scroll.at, scroll.top), (at(3, 0), at(1, 22)));
        scroll.go(ScrollStep::Lines(9), &lines, 10);
        assert_eq!(scroll.at, at(3, 0));
        scroll.go(ScrollStep::Pages(-1), &lines, 10);
        assert_eq!(scroll.at, at(1, 22));
        scroll.go(ScrollStep::First, &lines, 10);
        assert_eq!((scroll.at, scroll.top), (at(0, 0), at(0, 0)));
        scroll.go_to(3, &lines, 10);
        assert_eq!((scroll.at, scroll.top), (at(3, 0), at(1, 22)));
        scroll.go(ScrollStep::Last, &Fixed(Vec::new()), 10);
        assert_eq!(scroll, RowScroll::default());
    }

    #[test]
    fn lines_are_broken_at_the_width_and_no_character_is_cut() {
        let pieces = vec![(Role::Text, "abcd".to_owned()), (Role::Key, "efg小明h".to_owned())];
        assert_eq!(count(&pieces, 5), 3);
        assert_eq!(row(&pieces, 5, 0), [(Role::Text, "abcd".to_owned()), (Role::Key, "e".to_owned())]);
        assert_eq!(row(&pieces, 5, 1), [(Role::Key, "fg小".to_owned())]);
        assert_eq!(row(&pieces, 5, 2), [(Role::Key, "明h".to_owned())]);
        assert_eq!(count(&vec![(Role::Text, "x".repeat(11))], 5), 3);
        assert_eq!(count(&Vec::new(), 5), 1);
        assert_eq!(count(&vec![(Role::Text, "\u{1b}".to_owned())], 3), 2, "as it is escaped");
    }
}
