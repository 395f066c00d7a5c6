//! The run of this process, which goes on whatever is on the screen.

use super::App;
use crate::domain::ids::RunId;
use crate::domain::run::Wanted;
use crate::render::count::outcomes;
use crate::replay::{RunEvent, RunReport};
use crate::store::WishChange;
use crate::tui::dialogs::{Dialog, Item, Menu, Pick};
use crate::tui::msg::{Deed, Effect};
use crate::tui::screen::RunShown;
use crate::tui::theme::Role;

impl App {
    pub(super) fn quit(&mut self) {
        if !self.shared.is_sending() {
            self.out.effects.push(Effect::Quit);
            return;
        }
        let stop = "stop it, then quit once what is in flight is answered".to_owned();
        let items = vec![Item::new('s', stop, Pick::StopAndQuit), Item::new('n', "stay", Pick::Nothing)];
        self.dialog = Some(Dialog::Menu(Menu::new("A replay is under way", items)));
    }

    pub(super) fn terminate(&mut self) {
        if self.shared.is_sending() && !self.quits_after_run {
            self.quits_after_run = true;
            self.stop_own();
        } else {
            self.out.effects.push(Effect::Quit);
        }
    }

    /// Asks this process's run to finish what is in flight and then end.
    pub(super) fn stop_own(&mut self) {
        let Some(own) = &mut self.shared.sending else { return };
        own.is_stopping = true;
        if let Some(id) = own.id {
            let change = WishChange { wanted: Some(Wanted::Stop), ..WishChange::default() };
            self.out.effects.push(Effect::Do(Deed::AskRun(id, change)));
        }
    }

    pub(super) fn began(&mut self, id: RunId) {
        let Some(own) = self.shared.sending.as_mut().filter(|own| own.id.is_none()) else { return };
        own.id = Some(id);
        // What was asked of it before it had begun.
        let change = own.asked_early();
        if let Some(change) = change {
            self.out.effects.push(Effect::Do(Deed::AskRun(id, change)));
        }
    }

    pub(super) fn run_events(&mut self, events: Vec<RunEvent>) {
        let now = self.shared.now;
        if let Some(own) = &mut self.shared.sending {
            for event in events {
                own.take(event, now);
            }
            own.measure(now);
        }
    }

    pub(super) fn run_ended(&mut self, report: Box<RunReport>) {
        let now = self.shared.now;
        let is_shown = self.current().run() == Some(RunShown::Own);
        if let Some(own) = &mut self.shared.sending {
            own.end(report, now);
        }
        if !is_shown && let Some(report) = self.shared.sending.as_ref().and_then(|own| own.report.as_ref()) {
            let is_stopped = !report.stopped.is_empty();
            let how = if is_stopped { "was stopped" } else { "is over" };
            let text = format!("run {} {how}: {}", report.run, outcomes(&report.tally));
            self.say(if is_stopped { Role::Warn } else { Role::Good }, text);
        }
        self.after_run();
    }

    pub(super) fn fail_run(&mut self, why: String) {
        if let Some(own) = &mut self.shared.sending {
            own.error = Some(why.clone());
        }
        self.say(Role::Bad, why);
        self.after_run();
    }

    pub(super) fn after_run(&mut self) {
        if self.quits_after_run {
            self.out.effects.push(Effect::Quit);
            return;
        }
        if self.shared.demo.is_some() {
            self.out.effects.push(Effect::Do(Deed::Check));
        }
        self.refresh();
    }
}
