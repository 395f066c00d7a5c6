//! What a run is asked to do, and what it tells while it goes.

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

/// How a run sends.
#[derive(Debug, Clone)]
pub struct RunOptions {
    /// The target.
    pub target: TargetSettings,
    /// Where it is; the file is bound to it.
    pub base_url: BaseUrl,
    /// Hazards that are overridden.
    pub allowed: Vec<Hazard>,
    /// Requests per second, and the most of them out at once.
    pub pace: PaceSettings,
    /// How many writes go first, one by one.
    pub canaries: usize,
    /// The most requests for a write in this run.
    pub max_attempts: u32,
    /// How many writes of a group may fail in a row before the group is stopped.
    pub max_failures: u32,
    /// True if each write goes out under a new key.
    pub new_key: bool,
    /// True if other runs may be sending to the target.
    pub alongside: bool,
    /// The one who starts it.
    pub operator: Operator,
    /// Why, in the operator's words.
    pub reason: Option<String>,
    /// What it was asked to send.
    pub selection: Selection,
    /// What was selected.
    pub filter: Filter,
    /// The highest ID when the plan was made.
    pub last_id: WriteId,
    /// Blanks secrets in what the API answers, the run's own token among them.
    pub scrubber: Scrubber,
}

impl RunOptions {
    /// What the file keeps of them, as JSON.
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

/// What happens in a run, as it happens.
#[derive(Debug, Clone)]
pub enum RunEvent {
    /// The run has begun.
    Began(RunId),
    /// A write is over.
    Ended(Box<WriteEnded>),
    /// A write will be tried again.
    Retry {
        /// The write.
        id: WriteId,
        /// The attempt that failed, counted in this run.
        attempt: u32,
        /// How that ended.
        end: Box<AttemptEnd>,
        /// How long it waits.
        wait: Duration,
    },
    /// Something that an operator wants to hear now: a new kind of failure, a change of pace, connections that fail.
    Notice(Notice),
    /// A group, an endpoint or the whole run stops, and why.
    Stopping(Stop),
}

/// How a write ended in its run.
#[derive(Debug, Clone)]
pub struct WriteEnded {
    /// The write.
    pub id: WriteId,
    /// How.
    pub outcome: Outcome,
    /// Why, unless it was accepted.
    pub reason: Option<Reason>,
    /// The key it was sent under; empty when it was not sent.
    pub key: String,
    /// Its state now; `None` when this run did not touch it.
    pub state: Option<State>,
    /// The last attempt.
    pub last: Option<AttemptEnd>,
    /// The attempts of this run.
    pub attempts: u32,
    /// The body's version.
    pub revision: i64,
}

pub(super) type Events = UnboundedSender<RunEvent>;
