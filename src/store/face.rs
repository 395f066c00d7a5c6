//! The store as its callers see it: one trait per concern, with [`Store`] combining them all.
//!
//! Nothing here depends on how writes are stored. Timestamps come from the store; callers' clocks
//! only measure durations, so that callers on several hosts agree. A call is complete once its
//! [`Reply`] resolves; its changes are durable by then.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::{
    Accepted, Attempting, By, Changes, Copied, Count, CountBy, CutOff, Finding, Happened, HistoryEntry, Incoming,
    Ingested, Intent, Lease, NewRun, Page, PageRequest, PlanData, Purged, Reply, RestOfRun, Settled, SplitWhich,
    TakenBack, WishChange,
};
use crate::domain::action::{Action, Settling};
use crate::domain::arrivals::{Arrivals, Span};
use crate::domain::attempt::{Attempt, AttemptEnd};
use crate::domain::batch::Child;
use crate::domain::clock::Clock;
use crate::domain::endpoint::BaseUrl;
use crate::domain::evidence::CapturedFailure;
use crate::domain::file_place::FilePlace;
use crate::domain::filter::{Filter, TextField};
use crate::domain::group::Group;
use crate::domain::identity::Sha;
use crate::domain::ids::{GroupId, IntakeId, RunId, TargetId, WriteId};
use crate::domain::key::KeyWindows;
use crate::domain::lane::Neighbour;
use crate::domain::outcome::Outcome;
use crate::domain::parking::{Park, Parked, Parking};
use crate::domain::reason::{Damage, Reason};
use crate::domain::report::{About, RunCause};
use crate::domain::revision::Revision;
use crate::domain::rules::claim::{Step, Terms};
use crate::domain::rules::outcome::{Recorded, Then};
use crate::domain::run::{Operator, Run, RunState, Wish};
use crate::domain::state::State;
use crate::domain::stop::Stops;
use crate::domain::success::Success;
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
    + Intakes
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
    + Triage
    + Writes
    + Send
    + Sync
{
    /// Returns the store's name for messages: its path, if it is a file.
    fn name(&self) -> String;

    /// Returns the canonical path of the store's file; `None` if the store is not a file.
    fn file(&self) -> Option<&Path>;

    /// Returns an error if the store is no longer where it was opened: its file was deleted or
    /// replaced. No change is reported as made then.
    fn in_place(&self) -> super::Result<()>;
}

/// Lists of writes, and everything known about a single one.
pub trait Writes {
    /// Reads a page of the matching writes, hazards included.
    fn page(&self, request: PageRequest, windows: Windows) -> Reply<Page>;

    /// Reads one write with its body and hazards; `None` if no write has that ID.
    fn write_view(&self, id: WriteId, windows: Windows) -> Reply<Option<WriteView>>;

    /// Reads the key, state and revision of a write; `None` if no write has that ID.
    fn brief(&self, id: WriteId) -> Reply<Option<(String, State, i64)>>;

    /// Reads the state of a write; `None` if no write has that ID.
    fn state_of(&self, id: WriteId) -> Reply<Option<State>>;

    /// Reads the other writes in a write's lanes, oldest first: at most the ten before it and the
    /// ten after it.
    fn lane_mates(&self, id: WriteId) -> Reply<Vec<Neighbour>>;

    /// Reads the event that was captured in place of a request; `None` if there is none.
    fn evidence(&self, id: WriteId) -> Reply<Option<Vec<u8>>>;

    /// Reads a write's history of attempts and operators' actions, oldest first.
    fn history(&self, id: WriteId) -> Reply<Vec<HistoryEntry>>;

    /// Reads the failure a write was captured with: attempt 0.
    fn captured(&self, id: WriteId) -> Reply<CapturedFailure>;

    /// Reads the last attempt of a write; `None` if it was never sent.
    fn last_attempt(&self, id: WriteId) -> Reply<Option<Attempt>>;

    /// Reads the identity of a batch, by which its parts refer to it in an export; `None` if no
    /// write has that ID.
    fn as_parent(&self, id: WriteId) -> Reply<Option<Parent>>;

    /// Checks a write's row for damage; `None` if it is sound, or if no write has that ID.
    fn damage(&self, id: WriteId) -> Reply<Option<Damage>>;

    /// Lists the writes whose stored state is unknown to dlq, which no query finds.
    fn without_state(&self) -> Reply<Vec<(WriteId, Damage)>>;

