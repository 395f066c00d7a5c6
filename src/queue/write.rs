//! Writes of an embedded queue, as plain data.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::domain::failure_type::FailureType;
use crate::domain::hazard::Hazard;
use crate::domain::state::State;
use crate::domain::time::Timestamp;
use crate::domain::write::WriteView;
use crate::store::Ingested;

/// A failed write as it was when it was read.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Write {
    /// Its ID.
    pub id: i64,
    /// Its state.
    pub state: State,
    /// Name of its target.
    pub target: String,
    /// The HTTP method.
    pub method: String,
    /// The path below the target's base URL.
    pub path: String,
    /// The idempotency key that it is sent with.
    pub key: String,
    /// The body that would be sent; `None` if only the event of the failure was captured.
    pub body: Option<Vec<u8>>,
    /// The type of its failure, as last judged.
    pub failure_type: FailureType,
    /// The HTTP status of that failure; `None` without an answer.
    pub status: Option<u16>,
    /// The API's error code.
    pub error_code: Option<String>,
    /// The API's message.
    pub error_message: Option<String>,
    /// The correlation ID of that answer.
    pub correlation_id: Option<String>,
    /// The reasons to look twice before it is sent; none once it is settled.
    pub hazards: Vec<Hazard>,
    /// Number of times that the failure was captured.
    pub occurrences: u64,
    /// Number of times that dlq sent it.
    pub attempts: u64,
    /// The time when it failed, according to its producer.
    pub failed_at: Option<SystemTime>,
    /// The time when it was ingested.
    pub captured_at: SystemTime,
}

impl Write {
    pub(super) fn of(view: WriteView) -> Self {
        let WriteView { write, hazards, body, .. } = view;
        let failure = write.failure;
        Self {
            id: write.id.0,
            state: write.standing.state(),
            target: write.target,
            method: write.method,
            path: write.path.to_string(),
            key: write.key.to_string(),
            body: body.map(Vec::from),
            failure_type: failure.failure_type,
            status: failure.status,
            error_code: failure.code,
            error_message: failure.message,
            correlation_id: failure.correlation_id,
            hazards,
            occurrences: write.occurrences.unsigned_abs(),
            attempts: write.attempts.unsigned_abs(),
            failed_at: write.failed_at.map(system_time),
            captured_at: system_time(write.captured_at),
        }
    }
}

fn system_time(at: Timestamp) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(at.millis().unsigned_abs())
}

/// The result of an ingest.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TakenIn {
    /// Number of new writes.
    pub inserted: u64,
    /// Number of failures that were known already.
    pub repeated: u64,
    /// Number of lines on writes that the API accepted, which are no failures.
    pub accepted: u64,
    /// Lines that could not be ingested.
    pub rejected: Vec<Rejected>,
}

impl TakenIn {
    pub(super) fn add(&mut self, ingested: &Ingested) {
        self.inserted += ingested.inserted;
        self.repeated += ingested.repeated;
        let refused = ingested
            .refused
            .iter()
            .map(|line| Rejected { line: usize::try_from(line.line).unwrap_or(usize::MAX), reason: line.why.clone() });
        self.rejected.extend(refused);
    }
}

/// A line that could not be ingested.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// Its number among the lines, from 1.
    pub line: usize,
    /// The reason.
    pub reason: String,
}
