//! What a store does, as its callers see it: each trait is one concern, and [`Store`] is all of them.
//!
//! Nothing here says how writes are kept. Times are the store's own: a caller's clock measures lengths only, so that
//! callers on several hosts agree. A call is done when its [`Reply`] says so; what it asked to change is then durable.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::{
    Attempting, By, Changes, Copied, Count, CountBy, CutOff, Finding, Happened, HistoryEntry, Incoming, Ingested,
    Intent, Lease, NewRun, Page, PageRequest, PlanData, Purged, Reply, RestOfRun, Settled, SplitWhich, WishChange,
};
use crate::domain::action::{Action, Settling};
use crate::domain::arrivals::Arrivals;
use crate::domain::attempt::{Attempt, AttemptEnd};
use crate::domain::batch::Child;
use crate::domain::clock::Clock;
use crate::domain::endpoint::BaseUrl;
use crate::domain::evidence::CapturedFailure;
use crate::domain::filter::{Filter, TextField};
use crate::domain::group::Group;
use crate::domain::identity::Sha;
use crate::domain::ids::{RunId, TargetId, WriteId};
use crate::domain::key::KeyWindows;
use crate::domain::lane::Neighbour;
use crate::domain::outcome::Outcome;
use crate::domain::reason::{Damage, Reason};
use crate::domain::report::About;
use crate::domain::revision::Revision;
use crate::domain::rules::claim::{Step, Terms};
use crate::domain::rules::outcome::{Recorded, Then};
use crate::domain::run::{Run, RunState, Wish};
use crate::domain::state::State;
use crate::domain::stop::Stops;
use crate::domain::target::{BatchRules, KnownTarget, Windows};
use crate::domain::time::Timestamp;
use crate::domain::transfer::Parent;
use crate::domain::write::WriteView;

/// A store of failed writes.
pub trait Store:
    Backup
    + Care
    + Clocks
    + Control
    + Edits
    + Groups
    + Ingest
    + Intents
    + Log
    + Outcomes
    + Overview
    + Plans
    + Reports
    + Runs
    + Settle
    + Split
    + Targets
    + Writes
    + Send
    + Sync
{
    /// Name of the store for messages: a path, where it is a file.
    fn name(&self) -> String;

    /// The file that the store is, with its directory resolved; `None` if it is kept elsewhere.
    fn file(&self) -> Option<&Path>;
}

/// Lists of writes, and all that is known of one.
pub trait Writes {
    /// Reads a page of the writes that match, hazards included.
    fn page(&self, request: PageRequest, windows: Windows) -> Reply<Page>;

    /// Reads one write with its body and hazards; `None` if there is none of that ID.
    fn write_view(&self, id: WriteId, windows: Windows) -> Reply<Option<WriteView>>;

    /// Reads the key, state and revision of a write; `None` if there is none of that ID.
    fn brief(&self, id: WriteId) -> Reply<Option<(String, State, i64)>>;

    /// Reads the state of a write; `None` if there is none of that ID.
    fn state_of(&self, id: WriteId) -> Reply<Option<State>>;

    /// Reads the other writes of its lanes, oldest first: at most twenty of them.
    fn lane_mates(&self, id: WriteId) -> Reply<Vec<Neighbour>>;

    /// Reads the event that was captured instead of a request, where that is all there is.
    fn evidence(&self, id: WriteId) -> Reply<Option<Vec<u8>>>;

    /// Reads all that happened to a write, oldest first.
    fn history(&self, id: WriteId) -> Reply<Vec<HistoryEntry>>;

    /// Reads the failure that a write came in with: attempt 0.
    fn captured(&self, id: WriteId) -> Reply<CapturedFailure>;

    /// Reads the last attempt of a write; `None` if it was never sent.
    fn last_attempt(&self, id: WriteId) -> Reply<Option<Attempt>>;

    /// Reads what identifies a batch for its parts in an export; `None` if there is no write of that ID.
    fn as_parent(&self, id: WriteId) -> Reply<Option<Parent>>;

    /// Says what is wrong with a write's row, if anything; also `None` if there is no write of that ID.
    fn damage(&self, id: WriteId) -> Reply<Option<Damage>>;

    /// Lists the writes whose stored state is none that dlq knows: no query finds them.
    fn without_state(&self) -> Reply<Vec<(WriteId, Damage)>>;

    /// Lists the IDs of all writes that match, in order of ID.
    fn matching_ids(&self, filter: &Filter, windows: Windows) -> Reply<Vec<WriteId>>;

    /// Lists the names of the record fields that were ever captured, in order.
    fn record_fields(&self) -> Reply<Vec<String>>;
}

/// Groups and counts.
pub trait Groups {
    /// Lists all groups with writes, those with the most open writes first; of one target if it is named.
    fn groups(&self, target: Option<&str>) -> Reply<Vec<Group>>;

