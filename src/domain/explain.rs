//! A failure explained to a tired person: what it means, whether a retry helps, and what to do next. The profile's rules say
//! it; where none fits, the failure type does.

use super::failure_type::FailureType;
use super::profile::{Logged, Profile};

/// A failure explained to an operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// One sentence on what happened.
    pub meaning: String,
    /// True if sending the same bytes again may succeed without a fix.
    pub retryable: bool,
    /// The operator's next step.
    pub next: String,
}

/// Explains a failure of a type. A rule that would give it another type doesn't speak of it: the producer knew better, or the
/// headers that decided are not known any more.
pub fn explain(profile: &Profile, logged: &Logged<'_>, failure_type: FailureType) -> Explanation {
    let of_rule = profile.advice(logged).filter(|advice| advice.failure_type == failure_type);
    let (meaning, next) = match of_rule {
        Some(advice) if !advice.meaning.is_empty() && !advice.hint.is_empty() => (advice.meaning, advice.hint),
        _ => by_type(failure_type),
    };
    let retryable = failure_type == FailureType::Transient;
    Explanation { meaning: sentence(meaning), retryable, next: sentence(next) }
}

fn by_type(failure_type: FailureType) -> (&'static str, &'static str) {
    match failure_type {
        FailureType::Transient => ("the API failed temporarily", "replay"),
        FailureType::Schema => (
            "the request does not match the API's schema",
            "add what is missing to the schema, or adapt the request, then replay the group",
        ),
        FailureType::BadData => {
            ("the API refused the data", "read the message, repair the data at its source, or discard")
        }
        FailureType::Auth => {
            ("the API did not accept the credentials", "fix the token or its permissions, then replay")
        }
    }
}

/// Makes a sentence of a profile's words.
fn sentence(words: &str) -> String {
    let mut letters = words.chars();
    let first: String = letters.next().map(|first| first.to_uppercase().collect()).unwrap_or_default();
    let end = if words.ends_with(['.', '?', '!']) { "" } else { "." };
    format!("{first}{}{end}", letters.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::profile::{Profiles, built_in_names, effective};

    fn explained(name: &str, status: u16, code: Option<&str>, message: Option<&str>, of: FailureType) -> Explanation {
        let profile = effective(name, &Profiles::new()).unwrap();
        explain(&profile, &Logged::told("POST", Some(status), code, message), of)
    }

    #[test]
    fn each_profile_explains_its_own_errors() {
        for (name, status, code, message, of, want) in [
            (
                "experiture",
                422,
                Some("CDP_ETL.VALIDATION.REQUEST_SCHEMA"),
                None,
                FailureType::Schema,
                "Add the field to the schema",
            ),
            ("experiture", 413, None, None, FailureType::BadData, "Send fewer records at a time"),
            ("experiture", 401, Some("CDP_ETL.AUTH.TOKEN_EXPIRED"), None, FailureType::Auth, "Get a new token"),
            ("experiture", 409, Some("CDP_ETL.CONFLICT"), None, FailureType::Transient, "Replay; the original key"),
            ("github", 422, Some("missing_field"), Some("Validation Failed"), FailureType::Schema, "Adapt the request"),
            ("github", 404, None, Some("Not Found"), FailureType::BadData, "Look at the path"),
            ("stripe", 401, None, None, FailureType::Auth, "Fix the key"),
            ("github", 403, None, None, FailureType::Transient, "Replay."),
        ] {
            let explanation = explained(name, status, code, message, of);
            assert!(explanation.next.starts_with(want), "{name} {status}: {explanation:?}");
        }
        let expired = explained("experiture", 401, Some("CDP_ETL.AUTH.TOKEN_EXPIRED"), None, FailureType::Auth);
        assert_eq!((expired.meaning.as_str(), expired.retryable), ("The token had expired.", false));
    }

    #[test]
    fn no_profile_but_the_guides_promises_what_only_keys_keep() {
        for name in built_in_names().filter(|name| !["experiture", "stripe"].contains(name)) {
            for status in 400..600 {
                for of in [FailureType::Transient, FailureType::Schema, FailureType::BadData, FailureType::Auth] {
                    let Explanation { meaning, next, .. } = explained(name, status, None, None, of);
                    assert!(!meaning.contains("key") && !next.contains("key"), "{name} {status}: {meaning} {next}");
                }
            }
        }
    }
}
