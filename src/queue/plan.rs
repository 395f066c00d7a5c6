//! Plans and runs of an embedded queue.

use crate::domain::filter::Filter;
use crate::domain::hazard::Hazard;
use crate::domain::outcome::Outcome;
use crate::domain::selection::Selection;
use crate::render::words;
use crate::replay::{PaceSettings, Prepared, RunReport};

/// A replay to plan.
#[derive(Debug, Clone, PartialEq)]
pub struct PlanRequest {
    /// The writes to plan, in the query language; only pending and unknown ones are planned.
    pub query: String,
    /// The most writes to plan, oldest first; `None` for all.
    pub limit: Option<usize>,
    /// Hazards to override.
    pub allow: Vec<Hazard>,
    /// True to give each write a new idempotency key first, which is possible only for writes that
    /// were definitely refused.
    pub new_key: bool,
    /// Requests per second; `None` for no limit.
    pub rate: Option<f64>,
    /// The most requests in flight at once.
    pub concurrency: usize,
}

impl PlanRequest {
    /// Creates a request for all writes that match a query, at the default pace.
    pub fn new(query: &str) -> Self {
        let PaceSettings { rate, concurrency } = PaceSettings::default();
        Self { query: query.to_owned(), limit: None, allow: Vec::new(), new_key: false, rate, concurrency }
    }

    pub(super) fn pace(&self) -> PaceSettings {
        PaceSettings { rate: self.rate, concurrency: self.concurrency.max(1) }
    }
}

impl From<&str> for PlanRequest {
    fn from(query: &str) -> Self {
        Self::new(query)
    }
}

/// A frozen plan of what a run would send. A write that changes before its turn is skipped, not
/// sent.
#[derive(Debug, Clone)]
pub struct ReplayPlan {
    pub(super) prepared: Prepared,
    pub(super) selection: Selection,
    pub(super) filter: Filter,
}

impl ReplayPlan {
    /// Returns the number of writes that would be sent.
    pub fn len(&self) -> usize {
        self.prepared.count()
    }

    /// Returns true if nothing would be sent.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Iterates over the IDs of the writes that would not be sent, each with the hazard that refuses it.
    pub fn refused(&self) -> impl Iterator<Item = (i64, Hazard)> {
        self.prepared.plan.refused.iter().map(|(write, hazard)| (write.id.0, *hazard))
    }
}

/// Formats the page that `dlq replay --dry-run` prints.
impl std::fmt::Display for ReplayPlan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.prepared.page(self.prepared.clock.latest()))
    }
}

/// The result of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunSummary {
    /// The run's ID, for `dlq report --run` and `dlq replay --continue`.
    pub run: i64,
    /// Number of writes that the API accepted.
    pub accepted: u64,
    /// Number of writes that it answered otherwise, or that could not be sent.
    pub failed: u64,
    /// Number of writes that were sent and whose outcome is not known.
    pub unknown: u64,
    /// Number of writes held back by an older one in their lane.
    pub held: u64,
    /// Number of writes that a hazard refused.
    pub refused: u64,
    /// Number of writes that had changed since the plan was made.
    pub skipped: u64,
    /// Number of writes that a stop kept from being sent.
    pub unsent: u64,
    /// The reason why the run, or a group of it, was stopped; `None` if it was not.
    pub stopped: Option<String>,
    /// The store error that ended the run, if any; the numbers above hold regardless.
    pub error: Option<String>,
}

impl RunSummary {
    pub(super) fn of(report: &RunReport) -> Self {
        let count = |outcome| report.tally.get(outcome);
        Self {
            run: report.run.0,
            accepted: count(Outcome::Accepted),
            failed: count(Outcome::Failed),
            unknown: count(Outcome::Unknown),
            held: count(Outcome::Held),
            refused: count(Outcome::Refused),
            skipped: count(Outcome::Skipped),
            unsent: count(Outcome::Unsent),
            stopped: words::stops(&report.stopped),
            error: report.error.clone(),
        }
    }
}
