//! The filter: a line that is typed, and chips for types and states.

use tui_input::{Input, InputRequest};

use super::complete::Choice;
use crate::domain::failure_type::FailureType;
use crate::domain::filter::{Filter, Test};
use crate::domain::state::State;
use crate::query::{self, QueryError};
use crate::tui::msg::Ticket;

/// Which states are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum States {
    /// Those in which someone still has to do something.
    #[default]
    Open,
    /// One.
    One(State),
    /// All.
    All,
}

impl States {
    const ALL: [Self; 7] = [
        Self::Open,
        Self::One(State::Pending),
        Self::One(State::Unknown),
        Self::One(State::Replayed),
        Self::One(State::Resolved),
        Self::One(State::Discarded),
        Self::All,
    ];

    /// The next one, or the one before.
    #[must_use]
    pub fn step(self, forward: bool) -> Self {
        let at = Self::ALL.iter().position(|s| *s == self).unwrap_or(0);
        let len = Self::ALL.len();
        Self::ALL[(at + if forward { 1 } else { len - 1 }) % len]
    }

    /// Its name on the screen.
    pub fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::One(state) => state.name(),
            Self::All => "all",
        }
    }
}

/// The filter.
#[derive(Debug, Default)]
pub struct FilterLine {
    /// What is typed.
    pub input: Input,
    /// True if it is being typed.
    pub is_typing: bool,
    /// What was typed before it was opened, for Esc.
    before: String,
    /// What is wrong with it.
    pub error: Option<QueryError>,
    /// The types that are shown; none for all.
    pub types: Vec<FailureType>,
    /// The states that are shown, unless the line names some.
    pub states: States,
    /// True if the query itself says which states it wants.
    pub names_states: bool,
    /// What was used before, the newest last.
    pub history: Vec<String>,
    /// Where in the history it stands.
    back: usize,
    /// What can be put at the cursor.
    pub choices: Vec<Choice>,
    /// Which of them is chosen.
    pub chosen: usize,
    /// Of the question for values that is open.
    pub ticket: Ticket,
    /// Where those values begin.
    pub value_start: usize,
}

impl FilterLine {
    /// The line as it is.
    pub fn text(&self) -> &str {
        self.input.value()
    }

    /// Puts a text into the line.
    pub fn set(&mut self, text: &str) {
        self.input = Input::new(text.to_owned());
    }

    /// Begins to type.
    pub fn open(&mut self) {
        self.is_typing = true;
        self.before = self.text().to_owned();
        self.back = 0;
        // What is typed next is another condition.
        if !self.text().is_empty() && !self.text().ends_with(' ') {
            self.set(&format!("{} ", self.before));
        }
    }

    /// Ends it, and keeps the line in the history. False if the line can't be read.
    pub fn accept(&mut self) -> bool {
        if self.error.is_some() {
            return false;
        }
        self.close();
        let text = self.text().trim().to_owned();
        self.set(&text);
        if !text.is_empty() {
            self.history.retain(|line| *line != text);
            self.history.push(text);
        }
        true
    }

    /// Ends it, and takes back what was typed.
    pub fn cancel(&mut self) {
        let before = std::mem::take(&mut self.before);
        self.set(&before);
        self.error = None;
        self.close();
    }

    fn close(&mut self) {
        self.is_typing = false;
        self.choices.clear();
    }

    /// Puts an older line there, or a newer one.
    pub fn recall(&mut self, older: bool) {
        self.back = if older { (self.back + 1).min(self.history.len()) } else { self.back.saturating_sub(1) };
        let line = self.history.len().checked_sub(self.back).and_then(|at| self.history.get(at));
        let line = if self.back == 0 { self.before.clone() } else { line.cloned().unwrap_or_default() };
        self.set(&line);
    }

    /// Puts a choice in the place of what is typed at the cursor.
    pub fn complete(&mut self) {
        let Some(choice) = self.choices.get(self.chosen).cloned() else { return };
        let text = self.text();
        let cursor = byte_at(text, self.input.cursor());
        let start = choice.start.min(cursor);
        let new = format!("{}{}{}", &text[..start], choice.text, &text[cursor..]);
        let at = new[..start + choice.text.len()].chars().count();
        self.input = Input::new(new).with_cursor(at);
        self.choices.clear();
    }

