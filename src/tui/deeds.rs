//! Actions on writes, whichever screen they are chosen on: plan, settle, edit, copy, export.

use super::actions::{Action, Zone};
use super::aim::Aim;
use super::dialogs::{Ask, Dialog, Item, Menu, Pick, What, When};
use super::goals::{Go, Next, Pair, PlanOrder, Purpose, Query, States};
use super::msg::{Chosen, Deed, TerminalRequest};
use super::screen::{Cx, RunShown, Screen};
use super::screens::write::curl_line;
use super::theme::Role;
use crate::domain::action::Settling;
use crate::domain::filter::{Filter, NumberField, Range, Test};
use crate::domain::ids::RunId;
use crate::domain::lane::Superseder;
use crate::domain::selection::Selection;
use crate::domain::state::State;
use crate::store::SplitWhich;

/// Performs an action on the writes of a screen. Returns false if the action is not one of those.
pub(super) fn perform(action: Action, screen: &dyn Screen, cx: &mut Cx<'_>) -> bool {
    match action {
        Action::Replay => plan(Purpose::Replay, screen, cx),
        Action::TryOne => plan(Purpose::TryOne, screen, cx),
        Action::DryRun => plan(Purpose::DryRun, screen, cx),
        Action::Continue => continue_run(screen, cx),
        Action::Discard => {
            if let Some(aim) = screen.aim(cx.shared) {
                let filter = that_are_there(&aim, cx);
                ask_reason(Settling::Discard, filter, &aim.words, cx);
            }
        }
        Action::Resolve => resolve(screen, cx),
        Action::Edit => {
            if let Some(view) = screen.write() {
                cx.deed(Deed::Edit(view.write.id));
            }
        }
        Action::Copy => copy(screen, cx),
        Action::Related => related(screen, cx),
        Action::Split => split(screen, cx),
        Action::When => match cx.shared.overview.span {
            Some(span) => cx.open(Dialog::When(When::new(span, &cx.shared.overview.arrivals))),
            None => cx.say(Role::Text, "nothing has been read yet"),
        },
        Action::Compare => match (screen.pair(), screen.write()) {
            (Some(pair), _) => cx.go(Go::Over(Next::Compare(pair))),
            (None, Some(view)) if view.write.revision > 0 => {
                cx.go(Go::Over(Next::Compare(Pair::Revisions(view.write.id))));
            }
            _ => cx.say(
                Role::Text,
                "mark two writes to compare them; one write is compared with its captured body once it is edited",
            ),
        },
        Action::Common => {
            let aim = screen.wider(cx.shared).or_else(|| screen.aim(cx.shared));
            if let Some(aim) = aim {
                cx.go(Go::Over(Next::Common(Box::new(aim))));
            }
        }
        Action::Unsplit => {
            if let Some(view) = screen.write() {
                let id = view.write.id;
                let notes = vec!["Its parts are deleted, and it is what it was before.".to_owned()];
                cx.open(Dialog::Ask(Ask::new(
                    What::Unsplit(id),
                    format!("Why is the split of {id} taken back?"),
                    notes,
                    "",
                )));
            }
        }
        Action::Export if screen.zone() != Zone::Shift => export(screen, cx),
        _ => return false,
    }
    true
}

/// Acts on a choice in a menu that was opened here. Returns it if it is not one of those.
pub(super) fn picked(pick: Pick, cx: &mut Cx<'_>) -> Option<Pick> {
    match pick {
        Pick::Copy(what, text) => cx.terminal(TerminalRequest::Copy(what, text)),
        Pick::Settle(event, filter) => {
            let words = if event == Settling::Applied { "them" } else { "them yet" };
            ask_reason(event, filter, words, cx);
        }
        Pick::Writes(query) => cx.go(Go::Over(Next::Writes(query))),
        Pick::Write(id) => cx.go(Go::Over(Next::Write(id))),
        Pick::Split(id, which) => {
            let notes = vec!["For the record. The batch is settled; unsplit takes it back.".to_owned()];
            cx.open(Dialog::Ask(Ask::new(What::Split(id, which), format!("Why is write {id} split?"), notes, "")));
        }
        other => return Some(other),
    }
    None
}

