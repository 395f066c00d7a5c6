//! The options of a run, and the events that it reports.

use std::time::Duration;

use tokio::sync::mpsc::UnboundedSender;

use super::pace::PaceSettings;
use crate::domain::attempt::AttemptEnd;
use crate::domain::endpoint::BaseUrl;
use crate::domain::filter::Filter;
use crate::domain::hazard::Hazard;
use crate::domain::ids::{RunId, WriteId};
use crate::domain::notice::Notice;
use crate::domain::outcome::Outcome;
use crate::domain::reason::Reason;
use crate::domain::run::Operator;
use crate::domain::secrets::Scrubber;
use crate::domain::selection::Selection;
use crate::domain::state::State;
use crate::domain::stop::Stop;
use crate::domain::target::TargetSettings;

/// Options of a run.
#[derive(Debug, Clone)]
pub struct RunOptions {
    /// The target.
    pub target: TargetSettings,
    /// The target's base URL, which the file is bound to.
    pub base_url: BaseUrl,
    /// Hazards that are overridden.
    pub allowed: Vec<Hazard>,
    /// Requests per second, and the most in flight at once.
    pub pace: PaceSettings,
    /// Number of canaries: writes sent ahead of the rest, one by one.
    pub canaries: usize,
    /// The most requests per write in this run.
    pub max_attempts: u32,
    /// Number of failures in a row at which a group is stopped.
    pub max_failures: u32,
    /// True if each write goes out under a new key.
    pub new_key: bool,
    /// True if other runs may be sending to the target.
    pub alongside: bool,
    /// The operator who starts the run.
    pub operator: Operator,
    /// The reason for the run, in the operator's words.
    pub reason: Option<String>,
    /// The selection, as asked for.
    pub selection: Selection,
    /// The selection as a filter.
    pub filter: Filter,
    /// The highest write ID when the plan was made.
    pub last_id: WriteId,
    /// Scrubber for secrets in the API's answers, the run's own token included.
    pub scrubber: Scrubber,
}

impl RunOptions {
    /// Returns the part of the options that the file records, as JSON.
    pub(super) fn to_json(&self) -> String {
        serde_json::json!({
            "base_url": self.base_url.as_str(),
            "rate": self.pace.rate,
            "concurrency": self.pace.concurrency,
            "canary": self.canaries,
            "max_attempts": self.max_attempts,
            "max_failures": self.max_failures,
            "allow": self.allowed.iter().map(|h| h.name()).collect::<Vec<_>>(),
            "new_key": self.new_key,
            "alongside": self.alongside,
            "request_ms": u64::try_from(self.target.most_of_a_request().as_millis()).unwrap_or(u64::MAX),
            "last_id": self.last_id.0,
        })
        .to_string()
    }
}

/// An event of a run, reported as it happens.
#[derive(Debug, Clone)]
pub enum RunEvent {
    /// The run has begun.
    Began(RunId),
    /// A write has ended.
    Ended(Box<WriteEnded>),
    /// A write will be tried again.
    Retry {
        /// The write.
        id: WriteId,
        /// The failed attempt, counted from 1 within this run.
        attempt: u32,
        /// The result of that attempt.
        end: Box<AttemptEnd>,
        /// Wait before the next attempt.
        wait: Duration,
    },
    /// Something that the operator should hear of at once: a new kind of failure, a change of pace,
    /// connections that fail.
    Notice(Notice),
    /// A group, an endpoint or the whole run stops, for this reason.
    Stopping(Stop),
    /// The pace at this moment; reported a few times a second.
    Paced(PaceNow),
}

/// The pace of a run at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PaceNow {
    /// Number of requests in flight.
    pub in_flight: usize,
    /// The most that may be in flight, as the API's answers allow for now.
    pub limit: usize,
    /// Time until requests may be sent again, if the API asked for a pause or connections fail; else zero.
    pub closed_for: Duration,
}

/// The end of a write in its run.
#[derive(Debug, Clone)]
pub struct WriteEnded {
    /// The write.
    pub id: WriteId,
    /// Its outcome.
    pub outcome: Outcome,
    /// The reason for the outcome, unless it was accepted.
    pub reason: Option<Reason>,
    /// The key it was sent under; empty when it was not sent.
    pub key: String,
    /// Its state now; `None` when this run did not touch it.
    pub state: Option<State>,
    /// The last attempt, if there was one.
    pub last: Option<AttemptEnd>,
    /// Number of attempts in this run.
    pub attempts: u32,
    /// Revision of its body.
    pub revision: i64,
}

pub(super) type Events = UnboundedSender<RunEvent>;
