//! Outcomes: where an attempt leaves its write, and how the write ended in its run.

use super::Change;
use crate::domain::answer::judges_data;
use crate::domain::attempt::AttemptEnd;
use crate::domain::ids::RunId;
use crate::domain::outcome::{AttemptOutcome, Outcome};
use crate::domain::reason::Reason;
use crate::domain::state::{Event, Standing, State};
use crate::domain::time::Timestamp;

/// What has to be known of a write that a run has, or had, in hand.
#[derive(Debug, Clone, Copy)]
pub struct InHand {
    /// The run that asks.
    pub run: RunId,
    /// The run that has the write in hand now; another one if this run was taken for dead.
    pub holder: Option<RunId>,
    /// Where it stands.
    pub standing: Standing,
    /// True if an earlier request of the run for it went unanswered.
    pub unanswered: bool,
}

/// What happens to the write after an attempt.
#[derive(Debug, Clone, PartialEq)]
pub enum Then {
    /// The run keeps it, to try again.
    Retry,
    /// The run is done with it: how it ended, and why.
    Settle(Outcome, Option<Reason>),
}

/// A decision, and where it leaves the write.
#[derive(Debug, Clone, PartialEq)]
pub struct Recorded {
    /// Its state.
    pub state: State,
    /// How it ended in the run; `None` while the run keeps it.
    pub outcome: Option<Outcome>,
    /// What carries it out.
    pub changes: Vec<Change>,
}

/// Decides where an attempt that was sent at `sent_at` leaves its write.
pub fn record(facts: &InHand, end: &AttemptEnd, sent_at: Timestamp, then: Then) -> Recorded {
    let event = match end.outcome {
        AttemptOutcome::Accepted => Some(Event::Accept),
        AttemptOutcome::Unclear | AttemptOutcome::Partial => Some(Event::Unclear { sent_at }),
        AttemptOutcome::NoAnswer => Some(Event::NoAnswer { sent_at }),
        AttemptOutcome::Refused | AttemptOutcome::NotSent => None,
    };
    // A run that was taken for dead no longer holds the write; only a late acceptance still counts.
    let counts = facts.holder == Some(facts.run) || event == Some(Event::Accept);
    let after = event.filter(|_| counts).and_then(|event| facts.standing.after(event).ok()).unwrap_or(facts.standing);
    let unanswered = facts.unanswered || end.outcome == AttemptOutcome::NoAnswer;
    let mut recorded = match then {
        Then::Retry => Recorded { state: after.state(), outcome: None, changes: Vec::new() },
        Then::Settle(outcome, reason) => release(&InHand { unanswered, ..*facts }, after, outcome, reason),
    };
    if recorded.outcome.is_none() && after != facts.standing {
        stand(facts, after, &mut recorded.changes);
    }
    if let Some(length) = end.closes_target {
        recorded.changes.push(Change::CloseTarget { until: end.at.plus(length), length });
    }
    let judged = end.failure.as_ref().filter(|failure| failure.status.is_some_and(judges_data));
    if let Some(failure) = judged.filter(|_| end.outcome == AttemptOutcome::Refused) {
        recorded.changes.push(Change::Judge(Box::new(failure.clone())));
    }
    recorded
}

/// Decides where a write stands that a run lets go of between two attempts.
pub fn let_go(facts: &InHand, outcome: Outcome, reason: Reason) -> Recorded {
    release(facts, facts.standing, outcome, Some(reason))
}

/// The run is done with a write that stands at `at`.
fn release(facts: &InHand, at: Standing, outcome: Outcome, reason: Option<Reason>) -> Recorded {
    let is_held = facts.holder == Some(facts.run) && at.state() == State::Replaying;
    let after = if is_held { at.after(Event::Release).unwrap_or(at) } else { at };
    let outcome = in_run(after.state(), facts.unanswered, outcome);
    let mut changes = Vec::new();
    if after != facts.standing {
        stand(facts, after, &mut changes);
    }
    changes.push(Change::EndItem { outcome, reason });
    Recorded { state: after.state(), outcome: Some(outcome), changes }
}

fn stand(facts: &InHand, standing: Standing, changes: &mut Vec<Change>) {
    let run = facts.holder.filter(|_| standing.state() == State::Replaying);
    changes.push(Change::Stand { standing, run });
}

/// How a write ended in a run. If one of the run's own requests for it went unanswered and it goes back as `unknown`, it
/// is not said to have failed, whatever the last attempt met: that request may have been applied.
pub fn in_run(state: State, unanswered: bool, last: Outcome) -> Outcome {
    if state == State::Unknown && unanswered { Outcome::Unknown } else { last }
}
