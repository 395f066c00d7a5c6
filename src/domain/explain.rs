//! The error table: what each error means, whether a retry helps, and what to do next, for a tired person.

use super::failure_type::FailureType;

/// An error explained to an operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Explanation {
    /// One sentence on what happened.
    pub meaning: &'static str,
    /// True if sending the same bytes again may succeed without a fix.
    pub retryable: bool,
    /// The operator's next step.
    pub next: &'static str,
}

const fn entry(meaning: &'static str, retryable: bool, next: &'static str) -> Explanation {
    Explanation { meaning, retryable, next }
}

/// Explains a failure by its status, code and type.
pub fn explain(status: Option<u16>, code: Option<&str>, failure_type: FailureType) -> Explanation {
    let last = code.unwrap_or("").rsplit('.').next().unwrap_or("");
    match (status, last) {
        (Some(413), _) => entry(
            "The request body is larger than the API takes (10 MB).",
            false,
            "Send fewer records at a time; the same bytes will be refused again.",
        ),
        (Some(429), _) => entry(
            "The token's request quota was used up.",
            true,
            "Replay; dlq waits as long as the API asks. If it happens again, replay with a lower --concurrency.",
        ),
        (Some(409), _) => entry(
            "Another write to the same record was under way at the same moment.",
            true,
            "Replay; the original key makes sure that it is applied once.",
        ),
        (Some(500), _) => entry(
            "The API hit an unexpected error.",
            true,
            "Replay. If it keeps failing, give the correlation ID to the API's support.",
        ),
        (Some(502), _) => entry("A service behind the API was not available.", true, "Replay once it is back."),
        (Some(503), _) => entry("The API is overloaded or under maintenance.", true, "Replay once it is back."),
        (Some(504 | 408), _) => entry(
            "The API took too long and gave up; it may have applied the write anyway.",
            true,
            "Replay inside the key window: the original key keeps it from being applied twice.",
        ),
        (_, "REQUEST_SCHEMA") => entry(
            "A field of the record does not exist in the object's schema.",
            false,
            "Add the field to the schema (or correct its name at the source), then replay the group.",
        ),
        (_, "REQUEST_INVALID") => entry(
            "The data is malformed: a required field is missing, or a value has the wrong type or format.",
            false,
            "Repair the data at its source; discard this write once the repaired one has been sent.",
        ),
        (_, "TOKEN_EXPIRED") => {
            entry("The token had expired.", false, "Get a new token, put it in place, then replay.")
        }
        (_, "TOKEN_INVALID") => entry(
            "The API does not know this token, or it is malformed.",
            false,
            "Check which token is set (dlq doctor), then replay.",
        ),
        (Some(401), _) | (_, "UNAUTHORIZED") => {
            entry("The token was missing, expired or revoked.", false, "Put a valid token in place, then replay.")
        }
        (Some(403), _) | (_, "FORBIDDEN") => entry(
            "The token is valid but lacks the scope for this endpoint.",
            false,
            "Add the scope to the token, then replay.",
        ),
        (Some(404), _) | (_, "NOT_FOUND") => entry(
            "What the write refers to does not exist.",
            false,
            "Check the ID or path in the request; create what is missing, then replay.",
        ),
        (Some(500..=599), _) => entry("The API, or something in front of it, failed.", true, "Replay."),
        (Some(300..=399), _) => entry(
            "The API answered with a redirect; dlq does not follow one with a write.",
            false,
            "Check the base URL (dlq target list).",
        ),
        _ => by_type(failure_type),
    }
}

fn by_type(failure_type: FailureType) -> Explanation {
    match failure_type {
        FailureType::Transient => entry("The API failed temporarily.", true, "Replay."),
        FailureType::Schema => entry(
            "The record doesn't match the object's schema.",
            false,
            "Add the missing field to the schema, then replay the group.",
        ),
        FailureType::BadData => {
            entry("The API refused the data.", false, "Read the message, repair the data at its source, or discard.")
        }
        FailureType::Auth => {
            entry("The API did not accept the credentials.", false, "Fix the token or its scope, then replay.")
        }
    }
}
