//! Pages: read by key, so that a list is complete whatever comes in meanwhile.

use std::time::Duration;

use super::world::{World, order, profile, windows, with};
use crate::domain::filter::Filter;
use crate::store::{Bodies, Cursor, LaneCache, Order, Page, PageRequest, Sort};

const SORTS: [Sort; 6] = [Sort::Id, Sort::Time, Sort::Type, Sort::Status, Sort::Occurrences, Sort::Attempts];

fn some(world: &World) {
    let mixed = (1..=23u64).map(|n| {
        let line = if n % 3 == 0 {
            profile(n, "a@x.org", Duration::from_mins(n * 5))
        } else {
            order(n, Duration::from_mins(60 - n))
        };
        if n % 4 == 0 { with(line, "/status", 400.into()) } else { line }
    });
    world.ingest(&mixed.collect::<Vec<_>>());
    // Some were captured more than once.
    world.ingest(&[order(1, Duration::from_mins(59)), order(5, Duration::from_mins(55))]);
}

fn page(world: &World, order: Order, after: Option<Cursor>, backward: bool, limit: usize) -> Page {
    let (filter, lanes) = (Filter::default(), LaneCache::default());
    let request = PageRequest { filter, order, after, backward, limit, bodies: Bodies::None, lanes };
    world.store.page(request, windows()).wait().unwrap()
}

pub(super) fn every_order_lists_every_write_once_while_more_come_in(world: &World) {
    some(world);
    let mut more = 100;
    for sort in SORTS {
        for descending in [false, true] {
            let there: Vec<i64> =
                world.list(&Filter::default(), Order { sort: Sort::Id, descending: false }, 500, || {});
            let listed = world.list(&Filter::default(), Order { sort, descending }, 3, || {
                more += 1;
                world.ingest(&[order(more, Duration::from_mins(30))]);
            });
            let mut once: Vec<i64> = listed.clone();
            once.sort_unstable();
            once.dedup();
            assert_eq!(once.len(), listed.len(), "{sort:?} {descending}: {listed:?}");
            assert!(there.iter().all(|id| once.contains(id)), "{sort:?} {descending}: {listed:?}");
        }
    }
}

pub(super) fn pages_go_backward_as_they_went_forward(world: &World) {
    some(world);
    for sort in SORTS {
        for descending in [false, true] {
            let order = Order { sort, descending };
            let all = page(world, order, None, false, 100).writes;
            let ids: Vec<_> = all.iter().map(|view| view.write.id).collect();
            let before = page(world, order, Some(Cursor::of(&all[10].write, order)), true, 4);
            assert_eq!(before.writes.iter().map(|view| view.write.id).collect::<Vec<_>>(), ids[6..10], "{order:?}");
            let last = page(world, order, None, true, 5);
            assert_eq!(last.writes.iter().map(|view| view.write.id).collect::<Vec<_>>(), ids[18..], "{order:?}");
            let from = page(world, order, Some(Cursor::just_before(&all[7].write, order)), false, 2);
            assert_eq!(from.writes.iter().map(|view| view.write.id).collect::<Vec<_>>(), ids[7..9], "{order:?}");
        }
    }
}

pub(super) fn ids_match_as_pages_do(world: &World) {
    some(world);
    for query in [
        "type:schema",
        "status:400",
        "-type:bad_data",
        "occurrences:>1",
        "hazard:maybe-stale",
        "-hazard:maybe-stale",
        "age:>30m",
    ] {
        let filter = crate::query::parse(query, &|_| false).unwrap();
        let paged = world.list(&filter, Order { sort: Sort::Id, descending: false }, 2, || {});
        let ids = world.store.matching_ids(&filter, windows()).wait().unwrap();
        assert_eq!(ids.iter().map(|id| id.0).collect::<Vec<_>>(), paged, "{query}");
        if !query.contains("hazard") {
            assert_eq!(world.store.count(&filter).wait().unwrap(), paged.len() as i64, "{query}");
        }
    }
}

pub(super) fn a_page_names_the_records_that_no_lane_names(world: &World) {
    let long = "x".repeat(20_000);
    world.ingest(&[
        order(1, Duration::from_mins(3)),
        profile(2, "a@x.org", Duration::from_mins(2)),
        with(order(3, Duration::from_mins(1)), "/body/record/note", long.into()),
    ]);
    let order = Order { sort: Sort::Id, descending: false };
    let named = |bodies| -> Vec<(Option<String>, bool)> {
        let (filter, lanes) = (Filter::default(), LaneCache::default());
        let request = PageRequest { filter, order, after: None, backward: false, limit: 9, bodies, lanes };
        let page = world.store.page(request, windows()).wait().unwrap();
        page.writes.into_iter().map(|view| (view.name, view.body.is_some())).collect()
    };
    let name = Some("o-1".to_owned());
    assert_eq!(named(Bodies::Names), [(name, false), (None, false), (None, false)], "a lane names 2, and 3 is long");
    assert_eq!(named(Bodies::None), [(None, false), (None, false), (None, false)]);
    assert_eq!(named(Bodies::All), [(None, true), (None, true), (None, true)]);
}
