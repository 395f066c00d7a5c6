//! A question answered with a line of text.

use crossterm::event::KeyCode;
use ratatui::layout::Rect;
use tui_input::Input;

use super::Typed;
use crate::domain::action::Settling;
use crate::domain::filter::Filter;
use crate::domain::ids::{GroupId, WriteId};
use crate::store::SplitWhich;
use crate::tui::keymap::Chord;
use crate::tui::paint::{Painter, wrap};
use crate::tui::theme::Role;
use crate::tui::typing;

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
    /// The file to save a report to.
    SaveReport,
    /// The note on a group.
    Note(GroupId),
    /// The time until which a group is parked.
    ParkUntil(GroupId),
    /// The reason for splitting a batch.
    Split(WriteId, SplitWhich),
    /// The reason for taking a split back.
    Unsplit(WriteId),
}

impl Ask {
    /// Creates a question, with the start of an answer.
    pub fn new(what: What, title: impl Into<String>, notes: Vec<String>, start: &str) -> Self {
        Self { what, title: title.into(), notes, input: Input::new(start.to_owned()), error: None }
    }

    pub(super) fn key(&mut self, chord: Chord) -> Typed {
        if chord.code() == KeyCode::Enter {
            return Typed::Answers(self.what.clone(), self.input.value().trim().to_owned());
        }
        if let Some(request) = typing::edit(chord) {
            self.input.handle(request);
            self.error = None;
        }
        Typed::Stays
    }

    pub(super) fn paste(&mut self, text: &str) {
        typing::paste(&mut self.input, text);
        self.error = None;
    }

    pub(super) fn draw(&self, size: (u16, u16), p: &mut Painter<'_>) {
        let room = usize::from(size.0.saturating_sub(8).min(70));
        let mut lines: Vec<(Role, String)> = Vec::new();
        for note in &self.notes {
            lines.extend(wrap(note, room).into_iter().map(|line| (Role::Text, line)));
        }
        if let Some(error) = &self.error {
            lines.extend(wrap(error, room).into_iter().map(|line| (Role::Bad, line)));
        }
        let height = u16::try_from(lines.len()).unwrap_or(0) + 4;
        let inside = p.window(super::centred(size, 76, height), &self.title);
        for ((role, line), y) in lines.iter().zip(inside.top()..inside.bottom()) {
            p.text(inside.x, y, inside.width, line, *role);
        }
        let y = inside.bottom().saturating_sub(1);
        super::typed(&self.input, Rect { y, height: 1, ..inside }, p);
    }
}