    /// Lists the IDs of all matching writes, in ascending order.
    fn matching_ids(&self, filter: &Filter, windows: Windows) -> Reply<Vec<WriteId>>;

    /// Lists the names of the record fields captured so far, sorted.
    fn record_fields(&self) -> Reply<Vec<String>>;
}

/// Groups and counts.
pub trait Groups {
    /// Lists all groups that have writes, those with the most open writes first; of one target
    /// only, if given.
    fn groups(&self, target: Option<&str>) -> Reply<Vec<Group>>;

    /// Lists the same groups without an example of each, which would cost a look at their writes.
    fn groups_without_examples(&self, target: Option<&str>) -> Reply<Vec<Group>>;

    /// Counts the writes in each state, grouped by a field; of one target only, if given.
    fn counts(&self, by: CountBy, target: Option<&str>) -> Reply<Vec<Count>>;

    /// Finds the key windows of open appends that may have been applied; of one target only, if
    /// given.
    fn key_windows(&self, lengths: Windows, target: Option<&str>) -> Reply<KeyWindows>;

    /// Finds the same for the writes of one group.
    fn windows_of_group(&self, lengths: Windows, group: GroupId) -> Reply<KeyWindows>;

    /// Counts the matching writes, ignoring hazard terms.
    fn count(&self, filter: &Filter) -> Reply<i64>;

    /// Counts the matching writes with an ID above `last`, ignoring hazard terms: those that came
    /// in after a plan was made.
    fn count_after(&self, filter: &Filter, last: WriteId) -> Reply<i64>;

    /// Reads the highest ID so far.
    fn last_id(&self) -> Reply<WriteId>;
}

/// Data that a screen shows all the time, at the same cost for a hundred writes as for a million.
pub trait Overview {
    /// Watches for changes by anyone, in this process or another.
    fn changes(&self) -> super::Result<Changes>;

    /// Counts the writes of each group that failed within each bar of a span; of one target only, if
    /// given.
    fn arrivals(&self, target: Option<&str>, span: Span) -> Reply<Vec<Arrivals>>;

    /// Finds the span that shows best when the writes of the groups with open ones failed; of one
    /// target only, if given. It takes a look at each hour since the first failure.
    fn fitting_span(&self, target: Option<&str>) -> Reply<Span>;

    /// Lists at most `limit` values of a text field that contain `part`, as suggestions.
    fn values_of(&self, field: TextField, part: &str, limit: usize) -> Reply<Vec<String>>;

    /// Lists at most `limit` plain values at a path in the newest bodies that contain `part`.
    fn body_values(&self, path: &[String], part: &str, limit: usize) -> Reply<Vec<String>>;
}

/// Operators' notes and parkings of groups, for whoever looks next.
pub trait Triage {
    /// Notes something on a group, or takes its note away. Fails if there is no such group.
    fn note_group(&self, group: GroupId, note: Option<String>, by: By) -> Reply<()>;

    /// Parks a group, or takes it back, and returns the end of its parking. Fails if there is no
    /// such group.
    fn park_group(&self, group: GroupId, park: Park, by: By) -> Reply<Option<Parked>>;

    /// Lists the parkings that nobody has taken back, ended ones included; of one target only, if
    /// given.
    fn parkings(&self, target: Option<&str>) -> Reply<Vec<Parking>>;
}

/// Input data for plans.
pub trait Plans {
    /// Reads the matching pending and unknown writes with their lane mates, in one snapshot.
    fn plan_data(&self, filter: &Filter, limit: Option<usize>, windows: Windows) -> Reply<PlanData>;

    /// Reads the writes of a stopped run that were not accepted, each with the hash of the body
    /// that its plan showed. Writes settled since are included; claiming one reports that.
    fn rest_of_run(&self, run: RunId) -> Reply<RestOfRun>;

    /// Returns the average latency of the most recent requests that were answered, whatever the
    /// answer; `None` if there are none.
    fn recent_latency(&self) -> Reply<Option<Duration>>;
}

/// Runs, from start to finish.
pub trait Runs {
    /// Begins a run: records its plan and takes its lease. Refused while another run is sending to
    /// the same target, unless the new one may run alongside.
    fn begin_run(&self, new: NewRun) -> Reply<Arc<dyn Lease>>;

    /// Records the outcomes of planned writes that were not sent, or not to completion, each by its
    /// position in the plan, from 1.
    fn note_outcomes(&self, run: RunId, outcomes: Vec<(usize, Outcome, Reason)>) -> Reply<()>;