/// Acts on an answer to a question that was asked here; `None` if it is not one of those.
pub(super) fn answered(what: &What, answer: &str, cx: &mut Cx<'_>) -> Option<Result<(), String>> {
    match what {
        What::Settle(event, filter) => {
            if answer.is_empty() {
                return Some(Err("a reason is needed: the next shift will ask".to_owned()));
            }
            cx.deed(Deed::Settle(filter.clone(), *event, Some(answer.to_owned())));
        }
        What::Export(filter) => {
            if answer.is_empty() {
                return Some(Err("a file is needed".to_owned()));
            }
            cx.deed(Deed::Export(filter.clone(), answer.into()));
        }
        What::Split(..) | What::Unsplit(_) if answer.is_empty() => {
            return Some(Err("a reason is needed: the next shift will ask".to_owned()));
        }
        What::Split(id, which) => cx.deed(Deed::Split(*id, *which, answer.to_owned())),
        What::Unsplit(id) => cx.deed(Deed::Unsplit(*id, answer.to_owned())),
        What::SaveReport
        | What::KeepEdit
        | What::PlanReason
        | What::Send(_)
        | What::Rate
        | What::Note(_)
        | What::ParkUntil(_) => return None,
    }
    Some(Ok(()))
}

fn plan(purpose: Purpose, screen: &dyn Screen, cx: &mut Cx<'_>) {
    if purpose != Purpose::DryRun && leads_to_own(screen, cx) {
        return;
    }
    let Some(aim) = screen.aim(cx.shared) else { return };
    let wider = screen.wider(cx.shared).filter(|_| purpose == Purpose::Replay);
    cx.go(Go::Over(Next::Plan(Box::new(PlanOrder::of(purpose, aim, wider)))));
}

fn continue_run(screen: &dyn Screen, cx: &mut Cx<'_>) {
    let id = match screen.run() {
        Some(RunShown::Own) => cx.shared.sending.as_ref().and_then(|own| own.id),
        Some(RunShown::Other(id)) => Some(id),
        None => None,
    };
    let Some(id) = id else { return };
    if leads_to_own(screen, cx) {
        return;
    }
    cx.go(Go::OverBase(Next::Plan(Box::new(PlanOrder {
        purpose: Purpose::Replay,
        chosen: Chosen::RestOf(id),
        filter: run_filter(id),
        selection: Selection { continues: Some(id), ..Selection::of_words(&format!("run:{id}")) },
        words: format!("what run {id} has left"),
        wider: None,
    }))));
}

/// Shows this process's run if one is under way, because only one may be. Returns true if so.
fn leads_to_own(screen: &dyn Screen, cx: &mut Cx<'_>) -> bool {
    if !cx.shared.is_sending() {
        return false;
    }
    cx.say(Role::Warn, "this replay is still under way: stop it or wait for it first");
    if screen.zone() == Zone::Run {
        cx.go(Go::Instead(Next::OwnRun));
    } else {
        cx.go(Go::Over(Next::OwnRun));
    }
    true
}

/// Returns a filter for the writes of a run.
fn run_filter(run: RunId) -> Filter {
    let range = Range { min: Some(run.0), max: Some(run.0) };
    Filter::default().and(Test::Number(NumberField::Run, vec![range]))
}

/// Narrows a filter to the writes known now: later ones must not be settled for a reason given before they came in. Of a
/// group, only open writes are taken; a single write that can't be settled is refused with a reason.
fn that_are_there(aim: &Aim, cx: &Cx<'_>) -> Filter {
    let known = Range { min: None, max: cx.shared.overview.last_id.map(|id| id.0) };
    let filter = aim.filter.clone().and(Test::Number(NumberField::Id, vec![known]));
    if aim.is_group { filter.and(Test::State(State::OPEN.to_vec())) } else { filter }
}

fn ask_reason(event: Settling, filter: Filter, words: &str, cx: &mut Cx<'_>) {
    let (title, note) = match event {
        Settling::Discard => (format!("Give up on {words}? Say why"), "Nothing is deleted; undo takes it back."),
        Settling::Applied => (
            format!("The API has {words}. Who looked, and how?"),
            "They are settled: nothing is sent any more. Undo takes it back.",
        ),
        _ => (
            format!("The API does not have {words}. Who looked, and how?"),
            "They may be sent again, even outside the key window. This can't be undone here.",
        ),
    };
    cx.open(Dialog::Ask(Ask::new(What::Settle(event, filter), title, vec![note.to_owned()], "")));
}

fn resolve(screen: &dyn Screen, cx: &mut Cx<'_>) {
    let Some(aim) = screen.aim(cx.shared) else { return };
    let filter = that_are_there(&aim, cx);
    let item = |key: char, text: &str, event: Settling| Item::new(key, text, Pick::Settle(event, filter.clone()));
    let items = vec![
        Item::new('x', "neither: go on looking", Pick::Nothing),
        item('a', "applied: the API has them; nothing is sent any more", Settling::Applied),
        item('n', "not applied: the API does not have them; they may be sent", Settling::NotApplied),
    ];
    cx.open(Dialog::Menu(Menu::new(format!("You looked in the API for {}", aim.words), items)));
}

