//! Attempts that dlq didn't make, as a producer's line reports them: their failure type, and whether the API surely applied
//! none of them. Without an answer, only an exception says what became of one.

use super::failure_type::FailureType;
use super::outcome::AttemptOutcome;
use super::profile::{self, Logged, Profile};
use super::time::Timestamp;

/// A captured failure, as far as its producer tells.
#[derive(Debug, Clone, Copy)]
pub struct Testimony<'a> {
    /// The answer, or the exception in its place.
    pub logged: Logged<'a>,
    /// True if each try carried the key, and the API knows keys.
    pub key_was_sent: bool,
    /// Number of times that the producer sent it, if it says so.
    pub tries: Option<u64>,
    /// The time of the first try.
    pub first_attempt_at: Option<Timestamp>,
    /// The time of the failure.
    pub failed_at: Option<Timestamp>,
}

impl Testimony<'_> {
    /// Returns true if the API surely did not apply the write, in this try or an earlier one.
    ///
    /// Had an earlier try been applied under the same key, the API's cache would have answered a later one that is refused for
    /// its content; a 401, 403, 409 or 429 says nothing of earlier tries.
    pub fn is_definite(&self, profile: &Profile) -> bool {
        let code = self.logged.code.filter(|code| !code.is_empty());
        match self.logged.status {
            Some(_) => {
                let code = code.filter(|code| !RAISED_FOR_AN_ANSWER.contains(code));
                let answer = Logged { code, ..self.logged };
                let is_told_of_all = || self.is_only_try() || self.key_was_sent && profile.looks_up_first(&answer);
                profile.refuses(&answer) && is_told_of_all()
            }
            None if code.is_some_and(|code| profile.code_refuses(code, self.is_only_try())) => true,
            // The exception of an only try may say so; a code of the API is no exception.
            None => self.is_only_try() && self.was_never_sent(),
        }
    }

    fn is_only_try(&self) -> bool {
        match (self.tries, self.first_attempt_at, self.failed_at) {
            (Some(tries), ..) => tries <= 1,
            (None, Some(first), Some(failed)) => first >= failed,
            (None, first, _) => first.is_none(),
        }
    }

    /// Returns true if an exception says that nothing left, and none says that something did.
    fn was_never_sent(&self) -> bool {
        // Beside a code that is no exception, the message may be the API's own, on something behind it.
        let message = self.logged.message.filter(|_| self.logged.code.is_none_or(is_exception));
        let texts = || [self.logged.code, message].into_iter().flatten();
        // A client that tries again by itself tells of its last try only.
        let may_have_retried = texts().any(|text| contains(text, "max retries exceeded")) && self.tries.is_none();
        let never = texts().any(|text| NEVER_SENT.iter().any(|word| has_word(text, word)));
        let maybe = texts().any(|text| MAYBE_SENT.iter().any(|word| contains(text, word)));
        never && !maybe && !may_have_retried
    }
}

/// Returns the failure type by the profile's classification. Without an answer it is transient, unless the code is one that
/// the API is known to give.
pub fn failure_type(logged: &Logged<'_>, profile: &Profile) -> FailureType {
    match (logged.status, logged.code) {
        (None, code) if !code.is_some_and(|code| profile.knows(code)) => FailureType::Transient,
        _ => profile.classify(logged),
    }
}

/// Returns the outcome of a captured failure as an attempt, by what it was judged to be when it came in.
pub fn outcome(status: Option<u16>, code: Option<&str>, is_ambiguous: bool) -> AttemptOutcome {
    match (status, is_ambiguous) {
        (Some(_), false) => AttemptOutcome::Refused,
        (Some(_), true) => AttemptOutcome::Unclear,
        (None, false) if code.is_some_and(|code| profile::built_in().knows(code)) => AttemptOutcome::Refused,
        (None, false) => AttemptOutcome::NotSent,
        (None, true) => AttemptOutcome::NoAnswer,
    }
}

/// Names of exceptions that clients raise for an answer, and no codes of an API: Python (requests, httpx, aiohttp, urllib3),
/// axios, got, superagent, Go, Angular.
const RAISED_FOR_AN_ANSWER: [&str; 11] = [
    "HTTPError",
    "requests.exceptions.HTTPError",
    "urllib.error.HTTPError",
    "HTTPStatusError",
    "httpx.HTTPStatusError",
    "ClientResponseError",
    "ResponseError",
    "AxiosError",
    "ERR_BAD_REQUEST",
    "ERR_BAD_RESPONSE",
    "HttpErrorResponse",
];

