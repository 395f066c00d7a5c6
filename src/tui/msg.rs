//! Messages to the application, and effects from it. Only `App::update` turns one into the other.

use crate::domain::profile::Profile;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crossterm::event::MouseEvent;

use super::columns::WriteColumn;
use super::keymap::Chord;
use crate::domain::action::Settling;
use crate::domain::arrivals::{Arrivals, Span};
use crate::domain::attempt::Attempt;
use crate::domain::common::Common;
use crate::domain::evidence::CapturedFailure;
use crate::domain::filter::{Filter, TextField};
use crate::domain::group::Group;
use crate::domain::hazard::Hazard;
use crate::domain::identity::Sha;
use crate::domain::ids::{GroupId, RunId, WriteId};
use crate::domain::key::KeyWindows;
use crate::domain::lane::Neighbour;
use crate::domain::outcome::Outcome;
use crate::domain::parking::{Park, Parking};
use crate::domain::reason::Reason;
use crate::domain::report::{About, Report, RunCause};
use crate::domain::revision::Revision;
use crate::domain::run::Run;
use crate::domain::selection::Selection;
use crate::domain::target::{AuthHeader, KnownTarget};
use crate::domain::write::WriteView;
use crate::replay::{PaceSettings, Prepared, RunEvent, RunReport};
use crate::store::{Count, Cursor, HistoryEntry, Order, Settled, SplitWhich, WishChange};

/// Number of a screen, to bring answers to the one that asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct ScreenId(pub u32);

/// A question's number, to tell a stale answer from the current one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Ticket {
    /// The screen that asked.
    pub screen: ScreenId,
    /// Its number; 0 if nothing was asked yet.
    pub number: u64,
}

/// A message to the application: input, or the outcome of an [`Effect`].
#[derive(Debug)]
pub enum Msg {
    /// A key was pressed.
    Key(Chord),
    /// Text was pasted.
    Paste(String),
    /// The mouse was moved, clicked or scrolled.
    Mouse(MouseEvent),
    /// The terminal was resized to this width and height.
    Resize(u16, u16),
    /// The terminal's background is light, or dark.
    Background(bool),
    /// Nothing happened for as long as `App::rest` allowed.
    Tick,
    /// The file has changed.
    Changed,
    /// The system asks the process to end.
    Terminate,
    /// The process was resumed after a stop.
    Resumed,
    /// The file was opened, or the reason why it wasn't.
    Opened(Result<(), Closed>),
    /// The answer to [`Effect::Ask`].
    Answer(Ticket, Reading),
    /// This process's run has begun, or the reason why it couldn't.
    Began(Result<RunId, String>),
    /// Events of this process's run.
    Run(Vec<RunEvent>),
    /// This process's run is over.
    Ended(Result<Box<RunReport>, String>),
    /// A run was asked for something, and is like this now.
    RunIs(Box<Run>),
    /// Writes were settled.
    Settled(Settling, Result<Settled, String>),
    /// The editor was closed.
    Edited(WriteId, Result<Box<Edited>, String>),
    /// An edit was kept, as this revision.
    Kept(WriteId, Result<i64, String>),
    /// An edit was undone; the write is at this revision again.
    Unkept(WriteId, Result<i64, String>),
    /// Progress of a long job; `None` when it is over.
    Job(Option<Job>),
    /// Outcome of a change, as text to show.
    Done(Result<String, String>),
    /// The demo's schema was fixed.
    Fixed,
    /// Verdict of the ledger of the demo's API.
    Verdict(String),
    /// Work on the file failed; the text says why.
    Trouble(String),
}

/// Progress of a long job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// Name of the job: `settling` or `exporting`.
    pub what: String,
    /// Writes done so far.
    pub done: u64,
    /// Writes in total, if known.
    pub total: Option<u64>,
}

/// The reason why the file is not open.
#[derive(Debug, Clone)]
pub enum Closed {
    /// There is no file.
    Missing,
    /// The file can't be used; the text says why.
    Unusable(String),
    /// The file was deleted or replaced while it was open.
    Replaced,
}

/// Summary of the file, for the header.
#[derive(Debug, Clone, Default)]
pub struct HeaderData {
    /// Counts of writes by failure type.
    pub counts: Vec<Count>,
    /// The span of time that the histogram shows; `None` until it is read.
    pub span: Option<Span>,
    /// Failures in it, by group and bar.
    pub arrivals: Vec<Arrivals>,
    /// The known targets.
    pub targets: Vec<KnownTarget>,
    /// The next key window to end, and the number that have ended.
    pub windows: KeyWindows,
    /// The parkings of groups, ended ones included.
    pub parkings: Vec<Parking>,
    /// Names of the record fields seen so far.
    pub fields: Vec<String>,
    /// The highest write ID; `None` until it is read.
    pub last_id: Option<WriteId>,
}

