//! Changes: what a decision changes. A store applies them in order, in the transaction in which it read the facts.

use std::time::Duration;

use crate::domain::endpoint::EndpointOrigin;
use crate::domain::failure::Failure;
use crate::domain::ids::RunId;
use crate::domain::key::IdempotencyKey;
use crate::domain::outcome::Outcome;
use crate::domain::reason::Reason;
use crate::domain::state::Standing;
use crate::domain::time::Timestamp;

/// One change, to the write that was decided on unless it says otherwise.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// Its standing changes, and so may the run that has it in hand.
    Stand {
        /// Its new standing.
        standing: Standing,
        /// The run that has it in hand.
        run: Option<RunId>,
    },
    /// It is sent under a new key; the captured one stays as its parent.
    Rekey(IdempotencyKey),
    /// The run intends an attempt: number `n` of the write.
    Intend {
        /// The attempt's number, from 1.
        n: i64,
    },
    /// The open attempt of a run that ended is closed without an answer.
    LoseAttempt,
    /// The answer judged the data: type, code and group follow it. The captured failure is kept beside it.
    Judge(Box<Failure>),
    /// Its part in the run's plan ends.
    EndItem {
        /// Its outcome.
        outcome: Outcome,
        /// The reason, unless it was accepted.
        reason: Option<Reason>,
    },
    /// An operator found that the API doesn't have it, so its earlier ambiguity is gone.
    NotApplied,
    /// A request that may have been applied was sent at this time or before.
    AmbiguousSince {
        /// The earliest time known.
        since: Timestamp,
        /// True if a captured request is among those that may have been applied.
        captured: bool,
    },
    /// Its failure was captured again, with this later time.
    Occurred(Timestamp),
    /// Its endpoint, which was assumed, has been named.
    NameEndpoint(EndpointOrigin),
    /// Nothing is sent to its target for a while.
    CloseTarget {
        /// The time when the target opens.
        until: Timestamp,
        /// The length of the pause that was asked for.
        length: Duration,
    },
    /// The clock was set back since its target was closed: it opens at this time.
    ReopenTargetAt(Timestamp),
    /// The next token of its target's rate is ready at this time: since 1970, by the wall clock.
    NextToken(Duration),
}