    /// Lists the same without an example of each, which costs a look at its writes.
    fn groups_without_examples(&self, target: Option<&str>) -> Reply<Vec<Group>>;

    /// Counts writes in each state, by some field; of one target if it is named.
    fn counts(&self, by: CountBy, target: Option<&str>) -> Reply<Vec<Count>>;

    /// Finds the key windows of open appends that may have been applied; of one target if it is named.
    fn key_windows(&self, lengths: Windows, target: Option<&str>) -> Reply<KeyWindows>;

    /// Counts the writes that match, hazards aside.
    fn count(&self, filter: &Filter) -> Reply<i64>;

    /// Counts the writes with a higher ID that match, hazards aside: what came in since a plan was made.
    fn count_after(&self, filter: &Filter, last: WriteId) -> Reply<i64>;

    /// Reads the highest ID so far.
    fn last_id(&self) -> Reply<WriteId>;
}

/// What a screen shows all the time, at the same cost for a hundred writes and for a million.
pub trait Overview {
    /// Watches for changes by anyone, in this process or another.
    fn changes(&self) -> super::Result<Changes>;

    /// Counts how many writes of each group failed in each hour, from an hour on; of one target if it is named.
    fn arrivals(&self, target: Option<&str>, from_hour: i64) -> Reply<Vec<Arrivals>>;

    /// Lists some of the values of a text field that contain `part`, to choose from.
    fn values_of(&self, field: TextField, part: &str, limit: usize) -> Reply<Vec<String>>;

    /// Lists some of the texts and numbers at a path in the newest bodies that contain `part`.
    fn body_values(&self, path: &[String], part: &str, limit: usize) -> Reply<Vec<String>>;
}

/// What plans are made from.
pub trait Plans {
    /// Reads the pending and unknown writes that match and their lane mates, in one snapshot.
    fn plan_data(&self, filter: &Filter, limit: Option<usize>, windows: Windows) -> Reply<PlanData>;

    /// Reads all of a stopped run that was not accepted, with the bodies that its plan showed. What was settled since is
    /// among them; a claim will say so.
    fn rest_of_run(&self, run: RunId) -> Reply<RestOfRun>;

    /// Averages the time that the last requests took, whatever came of them; `None` if there were none.
    fn recent_latency(&self) -> Reply<Option<Duration>>;
}

/// Runs, from their beginning to their end.
pub trait Runs {
    /// Begins a run: records its plan and takes its lease. Refused while another run sends to the same target.
    fn begin_run(&self, new: NewRun) -> Reply<Arc<dyn Lease>>;

    /// Records the outcomes of planned writes that were not sent to their end, by their number in the plan, from 1.
    fn note_outcomes(&self, run: RunId, outcomes: Vec<(usize, Outcome, Reason)>) -> Reply<()>;

    /// Ends a run: whatever it still holds goes back to what it was.
    fn end_run(&self, run: RunId, state: RunState, stopped: Stops, new_since_plan: u64) -> Reply<()>;

    /// Takes back what a run has in flight, without waiting for answers, and returns how these writes of its plan (by
    /// number, from 1) ended: `unsent` if nothing was sent for one.
    fn cut_off(&self, run: RunId, seqs: Vec<usize>) -> Reply<Vec<CutOff>>;

    /// Takes back what dead runs left, and returns their IDs. Happens whenever a store is opened for writing.
    fn recover_dead_runs(&self) -> Reply<Vec<RunId>>;

    /// Lists the runs, newest first, at most `limit`. One whose process is dead is shown as such, even before its claims
    /// were taken back.
    fn runs(&self, limit: usize) -> Reply<Vec<Run>>;

    /// Reads one run; `None` if there is none of that ID.
    fn run(&self, id: RunId) -> Reply<Option<Run>>;
}

/// Live control of a run.
pub trait Control {
    /// Reads what is wanted of a run; `None` if nobody said anything since it began.
    fn wish(&self, run: RunId) -> Reply<Option<Wish>>;

    /// Tells a run that is under way what is wanted of it. It looks a few times a second; a suspended process when it
    /// wakes.
    fn ask_run(&self, run: RunId, change: WishChange, by: By) -> Reply<Wish>;
}

/// What is durable before a request leaves.
pub trait Intents {
    /// Commits the intent of the next attempt for a write of a run's plan, with its claim if it is the run's first.
    /// `planned` is the body that the plan showed. An error if the run's lease is lost, or it was fenced.
    fn intend(&self, lease: &Arc<dyn Lease>, id: WriteId, planned: Sha, step: Step, terms: Terms) -> Reply<Intent>;
}

