//! Filters: the meaning of a query. `query` parses them from text, `store` turns them into bound parameters.

use std::time::Duration;

use super::failure_type::FailureType;
use super::hazard::Hazard;
use super::state::State;

/// Conditions that must all hold. Without any, everything matches.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Filter {
    /// The conditions.
    pub terms: Vec<Term>,
}

/// A condition, or its negation.
#[derive(Debug, Clone, PartialEq)]
pub struct Term {
    /// True if it must not hold.
    pub negated: bool,
    /// The test.
    pub test: Test,
}

/// A test of a write. Any one of its values may match.
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
    /// The text occurs somewhere in the body or the message.
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
    /// Number of times the failure was captured.
    Occurrences,
    /// Number of times dlq sent it.
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
    /// The service that published it.
    Source,
    /// Its lane.
    Lane,
}

/// A range of whole numbers, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// Lower end; `None` for no limit.
    pub min: Option<i64>,
    /// Upper end; `None` for no limit.
    pub max: Option<i64>,
}

/// A comparison of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TextMatch {
    /// Equal to this; for codes, ending in these segments.
    Is(String),
    /// Contains this, ignoring case.
    Contains(String),
}

/// A comparison of a value in a body.
#[derive(Debug, Clone, PartialEq)]
pub enum BodyMatch {
    /// A string with this text, or another value with this spelling.
    Is(String),
    /// Contains this, ignoring case.
    Contains(String),
    /// A number in this range; each end says whether it is included.
    Between(Option<(f64, bool)>, Option<(f64, bool)>),
}

impl Filter {
    /// Adds a test that has to hold as well.
    #[must_use]
    pub fn and(mut self, test: Test) -> Self {
        self.terms.push(Term { negated: false, test });
        self
    }

    /// Returns true if it only says what must not hold, so that it selects almost everything.
    pub fn only_negates(&self) -> bool {
        !self.terms.is_empty() && self.terms.iter().all(|term| term.negated)
    }

    /// Returns true if it tests for states.
    pub fn names_states(&self) -> bool {
        self.terms.iter().any(|t| matches!(t.test, Test::State(_)))
    }

    /// Returns the hazards that it tests for, and whether each test is negated; they depend on the clock, so SQL can't test them.
    pub fn hazard_terms(&self) -> impl Iterator<Item = (&[Hazard], bool)> {
        self.terms.iter().filter_map(|term| match &term.test {
            Test::Hazard(any) => Some((any.as_slice(), term.negated)),
            _ => None,
        })
    }
}
