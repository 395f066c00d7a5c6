//! The store on SQLite: the only place with its SQL.
//!
//! One writer thread owns the connection that writes and commits in groups; readers have threads and connections of
//! their own. Every call gives a [`Reply`] to wait for or to await, so that no caller ever holds a connection.

mod actions;
mod answers;
mod apply;
mod backup;
mod care;
mod clock;
mod connect;
mod control;
mod disk;
mod edits;
mod error;
mod functions;
mod groups;
mod ingest;
mod intents;
mod lanes;
mod locks;
mod migrate;
mod open;
mod outcomes;
mod overview;
mod plans;
mod report;
mod rows;
mod runs;
mod seals;
mod settle;
mod split;
mod sql_filter;
mod standing;
mod targets;
mod transfer;
mod upgrading;
mod worker;
mod writes;

pub use actions::By;
pub use backup::Copied;
pub use care::{Finding, Severity, surroundings};
pub use connect::OpenOptions;
pub use control::WishChange;
pub(crate) use disk::room_in_words;
pub use error::StoreError;
pub use groups::{Count, CountBy};
pub use ingest::{IngestCache, Ingested, Prepared, RefusedLine};
pub use intents::{Intent, Sendable};
pub use lanes::LaneCache;
pub use locks::RunLock;
pub use open::{Store, Upgraded};
pub use outcomes::Attempting;
pub use overview::Watch;
pub use plans::{PlanData, RestOfRun};
pub use report::Happened;
pub use runs::{CutOff, NewRun};
pub use settle::{Purged, Settled};
pub use split::Which;
pub use upgrading::Upgrading;
pub use worker::Reply;
pub use writes::{Cursor, HistoryEntry, Order, Page, PageRequest, Sort};

/// The result of a call to the store.
pub type Result<T> = std::result::Result<T, StoreError>;
