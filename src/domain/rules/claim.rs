//! Claims: whether the next request for a write may be sent. The first attempt of a run and each retry ask the same
//! question; promises 1, 2, 4, 5, 7 and 9 meet here.

use std::sync::Arc;
use std::time::Duration;

use super::Change;
use super::lane::LaneFacts;
use crate::domain::bucket::{Bucket, interval};
use crate::domain::clock::Clock;
use crate::domain::hazard::{Facts, Hazard, hazards, refusing};
use crate::domain::identity::Sha;
use crate::domain::ids::{RunId, WriteId};
use crate::domain::key::IdempotencyKey;
use crate::domain::lane::Turn;
use crate::domain::reason::{Damage, SkipReason};
use crate::domain::stable_key::new_key;
use crate::domain::state::{Event, Standing};
use crate::domain::target::Gate;
use crate::domain::time::Timestamp;

/// The terms on which a run sends.
#[derive(Debug, Clone)]
pub struct Terms {
    /// Hazards that the operator allowed.
    pub allowed: Vec<Hazard>,
    /// The target's key window.
    pub window: Duration,
    /// Requests per second, shared by all runs that send to the target at a rate; `None` for no limit.
    pub rate: Option<f64>,
    /// True if each write gets a new key first, which only a definitely refused one may.
    pub new_key: bool,
    /// The base URL that the run sends to.
    pub base_url: Arc<str>,
}

/// The place of a request among those of the run for the write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The first: the write has to be claimed.
    First,
    /// A retry: the run has the write in hand.
    Retry,
}

/// The facts about a write, its lanes and its target.
#[derive(Debug, Clone)]
pub struct ClaimFacts {
    /// The write's ID.
    pub id: WriteId,
    /// The run that asks.
    pub run: RunId,
    /// The SHA-256 of the body that the run's plan showed.
    pub planned: Sha,
    /// The damage to it, if there is any.
    pub damage: Option<Damage>,
    /// Its standing in the state machine.
    pub standing: Standing,
    /// The run that has it in hand.
    pub holder: Option<RunId>,
    /// The SHA-256 of its current body.
    pub body: Sha,
    /// The key that it is sent with.
    pub key: IdempotencyKey,
    /// Number of times dlq sent it.
    pub attempts: i64,
    /// Its place in its lanes.
    pub turn: Turn,
    /// The facts that its hazards depend on, apart from its lanes.
    pub facts: Facts,
    /// The other writes of its lanes, summed up.
    pub lane: LaneFacts,
    /// The conditions of its target.
    pub gate: Gate,
}

/// The decision on a request.
#[derive(Debug, Clone, PartialEq)]
pub enum Claim {
    /// It may be sent, once these changes are committed.
    Send(Vec<Change>),
    /// The write is no longer what the plan showed.
    Skip(SkipReason),
    /// A hazard has appeared since the plan was made.
    Refuse(Hazard),
    /// It has to wait this long, until the target opens.
    Closed(Duration, Vec<Change>),
    /// It has to wait this long, until the rate's next token is ready.
    NoToken(Duration, Vec<Change>),
    /// The target is no longer bound to the URL that the run sends to.
    Moved,
    /// The run no longer has the write in hand.
    Fenced,
}

/// Decides whether the next request for a write may be sent now.
pub fn may_send(facts: &ClaimFacts, terms: &Terms, step: Step, clock: Clock) -> Claim {
    // A retry stays under the new key that the attempt before went out with.
    let new_key = terms.new_key && step == Step::First;
    if step == Step::Retry && facts.holder != Some(facts.run) {
        return Claim::Fenced;
    }
    if let Some(damage) = facts.damage {
        return Claim::Skip(SkipReason::Damaged(damage));
    }
    let standing = match step {
        Step::Retry => facts.standing,
        Step::First => match facts.standing.after(Event::Claim) {
            Ok(claimed) => claimed,
            Err(why) => return Claim::Skip(SkipReason::State(why.state)),
        },
    };
    if facts.body != facts.planned {
        return Claim::Skip(SkipReason::Edited);
    }
    if let Some(mate) = facts.lane.in_flight {
        return Claim::Skip(SkipReason::LaneInFlight(mate));
    }
    let in_lane = Facts {
        lane_blocked: facts.lane.blocks(facts.turn),
        superseded: facts.lane.supersedes(facts.turn),
        ..facts.facts
    };
    if let Some(hazard) = refusing(&hazards(&in_lane, terms.window, clock), &terms.allowed, new_key, terms.window) {
        return Claim::Refuse(hazard);
    }
    if facts.gate.base_url.as_deref() != Some(&*terms.base_url) {
        return Claim::Moved;
    }
    let mut changes = Vec::new();
    if let Some(left) = facts.gate.closed_for(clock.wall) {
        // The clock was set back since the API asked for the pause, which counts from now.
        let opens_at = clock.wall.plus(left);
        if facts.gate.opens_at != Some(opens_at) {
            changes.push(Change::ReopenTargetAt(opens_at));
        }
        return Claim::Closed(left, changes);
    }
    if terms.rate.is_some() {
        let (now, due) = (since_1970(clock.wall), facts.gate.next_token.unwrap_or_default());
        let mut bucket = Bucket::due(due);
        let taken = bucket.take(now, interval(terms.rate));
        if bucket.next() != due {
            changes.push(Change::NextToken(bucket.next()));
        }
        if let Err(next) = taken {
            return Claim::NoToken(next.saturating_sub(now), changes);
        }
    }
    if new_key {
        changes.push(Change::Rekey(new_key_of(facts)));
    }
    if step == Step::First {
        changes.push(Change::Stand { standing, run: Some(facts.run) });
    }
    changes.push(Change::Intend { n: facts.attempts + 1 });
    Claim::Send(changes)
}

fn new_key_of(facts: &ClaimFacts) -> IdempotencyKey {
    new_key(&facts.key, facts.id)
}

fn since_1970(at: Timestamp) -> Duration {
    Duration::from_millis(at.millis().unsigned_abs())
}
