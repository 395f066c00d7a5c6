//! Keys typed into the filter line and the dialogs.

use crossterm::event::KeyCode;
use tui_input::{Input, InputRequest};

use super::actions::Zone;
use super::app::App;
use super::keymap::Chord;
use super::msg::Effect;
use super::state::complete::{Completion, complete};
use super::state::dialog::{CommandPalette, Dialog, Pick, What};
use super::state::scroll::ScrollStep;
use super::theme::Role;
use crate::domain::action::Settling;

/// Lines of a dialog visible at once.
const SEEN: usize = 10;
/// The most values offered as completions.
pub const VALUES: usize = 20;

impl App {
    pub(super) fn filter_key(&mut self, chord: Chord) {
        let choices = self.filter.choices.len();
        match chord.code() {
            KeyCode::Enter if choices > 0 => self.take_choice(),
            KeyCode::Enter => {
                if !self.filter.accept() {
                    self.say(Role::Warn, "the filter can't be read: see the mark under it");
                }
                return;
            }
            KeyCode::Esc if choices > 0 => {
                self.filter.choices.clear();
                return;
            }
            KeyCode::Esc => self.filter.cancel(),
            KeyCode::Tab if choices > 1 => {
                self.filter.chosen = (self.filter.chosen + 1) % choices;
                return;
            }
            KeyCode::Tab if choices == 1 => self.take_choice(),
            KeyCode::Tab => {
                self.complete();
                return;
            }
            KeyCode::BackTab if choices > 0 => {
                self.filter.chosen = (self.filter.chosen + choices - 1) % choices;
                return;
            }
            KeyCode::Down if choices > 0 => {
                self.filter.chosen = (self.filter.chosen + 1) % choices;
                return;
            }
            KeyCode::Up if choices > 0 => {
                self.filter.chosen = (self.filter.chosen + choices - 1) % choices;
                return;
            }
            KeyCode::Up => self.filter.recall(true),
            KeyCode::Down => self.filter.recall(false),
            _ => {
                let Some(request) = edit(chord) else { return };
                self.filter.edit(request);
            }
        }
        self.filter_changed();
    }

    fn take_choice(&mut self) {
        self.filter.complete();
    }

    fn complete(&mut self) {
        let (text, cursor) = (self.filter.text().to_owned(), self.filter.cursor());
        let ticket = self.ticket();
        self.filter.ticket = ticket;
        self.filter.chosen = 0;
        match complete(&text, cursor, &self.overview.fields) {
            Completion::Choices(choices) => {
                self.filter.choices = choices;
                if self.filter.choices.is_empty() {
                    self.say(Role::Text, "nothing to complete");
                } else if self.filter.choices.len() == 1 {
                    self.take_choice();
                    self.filter_changed();
                }
            }
            Completion::Values(start, field, part) => {
                self.filter.value_start = start;
                self.effects.push(Effect::Values(ticket, field, part));
            }
            Completion::BodyValues(start, path, part) => {
                self.filter.value_start = start;
                self.effects.push(Effect::BodyValues(ticket, path, part));
            }
        }
    }

    pub(super) fn dialog_key(&mut self, chord: Chord) {
        let Some(dialog) = self.dialog.take() else { return };
        if chord.code() == KeyCode::Esc || chord.has_ctrl() && chord.code() == KeyCode::Char('c') {
            return;
        }
        match dialog {
            Dialog::Ask(mut ask) if chord.code() == KeyCode::Enter => {
                let answer = ask.input.value().trim().to_owned();
                match self.answered(&ask.what, &answer) {
                    Ok(()) => {}
                    Err(why) => {
                        ask.error = Some(why);
                        self.dialog = Some(Dialog::Ask(ask));
                    }
                }
            }
            Dialog::Ask(mut ask) => {
                if let Some(request) = edit(chord) {
                    ask.input.handle(request);
                    ask.error = None;
                }
                self.dialog = Some(Dialog::Ask(ask));
            }
            Dialog::Menu(mut menu) => {
                let by_key = chord.typed().and_then(|typed| menu.items.iter().find(|item| item.key == typed)).cloned();
                let at_cursor = menu.items.get(menu.scroll.at).filter(|_| chord.code() == KeyCode::Enter).cloned();
                if let Some(item) = by_key.or(at_cursor) {
                    self.pick(item.pick);
                    return;
                }
                if let Some(step) = step(chord) {
                    menu.scroll.go(step, menu.items.len(), SEEN);
                }
                self.dialog = Some(Dialog::Menu(menu));
            }
            Dialog::Palette(palette) => self.palette_key(palette, chord),
        }
    }

