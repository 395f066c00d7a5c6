//! Outcomes: where an attempt leaves its write, and how the write ended in its run.

use super::Change;
use crate::domain::answer::judges_data;
use crate::domain::attempt::AttemptEnd;
use crate::domain::ids::RunId;
use crate::domain::outcome::{AttemptOutcome, Outcome};
use crate::domain::reason::Reason;
use crate::domain::state::{Event, Standing, State};
use crate::domain::time::Timestamp;

/// The facts about a write that a run has, or had, in hand.
#[derive(Debug, Clone, Copy)]
pub struct InHand {
    /// The run that asks.
    pub run: RunId,
    /// The run that has the write in hand now; another one if this run was taken for dead.
    pub holder: Option<RunId>,
    /// Its standing in the state machine.
    pub standing: Standing,
    /// True if an earlier request of the run for it went unanswered.
    pub unanswered: bool,
}

/// The next step for a write after an attempt.
#[derive(Debug, Clone, PartialEq)]
pub enum Then {
    /// The run keeps it, to retry.
    Retry,
    /// The run is done with it: its outcome, and the reason.
    Settle(Outcome, Option<Reason>),
}

/// A decision, and where it leaves the write.
#[derive(Debug, Clone, PartialEq)]
pub struct Recorded {
    /// The write's state.
    pub state: State,
    /// Its outcome in the run; `None` while the run keeps it.
    pub outcome: Option<Outcome>,
    /// The changes that carry the decision out.
    pub changes: Vec<Change>,
}

/// Decides where an attempt that was sent at `sent_at` leaves its write.
pub fn record(facts: &InHand, end: &AttemptEnd, sent_at: Timestamp, then: Then, now: Timestamp) -> Recorded {
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
        recorded.changes.push(Change::CloseTarget { until: now.plus(length), length });
    }
    let judged = end.failure.as_ref().filter(|failure| failure.status.is_some_and(judges_data));
    if let Some(failure) = judged.filter(|_| end.outcome == AttemptOutcome::Refused) {
        recorded.changes.push(Change::Judge(Box::new(failure.clone())));
    }
    recorded
}

/// Decides where a run leaves a write that it releases between two attempts.
pub fn let_go(facts: &InHand, outcome: Outcome, reason: Reason) -> Recorded {
    release(facts, facts.standing, outcome, Some(reason))
}

/// Ends the run's work on a write that stands at `at`.
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

/// Returns the outcome of a write in a run. If one of the run's own requests for it went unanswered and it goes back as
/// `unknown`, it has not failed, whatever the last attempt met: that request may have been applied.
pub fn in_run(state: State, unanswered: bool, last: Outcome) -> Outcome {
    if state == State::Unknown && unanswered { Outcome::Unknown } else { last }
}
