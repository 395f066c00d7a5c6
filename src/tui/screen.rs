//! A screen: it owns its state, its keys, its geometry and its drawing. The application knows it by this trait only.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::domain::profile::{Profile, built_in};
use std::fmt::Debug;

use crossterm::event::MouseEvent;
use ratatui::layout::Rect;

use super::actions::{Action, Needs, Zone};
use super::aim::Aim;
use super::columns::WriteColumn;
use super::dialogs::{Dialog, Pick, What};
use super::keymap::{Chord, Keymap};
use super::msg::{Deed, Detail, Effect, HeaderData, Question, Reading, ScreenId, TerminalRequest, Ticket};
use super::paint::Painter;
use super::progress::RunProgress;
use super::scroll::ScrollStep;
use super::theme::{Role, Theme};
use crate::domain::body::BodyOrigin;
use crate::domain::failure_type::FailureType;
use crate::domain::filter::{Filter, Test, TextField, TextMatch};
use crate::domain::ids::{GroupId, RunId, WriteId};
use crate::domain::state::State;
use crate::domain::time::Timestamp;
use crate::domain::write::WriteView;
use crate::tui::goals::{Go, Pair};

/// Settings that the application starts with.
#[derive(Debug, Clone)]
pub struct Setup {
    /// Path of the file, for display.
    pub path: String,
    /// Command to suggest for this file: `dlq`, or `dlq --db FILE`.
    pub command: String,
    /// The target's base URL, if the command line gives one.
    pub base_url: Option<String>,
    /// The only target whose writes are shown; `None` for all.
    pub target: Option<String>,
    /// The profiles of the targets that the config names.
    pub profiles: BTreeMap<String, Arc<Profile>>,
    /// Saved filters: name and query.
    pub saved: Vec<(String, String)>,
    /// Key bindings.
    pub keymap: Keymap,
    /// Colours and symbols.
    pub theme: Theme,
    /// The columns that were chosen for the list of writes; `None` for those that fit.
    pub columns: Option<Vec<WriteColumn>>,
    /// True if mouse input is on.
    pub mouse: bool,
    /// True if this is the demo.
    pub is_demo: bool,
}

impl Setup {
    /// Returns the profile of a target.
    pub fn profile(&self, target: &str) -> Arc<Profile> {
        self.profiles.get(target).cloned().unwrap_or_else(built_in)
    }
}

/// Everything that all screens know.
#[derive(Debug)]
pub struct Shared {
    /// Settings that the application was started with.
    pub setup: Setup,
    /// The clock, as of the last message.
    pub now: Timestamp,
    /// The terminal's width and height, in cells.
    pub size: (u16, u16),
    /// Summary of the file.
    pub overview: HeaderData,
    /// True if the file is open.
    pub is_open: bool,
    /// Failure types that the lists show; empty for all.
    pub types: Vec<FailureType>,
    /// The last run of this process.
    pub sending: Option<RunProgress>,
    /// The demo's story so far.
    pub demo: Option<Story>,
}

/// The demo's story so far.
#[derive(Debug, Default)]
pub struct Story {
    /// True if the schema has the missing field.
    pub is_fixed: bool,
    /// Verdict of the API's ledger after a replay.
    pub verdict: Option<String>,
    /// The group of schema failures, and how many of its writes are open.
    pub schema: Option<(GroupId, i64)>,
}

impl Shared {
    /// Returns true if a run of this process is under way.
    pub fn is_sending(&self) -> bool {
        self.sending.as_ref().is_some_and(RunProgress::is_under_way)
    }

    /// Returns the first key of an action.
    pub fn key(&self, action: Action) -> String {
        self.setup.keymap.key(action)
    }

    /// Narrows a filter to the target of the command line.
    pub fn of_target(&self, filter: Filter) -> Filter {
        match &self.setup.target {
            Some(name) => filter.and(Test::Text(TextField::Target, vec![TextMatch::Is(name.clone())])),
            None => filter,
        }
    }

    /// Returns true if the type chips let a failure type through.
    pub fn shows(&self, failure_type: FailureType) -> bool {
        self.types.is_empty() || self.types.contains(&failure_type)
    }

