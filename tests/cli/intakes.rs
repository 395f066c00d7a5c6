//! Intakes: their numbers, and taking one back as if it had never been.

use std::io::Write as _;
use std::process::Stdio;

use dlq::sandbox::Settings;
use serde_json::{Value, json};

use crate::world::{Ran, World, order, profile, time, wait_until};

/// Everything that a user can see of the writes, a line each.
fn seen(world: &World) -> Vec<String> {
    let mut groups = world.json(&["groups", "--json"]);
    groups.retain(|group| group["count"] != 0);
    let all = [world.writes(), groups, world.json(&["stats", "--json"])].concat();
    all.iter().map(Value::to_string).collect()
}

/// Returns what is different now.
fn differences(before: &[String], after: &[String]) -> Vec<String> {
    let gone = before.iter().filter(|line| !after.contains(line)).map(|line| format!("- {line}"));
    let came = after.iter().filter(|line| !before.contains(line)).map(|line| format!("+ {line}"));
    gone.chain(came).collect()
}

fn ingest(world: &World, lines: &[Value]) -> Value {
    let ran = world.ingest(lines);
    ran.lines().first().cloned().unwrap_or_else(|| panic!("{ran:?}"))
}

fn undo(world: &World, intake: i64) -> (i32, Value) {
    let ran = world.run(&["ingest", "--undo", &intake.to_string(), "--json"]);
    (ran.code, ran.lines().first().cloned().unwrap_or_else(|| panic!("{ran:?}")))
}

fn with(mut line: Value, more: &Value) -> Value {
    for (name, value) in more.as_object().unwrap() {
        line[name] = value.clone();
    }
    line
}

#[test]
fn each_ingest_has_a_number_that_finds_what_came_in_with_it() {
    let world = World::new();
    assert_eq!(ingest(&world, &[order(1), order(2)])["intake"], 1);
    assert_eq!(ingest(&world, &[order(2), order(3)])["intake"], 2);
    let ids: Vec<Value> =
        world.json(&["list", "intake:1", "--json", "--sort", "id"]).iter().map(|write| write["id"].clone()).collect();
    assert_eq!(ids, [1, 2]);
    assert_eq!(world.json(&["list", "intake:2", "--json"])[0]["id"], 3);
    let dry = world.run_with(&["ingest", "--dry-run", "--json"], order(4).to_string().as_bytes());
    assert!(dry.lines()[0]["intake"].is_null());
    let told = world.run_with(&["ingest"], order(5).to_string().as_bytes());
    assert_eq!(told.out, "intake 3: read 1: 1 inserted, 0 repeated, 0 rejected\n");
}

/// An ingest that goes on, as of a pipe.
struct Piped(std::process::Child);

