//! Claims: records that are durable before a request leaves, and reasons that keep it from leaving.

use std::time::Duration;

use super::world::{BASE, World, ambiguous, answered, by, operator, order, terms};
use crate::domain::action::Settling;
use crate::domain::endpoint::BaseUrl;
use crate::domain::hazard::Hazard;
use crate::domain::ids::WriteId;
use crate::domain::outcome::{AttemptOutcome, Outcome};
use crate::domain::reason::{Reason, SkipReason};
use crate::domain::rules::claim::{Step, Terms};
use crate::domain::rules::outcome::Then;
use crate::domain::state::State;
use crate::store::{By, HistoryEntry, Intent};

const HOUR: Duration = Duration::from_hours(1);

pub(super) fn an_intent_is_there_for_others_before_its_answer_comes(world: &World) {
    world.ingest(&[order(1, HOUR)]);
    let lease = world.begin(&[1], false).unwrap();
    let attempt = world.claim(&lease, 1);
    let other = world.kind.open();
    assert_eq!(other.state_of(WriteId(1)).wait().unwrap(), Some(State::Replaying));
    let history = other.history(WriteId(1)).wait().unwrap();
    let [HistoryEntry::Attempt(intent)] = history.as_slice() else { panic!("{history:?}") };
    assert_eq!((intent.n, intent.run, intent.started_at), (1, lease.run(), attempt.sent_at));
    assert_eq!((intent.ended_at, intent.outcome), (None, None));
}

pub(super) fn of_two_runs_one_gets_the_write(world: &World) {
    world.ingest(&[order(1, HOUR)]);
    let (first, second) = (world.begin(&[1], false).unwrap(), world.begin(&[1], true).unwrap());
    world.claim(&first, 1);
    let late = world.intend(&second, 1, Step::First).unwrap();
    assert!(matches!(late, Intent::Skip(SkipReason::State(State::Replaying))), "{late:?}");
    assert_eq!(world.view(1).write.run, Some(first.run()));
    assert_eq!(world.view(1).write.attempts, 1);
}

pub(super) fn a_retry_has_an_intent_of_its_own(world: &World) {
    world.ingest(&[order(1, HOUR)]);
    let lease = world.begin(&[1], false).unwrap();
    let attempt = world.claim(&lease, 1);
    let end = answered(AttemptOutcome::NotSent, None, "refused");
    let kept = world.store.record_attempt(attempt, end, Then::Retry).wait().unwrap();
    assert_eq!((kept.state, kept.outcome), (State::Replaying, None));
    let again = world.intend(&lease, 1, Step::Retry).unwrap();
    assert!(matches!(again, Intent::Go { n: 2, sendable: None, .. }), "{again:?}");
    let other = world.begin(&[1], true).unwrap();
    assert!(world.intend(&other, 1, Step::Retry).is_err(), "a retry is for who holds the write");
}

pub(super) fn what_changed_since_the_plan_is_skipped(world: &World) {
    world.ingest(&[order(1, HOUR), order(2, HOUR), order(3, HOUR)]);
    let lease = world.begin(&[1, 2, 3], false).unwrap();
    let planned = world.content(1);
    world.store.edit(WriteId(1), planned, b"{}".to_vec(), by()).wait().unwrap();
    let edited = world.store.intend(&lease, WriteId(1), planned, Step::First, terms()).wait().unwrap();
    assert!(matches!(edited, Intent::Skip(SkipReason::Edited)), "{edited:?}");
    world.store.settle(vec![WriteId(2)], Settling::Discard, by()).wait().unwrap();
    let settled = world.intend(&lease, 2, Step::First).unwrap();
    assert!(matches!(settled, Intent::Skip(SkipReason::State(State::Discarded))), "{settled:?}");
    let absent = world.store.intend(&lease, WriteId(99), planned, Step::First, terms()).wait().unwrap();
    assert!(matches!(absent, Intent::Skip(SkipReason::Purged)), "{absent:?}");
    world.claim(&lease, 3);
}

pub(super) fn an_answer_leaves_the_write_where_the_rule_says(world: &World) {
    let cases = [
        (AttemptOutcome::Accepted, Some(200), State::Replayed),
        (AttemptOutcome::Refused, Some(400), State::Pending),
        (AttemptOutcome::NoAnswer, None, State::Unknown),
        (AttemptOutcome::Unclear, Some(200), State::Pending),
        (AttemptOutcome::NotSent, None, State::Pending),
    ];
    world.ingest(&(1..=5).map(|n| order(n, HOUR)).collect::<Vec<_>>());
    let lease = world.begin(&[1, 2, 3, 4, 5], false).unwrap();
    for (id, (outcome, status, state)) in (1..).zip(cases) {
        let attempt = world.claim(&lease, id);
        let recorded = world.record(attempt, answered(outcome, status, "said"));
        assert_eq!((recorded.state, world.state(id)), (state, state), "{outcome:?}");
    }
    // Only an answer that judged the data moves the write to another group.
    let groups: Vec<_> = (1..=5).map(|id| world.view(id).write.group).collect();
    assert_ne!(groups[1], groups[0]);
    assert_eq!(groups[2..], [groups[0]; 3]);
    let ambiguous: Vec<bool> = (1..=5).map(|id| world.view(id).write.standing.ambiguous_since.is_some()).collect();
    assert_eq!(ambiguous, [false, false, true, true, false]);
}

pub(super) fn what_may_have_been_applied_outside_its_window_is_refused(world: &World) {
    world.ingest(&[ambiguous(1, 20 * HOUR), ambiguous(2, 30 * HOUR)]);
    let lease = world.begin(&[1, 2], false).unwrap();
    world.claim(&lease, 1);
    let late = world.intend(&lease, 2, Step::First).unwrap();
    assert!(matches!(late, Intent::Refuse(Hazard::KeyExpired)), "{late:?}");
    assert_eq!(world.state(2), State::Pending);
    let allowed = Terms { allowed: vec![Hazard::KeyExpired], ..terms() };
    let sent = world.store.intend(&lease, WriteId(2), world.content(2), Step::First, allowed).wait().unwrap();
    assert!(matches!(sent, Intent::Go { n: 1, .. }), "{sent:?}");
}

pub(super) fn a_closed_target_lets_nothing_out(world: &World) {
    world.ingest(&[order(1, HOUR), order(2, HOUR)]);
    let lease = world.begin(&[1, 2], false).unwrap();
    let attempt = world.claim(&lease, 1);
    let mut end = answered(AttemptOutcome::Refused, Some(429), "slow down");
    end.closes_target = Some(Duration::from_mins(5));
    let failed = Then::Settle(Outcome::Failed, Some(Reason::attempt(AttemptOutcome::Refused)));
    world.store.record_attempt(attempt, end, failed).wait().unwrap();
    let closed = world.store.closed_for("default").wait().unwrap();
    assert!(closed > Duration::from_mins(4) && closed <= Duration::from_mins(5), "{closed:?}");
    // The same holds for another run.
    let other = world.begin(&[2], true).unwrap();
    let waits = world.intend(&other, 2, Step::First).unwrap();
    assert!(matches!(waits, Intent::Closed(left) if left <= closed), "{waits:?}");
    assert_eq!(world.view(2).write.attempts, 0);
    let moved = BaseUrl::parse("http://127.0.0.1:8/v2").unwrap();
    let bound = world.store.bind_target("default", &moved, By::new(&operator())).wait().unwrap_err().to_string();
    assert!(bound.contains(BASE), "{bound}");
}
