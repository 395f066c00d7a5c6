//! `ingest --accepted`: what producers got accepted themselves settles what waits, and puts older writes out of date.

use std::process::Stdio;
use std::time::Duration;

use dlq::sandbox::{Faults, Settings};
use serde_json::{Value, json};

use crate::world::{Ran, World, order, profile, sha256, time, wait_until};

fn accepted(world: &World, lines: &[Value]) -> Value {
    let ran = take(world, lines, &[]);
    ran.lines().first().cloned().unwrap_or_else(|| panic!("{ran:?}"))
}

fn take(world: &World, lines: &[Value], args: &[&str]) -> Ran {
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    world.run_with(&[&["ingest", "--accepted", "--json"], args].concat(), text.as_bytes())
}

/// The success of [`order`], as its producer logs it.
fn success(n: usize) -> Value {
    json!({"method": "POST", "path": "records/orders/append", "idempotency_key": format!("key-{n}"), "status": 200})
}

fn counts(counts: &Value) -> [u64; 6] {
    let all =
        ["settled", "stored", "several", "repeated", "rejected", "other"].map(|name| counts[name].as_u64().unwrap());
    assert_eq!(counts["read"].as_u64(), Some(all.iter().sum()), "{counts}");
    all
}

#[test]
fn a_success_settles_the_one_write_that_it_is_of() {
    let world = World::new();
    let unknown = json!({"error_code": "ReadTimeout", "status": null, "error_message": null});
    let mut second = order(2);
    second.as_object_mut().unwrap().extend(unknown.as_object().unwrap().clone());
    world.ingest(&[order(1), second, order(3)]);
    let got = accepted(&world, &[success(1), success(2), success(9)]);
    assert_eq!((counts(&got), &got["intake"]), ([2, 1, 0, 0, 0, 0], &json!(2)));
    assert_eq!(world.states(), ["resolved", "resolved", "pending"]);
    assert_eq!(counts(&accepted(&world, &[success(1), success(2)])), [0, 0, 0, 2, 0, 0], "each is known");
    let history = world.ok(&["history", "1"]);
    assert!(history.contains("its producer got it accepted"), "{history}");
    // One that came before its failure did is not lost: its line settles it later.
    world.ingest(&[order(9)]);
    assert_eq!(counts(&accepted(&world, &[success(9)])), [1, 0, 0, 0, 0, 0]);
    assert_eq!(world.run(&["doctor"]).out.matches("FAIL").count(), 0);
}

#[test]
fn of_several_writes_none_is_settled_unless_the_body_tells_which() {
    let world = World::new();
    let mut other = order(1);
    other["body"] = json!({"record": {"order_id": "other"}});
    let body = other["body"].to_string();
    world.ingest(&[order(1), other]);
    assert_eq!(counts(&accepted(&world, &[success(1)])), [0, 0, 1, 0, 0, 0]);
    assert_eq!(world.states(), ["pending", "pending"]);
    // One of them was applied under that key, so each may have been: past the window neither may go out again.
    assert!(world.writes().iter().all(|write| write["ambiguous_since"].is_string()));
    let mut exact = success(1);
    exact["body_sha256"] = json!(sha256(body.as_bytes()));
    assert_eq!(counts(&accepted(&world, &[exact])), [1, 0, 0, 0, 0, 0]);
    assert_eq!(world.states(), ["pending", "resolved"]);
    let mut spaced = success(1);
    spaced["body"] = json!("{ \"record\": {\"total\": 19.90, \"order_id\": \"ord_1\"} }");
    assert_eq!(counts(&accepted(&world, &[spaced])), [1, 0, 0, 0, 0, 0], "the same content in other bytes");
    assert_eq!(world.states(), ["resolved", "resolved"]);
}

#[test]
fn what_is_not_the_same_write_stays() {
    let world = World::new();
    let mut derived = order(1);
    derived.as_object_mut().unwrap().remove("idempotency_key");
    world.ingest(&[derived]);
    let key = world.writes()[0]["idempotency_key"].clone();
    let with = |name: &str, value: Value| {
        let mut line = success(1);
        line["idempotency_key"] = key.clone();
        line[name] = value;
        line
    };
    let lines = [
        with("source", json!("the key was never on the wire")),
        with("path", json!("records/other/append")),
        with("method", json!("PUT")),
        with("target", json!("another")),
        with("body", json!({"record": {"order_id": "another"}})),
    ];
    assert_eq!(counts(&accepted(&world, &lines)), [0, 5, 0, 0, 0, 0]);
    assert_eq!(world.states(), ["pending"]);
    let failed = json!({"path": "a/b", "idempotency_key": "k", "status": 503});
    let nothing = json!({"path": "a/b", "status": 200});
    let log = json!({"level": "info", "msg": "written"});
    assert_eq!(counts(&accepted(&world, &[failed, nothing, log])), [0, 0, 0, 0, 2, 1]);
    let reasons: Vec<String> = world.rejects().iter().map(|reject| reject["reason"].to_string()).collect();
    assert!(reasons[0].contains("neither a key nor a record") && reasons[1].contains("--map"), "{reasons:?}");
}