/// Two bodies to compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pair {
    /// Those of two writes.
    Writes(WriteId, WriteId),
    /// The captured one of a write, and its current one.
    Revisions(WriteId),
}

/// Hazards and key windows of a group.
#[derive(Debug, Clone)]
pub struct GroupFacts {
    /// The group.
    pub id: GroupId,
    /// The hazards of the writes that were looked at, each with the number of writes that have it.
    pub hazards: Vec<(Hazard, usize)>,
    /// Number of writes that were looked at: the newest open ones.
    pub looked_at: usize,
    /// Its key windows.
    pub windows: KeyWindows,
}

/// A plan that was made.
#[derive(Debug)]
pub struct Ready {
    /// The plan.
    pub prepared: Prepared,
    /// The reason why there is no token to send it with; `None` if there is one, or none is needed.
    pub no_token: Option<String>,
}

/// A page of the writes list.
#[derive(Debug)]
pub struct Rows {
    /// The part that was asked for.
    pub part: PagePart,
    /// The writes, in list order.
    pub writes: Vec<WriteView>,
    /// True if more writes follow in the direction of the request.
    pub more: bool,
    /// The outcomes that they had in the run that the filter names, if it names one.
    pub outcomes: Vec<(WriteId, Outcome, Option<Reason>)>,
}

/// A part of the writes list to read.
#[derive(Debug, Clone, PartialEq)]
pub enum PagePart {
    /// Rows from the first on.
    First,
    /// Rows from this cursor on, replacing those in memory.
    From(Cursor),
    /// Rows after this cursor.
    After(Cursor),
    /// Rows before this cursor.
    Before(Cursor),
    /// The last rows.
    Last,
}

/// Everything that the detail shows of a write.
#[derive(Debug)]
pub struct Detail {
    /// The write with its body.
    pub view: WriteView,
    /// The failure that it was captured with.
    pub captured: CapturedFailure,
    /// Requests that dlq made for it.
    pub attempts: Vec<Attempt>,
    /// Attempts and operators' actions, in order of time.
    pub history: Vec<HistoryEntry>,
    /// The other writes of its lanes.
    pub neighbours: Vec<Neighbour>,
    /// The versions of its body.
    pub revisions: Vec<Revision>,
    /// The captured event, if the write has no body.
    pub evidence: Option<Vec<u8>>,
    /// Time for which its target remembers an idempotency key.
    pub window: Duration,
    /// The header that the target's token goes in; `None` if it takes no token.
    pub auth: Option<AuthHeader>,
    /// Headers that every request to the target has, those with secrets left out.
    pub static_headers: Vec<(String, String)>,
    /// The profile of its target.
    pub profile: Arc<Profile>,
    /// The header of the idempotency key; `None` for an API without keys.
    pub key_header: Option<String>,
    /// Its target's base URL, if known.
    pub base_url: Option<String>,
}

/// Result of an editor session.
#[derive(Debug, Clone)]
pub struct Edited {
    /// The body before the edit.
    pub before: Vec<u8>,
    /// Hash of that body, so that no other body is replaced.
    pub sha: Sha,
    /// The text that was saved.
    pub text: String,
    /// The file with that text, until the edit is kept or forgotten.
    pub file: PathBuf,
}

/// The writes selected for a plan.
#[derive(Debug, Clone)]
pub enum Chosen {
    /// Writes that match a filter.
    Matching(Filter),
    /// The rest of a run's writes.
    RestOf(RunId),
}

/// Options for planning writes and sending them.
#[derive(Debug, Clone, PartialEq)]
pub struct PlanChoices {
    /// The overridden hazards.
    pub allowed: Vec<Hazard>,
    /// Requests per second, and the most in flight at once.
    pub pace: PaceSettings,
    /// True if each write gets a new key.
    pub new_key: bool,
    /// The most writes to plan; `None` for all.
    pub limit: Option<usize>,
}

/// A run to start.
#[derive(Debug, Clone)]
pub struct Start {
    /// The plan to send.
    pub prepared: Arc<Prepared>,
    /// The selection, as recorded with the run.
    pub selection: Selection,
    /// The selection as a filter.
    pub filter: Filter,
    /// The reason, for the record.
    pub reason: Option<String>,
    /// Number of canaries: writes sent ahead of the rest.
    pub canaries: usize,
    /// The most requests per write.
    pub max_attempts: u32,
}

/// Work outside the application; its outcome comes as a [`Msg`].
#[derive(Debug)]
pub enum Effect {
    /// Open the file.
    Open,
    /// Read something. A screen's later question of the same kind replaces an earlier one.
    Ask(Ticket, Question),
    /// Cancel the work on a question.
    Forget(Ticket, Question),
    /// Change something; it is never cancelled half-way.
    Do(Deed),
    /// Do something to the terminal.
    Terminal(TerminalRequest),
    /// Quit.
    Quit,
}

