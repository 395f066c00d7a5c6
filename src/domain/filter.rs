//! Filters: what a query means. `query` reads them from text, `store` turns them into bound parameters.

use std::time::Duration;

use super::failure_type::FailureType;
use super::hazard::Hazard;
use super::state::State;

/// Conditions of which all must hold. Without any, everything matches.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Filter {
    /// The conditions.
    pub terms: Vec<Term>,
}

/// A condition, or its opposite.
#[derive(Debug, Clone, PartialEq)]
pub struct Term {
    /// True if it must not hold.
    pub negated: bool,
    /// What is looked at.
    pub test: Test,
}

/// What a condition looks at. Inside one test, any of its values may match.
#[derive(Debug, Clone, PartialEq)]
pub enum Test {
    /// The failure type is one of these.
    Type(Vec<FailureType>),
    /// The state is one of these.
    State(Vec<State>),
    /// It has one of these hazards now.
    Hazard(Vec<Hazard>),
    /// A number lies in one of these ranges.
    Number(NumberField, Vec<Range>),
    /// Its age lies in one of these ranges (both ends included).
    Age(Vec<(Duration, Option<Duration>)>),
    /// A text matches one of these.
    Text(TextField, Vec<TextMatch>),
    /// A place in the body's JSON matches one of these.
    Body(Vec<String>, Vec<BodyMatch>),
    /// The text stands somewhere in the body or the message.
    Anywhere(String),
}

/// Numbers of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NumberField {
    /// Its ID.
    Id,
    /// The HTTP status of its failure.
    Status,
    /// Its group's ID.
    Group,
    /// A run that had it in its plan.
    Run,
    /// How often the failure was captured.
    Occurrences,
    /// How often dlq sent it.
    Attempts,
    /// The batch that it was split from.
    Parent,
}

/// Texts of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextField {
    /// The error code.
    Code,
    /// The error message.
    Message,
    /// The endpoint's path.
    Path,
    /// The object.
    Object,
    /// The operation.
    Operation,
    /// The idempotency key, the captured one included.
    Key,
    /// The correlation ID, those of its attempts included.
    CorrelationId,
    /// The target's name.
    Target,
    /// Where it was captured.
    Source,
    /// Its lane.
    Lane,
}

/// A range of whole numbers, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// The least; `None` for no limit.
    pub min: Option<i64>,
    /// The most; `None` for no limit.
    pub max: Option<i64>,
}

/// How a text is compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TextMatch {
    /// Exactly this. For codes: these trailing segments.
    Is(String),
    /// This stands in it, upper and lower case alike.
    Contains(String),
}

/// How a value in a body is compared.
#[derive(Debug, Clone, PartialEq)]
pub enum BodyMatch {
    /// A string with this text, or another value with this spelling.
    Is(String),
    /// This stands in it, upper and lower case alike.
    Contains(String),
    /// A number in this range; each end with whether it is included.
    Between(Option<(f64, bool)>, Option<(f64, bool)>),
}

impl Filter {
    /// The same, and this too.
    #[must_use]
    pub fn and(mut self, test: Test) -> Self {
        self.terms.push(Term { negated: false, test });
        self
    }

    /// Returns true if it only says what must not hold, so that it selects almost everything.
    pub fn only_negates(&self) -> bool {
        !self.terms.is_empty() && self.terms.iter().all(|term| term.negated)
    }

    /// Returns true if it says which states it wants.
    pub fn names_states(&self) -> bool {
        self.terms.iter().any(|t| matches!(t.test, Test::State(_)))
    }

    /// The hazards that it asks for; they depend on the clock and are looked at outside SQL.
    pub fn hazard_terms(&self) -> impl Iterator<Item = (&[Hazard], bool)> {
        self.terms.iter().filter_map(|term| match &term.test {
            Test::Hazard(any) => Some((any.as_slice(), term.negated)),
            _ => None,
        })
    }
}