    fn palette_key(&mut self, mut palette: CommandPalette, chord: Chord) {
        if chord.code() == KeyCode::Enter {
            if let Some(action) = palette.found.get(palette.scroll.at).copied() {
                if action.about().places.contains(&self.place()) {
                    self.act(action);
                } else {
                    let places: Vec<&str> = action.about().places.iter().map(|place| place.name()).collect();
                    self.say(Role::Warn, format!("{} can be done in: {}", action.about().name, places.join(", ")));
                }
            }
            return;
        }
        let is_typed = matches!(chord.typed(), Some('j' | 'k' | 'g' | 'G'));
        if let Some(step) = step(chord).filter(|_| !is_typed) {
            palette.scroll.go(step, palette.found.len(), SEEN);
        } else if let Some(request) = edit(chord) {
            palette.input.handle(request);
            palette.find();
        }
        self.dialog = Some(Dialog::Palette(palette));
    }

    /// Acts on an answer, or returns the reason why it can't be accepted.
    fn answered(&mut self, what: &What, answer: &str) -> Result<(), String> {
        let text = Some(answer.to_owned()).filter(|text| !text.is_empty());
        match what {
            What::Settle(event, filter) => {
                let reason = text.ok_or("a reason is needed: the next shift will ask")?;
                self.effects.push(Effect::Settle(filter.clone(), *event, Some(reason)));
            }
            What::KeepEdit => {
                let Some(review) = self.review.take() else { return Ok(()) };
                self.places.retain(|place| *place != Zone::Review);
                if let Ok(body) = review.result {
                    let (sha, file) = (review.edited.sha, review.edited.file);
                    self.effects.push(Effect::Keep { id: review.id, sha, body, reason: text, file });
                }
            }
            What::PlanReason => {
                if let Some(plan) = &mut self.plan {
                    plan.reason = text;
                }
            }
            What::Send(wanted) if answer == wanted => self.send(),
            What::Send(wanted) => return Err(format!("that is not {wanted}; nothing was sent")),
            What::Rate => {
                let rate = text
                    .map(|text| text.parse::<f64>().ok().filter(|r| r.is_finite() && *r > 0.0))
                    .map_or(Ok(None), |rate| {
                        rate.map(Some).ok_or("a number above zero, as 0.5 or 20; or nothing for no limit")
                    })?;
                self.set_rate(rate);
            }
            What::Export(filter) => {
                let file = text.ok_or("a file is needed")?;
                self.effects.push(Effect::Export(filter.clone(), file.into()));
            }
        }
        Ok(())
    }

    pub(super) fn pick(&mut self, pick: Pick) {
        match pick {
            Pick::Copy(what, text) => self.effects.push(Effect::Copy(what, text)),
            Pick::Settle(event, filter) => {
                let words = if event == Settling::Applied { "them" } else { "them yet" };
                self.ask_reason(event, filter, words);
            }
            Pick::Allow(hazard) => self.change_plan(|terms| match terms.allowed.iter().position(|h| *h == hazard) {
                Some(at) => drop(terms.allowed.remove(at)),
                None => terms.allowed.push(hazard),
            }),
            Pick::Filter(query) => {
                self.filter.clear();
                self.filter.set(&query);
                self.show_list(Zone::Writes);
                self.filter_changed();
            }
            Pick::StopAndQuit => {
                self.quits_after_run = true;
                self.stop_run();
            }
            Pick::Nothing => {}
        }
    }

    pub(super) fn paste(&mut self, text: &str) {
        let typed = text.lines().next().unwrap_or_default().chars().filter(|c| !c.is_control());
        let put = |input: &mut Input| {
            for c in typed {
                input.handle(InputRequest::InsertChar(c));
            }
        };
        match &mut self.dialog {
            Some(Dialog::Ask(ask)) => put(&mut ask.input),
            Some(Dialog::Palette(palette)) => {
                put(&mut palette.input);
                palette.find();
            }
            Some(Dialog::Menu(_)) => {}
            None if self.filter.is_typing => {
                put(&mut self.filter.input);
                self.filter_changed();
            }
            None => {}
        }
    }
}

/// Returns the edit that a key makes in a line of text.
fn edit(chord: Chord) -> Option<InputRequest> {
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
fn step(chord: Chord) -> Option<ScrollStep> {
    Some(match chord.code() {
        KeyCode::Up | KeyCode::Char('k') => ScrollStep::Lines(-1),
        KeyCode::Down | KeyCode::Char('j') => ScrollStep::Lines(1),
        KeyCode::PageUp => ScrollStep::Pages(-1),
        KeyCode::PageDown => ScrollStep::Pages(1),
        KeyCode::Home => ScrollStep::First,
        KeyCode::End => ScrollStep::Last,
        _ => return None,
    })
}
