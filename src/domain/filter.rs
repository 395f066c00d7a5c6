//! Filters: the meaning of a query. `query` parses them from text, `store` turns them into bound parameters.

use std::time::Duration;

use super::failure_type::FailureType;
use super::hazard::Hazard;
use super::ids::RunId;
use super::outcome::Outcome;
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
    /// It ended like one of these in the runs that the filter names, else in the last run that had it in its plan.
    Outcome(Vec<Ending>),
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

/// The end of a write in a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ending {
    /// The outcome.
    pub outcome: Outcome,
    /// The code of the reason for it; `None` for any.
    pub reason: Option<String>,
}

impl Ending {
    /// Parses `failed` or `unsent/group-stopped`.
    pub fn parse(text: &str) -> Option<Self> {
        let (outcome, reason) = match text.split_once('/') {
            Some((outcome, reason)) => (outcome, Some(reason.to_owned()).filter(|reason| !reason.is_empty())),
            None => (text, None),
        };
        Some(Self { outcome: Outcome::parse(outcome)?, reason })
    }
}

impl std::fmt::Display for Ending {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.reason {
            Some(reason) => write!(f, "{}/{reason}", self.outcome),
            None => write!(f, "{}", self.outcome),
        }
    }
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
    /// The time of its failure, else of its arrival, in milliseconds since 1970.
    FailedAt,
    /// Number of times the failure was captured.
    Occurrences,
    /// Number of times dlq sent it.
    Attempts,
    /// The batch that it was split from.
    Parent,
    /// The intake that it came in with.
    Intake,
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

    /// Returns the runs that it names, in ranges.
    pub fn runs(&self) -> impl Iterator<Item = Range> {
        let named = self.terms.iter().filter(|term| !term.negated).filter_map(|term| match &term.test {
            Test::Number(NumberField::Run, ranges) => Some(ranges.iter().copied()),
            _ => None,
        });
        named.flatten()
    }

    /// Returns the run that it is about, if it names a single one.
    pub fn one_run(&self) -> Option<RunId> {
        let mut runs = self.runs();
        match (runs.next(), runs.next()) {
            (Some(Range { min: Some(min), max: Some(max) }), None) if min == max => Some(RunId(min)),
            _ => None,
        }
    }

    /// Returns the hazards that it tests for, and whether each test is negated; they depend on the clock, so SQL can't test them.
    pub fn hazard_terms(&self) -> impl Iterator<Item = (&[Hazard], bool)> {
        self.terms.iter().filter_map(|term| match &term.test {
            Test::Hazard(any) => Some((any.as_slice(), term.negated)),
            _ => None,
        })
    }
}
