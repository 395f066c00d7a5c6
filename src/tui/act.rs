//! Carrying out the actions of the table.

use std::collections::BTreeSet;

use tui_input::Input;

use super::actions::{ACTIONS, Action, Zone};
use super::app::{App, Marked};
use super::msg::{Effect, PagePart};
use super::state::detail::Tab;
use super::state::dialog::{Ask, CommandPalette, Dialog, Item, Menu, Pick, What};
use super::state::filter_line::States;
use super::state::plan::Purpose;
use super::state::run::RunScreen;
use super::state::scroll::{Scroll, ScrollStep};
use super::state::window::CHUNK;
use super::theme::Role;
use super::view::layout::Layout;
use crate::domain::action::Settling;
use crate::domain::failure_type::FailureType;
use crate::domain::ids::WriteId;
use crate::store::Sort;

impl App {
    /// Performs an action, or shows why it can't be done.
    pub fn act(&mut self, action: Action) {
        if let Some(why) = self.why_not(action) {
            self.say(Role::Warn, why);
            return;
        }
        match action {
            Action::Up => self.go(ScrollStep::Lines(-1)),
            Action::Down => self.go(ScrollStep::Lines(1)),
            Action::PageUp => self.go(ScrollStep::Pages(-1)),
            Action::PageDown => self.go(ScrollStep::Pages(1)),
            Action::First => self.go(ScrollStep::First),
            Action::Last => self.go(ScrollStep::Last),
            Action::Open => self.open(),
            Action::Back => self.back(),
            Action::NextScreen => self.next_screen(true),
            Action::PreviousScreen => self.next_screen(false),
            Action::NextTab => self.detail.tab = self.detail.tab.step(true),
            Action::PreviousTab => self.detail.tab = self.detail.tab.step(false),
            Action::Fold => self.fold(),
            Action::FoldAll => self.detail.json.fold_all(),
            Action::Filter => {
                self.show_list(Zone::Writes);
                self.filter.open();
            }
            Action::ClearFilter => {
                self.filter.clear();
                self.order = super::app::NEWEST_FIRST;
                self.filter_changed();
            }
            Action::Saved => self.saved_filters(),
            Action::Transient => self.toggle(FailureType::Transient),
            Action::Schema => self.toggle(FailureType::Schema),
            Action::BadData => self.toggle(FailureType::BadData),
            Action::Auth => self.toggle(FailureType::Auth),
            Action::NextState | Action::PreviousState => {
                self.filter.states = self.filter.states.step(action == Action::NextState);
                self.filter_changed();
            }
            Action::Sort => self.next_sort(),
            Action::Reverse => {
                self.order.descending = !self.order.descending;
                self.read_anew();
            }
            Action::Mark => self.mark(),
            Action::MarkRange => self.mark_range(),
            Action::MarkAll => {
                self.marks = Marked { all: !self.marks.all, ..Marked::default() };
            }
            Action::Replay => self.plan(Purpose::Replay),
            Action::TryOne => self.plan(Purpose::TryOne),
            Action::DryRun => self.plan(Purpose::DryRun),
            Action::Continue => self.continue_run(),
            Action::Send => self.confirm(),
            Action::Hazards => self.hazards(),
            Action::More | Action::Less => self.pace(action == Action::More),
            Action::Rate => self.ask_rate(),
            Action::NewKey => self.change_plan(|terms| terms.new_key = !terms.new_key),
            Action::Reason => self.ask(What::PlanReason, "Why is this sent?", &["For the record of the run."], ""),
            Action::Pause => self.pause(),
            Action::Stop => {
                self.stop_run();
                self.say(Role::Text, "stopping once what is in flight is finished");
            }
            Action::RunWrites => self.run_writes(),
            Action::Edit => self.edit(),
            Action::KeepEdit => self.keep_edit(),
            Action::EditAgain => {
                if let Some(review) = self.review.take() {
                    self.places.retain(|place| *place != Zone::Review);
                    self.effects.push(Effect::EditAgain(review.id, Box::new(review.edited)));
                }
            }
            Action::Discard => self.ask_to_settle(Settling::Discard),
            Action::Resolve => self.resolve(),
            Action::Undo => self.undo(),
            Action::Copy => self.copy(),
            Action::Export => self.export(),
            Action::Narrower => self.share = self.share.saturating_sub(5).max(30),
            Action::Wider => self.share = (self.share + 5).min(70),
            Action::Palette => {
                let place = self.place();
                let here = ACTIONS.iter().filter(|a| a.places.contains(&place) && self.why_not(a.action).is_none());
                self.dialog = Some(Dialog::Palette(CommandPalette::new(here.map(|a| a.action).collect())));
            }
            Action::Help => {
                if self.place() != Zone::Help {
                    self.help_scroll = Scroll::default();
                    self.places.push(Zone::Help);
                }
            }
            Action::Mouse => {
                self.setup.mouse = !self.setup.mouse;
                self.effects.push(Effect::Mouse(self.setup.mouse));
                let now = if self.setup.mouse { "on" } else { "off: the terminal selects text itself" };
                self.say(Role::Text, format!("the mouse is {now}"));
            }
            Action::Redraw => self.effects.push(Effect::Redraw),
            Action::Suspend => self.effects.push(Effect::Suspend),
            Action::Fix => self.effects.push(Effect::Fix),
            Action::Quit => self.quit(),
        }
    }

