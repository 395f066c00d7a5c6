//! Attempts: one HTTP request for a write, and how it ended.

use std::sync::Arc;
use std::time::Duration;

use super::evidence::{KeptAnswer, Lost};
use super::failure::Failure;
use super::identity::Sha;
use super::ids::{RunId, WriteId};
use super::outcome::AttemptOutcome;
use super::time::Timestamp;

/// One HTTP request for a write.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// The write.
    pub write: WriteId,
    /// Its number among the write's attempts, from 1.
    pub n: i64,
    /// The run that made it.
    pub run: RunId,
    /// The time when its intent was recorded, just before it was sent.
    pub started_at: Timestamp,
    /// The time when its outcome was known; `None` while it is under way, or if its run died.
    pub ended_at: Option<Timestamp>,
    /// The HTTP status.
    pub status: Option<u16>,
    /// The API's error code.
    pub error_code: Option<String>,
    /// The API's message, or what went wrong on the way.
    pub error_message: Option<String>,
    /// The answer's correlation ID.
    pub correlation_id: Option<String>,
    /// How it ended; `None` while it is under way, or if its run died.
    pub outcome: Option<AttemptOutcome>,
    /// True if the answer came from the API's idempotency cache.
    pub cached: bool,
    /// From sending to the answer's end, in milliseconds.
    pub latency_ms: Option<i64>,
    /// The body's version that was sent.
    pub revision: i64,
    /// The records of a batch that a partial answer says were rejected, counted from 0.
    pub rejected: Vec<usize>,
    /// The answer as it came; `None` if there was none, or an older dlq kept none.
    pub answer: Option<KeptAnswer>,
    /// The network's error that left it without a whole answer.
    pub transport: Option<Lost>,
}

/// How an attempt ended.
#[derive(Debug, Clone)]
pub struct AttemptEnd {
    /// When.
    pub at: Timestamp,
    /// How.
    pub outcome: AttemptOutcome,
    /// What the answer said, or what went wrong on the way; `None` when it was accepted.
    pub failure: Option<Failure>,
    /// The HTTP status.
    pub status: Option<u16>,
    /// The answer's correlation ID.
    pub correlation_id: Option<String>,
    /// True if the answer came from the API's idempotency cache.
    pub cached: bool,
    /// The answer, also one that broke off; `None` without one.
    pub answer: Option<Arc<KeptAnswer>>,
    /// The network's error that left it without a whole answer.
    pub transport: Option<Lost>,
    /// The records of a batch that a partial answer says were rejected, counted from 0.
    pub rejected: Vec<usize>,
    /// From sending to the answer's end, in milliseconds.
    pub latency_ms: i64,
    /// How long the API wants nothing to be sent to the target.
    pub closes_target: Option<Duration>,
}

impl AttemptEnd {
    /// The SHA-256 of the answer's body, if it came to its end.
    pub fn answer_sha(&self) -> Option<Sha> {
        self.answer.as_ref().filter(|_| self.outcome != AttemptOutcome::NoAnswer).map(|answer| answer.sha256)
    }
}