    /// Switches a type chip on or off. All of them on are the same as none.
    pub fn toggle(&mut self, failure_type: FailureType) {
        match self.types.iter().position(|t| *t == failure_type) {
            Some(at) => drop(self.types.remove(at)),
            None => self.types.push(failure_type),
        }
        if self.types.len() == FailureType::ALL.len() {
            self.types.clear();
        }
    }
}

/// The results of an update: effects, steps to other screens, messages.
#[derive(Debug, Default)]
pub struct Out {
    /// Work to do outside.
    pub effects: Vec<Effect>,
    /// Steps to other screens, in order.
    pub steps: Vec<Go>,
    /// Messages to show for a few seconds.
    pub toasts: Vec<(Role, String)>,
    /// The dialog to open.
    pub dialog: Option<Dialog>,
    asked: u64,
}

/// The surroundings of a screen while it is updated.
#[derive(Debug)]
pub struct Cx<'a> {
    /// What all screens know.
    pub shared: &'a mut Shared,
    /// The results so far.
    pub out: &'a mut Out,
    /// The area that the screen is drawn in.
    pub area: Rect,
}

impl Cx<'_> {
    /// Asks the file something, on behalf of a screen.
    pub fn ask(&mut self, screen: ScreenId, question: Question) -> Ticket {
        self.out.asked += 1;
        let ticket = Ticket { screen, number: self.out.asked };
        self.out.effects.push(Effect::Ask(ticket, question));
        ticket
    }

    /// Changes something.
    pub fn deed(&mut self, change: Deed) {
        self.out.effects.push(Effect::Do(change));
    }

    /// Asks the terminal for something.
    pub fn terminal(&mut self, request: TerminalRequest) {
        self.out.effects.push(Effect::Terminal(request));
    }

    /// Shows a message for a few seconds.
    pub fn say(&mut self, role: Role, text: impl Into<String>) {
        self.out.toasts.push((role, text.into()));
    }

    /// Goes to another screen.
    pub fn go(&mut self, step: Go) {
        self.out.steps.push(step);
    }

    /// Opens a dialog.
    pub fn open(&mut self, dialog: Dialog) {
        self.out.dialog = Some(dialog);
    }

    /// Returns the same surroundings with another area.
    pub fn within(&mut self, area: Rect) -> Cx<'_> {
        Cx { shared: self.shared, out: self.out, area }
    }
}

/// A screen.
pub trait Screen: Debug {
    /// Returns the place whose keys apply.
    fn zone(&self) -> Zone;

    /// Returns the number that answers come back with.
    fn id(&self) -> ScreenId;