/// Names and texts of exceptions that mean that no connection was made: Python (requests, urllib3, httpx, aiohttp, the
/// standard library), Node (the system's errors, undici), Java, Go, .NET, curl.
const NEVER_SENT: [&str; 28] = [
    "ECONNREFUSED",
    "ConnectionRefused",
    "ConnectTimeout",
    "ConnectError",
    "ConnectionTimeoutError",
    "ClientConnectorError",
    "ClientConnectorDNSError",
    "NewConnectionError",
    "NameResolutionError",
    "gaierror",
    "getaddrinfo",
    "ENOTFOUND",
    "EAI_AGAIN",
    "EAI_NONAME",
    "UND_ERR_CONNECT_TIMEOUT",
    "ERR_NAME_NOT_RESOLVED",
    "ERR_CONNECTION_REFUSED",
    "UnknownHostException",
    "java.net.ConnectException",
    "NoRouteToHostException",
    "HttpConnectTimeoutException",
    "dial tcp",
    "NameResolutionFailure",
    "ConnectFailure",
    "CURLE_COULDNT_CONNECT",
    "CURLE_COULDNT_RESOLVE_HOST",
    "curl: (6)",
    "curl: (7)",
];

/// Names and texts of exceptions after which something may have left.
const MAYBE_SENT: [&str; 18] = [
    "ReadTimeout",
    "read timed out",
    "WriteTimeout",
    "ECONNRESET",
    "ConnectionReset",
    "EPIPE",
    "BrokenPipe",
    "ESOCKETTIMEDOUT",
    "socket hang up",
    "RemoteDisconnected",
    "RemoteProtocolError",
    "ServerDisconnected",
    "IncompleteRead",
    "ChunkedEncodingError",
    "UND_ERR_HEADERS_TIMEOUT",
    "UND_ERR_BODY_TIMEOUT",
    "UND_ERR_SOCKET",
    "Client.Timeout exceeded while awaiting headers",
];

/// Returns true if a text without a code reads like an exception rather than like an API's message.
fn is_exception(text: &str) -> bool {
    let ends = ["Error", "Exception", "Timeout"];
    let first = text.split([':', '(', ' ']).next().unwrap_or_default();
    ends.iter().any(|end| first.ends_with(end))
        || NEVER_SENT.iter().chain(&MAYBE_SENT).any(|word| contains(text, word))
        || contains(text, "timed out")
}

/// Returns true if a text has a word, or one that begins like it: `ConnectError` is no `DisconnectError`.
fn has_word(text: &str, word: &str) -> bool {
    let (text, word) = (text.to_ascii_lowercase(), word.to_ascii_lowercase());
    text.match_indices(&word).any(|(at, _)| !text[..at].ends_with(|c: char| c.is_ascii_alphanumeric()))
}

