//! The guide's four failure types, and the classification that is total over every status, code and body.

use super::api_error::ApiError;

/// The reason why a write failed, by what has to be done about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FailureType {
    /// Goes away by itself: retry.
    Transient,
    /// The object's schema lacks a field: change the schema, then replay.
    Schema,
    /// The data is wrong: repair it at its source or here.
    BadData,
    /// The token is wrong or lacks a scope: fix it, then replay.
    Auth,
}

impl FailureType {
    /// All four, in the order of the guide.
    pub const ALL: [Self; 4] = [Self::Transient, Self::Schema, Self::BadData, Self::Auth];

    /// Returns the name used everywhere: SQL, CLI, JSON and screens.
    pub fn name(self) -> &'static str {
        match self {
            Self::Transient => "transient",
            Self::Schema => "schema",
            Self::BadData => "bad_data",
            Self::Auth => "auth",
        }
    }

    /// Parses its name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|t| t.name() == name)
    }
}

impl std::fmt::Display for FailureType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

/// Classifies as the guide does, for any status (or none), any code (or none) and any response body.
///
/// If the guide's sample is silent, its table decides: every 5xx and 408 is transient, and without a status the code's
/// family decides.
pub fn classify(status: Option<u16>, code: Option<&str>, body: &[u8]) -> FailureType {
    let envelope = ApiError::from_body(body);
    let code = code.filter(|c| !c.is_empty()).or(envelope.as_ref().map(|e| e.code.as_str())).unwrap_or("");
    match status {
        Some(408 | 409 | 429 | 500..=599) => return FailureType::Transient,
        _ if code.ends_with(".REQUEST_SCHEMA") => return FailureType::Schema,
        _ if code.ends_with(".REQUEST_INVALID") => return FailureType::BadData,
        Some(401 | 403) => return FailureType::Auth,
        Some(_) => return FailureType::BadData,
        None => {}
    }
    if code.starts_with("CDP_ETL.AUTH.") {
        FailureType::Auth
    } else if code.starts_with("CDP_ETL.INTERNAL.") {
        FailureType::Transient
    } else {
        FailureType::BadData
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use FailureType::{Auth, BadData, Schema, Transient};

    const SCHEMA: &str = "CDP_ETL.VALIDATION.REQUEST_SCHEMA";
    const INVALID: &str = "CDP_ETL.VALIDATION.REQUEST_INVALID";

    /// The guide's sample, transcribed.
    fn sample(status: u16, code: &str) -> FailureType {
        match (status, code) {
            (409 | 429 | 500 | 502 | 503 | 504, _) => Transient,
            (_, SCHEMA) => Schema,
            (_, INVALID) => BadData,
            (401 | 403, _) => Auth,
            _ => BadData,
        }
    }

    #[test]
    fn classification_is_the_guides_for_every_status_and_code() {
        for status in 0..=999 {
            for code in ["", SCHEMA, INVALID, "CDP_ETL.AUTH.FORBIDDEN", "CDP_ETL.NOT_FOUND", "x"] {
                let want = if status == 408 || (500..600).contains(&status) { Transient } else { sample(status, code) };
                assert_eq!(classify(Some(status), Some(code), b""), want, "{status} {code}");
            }
        }
    }

    #[test]
    fn classification_reads_the_body_and_survives_any() {
        let envelope = br#"{"success":false,"error":{"code":"CDP_ETL.VALIDATION.REQUEST_SCHEMA","message":"m"}}"#;
        assert_eq!(classify(Some(422), None, envelope), Schema);
        for body in [&b"<html>"[..], b"", b"{\"error\":{\"co", b"\xff\xfe", b"[]", b"{\"error\":7}"] {
            assert_eq!(classify(Some(422), None, body), BadData);
            assert_eq!(classify(Some(503), None, body), Transient);
            assert_eq!(classify(None, None, body), BadData);
        }
        assert_eq!(classify(None, Some("CDP_ETL.AUTH.TOKEN_EXPIRED"), b""), Auth);
        assert_eq!(classify(None, Some("CDP_ETL.INTERNAL.UNHANDLED_EXCEPTION"), b""), Transient);
    }
}