    /// Ends a run, taking back the writes it still holds.
    fn end_run(&self, run: RunId, state: RunState, stopped: Stops, new_since_plan: u64) -> Reply<()>;

    /// Takes back the writes a run has in flight, without waiting for answers, and returns how the
    /// given writes of its plan (by position, from 1) ended: `unsent` if nothing was sent for one.
    fn cut_off(&self, run: RunId, seqs: Vec<usize>) -> Reply<Vec<CutOff>>;

    /// Takes back the writes that dead runs still hold, and returns the IDs of those runs. This
    /// also happens whenever a store is opened for writing.
    fn recover_dead_runs(&self) -> Reply<Vec<RunId>>;

    /// Lists at most `limit` runs, newest first. A run whose process is dead is reported as such,
    /// even before its claims are taken back.
    fn runs(&self, limit: usize) -> Reply<Vec<Run>>;

    /// Reads one run; `None` if no run has that ID.
    fn run(&self, id: RunId) -> Reply<Option<Run>>;
}

/// Live control of a run.
pub trait Control {
    /// Reads the current wish for a run; `None` if nobody has expressed one since it began.
    fn wish(&self, run: RunId) -> Reply<Option<Wish>>;

    /// Asks a run in progress to change course, and returns the resulting wish. The run checks a
    /// few times a second; a suspended process does so when it wakes.
    fn ask_run(&self, run: RunId, change: WishChange, by: By) -> Reply<Wish>;
}

/// Records that are durable before a request leaves.
pub trait Intents {
    /// Commits the intent of the next attempt at a write of a run's plan, along with the claim if
    /// it is the run's first. `planned` is the hash of the body that the plan showed. Fails if the
    /// run's lease is lost or the run was fenced.
    fn intend(&self, lease: &Arc<dyn Lease>, id: WriteId, planned: Sha, step: Step, terms: Terms) -> Reply<Intent>;
}

/// The ends of attempts and claims.
pub trait Outcomes {
    /// Records the end of an attempt and the standing in which it leaves its write.
    fn record_attempt(&self, attempt: Attempting, end: AttemptEnd, then: Then) -> Reply<Recorded>;

    /// Returns `true` if an answer to another write, including captured answers, carried this
    /// correlation ID.
    fn carried_by_others(&self, correlation_id: String, id: WriteId) -> Reply<bool>;

    /// Releases a write between two attempts, because the run is stopping or a hazard came up.
    fn let_go(&self, run: RunId, id: WriteId, seq: usize, outcome: Outcome, reason: Reason) -> Reply<Recorded>;
}

/// Edits of bodies.
pub trait Edits {
    /// Reads the revisions of a write's body, the captured one first.
    fn revisions(&self, id: WriteId) -> Reply<Vec<Revision>>;

    /// Adds a revision to a write's body and returns its number. Refused if the hash of the current
    /// body is no longer `edited`, or if the write's state does not allow it.
    fn edit(&self, id: WriteId, edited: Sha, body: Vec<u8>, by: By) -> Reply<i64>;

    /// Undoes an edit and returns the number of the restored revision: the one that `revision` was
    /// based on, which becomes current again. `revision` stays on record. Refused if it is not the
    /// current one, or was sent.
    fn undo_edit(&self, id: WriteId, revision: i64, by: By) -> Reply<i64>;
}

/// Settling by hand, and purging settled writes.
pub trait Settle {
    /// Resolves, discards or reopens each of these writes, leaving alone those whose state does not
    /// allow it.
    fn settle(&self, ids: Vec<WriteId>, how: Settling, by: By) -> Reply<Settled>;

    /// Counts the writes that a purge of those settled before `before` would delete.
    fn purgeable(&self, before: Timestamp) -> Reply<u64>;

    /// Runs one step of a purge: permanently deletes some of the writes settled before `before`.
    /// `after` is where the previous step ended. Tombstones keep the identities.
    fn purge(&self, before: Timestamp, after: Option<WriteId>) -> Reply<Purged>;
}

/// Splitting batches.
pub trait Split {
    /// Splits a batch into separate writes. Refused if that could apply records twice.
    fn split(&self, id: WriteId, rules: BatchRules, which: SplitWhich, by: By) -> Reply<Vec<Child>>;

    /// Undoes a split: deletes the parts and restores the batch to what it was. Refused once
    /// anything has happened to a part. Returns the number of parts.
    fn unsplit(&self, id: WriteId, by: By) -> Reply<usize>;
}

