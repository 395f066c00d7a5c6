//! Failures: what an answer, or the lack of one, says went wrong.

use super::failure_type::FailureType;

/// A failure, as last judged.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::struct_field_names, reason = "`type` is a keyword, and everyone calls it the failure type")]
pub struct Failure {
    /// The failure type, which says what has to be done about it.
    pub failure_type: FailureType,
    /// The HTTP status, if there was one.
    pub status: Option<u16>,
    /// The API's error code.
    pub code: Option<String>,
    /// The API's message.
    pub message: Option<String>,
    /// The API's details, as JSON text.
    pub details: Option<String>,
    /// The request's correlation ID.
    pub correlation_id: Option<String>,
}
