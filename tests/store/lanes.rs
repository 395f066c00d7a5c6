//! Lanes: writes to one record stay in order, whoever sends them.

use std::time::Duration;

use super::world::{World, order, profile, with};
use crate::domain::action::Settling;
use crate::domain::filter::Filter;
use crate::domain::hazard::Hazard;
use crate::domain::ids::WriteId;
use crate::domain::lane::Superseder;
use crate::domain::reason::SkipReason;
use crate::domain::rules::claim::Step;
use crate::domain::state::State;
use crate::store::{Bodies, Intent, LaneCache, Order, PageRequest, Sort};

use super::world::{by, windows};

const MINUTE: Duration = Duration::from_mins(1);

pub(super) fn a_lane_goes_in_the_order_of_its_failures(world: &World) {
    // The write that failed first came in last.
    world.ingest(&[profile(1, "a@x.org", MINUTE), order(2, MINUTE), profile(3, "A@x.org ", 2 * MINUTE)]);
    let mates = world.store.lane_mates(WriteId(1)).wait().unwrap();
    assert_eq!(mates.iter().map(|mate| (mate.id.0, mate.older)).collect::<Vec<_>>(), [(3, true)]);
    let data = world.store.plan_data(&Filter::default(), None, windows()).wait().unwrap();
    assert_eq!(data.candidates.iter().map(|candidate| candidate.id.0).collect::<Vec<_>>(), [3, 1, 2]);
    let some =
        world.store.plan_data(&crate::query::parse("id:1", &|_| false).unwrap(), None, windows()).wait().unwrap();
    assert_eq!(some.mates.iter().map(|mate| mate.turn.id.0).collect::<Vec<_>>(), [3], "an unselected mate is told");
}

pub(super) fn a_write_in_flight_holds_its_lane_for_other_runs(world: &World) {
    world.ingest(&[profile(1, "a@x.org", 2 * MINUTE), profile(2, "a@x.org", MINUTE), profile(3, "b@x.org", MINUTE)]);
    let (first, second) = (world.begin(&[1], false).unwrap(), world.begin(&[2, 3], true).unwrap());
    world.claim(&first, 1);
    let held = world.intend(&second, 2, Step::First).unwrap();
    assert!(matches!(held, Intent::Skip(SkipReason::LaneInFlight(WriteId(1)))), "{held:?}");
    world.claim(&second, 3);
}

pub(super) fn an_accepted_write_supersedes_older_ones(world: &World) {
    world.ingest(&[
        profile(1, "a@x.org", 2 * MINUTE),
        profile(2, "a@x.org", MINUTE),
        profile(3, "a@x.org", MINUTE / 2),
    ]);
    world.store.settle(vec![WriteId(1)], Settling::Discard, by()).wait().unwrap();
    let lease = world.begin(&[2], false).unwrap();
    world.accept(&lease, 2);
    world.store.settle(vec![WriteId(1)], Settling::Reopen, by()).wait().unwrap();
    assert!(world.hazards(1).contains(&Hazard::Superseded), "{:?}", world.hazards(1));
    assert!(!world.hazards(3).contains(&Hazard::Superseded), "{:?}", world.hazards(3));
    assert_eq!(world.view(1).write.superseded_by, Some(Superseder::Write(WriteId(2))));
    assert_eq!((world.view(3).write.superseded_by, world.view(3).write.blocked_by), (None, Some(WriteId(1))));
    let late = world.intend(&lease, 1, Step::First).unwrap();
    assert!(matches!(late, Intent::Refuse(Hazard::Superseded)), "{late:?}");
}

