//! Search: text is found as it is written, whatever characters it contains.

use std::time::Duration;

use serde_json::{Value, json};

use super::world::{World, answered, order, with};
use crate::domain::outcome::AttemptOutcome;

const HOUR: Duration = Duration::from_hours(1);

fn with_record(n: u64, record: &Value) -> Value {
    with(order(n, HOUR), "/body", json!({ "record": record }))
}

pub(super) fn text_is_found_as_it_is_written(world: &World) {
    world.ingest(&[
        with(order(1, HOUR), "/error_message", "Total: 100% of_it is \"wrong\"".into()),
        with(order(2, HOUR), "/error_message", "total: 1000 of it is wrong".into()),
        with_record(3, &json!({ "name": "Zoë \u{0} O'Neill", "note": "a\\b" })),
        with_record(4, &json!({ "name": "ZOË", "note": "日本" })),
    ]);
    for (query, ids) in [
        ("100%", vec![1]),
        ("of_it", vec![1]),
        ("\"TOTAL: 100\"", vec![1, 2]),
        ("\"of it\"", vec![2]),
        ("O'Neill", vec![3]),
        ("日本", vec![4]),
        ("Zoë", vec![3, 4]),
        ("absent", vec![]),
    ] {
        assert_eq!(world.find(query), ids, "{query}");
    }
}

pub(super) fn values_in_bodies_are_found_by_path(world: &World) {
    world.ingest(&[
        with_record(1, &json!({ "city": "Bern", "n": 5, "deep": { "x": [1, 2] }, "flag": true })),
        with_record(2, &json!({ "city": "Bernau", "n": 50.5, "flag": null })),
        with_record(3, &json!({ "city": "bern", "n": "5" })),
    ]);
    for (query, ids) in [
        ("city:Bern", vec![1]),
        ("city:~bern", vec![1, 2, 3]),
        ("n:>5", vec![2]),
        ("n:>=5", vec![1, 2]),
        ("body.record.n:5", vec![1, 3]),
        ("flag:true", vec![1]),
        ("-city:Bern", vec![2, 3]),
    ] {
        assert_eq!(world.find(query), ids, "{query}");
    }
}

pub(super) fn what_no_attempt_said_last_is_found_too(world: &World) {
    world.ingest(&[order(1, HOUR), order(2, HOUR)]);
    let lease = world.begin(&[1], false).unwrap();
    let attempt = world.claim(&lease, 1);
    world.record(attempt, answered(AttemptOutcome::Refused, Some(400), "no such person"));
    assert_eq!(world.find("cid:cid-later"), [1]);
    assert_eq!(world.find("cid:cid-1"), [1], "the captured answer's");
    assert_eq!(world.find("\"no such person\""), [1]);
    assert_eq!(world.find("code:OTHER"), [1]);
    assert_eq!(world.find("code:REQUEST_SCHEMA"), [2]);
}
