//! An edit under review, before it is kept.

use std::path::PathBuf;

use ratatui::layout::Rect;

use super::write::diff;
use crate::domain::ids::WriteId;
use crate::tui::actions::{Action, Zone};
use crate::tui::dialogs::{Ask, Dialog, What};
use crate::tui::frame;
use crate::tui::goals::{Go, Reviewed};
use crate::tui::keymap::Chord;
use crate::tui::msg::{Deed, ScreenId};
use crate::tui::page::TextPage;
use crate::tui::paint::Painter;
use crate::tui::rows::{Pieces, wrapped};
use crate::tui::screen::{Cx, Screen, Shared};
use crate::tui::scroll::ScrollStep;
use crate::tui::theme::Role;

/// The review of an edit.
#[derive(Debug)]
pub struct Review {
    screen: ScreenId,
    edit: Reviewed,
    /// Lines to show: a diff, or the text if it can't be a body.
    lines: Vec<Pieces>,
    page: TextPage,
    /// True once the edit is kept, or edited again.
    is_over: bool,
}

impl Review {
    pub(super) fn open(screen: ScreenId, edit: Reviewed) -> Self {
        let lines: Vec<(Role, String)> = if let Ok(body) = &edit.result {
            diff(&edit.edited.before, body)
        } else {
            let text = edit.edited.text.lines().enumerate();
            text.map(|(n, line)| (Role::Text, format!("{:>4}  {line}", n + 1))).collect()
        };
        let lines = lines.into_iter().map(|line| vec![line]).collect();
        Self { screen, edit, lines, page: TextPage::default(), is_over: false }
    }

    /// Returns the areas of the heading and of the lines.
    fn areas(area: Rect) -> (Rect, Rect) {
        let mut rest = Rect { x: area.x + 1, width: area.width.saturating_sub(1), ..area };
        let heading = frame::take(&mut rest, 2);
        (heading, rest)
    }
}

impl Screen for Review {
    fn zone(&self) -> Zone {
        Zone::Review
    }

    fn id(&self) -> ScreenId {
        self.screen
    }

    fn act(&mut self, action: Action, cx: &mut Cx<'_>) {
        match action {
            Action::KeepEdit => match &self.edit.result {
                Ok(_) => {
                    let notes = vec!["For the record; may be empty.".to_owned()];
                    cx.open(Dialog::Ask(Ask::new(What::KeepEdit, "Why was it edited?", notes, "")));
                }
                Err(why) => cx.say(Role::Bad, format!("it can't be kept: {why}")),
            },
            Action::EditAgain => {
                self.is_over = true;
                cx.deed(Deed::EditAgain(self.edit.id, Box::new(self.edit.edited.clone())));
                cx.go(Go::Back);
            }
            other => {
                let area = Self::areas(cx.area).1;
                self.page.act(other, &wrapped(&self.lines, area.width.into()), area);
            }
        }
    }

    fn is_typing(&self) -> bool {
        self.page.is_typing()
    }

    fn key(&mut self, chord: Chord, cx: &mut Cx<'_>) {
        let area = Self::areas(cx.area).1;
        self.page.key(chord, &wrapped(&self.lines, area.width.into()), area);
    }

    fn paste(&mut self, text: &str, cx: &mut Cx<'_>) {
        let area = Self::areas(cx.area).1;
        self.page.paste(text, &wrapped(&self.lines, area.width.into()), area);
    }

    fn back(&mut self, _cx: &mut Cx<'_>) -> bool {
        self.page.back()
    }

    fn scroll(&mut self, step: ScrollStep, cx: &mut Cx<'_>) {
        let area = Self::areas(cx.area).1;
        self.page.scroll(step, &wrapped(&self.lines, area.width.into()), area);
    }

    fn refresh(&mut self, _cx: &mut Cx<'_>) {}

    fn answered(&mut self, what: &What, answer: &str, cx: &mut Cx<'_>) -> Result<(), String> {
        if let (What::KeepEdit, Ok(body)) = (what, &self.edit.result) {
            self.is_over = true;
            cx.deed(Deed::Keep {
                id: self.edit.id,
                sha: self.edit.edited.sha,
                body: body.clone(),
                reason: Some(answer.to_owned()).filter(|reason| !reason.is_empty()),
                file: self.edit.edited.file.clone(),
            });
            cx.go(Go::Back);
        }
        Ok(())
    }

    fn leave(&mut self, cx: &mut Cx<'_>) {
        if !self.is_over {
            cx.say(Role::Text, format!("not kept; what was typed is in {}", self.edit.edited.file.display()));
        }
    }

    fn unkept(&self) -> Option<(WriteId, PathBuf)> {
        (!self.is_over).then(|| (self.edit.id, self.edit.edited.file.clone()))
    }

    fn draw(&self, _world: &Shared, area: Rect, p: &mut Painter<'_>) {
        let (heading, inside) = Self::areas(area);
        let id = self.edit.id;
        let (role, text) = match &self.edit.result {
            Ok(_) => (Role::Strong, format!("Write {id}: this is what the edit changes. Nothing is kept yet.")),
            Err(why) => (Role::Bad, format!("Write {id} can't be kept like this: {why}")),
        };
        p.text(heading.x, heading.y, heading.width, &text, role);
        if self.edit.result.is_err() {
            let kept = format!("What was typed is in {}", self.edit.edited.file.display());
            p.text(heading.x, heading.y + 1, heading.width, &kept, Role::Faint);
        }
        self.page.draw(&wrapped(&self.lines, inside.width.into()), inside, p);
    }
}
