//! Reports: what happened in a run or a shift, by whom, and what is left. Bodies and the values in messages are left
//! out, so that a report may be passed on.

use super::failure_type::FailureType;
use super::group::Group;
use super::ids::{GroupId, RunId, WriteId};
use super::key::KeyWindows;
use super::outcome::Outcome;
use super::reason::Reason;
use super::run::Run;
use super::time::Timestamp;

/// The subject of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum About {
    /// One run.
    Run(RunId),
    /// Everything since this time.
    Since(Timestamp),
}

/// A report on a run or a shift.
#[derive(Debug)]
pub struct Report {
    /// Its subject.
    pub about: About,
    /// The start of the time it covers.
    pub from: Timestamp,
    /// The end of the time it covers.
    pub to: Timestamp,
    /// Numbers of failures that came in, by type.
    pub arrived: Vec<(FailureType, i64)>,
    /// The runs, oldest first, each with the writes that did not go through.
    pub runs: Vec<(Run, Vec<NotThrough>)>,
    /// The actions of operators.
    pub actions: Vec<ActionTally>,
    /// The groups with open writes, those with the most first.
    pub left: Vec<Group>,
    /// The key windows that matter.
    pub windows: KeyWindows,
}

/// Writes of a run that did not go through, for one reason.
#[derive(Debug, Clone)]
pub struct NotThrough {
    /// Their outcome.
    pub outcome: Outcome,
    /// Their group now; `None` if they were purged.
    pub group: Option<GroupId>,
    /// The cause of their group: the code and the message without its values.
    pub cause: Option<String>,
    /// The last answer to them in the run, if that judged no data, and so is not what their group is about.
    pub said: Option<LastSaid>,
    /// Number of them with the same refusal as before, perhaps from the API's cache.
    pub maybe_cached: i64,
    /// The hazard that refused them.
    pub hazard: Option<String>,
    /// Number of writes.
    pub count: i64,
    /// The ID of one of them.
    pub example: WriteId,
    /// The correlation ID of the example's last request in the run.
    pub correlation_id: Option<String>,
}

/// The last answer of the API, or of the network, to writes of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastSaid {
    /// The HTTP status of one of the answers; `None` if there was none.
    pub status: Option<u16>,
    /// Its error code.
    pub code: Option<String>,
    /// Its message, or the network's.
    pub message: Option<String>,
    /// Number of different statuses and codes among them, at least 1.
    pub kinds: u64,
}

/// The group of writes that failed for one cause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CauseGroup {
    /// Its ID.
    pub id: GroupId,
    /// Its error code.
    pub code: Option<String>,
    /// Its message without values.
    pub message: String,
}

/// Writes of a run that ended alike, for one cause.
#[derive(Debug, Clone)]
pub struct RunCause {
    /// Their outcome.
    pub outcome: Outcome,
    /// The reason of one of them; `None` for those without an outcome yet.
    pub reason: Option<Reason>,
    /// The group that failed and unknown ones are in now; `None` for others, and if they were purged.
    pub group: Option<CauseGroup>,
    /// The last answer to them in the run, if that judged no data, and so is not what their group is about.
    pub said: Option<LastSaid>,
    /// Number of writes.
    pub count: u64,
    /// Number of different reasons among them, at least 1: held writes have one for each write that held them.
    pub reasons: u64,
    /// The oldest of them.
    pub example: WriteId,
}

/// One kind of action by one operator for one reason.
#[derive(Debug, Clone)]
pub struct ActionTally {
    /// One of the actions, with its details.
    pub action: super::action::Action,
    /// The operator's name.
    pub operator: String,
    /// The operator's reason.
    pub reason: Option<String>,
    /// Number of writes that it changed, or of times that it was done.
    pub count: i64,
    /// Its writes, at most [`ActionTally::MOST_WRITES`] of them; none if it was not about writes.
    pub writes: Vec<WriteId>,
    /// The time of the first one.
    pub first: Timestamp,
    /// The time of the last one.
    pub last: Timestamp,
}

impl ActionTally {
    /// The most writes that are named.
    pub const MOST_WRITES: usize = 1000;
}
