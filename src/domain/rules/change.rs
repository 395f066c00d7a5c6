//! What a decision changes. A store applies the changes in order, in the transaction in which it read the facts.

use std::time::Duration;

use crate::domain::endpoint::EndpointOrigin;
use crate::domain::failure::Failure;
use crate::domain::ids::RunId;
use crate::domain::key::IdempotencyKey;
use crate::domain::outcome::Outcome;
use crate::domain::reason::Reason;
use crate::domain::state::Standing;
use crate::domain::time::Timestamp;

/// One change, of the write that was decided on unless it says otherwise.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// Where it stands, and the run that has it in hand.
    Stand {
        /// Its standing.
        standing: Standing,
        /// The run that has it in hand.
        run: Option<RunId>,
    },
    /// It is sent under a new key; the captured one stays as its parent.
    Rekey(IdempotencyKey),
    /// An attempt of the run is intended: number `n` of the write.
    Intend {
        /// Its number, from 1.
        n: i64,
    },
    /// The open attempt of a run that ended is over without an answer.
    LoseAttempt,
    /// The answer judged the data: type, code and group follow it. The captured failure is kept beside it.
    Judge(Box<Failure>),
    /// It ended in the plan of the run.
    EndItem {
        /// How.
        outcome: Outcome,
        /// Why, unless it was accepted.
        reason: Option<Reason>,
    },
    /// Someone found that the API doesn't have it: what was ambiguous before is so no longer.
    NotApplied,
    /// A request that may have been applied was sent then, at the latest.
    AmbiguousSince {
        /// The earliest that is known.
        since: Timestamp,
        /// True if a captured request is among those.
        captured: bool,
    },
    /// Its failure was captured again, later than before.
    Occurred(Timestamp),
    /// Its endpoint, which was assumed, has been named.
    NameEndpoint(EndpointOrigin),
    /// Nothing is sent to its target for so long.
    CloseTarget {
        /// Until then.
        until: Timestamp,
        /// For how long it was asked.
        length: Duration,
    },
    /// The clock was set back since its target was closed: it opens then.
    ReopenTargetAt(Timestamp),
    /// The next token of its target's rate is there then: since 1970, by the wall clock.
    NextToken(Duration),
}
