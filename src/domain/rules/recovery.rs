//! Recovery: what becomes of the writes that a run had in hand when it ended, properly or not.

use super::Change;
use super::outcome::in_run;
use crate::domain::ids::RunId;
use crate::domain::outcome::{AttemptOutcome, Outcome};
use crate::domain::reason::{GivenUp, LastAttempt, Reason};
use crate::domain::state::{Event, Standing, State};
use crate::domain::time::Timestamp;

/// The facts about a write that is claimed by a run which sends nothing more.
#[derive(Debug, Clone, Copy)]
pub struct Claimed {
    /// The run that claimed it.
    pub run: RunId,
    /// The run that has the write in hand.
    pub holder: Option<RunId>,
    /// Its standing; `None` if its row can't be read, which is then left as it is.
    pub standing: Option<Standing>,
    /// The time of the intent that has no outcome recorded.
    pub open_intent: Option<Timestamp>,
    /// The outcome of the run's last request for it, if there was one.
    pub last: Option<AttemptOutcome>,
    /// True if one of the run's requests for it went unanswered.
    pub unanswered: bool,
}

/// Decides how a claim is taken back. A write with an open intent may have been applied. One whose intent is newer than
/// `before`, if that is given, may still be under way: `None` leaves it in flight.
pub fn take_back(facts: &Claimed, before: Option<Timestamp>) -> Option<Vec<Change>> {
    if before.zip(facts.open_intent).is_some_and(|(before, sent_at)| sent_at > before) {
        return None;
    }
    let mut changes = Vec::new();
    let held =
        facts.standing.filter(|standing| facts.holder == Some(facts.run) && standing.state() == State::Replaying);
    let lost = facts.open_intent.map(|sent_at| Event::NoAnswer { sent_at });
    let after = held.and_then(|standing| {
        let standing = lost.map_or(Ok(standing), |event| standing.after(event)).ok()?;
        standing.after(Event::Release).ok()
    });
    changes.extend(after.map(|standing| Change::Stand { standing, run: None }));
    if facts.open_intent.is_some() {
        changes.push(Change::LoseAttempt);
        let reason = Some(Reason::attempt(AttemptOutcome::NoAnswer));
        changes.push(Change::EndItem { outcome: Outcome::Unknown, reason });
    } else if let (Some(after), Some(last)) = (after, facts.last) {
        // It was between two attempts, so it must not be reported as never sent.
        let outcome = in_run(after.state(), facts.unanswered, Outcome::Failed);
        let given_up = Some(GivenUp::RunEnded);
        let reason = Reason::Attempt(LastAttempt { outcome: last, maybe_cached_until: None, given_up });
        changes.push(Change::EndItem { outcome, reason: Some(reason) });
    }
    Some(changes)
}
