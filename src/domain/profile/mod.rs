//! Target profiles: what dlq knows of an API, as data. A profile says how the API names its errors, which answers accept a
//! write, which surely refuse it, which come from its cache, and what its operations are; the engine that reads it is here,
//! and knows no API.
//!
//! `profiles/*.toml` are the built-in ones. Whatever a profile doesn't say stays ambiguous, since a wrong "definite" makes a
//! write twice.

mod answers;
mod built_in;
mod check;
mod condition;
mod default;
mod envelope;
mod file;
mod hints;
mod operations;
mod pointer;
mod statuses;
#[cfg(test)]
mod tests;

use std::time::Duration;

pub use answers::{Answered, Logged};
pub use built_in::built_in_names;
pub use check::contradictions;
pub use default::built_in;
pub use envelope::Envelope;
pub use file::{Profiles, effective};
pub use operations::{LaneSource, Operated};
pub use statuses::Statuses;

use self::condition::Condition;
use self::hints::HintSources;
use self::operations::Operation;
use super::failure_type::FailureType;
use super::target::AuthHeader;

/// What dlq knows of an API.
#[derive(Debug, Clone)]
pub struct Profile {
    /// Its name.
    pub name: String,
    /// Its name with a hash of all that it says, by which a verdict remembers it.
    pub version: String,
    /// The API that it is of, in a few words.
    pub title: String,
    /// The idempotency key; `None` if the API knows none.
    pub key: Option<KeyPolicy>,
    /// The places of an error's parts.
    pub envelope: Envelope,
    accepted: Accepted,
    definite: Vec<Condition>,
    rules: Vec<Rule>,
    codes: Codes,
    retry: Retry,
    hints: HintSources,
    operations: Vec<Operation>,
    /// True if an operation that no pattern fits is named after the last segment of its path, as the guide's are.
    named_by_path: bool,
    /// The header that the token goes in.
    pub auth: AuthHeader,
    /// The profile as TOML, with all that it extends.
    pub text: String,
}

/// What an API does with idempotency keys.
#[derive(Debug, Clone)]
pub struct KeyPolicy {
    /// The header, in lower case.
    pub header: String,
    /// Time for which it remembers a key.
    pub window: Duration,
    /// Statuses that it gives only once it has looked for the key: had an earlier try been applied, its cached answer would
    /// have come instead.
    pub looked_up: Statuses,
    /// The answer to a key that was used with another request before: that one may have been applied.
    mismatch: Option<Condition>,
    /// Statuses that its cache gives again.
    pub cached: Statuses,
    /// Headers that mark an answer as one from the cache, in lower case.
    pub replayed: Vec<String>,
}

/// The answers that accept a write.
#[derive(Debug, Clone)]
struct Accepted {
    statuses: Statuses,
    /// Statuses that accept a DELETE that may have been applied before.
    gone: Statuses,
    /// What contradicts the status.
    unless: Vec<Condition>,
    /// True if dlq looks for the usual contradictions by itself: `success` false, lists of errors, counts of rejected records.
    contradictions: bool,
}

/// A rule of the classification.
#[derive(Debug, Clone)]
pub(crate) struct Rule {
    condition: Condition,
    /// The failure type that it gives.
    pub(crate) failure_type: FailureType,
    /// What such an answer means.
    pub(crate) meaning: String,
    /// What to do about it.
    pub(crate) hint: String,
}

/// Codes that say something without a status, as globs.
#[derive(Debug, Clone, Default)]
struct Codes {
    /// Codes that only the API gives, so that there was an answer.
    known: Vec<String>,
    /// Those that say that nothing was applied.
    definite: Vec<String>,
    /// Those that say so of an only try.
    definite_of_an_only_try: Vec<String>,
}

/// The answers after which a write is sent again.
#[derive(Debug, Clone)]
struct Retry {
    statuses: Statuses,
    /// A header whose `true` or `false` decides, in lower case.
    header: Option<String>,
}
