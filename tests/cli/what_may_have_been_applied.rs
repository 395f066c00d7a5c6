//! What may have been applied stays known: through exports, repeats, reopening, purges and splits.

use dlq::sandbox::{Faults, Settings};
use serde_json::{Value, json};

use crate::world::{World, millis, now, order, profile, time};

fn append_batch(records: std::ops::Range<usize>) -> Value {
    let records: Vec<Value> = records.map(|n| json!({ "order_id": format!("o{n}") })).collect();
    json!({
        "path": "records/orders/append-batch", "body": { "records": records }, "status": 400,
        "error_code": "CDP_ETL.VALIDATION.REQUEST_INVALID", "error_message": "records[0].order_id: bad",
        "idempotency_key": "b", "failed_at": "2026-11-01T00:00:00Z",
    })
}

fn atomic(settings: Settings) -> World {
    let world = World::with_api(settings);
    world.file("config.toml", "[targets.default]\nbatch = 'atomic'\n");
    world
}

fn again(world: &World, line: &Value, status: u16) {
    let mut line = line.clone();
    line["status"] = status.into();
    line["failed_at"] = now().into();
    assert_eq!(world.ingest(&[line]).lines().last().unwrap()["repeated"], 1);
}

fn applies_and_fails() -> Settings {
    Settings { faults: Faults { unavailable_after: 1000, ..Faults::default() }, ..Settings::default() }
}

#[test]
fn the_export_of_a_part_is_the_same_part() {
    let world = atomic(Settings::default());
    world.ingest(&[append_batch(0..3)]);
    world.ok(&["split", "1"]);
    let exported = world.ok(&["export", "parent:1", "-q"]);
    let taken = world.run_with(&["ingest", "--json"], exported.as_bytes());
    assert_eq!(
        taken.lines()[0],
        json!({"intake": 2, "read": 3, "inserted": 0, "repeated": 3, "rejected": 0, "accepted": 0, "other": 0})
    );
    assert!(world.writes().iter().all(|w| w["ambiguous_since"].is_null()), "{:?}", world.writes());
}

#[test]
fn the_export_of_a_write_with_a_new_key_has_both_keys() {
    let world = World::with_api(applies_and_fails());
    world.ingest(&[order(1)]);
    world.run(&["replay", "id:1", "--new-key", "--yes", "--max-attempts", "1"]);
    let exported = world.ok(&["export", "-q"]);
    let other = World::new();
    assert_eq!(other.run_with(&["ingest"], exported.as_bytes()).code, 0);
    let (a, b) = (&world.writes()[0], &other.writes()[0]);
    for field in ["idempotency_key", "parent_key", "key_origin", "ambiguous_since", "hazards"] {
        assert_eq!(a[field], b[field], "{field}");
    }
    assert_eq!(b["parent_key"], "key-1");
    assert_eq!(world.run_with(&["ingest", "--json"], exported.as_bytes()).lines()[0]["repeated"], 1);
}

#[test]
fn a_repeat_of_what_was_settled_is_remembered_when_it_is_reopened() {
    let world = World::new();
    let line = order(1);
    for (settle, arguments) in
        [("discard", &["id:1", "--reason", "r"][..]), ("resolve", &["id:1", "--applied", "--reason", "r"][..])]
    {
        world.ingest(std::slice::from_ref(&line));
        world.ok(&[&[settle], arguments].concat());
        again(&world, &line, 504);
        assert_eq!(world.writes()[0]["hazards"], json!([]), "nothing to look at while it is settled");
        world.ok(&["reopen", "id:1", "--reason", "r"]);
        assert!(world.writes()[0]["ambiguous_since"].is_string(), "after {settle}");
        world.ok(&["resolve", "id:1", "--not-applied", "--reason", "looked"]);
    }
}

#[test]
fn a_batch_stays_as_long_as_anything_that_came_of_it() {
    let world = atomic(Settings::default());
    world.ingest(&[append_batch(0..4)]);
    world.ok(&["split", "1", "--size", "2"]);
    let parts: Vec<Value> = world.json(&["list", "parent:1", "--json"]);
    let large = parts.iter().find(|w| w["body"]["records"].as_array().unwrap().len() == 2).unwrap()["id"].to_string();
    world.ok(&["split", &large]);
    world.ok(&["discard", &format!("parent:1 -id:{large}"), "--reason", "r"]);
    world.ok(&["purge", "--older-than", "0s"]);
    again(&world, &append_batch(0..4), 504);
    let open = world.json(&["list", "--json"]);
    assert_eq!(open.len(), 2);
    assert!(open.iter().all(|w| w["hazards"][0] == "key-not-sent"), "{open:?}");
}