    /// Returns the steps that its path in the tab line ends with.
    fn path(&self) -> Vec<&'static str> {
        vec![self.zone().name()]
    }

    /// Performs an action of the table that is its own.
    fn act(&mut self, action: Action, cx: &mut Cx<'_>);

    /// Moves the cursor, or scrolls.
    fn scroll(&mut self, step: ScrollStep, cx: &mut Cx<'_>);

    /// Handles a key while a line is being typed on it.
    fn key(&mut self, _chord: Chord, _cx: &mut Cx<'_>) {}

    /// Returns true while a line is being typed on it.
    fn is_typing(&self) -> bool {
        false
    }

    /// Inserts a text into the line that is being typed, in one edit.
    fn paste(&mut self, _text: &str, _cx: &mut Cx<'_>) {}

    /// Goes one step back within the screen. Returns false if it has none, so that it is left.
    fn back(&mut self, _cx: &mut Cx<'_>) -> bool {
        false
    }

    /// Rereads what it shows: the file has changed, or it has come to the front again.
    fn refresh(&mut self, cx: &mut Cx<'_>);

    /// Takes in the answer to a question of its own.
    fn hear(&mut self, _ticket: Ticket, _answer: Reading, _cx: &mut Cx<'_>) {}

    /// Takes in what a run is like now, whoever asked it for something.
    fn run_is(&mut self, _run: &crate::domain::run::Run) {}

    /// Keeps cursors on the screen after its size has changed.
    fn resize(&mut self, _cx: &mut Cx<'_>) {}

    /// Handles a click, or the drag of the mouse.
    fn mouse(&mut self, _event: MouseEvent, _cx: &mut Cx<'_>) {}

    /// Acts on the answer to a dialog that it opened, or returns the reason why it can't be accepted.
    fn answered(&mut self, _what: &What, _answer: &str, _cx: &mut Cx<'_>) -> Result<(), String> {
        Ok(())
    }

    /// Acts on a choice in a menu that it opened.
    fn picked(&mut self, _pick: Pick, _cx: &mut Cx<'_>) {}

    /// Writes were settled or sent, so its marks no longer mean anything.
    fn unmark(&mut self) {}

    /// Says goodbye as it is closed.
    fn leave(&mut self, _cx: &mut Cx<'_>) {}

    /// Returns the write that an action on one write applies to.
    fn write(&self) -> Option<&WriteView> {
        None
    }

    /// Returns everything about that write, if it has been read.
    fn detail(&self) -> Option<&Detail> {
        None
    }

    /// Returns the number of records in its body, if that is a batch and has been read.
    fn records(&self) -> Option<usize> {
        None
    }

    /// Returns the path and the value under the cursor in a body.
    fn value(&self) -> Option<(String, String)> {
        None
    }

    /// Returns the writes that an action on writes applies to.
    fn aim(&self, _world: &Shared) -> Option<Aim> {
        self.write().map(|view| Aim::of_ids([view.write.id]))
    }

    /// Returns the two writes that are marked, if it is two.
    fn pair(&self) -> Option<Pair> {
        None
    }

    /// Returns all that the list shows, where an action on the one write under the cursor may have meant them.
    fn wider(&self, _shared: &Shared) -> Option<Aim> {
        None
    }

    /// Returns true if the precondition of an action is met here: those that depend on the screen.
    fn has(&self, needs: Needs, _world: &Shared) -> bool {
        has_for_write(self.write(), needs)
    }

    /// Returns the run that it shows, if it shows one.
    fn run(&self) -> Option<RunShown> {
        None
    }

    /// Returns the file that holds an edit which was not kept.
    fn unkept(&self) -> Option<(WriteId, std::path::PathBuf)> {
        None
    }

    /// Returns a summary for the right end of the tab line.
    fn summary(&self, _world: &Shared) -> String {
        String::new()
    }

    /// Returns what is on the screen, for the demo's guide.
    fn scene(&self, _shared: &Shared) -> Scene {
        Scene::Other
    }

    /// Draws it.
    fn draw(&self, shared: &Shared, area: Rect, p: &mut Painter<'_>);
}

/// What is on the screen, as far as the demo's guide cares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scene {
    /// The groups.
    Groups {
        /// True if the cursor is on the group of schema failures.
        on_schema: bool,
    },
    /// A list of writes.
    Writes,
    /// One write.
    Write,
    /// A plan.
    Plan {
        /// True if it is only shown.
        is_dry: bool,
        /// True if it sends a single write.
        is_one: bool,
    },
    /// A run under way.
    RunUnderWay,
    /// A run that was stopped by its first write.
    CanaryFailed,
    /// A run that is over.
    RunOver {
        /// Its outcomes in words.
        outcomes: String,
    },
    /// One write that was tried.
    Trial,
    /// Anything else.
    Other,
}

/// The run that a screen shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunShown {
    /// This process's own.
    Own,
    /// One of the file.
    Other(RunId),
}

/// Returns true if the precondition of an action is met on a screen with this write, or none.
pub fn has_for_write(write: Option<&WriteView>, needs: Needs) -> bool {
    match needs {
        Needs::Writes | Needs::Write => write.is_some(),
        Needs::Body => write.is_some_and(can_be_edited),
        _ => false,
    }
}

/// Returns true if an open write has a body that may be edited now.
fn can_be_edited(view: &WriteView) -> bool {
    let state = view.write.standing.state();
    state.is_open() && state != State::Replaying && view.write.body_origin != BodyOrigin::Missing
}
