//! Errors of a store, worded for a tired person.

use std::path::PathBuf;

use super::access::{denial, why_denied};

use crate::domain::batch::SplitError;
use crate::domain::ids::{GroupId, IntakeId, RunId, WriteId};
use crate::domain::rules::edit::EditRefusal;
use crate::domain::rules::split::UnsplitRefusal;
use crate::domain::state::NotAllowed;

/// The reason a call to the store failed. In every case, earlier commits are safe.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file does not exist.
    #[error("there is no dlq file at {0}; `dlq ingest` creates one (or name another with --db)")]
    Missing(PathBuf),
    /// The path is a directory.
    #[error("{0} is a directory, not a dlq file; name a file with --db")]
    Directory(PathBuf),
    /// The file is not one of dlq's.
    #[error("{0} is not a dlq file; it was not changed")]
    Foreign(PathBuf),
    /// The file was written by a newer version.
    #[error("{path} was written by a newer dlq (schema {found}, this one knows {known}); it was not changed")]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its schema version.
        found: i64,
        /// The newest schema version that this program knows.
        known: i64,
    },
    /// The file was written by an older version and can't be upgraded, since it is read-only here.
    #[error(
        "{path} was written by an older dlq (schema {found}, this one needs {known}) and is read-only here: run dlq upgrade [--backup FILE] where it can be written"
    )]
    Older {
        /// The file.
        path: PathBuf,
        /// Its schema version.
        found: i64,
        /// The newest schema version that this program knows.
        known: i64,
    },
    /// A run of an older version is still sending.
    #[error(
        "run {0} of an older dlq is still sending, so the file can't be brought up to date: wait for it, or stop it with that dlq; then try again, or run dlq upgrade"
    )]
    OldRun(RunId),
    /// A migration that was applied to the file differs from the one this program knows.
    #[error("migration {0} of this file is not the one that this dlq knows; the file was not changed")]
    Checksum(String),
    /// The file is on a network file system, where other hosts may write to it.
    #[error(
        "{path} is on a network file system ({kind}): locks don't hold there, so dlq won't use it. Move it to a local disk"
    )]
    Network {
        /// The file.
        path: PathBuf,
        /// The kind of file system.
        kind: String,
    },
    /// Another process kept the file locked for too long.
    #[error(
        "{0} is locked by another process; nothing was changed. Try again, or look for a program that keeps it open"
    )]
    Busy(PathBuf),
    /// The disk is full.
    #[error(
        "the disk of {path} is full{room}; what was committed is safe, the last step was not kept. Free some space and run the command again"
    )]
    Full {
        /// The file.
        path: PathBuf,
        /// The free space on its disk, in words.
        room: String,
    },
    /// The disk failed to read or write.
    #[error(
        "{path} can't be read or written ({why}); its disk has{room}. What was committed is safe, the last step was not kept"
    )]
    Io {
        /// The file.
        path: PathBuf,
        /// The database's own message.
        why: String,
        /// The free space on its disk, in words.
        room: String,
    },
    /// The file, its directory or its disk is read-only.
    #[error("{} can't be written: {}", .0.display(), denial(.0).unwrap_or_else(|| "the file, its disk or its directory is read-only".to_owned()))]
    ReadOnly(PathBuf),
    /// The file or its directory can't be opened or created.
    #[error("{path} can't be opened: {why}")]
    CantOpen {
        /// The file.
        path: PathBuf,
        /// The cause, in the system's words.
        why: String,
    },
    /// The file is damaged.
    #[error("{path} is damaged ({why}); copy it before anything else, then run `dlq doctor`")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The database's own message.
        why: String,
    },
    /// Any other error of the database.
    #[error("{path}: {why}")]
    Other {
        /// The file.
        path: PathBuf,
        /// The database's own message.
        why: String,
    },
    /// A commit, perhaps shared with other calls, failed; none of its changes were kept.
    #[error("{0}")]
    Commit(String),
    /// The write's state does not allow the change.
    #[error("write {id}: {why}")]
    NotAllowed {
        /// The write.
        id: i64,
        /// The reason.
        why: NotAllowed,
    },
    /// The target is bound to another URL.
    #[error(
        "target {name} is bound to {bound}, not to {asked}; if it has really moved: dlq target set {name} --base-url {asked} --reason TEXT"
    )]
    OtherBase {
        /// The target.
        name: String,
        /// The base URL that it is bound to.
        bound: String,
        /// The base URL that was given instead.
        asked: String,
    },
    /// Another run is sending to the same target.
    #[error(
        "run {run} (by {operator} on {host}, process {pid}) is replaying to target {target}; wait for it, stop it (dlq runs stop {run}), or join in with --alongside"
    )]
    RunInTheWay {
        /// The other run.
        run: RunId,
        /// The operator who started it.
        operator: String,
        /// The host it was started on.
        host: String,
        /// Its process ID, or `unknown`.
        pid: String,
        /// The target.
        target: String,
    },
    /// A run's lock file was deleted or replaced while the run held it.
    #[error(
        "the lock file of run {run} ({path}) was deleted or replaced: nothing more was sent, since another process may take the run for dead"
    )]
    LeaseLost {
        /// The run.
        run: RunId,
        /// Its lock file.
        path: PathBuf,
    },
    /// The store's file was deleted or replaced while it was open.
    #[error("{} was deleted or replaced while dlq had it open: nothing more is written to it", .0.display())]
    Replaced(PathBuf),
    /// A target was bound to another URL while a run was sending to it.
    #[error("target {name} is bound to {bound} now, not to {asked}: nothing more was sent")]
    Moved {
        /// The target.
        name: String,
        /// The base URL that it is bound to now.
        bound: String,
        /// The base URL that the run sends to.
        asked: String,
    },
    /// The target can't be bound to another URL while a run is sending to it.
    #[error("run {run} is sending to target {name}: stop it first (dlq runs stop {run}), then bind the target")]
    TargetInUse {
        /// The other run.
        run: RunId,
        /// The target.
        name: String,
    },
    /// A target's row was changed on disk: it does not match its seal.
    #[error(
        "the row of target {0} was changed on disk: nothing is sent there. Say where it is: dlq target set {0} --base-url URL --reason TEXT"
    )]
    TargetBroken(String),
    /// The run ended or was taken for dead, and must not send anything more.
    #[error("run {0} lost its claims (it ended, or was taken for dead); nothing more was sent")]
    Fenced(RunId),
    /// No write has that ID.
    #[error("there is no write {0} (purged, or never there)")]
    NoSuchWrite(WriteId),
    /// The batch must not be split.
    #[error("write {0} can't be split: {1}")]
    NotSplit(WriteId, SplitError),
    /// A part of the split would not be a new write.
    #[error(
        "write {0} can't be split: the part that begins with record {1} is a write already (or was, and is purged), or a batch with the same key has one like it"
    )]
    PartKnown(WriteId, usize),
    /// The split can't be undone, for the given reason.
    #[error("the split of write {0} can't be taken back: {1}")]
    NotUnsplit(WriteId, UnsplitRefusal),
    /// No run has that ID.
    #[error("there is no run {0}; `dlq runs` lists them")]
    NoSuchRun(RunId),
    /// There is no such intake.
    #[error("there is no intake {0}")]
    NoSuchIntake(IntakeId),
    /// The intake was taken back while it was under way.
    #[error("intake {0} was taken back while it was under way, so it takes in nothing more")]
    IntakeTakenBack(IntakeId),
    /// An earlier batch of the intake was not kept.
    #[error("an earlier part of this ingest was not kept, so nothing that came after it was either")]
    IntakeBroken,
    /// No group has that ID.
    #[error("there is no group {0}; `dlq groups` lists them")]
    NoSuchGroup(GroupId),
    /// The body was not edited, for the given reason.
    #[error("write {0} was not edited: {1}")]
    NotEdited(WriteId, EditRefusal),
    /// The edit can't be undone, for the given reason.
    #[error("the edit of write {0} can't be taken back: {1}")]
    EditStays(WriteId, EditRefusal),
    /// The run is not in progress.
    #[error("run {0} is over ({1}): there is nothing left to control")]
    NotRunning(RunId, &'static str),
    /// The run is still in progress.
    #[error("run {0} is still running; stop it first: dlq runs stop {0}")]
    StillRunning(RunId),
    /// An operation on a file, such as one next to the database, failed.
    #[error("{path}: {why}{}", why_denied(path, why))]
    File {
        /// The file.
        path: PathBuf,
        /// The cause, in the system's words.
        why: std::io::Error,
    },
    /// The thread that should have replied is gone.
    #[error("the store's thread ended before it answered")]
    Gone,
}
