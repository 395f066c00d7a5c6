//! The filter: a typed line, and chips for types and states.

use crossterm::event::KeyCode;
use tui_input::{Input, InputRequest};

use super::complete::Choice;
use crate::domain::failure_type::FailureType;
use crate::domain::filter::{Filter, NumberField, Term, Test};
use crate::domain::state::State;
use crate::query::{self, QueryError};
use crate::tui::goals::States;
use crate::tui::keymap::Chord;
use crate::tui::msg::Ticket;
use crate::tui::typing::{self, byte_at};

/// What follows from a key in the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineKey {
    /// Nothing but the line itself.
    Nothing,
    /// The text is another one.
    Edits,
    /// The line can't be parsed, so it is not accepted.
    Refuses,
    /// Completions are asked for.
    Completes,
}

/// The filter line and its chips.
#[derive(Debug, Default)]
pub struct FilterLine {
    /// The text, and the cursor in it.
    pub input: Input,
    /// True if the line is being edited.
    pub is_typing: bool,
    /// The text before the line was opened, which Esc restores.
    before: String,
    /// The error, if the text can't be parsed.
    pub error: Option<QueryError>,
    /// States that are shown, unless the line names some.
    pub states: States,
    /// True if the text itself names states.
    pub names_states: bool,
    /// Lines used before, the newest last.
    pub history: Vec<String>,
    /// Steps back from the end of the history; 0 for the line from before it was opened.
    back: usize,
    /// Completions for the text at the cursor.
    pub choices: Vec<Choice>,
    /// Index of the selected completion.
    pub chosen: usize,
    /// Ticket of the last request for values.
    pub ticket: Ticket,
    /// Start of the value that they complete, in bytes.
    pub value_start: usize,
}

impl FilterLine {
    /// Returns the text of the line.
    pub fn text(&self) -> &str {
        self.input.value()
    }

    /// Replaces the text of the line.
    pub fn set(&mut self, text: &str) {
        self.input = Input::new(text.to_owned());
    }

    /// Starts editing the line.
    pub fn open(&mut self) {
        self.is_typing = true;
        self.before = self.text().to_owned();
        self.back = 0;
        // The next text typed is another condition.
        if !self.text().is_empty() && !self.text().ends_with(' ') {
            self.set(&format!("{} ", self.before));
        }
    }

    /// Narrows the line to a span of time, a query, in place of the one that it names.
    pub fn narrow_to(&mut self, span: &str, fields: &[String]) {
        let is_span = |term: &Term| matches!(term.test, Test::Number(NumberField::FailedAt, _)) && !term.negated;
        let rest = query::without(self.text(), &|name| fields.iter().any(|field| field == name), is_span);
        let rest = rest.unwrap_or_default();
        self.set(format!("{rest} {span}").trim_start());
    }

    /// Stops editing and keeps the line in the history. Returns false if the line can't be parsed.
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

    /// Stops editing and restores the text from before.
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

    /// Handles a key.
    pub fn key(&mut self, chord: Chord) -> LineKey {
        let choices = self.choices.len();
        match chord.code() {
            KeyCode::Enter if choices > 0 => self.complete(),
            KeyCode::Tab if choices == 1 => self.complete(),
            KeyCode::Enter if self.accept() => return LineKey::Nothing,
            KeyCode::Enter => return LineKey::Refuses,
            KeyCode::Esc if choices > 0 => {
                self.choices.clear();
                return LineKey::Nothing;
            }
            KeyCode::Esc => self.cancel(),
            KeyCode::Tab | KeyCode::Down if choices > 0 => return self.choose(1),
            KeyCode::BackTab | KeyCode::Up if choices > 0 => return self.choose(choices - 1),
            KeyCode::Tab => return LineKey::Completes,
            KeyCode::Up => self.recall(true),
            KeyCode::Down => self.recall(false),
            _ => match typing::edit(chord) {
                Some(request) => self.edit(request),
                None => return LineKey::Nothing,
            },
        }
        LineKey::Edits
    }

    /// Selects another completion, this many further.
    fn choose(&mut self, by: usize) -> LineKey {
        self.chosen = (self.chosen + by) % self.choices.len();
        LineKey::Nothing
    }