/// Targets, and the base URL that each is bound to.
pub trait Targets {
    /// Lists the known targets by name.
    fn targets(&self) -> Reply<Vec<KnownTarget>>;

    /// Returns the time left until requests may be sent to a target again, if the API asked for a
    /// pause; zero if the target is open.
    fn closed_for(&self, name: &str) -> Reply<Duration>;

    /// Binds a target to a base URL on its first use; after that, checks that it is still the same.
    fn bind_target(&self, name: &str, base: &BaseUrl, by: By) -> Reply<TargetId>;

    /// Deliberately binds a target to another base URL.
    fn rebind_target(&self, name: &str, base: &BaseUrl, by: By) -> Reply<()>;
}

/// The store's clock.
pub trait Clocks {
    /// Reads the clock, along with the newest time the store has seen on it.
    fn clock(&self) -> Reply<Clock>;

    /// Resets the clock's floor to the current time, if it is wrong because the clock had been
    /// ahead. For writes that appear to have been sent later than now, the true time is unknown, so
    /// their keys count as expired. Returns the number of those writes.
    fn reset_clock(&self, by: By) -> Reply<usize>;
}

/// Integrity checks.
pub trait Care {
    /// Checks the store: its pages, its counters, every row against its seal, every body against
    /// its hash, its clock.
    fn check(&self) -> Reply<Vec<Finding>>;

    /// Describes the settings that the store is written with.
    fn writer_settings(&self) -> Vec<Finding>;
}

/// Backup copies.
pub trait Backup {
    /// Copies the store, consistently even under load, to a new file with mode 0600. The copy is
    /// opened, checked and counted before the reply.
    fn backup(&self, to: &Path) -> Reply<Copied>;
}

/// The log of operators' actions.
pub trait Log {
    /// Logs an action on the whole store.
    fn log(&self, action: Action, by: By) -> Reply<()>;
}

/// Reports.
pub trait Reports {
    /// Reads the events of a run, or all events since a given time.
    fn happened(&self, about: About) -> Reply<Happened>;

    /// Groups the planned writes of a run that were not accepted by outcome and cause: the failed
    /// ones first, then those of which there are most.
    fn causes(&self, run: RunId) -> Reply<Vec<RunCause>>;

    /// Reads the outcomes that these writes had in a run, each with the reason for it.
    fn outcomes_in(&self, run: RunId, ids: Vec<WriteId>) -> Reply<Vec<(WriteId, Outcome, Option<Reason>)>>;
}

/// Ingesting failures.
pub trait Ingest {
    /// Begins an intake: a session that caches its lookups. It gets its number with the first that it takes in.
    fn intake(self: Arc<Self>, by: &Operator) -> Box<dyn Intake>;

    /// Begins an intake that takes nothing in, and only counts what is new and what is known.
    fn rehearsal(self: Arc<Self>) -> Box<dyn Intake>;
}

/// An intake in progress.
pub trait Intake: Send + Sync {
    /// Takes in a batch, all or nothing: new failures become writes, known ones are counted.
    /// Several batches may be queued at once. With it are kept the places in files up to which everything is in by then.
    fn take(&self, batch: Vec<Incoming>, places: Vec<FilePlace>) -> Reply<Ingested>;

    /// Takes in successes of producers in the same way.
    fn take_accepted(&self, batch: Vec<Success>, places: Vec<FilePlace>) -> Reply<Accepted>;

    /// Returns the place up to which a file was read by earlier intakes.
    fn place(&self, path: &str) -> Reply<Option<FilePlace>>;

    /// Ends the intake, and returns its number; `None` if it takes nothing in.
    fn end(&self) -> Reply<Option<IntakeId>>;
}

/// Taking intakes back.
pub trait Intakes {
    /// Runs one step of taking an intake back: permanently removes some of its writes, those to which nothing has happened
    /// since. No tombstones stay. `after` is where the previous step ended.
    fn take_back(&self, intake: IntakeId, after: Option<WriteId>) -> Reply<TakenBack>;

    /// Does the same for what the intake changed of writes that were there before it.
    fn take_back_changes(&self, intake: IntakeId, after: Option<WriteId>) -> Reply<TakenBack>;

    /// Ends taking an intake back: its successes and its places in files are gone, and the log says who did it.
    fn end_take_back(&self, intake: IntakeId, groups: Vec<GroupId>, removed: u64, kept: u64, by: By) -> Reply<()>;
}
