//! Batches: which record was refused, and parting one so that the good records go.

use dlq::sandbox::Settings;
use serde_json::{Value, json};

use crate::world::{World, order};

/// A batch whose record `bad` has an invalid address, refused for it.
fn batch(records: usize, bad: usize) -> Value {
    let records: Vec<Value> = (0..records)
        .map(|n| json!({ "email": if n == bad { "nobody".to_owned() } else { format!("r{n}@example.org") }, "points": n }))
        .collect();
    json!({
        "path": "records/profiles/upsert-batch", "body": { "records": records, "matchKey": "email" }, "status": 400,
        "error_code": "CDP_ETL.VALIDATION.REQUEST_INVALID",
        "error_message": format!("records[{bad}].email: invalid email format"),
        "error_details": { "path": format!("records[{bad}].email"), "value": "nobody" },
        "idempotency_key": "batch-1", "failed_at": "2026-11-01T00:00:00Z",
    })
}

#[test]
fn a_poisoned_batch_is_parted_and_the_good_records_go() {
    let world = World::with_api(Settings::default());
    world.ingest(&[batch(5, 2)]);
    let page = world.ok(&["show", "1"]);
    assert!(page.contains("record 2 of 5 (counted from 0), maybe more"), "{page}");
    assert_eq!(page.matches("<-- this field").count(), 1, "{page}");
    let said = world.ok(&["split", "1", "--reason", "one bad address"]);
    assert!(said.contains("record 2 is write 4"), "{said}");
    assert!(said.contains("dlq replay parent:1 -id:4"), "{said}");
    let writes = world.writes();
    assert_eq!((&writes[0]["state"], writes.len()), (&json!("resolved"), 6));
    // The bad one is in the old group with its field marked; the others are in one of their own.
    assert_eq!((&writes[3]["group"], &writes[3]["status"]), (&writes[0]["group"], &json!(400)));
    assert_eq!(writes[3]["error_message"], "records[0].email: invalid email format");
    assert!(world.ok(&["show", "4"]).contains("<-- this field"));
    let good: Vec<&Value> = [1, 2, 4, 5].iter().map(|&n| &writes[n]).collect();
    assert!(good.iter().all(|w| w["group"] == good[0]["group"] && w["group"] != writes[0]["group"]));
    assert!(good.iter().all(|w| w["parent_id"] == 1 && w["state"] == "pending"));
    assert_eq!(
        writes[2]["body"],
        json!({ "records": [{ "email": "r1@example.org", "points": 1 }], "matchKey": "email" })
    );
    assert_eq!(writes[2]["lane"], "profiles:\"r1@example.org\"");
    let ran = world.run(&["replay", "parent:1", "-id:4", "--yes", "--json"]);
    assert_eq!((ran.code, &ran.summary()["replayed"]), (0, &json!(4)), "{ran:?}");
    assert_eq!(world.api().world().ledger.applied.len(), 4);
    let late = world.run(&["unsplit", "1"]);
    assert!(
        late.code == 1 && late.err.contains("the split of write 1 can't be taken back: write 2 was sent"),
        "{late:?}"
    );
    // The batch again is still the same write.
    let again: Value = serde_json::from_str(&world.ingest(&[batch(5, 2)]).out).unwrap();
    assert_eq!(again["repeated"], 1);
}

#[test]
fn a_split_is_stable_and_can_be_taken_back() {
    let world = World::new();
    world.ingest(&[batch(4, 0)]);
    let keys = || -> Vec<Value> {
        world
            .json(&["list", "--json", "parent:1", "--sort", "id"])
            .iter()
            .map(|w| w["idempotency_key"].clone())
            .collect()
    };
    let first = world.json(&["split", "1", "--json"]);
    assert_eq!(first[0], json!({ "id": 2, "parent_id": 1, "first_record": 0, "records": 1, "named": true }));
    let before = keys();
    assert_eq!(before.len(), 4);
    world.ok(&["unsplit", "1", "--reason", "not yet"]);
    assert_eq!((world.states(), world.writes().len()), (vec!["pending".to_owned()], 1));
    world.ok(&["split", "1"]);
    assert_eq!(keys(), before, "the same keys for the same records");
    world.ok(&["unsplit", "1"]);
    // The first stands alone, the others together.
    let parts = world.json(&["split", "1", "--size", "10", "--json"]);
    assert_eq!(parts.iter().map(|p| p["records"].as_i64().unwrap()).collect::<Vec<_>>(), [1, 3]);
    let last = parts[1]["id"].to_string();
    world.ok(&["discard", &format!("id:{last}"), "--reason", "r"]);
    let refused = world.run(&["unsplit", "1"]);
    assert!(refused.err.contains(&format!("write {last} is discarded")), "{refused:?}");
    assert!(world.ok(&["history", "1"]).contains("unsplit"));
}

