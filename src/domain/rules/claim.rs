//! Claims: whether the next request for a write may leave. The first attempt of a run and each retry ask the same
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

/// On which terms a run sends.
#[derive(Debug, Clone)]
pub struct Terms {
    /// Hazards that are overridden.
    pub allowed: Vec<Hazard>,
    /// The target's key window.
    pub window: Duration,
    /// Requests per second, of all runs together that send to the target at a rate; `None` for no limit.
    pub rate: Option<f64>,
    /// True if each write gets a new key first. Only what was definitely refused may.
    pub new_key: bool,
    /// The base URL that the run sends to.
    pub base_url: Arc<str>,
}

/// Which request of the run it is for the write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The first: the write has to be claimed.
    First,
    /// A retry: the run has the write in hand.
    Retry,
}

/// What has to be known of a write, of its lanes and of its target.
#[derive(Debug, Clone)]
pub struct ClaimFacts {
    /// The write.
    pub id: WriteId,
    /// The run that asks.
    pub run: RunId,
    /// The body that the run's plan showed.
    pub planned: Sha,
    /// What is damaged about it, if anything is.
    pub damage: Option<Damage>,
    /// Where it stands.
    pub standing: Standing,
    /// The run that has it in hand.
    pub holder: Option<RunId>,
    /// The body that it has now.
    pub body: Sha,
    /// The key that it is sent with.
    pub key: IdempotencyKey,
    /// How often dlq sent it.
    pub attempts: i64,
    /// Its place in its lanes.
    pub turn: Turn,
    /// What its hazards depend on, apart from its lanes.
    pub facts: Facts,
    /// What its lanes say of it.
    pub lane: LaneFacts,
    /// What its target says.
    pub gate: Gate,
}

/// The decision on a request.
#[derive(Debug, Clone, PartialEq)]
pub enum Claim {
    /// It may, once these changes are committed.
    Send(Vec<Change>),
    /// The write is not what the plan showed.
    Skip(SkipReason),
    /// A hazard has come up since the plan was made.
    Refuse(Hazard),
    /// Not before the target opens.
    Closed(Duration, Vec<Change>),
    /// Not before the rate's next token is there.
    NoToken(Duration, Vec<Change>),
    /// The target has moved away from where the run sends to.
    Moved,
    /// The run has lost the write.
    Fenced,
}

/// Decides whether the next request for a write may leave now.
pub fn may_send(facts: &ClaimFacts, terms: &Terms, step: Step, clock: Clock) -> Claim {
    // Its new key is what the attempt before went out under.
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
    if let Some(hazard) = refusing(&hazards(&in_lane, terms.window, clock), &terms.allowed, new_key) {
        return Claim::Refuse(hazard);
    }
    if facts.gate.base_url.as_deref() != Some(&*terms.base_url) {
        return Claim::Moved;
    }
    let mut changes = Vec::new();
    if let Some(left) = facts.gate.closed_for(clock.wall) {
        // The clock was set back since the API asked for that: it is counted from here.
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
