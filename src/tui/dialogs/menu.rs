//! A menu of choices.

use crossterm::event::KeyCode;
use ratatui::layout::Rect;

use super::{SEEN, Typed};
use crate::domain::action::Settling;
use crate::domain::filter::Filter;
use crate::domain::hazard::Hazard;
use crate::domain::ids::{GroupId, WriteId};
use crate::domain::parking::Park;
use crate::store::SplitWhich;
use crate::tui::columns::WriteColumn;
use crate::tui::goals::Query;
use crate::tui::keymap::Chord;
use crate::tui::paint::Painter;
use crate::tui::scroll::{Scroll, ScrollStep};
use crate::tui::theme::Role;
use crate::tui::typing;

/// A menu of choices.
#[derive(Debug)]
pub struct Menu {
    /// Title of the menu.
    pub title: String,
    /// The choices, each with its key.
    pub items: Vec<Item>,
    /// Cursor among the choices.
    pub scroll: Scroll,
}

/// A choice of a menu.
#[derive(Debug, Clone)]
pub struct Item {
    /// The key that picks it, or goes to it.
    pub key: char,
    /// Its label.
    pub text: String,
    /// The result when it is picked.
    pub pick: Pick,
    /// True or false if it is a switch: picking it flips it, and the menu stays open.
    is_on: Option<bool>,
}

impl Item {
    /// Creates a choice.
    pub fn new(key: char, text: impl Into<String>, pick: Pick) -> Self {
        Self { key, text: text.into(), pick, is_on: None }
    }

    /// Creates a switch.
    pub fn switch(key: char, text: impl Into<String>, pick: Pick, is_on: bool) -> Self {
        Self { is_on: Some(is_on), ..Self::new(key, text, pick) }
    }

    fn pick(&mut self) -> Typed {
        match &mut self.is_on {
            Some(is_on) => {
                *is_on = !*is_on;
                Typed::Switches(self.pick.clone())
            }
            None => Typed::Picks(self.pick.clone()),
        }
    }
}

/// Result of a choice in a menu.
#[derive(Debug, Clone)]
pub enum Pick {
    /// Copy the second text; the first names it.
    Copy(&'static str, String),
    /// Ask for the reason for settling writes.
    Settle(Settling, Filter),
    /// Toggle the override of a hazard.
    Allow(Hazard),
    /// Use a saved filter.
    Filter(String),
    /// Show the writes of a query, over the screen.
    Writes(Query),
    /// Show a write, over the screen.
    Write(WriteId),
    /// Park a group, or take it back.
    Park(GroupId, Park),
    /// Ask for the time until which a group is to be parked.
    ParkUntil(GroupId),
    /// Ask for the reason for splitting a batch.
    Split(WriteId, SplitWhich),
    /// Stop the run, and quit when it is over.
    StopAndQuit,
    /// Show the writes that failed in the span of a query.
    Failed(String),
    /// Show a column of the list, or hide it.
    Column(WriteColumn),
    /// Show the columns that fit.
    FittingColumns,
    /// Only close the menu.
    Nothing,
}

impl Pick {
    /// Returns true if it leads to writes being settled. A letter that may have been typed into nothing doesn't pick it.
    fn is_grave(&self) -> bool {
        matches!(self, Self::Settle(..) | Self::Split(..))
    }
}

impl Menu {
    /// Creates a menu with the cursor on its first choice.
    pub fn new(title: impl Into<String>, items: Vec<Item>) -> Self {
        Self { title: title.into(), items, scroll: Scroll::default() }
    }

    pub(super) fn key(&mut self, chord: Chord) -> Typed {
        let at = self.scroll.at;
        if chord.code() == KeyCode::Enter || chord.typed() == Some(' ') && self.has_switches() {
            return self.items.get_mut(at).map_or(Typed::Stays, Item::pick);
        }
        let by_key = chord.typed().and_then(|typed| self.items.iter().position(|item| item.key == typed));
        if let Some(at) = by_key {
            self.scroll.at = at;
            if !self.is_grave() {
                return self.items[at].pick();
            }
            self.scroll.keep_seen(self.items.len(), SEEN);
            return Typed::Stays;
        }
        let step = match chord.typed() {
            Some('k') => Some(ScrollStep::Lines(-1)),
            Some('j') => Some(ScrollStep::Lines(1)),
            _ => typing::step(chord),
        };
        if let Some(step) = step {
            self.scroll.go(step, self.items.len(), SEEN);
        }
        Typed::Stays
    }

    fn is_grave(&self) -> bool {
        self.items.iter().any(|item| item.pick.is_grave())
    }

    fn has_switches(&self) -> bool {
        self.items.iter().any(|item| item.is_on.is_some())
    }

    pub(super) fn draw(&self, size: (u16, u16), p: &mut Painter<'_>) {
        let height = u16::try_from(self.items.len()).unwrap_or(0) + 2;
        let inside = p.window(super::centred(size, 90, height), &self.title);
        let hint = match (self.is_grave(), self.has_switches()) {
            (true, _) => " enter chooses ",
            (false, true) => " space switches, esc is done ",
            (false, false) => "",
        };
        if usize::from(inside.width) > hint.len() {
            p.right(inside.x, inside.bottom(), inside.width, hint, Role::Faint);
        }
        let top = (self.scroll.at + 1).saturating_sub(inside.height.into());
        for ((n, item), y) in self.items.iter().enumerate().skip(top).zip(inside.top()..inside.bottom()) {
            let key = item.key.to_string();
            let mark = match item.is_on {
                Some(true) => "[x] ",
                Some(false) => "[ ] ",
                None => "",
            };
            p.pieces(
                inside.x,
                y,
                inside.width,
                [(Role::Key, key.as_str()), (Role::Text, "  "), (Role::Text, mark), (Role::Text, &item.text)],
            );
            if n == self.scroll.at {
                p.line(Rect { y, height: 1, ..inside }, Role::Cursor);
            }
        }
    }
}