    fn ask_rate(&mut self) {
        self.ask(What::Rate, "Requests per second", &["Fractions are fine; empty for no limit."], "");
    }

    pub(super) fn go(&mut self, step: ScrollStep) {
        let layout = Layout::of(self);
        let rows = layout.rows();
        match self.place() {
            Zone::Groups => {
                let len = self.shown_groups().count();
                self.groups_scroll.go(step, len, rows);
            }
            Zone::Writes => {
                let wanted = self.writes.go(step, self.order, rows);
                if let Some(part) =
                    wanted.filter(|part| !self.is_loading || matches!(part, PagePart::First | PagePart::Last))
                {
                    self.read_page(part, CHUNK);
                }
                self.mark_up_to_cursor();
                self.follow_cursor();
            }
            Zone::Runs => self.runs_scroll.go(step, self.runs.len(), rows),
            Zone::Detail => {
                let (len, height) = (super::view::detail::length(self), layout.detail_rows());
                let scroll = &mut self.detail.scroll[self.detail.tab as usize];
                if self.detail.tab == Tab::Request {
                    scroll.go(step, len, height);
                } else {
                    scroll.roll(step, len, height);
                }
            }
            Zone::Plan => {
                let len = super::view::plan::length(self);
                if let Some(plan) = &mut self.plan {
                    plan.scroll.roll(step, len, layout.body_rows());
                }
            }
            Zone::Run => {
                let height = super::view::run::log_height(self, layout.body_rows());
                if let Some(run) = &mut self.run {
                    if run.is_following {
                        run.scroll.roll(ScrollStep::Last, run.log.len(), height);
                    }
                    run.scroll.roll(step, run.log.len(), height);
                    run.is_following = run.scroll.top + height >= run.log.len();
                }
            }
            Zone::Review => {
                if let Some(review) = &mut self.review {
                    review.scroll.roll(step, review.lines.len(), layout.body_rows().saturating_sub(2));
                }
            }
            Zone::Help => self.help_scroll.roll(step, super::view::help::length(self), layout.body_rows()),
            Zone::Trial => {}
        }
    }

    fn open(&mut self) {
        match self.place() {
            Zone::Groups => {
                let Some(id) = self.current_group().map(|group| group.id) else { return };
                self.filter.set(&format!("group:{id}"));
                self.filter.states = States::Open;
                self.show_list(Zone::Writes);
                self.filter_changed();
            }
            Zone::Writes => {
                let Some(id) = self.writes.current().map(|view| view.write.id) else { return };
                self.show_detail(Some(id));
                self.places.push(Zone::Detail);
            }
            Zone::Runs => {
                let Some(id) = self.current_run().map(|run| run.id) else { return };
                if self.own().is_some_and(|own| own.id == Some(id)) {
                    self.show_own();
                } else {
                    let before = self.run.take();
                    self.parked = before.filter(RunScreen::is_own).or(self.parked.take());
                    self.awaited_run = Some(id);
                    self.effects.push(Effect::Run(id));
                }
                self.places.push(Zone::Run);
            }
            _ => {}
        }
    }

    fn back(&mut self) {
        if self.job.is_some() && self.place() != Zone::Plan {
            self.effects.push(Effect::GiveUpJob);
            return;
        }
        if self.place() == Zone::Writes && (self.marks.all || !self.marks.ids.is_empty() || self.marks.from.is_some()) {
            self.marks = Marked::default();
            return;
        }
        if self.places.len() > 1 {
            match self.places.pop() {
                Some(Zone::Plan) => {
                    self.plan = None;
                    self.effects.push(Effect::GiveUp);
                }
                Some(Zone::Review) => self.leave_review(),
                _ => {}
            }
            self.refresh();
        } else if std::mem::take(&mut self.came_from_run) && self.run.is_some() {
            self.filter.clear();
            self.writes.forget_place();
            self.places = vec![Zone::Runs, Zone::Run];
            self.refresh();
        } else if self.place() != Zone::Groups {
            self.show_list(Zone::Groups);
        }
    }

