//! The meaning of an HTTP answer: accepted, surely refused, applied in part, or none of these.

use super::api_error::{ApiError, summary_of};

/// The part of an answer's body that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Extent {
    /// All of it.
    Whole,
    /// It broke off, so the part that arrived is not an answer.
    #[default]
    BrokenOff,
    /// It is longer than what was read.
    TooLong,
}

/// The verdict of an answer on the write that it answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The API has the write.
    Accepted,
    /// The API surely did not apply it: a 4xx other than 408 with its envelope.
    Refused(ApiError),
    /// Some records of the batch were applied, and others were not.
    Partial {
        /// The evidence. Its code is empty.
        error: ApiError,
        /// Indexes of all rejected records, counted from 0; `None` if the answer does not name each of them.
        rejected: Option<Vec<usize>>,
    },
    /// It may have been applied. The code is empty when there was no envelope.
    Unclear(ApiError),
    /// The answer broke off, so its verdict is unknown.
    Incomplete(ApiError),
}

/// Describes an answer that has no error of the API's.
pub(super) fn in_words(status: u16, what: &str, body: &[u8]) -> String {
    let summary = summary_of(body);
    if summary.is_empty() { format!("HTTP {status}: {what}") } else { format!("HTTP {status}: {what}: {summary}") }
}

/// Returns true if an answer with this status judged the write's data, so that its type, code and group follow it. A 401 or 503
/// on the way says nothing about the data.
pub fn judges_data(status: u16) -> bool {
    matches!(status, 400 | 404 | 413 | 422)
}
