//! The verdict of a profile on an answer.

use super::condition::{Condition, Facts, is_like};
use super::envelope::{Parts, header};
use super::{Profile, Rule};
use crate::domain::acceptance::{Says, says};
use crate::domain::answer::{Extent, Verdict, in_words};
use crate::domain::api_error::ApiError;
use crate::domain::evidence::Headers;
use crate::domain::failure_type::FailureType;
use crate::domain::json;

/// An answer, and the request that it is to.
#[derive(Debug, Clone, Copy)]
pub struct Answered<'a> {
    /// The request's method, upper-case.
    pub method: &'a str,
    /// True if an earlier request may have been applied.
    pub is_ambiguous: bool,
    /// The HTTP status.
    pub status: u16,
    /// The headers, with names in lower case.
    pub headers: &'a Headers,
    /// The body, as far as it was read.
    pub body: &'a [u8],
    /// The part of the body that this is.
    pub extent: Extent,
}

/// An answer that was captured, as far as it was logged.
#[derive(Debug, Clone, Copy)]
pub struct Logged<'a> {
    /// The request's method, upper-case.
    pub method: &'a str,
    /// The HTTP status.
    pub status: Option<u16>,
    /// The headers.
    pub headers: &'a Headers,
    /// The body; empty if it wasn't logged.
    pub body: &'a [u8],
    /// The error code that the line names.
    pub code: Option<&'a str>,
    /// The error message that the line names.
    pub message: Option<&'a str>,
}

/// A rule's words on a failure, as phrases.
#[derive(Debug, Clone, Copy)]
pub struct Advice<'p> {
    /// The failure type.
    pub failure_type: FailureType,
    /// The meaning; may be empty.
    pub meaning: &'p str,
    /// The operator's next step; may be empty.
    pub hint: &'p str,
}

impl<'a> Logged<'a> {
    /// Returns what a line tells of an answer whose headers and body were not logged.
    pub fn told(method: &'a str, status: Option<u16>, code: Option<&'a str>, message: Option<&'a str>) -> Self {
        Self { method, status, headers: Headers::NONE, body: b"", code, message }
    }