impl Piped {
    fn start(world: &World) -> Self {
        let mut command = world.command(&["ingest", "--json"]);
        Self(command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
    }

    fn say(&mut self, line: &Value) {
        writeln!(self.0.stdin.as_mut().unwrap(), "{line}").unwrap();
    }

    fn end(mut self) -> Ran {
        drop(self.0.stdin.take());
        Ran::of(&self.0.wait_with_output().unwrap())
    }
}

fn occurrences(world: &World) -> i64 {
    world.writes()[0]["occurrences"].as_i64().unwrap()
}

#[test]
fn what_happened_between_two_changes_of_an_intake_is_never_undone() {
    let world = World::with_api(Settings::default());
    ingest(&world, &[order(1)]);
    let mut piped = Piped::start(&world);
    piped.say(&order(1));
    wait_until(|| occurrences(&world) == 2);
    assert_eq!(world.run(&["replay", "--all", "--yes"]).code, 0);
    piped.say(&order(1));
    wait_until(|| occurrences(&world) == 3);
    assert_eq!(piped.end().code, 0);
    assert_eq!(undo(&world, 2), (3, json!({"intake": 2, "removed": 0, "kept": 1})));
    assert_eq!(world.states(), ["replayed"]);
    assert_eq!(world.api().world().ledger.applied.len(), 1);
}

#[test]
fn what_two_intakes_told_is_taken_back_with_the_last_of_them() {
    let world = World::new();
    ingest(&world, &[order(1)]);
    let busy = with(order(1), &json!({"status": 503, "failed_at": time(crate::world::millis() + 1)}));
    let since = || world.writes()[0]["ambiguous_since"].clone();
    assert!(since().is_null());
    ingest(&world, std::slice::from_ref(&busy));
    ingest(&world, &[busy]);
    assert!(since().is_string());
    assert_eq!(undo(&world, 2).0, 3);
    assert!(since().is_string(), "the other one says so, too");
    assert_eq!(undo(&world, 3).0, 0);
    assert_eq!(undo(&world, 2).0, 0);
    assert!(since().is_null());
    let success = json!({"path": "records/orders/append", "idempotency_key": "key-1", "status": 200});
    let accepted = || world.run_with(&["ingest", "--accepted", "--json"], success.to_string().as_bytes()).lines();
    assert_eq!(accepted()[0]["intake"], 4);
    assert_eq!(accepted()[0]["repeated"], 1);
    assert_eq!(undo(&world, 4).0, 3);
    assert_eq!(world.states(), ["resolved"], "intake 5 brought it, too");
    assert_eq!((undo(&world, 5).0, undo(&world, 4).0), (0, 0));
    assert_eq!(world.states(), ["pending"]);
    assert_eq!(accepted()[0]["settled"], 1);
}

#[test]
fn an_intake_that_is_under_way_ends_when_it_is_taken_back() {
    let world = World::new();
    let mut piped = Piped::start(&world);
    piped.say(&order(1));
    wait_until(|| world.db().exists() && world.run(&["list", "--json"]).lines().len() == 1);
    assert_eq!(undo(&world, 1), (0, json!({"intake": 1, "removed": 1, "kept": 0})));
    piped.say(&order(2));
    let ran = piped.end();
    assert!(ran.code == 1 && ran.err.contains("intake 1 was taken back while it was under way"), "{ran:?}");
    assert_eq!(world.writes().len(), 0);
}

#[test]
fn an_intake_that_is_taken_back_leaves_nothing_of_it() {
    let world = World::new();
    ingest(&world, &[order(1), order(2), with(order(3), &json!({"status": 422}))]);
    let before = seen(&world);
    let later = time(crate::world::millis() + 5_000);
    let again = with(order(1), &json!({"failed_at": later}));
    let ambiguous =
        with(order(3), &json!({"status": 503, "failed_at": later, "first_attempt_at": "2026-01-31T09:00:00Z"}));
    let other_body = with(order(2), &json!({"body": {"record": {"order_id": "another"}}}));
    let counts = ingest(&world, &[again, ambiguous, other_body, order(4), profile(5, "a@example.org")]);
    assert_eq!((&counts["inserted"], &counts["repeated"]), (&json!(3), &json!(2)));
    assert_ne!(seen(&world), before);
    assert_eq!(undo(&world, 2), (0, json!({"intake": 2, "removed": 3, "kept": 0})));
    assert_eq!(differences(&before, &seen(&world)), [""; 0]);
    assert_eq!(world.run(&["doctor"]).out.matches("FAIL").count(), 0);
    // Nothing of it is known any more, not even as purged.
    assert_eq!(ingest(&world, &[order(4)])["inserted"], 1);
    assert_eq!(undo(&world, 2), (0, json!({"intake": 2, "removed": 0, "kept": 0})), "there is nothing left of it");
    let log = world.ok(&["report", "--since", "1h"]);
    assert!(log.contains("ingest --undo"), "{log}");
}

#[test]
fn what_was_sent_or_changed_or_came_again_is_kept() {
    let world = World::with_api(Settings::default());
    let lines: Vec<Value> = (1..=7).map(order).collect();
    ingest(&world, &lines);
    world.ok(&["replay", "id:1", "--yes"]);
    world.ok(&["discard", "id:2", "--reason", "r"]);
    world.ok(&["reopen", "id:2", "--reason", "r"]);
    assert_eq!(ingest(&world, &[order(3)])["repeated"], 1);
    let (code, counts) = undo(&world, 1);
    assert_eq!((code, counts), (3, json!({"intake": 1, "removed": 4, "kept": 3})));
    let left: Vec<Value> = world.writes().iter().map(|write| write["id"].clone()).collect();
    assert_eq!(left, [1, 2, 3]);
    // The intake that brought it again is taken back: now nothing else speaks for it.
    assert_eq!(undo(&world, 2), (0, json!({"intake": 2, "removed": 0, "kept": 0})));
    assert_eq!(undo(&world, 1).1, json!({"intake": 1, "removed": 1, "kept": 2}));
    // What has happened since is not taken back with the repeat before it.
    let later = time(crate::world::millis() + 5_000);
    ingest(&world, &[with(order(2), &json!({"failed_at": later, "status": 503}))]);
    world.ok(&["resolve", "id:2", "--not-applied", "--reason", "r"]);
    assert_eq!(undo(&world, 3), (3, json!({"intake": 3, "removed": 0, "kept": 1})));
}

#[test]
fn an_unknown_intake_is_an_error() {
    let world = World::new();
    ingest(&world, &[order(1)]);
    let ran = world.run(&["ingest", "--undo", "7"]);
    assert_eq!((ran.code, ran.err.as_str()), (1, "error: there is no intake 7\n"));
    assert_eq!(world.run(&["ingest", "--undo", "1", "--endpoint", "records/orders/append"]).code, 2);
    assert_eq!(world.writes().len(), 1);
}

#[test]
fn the_same_lines_under_another_endpoint_or_match_key_are_pointed_out() {
    let world = World::new();
    let lines = b"{\"record\": {\"email\": \"a@example.org\"}, \"error\": \"x\", \"type\": \"schema\"}\n";
    let first = world.run_with(&["ingest", "--endpoint", "records/profiles/append"], lines);
    assert!(!first.err.contains("intake"), "{first:?}");
    for (args, intake) in [
        (["--endpoint", "records/profiles/upsert", "--match-key", "email"], 2),
        (["--endpoint", "records/profiles/append", "--match-key", "email"], 3),
    ] {
        let ran = world.run_with(&[&["ingest"][..], &args].concat(), lines);
        let note = format!(
            "1 line has the key of a write that came in with intake 1, under another endpoint or with another body; if that \
             was a mistake: dlq ingest --undo {intake}"
        );
        assert!(ran.err.contains(&note), "{}", ran.err);
    }
    assert_eq!(undo(&world, 3).0 + undo(&world, 2).0, 0);
    assert!(world.writes().iter().all(|write| !write["hazards"].to_string().contains("key-reused")));
}

#[test]
fn any_intake_on_top_of_others_can_be_taken_back() {
    let mut random = fastrand::Rng::with_seed(crate::kills::seed());
    let world = World::new();
    ingest(&world, &[order(0)]);
    for _ in 0..12 {
        let before = seen(&world);
        let line = |random: &mut fastrand::Rng| {
            let line =
                if random.bool() { order(random.usize(0..12)) } else { profile(random.usize(0..12), "a@example.org") };
            let at = crate::world::millis() - 1000 * random.i64(0..100_000);
            let status = random.choice([429, 422, 503]).unwrap();
            let line = with(line, &json!({"failed_at": time(at), "status": status}));
            if random.u8(0..4) == 0 {
                with(line, &json!({"body": {"record": {"other": random.u8(0..3)}}}))
            } else {
                line
            }
        };
        let lines: Vec<Value> = (0..random.usize(1..10)).map(|_| line(&mut random)).collect();
        let counts = ingest(&world, &lines);
        let intake = counts["intake"].as_i64().unwrap();
        if random.bool() {
            let (code, done) = undo(&world, intake);
            assert_eq!((code, &done["kept"]), (0, &json!(0)), "{lines:?}");
            assert_eq!(differences(&before, &seen(&world)), [""; 0], "{lines:?}");
        }
    }
    assert_eq!(world.run(&["doctor"]).out.matches("FAIL").count(), 0);
}
