//! Steps from one screen to another. A screen says where to go; `screens::open` makes the screen that is there.

use super::actions::{Action, Zone};
use super::aim::Aim;
pub use super::msg::Pair;
use super::msg::{Chosen, Edited};
use crate::domain::filter::Filter;
use crate::domain::hazard::Hazard;
use crate::domain::ids::{RunId, WriteId};
use crate::domain::key::KeyWindows;
use crate::domain::selection::Selection;
use crate::domain::state::State;
use crate::store::{Order, Sort};

/// A list at the bottom of the stack of screens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Base {
    /// The groups.
    Groups,
    /// The writes.
    Writes,
    /// The runs.
    Runs,
}

impl Base {
    /// All lists, in the order of the tab line.
    pub const ALL: [Self; 3] = [Self::Groups, Self::Writes, Self::Runs];

    /// Returns the next list, or the previous one.
    #[must_use]
    pub fn step(self, forward: bool) -> Self {
        Self::ALL[(self as usize + if forward { 1 } else { 2 }) % 3]
    }
}

/// A step to another screen.
#[derive(Debug)]
pub enum Go {
    /// To a list, closing everything above it.
    To(Base),
    /// To the list of writes, with another filter.
    ToWrites(Query),
    /// To a screen over the current one.
    Over(Next),
    /// To a screen in place of the current one.
    Instead(Next),
    /// To a screen right over the list at the bottom.
    OverBase(Next),
    /// Back to the screen below.
    Back,
}

/// A screen to open.
#[derive(Debug)]
pub enum Next {
    /// A plan to make.
    Plan(Box<PlanOrder>),
    /// This process's run.
    OwnRun,
    /// A run of the file.
    Run(RunId),
    /// The write that is being tried.
    Trial(WriteId),
    /// A list of writes of its own.
    Writes(Query),
    /// One write.
    Write(WriteId),
    /// Two bodies, side by side.
    Compare(Pair),
    /// What writes have in common.
    Common(Box<Aim>),
    /// Who did what in a shift.
    Shift,
    /// An edit to review.
    Review(Box<Reviewed>),
    /// The help.
    Help(Box<KeyTable>),
}

/// The keys that the help shows.
#[derive(Debug)]
pub struct KeyTable {
    /// The place from which it was opened; its actions come first.
    pub from: Zone,
    /// The actions that can't be done there now, each with the reason.
    pub reasons: Vec<(Action, String)>,
}

/// The filter to show writes with.
#[derive(Debug, Clone)]
pub struct Query {
    /// The filter line.
    pub text: String,
    /// The state chip.
    pub states: States,
    /// The order; `None` for the one before.
    pub order: Option<Order>,
}

impl Query {
    /// Creates the query for the open writes that a text finds.
    pub fn of(text: impl Into<String>) -> Self {
        Self { text: text.into(), states: States::Open, order: None }
    }

    /// Creates the query for the writes whose key window is still open, as the header counts them, the first to end on top; for
    /// those that it is over for, if there are no others.
    pub fn of_windows(windows: &KeyWindows) -> Self {
        let (unknown, expired) = (Hazard::OutcomeUnknown, Hazard::KeyExpired);
        let text = if windows.first_ends.is_none() && windows.ended > 0 {
            format!("hazard:{expired}")
        } else {
            format!("hazard:{unknown} -hazard:{expired} -operation:upsert,upsert-batch")
        };
        Self { order: Some(Order { sort: Sort::Time, descending: false }), ..Self::of(text) }
    }
}

/// States of the writes that are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum States {
    /// States in which someone still has to act.
    #[default]
    Open,
    /// Only this state.
    One(State),
    /// All states.
    All,
}

impl States {
    const ALL: [Self; 7] = [
        Self::Open,
        Self::One(State::Pending),
        Self::One(State::Unknown),
        Self::One(State::Replayed),
        Self::One(State::Resolved),
        Self::One(State::Discarded),
        Self::All,
    ];

    /// Returns the next choice, or the previous one.
    #[must_use]
    pub fn step(self, forward: bool) -> Self {
        let at = Self::ALL.iter().position(|s| *s == self).unwrap_or(0);
        let len = Self::ALL.len();
        Self::ALL[(at + if forward { 1 } else { len - 1 }) % len]
    }

    /// Returns its name on the screen.
    pub fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::One(state) => state.name(),
            Self::All => "all",
        }
    }
}

/// A plan to make.
#[derive(Debug, Clone)]
pub struct PlanOrder {
    /// Its purpose.
    pub purpose: Purpose,
    /// The selected writes.
    pub chosen: Chosen,
    /// The selection as a filter, to count what comes in later.
    pub filter: Filter,
    /// The selection, as recorded.
    pub selection: Selection,
    /// The selection in words, for the screen.
    pub words: String,
    /// All that the list shows, if the plan is for one write of it that was not marked: it may have been meant.
    pub wider: Option<Aim>,
}

impl PlanOrder {
    /// Orders a plan of the writes that were aimed at.
    pub fn of(purpose: Purpose, aim: Aim, wider: Option<Aim>) -> Self {
        Self {
            purpose,
            chosen: Chosen::Matching(aim.filter.clone()),
            filter: aim.filter,
            selection: aim.selection,
            words: aim.words,
            wider,
        }
    }
}

/// Purpose of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Send its writes.
    Replay,
    /// Send one write of it and show the answer.
    TryOne,
    /// Only show it.
    DryRun,
}

/// An edit before it is kept.
#[derive(Debug)]
pub struct Reviewed {
    /// The edited write.
    pub id: WriteId,
    /// Result of the editor session.
    pub edited: Edited,
    /// The new body, or the reason why the text can't be one.
    pub result: Result<Vec<u8>, String>,
}
