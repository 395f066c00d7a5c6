//! Replays: planning one, sending it, and controlling it while it runs.

use std::sync::Arc;

use super::actions::Zone;
use super::app::{App, Marked};
use super::msg::{Chosen, Effect, PlanChoices, Start};
use super::state::dialog::{Item, Pick, What};
use super::state::filter_line::States;
use super::state::plan::{Confirm, PlanScreen, Purpose, step};
use super::state::run::RunScreen;
use super::theme::Role;
use crate::domain::filter::{Filter, NumberField, Range, Test};
use crate::domain::hazard::Hazard;
use crate::domain::ids::RunId;
use crate::domain::run::Wanted;
use crate::domain::selection::Selection;
use crate::render::count::{thousands, writes};
use crate::render::words;
use crate::store::WishChange;

/// The most requests per write, as on the command line.
const ATTEMPTS: u32 = 5;

impl App {
    pub(super) fn plan(&mut self, purpose: Purpose) {
        if purpose != Purpose::DryRun && self.leads_to_own() {
            return;
        }
        let Some(subject) = self.subject() else { return };
        let chosen = Chosen::Matching(subject.filter.clone());
        self.show_plan(PlanScreen::new(purpose, chosen, subject.filter, subject.selection, subject.words));
    }

    /// Shows this process's run if one is under way, because only one may be. Returns true if so.
    fn leads_to_own(&mut self) -> bool {
        if !self.is_sending() {
            return false;
        }
        self.say(Role::Warn, "this replay is still under way: stop it or wait for it first");
        self.show_own();
        if self.place() != Zone::Run {
            self.places.push(Zone::Run);
        }
        true
    }

    pub(super) fn continue_run(&mut self) {
        let from_list = (self.place() == Zone::Runs).then(|| self.current_run().map(|run| run.id)).flatten();
        let Some(id) = from_list.or_else(|| self.run.as_ref().and_then(|run| run.id)) else { return };
        if self.leads_to_own() {
            return;
        }
        let filter = run_filter(id);
        let plan = {
            let selection = Selection { continues: Some(id), ..Selection::of_words(&format!("run:{id}")) };
            let words = format!("what run {id} has left");
            PlanScreen::new(Purpose::Replay, Chosen::RestOf(id), filter, selection, words)
        };
        self.places.truncate(1);
        self.show_plan(plan);
    }

    pub(super) fn show_plan(&mut self, mut plan: PlanScreen) {
        plan.ticket = self.ticket();
        self.effects.push(Effect::Prepare(plan.ticket, plan.chosen.clone(), plan.terms.clone()));
        self.plan = Some(plan);
        self.places.push(Zone::Plan);
    }

    /// Changes the terms and makes the plan again.
    pub(super) fn change_plan(&mut self, change: impl FnOnce(&mut PlanChoices)) {
        let ticket = self.ticket();
        if let Some(plan) = &mut self.plan {
            change(&mut plan.terms);
            plan.ticket = ticket;
            plan.prepared = None;
            self.effects.push(Effect::Prepare(ticket, plan.chosen.clone(), plan.terms.clone()));
        }
    }

    pub(super) fn confirm(&mut self) {
        let Some(plan) = &self.plan else { return };
        let (Some(confirm), Some(prepared)) = (plan.confirm(), &plan.prepared) else { return };
        let base = prepared.base_url.as_ref().map(ToString::to_string).unwrap_or_default();
        let count = prepared.count();
        let mut notes = vec![format!("{} will be sent to {base}.", writes(count as u64))];
        for hazard in plan.overridden() {
            notes.push(format!("Overridden: {hazard}: {}", words::hazard(hazard)));
        }
        match confirm {
            Confirm::Enter => self.send(),
            Confirm::Count(n) => {
                notes.push(format!("Type {n} to send them."));
                self.ask_with(What::Send(n.to_string()), "Send?", notes, "");
            }
            Confirm::Target(name) => {
                notes.push(format!("Type the target's name, {name}, to send them."));
                self.ask_with(What::Send(name), "Send?", notes, "");
            }
        }
    }