fn copy(screen: &dyn Screen, cx: &mut Cx<'_>) {
    let Some(view) = screen.write() else { return };
    let mut items = vec![to_copy('k', "the key", view.write.key.to_string())];
    if let Some(cid) = &view.write.failure.correlation_id {
        items.push(to_copy('c', "the correlation ID", cid.clone()));
    }
    if let Some(detail) = screen.detail()
        && let Some(body) = &detail.view.body
    {
        items.push(to_copy('u', "a curl line without the token", curl_line(detail)));
        items.push(to_copy('b', "the body", String::from_utf8_lossy(body).into_owned()));
    }
    if let Some((path, value)) = screen.value() {
        items.extend((!path.is_empty()).then(|| to_copy('p', "the path of the value under the cursor", path)));
        items.push(to_copy('v', "the value under the cursor", value));
    }
    cx.open(Dialog::Menu(Menu::new(format!("Copy of write {}", view.write.id), items)));
}

fn to_copy(key: char, what: &'static str, text: String) -> Item {
    let shown: String = text.chars().take(60).collect();
    Item::new(key, format!("{what}  {shown}"), Pick::Copy(what, text))
}

/// Opens the menu of writes that have to do with this one.
fn related(screen: &dyn Screen, cx: &mut Cx<'_>) {
    let Some(view) = screen.write() else { return };
    let write = &view.write;
    let query = |field: &str, value: &str| {
        let quoted = format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""));
        Pick::Writes(Query { text: format!("{field}:{quoted}"), states: States::All, order: None })
    };
    let mut items = Vec::new();
    let mut add = |text: String, pick: Pick| {
        let key = KEYS.get(items.len()).copied().unwrap_or(' ');
        items.push(Item::new(key, text, pick));
    };
    if let Some(lane) = write.lane.as_deref().filter(|_| view.lanes == 1) {
        add(format!("same record: lane {lane}"), query("lane", lane));
    }
    add(format!("same key: {}", write.key), query("key", write.key.as_str()));
    if let Some(cid) = &write.failure.correlation_id {
        add(format!("same correlation ID: {cid}"), query("cid", cid));
    }
    add(
        format!("same cause: group {}", write.group),
        Pick::Writes(Query { text: format!("group:{}", write.group), states: States::All, order: None }),
    );
    if let Some(parent) = write.parent {
        add(format!("its batch: write {parent}"), Pick::Write(parent));
    }
    if write.parts.is_some() {
        let text = format!("parent:{}", write.id);
        add("its parts".to_owned(), Pick::Writes(Query { text, states: States::All, order: None }));
    }
    if let Some(id) = write.blocked_by {
        add(format!("what blocks it: write {id}, which has to go first"), Pick::Write(id));
    }
    let superseded_by = match write.superseded_by {
        Some(Superseder::Write(id)) => Some(id),
        Some(Superseder::Success(_)) | None => None,
    };
    if let Some(id) = superseded_by {
        add(format!("what superseded it: write {id}, newer and in the API"), Pick::Write(id));
    }
    let named = [write.blocked_by, superseded_by];
    let mates = screen.detail().into_iter().flat_map(|detail| &detail.neighbours);
    for mate in mates.filter(|mate| !named.contains(&Some(mate.id))) {
        let side = if mate.older { "before it in its lane" } else { "after it in its lane" };
        add(format!("{side}: write {} ({})", mate.id, mate.state), Pick::Write(mate.id));
    }
    cx.open(Dialog::Menu(Menu::new(format!("Related to write {}", write.id), items)));
}

/// Keys of the choices of a menu that is as long as it has to be.
const KEYS: [char; 9] = ['1', '2', '3', '4', '5', '6', '7', '8', '9'];

fn split(screen: &dyn Screen, cx: &mut Cx<'_>) {
    let Some(id) = screen.write().map(|view| view.write.id) else { return };
    if screen.detail().is_some() && screen.records().is_none_or(|records| records < 2) {
        return cx.say(Role::Text, format!("write {id} is not a batch"));
    }
    let item = |key, text: &str, pick| Item::new(key, text, pick);
    let items = vec![
        item('x', "neither: leave the batch as it is", Pick::Nothing),
        item('a', "all records: each becomes a write of its own", Pick::Split(id, SplitWhich::All { size: 1 })),
        item('r', "only the records that an answer has rejected", Pick::Split(id, SplitWhich::Rejected)),
    ];
    cx.open(Dialog::Menu(Menu::new(format!("Split write {id}?"), items)));
}

fn export(screen: &dyn Screen, cx: &mut Cx<'_>) {
    let Some(aim) = screen.aim(cx.shared) else { return };
    let notes = vec![format!("{}, as lines that dlq ingest takes back; the file must not exist.", aim.words)];
    let ask = Ask::new(What::Export(aim.filter), "Export to which file?", notes, "export.ndjson");
    cx.open(Dialog::Ask(ask));
}
