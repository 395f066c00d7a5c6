//! Groups: failures counted by cause.

use std::time::Duration;

use super::world::{World, ambiguous, order, profile, windows, with};
use crate::domain::ids::WriteId;
use crate::store::CountBy;

const HOUR: Duration = Duration::from_hours(1);

pub(super) fn a_group_is_its_target_object_type_code_and_shape_of_message(world: &World) {
    let other = |line, pointer: &str, value: &str| with(line, pointer, value.into());
    world.ingest(&[
        order(1, HOUR),
        order(2, HOUR),
        other(order(3, HOUR), "/target", "staging"),
        other(order(4, HOUR), "/path", "records/payments/append"),
        other(order(5, HOUR), "/error_code", "CDP_ETL.VALIDATION.OTHER"),
        other(order(6, HOUR), "/error_message", "record.total: must be a number"),
        profile(7, "a@x.org", HOUR),
    ]);
    let groups = world.store.groups(None).wait().unwrap();
    assert_eq!(groups.iter().map(|group| group.count).collect::<Vec<_>>(), [2, 1, 1, 1, 1, 1]);
    assert_eq!(world.view(1).write.group, world.view(2).write.group);
    assert!(groups.iter().all(|group| group.example_id.is_some()));
    assert_eq!(world.store.groups(Some("staging")).wait().unwrap().len(), 1);
    let plain = world.store.groups_without_examples(None).wait().unwrap();
    assert!(plain.iter().all(|group| group.example_id.is_none()) && plain.len() == groups.len());
    let by_target = world.store.counts(CountBy::Target, None).wait().unwrap();
    let by_target: Vec<_> = by_target.iter().map(|count| (count.key.as_str(), count.by_state[0])).collect();
    assert_eq!(by_target, [("default", 6), ("staging", 1)]);
}

pub(super) fn the_first_window_to_end_is_found(world: &World) {
    world.ingest(&[ambiguous(1, 3 * HOUR), ambiguous(2, 5 * HOUR), ambiguous(3, 30 * HOUR), order(4, 20 * HOUR)]);
    let found = world.store.key_windows(windows(), None).wait().unwrap();
    let (write, ends) = found.first_ends.unwrap();
    assert_eq!((write, found.ended), (WriteId(2), 1));
    let left = ends.since(world.store.clock().wait().unwrap().wall);
    assert!((18 * HOUR + Duration::from_mins(58)..=19 * HOUR).contains(&left), "{left:?}");
}