#[test]
fn a_newer_success_supersedes_older_upserts_of_its_record() {
    let world = World::with_api(Settings::default());
    world.ingest(&[profile(1, "a@example.org"), profile(2, "b@example.org"), profile(3, "c@example.org")]);
    let at = |n: i64| time(1_700_000_000_000 + n * 1000);
    let of = |n: i64, record: Value| {
        let mut line =
            json!({"path": "records/profiles/upsert", "idempotency_key": format!("other-{n}"), "accepted_at": at(n)});
        line.as_object_mut().unwrap().extend(record.as_object().unwrap().clone());
        line
    };
    let lines = [
        of(60, json!({"body": {"record": {"email": " A@example.org"}, "matchKey": "email"}})),
        of(61, json!({"lane": "profiles:\"b@example.org\""})),
        of(0, json!({"lane": "profiles:\"c@example.org\""})),
    ];
    assert_eq!(counts(&accepted(&world, &lines)), [0, 3, 0, 0, 0, 0]);
    let superseded: Vec<Value> = world.json(&["list", "hazard:superseded", "--json", "--sort", "id"]);
    assert_eq!(superseded.iter().map(|write| write["id"].clone()).collect::<Vec<_>>(), [1, 2]);
    let shown = world.ok(&["show", "1"]);
    assert!(shown.contains("its producer's own write, accepted at 2023-11-14 22:14:20 UTC"), "{shown}");
    let ran = world.run(&["replay", "--all", "--yes", "--json"]);
    let outcomes: Vec<String> =
        ran.lines().iter().filter_map(|line| line["outcome"].as_str().map(|o| format!("{} {o}", line["id"]))).collect();
    assert_eq!((ran.code, outcomes.len()), (6, 3), "{ran:?}");
    assert!(outcomes.contains(&"3 accepted".to_owned()), "{outcomes:?}");
    assert_eq!(world.states(), ["pending", "pending", "replayed"]);
    // Taken back, it says nothing any more.
    assert_eq!(world.run(&["ingest", "--undo", "2"]).code, 0);
    assert_eq!(world.json(&["list", "hazard:superseded", "--json"]).len(), 0);
}

#[test]
fn a_run_that_has_the_write_in_hand_decides_first() {
    let slow = Faults { delayed: 1000, delay: Duration::from_millis(1500), ..Faults::default() };
    let world = World::with_api(Settings { faults: slow, ..Settings::default() });
    let mut line = order(1);
    line["body"] = json!({"record": {"order_id": "ord_1"}});
    world.ingest(&[line]);
    let mut replay = world.command(&["replay", "--all", "--yes"]);
    let mut replay = replay.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    wait_until(|| world.states() == ["replaying"]);
    assert_eq!(counts(&accepted(&world, &[success(1)])), [0, 1, 0, 0, 0, 0]);
    assert_eq!(replay.wait().unwrap().code(), Some(0));
    assert_eq!(world.states(), ["replayed"]);
}

#[test]
fn a_batch_that_its_producer_got_accepted_after_its_split_is_in_doubt_in_its_parts() {
    let world = World::new();
    let path = "records/profiles/upsert-batch";
    world.ingest(&[json!({"path": path, "idempotency_key": "batch-1", "status": 422, "error_code": "X",
        "body": {"records": [{"email": "a@example.org"}, {"email": "b@example.org"}], "matchKey": "email"}})]);
    world.ok(&["split", "1"]);
    let in_doubt = || world.writes().iter().filter(|write| write["ambiguous_since"].is_string()).count();
    assert_eq!(in_doubt(), 0);
    let line = json!({"path": path, "idempotency_key": "batch-1", "status": 200});
    assert_eq!(counts(&accepted(&world, &[line])), [0, 1, 0, 0, 0, 0]);
    assert_eq!(world.states(), ["resolved", "pending", "pending"]);
    assert_eq!(in_doubt(), 3);
    assert_eq!(world.run(&["ingest", "--undo", "2"]).code, 0);
    assert_eq!(in_doubt(), 0);
}

#[test]
fn taken_back_it_leaves_what_it_settled_as_it_was() {
    let world = World::new();
    world.ingest(&[order(1), order(2)]);
    let before = world.writes();
    accepted(&world, &[success(1), success(2)]);
    let ran = world.run(&["ingest", "--undo", "2", "--json"]);
    assert_eq!((ran.code, ran.lines()[0].clone()), (0, json!({"intake": 2, "removed": 0, "kept": 0})));
    assert_eq!(world.writes(), before);
    assert_eq!(world.run(&["doctor"]).out.matches("FAIL").count(), 0);
    assert_eq!(counts(&accepted(&world, &[success(1)])), [1, 0, 0, 0, 0, 0], "and it can settle it again");
    // What it settled is not taken back with the intake that had brought it.
    assert_eq!(
        world.run(&["ingest", "--undo", "1", "--json"]).lines()[0],
        json!({"intake": 1, "removed": 1, "kept": 1})
    );
}

#[test]
fn a_log_of_failures_and_successes_is_read_twice() {
    let world = World::new();
    let log = "{\"p\": \"records/orders/append\", \"k\": \"a\", \"b\": \"{}\", \"s\": 503}\n{\"p\": \"records/orders/append\", \"k\": \"a\", \"b\": \"{}\", \"s\": 201}\n";
    let map = "{path: .p, idempotency_key: .k, body: .b, status: .s}";
    let failures = world.run_with(&["ingest", "--map", map, "--json"], log.as_bytes());
    assert_eq!((&failures.lines()[0]["inserted"], &failures.lines()[0]["accepted"]), (&json!(1), &json!(1)));
    let successes = world.run_with(&["ingest", "--accepted", "--map", map, "--json"], log.as_bytes());
    assert_eq!(counts(&successes.lines()[0]), [1, 0, 0, 0, 0, 1]);
    assert_eq!(world.states(), ["resolved"]);
}
