//! What the application hears, and what it wants done. Between the two there is only `App::update`.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crossterm::event::MouseEvent;

use super::keymap::Chord;
use crate::domain::action::Settling;
use crate::domain::arrivals::Arrivals;
use crate::domain::attempt::Attempt;
use crate::domain::evidence::CapturedFailure;
use crate::domain::filter::{Filter, TextField};
use crate::domain::group::Group;
use crate::domain::hazard::Hazard;
use crate::domain::identity::Sha;
use crate::domain::ids::{RunId, WriteId};
use crate::domain::key::KeyWindows;
use crate::domain::lane::Neighbour;
use crate::domain::revision::Revision;
use crate::domain::run::Run;
use crate::domain::selection::Selection;
use crate::domain::target::KnownTarget;
use crate::domain::write::WriteView;
use crate::replay::{Event as RunEvent, PaceSettings, Prepared, Report};
use crate::store::{Count, Cursor, HistoryEntry, Order, Settled, WishChange};

/// Tells answers of an older question from those of the last one.
pub type Ticket = u64;

/// Something that happened.
#[derive(Debug)]
pub enum Msg {
    /// A key was pressed.
    Key(Chord),
    /// Text was pasted.
    Paste(String),
    /// Something was done with the mouse.
    Mouse(MouseEvent),
    /// The terminal has another size.
    Resize(u16, u16),
    /// Time went by.
    Tick,
    /// Someone changed the file.
    Changed,
    /// The system asks the process to end.
    Terminate,
    /// The process was stopped, and goes on.
    Resumed,
    /// The file could be opened; or not, and why.
    Opened(Result<(), Closed>),
    /// What the header shows.
    Overview(Box<Overview>),
    /// The groups.
    Groups(Vec<Group>),
    /// The runs.
    Runs(Vec<Run>),
    /// Some writes.
    Page(Ticket, Box<Rows>),
    /// How many writes match.
    Counted(Ticket, i64),
    /// All about a write; `None` if it is gone.
    Detail(WriteId, Option<Box<Detail>>),
    /// Values to choose from.
    Values(Ticket, Vec<String>),
    /// A plan.
    Prepared(Ticket, Result<Box<Prepared>, String>),
    /// A run of this process has begun, or could not.
    Began(Result<RunId, String>),
    /// What happened in it.
    Run(Vec<RunEvent>),
    /// It is over.
    Ended(Result<Box<Report>, String>),
    /// A run as the file knows it.
    RunIs(Option<Box<Run>>),
    /// Writes were settled.
    Settled(Settling, Result<Settled, String>),
    /// The editor was closed.
    Edited(WriteId, Result<Box<Edited>, String>),
    /// An edit was kept, as this revision.
    Kept(WriteId, Result<i64, String>),
    /// An edit was taken back.
    Unkept(WriteId, Result<i64, String>),
    /// How far a long job is; `None` when it is over.
    Job(Option<Job>),
    /// Something was done, in words.
    Done(Result<String, String>),
    /// The demo's schema was fixed.
    Fixed,
    /// What the ledger of the demo's API says.
    Verdict(String),
    /// A question to the file failed.
    Trouble(String),
}

/// A job that takes a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// What it does.
    pub what: String,
    /// How many writes it has done.
    pub done: u64,
    /// How many there are, if that is known.
    pub total: Option<u64>,
}

/// The reason why the file is not open.
#[derive(Debug, Clone)]
pub enum Closed {
    /// There is none.
    Missing,
    /// It can't be used.
    Unusable(String),
}

/// What the header shows.
#[derive(Debug, Clone, Default)]
pub struct Overview {
    /// The numbers by failure type.
    pub counts: Vec<Count>,
    /// The hours in which the failures of the last day came.
    pub arrivals: Vec<Arrivals>,
    /// The targets.
    pub targets: Vec<KnownTarget>,
    /// Key windows that matter.
    pub windows: KeyWindows,
    /// The names of record fields that were seen.
    pub fields: Vec<String>,
    /// The highest ID.
    pub last_id: Option<WriteId>,
}

/// Some writes of a list.
#[derive(Debug)]
pub struct Rows {
    /// Which part was asked for.
    pub part: Part,
    /// The writes.
    pub writes: Vec<WriteView>,
    /// True if there are more beyond, in the direction that was asked for.
    pub more: bool,
}

/// Which part of a list is wanted.
#[derive(Debug, Clone, PartialEq)]
pub enum Part {
    /// From the first on.
    First,
    /// From this place on, in place of what is there.
    From(Cursor),
    /// What comes after this place.
    After(Cursor),
    /// What comes before this place.
    Before(Cursor),
    /// The last ones.
    Last,
}

