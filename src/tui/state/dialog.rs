//! What stands over a screen and wants an answer: a line to type, something to choose, the palette.

use nucleo_matcher::pattern::{CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};
use tui_input::Input;

use super::scroll::Scroll;
use crate::domain::action::Settling;
use crate::domain::filter::Filter;
use crate::domain::hazard::Hazard;
use crate::tui::actions::{ACTIONS, Action};

/// A dialog.
#[derive(Debug)]
pub enum Dialog {
    /// A line to type.
    Ask(Ask),
    /// Something to choose.
    Menu(Menu),
    /// Any action, by its name.
    Palette(Palette),
}

/// A line to type.
#[derive(Debug)]
pub struct Ask {
    /// What for.
    pub what: What,
    /// The question.
    pub title: String,
    /// What is to be known before it is answered.
    pub notes: Vec<String>,
    /// The answer.
    pub input: Input,
    /// The reason why the last answer was none.
    pub error: Option<String>,
}

/// What an answer is for.
#[derive(Debug, Clone)]
pub enum What {
    /// The reason to settle writes.
    Settle(Settling, Filter),
    /// The reason to keep an edit.
    KeepEdit,
    /// The reason of a replay.
    PlanReason,
    /// The count, or the target's name, before a plan is sent.
    Send(String),
    /// Writes per second.
    Rate,
    /// The file of an export.
    Export(Filter),
}

/// Something to choose.
#[derive(Debug)]
pub struct Menu {
    /// What is chosen.
    pub title: String,
    /// The choices: a key, and what it says.
    pub items: Vec<Item>,
    /// Which one the cursor is on.
    pub scroll: Scroll,
}

/// A choice.
#[derive(Debug, Clone)]
pub struct Item {
    /// Its key.
    pub key: char,
    /// What it says.
    pub text: String,
    /// What it does.
    pub pick: Pick,
}

/// What a choice does.
#[derive(Debug, Clone)]
pub enum Pick {
    /// Copy a text; the first says what it is.
    Copy(&'static str, String),
    /// Ask for the reason to settle writes.
    Settle(Settling, Filter),
    /// Switch the override of a hazard.
    Allow(Hazard),
    /// Use a saved filter.
    Filter(String),
    /// Stop the run, and quit when it is over.
    StopAndQuit,
    /// Go on.
    Nothing,
}

/// The palette.
#[derive(Debug, Default)]
pub struct Palette {
    /// What is typed.
    pub input: Input,
    /// The actions that fit, the best first.
    pub found: Vec<Action>,
    /// Which one the cursor is on.
    pub scroll: Scroll,
    /// What can be done where one is: that comes first.
    pub here: Vec<Action>,
}

impl Palette {
    /// All actions.
    pub fn new(here: Vec<Action>) -> Self {
        let mut palette = Self { here, ..Self::default() };
        palette.find();
        palette
    }

    /// Finds what fits what is typed.
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
        let mut palette = Palette::new(Vec::new());
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
