//! The application: a header, a stack of screens, a dialog and messages, and `update`, the only way to change them.

mod keys;
mod own_run;

use std::time::Duration;

use crate::domain::action::Settling;
use crate::domain::ids::WriteId;
use crate::domain::time::Timestamp;
use crate::render::count::outcomes;
use crate::repair::{Outcome, check};
use crate::store::Settled;
use crate::tui::actions::{ACTIONS, Action, Needs, Zone};
use crate::tui::deeds;
use crate::tui::dialogs::{Ask, Command, CommandPalette, Dialog};
use crate::tui::footer::{self, Hint};
use crate::tui::frame::Frame;
use crate::tui::goals::{Base, Go, KeyTable, Next, Query, Reviewed};
use crate::tui::msg::{
    Closed, Deed, Edited, Effect, HeaderData, Job, Msg, Question, Reading, ScreenId, TerminalRequest, Ticket,
};
use crate::tui::screen::{Cx, Out, RunShown, Screen, Setup, Shared, Story};
use crate::tui::scroll::ScrollStep;
use crate::tui::stack::Stack;
use crate::tui::theme::Role;
use crate::tui::toasts::Toasts;
use crate::tui::undo::{self, Undo};

/// State of the file that the UI shows.
#[derive(Debug)]
pub enum File {
    /// It is being opened.
    Opening,
    /// It is open.
    Open,
    /// It could not be opened.
    Closed(Closed),
}

/// The application.
#[derive(Debug)]
pub struct App {
    /// What all screens know.
    pub shared: Shared,
    /// State of the file.
    pub file: File,
    /// The screens.
    pub stack: Stack,
    /// The dialog that is open.
    pub dialog: Option<Dialog>,
    /// The question whose answer is being acted on; it comes back if that fails.
    asked: Option<Ask>,
    /// Messages on the screen, the newest last.
    pub toasts: Toasts,
    /// The long job that is under way.
    pub job: Option<Job>,
    /// Actions that can be undone, the newest last.
    undo: Vec<Undo>,
    /// True if the application quits when the run ends.
    quits_after_run: bool,
    /// The time until which keys do nothing: text that is typed where no line takes it is no command.
    deaf_until: Option<Timestamp>,
    /// True if the screen has to be redrawn.
    pub is_dirty: bool,
    out: Out,
}

/// Number of the header, which asks for its summary.
const HEADER: ScreenId = ScreenId(0);

impl App {
    /// Creates the application and returns the effects to perform first.
    pub fn new(setup: Setup, size: (u16, u16), now: Timestamp) -> (Self, Vec<Effect>) {
        let demo = setup.is_demo.then(Story::default);
        let app = Self {
            shared: Shared {
                setup,
                now,
                size,
                overview: HeaderData::default(),
                is_open: false,
                types: Vec::new(),
                sending: None,
                demo,
            },
            file: File::Opening,
            stack: Stack::new(),
            dialog: None,
            asked: None,
            toasts: Toasts::default(),
            job: None,
            undo: Vec::new(),
            quits_after_run: false,
            deaf_until: None,
            is_dirty: true,
            out: Out::default(),
        };
        (app, vec![Effect::Open])
    }

    /// Handles a message and returns the effects that follow from it.
    pub fn update(&mut self, msg: Msg, now: Timestamp) -> Vec<Effect> {
        self.shared.now = now;
        match msg {
            Msg::Tick => self.tick(),
            Msg::Changed => self.refresh(),
            other => {
                self.is_dirty = true;
                self.hear(other);
            }
        }
        self.settle_steps();
        std::mem::take(&mut self.out.effects)
    }