/// A question that the file answers.
#[derive(Debug, Clone)]
pub enum Question {
    /// The summary for the header.
    Overview,
    /// The groups.
    Groups,
    /// The runs.
    Runs,
    /// A page of writes.
    Page {
        /// Filter that the writes match.
        filter: Filter,
        /// Sort order.
        order: Order,
        /// Part of the list.
        part: PagePart,
        /// The most rows to read.
        limit: usize,
    },
    /// Number of writes that match.
    Count(Filter),
    /// Everything about a write.
    Detail(WriteId),
    /// Values of a text field that contain a text.
    Values(TextField, String),
    /// Values at a path in the bodies that contain a text.
    BodyValues(Vec<String>, String),
    /// A plan.
    Plan(Chosen, PlanChoices),
    /// A run.
    Run(RunId),
    /// What the writes of a run that did not go through have in common.
    Causes(RunId),
    /// A report.
    Report(About),
    /// Hazards and key windows of a group.
    GroupFacts(GroupId),
    /// Everything about two writes, or about one and its captured body.
    Pair(Pair),
    /// What the writes that match have in common.
    Common(Filter),
}

/// The answer to a [`Question`].
#[derive(Debug)]
pub enum Reading {
    /// The summary for the header.
    Overview(Box<HeaderData>),
    /// The groups.
    Groups(Vec<Group>),
    /// The runs, the newest first.
    Runs(Vec<Run>),
    /// A page of writes.
    Page(Box<Rows>),
    /// Number of writes that match.
    Count(i64),
    /// Everything about a write; `None` if it is gone.
    Detail(WriteId, Option<Box<Detail>>),
    /// Values to complete the filter line with.
    Values(Vec<String>),
    /// A plan, or the reason why it can't be made.
    Plan(Result<Box<Ready>, String>),
    /// A run; `None` if there is no such run.
    Run(Option<Box<Run>>),
    /// What the writes of a run that did not go through have in common.
    Causes(Vec<RunCause>),
    /// A report.
    Report(Box<Report>),
    /// Hazards and key windows of a group.
    GroupFacts(Box<GroupFacts>),
    /// Everything about the first write of a pair, and about the second, if there is one.
    Pair(Box<Detail>, Option<Box<Detail>>),
    /// What writes have in common.
    Common(Box<Common>),
    /// The file could not be read; the text says why.
    Failed(String),
}

/// A change to the file, or to what happens outside.
#[derive(Debug)]
pub enum Deed {
    /// Start a run.
    Start(Box<Start>),
    /// Ask a run to pause, go on, stop or change its pace.
    AskRun(RunId, WishChange),
    /// Settle the writes that match.
    Settle(Filter, Settling, Option<String>),
    /// Settle these writes.
    SettleThese(Vec<WriteId>, Settling, Option<String>),
    /// Remember the columns that were chosen for the list of writes; `None` for those that fit.
    RememberColumns(Option<Vec<WriteColumn>>),
    /// Open the editor on a write's body.
    Edit(WriteId),
    /// Open the editor again, on what was typed before.
    EditAgain(WriteId, Box<Edited>),
    /// Keep an edit as a new revision.
    Keep {
        /// The edited write.
        id: WriteId,
        /// Hash of the body that was edited.
        sha: Sha,
        /// The new body.
        body: Vec<u8>,
        /// The reason, for the record.
        reason: Option<String>,
        /// The editor's file, deleted once the edit is kept.
        file: PathBuf,
    },
    /// Note something on a group, or take its note away.
    Note(GroupId, Option<String>),
    /// Park a group, or take it back.
    Park(GroupId, Park),
    /// Delete the editor's file of an edit that changed nothing.
    Discard(PathBuf),
    /// Undo the edit that made this revision.
    Unkeep(WriteId, i64),
    /// Split a batch, for a reason.
    Split(WriteId, SplitWhich, String),
    /// Take a split back, for a reason.
    Unsplit(WriteId, String),
    /// Save a text to a new file.
    Save(PathBuf, String),
    /// Export the writes that match to a file.
    Export(Filter, PathBuf),
    /// Cancel the long job that is under way.
    GiveUpJob,
    /// Fix the demo's schema.
    Fix,
    /// Ask the ledger of the demo's API.
    Check,
}

/// Something that only the thread with the terminal can do.
#[derive(Debug)]
pub enum TerminalRequest {
    /// Copy the second text to the clipboard; the first names it.
    Copy(&'static str, String),
    /// Turn the mouse on or off.
    Mouse(bool),
    /// Redraw everything.
    Redraw,
    /// Stop the process, as Ctrl-Z does.
    Suspend,
}