    /// Where the cursor is, in bytes.
    pub fn cursor(&self) -> usize {
        byte_at(self.text(), self.input.cursor())
    }

    /// Edits the line.
    pub fn edit(&mut self, request: InputRequest) {
        self.input.handle(request);
        self.choices.clear();
    }

    /// Switches a type on or off.
    pub fn toggle(&mut self, failure_type: FailureType) {
        match self.types.iter().position(|t| *t == failure_type) {
            Some(at) => drop(self.types.remove(at)),
            None => self.types.push(failure_type),
        }
        if self.types.len() == FailureType::ALL.len() {
            self.types.clear();
        }
    }

    /// Takes everything away.
    pub fn clear(&mut self) {
        self.set("");
        self.types.clear();
        self.states = States::default();
        self.error = None;
    }

    /// Returns true if it lets all open writes through.
    pub fn is_clear(&self) -> bool {
        self.text().trim().is_empty() && self.types.is_empty() && self.states == States::Open
    }

    /// What it means; notes what is wrong with it.
    pub fn filter(&mut self, fields: &[String]) -> Option<Filter> {
        let known = |name: &str| fields.iter().any(|field| field == name);
        match query::parse(self.text(), &known) {
            Ok(mut filter) => {
                self.error = None;
                if !self.types.is_empty() {
                    filter = filter.and(Test::Type(self.types.clone()));
                }
                self.names_states = filter.names_states();
                if !self.names_states {
                    match self.states {
                        States::Open => filter = filter.and(Test::State(State::OPEN.to_vec())),
                        States::One(state) => filter = filter.and(Test::State(vec![state])),
                        States::All => {}
                    }
                }
                Some(filter)
            }
            Err(error) => {
                self.error = Some(error);
                None
            }
        }
    }

    /// The same in the query language, for the record.
    pub fn query(&self) -> String {
        let mut words: Vec<String> = Vec::new();
        if !self.text().trim().is_empty() {
            words.push(self.text().trim().to_owned());
        }
        if !self.types.is_empty() {
            let names: Vec<&str> = self.types.iter().map(|t| t.name()).collect();
            words.push(format!("type:{}", names.join(",")));
        }
        if let States::One(state) = self.states {
            words.push(format!("state:{state}"));
        }
        words.join(" ")
    }
}

/// The place of a character, in bytes.
fn byte_at(text: &str, character: usize) -> usize {
    text.char_indices().nth(character).map_or(text.len(), |(at, _)| at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(text: &str) -> FilterLine {
        let mut line = FilterLine::default();
        line.open();
        line.set(text);
        line
    }

    #[test]
    fn chips_and_line_are_one_filter() {
        let mut line = typed("object:orders");
        assert_eq!(line.filter(&[]).unwrap().terms.len(), 2, "the open ones");
        line.toggle(FailureType::Schema);
        line.states = line.states.step(true);
        assert_eq!(line.query(), "object:orders type:schema state:pending");
        line.set("state:replayed");
        assert_eq!(line.filter(&[]).unwrap().terms.len(), 2, "what the line says of states goes before the chip");
        for other in [FailureType::Transient, FailureType::Auth, FailureType::BadData] {
            line.toggle(other);
        }
        assert!(line.types.is_empty(), "all four are no filter");
        line.set("statte:x");
        assert!(line.filter(&[]).is_none() && line.error.is_some());
        assert!(!line.accept());
    }

    #[test]
    fn what_was_used_comes_back() {
        let mut line = FilterLine::default();
        for text in ["a", "b", "a"] {
            line.open();
            line.set(text);
            assert!(line.accept());
        }
        assert_eq!(line.history, ["b", "a"]);
        line.open();
        line.recall(true);
        line.recall(true);
        assert_eq!(line.text(), "b");
        line.recall(false);
        line.recall(false);
        assert_eq!(line.text(), "a", "what stood there when it was opened");
        line.set("zzz");
        line.cancel();
        assert_eq!(line.text(), "a");
    }

    #[test]
    fn a_choice_takes_the_place_of_what_is_typed() {
        let mut line = typed("type:schema obj -path:x");
        line.input = line.input.clone().with_cursor(15);
        line.choices = vec![Choice { start: 12, text: "object:".into(), note: String::new() }];
        line.complete();
        assert_eq!((line.text(), line.cursor()), ("type:schema object: -path:x", 19));
    }
}
