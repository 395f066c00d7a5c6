//! What can go wrong with the file, in words for a tired person.

use std::path::PathBuf;

use crate::domain::batch::SplitError;
use crate::domain::ids::{RunId, WriteId};
use crate::domain::rules::edit::EditRefusal;
use crate::domain::rules::split::UnsplitRefusal;
use crate::domain::state::NotAllowed;

/// The reason why a call to the store failed. Whatever it says, what was committed before is safe.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is no file.
    #[error("there is no dlq file at {0}; `dlq ingest` creates one (or name another with --db)")]
    Missing(PathBuf),
    /// The path names something that can't be a file.
    #[error("{0} is a directory, not a dlq file; name a file with --db")]
    Directory(PathBuf),
    /// Some other file.
    #[error("{0} is not a dlq file; it was not changed")]
    Foreign(PathBuf),
    /// From a later version.
    #[error("{path} was written by a newer dlq (schema {found}, this one knows {known}); it was not changed")]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its schema.
        found: i64,
        /// The newest schema that this program knows.
        known: i64,
    },
    /// From an earlier version, and it can't be written.
    #[error(
        "{path} was written by an older dlq (schema {found}, this one needs {known}) and is read-only here: run dlq upgrade [--backup FILE] where it can be written"
    )]
    Older {
        /// The file.
        path: PathBuf,
        /// Its schema.
        found: i64,
        /// The newest schema that this program knows.
        known: i64,
    },
    /// A run of an earlier version is still sending.
    #[error(
        "run {0} of an older dlq is still sending, so the file can't be brought up to date: wait for it, or stop it with that dlq; then try again, or run dlq upgrade"
    )]
    OldRun(RunId),
    /// A migration is not the one that was applied.
    #[error("migration {0} of this file is not the one that this dlq knows; the file was not changed")]
    Checksum(String),
    /// A file system that other hosts may write to.
    #[error(
        "{path} is on a network file system ({kind}): locks don't hold there, so dlq won't use it. Move it to a local disk"
    )]
    Network {
        /// The file.
        path: PathBuf,
        /// The kind of file system.
        kind: String,
    },
    /// Another process held the file too long.
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
        /// How full it is.
        room: String,
    },
    /// The disk does not do what it should.
    #[error(
        "{path} can't be read or written ({why}); its disk has{room}. What was committed is safe, the last step was not kept"
    )]
    Io {
        /// The file.
        path: PathBuf,
        /// The database's own words.
        why: String,
        /// How full its disk is.
        room: String,
    },
    /// The disk or file can't be written.
    #[error("{0} can't be written (read-only file, disk or directory)")]
    ReadOnly(PathBuf),
    /// The file or its directory can't be opened or made.
    #[error("{path} can't be opened: {why}")]
    CantOpen {
        /// The file.
        path: PathBuf,
        /// What the system said.
        why: String,
    },
    /// The file is damaged.
    #[error("{path} is damaged ({why}); copy it before anything else, then run `dlq doctor`")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The database's own words.
        why: String,
    },
    /// Anything else that the database says.
    #[error("{path}: {why}")]
    Other {
        /// The file.
        path: PathBuf,
        /// The database's own words.
        why: String,
    },
    /// A commit that other calls shared failed; nothing of them was kept.
    #[error("{0}")]
    Commit(String),
    /// A write's state does not allow it.
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
        /// The base URL that the file knows.
        bound: String,
        /// The base URL that was given.
        asked: String,
    },
    /// Another run is sending to the same target.
    #[error(
        "run {run} (by {operator} on {host}, process {pid}) is replaying to target {target}; wait for it, stop it (dlq runs stop {run}), or join in with --alongside"
    )]
    RunInTheWay {
        /// That run.
        run: RunId,
        /// The one who started it.
        operator: String,
        /// Where.
        host: String,
        /// Its process.
        pid: String,
        /// The target.
        target: String,
    },
    /// The lock file of a run was deleted or replaced while it held it.
    #[error(
        "the lock file of run {run} ({path}) was deleted or replaced: nothing more was sent, since another process may take the run for dead"
    )]
    LeaseLost {
        /// The run.
        run: RunId,
        /// Its lock file.
        path: PathBuf,
    },
    /// A target moved while a run was sending to it.
    #[error("target {name} is bound to {bound} now, not to {asked}: nothing more was sent")]
    Moved {
        /// The target.
        name: String,
        /// Where the file says it is.
        bound: String,
        /// Where the run sends to.
        asked: String,
    },
    /// A run is sending to a target that was to be moved.
    #[error("run {run} is sending to target {name}: stop it first (dlq runs stop {run}), then bind the target")]
    TargetInUse {
        /// That run.
        run: RunId,
        /// The target.
        name: String,
    },
    /// A target's row is not as it was left.
    #[error(
        "the row of target {0} was changed on disk: nothing is sent there. Say where it is: dlq target set {0} --base-url URL --reason TEXT"
    )]
    TargetBroken(String),
    /// The run was taken for dead, or ended; it must not send anything more.
    #[error("run {0} lost its claims (it ended, or was taken for dead); nothing more was sent")]
    Fenced(RunId),
    /// No write of that ID.
    #[error("there is no write {0} (purged, or never there)")]
    NoSuchWrite(WriteId),
    /// A batch that must not be parted.
    #[error("write {0} can't be split: {1}")]
    NotSplit(WriteId, SplitError),
    /// A part that would not be a write of its own.
    #[error(
        "write {0} can't be split: the part that begins with record {1} is a write already (or was, and is purged), or a batch with the same key has one like it"
    )]
    PartKnown(WriteId, usize),
    /// A part that is no longer what the split made.
    #[error("the split of write {0} can't be taken back: {1}")]
    NotUnsplit(WriteId, UnsplitRefusal),
    /// No run of that ID.
    #[error("there is no run {0}; `dlq runs` lists them")]
    NoSuchRun(RunId),
    /// A body was not edited, and why.
    #[error("write {0} was not edited: {1}")]
    NotEdited(WriteId, EditRefusal),
    /// An edit can't be taken back, and why.
    #[error("the edit of write {0} can't be taken back: {1}")]
    EditStays(WriteId, EditRefusal),
    /// The run is not under way.
    #[error("run {0} is over ({1}): there is nothing left to control")]
    NotRunning(RunId, &'static str),
    /// The run is still under way.
    #[error("run {0} is still running; stop it first: dlq runs stop {0}")]
    StillRunning(RunId),
    /// A file beside the database.
    #[error("{path}: {why}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        why: std::io::Error,
    },
    /// The thread that should answer is gone.
    #[error("the store's thread ended before it answered")]
    Gone,
}