    fn hear(&mut self, msg: Msg) {
        match msg {
            Msg::Key(chord) => self.key(chord),
            Msg::Paste(text) => self.paste(&text),
            Msg::Mouse(event) => self.mouse(event),
            Msg::Resize(width, height) => {
                self.shared.size = (width, height);
                self.each_screen(|screen, cx| screen.resize(cx));
            }
            Msg::Background(is_light) => self.shared.setup.theme.set_background(is_light),
            Msg::Tick | Msg::Changed => {}
            Msg::Terminate => self.terminate(),
            Msg::Resumed => self.out.effects.push(Effect::Terminal(TerminalRequest::Redraw)),
            Msg::Opened(Ok(())) => {
                self.file = File::Open;
                self.shared.is_open = true;
                self.refresh();
                // What died or was stopped since is said at once.
                let (stack, mut cx) = self.parts();
                stack.runs.refresh(&mut cx);
            }
            Msg::Opened(Err(why)) => {
                self.file = File::Closed(why);
                self.shared.is_open = false;
                // Whatever was being asked can't be done any more, and would hide the reason.
                (self.dialog, self.asked) = (None, None);
            }
            Msg::Answer(ticket, answer) => self.hear_answer(ticket, answer),
            Msg::Began(Ok(id)) => self.began(id),
            Msg::Began(Err(why)) | Msg::Ended(Err(why)) => self.fail_run(why),
            Msg::Run(events) => self.run_events(events),
            Msg::Ended(Ok(report)) => self.run_ended(report),
            Msg::RunIs(run) => match &mut self.shared.sending {
                Some(own) if own.id == Some(run.id) => own.refresh(run),
                _ => self.each_screen(|screen, _| screen.run_is(&run)),
            },
            Msg::Settled(how, Ok(settled)) => self.settled(how, settled),
            Msg::Edited(id, Ok(edited)) => self.edited(id, *edited),
            Msg::Kept(id, Ok(revision)) => {
                self.undo.push(Undo::Edit(id, revision));
                let undo = self.shared.key(Action::Undo);
                self.succeed(format!("write {id} has revision {revision} now; {undo} takes it back"));
                self.refresh();
            }
            Msg::Unkept(id, Ok(revision)) => {
                self.succeed(format!("write {id} is at revision {revision} again"));
                self.refresh();
            }
            Msg::Job(job) => self.job = job,
            Msg::Done(Ok(text)) => self.succeed(text),
            Msg::Fixed => {
                if let Some(story) = &mut self.shared.demo {
                    story.is_fixed = true;
                }
                self.succeed("the schema has the field now".to_owned());
            }
            Msg::Verdict(verdict) => {
                if let Some(story) = &mut self.shared.demo {
                    story.verdict = Some(verdict);
                }
            }
            Msg::Settled(_, Err(why)) | Msg::Kept(_, Err(why)) | Msg::Done(Err(why)) => self.fail(why),
            Msg::Edited(_, Err(why)) | Msg::Unkept(_, Err(why)) | Msg::Trouble(why) => self.say(Role::Bad, why),
        }
    }

    fn hear_answer(&mut self, ticket: Ticket, answer: Reading) {
        if let Reading::Failed(why) = &answer {
            self.say(Role::Bad, why.clone());
        }
        if ticket.screen == HEADER {
            match answer {
                Reading::Overview(overview) => self.shared.overview = *overview,
                Reading::Run(Some(run)) => {
                    if let Some(own) = self.shared.sending.as_mut().filter(|own| own.id == Some(run.id)) {
                        own.refresh(run);
                    }
                }
                _ => {}
            }
            return;
        }
        let (stack, mut cx) = self.parts();
        if let Some(screen) = stack.all_mut().find(|screen| screen.id() == ticket.screen) {
            screen.hear(ticket, answer, &mut cx);
        }
    }

    /// Performs an action, or shows why it can't be done.
    pub fn act(&mut self, action: Action) {
        if let Some(why) = self.why_not(action) {
            self.say(Role::Warn, format!("{}: {why}", action.about().name));
            return;
        }
        let (stack, mut cx) = self.parts();
        if deeds::perform(action, stack.current(), &mut cx) {
            return;
        }
        match action {
            Action::Up => self.scroll(ScrollStep::Lines(-1)),
            Action::Down => self.scroll(ScrollStep::Lines(1)),
            Action::PageUp => self.scroll(ScrollStep::Pages(-1)),
            Action::PageDown => self.scroll(ScrollStep::Pages(1)),
            Action::First => self.scroll(ScrollStep::First),
            Action::Last => self.scroll(ScrollStep::Last),
            Action::Back => self.back(),
            Action::NextScreen => self.out.steps.push(Go::To(self.stack.base().step(true))),
            Action::PreviousScreen => self.out.steps.push(Go::To(self.stack.base().step(false))),
            Action::Log => self.out.steps.push(Go::Over(Next::Shift)),
            Action::Windows => {
                self.out.steps.push(Go::ToWrites(Query::of_windows(&self.shared.overview.windows)));
            }
            Action::Saved => self.saved_filters(),
            Action::Undo => {
                let undo = self.undo.pop();
                self.out.effects.extend(undo.map(|undo| Effect::Do(undo::change(undo))));
            }
            Action::Palette => self.dialog = Some(Dialog::Palette(CommandPalette::new(self.entries()))),
            Action::Help if self.place() == Zone::Help => {}
            Action::Help => {
                let reasons = self.entries().into_iter().filter_map(|entry| Some((entry.action, entry.why_not?)));
                let table = KeyTable { from: self.place(), reasons: reasons.collect() };
                self.out.steps.push(Go::Over(Next::Help(Box::new(table))));
            }
            Action::Mouse => {
                let on = !self.shared.setup.mouse;
                self.shared.setup.mouse = on;
                self.out.effects.push(Effect::Terminal(TerminalRequest::Mouse(on)));
                let now = if on { "on" } else { "off: the terminal selects text itself" };
                self.say(Role::Text, format!("the mouse is {now}"));
            }
            Action::Redraw => self.out.effects.push(Effect::Terminal(TerminalRequest::Redraw)),
            Action::Suspend => self.out.effects.push(Effect::Terminal(TerminalRequest::Suspend)),
            Action::Fix => self.out.effects.push(Effect::Do(Deed::Fix)),
            Action::Quit => self.quit(),
            own => self.with_current(|screen, cx| screen.act(own, cx)),
        }
    }