#[test]
fn another_batch_under_the_same_key_has_other_parts() {
    let world = atomic(Settings::default());
    world.ingest(&[append_batch(0..2)]);
    world.ok(&["split", "1"]);
    assert_eq!(world.run(&["replay", "--all", "--yes"]).code, 0);
    world.ok(&["purge", "--older-than", "0s"]);
    world.ok(&["purge", "--older-than", "0s"]);
    world.ingest(&[append_batch(10..12)]);
    let id = world.json(&["list", "--json"])[0]["id"].to_string();
    world.ok(&["split", &id]);
    assert_eq!(world.run(&["replay", "--all", "--yes"]).code, 0);
    assert_eq!(world.api().world().ledger.applied.len(), 4, "all four records are in");
}

#[test]
fn parts_stand_where_their_batch_stood() {
    let world = World::with_api(Settings::default());
    let at = now();
    let old = json!({
        "path": "records/profiles/upsert-batch", "status": 400, "error_code": "CDP_ETL.VALIDATION.REQUEST_INVALID",
        "body": { "records": [{ "email": "a@x.org", "points": 1 }, { "email": "b@x.org", "points": 1 }], "matchKey": "email" },
        "idempotency_key": "b", "failed_at": at,
    });
    let mut new = profile(2, "a@x.org");
    new["failed_at"] = at.as_str().into();
    new["status"] = 400.into();
    world.ingest(&[old, new]);
    world.ok(&["split", "1"]);
    assert_eq!(world.run(&["replay", "--all", "--yes", "--no-canary"]).code, 0);
    let ledger = world.api().world().ledger.clone();
    let last = ledger.applied.iter().rfind(|a| String::from_utf8_lossy(&a.body).contains("a@x.org")).unwrap();
    assert_eq!(last.key, "profile-2", "the newer value stands");
}

#[test]
fn a_split_is_not_taken_back_when_a_part_may_have_been_applied() {
    let world = atomic(Settings::default());
    world.ingest(&[append_batch(0..2)]);
    world.ok(&["split", "1"]);
    let part = world.writes()[1].clone();
    let mut line: Value = serde_json::from_str(&world.ok(&["export", "id:2", "-q"])).unwrap();
    line.as_object_mut().unwrap().remove("captured_ambiguous");
    again(&world, &line, 504);
    let refused = world.run(&["unsplit", "1"]);
    assert_eq!((refused.code, &part["parent_id"]), (1, &json!(1)));
    assert!(refused.err.contains("write 2 may have been applied by someone else"), "{refused:?}");
}

#[test]
fn an_edit_goes_through_an_export_with_what_was_captured() {
    let first = World::new();
    first.ingest(&[order(1)]);
    let edited = r#"{"record":{"order_id":"ord_1"}}"#;
    // As an export of a file in which an operator has edited it.
    let mut line: serde_json::Value = serde_json::from_str(&first.ok(&["export", "-q"])).unwrap();
    let captured = line["body"].clone();
    line["edited_body"] = serde_json::from_str(edited).unwrap();
    line["edited_at"] = now().into();
    let world = World::with_api(Settings::default());
    world.run_with(&["ingest"], line.to_string().as_bytes());
    let exported = world.ok(&["export", "-q"]);
    let again: serde_json::Value = serde_json::from_str(&exported).unwrap();
    assert_eq!((&again["body"], &again["edited_body"]), (&captured, &line["edited_body"]));
    assert_eq!(world.run_with(&["ingest", "--json"], exported.as_bytes()).lines()[0]["repeated"], 1);
    assert_eq!((&world.writes()[0]["body"], &world.writes()[0]["revision"]), (&line["edited_body"], &json!(1)));
    // What the operator made of it is sent, under the original key.
    assert_eq!(world.run(&["replay", "--all", "--yes"]).code, 0);
    let ledger = world.api().world().ledger.clone();
    assert_eq!((ledger.applied[0].key.as_str(), ledger.applied[0].body.as_slice()), ("key-1", edited.as_bytes()));
    assert!(world.ok(&["doctor"]).contains("counters"), "the counters agree");
}

#[test]
fn a_retry_looks_again_whether_a_newer_write_is_in() {
    let world = World::with_api(Settings::default());
    world.file("config.toml", "[targets.default]\nbackoff = '2s'\n");
    let first = millis();
    let mut lines = [profile(1, "a@x.org"), profile(2, "a@x.org")];
    for (n, line) in lines.iter_mut().enumerate() {
        line["failed_at"] = time(first + n as i64).into();
    }
    world.ingest(&lines);
    world.api().world().storm = 1;
    let mut command = world.command(&["replay", "id:1", "--yes", "-v"]);
    let mut child = command.stderr(std::process::Stdio::piped()).spawn().unwrap();
    // Once its first attempt has failed, it waits for two seconds.
    let mut reader = std::io::BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("again in") {
        line.clear();
        assert!(std::io::BufRead::read_line(&mut reader, &mut line).unwrap() > 0, "no retry was told");
    }
    world.ok(&["resolve", "id:2", "--applied", "--reason", "seen in the API"]);
    let _ = child.wait().unwrap();
    assert_eq!(world.api().world().ledger.applied.len(), 0, "the old value was not sent over the new one");
    assert_eq!(world.writes()[0]["hazards"][0], "superseded");
}
