//! Actions on writes that send nothing: edit, discard, resolve, copy, export, undo.

use super::actions::Zone;
use super::app::{App, Undo};
use super::msg::Effect;
use super::state::dialog::{Item, Pick, What};
use super::theme::Role;
use crate::domain::action::Settling;
use crate::domain::filter::{Filter, NumberField, Range, Test};
use crate::domain::state::State;

impl App {
    pub(super) fn edit(&mut self) {
        // Rows of the list have no body: the effect reads it first.
        let Some(view) = self.current_write() else { return };
        self.effects.push(Effect::Edit(Box::new(view.clone())));
    }

    pub(super) fn keep_edit(&mut self) {
        match self.review.as_ref().map(|review| &review.result) {
            Some(Ok(_)) => self.ask(What::KeepEdit, "Why was it edited?", &["For the record; may be empty."], ""),
            Some(Err(why)) => {
                let why = format!("it can't be kept: {why}");
                self.say(Role::Bad, why);
            }
            None => {}
        }
    }

    pub(super) fn ask_to_settle(&mut self, event: Settling) {
        let Some(subject) = self.subject() else { return };
        self.ask_reason(event, self.that_are_there(subject.filter), &subject.words);
    }

    /// Narrows a filter to the writes known now: later ones must not be settled for a reason given before they came in. Of a
    /// group, only open writes are taken; a single write that can't be settled is refused with a reason.
    fn that_are_there(&self, filter: Filter) -> Filter {
        let known = Range { min: None, max: self.overview.last_id.map(|id| id.0) };
        let filter = filter.and(Test::Number(NumberField::Id, vec![known]));
        if self.place() == Zone::Groups { filter.and(Test::State(State::OPEN.to_vec())) } else { filter }
    }

    pub(super) fn ask_reason(&mut self, event: Settling, filter: Filter, words: &str) {
        let title = match event {
            Settling::Discard => format!("Give up on {words}? Say why"),
            Settling::Applied => format!("The API has {words}. Who looked, and how?"),
            _ => format!("The API does not have {words}. Who looked, and how?"),
        };
        let note = match event {
            Settling::Discard => "Nothing is deleted; undo takes it back.",
            Settling::Applied => "They are settled: nothing is sent any more. Undo takes it back.",
            _ => "They may be sent again, even outside the key window. This can't be undone here.",
        };
        self.ask_with(What::Settle(event, filter), &title, vec![note.to_owned()], "");
    }

    pub(super) fn resolve(&mut self) {
        let Some(subject) = self.subject() else { return };
        let filter = self.that_are_there(subject.filter.clone());
        let item = |key: char, text: &str, event: Settling| Item {
            key,
            text: text.to_owned(),
            pick: Pick::Settle(event, filter.clone()),
        };
        let neither = Item { key: 'x', text: "neither: go on looking".to_owned(), pick: Pick::Nothing };
        let items = vec![
            neither,
            item('a', "applied: the API has them; nothing is sent any more", Settling::Applied),
            item('n', "not applied: the API does not have them; they may be sent", Settling::NotApplied),
        ];
        self.menu(&format!("You looked in the API for {}", subject.words), items);
    }

    pub(super) fn undo(&mut self) {
        match self.undo.pop() {
            Some(Undo::Settled(ids)) => {
                let reason = Some("undone in the terminal UI".to_owned());
                self.effects.push(Effect::SettleThese(ids, Settling::Reopen, reason));
            }
            Some(Undo::Edit(id, revision)) => self.effects.push(Effect::Unkeep(id, revision)),
            None => {}
        }
    }

    pub(super) fn copy(&mut self) {
        let Some(view) = self.current_write() else { return };
        let id = view.write.id;
        let detail = self.detail.shown.as_ref().filter(|detail| detail.view.write.id == id);
        let mut items = vec![item_copy('k', "the key", view.write.key.to_string())];
        if let Some(cid) = &view.write.failure.correlation_id {
            items.push(item_copy('c', "the correlation ID", cid.clone()));
        }
        if let Some(detail) = detail
            && let Some(body) = &detail.view.body
        {
            let body = String::from_utf8_lossy(body).into_owned();
            items.push(item_copy('u', "a curl line without the token", super::curl::line(detail)));
            items.push(item_copy('b', "the body", body));
        }
        self.menu(&format!("Copy of write {id}"), items);
    }

    pub(super) fn export(&mut self) {
        let Some(subject) = self.subject() else { return };
        let notes = vec![format!("{}, as lines that dlq ingest takes back; the file must not exist.", subject.words)];
        self.ask_with(What::Export(subject.filter), "Export to which file?", notes, "export.ndjson");
    }
}

fn item_copy(key: char, what: &'static str, text: String) -> Item {
    let shown: String = text.chars().take(60).collect();
    Item { key, text: format!("{what}  {shown}"), pick: Pick::Copy(what, text) }
}