    /// Replaces the text with an older line of the history, or a newer one.
    fn recall(&mut self, older: bool) {
        self.back = if older { (self.back + 1).min(self.history.len()) } else { self.back.saturating_sub(1) };
        let line = self.history.len().checked_sub(self.back).and_then(|at| self.history.get(at));
        let line = if self.back == 0 { self.before.clone() } else { line.cloned().unwrap_or_default() };
        self.set(&line);
    }

    /// Replaces what is typed at the cursor with the selected completion.
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

    /// Returns the position of the cursor, in bytes.
    pub fn cursor(&self) -> usize {
        byte_at(self.text(), self.input.cursor())
    }

    /// Edits the line and drops the completions.
    fn edit(&mut self, request: InputRequest) {
        self.input.handle(request);
        self.choices.clear();
    }

    /// Clears the text and the states.
    pub fn clear(&mut self) {
        self.set("");
        self.states = States::default();
        self.error = None;
    }

    /// Returns true if it lets all open writes through.
    pub fn is_clear(&self) -> bool {
        self.text().trim().is_empty() && self.states == States::Open
    }

    /// Returns true if the line is about a single group.
    pub fn is_of_one_group(&self) -> bool {
        self.text()
            .split_whitespace()
            .any(|word| word.strip_prefix("group:").is_some_and(|id| id.parse::<i64>().is_ok()))
    }

    /// Returns the line and the type chips as a filter, whatever state is shown, or the error in the line.
    pub fn in_any_state(&self, fields: &[String], types: &[FailureType]) -> Result<Filter, QueryError> {
        let filter = self.typed(fields)?;
        Ok(if types.is_empty() { filter } else { filter.and(Test::Type(types.to_vec())) })
    }

    /// Returns the line and all chips as a filter, or the error in the line. `types` are the type chips that are on.
    pub fn parsed(&self, fields: &[String], types: &[FailureType]) -> Result<Filter, QueryError> {
        let mut filter = self.in_any_state(fields, types)?;
        match self.states {
            _ if filter.names_states() => {}
            States::Open => filter = filter.and(Test::State(State::OPEN.to_vec())),
            States::One(state) => filter = filter.and(Test::State(vec![state])),
            States::All => {}
        }
        Ok(filter)
    }

    fn typed(&self, fields: &[String]) -> Result<Filter, QueryError> {
        query::parse(self.text(), &|name| fields.iter().any(|field| field == name))
    }

    /// Does the same, and keeps the error for the screen.
    pub fn filter(&mut self, fields: &[String], types: &[FailureType]) -> Option<Filter> {
        match self.parsed(fields, types) {
            Ok(filter) => {
                self.error = None;
                self.names_states = self.typed(fields).is_ok_and(|typed| typed.names_states());
                Some(filter)
            }
            Err(error) => {
                self.error = Some(error);
                None
            }
        }
    }

    /// Returns the line and the chips in the query language, for the record.
    pub fn query(&self, types: &[FailureType]) -> String {
        let mut words: Vec<String> = Vec::new();
        if !self.text().trim().is_empty() {
            words.push(self.text().trim().to_owned());
        }
        if !types.is_empty() {
            let names: Vec<&str> = types.iter().map(|t| t.name()).collect();
            words.push(format!("type:{}", names.join(",")));
        }
        if let States::One(state) = self.states {
            words.push(format!("state:{state}"));
        }
        words.join(" ")
    }
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
        assert_eq!(line.filter(&[], &[]).unwrap().terms.len(), 2, "the open ones");
        line.states = line.states.step(true);
        assert_eq!(line.query(&[FailureType::Schema]), "object:orders type:schema state:pending");
        assert_eq!(line.filter(&[], &[FailureType::Schema]).unwrap().terms.len(), 3);
        line.set("state:replayed");
        assert_eq!(line.filter(&[], &[]).unwrap().terms.len(), 1, "what the line says of states goes before the chip");
        line.set("statte:x");
        assert!(line.filter(&[], &[]).is_none() && line.error.is_some());
        assert!(!line.accept());
    }

    #[test]
    fn one_span_of_time_takes_the_place_of_another() {
        let mut line = typed(r#"type:schema failed:2026-01-30 "a failed:2026-01-31" email:a"#);
        line.narrow_to("failed:2026-02-01T09", &["email".to_owned()]);
        assert_eq!(line.text(), r#"type:schema "a failed:2026-01-31" email:a failed:2026-02-01T09"#);
        line.set("");
        line.narrow_to("failed:2026-02-01", &[]);
        assert_eq!(line.text(), "failed:2026-02-01");
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