#[test]
fn a_split_that_could_apply_a_record_twice_is_refused() {
    let world = World::new();
    let mut append = batch(3, 1);
    append["path"] = "records/profiles/append-batch".into();
    let mut ambiguous = batch(3, 1);
    ambiguous["status"] = 503.into();
    ambiguous["error_code"] = "CDP_ETL.UNAVAILABLE".into();
    ambiguous["idempotency_key"] = "batch-2".into();
    let mut too_large = batch(3, 1);
    too_large["status"] = 413.into();
    too_large["error_message"] = "the body is larger than 10 MB".into();
    too_large["error_details"] = Value::Null;
    too_large["idempotency_key"] = "batch-3".into();
    world.ingest(&[append, ambiguous, too_large, order(1)]);
    let refusal = |id: &str| {
        let ran = world.run(&["split", id]);
        assert_eq!(ran.code, 1, "{ran:?}");
        ran.err
    };
    assert!(refusal("1").contains("the target's setting `batch` is not \"atomic\""));
    assert!(refusal("2").contains("it may have been applied"));
    assert!(refusal("4").contains("it is not a batch"));
    assert!(refusal("99").contains("there is no write 99"));
    assert_eq!(world.states(), ["pending"; 4], "nothing was changed");
    // The API promises that a refused batch leaves nothing behind.
    world.file("config.toml", "[targets.default]\nbatch = 'atomic'\n");
    world.ok(&["split", "1"]);
    assert!(refusal("1").contains("it is resolved and can't be split"));
    let said = world.ok(&["split", "3"]);
    assert!(said.contains("the other 3 records") && !said.contains("named by"), "{said}");
}

#[test]
fn a_batch_that_comes_again_unanswered_makes_its_parts_ambiguous() {
    let world = World::with_api(Settings::default());
    world.file("config.toml", "[targets.default]\nbatch = 'atomic'\n");
    let mut line = batch(3, 1);
    line["path"] = "records/profiles/append-batch".into();
    world.ingest(&[line.clone()]);
    world.ok(&["split", "1"]);
    line["status"] = 504.into();
    line["failed_at"] = crate::world::now().into();
    world.ingest(&[line.clone()]);
    // The producer's own request may have applied them, under the batch's key.
    let ran = world.run(&["replay", "parent:1", "--yes", "--json"]);
    assert_eq!((ran.code, &ran.summary()["refused"]), (6, &json!(3)), "{ran:?}");
    assert_eq!(ran.lines()[0]["reason"], "key-not-sent");
    world.run(&["purge", "--older-than", "0s"]);
    assert_eq!(world.writes().len(), 4, "a batch stays while its parts are open");
    world.ok(&["unsplit", "1"]);
    assert!(world.writes()[0]["ambiguous_since"].is_string(), "and so is the batch");
    // Another batch under the same key has parts of its own.
    world.ok(&["resolve", "id:1", "--not-applied", "--reason", "looked"]);
    world.ok(&["split", "1"]);
    line["status"] = 400.into();
    line["body"]["note"] = "another".into();
    world.ingest(&[line]);
    let id = world.writes().iter().find(|w| w["key_origin"] == "given" && w["state"] == "pending").unwrap()["id"]
        .to_string();
    world.ok(&["split", &id]);
    let keys: std::collections::HashSet<String> =
        world.writes().iter().map(|w| w["idempotency_key"].to_string()).collect();
    assert_eq!(keys.len(), 7, "two batches share a key, six parts do not");
}