    /// Starts a run of the plan on the screen.
    pub(super) fn send(&mut self) {
        if self.leads_to_own() {
            return;
        }
        let Some(plan) = self.plan.take() else { return };
        let Some(prepared) = plan.prepared else { return };
        let mut run = RunScreen::own(Arc::clone(&prepared), self.now);
        let is_trial = plan.purpose == Purpose::TryOne;
        if is_trial && let Some(id) = prepared.plan.send.first().map(|write| write.id) {
            run.trial = Some(id);
            self.show_detail(Some(id));
        }
        self.run = Some(run);
        self.parked = None;
        self.places.pop();
        self.places.push(if is_trial { Zone::Trial } else { Zone::Run });
        self.marks = Marked::default();
        self.effects.push(Effect::Start(Box::new(Start {
            prepared,
            selection: plan.selection,
            filter: plan.filter,
            reason: plan.reason,
            canaries: usize::from(!is_trial),
            max_attempts: if is_trial { 1 } else { ATTEMPTS },
        })));
    }

    pub(super) fn hazards(&mut self) {
        let Some(plan) = &self.plan else { return };
        let refusing = plan.refusing();
        if refusing.is_empty() {
            self.say(Role::Text, "nothing is refused by a hazard you can override");
            return;
        }
        let item = |((hazard, n), key): ((Hazard, usize), char)| {
            let mark = if plan.terms.allowed.contains(&hazard) { "x" } else { " " };
            Item {
                key,
                text: format!("[{mark}] {hazard} ({}): {}", thousands(n as u64), words::hazard(hazard)),
                pick: Pick::Allow(hazard),
            }
        };
        let items = refusing.into_iter().zip('1'..='9').map(item).collect();
        self.menu("Override a hazard? The API may then hold a write twice", items);
    }

    pub(super) fn pace(&mut self, more: bool) {
        if self.place() == Zone::Plan {
            self.change_plan(|terms| terms.pace.concurrency = step(terms.pace.concurrency, more));
            return;
        }
        if self.run.as_ref().is_some_and(|run| !run.is_own()) {
            let hint = "another process sets this run's pace: change it with dlq runs pace";
            self.say(Role::Warn, hint);
            return;
        }
        let Some(run) = self.run.as_mut().filter(|run| run.is_under_way()) else { return };
        run.asked.concurrency = step(run.asked.concurrency, more);
        let change = WishChange { concurrency: Some(run.asked.concurrency), ..WishChange::default() };
        if let Some(id) = run.id {
            self.effects.push(Effect::Ask(id, change));
        }
    }

    pub(super) fn set_rate(&mut self, rate: Option<f64>) {
        if self.place() == Zone::Plan {
            self.change_plan(|terms| terms.pace.rate = rate);
            return;
        }
        let Some(run) = &mut self.run else { return };
        run.asked.rate = rate;
        if let Some(id) = run.id {
            self.effects.push(Effect::Ask(id, WishChange { rate: Some(rate.unwrap_or(0.0)), ..WishChange::default() }));
        }
    }

    pub(super) fn pause(&mut self) {
        let Some(run) = &mut self.run else { return };
        run.is_paused = !run.is_paused;
        let wanted = if run.is_paused { Wanted::Pause } else { Wanted::Go };
        if let Some(id) = run.id {
            self.effects.push(Effect::Ask(id, WishChange { wanted: Some(wanted), ..WishChange::default() }));
        }
    }

    /// Asks the run to finish what is in flight and then end.
    pub(super) fn stop_run(&mut self) {
        let Some(run) = &mut self.run else { return };
        run.is_stopping = true;
        if let Some(id) = run.id {
            let wanted = Some(Wanted::Stop);
            self.effects.push(Effect::Ask(id, WishChange { wanted, ..WishChange::default() }));
        }
    }

    pub(super) fn run_writes(&mut self) {
        let Some(id) = self.run.as_ref().and_then(|run| run.id) else { return };
        self.filter.clear();
        self.filter.set(&format!("run:{id}"));
        self.filter.states = States::All;
        self.show_list(Zone::Writes);
        self.came_from_run = true;
        self.filter_changed();
    }
}

/// Returns a filter for the writes of a run.
fn run_filter(run: RunId) -> Filter {
    let range = Range { min: Some(run.0), max: Some(run.0) };
    Filter::default().and(Test::Number(NumberField::Run, vec![range]))
}
