//! Answers from the API's idempotency cache that no header marks, recognised by earlier answers.

use super::identity::Sha;

/// An earlier answer to the same write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Earlier {
    /// Its correlation ID.
    pub correlation_id: String,
    /// Its HTTP status.
    pub status: Option<u16>,
    /// Its content.
    pub said: Said,
}

/// The content of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// A body with this hash.
    Body(Sha),
    /// A captured failure whose body was not kept: its code, message and details.
    Failure([Option<String>; 3]),
}

/// Returns true if an answer may repeat an earlier one: same correlation ID, same status, same content. The caller has
/// looked whether the API's cache gives such answers at all. Some gateways put the same ID on all their answers, so the caller has to
/// check that no other write's answer carried it.
pub fn repeats(
    status: u16,
    correlation_id: Option<&str>,
    body: Sha,
    failure: &[Option<String>; 3],
    earlier: &[Earlier],
) -> bool {
    let Some(id) = correlation_id.filter(|id| !id.is_empty()) else { return false };
    earlier.iter().any(|before| {
        before.correlation_id == id
            && before.status == Some(status)
            && match &before.said {
                Said::Body(sha) => *sha == body,
                Said::Failure(said) => said == failure,
            }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn promise_6_only_the_same_words_under_the_same_id_repeat() {
        let said = |message: &str| [Some("C".to_owned()), Some(message.to_owned()), None];
        let body = Sha::of(b"x");
        let earlier = [
            Earlier { correlation_id: "a".to_owned(), status: Some(422), said: Said::Failure(said("m")) },
            Earlier { correlation_id: "b".to_owned(), status: Some(503), said: Said::Body(body) },
            Earlier { correlation_id: "c".to_owned(), status: Some(200), said: Said::Body(body) },
        ];
        let of = |status, id, message| repeats(status, Some(id), body, &said(message), &earlier);
        assert!(of(422, "a", "m") && of(200, "c", "other"));
        assert!(!of(422, "a", "other") && !of(400, "a", "m") && !of(422, "b", "m"));
        assert!(!repeats(422, None, body, &said("m"), &earlier) && !of(422, "", "m"));
    }
}