    /// Looks at it as conditions do. What the line names goes before what the body says, and a code makes an envelope.
    fn in_facts<T>(&self, profile: &Profile, look: impl FnOnce(&Facts<'_>) -> T) -> T {
        let scanned = json::scan(self.body).ok();
        let parts = profile.envelope.read(self.headers, scanned.as_ref());
        let code = self.code.filter(|code| !code.is_empty());
        look(&Facts {
            method: self.method,
            status: self.status,
            headers: self.headers,
            body: scanned.as_ref(),
            has_envelope: code.is_some() || parts.is_envelope,
            code: code.or(Some(parts.error.code.as_str()).filter(|code| !code.is_empty())),
            message: self.message.or(Some(parts.error.message.as_str()).filter(|message| !message.is_empty())),
        })
    }
}

/// A profile's judgement of an answer.
#[derive(Debug, Clone)]
pub struct Judged {
    /// Accepted, surely refused, or neither.
    pub verdict: Verdict,
    /// The failure type; `None` if it was accepted.
    pub failure_type: Option<FailureType>,
    /// True if a header says that the answer comes from the API's cache.
    pub is_replayed: bool,
    /// The correlation ID.
    pub correlation_id: Option<String>,
    /// The lines of the profile that decided, in words.
    pub rule: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Profile {
    /// Judges an answer.
    pub fn judge(&self, answer: &Answered<'_>) -> Judged {
        let scanned = json::scan(answer.body).ok();
        let Parts { error, is_envelope, correlation_id } = self.envelope.read(answer.headers, scanned.as_ref());
        let facts = Facts {
            method: answer.method,
            status: Some(answer.status),
            headers: answer.headers,
            body: scanned.as_ref(),
            has_envelope: is_envelope,
            code: Some(error.code.as_str()).filter(|code| !code.is_empty()),
            message: Some(error.message.as_str()).filter(|message| !message.is_empty()),
        };
        let (verdict, rule) = self.verdict(answer, &facts, &error);
        let mut judged = Judged {
            verdict,
            failure_type: None,
            is_replayed: self.is_replayed(answer.headers),
            correlation_id,
            rule,
            hint: None,
        };
        if judged.verdict != Verdict::Accepted {
            let classified = self.rule_of(&facts);
            judged.failure_type = Some(classified.map_or(FailureType::BadData, |(_, rule)| rule.failure_type));
            if let Some((at, rule)) = classified {
                judged.rule.push_str(&format!("; rule {} ({})", at + 1, rule.meaning));
                judged.hint = Some(rule.hint.clone()).filter(|hint| !hint.is_empty());
            }
        }
        judged
    }

    fn verdict(&self, answer: &Answered<'_>, facts: &Facts<'_>, error: &ApiError) -> (Verdict, String) {
        let Answered { status, body, .. } = *answer;
        let unclear =
            |what: &str| ApiError { code: String::new(), message: in_words(status, what, body), details: None };
        match answer.extent {
            Extent::BrokenOff => {
                return (Verdict::Incomplete(unclear("the answer broke off")), "it broke off".to_owned());
            }
            Extent::TooLong => {
                let why = unclear("the answer is longer than dlq reads");
                return (Verdict::Unclear(why), "it is longer than dlq reads".to_owned());
            }
            Extent::Whole => {}
        }
        let enveloped = |otherwise: &str| {
            let named = ApiError { message: named(error, status), ..error.clone() };
            if facts.has_envelope { named } else { unclear(otherwise) }
        };
        // A page that is not the API's may only mean that the API is not there.
        let is_page = !body.trim_ascii().is_empty() && facts.body.is_none();
        if answer.is_ambiguous && answer.method == "DELETE" && self.accepted.gone.contains(status) && !is_page {
            return (Verdict::Accepted, "accepted.gone".to_owned());
        }
        if self.accepted.statuses.contains(status) {
            if let Some(at) = self.accepted.unless.iter().position(|condition| condition.holds(facts)) {
                let said = enveloped("the answer contradicts its status");
                let why = format!("accepted.unless {}", at + 1);
                return match self.definite.iter().position(|condition| condition.holds(facts)) {
                    Some(definite) => (Verdict::Refused(said), format!("{why}, definite {}", definite + 1)),
                    None => (Verdict::Unclear(said), why),
                };
            }
            let found = if self.accepted.contradictions { says(status, body) } else { only_json(body) };
            return match found {
                Says::Nothing => (Verdict::Accepted, "accepted.statuses".to_owned()),
                Says::Partly { what, rejected } => {
                    (Verdict::Partial { error: unclear(&what), rejected }, "accepted.contradictions".to_owned())
                }
                Says::Otherwise(what) => (Verdict::Unclear(enveloped(&what)), "accepted.contradictions".to_owned()),
            };
        }
        if let Some(at) = self.definite.iter().position(|condition| condition.holds(facts)) {
            return (Verdict::Refused(enveloped("the API refused it")), format!("definite {}", at + 1));
        }
        let why = enveloped(match status {
            300..=399 => "a redirect, which is not followed",
            _ if body.is_empty() => "no body",
            _ => "no error envelope",
        });
        (Verdict::Unclear(why), "no definite rule".to_owned())
    }

    /// Returns the first rule of the classification that holds, and its place.
    fn rule_of(&self, facts: &Facts<'_>) -> Option<(usize, &Rule)> {
        self.rules.iter().enumerate().find(|(_, rule)| rule.condition.holds(facts))
    }

    /// Returns what the profile says about a captured failure.
    pub fn advice(&self, logged: &Logged<'_>) -> Option<Advice<'_>> {
        logged.in_facts(self, |facts| self.rule_of(facts)).map(|(_, rule)| Advice {
            failure_type: rule.failure_type,
            meaning: &rule.meaning,
            hint: &rule.hint,
        })
    }

    /// Classifies a captured failure.
    pub fn classify(&self, logged: &Logged<'_>) -> FailureType {
        self.advice(logged).map_or(FailureType::BadData, |advice| advice.failure_type)
    }

    /// Reads the error and the correlation ID of an answer that was captured.
    pub fn error_of(&self, headers: &Headers, body: &[u8]) -> (Option<ApiError>, Option<String>) {
        let scanned = json::scan(body).ok();
        let parts = self.envelope.read(headers, scanned.as_ref());
        (Some(parts.error).filter(|_| parts.is_envelope), parts.correlation_id)
    }

    /// Returns true if an answer that was captured accepts a write.
    pub fn takes(&self, logged: &Logged<'_>) -> bool {
        let Logged { method, status: Some(status), headers, body, .. } = *logged else { return false };
        let answer = Answered { method, is_ambiguous: false, status, headers, body, extent: Extent::Whole };
        self.judge(&answer).verdict == Verdict::Accepted
    }

    /// Returns true if a captured failure surely applied nothing in the try that it was the answer to. A code of the API stands
    /// for the envelope, unless it comes with a page that is none of the API's.
    pub fn refuses(&self, logged: &Logged<'_>) -> bool {
        let has_body = !logged.body.trim_ascii().is_empty();
        // A logger may have cut off the end of the API's own answer.
        let is_page = has_body && json::scan(logged.body).is_err() && !logged.body.trim_ascii_start().starts_with(b"{");
        let code = logged.code.filter(|_| !is_page);
        let holds = |condition: &Condition, facts: &Facts<'_>| {
            // Of a body that wasn't logged nothing says that something is missing in it. A code says that it was the API's.
            let is_told = has_body || condition.body.is_empty();
            let json = condition.json.filter(|_| has_body || code.is_none());
            is_told && Condition { json, ..condition.clone() }.holds(facts)
        };
        let is_accepted = logged.status.is_some_and(|status| self.accepted.statuses.contains(status));
        let is_definite = |facts: &Facts<'_>| self.definite.iter().any(|condition| holds(condition, facts));
        !is_accepted && Logged { code, ..*logged }.in_facts(self, is_definite)
    }

    /// Returns true if the API gives such an answer only once it has looked for the key, and found nothing.
    pub fn looks_up_first(&self, logged: &Logged<'_>) -> bool {
        let Some(key) = &self.key else { return false };
        let knew_it =
            || key.mismatch.as_ref().is_some_and(|mismatch| logged.in_facts(self, |facts| mismatch.holds(facts)));
        logged.status.is_some_and(|status| key.looked_up.contains(status)) && !knew_it()
    }

    /// Returns true if only the API gives this code, so that there was an answer.
    pub fn knows(&self, code: &str) -> bool {
        self.codes.known.iter().any(|glob| is_like(glob, code))
    }

    /// Returns what a code alone says: that nothing was applied, or `is_only_try` for that of an only try.
    pub fn code_refuses(&self, code: &str, is_only_try: bool) -> bool {
        let one_of = |globs: &[String]| globs.iter().any(|glob| is_like(glob, code));
        one_of(&self.codes.definite) || is_only_try && one_of(&self.codes.definite_of_an_only_try)
    }

    /// Returns true if a header says that an answer comes from the API's cache.
    pub fn is_replayed(&self, headers: &Headers) -> bool {
        let is_true = |value: &str| value.eq_ignore_ascii_case("true") || value == "1";
        let marks = self.key.iter().flat_map(|key| &key.replayed);
        marks.into_iter().any(|name| header(headers, name).is_some_and(is_true))
    }

    /// Returns true if the API's cache gives such an answer again.
    pub fn caches(&self, status: u16) -> bool {
        self.key.as_ref().is_some_and(|key| key.cached.contains(status))
    }

    /// Returns true if a write is sent again after such an answer.
    pub fn retries(&self, status: u16, headers: &Headers) -> bool {
        match self.retry.header.as_ref().and_then(|name| header(headers, name)) {
            Some(value) if value.eq_ignore_ascii_case("true") => true,
            Some(value) if value.eq_ignore_ascii_case("false") => false,
            _ => self.retry.statuses.contains(status),
        }
    }
}

/// Returns the message of an error, or its code, or the status, where it has none.
fn named(error: &ApiError, status: u16) -> String {
    match (error.message.is_empty(), error.code.is_empty()) {
        (false, _) | (true, false) => error.message.clone(),
        (true, true) => format!("HTTP {status}"),
    }
}

/// Says what contradicts a 2xx where nothing but its being JSON is looked at.
fn only_json(body: &[u8]) -> Says {
    if body.trim_ascii().is_empty() || json::scan(body).is_ok() {
        Says::Nothing
    } else {
        Says::Otherwise("the answer is not the API's".to_owned())
    }
}