    fn scroll(&mut self, step: ScrollStep) {
        self.with_current(|screen, cx| screen.scroll(step, cx));
    }

    fn back(&mut self) {
        if self.job.is_some() && self.place() != Zone::Plan {
            self.out.effects.push(Effect::Do(Deed::GiveUpJob));
            return;
        }
        let mut has_step = false;
        self.with_current(|screen, cx| has_step = screen.back(cx));
        if has_step {
            return;
        }
        if self.stack.over().next().is_some() {
            self.out.steps.push(Go::Back);
        } else if self.stack.base() != Base::Groups {
            self.out.steps.push(Go::To(Base::Groups));
        }
    }

    /// Carries out the steps that the screens have asked for, and shows what they said.
    fn settle_steps(&mut self) {
        // A step may lead to another, as a plan for which nothing is left to do.
        while !self.out.steps.is_empty() {
            for step in std::mem::take(&mut self.out.steps) {
                self.step(step);
            }
        }
        if let Some(dialog) = self.out.dialog.take() {
            self.dialog = Some(dialog);
        }
        for (role, text) in std::mem::take(&mut self.out.toasts) {
            self.say(role, text);
        }
    }

    fn step(&mut self, step: Go) {
        let (stack, mut cx) = self.parts();
        let cx = &mut cx;
        match step {
            Go::To(Base::Writes) => {
                stack.show(Base::Writes, cx);
                stack.writes.show(cx);
            }
            Go::ToWrites(query) => {
                stack.show(Base::Writes, cx);
                stack.writes.visit(&query, cx);
            }
            Go::To(base) => {
                stack.show(base, cx);
                stack.current_mut().refresh(cx);
            }
            Go::Over(next) => return stack.open(next, cx),
            Go::Instead(next) => {
                stack.close(cx);
                return stack.open(next, cx);
            }
            Go::OverBase(next) => {
                stack.show(stack.base(), cx);
                return stack.open(next, cx);
            }
            Go::Back => {
                stack.close(cx);
                stack.current_mut().refresh(cx);
            }
        }
        self.read_overview();
    }

    /// Returns the reason why an action can't be done now; `None` if it can.
    pub fn why_not(&self, action: Action) -> Option<String> {
        let about = action.about();
        let place = self.place();
        if !about.places.contains(&place) {
            let places: Vec<&str> = about.places.iter().map(|place| place.name()).collect();
            return Some(format!("only in {}", places.join(", ")));
        }
        let is_met = match about.needs {
            Needs::Nothing => true,
            Needs::Undo => !self.undo.is_empty(),
            Needs::Demo => self.shared.demo.as_ref().is_some_and(|story| !story.is_fixed),
            needs => self.current().has(needs, &self.shared),
        };
        (!is_met).then(|| about.needs.missing().to_owned())
    }

    fn entries(&self) -> Vec<Command> {
        let entry = |about: &super::actions::ActionInfo| Command {
            action: about.action,
            key: self.shared.key(about.action),
            why_not: self.why_not(about.action),
        };
        ACTIONS.iter().map(entry).collect()
    }

    /// Returns the key, the label and the action of each hint for the current place.
    pub fn hints(&self) -> Vec<Hint> {
        let is_paused = match self.current().run() {
            Some(RunShown::Own) => self.shared.sending.as_ref().is_some_and(|own| own.is_paused),
            _ => false,
        };
        footer::hints(&self.shared.setup.keymap, self.place(), is_paused, &|action| self.why_not(action).is_none())
    }

    /// Returns the current place, whose keys apply.
    pub fn place(&self) -> Zone {
        self.current().zone()
    }

    /// Returns the current screen.
    pub fn current(&self) -> &dyn Screen {
        self.stack.current()
    }

    /// Returns the areas of the terminal.
    pub fn frame(&self) -> Frame {
        Frame::of(self.shared.size, self.shared.demo.is_some())
    }

    /// Returns the stack, and the surroundings to update its screens in.
    fn parts(&mut self) -> (&mut Stack, Cx<'_>) {
        let area = self.frame().body;
        (&mut self.stack, Cx { shared: &mut self.shared, out: &mut self.out, area })
    }

