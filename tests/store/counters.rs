//! Counters: kept alongside the writes, and always equal to what counting them would find.

use std::time::Duration;

use super::world::{World, answered, by, order};
use crate::domain::action::Settling;
use crate::domain::filter::{Filter, Test};
use crate::domain::ids::WriteId;
use crate::domain::outcome::AttemptOutcome;
use crate::domain::rules::claim::Step;
use crate::domain::run::RunState;
use crate::domain::state::State;
use crate::domain::stop::Stops;
use crate::domain::time::Timestamp;
use crate::store::{CountBy, Intent, Severity};

fn agree(world: &World) {
    let counts = world.store.counts(CountBy::Group, None).wait().unwrap();
    for state in State::ALL {
        let filter = Filter::default().and(Test::State(vec![state]));
        let counted: i64 = counts.iter().map(|count| count.by_state[state as usize]).sum();
        assert_eq!(counted, world.store.count(&filter).wait().unwrap(), "{state:?}");
    }
    let wrong: Vec<_> =
        world.store.check().wait().unwrap().into_iter().filter(|finding| finding.severity == Severity::Fail).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
}

pub(super) fn counts_are_what_counting_finds_after_any_history(world: &World) {
    let mut random = fastrand::Rng::with_seed(7);
    let mut next = 0;
    for round in 0..40 {
        let more = random.u64(1..6);
        world.ingest(&(0..more).map(|n| order(next + n, Duration::from_hours(1))).collect::<Vec<_>>());
        next += more;
        let last = world.store.last_id().wait().unwrap().0;
        let some: Vec<i64> = (0..4).map(|_| random.i64(1..=last)).collect();
        let ids: Vec<WriteId> = some.iter().map(|&id| WriteId(id)).collect();
        match random.u8(0..6) {
            0 => drop(world.store.settle(ids, Settling::Discard, by()).wait().unwrap()),
            1 => drop(world.store.settle(ids, Settling::Reopen, by()).wait().unwrap()),
            2 => drop(world.store.settle(ids, Settling::NotApplied, by()).wait().unwrap()),
            3 => drop(world.store.purge(Timestamp::now(), None).wait().unwrap()),
            _ => run(world, &some, &mut random),
        }
        if round % 8 == 7 {
            agree(world);
        }
    }
    agree(world);
}

fn run(world: &World, ids: &[i64], random: &mut fastrand::Rng) {
    let there = |id: &&i64| world.store.state_of(WriteId(**id)).wait().unwrap().is_some();
    let ids: Vec<i64> = ids.iter().filter(there).copied().collect();
    let lease = world.begin(&ids, true).unwrap();
    for &id in &ids {
        let Intent::Go { n, at, .. } = world.intend(&lease, id, Step::First).unwrap() else { continue };
        let outcome = match random.u8(0..4) {
            0 => AttemptOutcome::Accepted,
            1 => AttemptOutcome::NoAnswer,
            2 => AttemptOutcome::Refused,
            _ => continue,
        };
        let status = (outcome != AttemptOutcome::NoAnswer).then_some(400);
        world.record(world.attempting(lease.run(), id, n, at), answered(outcome, status, "another message"));
    }
    world.store.end_run(lease.run(), RunState::Finished, Stops::default(), 0).wait().unwrap();
    lease.release();
}

pub(super) fn a_change_by_anyone_is_told(world: &World) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let other = world.kind.open();
    let mut changes = other.changes().unwrap();
    world.ingest(&[order(1, Duration::from_hours(1))]);
    let told = runtime.block_on(async { tokio::time::timeout(Duration::from_secs(20), changes.next()).await });
    assert_eq!(told, Ok(true));
}
