//! Dialogs over a screen that want an answer: a question, a menu, the palette.

use nucleo_matcher::pattern::{CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};
use tui_input::Input;

use super::scroll::Scroll;
use crate::domain::action::Settling;
use crate::domain::filter::Filter;
use crate::domain::hazard::Hazard;
use crate::tui::actions::{ACTIONS, Action};

/// A dialog over a screen.
#[derive(Debug)]
pub enum Dialog {
    /// A question answered with a line of text.
    Ask(Ask),
    /// A menu of choices.
    Menu(Menu),
    /// Search for any action by its name.
    Palette(CommandPalette),
}

/// A question answered with a line of text.
#[derive(Debug)]
pub struct Ask {
    /// Purpose of the answer.
    pub what: What,
    /// The question.
    pub title: String,
    /// Lines above the input that explain the question.
    pub notes: Vec<String>,
    /// The answer as it is typed.
    pub input: Input,
    /// The reason why the last answer was not accepted.
    pub error: Option<String>,
}

/// Purpose of an answer.
#[derive(Debug, Clone)]
pub enum What {
    /// The reason for settling writes.
    Settle(Settling, Filter),
    /// The reason for keeping an edit.
    KeepEdit,
    /// The reason for a replay.
    PlanReason,
    /// The count or the target's name, to confirm that a plan is sent.
    Send(String),
    /// The limit of writes per second.
    Rate,
    /// The file to export to.
    Export(Filter),
}

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
    /// The key that picks it.
    pub key: char,
    /// Its label.
    pub text: String,
    /// The result when it is picked.
    pub pick: Pick,
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
    /// Stop the run, and quit when it is over.
    StopAndQuit,
    /// Only close the menu.
    Nothing,
}

/// The palette: a search over all actions.
#[derive(Debug, Default)]
pub struct CommandPalette {
    /// The search text.
    pub input: Input,
    /// Actions that match, the best first.
    pub found: Vec<Action>,
    /// Cursor among the matches.
    pub scroll: Scroll,
    /// Actions that can be done in the current place; they come first.
    pub here: Vec<Action>,
}

impl CommandPalette {
    /// Creates a palette that lists all actions.
    pub fn new(here: Vec<Action>) -> Self {
        let mut palette = Self { here, ..Self::default() };
        palette.find();
        palette
    }

    /// Finds the actions that match the search text.
    pub fn find(&mut self) {
        let mut matcher = Matcher::new(Config::DEFAULT);
        let pattern = Pattern::parse(self.input.value(), CaseMatching::Ignore, Normalization::Smart);
        let mut buffer = Vec::new();
        let mut scored: Vec<(u32, Action)> = ACTIONS
            .iter()
            .filter_map(|about| {
                let text = format!("{} {}", about.name, about.help);
                let score = pattern.score(Utf32Str::new(&text, &mut buffer), &mut matcher)?;
                Some((score, about.action))
            })
            .collect();
        scored.sort_by_key(|(score, action)| (!self.here.contains(action), std::cmp::Reverse(*score), *action));
        self.found = scored.into_iter().map(|(_, action)| action).collect();
        self.scroll = Scroll::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_palette_finds_by_parts_of_a_name() {
        let mut palette = CommandPalette::new(Vec::new());
        assert_eq!(palette.found.len(), ACTIONS.len());
        for (typed, action) in [("replay", Action::Replay), ("dscrd", Action::Discard), ("markall", Action::MarkAll)] {
            palette.input = Input::new(typed.to_owned());
            palette.find();
            assert_eq!(palette.found.first(), Some(&action), "{typed}");
        }
        palette.input = Input::new("qqqq".to_owned());
        palette.find();
        assert!(palette.found.is_empty());
    }
}