    fn with_current(&mut self, work: impl FnOnce(&mut dyn Screen, &mut Cx<'_>)) {
        let (stack, mut cx) = self.parts();
        work(stack.current_mut(), &mut cx);
    }

    fn each_screen(&mut self, mut work: impl FnMut(&mut dyn Screen, &mut Cx<'_>)) {
        let (stack, mut cx) = self.parts();
        stack.all_mut().for_each(|screen| work(screen, &mut cx));
    }

    /// Shows a message for a few seconds.
    fn say(&mut self, role: Role, text: impl Into<String>) {
        self.toasts.say(role, text, self.shared.now);
    }

    /// Says that a change was made.
    fn succeed(&mut self, text: String) {
        self.asked = None;
        self.say(Role::Good, text);
    }

    /// Says that a change could not be made. The question that led to it comes back, with what was typed.
    fn fail(&mut self, why: String) {
        match self.asked.take().filter(|_| self.dialog.is_none()) {
            Some(mut ask) => {
                ask.error = Some(why);
                self.dialog = Some(Dialog::Ask(ask));
            }
            None => self.say(Role::Bad, why),
        }
    }

    /// Rereads everything on the screen.
    fn refresh(&mut self) {
        if !self.shared.is_open {
            return;
        }
        self.read_overview();
        self.with_current(|screen, cx| screen.refresh(cx));
    }

    fn read_overview(&mut self) {
        let (_, mut cx) = self.parts();
        cx.ask(HEADER, Question::Overview);
        if let Some(id) = cx.shared.sending.as_ref().filter(|own| own.is_under_way()).and_then(|own| own.id) {
            cx.ask(HEADER, Question::Run(id));
        }
    }

    fn tick(&mut self) {
        // Without messages nothing but ages can have changed.
        self.is_dirty |= self.toasts.expire(self.shared.now) || self.toasts.next(self.shared.now).is_none();
        if matches!(self.file, File::Closed(Closed::Missing)) {
            self.out.effects.push(Effect::Open);
        }
        let now = self.shared.now;
        if let Some(own) = self.shared.sending.as_mut().filter(|own| own.is_under_way()) {
            own.measure(now);
            self.is_dirty = true;
        }
    }

    /// Returns how long the screen stays valid if nothing happens.
    pub fn rest(&self) -> Duration {
        let toast = self.toasts.next(self.shared.now);
        let run = self.shared.is_sending().then_some(Duration::from_millis(250));
        let window = self.shared.overview.windows.first_ends.map(|(_, ends)| ends.since(self.shared.now));
        // A countdown counts each second in its last hour.
        let window = window.filter(|left| *left < Duration::from_hours(1)).map(|_| Duration::from_secs(1));
        let closed = matches!(self.file, File::Closed(Closed::Missing)).then_some(Duration::from_secs(1));
        // The screen shows ages, so it is redrawn even if nothing happens.
        [toast, run, window, closed]
            .into_iter()
            .flatten()
            .min()
            .unwrap_or(Duration::from_secs(30))
            .max(Duration::from_millis(20))
    }

    fn settled(&mut self, how: Settling, settled: Settled) {
        self.asked = None;
        for (role, text) in undo::in_words(how, &settled, &self.shared.key(Action::Undo)) {
            self.say(role, text);
        }
        if matches!(how, Settling::Discard | Settling::Applied) && !settled.done.is_empty() {
            self.undo.push(Undo::Settled(settled.done));
        }
        self.each_screen(|screen, _| screen.unmark());
        self.refresh();
    }

    /// Opens a changed text for review, before it is kept.
    fn edited(&mut self, id: WriteId, edited: Edited) {
        let result = match check(&edited.before, &edited.text) {
            Ok(Outcome::Same) => {
                self.out.effects.push(Effect::Do(Deed::Discard(edited.file)));
                self.say(Role::Text, format!("write {id}: nothing was changed"));
                return;
            }
            Ok(Outcome::Changed(body)) => Ok(body),
            Err(why) => Err(why.to_string()),
        };
        self.out.steps.push(Go::Over(Next::Review(Box::new(Reviewed { id, edited, result }))));
    }

    /// Returns the message to print after the UI has closed: where an unkept edit is, or how the last run ended.
    pub fn last_word(&self) -> Option<String> {
        if let Some((id, file)) = self.stack.over().find_map(Screen::unkept) {
            let file = file.display();
            return Some(format!("The edit of write {id} was not kept; what was typed is in {file}"));
        }
        let report = self.shared.sending.as_ref().filter(|_| self.quits_after_run)?.report.as_ref()?;
        let command = &self.shared.setup.command;
        Some(format!("Run {}: {}. ({command} report --run {})", report.run, outcomes(&report.tally), report.run))
    }
}
