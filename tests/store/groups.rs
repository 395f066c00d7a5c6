//! Groups: failures counted by cause.

use std::time::Duration;

use super::world::{World, ambiguous, by, order, profile, windows, with};
use crate::domain::action::{Action, Settling};
use crate::domain::filter::Filter;
use crate::domain::ids::{GroupId, WriteId};
use crate::domain::parking::{Park, Parked};
use crate::domain::report::About;
use crate::domain::time::Timestamp;
use crate::store::{CountBy, StoreError};

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

pub(super) fn a_note_on_a_group_stays_until_it_is_taken_away(world: &World) {
    world.ingest(&[order(1, HOUR)]);
    let group = world.view(1).write.group;
    let note = |text: Option<&str>| world.store.note_group(group, text.map(str::to_owned), by()).wait();
    let noted = || world.store.groups(None).wait().unwrap()[0].note.clone();
    note(Some("the web team knows")).unwrap();
    note(Some("the web team knows")).unwrap();
    world.ingest(&[order(2, HOUR)]);
    assert_eq!(noted().as_deref(), Some("the web team knows"));
    let report = world.store.happened(About::Since(Timestamp::EPOCH)).wait().unwrap();
    let told: Vec<_> = report.actions.iter().map(|did| (did.action.clone(), did.count)).collect();
    let action = Action::Note { group, from: None, to: Some("the web team knows".to_owned()) };
    assert_eq!(told, [(action, 1)], "what changes nothing is no action");
    note(None).unwrap();
    assert_eq!(noted(), None);
    let nowhere = world.store.note_group(GroupId(99), None, by()).wait();
    assert!(matches!(nowhere, Err(StoreError::NoSuchGroup(GroupId(99)))), "{nowhere:?}");
}

pub(super) fn a_parked_group_comes_back_when_its_time_comes_or_it_grows(world: &World) {
    world.ingest(&[order(1, HOUR), order(2, HOUR), order(3, HOUR), profile(4, "a@x.org", HOUR)]);
    let (orders, profiles) = (world.view(1).write.group, world.view(4).write.group);
    let park = |group, park| world.store.park_group(group, park, by()).wait().unwrap();
    let now = || world.store.clock().wait().unwrap().wall;
    let parked = || {
        let groups = world.store.groups(None).wait().unwrap();
        let held = world.store.parkings(None).wait().unwrap().iter().filter(|parking| parking.holds(now())).count();
        let mut parked: Vec<GroupId> =
            groups.iter().filter(|group| group.is_parked(now())).map(|group| group.id).collect();
        parked.sort_unstable();
        assert_eq!(parked.len(), held);
        parked
    };
    assert_eq!(park(orders, Park::UntilItGrows), Some(Parked::AtCount(3)));
    assert!(matches!(park(profiles, Park::For(HOUR)), Some(Parked::Until(_))));
    assert_eq!(parked(), [orders, profiles]);
    // What is settled or deleted makes room for nothing.
    world.store.settle(vec![WriteId(1), WriteId(2)], Settling::Discard, by()).wait().unwrap();
    world.store.purge(now().plus(HOUR), None).wait().unwrap();
    assert_eq!(parked(), [orders, profiles]);
    world.ingest(&[order(3, HOUR)]);
    assert_eq!(parked(), [orders, profiles], "a repeat is no growth");
    world.ingest(&[order(5, HOUR)]);
    assert_eq!(parked(), [profiles], "one write more than was left");
    assert_eq!(park(profiles, Park::Until(Timestamp::EPOCH)), Some(Parked::Until(Timestamp::EPOCH)));
    assert!(parked().is_empty(), "its time has come");
    assert_eq!(park(profiles, Park::Not), None);
    assert_eq!(world.store.parkings(None).wait().unwrap().len(), 1, "only the one that nobody has taken back");
    // Nothing that selects writes looks at it.
    park(orders, Park::UntilItGrows);
    let chosen = world.store.matching_ids(&Filter::default(), windows()).wait().unwrap();
    assert_eq!(chosen, [WriteId(3), WriteId(4), WriteId(5)]);
}