pub(super) fn an_unsendable_write_blocks_what_is_younger_on_every_page(world: &World) {
    let event = with(profile(1, "a@x.org", 9 * MINUTE), "/path", "records/profiles/append".into());
    let event = with(event, "/status", 503.into());
    // Its key has long expired: it can't be sent.
    let event = with(event, "/first_attempt_at", super::world::time(Duration::from_hours(30)));
    world.ingest(&[
        event,
        profile(2, "a@x.org", 2 * MINUTE),
        profile(3, "a@x.org", MINUTE),
        profile(4, "b@x.org", MINUTE),
    ]);
    assert_eq!(world.state(1), State::Pending);
    assert_eq!(world.view(3).write.blocked_by, Some(WriteId(1)), "the one that can't be sent, not the one before it");
    let (lanes, mut after, mut blocked) = (LaneCache::default(), None, Vec::new());
    loop {
        let request = PageRequest {
            filter: Filter::default(),
            order: Order { sort: Sort::Id, descending: false },
            after: after.take(),
            backward: false,
            limit: 1,
            bodies: Bodies::None,
            lanes: lanes.clone(),
        };
        let page = world.store.page(request, windows()).wait().unwrap();
        blocked.extend(page.writes.iter().map(|view| view.hazards.contains(&Hazard::LaneBlocked)));
        match page.next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    assert_eq!(blocked, [false, true, true, false]);
    world.store.settle(vec![WriteId(1)], Settling::Applied, by()).wait().unwrap();
    assert!(!world.hazards(2).contains(&Hazard::LaneBlocked), "{:?}", world.hazards(2));
}

pub(super) fn the_nearest_of_a_long_lane_are_its_neighbours(world: &World) {
    let lines: Vec<_> = (1..=30).map(|n| profile(n, "a@x.org", MINUTE * (40 - u32::try_from(n).unwrap()))).collect();
    world.ingest(&lines);
    let mates = world.store.lane_mates(WriteId(15)).wait().unwrap();
    let ids: Vec<i64> = mates.iter().map(|mate| mate.id.0).collect();
    assert_eq!(ids, (5..=14).chain(16..=25).collect::<Vec<_>>());
    assert!(mates.iter().all(|mate| mate.older == (mate.id.0 < 15)));
}

/// A batch of the records of `n` people.
fn batch(n: u64, ago: Duration) -> serde_json::Value {
    let records: Vec<_> = (0..n).map(|k| serde_json::json!({ "email": format!("p{k}@x.org"), "n": k })).collect();
    let body = serde_json::json!({ "records": records, "matchKey": "email" });
    with(with(profile(1000 + n, "", ago), "/body", body), "/idempotency_key", format!("batch-{n}").into())
}

pub(super) fn a_batch_of_any_size_is_blocked_and_overtaken_by_what_shares_a_record_with_it(world: &World) {
    // Lanes of small batches are looked up one by one, those of large ones at once.
    for size in [3, 60] {
        let last = format!("p{}@x.org", size - 1);
        let first = world.store.last_id().wait().unwrap().0 + 1;
        let expired = with(profile(1, &last, 50 * MINUTE), "/path", "records/profiles/append".into());
        let expired = with(with(expired, "/status", 503.into()), "/idempotency_key", format!("expired-{size}").into());
        let expired = with(expired, "/first_attempt_at", super::world::time(Duration::from_hours(30)));
        let newer = with(profile(2, "P1@x.org", MINUTE), "/idempotency_key", format!("newer-{size}").into());
        world.ingest(&[expired, batch(size, 20 * MINUTE), newer]);
        let [expired, batch, newer] = [first, first + 1, first + 2];
        assert_eq!(world.view(batch).lanes, size);
        assert_eq!(world.view(batch).write.blocked_by, Some(WriteId(expired)));
        world.store.settle(vec![WriteId(expired), WriteId(newer)], Settling::Applied, by()).wait().unwrap();
        assert_eq!(world.view(batch).write.blocked_by, None);
        assert_eq!(world.view(batch).write.superseded_by, Some(Superseder::Write(WriteId(newer))));
        world.store.settle(vec![WriteId(batch)], Settling::Discard, by()).wait().unwrap();
    }
}
