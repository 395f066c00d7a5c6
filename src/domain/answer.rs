//! What an HTTP answer means: accepted, surely refused, or neither.

use super::api_error::{ApiError, summary_of};
use super::json::{self, Value};

/// What an answer says about the write that it answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The API has the write.
    Accepted,
    /// The API surely did not apply it: a 4xx other than 408 with its envelope.
    Refused(ApiError),
    /// Anything else: it may have been applied. The code is empty when there was no envelope.
    Unclear(ApiError),
}

/// Judges an answer by its status and body. `whole` is false when the body broke off.
pub fn judge(status: u16, body: &[u8], whole: bool) -> Verdict {
    let envelope = if whole { ApiError::from_body(body) } else { None };
    match status {
        200..=299 if whole && is_acceptance(body) => Verdict::Accepted,
        400..=499 if status != 408 && envelope.is_some() => Verdict::Refused(envelope.unwrap_or_default()),
        _ => Verdict::Unclear(envelope.unwrap_or_else(|| ApiError {
            code: String::new(),
            message: unclear_message(status, body, whole),
            details: None,
        })),
    }
}

/// The API answers a write with JSON, or with nothing at all. A page, or `"success": false`, is no acceptance.
fn is_acceptance(body: &[u8]) -> bool {
    if body.is_empty() {
        return true;
    }
    json::scan(body).is_ok_and(|node| {
        node.get("success").is_none_or(|s| s.value != Value::Bool(false)) && ApiError::from_envelope(&node).is_none()
    })
}

fn unclear_message(status: u16, body: &[u8], whole: bool) -> String {
    let what = match status {
        200..=299 if whole => "the answer is not the API's",
        300..=399 => "a redirect, which is not followed",
        _ if !whole => "the answer broke off",
        _ if body.is_empty() => "no body",
        _ => "no error envelope",
    };
    let summary = summary_of(body);
    if summary.is_empty() { format!("HTTP {status}: {what}") } else { format!("HTTP {status}: {what}: {summary}") }
}

/// Whether a *captured* failure is definite: the API surely did not apply the write. An error code stands for the
/// envelope; without a status only codes that always mean a refusal count.
pub fn captured_is_definite(status: Option<u16>, code: Option<&str>) -> bool {
    let code = code.unwrap_or("");
    match status {
        Some(408) => false,
        Some(400..=499) => !code.is_empty(),
        Some(_) => false,
        None => {
            code == "CDP_ETL.NOT_FOUND" || code.starts_with("CDP_ETL.VALIDATION.") || code.starts_with("CDP_ETL.AUTH.")
        }
    }
}

/// Whether an answer with this status judged the write's data, so that its type, code and group follow it. A 401 or 503
/// met on the way says nothing about the data.
pub fn judges_data(status: u16) -> bool {
    matches!(status, 400 | 404 | 413 | 422)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENVELOPE: &[u8] = br#"{"success":false,"error":{"code":"CDP_ETL.X","message":"m"}}"#;

    #[test]
    fn definite_is_a_4xx_with_envelope_and_nothing_else() {
        for status in 100..=599 {
            let want = (400..=499).contains(&status) && status != 408;
            assert_eq!(matches!(judge(status, ENVELOPE, true), Verdict::Refused(_)), want, "{status}");
            assert!(!matches!(judge(status, b"<html>no", true), Verdict::Accepted | Verdict::Refused(_)), "{status}");
            assert!(!matches!(judge(status, ENVELOPE, false), Verdict::Accepted | Verdict::Refused(_)), "{status}");
        }
    }

    #[test]
    fn acceptance_is_a_2xx_that_is_the_apis() {
        for body in [&b""[..], b"{}", br#"{"success":true,"data":{}}"#] {
            assert_eq!(judge(200, body, true), Verdict::Accepted);
        }
        for body in [&b"<html>login</html>"[..], br#"{"success":false}"#, ENVELOPE, b"{\"success\":tr", b"OK"] {
            assert!(matches!(judge(200, body, true), Verdict::Unclear(_)));
        }
        assert!(matches!(judge(302, b"{}", true), Verdict::Unclear(_)));
    }

    #[test]
    fn captured_failures_without_a_status_are_definite_by_code_only() {
        assert!(captured_is_definite(Some(422), Some("C")));
        assert!(captured_is_definite(Some(429), Some("C")));
        assert!(captured_is_definite(None, Some("CDP_ETL.VALIDATION.REQUEST_SCHEMA")));
        assert!(captured_is_definite(None, Some("CDP_ETL.NOT_FOUND")));
        for (status, code) in [
            (Some(408), Some("C")),
            (Some(422), None),
            (Some(500), Some("C")),
            (Some(200), Some("C")),
            (None, Some("CDP_ETL.INTERNAL.X")),
            (None, Some("CDP_ETL.NOT_FOUND.X")),
            (None, None),
        ] {
            assert!(!captured_is_definite(status, code), "{status:?} {code:?}");
        }
    }
}
