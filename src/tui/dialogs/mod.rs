//! Dialogs over a screen that want an answer: a question, a menu, the palette. A dialog says what was answered; it
//! does nothing itself.

mod ask;
mod menu;
mod palette;
mod when;

use crossterm::event::KeyCode;
use ratatui::layout::Rect;

pub use self::ask::{Ask, What};
pub use self::menu::{Item, Menu, Pick};
pub use self::palette::{Command, CommandPalette};
pub use self::when::When;
use super::actions::Action;
use super::keymap::Chord;
use super::paint::Painter;
use super::scroll::ScrollStep;
use super::theme::Role;

/// Lines of a dialog visible at once.
const SEEN: usize = 10;

/// A dialog over a screen.
#[derive(Debug)]
pub enum Dialog {
    /// A question answered with a line of text.
    Ask(Ask),
    /// A menu of choices.
    Menu(Menu),
    /// Search for any action by its name.
    Palette(CommandPalette),
    /// A choice among the bars of the histogram.
    When(When),
}

/// What follows from a key.
#[derive(Debug, Clone)]
pub enum Typed {
    /// The dialog stays open.
    Stays,
    /// It was cancelled.
    Cancels,
    /// A question was answered; the dialog closes if the answer is accepted.
    Answers(What, String),
    /// A choice was made.
    Picks(Pick),
    /// A switch of the menu was flipped; the menu stays open.
    Switches(Pick),
    /// An action was chosen.
    Acts(Action),
}

impl Dialog {
    /// Handles a key.
    pub fn key(&mut self, chord: Chord) -> Typed {
        if chord.code() == KeyCode::Esc || chord.has_ctrl() && chord.code() == KeyCode::Char('c') {
            return Typed::Cancels;
        }
        match self {
            Self::Ask(ask) => ask.key(chord),
            Self::Menu(menu) => menu.key(chord),
            Self::Palette(palette) => palette.key(chord),
            Self::When(when) => when.key(chord),
        }
    }

    /// Inserts a text into the line that is being typed.
    pub fn paste(&mut self, text: &str) {
        match self {
            Self::Ask(ask) => ask.paste(text),
            Self::Menu(_) | Self::When(_) => {}
            Self::Palette(palette) => palette.paste(text),
        }
    }

    /// Scrolls by lines.
    pub fn wheel(&mut self, lines: isize) {
        match self {
            Self::Ask(_) => {}
            Self::Menu(menu) => menu.scroll.go(ScrollStep::Lines(lines.signum()), menu.items.len(), SEEN),
            Self::When(when) => when.go(ScrollStep::Lines(lines.signum())),
            Self::Palette(palette) => palette.scroll.go(ScrollStep::Lines(lines), palette.found.len(), SEEN),
        }
    }

    /// Draws it over a screen of a size.
    pub fn draw(&self, size: (u16, u16), p: &mut Painter<'_>) {
        match self {
            Self::Ask(ask) => ask.draw(size, p),
            Self::Menu(menu) => menu.draw(size, p),
            Self::Palette(palette) => palette.draw(size, p),
            Self::When(when) => when.draw(size, p),
        }
    }
}

fn centred(size: (u16, u16), width: u16, height: u16) -> Rect {
    let width = width.min(size.0.saturating_sub(2));
    let height = height.min(size.1.saturating_sub(2));
    Rect { x: (size.0 - width) / 2, y: (size.1 - height) / 3, width, height }
}

/// Draws the prompt of a line that is being typed, and the line.
fn typed(input: &tui_input::Input, area: Rect, p: &mut Painter<'_>) {
    let x = p.text(area.x, area.y, 2, "> ", Role::Key);
    super::typing::draw(input, Rect { x, width: area.right().saturating_sub(x), ..area }, p);
}
