//! The store in an SQLite file; the only place with SQL.
//!
//! One writer thread owns the connection that writes and commits in groups; readers have threads
//! and connections of their own, so no caller ever holds a connection. Each file implements the
//! trait of the store's face that it is named after, or holds code that several of them share.

mod actions;
mod answers;
mod apply;
mod backup;
mod care;
mod clock;
mod connect;
mod control;
mod edits;
mod error;
mod functions;
mod groups;
mod ingest;
mod intakes;
mod intents;
mod known;
mod lanes;
mod locks;
mod migrate;
mod open;
mod outcomes;
mod overview;
mod place;
mod plans;
mod rehearsal;
mod repeats;
mod report;
mod rows;
mod runs;
mod seals;
mod settle;
mod split;
mod sql_filter;
mod standing;
mod successes;
mod targets;
mod times;
mod transfer;
mod triage;
mod worker;
mod writes;

pub use care::surroundings;
use open::SqliteStore;
pub use open::{open, upgrade};
pub use rehearsal::rehearsal_without_a_file;
