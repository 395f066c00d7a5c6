//! Lines that are typed: the edit that a key makes, and a paste.

use crossterm::event::KeyCode;
use ratatui::layout::Rect;
use tui_input::{Input, InputRequest};

use super::keymap::Chord;
use super::paint::Painter;
use super::scroll::ScrollStep;
use super::theme::Role;

/// Returns the edit that a key makes in a line of text.
pub fn edit(chord: Chord) -> Option<InputRequest> {
    Some(match (chord.code(), chord.has_ctrl()) {
        (KeyCode::Char('a'), true) | (KeyCode::Home, _) => InputRequest::GoToStart,
        (KeyCode::Char('e'), true) | (KeyCode::End, _) => InputRequest::GoToEnd,
        (KeyCode::Char('u'), true) => InputRequest::DeleteFromStart,
        (KeyCode::Char('k'), true) => InputRequest::DeleteTillEnd,
        (KeyCode::Char('w') | KeyCode::Backspace, true) => InputRequest::DeletePrevWord,
        (KeyCode::Left, true) => InputRequest::GoToPrevWord,
        (KeyCode::Right, true) => InputRequest::GoToNextWord,
        (KeyCode::Left, false) => InputRequest::GoToPrevChar,
        (KeyCode::Right, false) => InputRequest::GoToNextChar,
        (KeyCode::Backspace, false) => InputRequest::DeletePrevChar,
        (KeyCode::Delete, _) => InputRequest::DeleteNextChar,
        _ => InputRequest::InsertChar(chord.typed()?),
    })
}

/// Returns the move that a key makes in a list of choices.
pub fn step(chord: Chord) -> Option<ScrollStep> {
    Some(match chord.code() {
        KeyCode::Up => ScrollStep::Lines(-1),
        KeyCode::Down => ScrollStep::Lines(1),
        KeyCode::PageUp => ScrollStep::Pages(-1),
        KeyCode::PageDown => ScrollStep::Pages(1),
        KeyCode::Home => ScrollStep::First,
        KeyCode::End => ScrollStep::Last,
        _ => return None,
    })
}

/// Inserts a text at the cursor, in one edit: line breaks become spaces, other control characters are dropped.
pub fn paste(input: &mut Input, text: &str) {
    let line = text.trim_end_matches(['\r', '\n']).replace("\r\n", "\n");
    let clean = line.chars().map(|c| if matches!(c, '\n' | '\r' | '\t') { ' ' } else { c }).filter(|c| !c.is_control());
    let before = input.value();
    let at = byte_at(before, input.cursor());
    let mut value = String::with_capacity(before.len() + text.len());
    value.push_str(&before[..at]);
    value.extend(clean);
    let cursor = value.chars().count();
    value.push_str(&before[at..]);
    *input = Input::new(value).with_cursor(cursor);
}

/// Returns the position of a character, in bytes.
pub fn byte_at(text: &str, character: usize) -> usize {
    text.char_indices().nth(character).map_or(text.len(), |(at, _)| at)
}

/// Draws a line that is being typed, scrolled so that its cursor is visible.
pub fn draw(input: &Input, area: Rect, p: &mut Painter<'_>) {
    let room = area.width;
    let skip = input.visual_scroll(usize::from(room).saturating_sub(1));
    let shown: String = input.value().chars().skip(skip).take(room.into()).collect();
    p.text(area.x, area.y, room, &shown, Role::Strong);
    let at = area.x + u16::try_from(input.visual_cursor().saturating_sub(skip)).unwrap_or(0);
    p.line(Rect { x: at.min(area.right().saturating_sub(1)), y: area.y, width: 1, height: 1 }, Role::Cursor);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_paste_is_one_edit_at_the_cursor_without_line_breaks() {
        let mut input = Input::new("ab".to_owned()).with_cursor(1);
        paste(&mut input, "x\r\ny\tz\u{7}\n");
        assert_eq!((input.value(), input.cursor()), ("ax y zb", 6));
        let mut long = Input::default();
        paste(&mut long, &"é\n".repeat(500_000));
        assert_eq!(long.cursor(), 999_999);
    }
}
