//! Answers to effects: rows, plans, runs, edits.

use std::sync::Arc;

use super::actions::{Action, Zone};
use super::app::{App, File, Review, Undo};
use super::msg::{Edited, Effect, Msg};
use super::state::complete::choices;
use super::state::detail::diff;
use super::state::run::RunScreen;
use super::state::scroll::Scroll;
use super::theme::Role;
use super::view::layout::Layout;
use crate::domain::action::Settling;
use crate::domain::group::Group;
use crate::domain::ids::RunId;
use crate::domain::ids::WriteId;
use crate::domain::run::{Run, Wanted};
use crate::render::count::{outcomes, writes};
use crate::render::words;
use crate::repair::{Outcome, check};
use crate::store::{Settled, WishChange};

impl App {
    pub(super) fn answer(&mut self, msg: Msg) {
        match msg {
            Msg::Opened(Ok(())) => {
                self.file = File::Open;
                self.refresh();
            }
            Msg::Opened(Err(why)) => self.file = File::Closed(why),
            Msg::Overview(overview) => self.overview = *overview,
            Msg::Groups(groups) => self.take_groups(groups),
            Msg::Runs(runs) => self.take_runs(runs),
            Msg::Page(ticket, rows) if ticket == self.page_ticket => {
                self.is_loading = false;
                self.writes.take(*rows, Layout::of(self).rows());
                self.follow_cursor();
                if self.reads_again {
                    self.refresh();
                }
            }
            Msg::Counted(ticket, count) if ticket == self.count_ticket => {
                self.count = Some(count);
                self.is_counting = false;
                if std::mem::take(&mut self.counts_again) {
                    self.read_count();
                }
            }
            Msg::Detail(id, Some(detail)) if self.detail.id == Some(id) => self.detail.take(detail),
            Msg::Detail(id, None) if self.detail.id == Some(id) => {
                self.detail.id = None;
                self.detail.shown = None;
                if self.place() == Zone::Detail {
                    self.places.pop();
                    self.say(Role::Warn, format!("write {id} is gone: it was purged"));
                }
            }
            Msg::Values(ticket, values) if ticket == self.filter.ticket && self.filter.is_typing => {
                self.filter.choices = choices(self.filter.value_start, values);
                self.filter.chosen = 0;
            }
            Msg::Prepared(ticket, result) => {
                if let Some(plan) = self.plan.as_mut().filter(|plan| plan.ticket == ticket) {
                    match result {
                        Ok(prepared) => {
                            plan.prepared = Some(Arc::from(prepared));
                            plan.error = None;
                        }
                        Err(why) => plan.error = Some(why),
                    }
                }
            }
            Msg::Began(_) | Msg::Run(_) | Msg::Ended(_) | Msg::RunIs(_) => self.answer_of_run(msg),
            Msg::Settled(event, Ok(settled)) => self.settled(event, settled),
            Msg::Edited(id, Ok(edited)) => self.edited(id, *edited),
            Msg::Kept(id, Ok(revision)) => {
                self.undo.push(Undo::Edit(id, revision));
                self.say(
                    Role::Good,
                    format!("write {id} has revision {revision} now; {} takes it back", self.key_of_undo()),
                );
                self.refresh();
            }
            Msg::Unkept(id, Ok(revision)) => {
                self.say(Role::Good, format!("write {id} is at revision {revision} again"));
                self.refresh();
            }
            Msg::Fixed => {
                if let Some(guide) = &mut self.guide {
                    guide.is_fixed = true;
                }
                self.say(Role::Good, "the schema has the field now");
            }
            Msg::Verdict(verdict) => {
                if let Some(guide) = &mut self.guide {
                    guide.verdict = Some(verdict);
                }
            }
            Msg::Job(job) => self.job = job,
            Msg::Done(Ok(text)) => self.say(Role::Good, text),
            Msg::Settled(_, Err(why))
            | Msg::Edited(_, Err(why))
            | Msg::Kept(_, Err(why))
            | Msg::Unkept(_, Err(why))
            | Msg::Done(Err(why))
            | Msg::Trouble(why) => {
                // Any request may be the one that failed, so all of them may be sent again.
                self.is_loading = false;
                self.is_counting = false;
                self.say(Role::Bad, why);
            }
            // Answers to requests that are no longer current.
            _ => {}
        }
    }

    /// Takes in the groups; the cursor stays on its group.
    fn take_groups(&mut self, groups: Vec<Group>) {
        let at = self.current_group().map(|group| group.id);
        self.groups = if self.place() == Zone::Groups { in_the_same_order(&self.groups, groups) } else { groups };
        self.has_groups = true;
        if let Some(found) = at.and_then(|id| self.shown_groups().position(|group| group.id == id)) {
            self.groups_scroll.at = found;
        }
        self.keep_seen();
    }

    fn take_runs(&mut self, runs: Vec<Run>) {
        let at = self.current_run().map(|run| run.id);
        self.runs = runs;
        if let Some(found) = at.and_then(|id| self.runs.iter().position(|run| run.id == id)) {
            self.runs_scroll.at = found;
        }
        self.keep_seen();
    }

    fn answer_of_run(&mut self, msg: Msg) {
        match msg {
            Msg::Began(Ok(id)) => {
                if let Some(run) = self.own_mut().filter(|run| run.id.is_none()) {
                    run.id = Some(id);
                    self.catch_up(id);
                }
            }
            Msg::Began(Err(why)) => self.fail_run(why),
            Msg::Run(events) => {
                let now = self.now;
                if let Some(run) = self.own_mut() {
                    for event in events {
                        run.take(event, now);
                    }
                    run.measure(now);
                }
            }
            Msg::Ended(Ok(report)) => {
                let now = self.now;
                if let Some(run) = self.own_mut() {
                    run.ended = Some(now);
                    run.tally = report.tally;
                    let role =
                        if !report.stopped.is_empty() || report.error.is_some() { Role::Bad } else { Role::Good };
                    run.say(role, now, "the run is over");
                    run.report = Some(report);
                }
                self.tell_end();
                self.after_run();
            }
            Msg::Ended(Err(why)) => self.fail_run(why),
            Msg::RunIs(known) => self.run_is(known),
            _ => {}
        }
    }

