//! Attempts: one HTTP request for a write, and how it ended.

use std::sync::Arc;
use std::time::Duration;

use super::evidence::{KeptAnswer, Lost};
use super::failure::Failure;
use super::identity::Sha;
use super::ids::RunId;
use super::outcome::AttemptOutcome;
use super::time::Timestamp;

/// One HTTP request for a write.
#[derive(Debug, Clone)]
pub struct Attempt {
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
    /// Its outcome; `None` while it is under way, or if its run died.
    pub outcome: Option<AttemptOutcome>,
    /// True if the answer came from the API's idempotency cache.
    pub cached: bool,
    /// Milliseconds from sending to the end of the answer.
    pub latency_ms: Option<i64>,
    /// The revision of the body that was sent.
    pub revision: i64,
    /// Indexes of the records of a batch that a partial answer rejected, counted from 0.
    pub rejected: Vec<usize>,
    /// The answer as received; `None` if there was none, or an older dlq kept none.
    pub answer: Option<KeptAnswer>,
    /// The network error that left it without a complete answer.
    pub transport: Option<Lost>,
}

/// The end of an attempt, as it is recorded.
#[derive(Debug, Clone)]
pub struct AttemptEnd {
    /// Its outcome.
    pub outcome: AttemptOutcome,
    /// The failure, read from the answer or met on the way; `None` when it was accepted.
    pub failure: Option<Failure>,
    /// The HTTP status.
    pub status: Option<u16>,
    /// The answer's correlation ID.
    pub correlation_id: Option<String>,
    /// True if the answer came from the API's idempotency cache.
    pub cached: bool,
    /// The answer, even one that broke off; `None` without one.
    pub answer: Option<Arc<KeptAnswer>>,
    /// The network error that left it without a complete answer.
    pub transport: Option<Lost>,
    /// Indexes of the records of a batch that a partial answer rejected, counted from 0.
    pub rejected: Vec<usize>,
    /// The version of the profile that judged the answer.
    pub profile: Option<Arc<str>>,
    /// Milliseconds from sending to the end of the answer.
    pub latency_ms: i64,
    /// Time for which the API wants nothing sent to the target.
    pub closes_target: Option<Duration>,
}

impl AttemptEnd {
    /// Returns the SHA-256 of the answer's body, if the answer is complete.
    pub fn answer_sha(&self) -> Option<Sha> {
        self.answer.as_ref().filter(|_| self.outcome != AttemptOutcome::NoAnswer).map(|answer| answer.sha256)
    }
}