fn contains(text: &str, word: &str) -> bool {
    text.to_ascii_lowercase().contains(&word.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;
    use FailureType::{Auth, BadData, Schema, Transient};

    fn told<'a>(status: Option<u16>, code: &'a str, message: &'a str) -> Testimony<'a> {
        let some = |text: &'a str| (!text.is_empty()).then_some(text);
        let (code, message) = (some(code), some(message));
        Testimony {
            logged: Logged::told("POST", status, code, message),
            key_was_sent: true,
            tries: None,
            first_attempt_at: None,
            failed_at: None,
        }
    }

    /// The same, after an earlier try.
    fn again(told: Testimony<'_>) -> Testimony<'_> {
        let at = |seconds: i64| Some(Timestamp::from_millis(seconds * 1000));
        Testimony { first_attempt_at: at(1), failed_at: at(2), ..told }
    }

    #[test]
    fn without_an_answer_it_is_transient_unless_the_api_is_known_to_say_so() {
        for (code, want) in [
            ("CDP_ETL.VALIDATION.REQUEST_SCHEMA", Schema),
            ("CDP_ETL.VALIDATION.REQUEST_INVALID", BadData),
            ("CDP_ETL.NOT_FOUND", BadData),
            ("CDP_ETL.AUTH.TOKEN_EXPIRED", Auth),
            ("CDP_ETL.INTERNAL.UNHANDLED_EXCEPTION", Transient),
            ("ReadTimeout", Transient),
            ("ConnectionError", Transient),
            ("ECONNRESET", Transient),
            ("requests.exceptions.SSLError", Transient),
            ("anything else", Transient),
        ] {
            assert_eq!(failure_type(&told(None, code, "").logged, &profile::built_in()), want, "{code}");
        }
        assert_eq!(failure_type(&told(None, "", "the record was refused").logged, &profile::built_in()), Transient);
        assert_eq!(
            failure_type(&told(Some(401), "ReadTimeout", "").logged, &profile::built_in()),
            Auth,
            "an answer decides"
        );
    }

    #[test]
    fn a_first_try_that_was_never_sent_is_definite() {
        for (code, message) in [
            ("ECONNREFUSED", ""),
            ("ConnectTimeout", "timed out"),
            ("", "httpx.ConnectError: [Errno 111] Connection refused"),
            ("ConnectionError", "NewConnectionError('<HTTPSConnection>: [Errno 111] Connection refused')"),
            ("NameResolutionError", "Failed to resolve 'api'"),
            ("Error", "getaddrinfo ENOTFOUND api.example.org"),
            ("", "Post \"https://api\": dial tcp 10.0.0.1:443: connect: connection refused"),
            ("java.net.UnknownHostException", "api.example.org"),
        ] {
            assert!(told(None, code, message).is_definite(&profile::built_in()), "{code} {message}");
            for later in [Testimony { tries: Some(2), ..told(None, code, message) }, again(told(None, code, message))] {
                assert!(!later.is_definite(&profile::built_in()), "an earlier try may have been sent: {later:?}");
            }
            let only = Testimony { tries: Some(1), ..again(told(None, code, message)) };
            assert!(only.is_definite(&profile::built_in()), "the number of tries decides");
        }
        for (code, message) in [
            ("ReadTimeout", ""),
            ("ConnectionError", "('Connection aborted.', RemoteDisconnected('Remote end closed connection'))"),
            ("ECONNRESET", "connect ECONNREFUSED 127.0.0.1:443"),
            ("", "Max retries exceeded with url: /v1 (Caused by NewConnectionError('[Errno 111] Connection refused'))"),
            ("", ""),
            ("anything", "else"),
            ("DB_DOWN", "connect ECONNREFUSED 10.0.0.5:5432"),
            ("DisconnectError", ""),
            ("", "context deadline exceeded (Client.Timeout exceeded while awaiting headers)"),
        ] {
            assert!(!told(None, code, message).is_definite(&profile::built_in()), "{code} {message}");
        }
        let once = "Max retries exceeded (Caused by NewConnectionError('[Errno 111] Connection refused'))";
        assert!(Testimony { tries: Some(1), ..told(None, "", once) }.is_definite(&profile::built_in()));
    }

    #[test]
    fn an_answer_is_definite_for_earlier_tries_only_where_the_cache_would_have_spoken() {
        let later = |status, code| again(told(status, code, ""));
        for status in 100..=599 {
            let first = told(Some(status), "C", "");
            assert_eq!(
                first.is_definite(&profile::built_in()),
                (400..=499).contains(&status) && status != 408,
                "{status}"
            );
            let want = matches!(status, 400 | 404 | 413 | 422);
            assert_eq!(
                later(Some(status), "C").is_definite(&profile::built_in()),
                want,
                "{status} after an earlier try"
            );
            assert!(!told(Some(status), "", "no code").is_definite(&profile::built_in()), "{status} without a code");
        }
        for code in ["CDP_ETL.VALIDATION.REQUEST_SCHEMA", "CDP_ETL.NOT_FOUND"] {
            assert!(
                told(None, code, "").is_definite(&profile::built_in())
                    && later(None, code).is_definite(&profile::built_in()),
                "{code}"
            );
        }
        let auth = "CDP_ETL.AUTH.FORBIDDEN";
        assert!(
            told(None, auth, "").is_definite(&profile::built_in())
                && !later(None, auth).is_definite(&profile::built_in())
        );
        for code in ["CDP_ETL.INTERNAL.X", "CDP_ETL.NOT_FOUND.X"] {
            assert!(!told(None, code, "").is_definite(&profile::built_in()), "{code}");
        }
    }
}