    fn key_of_undo(&self) -> String {
        self.setup.keymap.key(Action::Undo)
    }

    /// Shows the write under the cursor in the detail beside the list.
    pub(super) fn follow_cursor(&mut self) {
        if self.place() != Zone::Writes || !Layout::is_wide(self.size.0) {
            return;
        }
        let current = self.writes.current().map(|view| view.write.id);
        if current != self.detail.id {
            self.show_detail(current);
        }
    }

    pub(super) fn show_detail(&mut self, id: Option<WriteId>) {
        self.detail.id = id;
        match id {
            Some(id) => self.effects.push(Effect::Detail(id)),
            None => self.detail.shown = None,
        }
    }

    /// Reports the end of the run on screens other than its own.
    fn tell_end(&mut self) {
        if matches!(self.place(), Zone::Run | Zone::Trial) {
            return;
        }
        let Some((id, tally, is_stopped)) = self.own().and_then(|run| {
            let report = run.report.as_ref()?;
            Some((report.run, report.tally, !report.stopped.is_empty()))
        }) else {
            return;
        };
        let text = format!("run {id} {}: {}", if is_stopped { "was stopped" } else { "is over" }, outcomes(&tally));
        self.say(if is_stopped { Role::Warn } else { Role::Good }, text);
    }

    /// Sends the run what was asked of it before it had begun.
    fn catch_up(&mut self, id: RunId) {
        let Some(run) = self.own() else { return };
        let asked = run.prepared.as_ref().map_or(run.asked, |prepared| prepared.options.pace);
        let wanted = match (run.is_stopping, run.is_paused) {
            (true, _) => Some(Wanted::Stop),
            (false, true) => Some(Wanted::Pause),
            (false, false) => None,
        };
        let change = WishChange {
            wanted,
            rate: (run.asked.rate != asked.rate).then(|| run.asked.rate.unwrap_or(0.0)),
            concurrency: (run.asked.concurrency != asked.concurrency).then_some(run.asked.concurrency),
        };
        if change.wanted.is_some() || change.rate.is_some() || change.concurrency.is_some() {
            self.effects.push(Effect::Ask(id, change));
        }
    }

    fn fail_run(&mut self, why: String) {
        if let Some(run) = self.own_mut() {
            run.error = Some(why.clone());
        }
        self.say(Role::Bad, why);
        self.after_run();
    }

    fn after_run(&mut self) {
        if self.quits_after_run {
            self.effects.push(Effect::Quit);
        } else {
            if self.setup.is_demo {
                self.effects.push(Effect::Check);
            }
            self.refresh();
        }
    }

    fn run_is(&mut self, known: Option<Box<Run>>) {
        let Some(known) = known else { return };
        match (&mut self.run, &mut self.parked) {
            (Some(run), _) if run.id == Some(known.id) => run.refresh(known),
            (_, Some(own)) if own.id == Some(known.id) => own.refresh(known),
            // Only the run that was asked for is shown.
            _ if self.awaited_run == Some(known.id) => {
                self.awaited_run = None;
                self.run = Some(RunScreen::of(known));
            }
            _ => {}
        }
    }

    fn settled(&mut self, how: Settling, settled: Settled) {
        let done = writes(settled.done.len() as u64);
        let what = match how {
            Settling::Discard => "discarded",
            Settling::Reopen => "taken back",
            _ => "resolved",
        };
        if let Some((id, why)) = settled.refused.first() {
            let more = settled.refused.len() - 1;
            let more = if more > 0 { format!(", and {more} more") } else { String::new() };
            self.say(Role::Warn, format!("write {id} was not changed: {}{more}", words::settle_refusal(*why)));
        }
        if !settled.done.is_empty() {
            let undo = match how {
                Settling::Discard | Settling::Applied => format!("; {} takes that back", self.key_of_undo()),
                _ => String::new(),
            };
            self.say(Role::Good, format!("{done} {what}{undo}"));
            if matches!(how, Settling::Discard | Settling::Applied) {
                self.undo.push(Undo::Settled(settled.done));
            }
        }
        self.marks = super::app::Marked::default();
        self.refresh();
    }

    /// Opens a changed text for review, before it is kept.
    fn edited(&mut self, id: WriteId, edited: Edited) {
        let (result, lines) = match check(&edited.before, &edited.text) {
            Ok(Outcome::Same) => {
                self.effects.push(Effect::Forget(edited.file));
                self.say(Role::Text, format!("write {id}: nothing was changed"));
                return;
            }
            Ok(Outcome::Changed(body)) => {
                let lines = diff(&edited.before, &body);
                (Ok(body), lines)
            }
            Err(why) => {
                let text = edited.text.lines().enumerate();
                (Err(why.to_string()), text.map(|(n, line)| (Role::Text, format!("{:>4}  {line}", n + 1))).collect())
            }
        };
        self.review = Some(Review { id, edited, result, lines, scroll: Scroll::default() });
        if self.place() != Zone::Review {
            self.places.push(Zone::Review);
        }
    }
}

/// Keeps the groups in their previous order, new ones last, so that rows don't move under the reader.
fn in_the_same_order(before: &[Group], mut groups: Vec<Group>) -> Vec<Group> {
    groups.sort_by_key(|group| before.iter().position(|old| old.id == group.id).unwrap_or(before.len()));
    groups
}
