//! Revisions: the versions of a body. Number 0 is the captured one and never changes; an edit adds one.

use super::time::Timestamp;

/// A version of a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revision {
    /// Its number, from 0.
    pub number: i64,
    /// The bytes; `None` when only evidence was captured.
    pub body: Option<Vec<u8>>,
    /// The time when it was made; `None` for the captured one.
    pub made_at: Option<Timestamp>,
    /// The operator who made it.
    pub operator: Option<String>,
    /// The reason, in the operator's words.
    pub reason: Option<String>,
}