/// How attempts and claims end.
pub trait Outcomes {
    /// Records how an attempt ended, and where that leaves its write.
    fn record_attempt(&self, attempt: Attempting, end: AttemptEnd, then: Then) -> Reply<Recorded>;

    /// Returns true if an answer to another write, a captured one included, carried this correlation ID.
    fn carried_by_others(&self, correlation_id: String, id: WriteId) -> Reply<bool>;

    /// Lets go of a write between two attempts: the run is stopping, or a hazard came up.
    fn let_go(&self, run: RunId, id: WriteId, seq: usize, outcome: Outcome, reason: Reason) -> Reply<Recorded>;
}

/// Edits of bodies.
pub trait Edits {
    /// Reads the revisions of a write's body, the captured one first.
    fn revisions(&self, id: WriteId) -> Reply<Vec<Revision>>;

    /// Adds a revision to a write's body and returns its number. Refused if the current body is not `edited` any more, or
    /// if the write's state does not allow it.
    fn edit(&self, id: WriteId, edited: Sha, body: Vec<u8>, by: By) -> Reply<i64>;

    /// Takes an edit back: the body is again the one that was edited, and `revision` stays on record. Refused if that is
    /// not the current one, or was sent.
    fn undo_edit(&self, id: WriteId, revision: i64, by: By) -> Reply<i64>;
}

/// Settling by hand, and purging what was settled.
pub trait Settle {
    /// Resolves, discards or reopens each of these writes; those whose state does not allow it are left as they are.
    fn settle(&self, ids: Vec<WriteId>, how: Settling, by: By) -> Reply<Settled>;

    /// Counts the writes that a purge of what was settled before `before` would delete.
    fn purgeable(&self, before: Timestamp) -> Reply<u64>;

    /// Deletes some of what was settled before `before`, for good; `after` is where the step before ended. Tombstones keep
    /// the identities.
    fn purge(&self, before: Timestamp, after: Option<WriteId>) -> Reply<Purged>;
}

/// Splitting batches.
pub trait Split {
    /// Splits a batch into writes of their own. Refused where that could apply records twice.
    fn split(&self, id: WriteId, rules: BatchRules, which: SplitWhich, by: By) -> Reply<Vec<Child>>;

    /// Takes a split back: the parts go, and the batch is what it was. Refused once anything happened to a part. Returns
    /// the number of parts.
    fn unsplit(&self, id: WriteId, by: By) -> Reply<usize>;
}

/// Targets, and the base URL that each is bound to.
pub trait Targets {
    /// Lists the known targets by name.
    fn targets(&self) -> Reply<Vec<KnownTarget>>;

    /// Reads for how long nothing may be sent to a target, because the API asked for that; zero if it is open.
    fn closed_for(&self, name: &str) -> Reply<Duration>;

    /// Binds a target to a base URL on its first use; later, checks that it is still the same.
    fn bind_target(&self, name: &str, base: &BaseUrl, by: By) -> Reply<TargetId>;

    /// Binds a target to another base URL, on purpose.
    fn rebind_target(&self, name: &str, base: &BaseUrl, by: By) -> Reply<()>;
}

/// The store's clock.
pub trait Clocks {
    /// Reads the clock, beside the newest time that the store has seen of it.
    fn clock(&self) -> Reply<Clock>;

    /// Takes a floor away that was wrong, because the clock had been ahead. Nobody knows when the writes were sent that, by
    /// that clock, were sent later than now: their keys count as expired. Returns how many those are.
    fn reset_clock(&self, by: By) -> Reply<usize>;
}

/// Checks.
pub trait Care {
    /// Checks the store: its pages, its counters, every row against its seal, every body against its hash, its clock.
    fn check(&self) -> Reply<Vec<Finding>>;

    /// Describes the settings with which it is written.
    fn writer_settings(&self) -> Vec<Finding>;
}

/// Copies.
pub trait Backup {
    /// Copies the store, consistent also under load, to a new file with mode 0600, which is opened, checked and counted
    /// before this answers.
    fn backup(&self, to: &Path) -> Reply<Copied>;
}

/// The log of what operators did.
pub trait Log {
    /// Adds an action on the whole store.
    fn log(&self, action: Action, by: By) -> Reply<()>;
}

/// Reports.
pub trait Reports {
    /// Reads what happened in a run, or since a moment.
    fn happened(&self, about: About) -> Reply<Happened>;
}

/// Taking failures in.
pub trait Ingest {
    /// Begins an intake: a session that remembers what it has looked up.
    fn intake(self: Arc<Self>) -> Box<dyn Intake>;
}

/// An intake under way.
pub trait Intake: Send + Sync {
    /// Takes in a batch, all or nothing: new ones become writes, known ones are counted. Batches may wait in line.
    fn take(&self, batch: Vec<Incoming>) -> Reply<Ingested>;
}
