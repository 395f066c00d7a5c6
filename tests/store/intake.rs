//! Intakes: batches are all or nothing, and each failure becomes one write.

use std::sync::Arc;
use std::time::Duration;

use super::world::{World, operator, order, prepared, with};
use crate::domain::filter::Filter;
use crate::domain::ids::IntakeId;
use crate::store::StoreError;

const HOUR: Duration = Duration::from_hours(1);

pub(super) fn a_batch_is_taken_in_whole_or_not_at_all(world: &World) {
    let intake = Arc::clone(&world.store).intake(&operator());
    let batches = (0..20u64).map(|batch| (0..50).map(|n| prepared(&order(batch * 50 + n, HOUR))).collect());
    // All are queued at once; another reader only ever sees multiples of a batch.
    let replies: Vec<_> = batches.map(|batch| intake.take(batch, Vec::new())).collect();
    let other = world.kind.open();
    for _ in 0..20 {
        assert_eq!(other.count(&Filter::default()).wait().unwrap() % 50, 0);
    }
    let inserted: u64 = replies.into_iter().map(|reply| reply.wait().unwrap().inserted).sum();
    assert_eq!((inserted, other.count(&Filter::default()).wait().unwrap()), (1000, 1000));
}

pub(super) fn times_are_the_stores_own(world: &World) {
    let before = world.store.clock().wait().unwrap().wall;
    world.ingest(&[order(1, HOUR)]);
    let after = world.store.clock().wait().unwrap();
    let captured = world.view(1).write.captured_at;
    assert!(before <= captured && captured <= after.wall, "{captured} is the caller's time");
    assert!(after.newest >= captured, "the floor rises with what was written");
}

pub(super) fn a_repeat_is_counted_and_not_added(world: &World) {
    let first = world.ingest(&[order(1, 2 * HOUR), order(2, HOUR), order(1, HOUR)]);
    assert_eq!((first.inserted, first.repeated), (2, 1));
    // The same key with another body is another write, and both are marked.
    let other = with(order(1, HOUR), "/body", serde_json::json!({ "record": { "order_id": "other" } }));
    assert_eq!(world.ingest(&[other]).inserted, 1);
    assert_eq!(world.view(1).write.occurrences, 2);
    assert!(world.view(1).write.key_reused && world.view(3).write.key_reused && !world.view(2).write.key_reused);
}

pub(super) fn an_intake_is_taken_back_as_far_as_nothing_has_happened_since(world: &World) {
    let by = operator();
    let first = Arc::clone(&world.store).intake(&by);
    first.take(vec![prepared(&order(1, HOUR)), prepared(&order(2, HOUR))], Vec::new()).wait().unwrap();
    let number = first.end().wait().unwrap().unwrap();
    let second = Arc::clone(&world.store).intake(&by);
    let again = second.take(vec![prepared(&order(2, HOUR)), prepared(&order(3, HOUR))], Vec::new()).wait().unwrap();
    assert_eq!((again.inserted, again.repeated), (1, 1));
    let later = second.end().wait().unwrap().unwrap();
    assert!(later > number);
    let kept = world.store.take_back(number, None).wait().unwrap();
    assert_eq!((kept.removed, kept.kept), (1, 1), "write 2 came in again");
    let gone = world.store.take_back(later, None).wait().unwrap();
    assert_eq!((gone.removed, gone.kept), (1, 0));
    assert_eq!(world.store.take_back_changes(later, None).wait().unwrap().kept, 0);
    assert_eq!(world.store.take_back(number, None).wait().unwrap().removed, 1, "nobody else speaks for it now");
    assert_eq!(world.store.count(&Filter::default()).wait().unwrap(), 0);
    let unknown = world.store.take_back(IntakeId(later.0 + 1), None).wait().unwrap_err();
    assert!(matches!(unknown, StoreError::NoSuchIntake(_)), "{unknown}");
    assert_eq!(world.ingest(&[order(1, HOUR)]).inserted, 1, "no tombstone stays");
}
