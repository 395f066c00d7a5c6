//! What a run asks of the store, and what it is told.

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

/// All that a plan is made from.
#[derive(Debug, Default)]
pub struct PlanData {
    /// What was selected, oldest first.
    pub candidates: Vec<Candidate>,
    /// The open writes of the same lanes that were not selected.
    pub mates: Vec<LaneMate>,
    /// The highest ID when this was read: what has a higher one came in later.
    pub last_id: Option<WriteId>,
    /// The targets of the candidates.
    pub targets: Vec<String>,
    /// Selected writes that can't be read, and why: they are not sent.
    pub damaged: Vec<(WriteId, Damage)>,
    /// The time when this was read.
    pub clock: Clock,
}

/// What a stopped run left.
#[derive(Debug)]
pub struct RestOfRun {
    /// What its plan is made from; the highest ID is that of the first plan.
    pub data: PlanData,
    /// What the run was asked to send; `None` if an older version kept only the text of it.
    pub selection: Option<Selection>,
}

/// A run that is to begin, with its frozen plan.
#[derive(Debug)]
pub struct NewRun {
    /// The target's name.
    pub target: String,
    /// Where the run sends to: the target is bound to it, if it is not bound yet.
    pub base_url: BaseUrl,
    /// The one who starts it.
    pub operator: Operator,
    /// Why, in the operator's words.
    pub reason: Option<String>,
    /// What it was asked to send.
    pub selection: Selection,
    /// How it sends, as JSON.
    pub options: String,
    /// True if other runs may be sending to the target.
    pub alongside: bool,
    /// The plan: what will be sent, in order.
    pub send: Vec<(WriteId, Sha)>,
    /// What a hazard refuses.
    pub refused: Vec<(WriteId, Sha, Hazard)>,
}

/// How a write of a plan ended whose run did not wait for it.
#[derive(Debug, Clone)]
pub struct CutOff {
    /// How.
    pub outcome: Outcome,
    /// Why.
    pub reason: Option<Reason>,
    /// The attempts of the run.
    pub attempts: u32,
}

/// A change of what is wanted; what is `None` stays as it is.
#[derive(Debug, Clone, Copy, Default)]
pub struct WishChange {
    /// The demand: send, pause or stop.
    pub wanted: Option<Wanted>,
    /// Requests per second; 0 for no limit.
    pub rate: Option<f64>,
    /// The most requests out at once.
    pub concurrency: Option<usize>,
}

/// All that a request is made from.
#[derive(Debug, Clone)]
pub struct Sendable {
    /// The write, as it was when it was claimed.
    pub write: FailedWrite,
    /// The bytes to send.
    pub body: Vec<u8>,
    /// Its earlier answers, the captured one among them.
    pub earlier: Vec<Earlier>,
    /// The time when it was first definitely refused under the key that it is sent with.
    pub refused_since: Option<Timestamp>,
}

/// The answer to a claim.
#[derive(Debug)]
pub enum Intent {
    /// The write is claimed and the intent of its next attempt committed: send it.
    Go {
        /// The attempt's number among the write's attempts.
        n: i64,
        /// The time when the intent was made; the key window is counted from here if the attempt turns out ambiguous.
        at: Timestamp,
        /// What to send; `None` for a retry, which has it already.
        sendable: Option<Box<Sendable>>,
    },
    /// It is not what the plan showed any more.
    Skip(SkipReason),
    /// A hazard that came up since the plan was made.
    Refuse(Hazard),
    /// Nothing may be sent to the target for so long: the API said so, perhaps to another run.
    Closed(Duration),
    /// The token of the rate is there in so long: another run has taken this one.
    NoToken(Duration),
}

/// An attempt of a run, as its intent named it.
#[derive(Debug, Clone, Copy)]
pub struct Attempting {
    /// The run.
    pub run: RunId,
    /// The write's number in the run's plan, from 1.
    pub seq: usize,
    /// The write.
    pub write: WriteId,
    /// The attempt's number among the write's attempts.
    pub n: i64,
    /// The time when its intent was made.
    pub sent_at: Timestamp,
}