/// All that the detail shows.
#[derive(Debug)]
pub struct Detail {
    /// The write with its body.
    pub view: WriteView,
    /// The failure that it came in with.
    pub captured: CapturedFailure,
    /// Its attempts.
    pub attempts: Vec<Attempt>,
    /// All that happened to it.
    pub history: Vec<HistoryEntry>,
    /// The other writes of its lanes.
    pub neighbours: Vec<Neighbour>,
    /// The versions of its body.
    pub revisions: Vec<Revision>,
    /// The event, where that is all there is.
    pub evidence: Option<Vec<u8>>,
    /// How long its target remembers a key.
    pub window: Duration,
    /// Where its target is.
    pub base_url: Option<String>,
}

/// What came back from the editor.
#[derive(Debug, Clone)]
pub struct Edited {
    /// The body that was edited.
    pub before: Vec<u8>,
    /// Its hash, so that no other body is replaced.
    pub sha: Sha,
    /// The text that was saved.
    pub text: String,
    /// Where it lies, for as long as it is not kept.
    pub file: PathBuf,
}

/// What is selected for a plan.
#[derive(Debug, Clone)]
pub enum Chosen {
    /// The writes that match.
    Matching(Filter),
    /// What a run has left.
    RestOf(RunId),
}

/// How a plan's writes are to be sent.
#[derive(Debug, Clone, PartialEq)]
pub struct Terms {
    /// Hazards that are overridden.
    pub allowed: Vec<Hazard>,
    /// Requests per second, and the most of them out at once.
    pub pace: PaceSettings,
    /// True if each write gets a new key.
    pub new_key: bool,
    /// The most writes.
    pub limit: Option<usize>,
}

/// A run that is to begin.
#[derive(Debug, Clone)]
pub struct Start {
    /// Its plan.
    pub prepared: Arc<Prepared>,
    /// What it is asked to send.
    pub selection: Selection,
    /// The same as a filter.
    pub filter: Filter,
    /// Why.
    pub reason: Option<String>,
    /// How many writes go first.
    pub canaries: usize,
    /// The most requests for a write.
    pub max_attempts: u32,
}

/// Something to do outside: it takes time, and its answer comes as a [`Msg`].
#[derive(Debug)]
pub enum Effect {
    /// Open the file.
    Open,
    /// Read what the header shows.
    Overview,
    /// Read the groups.
    Groups,
    /// Read the runs.
    Runs,
    /// Read some writes.
    Page {
        /// For the answer.
        ticket: Ticket,
        /// Which writes.
        filter: Filter,
        /// In which order.
        order: Order,
        /// Which part of them.
        part: Part,
        /// How many.
        limit: usize,
    },
    /// Count writes.
    Count(Ticket, Filter),
    /// Read all about a write.
    Detail(WriteId),
    /// Find values of a text field that contain a text.
    Values(Ticket, TextField, String),
    /// Find values at a place of the bodies that contain a text.
    BodyValues(Ticket, Vec<String>, String),
    /// Make a plan.
    Prepare(Ticket, Chosen, Terms),
    /// Begin a run.
    Start(Box<Start>),
    /// Say what is wanted of a run.
    Ask(RunId, WishChange),
    /// Read a run.
    Run(RunId),
    /// Settle writes.
    Settle(Filter, Settling, Option<String>),
    /// Settle these writes.
    SettleThese(Vec<WriteId>, Settling, Option<String>),
    /// Open the editor.
    Edit(Box<WriteView>),
    /// Open the editor again.
    EditAgain(WriteId, Box<Edited>),
    /// Keep an edit.
    Keep {
        /// The write.
        id: WriteId,
        /// The body that was edited.
        sha: Sha,
        /// The new body.
        body: Vec<u8>,
        /// Why.
        reason: Option<String>,
        /// What can be deleted then.
        file: PathBuf,
    },
    /// Forget an edit that was not kept.
    Forget(PathBuf),
    /// Take an edit back.
    Unkeep(WriteId, i64),
    /// Put a text on the clipboard; the first text says what it is.
    Copy(&'static str, String),
    /// Write writes to a file.
    Export(Filter, PathBuf),
    /// Fix the demo's schema.
    Fix,
    /// Ask the ledger of the demo's API.
    Check,
    /// Turn the mouse on or off.
    Mouse(bool),
    /// Draw everything anew.
    Redraw,
    /// Stop the process, as Ctrl-Z does.
    Suspend,
    /// Give up the plan that is being made.
    GiveUp,
    /// Give up the job that is under way.
    GiveUpJob,
    /// End.
    Quit,
}
