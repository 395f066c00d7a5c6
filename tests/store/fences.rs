//! Fences: a run that has ended, lost its lease or died sends nothing more, and the writes it
//! leaves reflect what is known.

use std::time::Duration;

use super::world::{World, answered, by, order};
use crate::domain::action::Settling;
use crate::domain::ids::{RunId, WriteId};
use crate::domain::outcome::{AttemptOutcome, Outcome};
use crate::domain::rules::claim::Step;
use crate::domain::run::RunState;
use crate::domain::state::State;
use crate::domain::stop::Stops;
use crate::store::StoreError;

const HOUR: Duration = Duration::from_hours(1);

pub(super) fn one_run_at_a_time_sends_to_a_target(world: &World) {
    world.ingest(&[order(1, HOUR)]);
    let first = world.begin(&[1], false).unwrap();
    let refused = world.begin(&[1], false).unwrap_err();
    assert!(matches!(refused, StoreError::RunInTheWay { run, .. } if run == first.run()), "{refused}");
    let _beside = world.begin(&[1], true).unwrap();
    world.store.end_run(first.run(), RunState::Finished, Stops::default(), 0).wait().unwrap();
    first.release();
    let runs = world.store.runs(10).wait().unwrap();
    let states: Vec<_> = runs.iter().map(|run| run.state).collect();
    assert_eq!(states, [RunState::Running, RunState::Finished], "newest first");
}

pub(super) fn a_run_that_was_ended_sends_nothing_more(world: &World) {
    world.ingest(&[order(1, HOUR), order(2, HOUR)]);
    let lease = world.begin(&[1, 2], false).unwrap();
    world.claim(&lease, 1);
    world.store.end_run(lease.run(), RunState::Stopped, Stops::default(), 0).wait().unwrap();
    let fenced = world.intend(&lease, 2, Step::First).unwrap_err();
    assert!(matches!(fenced, StoreError::Fenced(run) if run == lease.run()), "{fenced}");
    // The write it had sent without getting an answer may have been applied.
    assert_eq!((world.state(1), world.state(2)), (State::Unknown, State::Pending));
}

pub(super) fn a_lease_that_was_lost_lets_nothing_out(world: &World) {
    world.ingest(&[order(1, HOUR)]);
    let lease = world.begin(&[1], false).unwrap();
    world.kind.rob(lease.run());
    assert!(lease.check().is_err());
    let lost = world.intend(&lease, 1, Step::First).unwrap_err();
    assert!(matches!(lost, StoreError::LeaseLost { run, .. } if run == lease.run()), "{lost}");
    assert_eq!((world.state(1), world.view(1).write.attempts), (State::Pending, 0));
}

pub(super) fn a_dead_run_is_taken_back_as_its_intents_say(world: &World) {
    world.ingest(&(1..=4).map(|n| order(n, HOUR)).collect::<Vec<_>>());
    let lease = world.begin(&[1, 2, 3, 4], false).unwrap();
    let run = lease.run();
    world.claim(&lease, 1);
    let refused = world.claim(&lease, 2);
    world.record(refused, answered(AttemptOutcome::Refused, Some(422), "no"));
    world.accept(&lease, 3);
    let live = world.kind.open();
    assert_eq!(live.run(run).wait().unwrap().unwrap().state, RunState::Running, "its holder lives");
    assert_eq!(live.state_of(WriteId(1)).wait().unwrap(), Some(State::Replaying));
    // As if its process died without cleaning up.
    drop(lease);
    let after = world.kind.open();
    assert_eq!(after.run(run).wait().unwrap().unwrap().state, RunState::Died);
    let states: Vec<_> = (1..=4).map(|id| after.state_of(WriteId(id)).wait().unwrap().unwrap()).collect();
    assert_eq!(states, [State::Unknown, State::Pending, State::Replayed, State::Pending]);
    assert_eq!(after.recover_dead_runs().wait().unwrap(), Vec::<RunId>::new(), "once");
    let again = world.begin(&[1, 2, 4], false).unwrap();
    world.claim(&again, 1);
}

pub(super) fn a_late_acceptance_counts_and_a_late_refusal_does_not(world: &World) {
    world.ingest(&[order(1, HOUR), order(2, HOUR)]);
    let lease = world.begin(&[1, 2], false).unwrap();
    let (first, second) = (world.claim(&lease, 1), world.claim(&lease, 2));
    world.store.end_run(lease.run(), RunState::Stopped, Stops::default(), 0).wait().unwrap();
    assert_eq!(world.record(first, answered(AttemptOutcome::Accepted, Some(200), "")).state, State::Replayed);
    assert_eq!(world.record(second, answered(AttemptOutcome::Refused, Some(422), "no")).state, State::Unknown);
    assert_eq!((world.state(1), world.state(2)), (State::Replayed, State::Unknown));
}

pub(super) fn what_was_cut_off_is_told_as_it_ended(world: &World) {
    world.ingest(&[order(1, HOUR), order(2, HOUR)]);
    let lease = world.begin(&[1, 2], false).unwrap();
    world.claim(&lease, 1);
    let ends = world.store.cut_off(lease.run(), vec![1, 2]).wait().unwrap();
    let ends: Vec<_> = ends.iter().map(|end| (end.outcome, end.attempts)).collect();
    assert_eq!(ends, [(Outcome::Unknown, 1), (Outcome::Unsent, 0)]);
    assert_eq!((world.state(1), world.state(2)), (State::Unknown, State::Pending));
}

pub(super) fn a_store_that_was_replaced_lets_nothing_out_and_reports_nothing_as_done(world: &World) {
    world.ingest(&[order(1, HOUR), order(2, HOUR)]);
    let lease = world.begin(&[1, 2], false).unwrap();
    world.accept(&lease, 1);
    assert!(world.store.in_place().is_ok());
    world.kind.replace();
    assert!(world.store.in_place().is_err());
    let refused = world.intend(&lease, 2, Step::First).unwrap_err();
    assert!(refused.to_string().contains("deleted or replaced"), "{refused}");
    let settled = world.store.settle(vec![WriteId(2)], Settling::Discard, by()).wait();
    assert!(settled.unwrap_err().to_string().contains("deleted or replaced"));
}