    /// Leaves the review, and says which file holds the edit that was not kept.
    fn leave_review(&mut self) {
        if let Some(review) = self.review.take() {
            self.say(Role::Text, format!("not kept; what was typed is in {}", review.edited.file.display()));
        }
    }

    /// Switches to a list and closes everything above it.
    pub(super) fn show_list(&mut self, place: Zone) {
        self.places = vec![place];
        self.leave_review();
        self.came_from_run = false;
        match place {
            Zone::Writes if !self.writes.is_loaded => self.read_anew(),
            _ => self.refresh(),
        }
    }

    fn next_screen(&mut self, forward: bool) {
        let screens = [Zone::Groups, Zone::Writes, Zone::Runs];
        let at = screens.iter().position(|place| *place == self.place()).unwrap_or(0);
        self.show_list(screens[(at + if forward { 1 } else { 2 }) % 3]);
    }

    fn fold(&mut self) {
        if self.detail.tab == Tab::Request {
            let line = self.detail.scroll[self.detail.tab as usize].at;
            self.detail.json.fold(line);
        }
    }

    pub(super) fn filter_changed(&mut self) {
        self.marks = Marked::default();
        if self.base() == Zone::Groups {
            self.groups_scroll = Scroll::default();
            self.writes.forget_place();
        } else {
            self.read_anew();
        }
    }

    fn toggle(&mut self, failure_type: FailureType) {
        self.filter.toggle(failure_type);
        self.filter_changed();
    }

    fn saved_filters(&mut self) {
        if self.setup.saved.is_empty() {
            self.say(Role::Text, "the config has no saved filters: [ui.filters] name = \"query\"");
            return;
        }
        let items = self.setup.saved.iter().zip("123456789abcdefghi".chars());
        let item = |((name, query), key): (&(String, String), char)| Item {
            key,
            text: format!("{name}  {query}"),
            pick: Pick::Filter(query.clone()),
        };
        self.menu("Saved filters", items.map(item).collect());
    }

    fn next_sort(&mut self) {
        const SORTS: [Sort; 6] = [Sort::Id, Sort::Time, Sort::Type, Sort::Status, Sort::Occurrences, Sort::Attempts];
        let at = SORTS.iter().position(|sort| *sort == self.order.sort).unwrap_or(0);
        self.order.sort = SORTS[(at + 1) % SORTS.len()];
        self.read_anew();
    }

    fn mark(&mut self) {
        let Some(id) = self.writes.current().map(|view| view.write.id) else { return };
        self.marks.all = false;
        if !self.marks.ids.remove(&id) {
            self.marks.ids.insert(id);
        }
        self.go(ScrollStep::Lines(1));
    }

    fn mark_range(&mut self) {
        if self.marks.from.take().is_none() {
            self.marks.all = false;
            self.marks.from = self.writes.current().map(|view| view.write.id);
            self.mark_up_to_cursor();
        }
    }

    /// Marks the rows from the start of the range to the cursor, while a range is being marked.
    fn mark_up_to_cursor(&mut self) {
        let Some(from) = self.marks.from else { return };
        let Some(start) = self.writes.rows.iter().position(|view| view.write.id == from) else { return };
        let at = self.writes.scroll.at;
        let rows = &self.writes.rows[start.min(at)..=start.max(at)];
        self.marks.ids.extend(rows.iter().map(|view| view.write.id).collect::<BTreeSet<WriteId>>());
    }

    fn quit(&mut self) {
        if !self.is_sending() {
            self.effects.push(Effect::Quit);
            return;
        }
        let items = vec![
            Item {
                key: 's',
                text: "stop it, then quit once what is in flight is answered".to_owned(),
                pick: Pick::StopAndQuit,
            },
            Item { key: 'n', text: "stay".to_owned(), pick: Pick::Nothing },
        ];
        self.menu("A replay is under way", items);
    }

    pub(super) fn menu(&mut self, title: &str, items: Vec<Item>) {
        self.dialog = Some(Dialog::Menu(Menu { title: title.to_owned(), items, scroll: Scroll::default() }));
    }

    pub(super) fn ask(&mut self, what: What, title: &str, notes: &[&str], start: &str) {
        self.ask_with(what, title, notes.iter().map(|&note| note.to_owned()).collect(), start);
    }

    pub(super) fn ask_with(&mut self, what: What, title: &str, notes: Vec<String>, start: &str) {
        let input = Input::new(start.to_owned());
        self.dialog = Some(Dialog::Ask(Ask { what, title: title.to_owned(), notes, input, error: None }));
    }
}
