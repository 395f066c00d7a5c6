//! Input: keys, pastes, the mouse, and what is typed into dialogs.

use std::time::Duration;

use crossterm::event::{KeyCode, MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::Position;

use super::App;
use crate::tui::actions::Action;
use crate::tui::deeds;
use crate::tui::dialogs::{Dialog, Item, Menu, Pick, Typed, What};
use crate::tui::footer;
use crate::tui::goals::Go;
use crate::tui::keymap::Chord;
use crate::tui::scroll::ScrollStep;
use crate::tui::theme::Role;

/// Pause in the typing after which keys are commands again.
const DEAF: Duration = Duration::from_millis(500);
/// Lines for each notch of the wheel.
const WHEEL: isize = 3;

impl App {
    pub(super) fn key(&mut self, chord: Chord) {
        let is_typing = self.current().is_typing();
        if self.dialog.is_none() && !is_typing && self.is_deaf() && is_of_typing(chord) {
            self.deaf_until = Some(self.shared.now.plus(DEAF));
            return;
        }
        // Toasts were about the screen as it was before this key.
        self.toasts.clear();
        if self.dialog.is_some() {
            self.dialog_key(chord);
        } else if is_typing {
            self.with_current(|screen, cx| screen.key(chord, cx));
        } else if let Some(action) = self.shared.setup.keymap.action(self.place(), chord) {
            self.act(action);
        } else {
            let mut text = format!("{chord} does nothing here; {} shows all keys", self.shared.key(Action::Help));
            if is_of_typing(chord) {
                self.deaf_until = Some(self.shared.now.plus(DEAF));
                text.push_str(". What is typed right after it is ignored");
            }
            self.say(Role::Text, text);
        }
    }

    fn is_deaf(&self) -> bool {
        self.deaf_until.is_some_and(|until| self.shared.now < until)
    }

    pub(super) fn paste(&mut self, text: &str) {
        match &mut self.dialog {
            Some(dialog) => dialog.paste(text),
            None => self.with_current(|screen, cx| screen.paste(text, cx)),
        }
    }

    fn dialog_key(&mut self, chord: Chord) {
        let Some(dialog) = &mut self.dialog else { return };
        match dialog.key(chord) {
            Typed::Stays => {}
            Typed::Cancels => self.dialog = None,
            Typed::Answers(what, answer) => self.answered(&what, &answer),
            Typed::Picks(pick) => {
                self.dialog = None;
                self.picked(pick);
            }
            Typed::Switches(pick) => self.picked(pick),
            Typed::Acts(action) => {
                self.dialog = None;
                self.act(action);
            }
        }
    }

    fn answered(&mut self, what: &What, answer: &str) {
        let (stack, mut cx) = self.parts();
        let accepted = match deeds::answered(what, answer, &mut cx) {
            Some(accepted) => accepted,
            None => stack.current_mut().answered(what, answer, &mut cx),
        };
        match (accepted, self.dialog.take()) {
            (Ok(()), Some(Dialog::Ask(ask))) => self.asked = Some(ask),
            (Err(why), Some(Dialog::Ask(mut ask))) => {
                ask.error = Some(why);
                self.dialog = Some(Dialog::Ask(ask));
            }
            _ => {}
        }
    }

    fn picked(&mut self, pick: Pick) {
        let (_, mut cx) = self.parts();
        match deeds::picked(pick, &mut cx) {
            None | Some(Pick::Nothing) => {}
            Some(Pick::StopAndQuit) => {
                self.quits_after_run = true;
                self.stop_own();
            }
            Some(other) => self.with_current(|screen, cx| screen.picked(other, cx)),
        }
    }

    pub(super) fn mouse(&mut self, event: MouseEvent) {
        let wheel = match event.kind {
            MouseEventKind::ScrollUp => Some(-WHEEL),
            MouseEventKind::ScrollDown => Some(WHEEL),
            _ => None,
        };
        if let Some(lines) = wheel {
            match &mut self.dialog {
                Some(dialog) => dialog.wheel(lines),
                None => self.scroll(ScrollStep::Lines(lines)),
            }
            return;
        }
        if self.dialog.is_some() {
            return;
        }
        let frame = self.frame();
        let at = Position { x: event.column, y: event.row };
        if event.kind != MouseEventKind::Down(MouseButton::Left) || frame.body.contains(at) {
            self.with_current(|screen, cx| screen.mouse(event, cx));
        } else if self.current().is_typing() {
            // The line takes a click elsewhere as its end.
            self.with_current(|screen, cx| screen.mouse(event, cx));
        } else if frame.footer.contains(at) {
            if let Some(action) = footer::hint_at(&self.hints(), at.x) {
                self.act(action);
            }
        } else if frame.tabs.contains(at)
            && let Some(base) = footer::list_at(at.x)
        {
            self.out.steps.push(Go::To(base));
        }
    }

    /// Opens the menu of the config's saved filters.
    pub(super) fn saved_filters(&mut self) {
        if self.shared.setup.saved.is_empty() {
            self.say(Role::Text, "the config has no saved filters: [ui.filters] name = \"query\"");
            return;
        }
        let items = self.shared.setup.saved.iter().zip("123456789abcdefghi".chars());
        let item = |((name, query), key): (&(String, String), char)| {
            Item::new(key, format!("{name}  {query}"), Pick::Filter(query.clone()))
        };
        self.dialog = Some(Dialog::Menu(Menu::new("Saved filters", items.map(item).collect())));
    }
}

/// Returns true if a key may belong to a text that somebody types, believing that a line takes it. Arrows, Esc and chords
/// with Ctrl do not.
fn is_of_typing(chord: Chord) -> bool {
    chord.typed().is_some() || matches!(chord.code(), KeyCode::Enter | KeyCode::Tab | KeyCode::Backspace)
}
