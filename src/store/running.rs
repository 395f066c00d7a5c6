//! A run's requests to the store, and the answers to them.

use std::time::Duration;

use crate::domain::cached::Earlier;
use crate::domain::clock::Clock;
use crate::domain::endpoint::BaseUrl;
use crate::domain::hazard::Hazard;
use crate::domain::identity::Sha;
use crate::domain::ids::{RunId, WriteId};
use crate::domain::outcome::Outcome;
use crate::domain::plan::{Candidate, LaneMate};
use crate::domain::reason::{Damage, Reason, SkipReason};
use crate::domain::run::{Operator, Wanted};
use crate::domain::selection::Selection;
use crate::domain::time::Timestamp;
use crate::domain::write::FailedWrite;

/// Everything that a plan is made from.
#[derive(Debug, Default)]
pub struct PlanData {
    /// The selected writes, oldest first.
    pub candidates: Vec<Candidate>,
    /// The open writes of the same lanes that were not selected.
    pub mates: Vec<LaneMate>,
    /// The highest ID when this was read; writes with a higher one came in later.
    pub last_id: Option<WriteId>,
    /// The targets of the candidates.
    pub targets: Vec<String>,
    /// Writes that can't be read, each with its damage; they are not sent.
    pub damaged: Vec<(WriteId, Damage)>,
    /// The time when this was read.
    pub clock: Clock,
}

/// The remainder of a stopped run.
#[derive(Debug)]
pub struct RestOfRun {
    /// The data for its plan; the highest ID is that of the first plan.
    pub data: PlanData,
    /// The selection that the run was asked to send; `None` if an older version kept only its text.
    pub selection: Option<Selection>,
}

/// A run about to begin, with its frozen plan.
#[derive(Debug)]
pub struct NewRun {
    /// The target's name.
    pub target: String,
    /// The base URL that the run sends to; the target is bound to it, if it is not bound yet.
    pub base_url: BaseUrl,
    /// The header in which the target's keys go; empty if it has none.
    pub key_header: String,
    /// The operator who starts it.
    pub operator: Operator,
    /// The reason, in the operator's words.
    pub reason: Option<String>,
    /// The selection that it was asked to send.
    pub selection: Selection,
    /// The options that it sends with, as JSON.
    pub options: String,
    /// `true` if other runs may be sending to the target.
    pub alongside: bool,
    /// The writes to send, in order, each with the hash of its body.
    pub send: Vec<(WriteId, Sha)>,
    /// The writes that a hazard refuses, each with the hash of its body.
    pub refused: Vec<(WriteId, Sha, Hazard)>,
}

/// The end of a planned write whose run did not wait for it.
#[derive(Debug, Clone)]
pub struct CutOff {
    /// The outcome.
    pub outcome: Outcome,
    /// The reason for it.
    pub reason: Option<Reason>,
    /// Number of attempts that the run made.
    pub attempts: u32,
}

/// A change to the wish for a run; a field that is `None` stays as it is.
#[derive(Debug, Clone, Copy, Default)]
pub struct WishChange {
    /// The demand: send, pause or stop.
    pub wanted: Option<Wanted>,
    /// Requests per second; 0 for no limit.
    pub rate: Option<f64>,
    /// Maximum number of requests in flight.
    pub concurrency: Option<usize>,
}

/// Everything that a request is made from.
#[derive(Debug, Clone)]
pub struct Sendable {
    /// The write, as it was when it was claimed.
    pub write: FailedWrite,
    /// The bytes to send.
    pub body: Vec<u8>,
    /// Its earlier answers, including the captured one.
    pub earlier: Vec<Earlier>,
    /// The time of its first definite refusal under the key that it is sent with.
    pub refused_since: Option<Timestamp>,
}

/// The answer to a claim.
#[derive(Debug)]
pub enum Intent {
    /// The write is claimed and the intent of its next attempt committed: send it.
    Go {
        /// The attempt's number among the write's attempts.
        n: i64,
        /// The time of the intent, from which the key window is counted if the attempt turns out
        /// ambiguous.
        at: Timestamp,
        /// The data to send; `None` for a retry, whose run has it already.
        sendable: Option<Box<Sendable>>,
    },
    /// The write is no longer what the plan showed.
    Skip(SkipReason),
    /// A hazard has come up since the plan was made.
    Refuse(Hazard),
    /// Time left until the target opens: the API asked for a pause, perhaps in answer to another
    /// run.
    Closed(Duration),
    /// Time left until the rate's next token: another run has taken this one.
    NoToken(Duration),
}

/// An attempt of a run, as identified by its intent.
#[derive(Debug, Clone, Copy)]
pub struct Attempting {
    /// The run.
    pub run: RunId,
    /// The write's position in the run's plan, from 1.
    pub seq: usize,
    /// The write.
    pub write: WriteId,
    /// The attempt's number among the write's attempts.
    pub n: i64,
    /// The time of its intent.
    pub sent_at: Timestamp,
}
