//! Reports: what happened in a run or a shift, by whom, and what is left. Bodies and messages with their values are left
//! out, so that a report may be passed on.

use super::failure_type::FailureType;
use super::group::Group;
use super::ids::{GroupId, RunId, WriteId};
use super::key::KeyWindows;
use super::outcome::Outcome;
use super::run::Run;
use super::time::Timestamp;

/// What a report is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum About {
    /// One run.
    Run(RunId),
    /// All that happened since.
    Since(Timestamp),
}

/// A report.
#[derive(Debug)]
pub struct Report {
    /// What it is about.
    pub about: About,
    /// From when.
    pub from: Timestamp,
    /// Until when.
    pub to: Timestamp,
    /// How many failures came in, by type.
    pub arrived: Vec<(FailureType, i64)>,
    /// The runs, oldest first, each with what did not go through.
    pub runs: Vec<(Run, Vec<NotThrough>)>,
    /// What operators did.
    pub actions: Vec<Action>,
    /// The groups with open writes, those with the most first.
    pub left: Vec<Group>,
    /// The key windows that matter.
    pub windows: KeyWindows,
}

/// Writes of a run that did not go through, for one reason.
#[derive(Debug, Clone)]
pub struct NotThrough {
    /// How they ended.
    pub outcome: Outcome,
    /// Their group now; `None` if they were purged.
    pub group: Option<GroupId>,
    /// What their group is about: the code and the message without its values.
    pub cause: Option<String>,
    /// How many of them had the same refusal as before, perhaps from the API's cache.
    pub maybe_cached: i64,
    /// The hazard that refused them.
    pub hazard: Option<String>,
    /// How many.
    pub count: i64,
    /// One of them.
    pub example: WriteId,
    /// The correlation ID of its last request in the run.
    pub correlation_id: Option<String>,
}

/// The same thing done by the same operator for the same reason.
#[derive(Debug, Clone)]
pub struct Action {
    /// What: one of them, with its particulars.
    pub action: super::action::Action,
    /// Who.
    pub operator: String,
    /// Why.
    pub reason: Option<String>,
    /// To how many writes, or how often.
    pub count: i64,
    /// The first time.
    pub first: Timestamp,
    /// The last time.
    pub last: Timestamp,
}
