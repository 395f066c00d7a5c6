//! The rule book: every promise about states, keys, lanes and windows is kept here, and nowhere else.
//!
//! A rule takes facts and a time, and returns a decision and the [`Change`]s that carry it out. It has no clock, no I/O and
//! no database: a store reads the facts in one transaction, asks, and applies the changes in the same one. The model test
//! drives them all through random histories against a simulated API.

mod change;
pub mod claim;
pub mod edit;
pub mod lane;
pub mod outcome;
pub mod purge;
pub mod recovered;
pub mod recovery;
pub mod repeat;
pub mod settle;
pub mod split;
pub mod take_back;

#[cfg(test)]
mod model;

pub use change::Change;
