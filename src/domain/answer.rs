//! The meaning of an HTTP answer: accepted, surely refused, applied in part, or none of these.

use super::acceptance::{Says, says};
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

/// Judges an answer by its status and body.
pub fn judge(status: u16, body: &[u8], extent: Extent) -> Verdict {
    let unclear = |what: &str| {
        let message = in_words(status, what, body);
        ApiError { code: String::new(), message, details: None }
    };
    match extent {
        Extent::BrokenOff => return Verdict::Incomplete(unclear("the answer broke off")),
        Extent::TooLong => return Verdict::Unclear(unclear("the answer is longer than dlq reads")),
        Extent::Whole => {}
    }
    let envelope = ApiError::from_body(body);
    if (200..=299).contains(&status) {
        return match (says(status, body), envelope) {
            (Says::Nothing, _) => Verdict::Accepted,
            (Says::Partly { what, rejected }, _) => Verdict::Partial { error: unclear(&what), rejected },
            (Says::Otherwise(_), Some(envelope)) => Verdict::Unclear(envelope),
            (Says::Otherwise(what), None) => Verdict::Unclear(unclear(&what)),
        };
    }
    match envelope {
        Some(envelope) if (400..=499).contains(&status) && status != 408 => Verdict::Refused(envelope),
        Some(envelope) => Verdict::Unclear(envelope),
        None => Verdict::Unclear(unclear(match status {
            300..=399 => "a redirect, which is not followed",
            _ if body.is_empty() => "no body",
            _ => "no error envelope",
        })),
    }
}

fn in_words(status: u16, what: &str, body: &[u8]) -> String {
    let summary = summary_of(body);
    if summary.is_empty() { format!("HTTP {status}: {what}") } else { format!("HTTP {status}: {what}: {summary}") }
}

/// Returns true if an answer with this status judged the write's data, so that its type, code and group follow it. A 401 or 503
/// on the way says nothing about the data.
pub fn judges_data(status: u16) -> bool {
    matches!(status, 400 | 404 | 413 | 422)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENVELOPE: &[u8] = br#"{"success":false,"error":{"code":"CDP_ETL.X","message":"m"}}"#;

    use Extent::{BrokenOff, TooLong, Whole};

    #[test]
    fn definite_is_a_4xx_with_envelope_and_nothing_else() {
        for status in 100..=599 {
            let want = (400..=499).contains(&status) && status != 408;
            assert_eq!(matches!(judge(status, ENVELOPE, Whole), Verdict::Refused(_)), want, "{status}");
            assert!(!matches!(judge(status, b"<html>no", Whole), Verdict::Accepted | Verdict::Refused(_)), "{status}");
            assert!(matches!(judge(status, ENVELOPE, BrokenOff), Verdict::Incomplete(_)), "{status}");
            assert!(matches!(judge(status, b"{}", BrokenOff), Verdict::Incomplete(_)), "{status}");
            assert!(matches!(judge(status, b"{}", TooLong), Verdict::Unclear(_)), "{status}");
        }
    }

    #[test]
    fn acceptance_is_a_2xx_that_nothing_contradicts() {
        for body in [&b""[..], b"{}", br#"{"success":true,"data":{}}"#] {
            assert_eq!(judge(200, body, Whole), Verdict::Accepted);
        }
        for body in [&b"<html>login</html>"[..], br#"{"success":false}"#, ENVELOPE, b"{\"success\":tr", b"OK"] {
            assert!(matches!(judge(200, body, Whole), Verdict::Unclear(_)));
        }
        let partial = judge(200, br#"{"errors":[{"index":3}]}"#, Whole);
        assert!(matches!(partial, Verdict::Partial { rejected: Some(rejected), .. } if rejected == [3]));
        assert!(matches!(judge(302, b"{}", Whole), Verdict::Unclear(_)));
    }
}
