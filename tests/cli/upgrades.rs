//! Files of every schema that ever was: `tests/data/schema_N.db.gz` were made by the binaries of their time
//! (`scripts/schema_file.py`). Each has the same eight failures: one captured as a 429 and refused with a 422 when it was replayed (1), one that was accepted (2),
//! one that may have been applied (3), one resolved (4), one discarded (5), a batch that was split from schema 2 on (6),
//! one whose run was killed while its request was out (7), and one that nobody touched (8).

use std::io::Read as _;
use std::path::Path;
use std::time::Duration;

use dlq::sandbox::Settings;
use serde_json::{Value, json};

use crate::faults::run_with_faults;
use crate::kills::seed;
use crate::world::{World, order};

const NEWEST: i64 = 7;

fn file_of(schema: i64, to: &Path) {
    let path = format!("{}/tests/data/schema_{schema}.db.gz", env!("CARGO_MANIFEST_DIR"));
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(std::fs::File::open(path).unwrap()).read_to_end(&mut bytes).unwrap();
    std::fs::write(to, bytes).unwrap();
}

fn schema_of(path: &Path) -> i64 {
    let connection = rusqlite::Connection::open(path).unwrap();
    connection.query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap()
}

fn world_of(schema: i64) -> World {
    let world = World::with_api(Settings::default());
    file_of(schema, &world.db());
    world
}

#[test]
fn each_command_works_on_a_file_of_each_schema_and_says_that_it_brings_it_up_to_date() {
    let commands: &[&[&str]] = &[
        &["list", "--json"],
        &["list", "first-1", "state:any"],
        &["show", "1", "2", "7", "--attempts"],
        &["groups", "--json"],
        &["stats"],
        &["history", "7", "--json"],
        &["runs", "--json"],
        &["report", "--since", "3000d"],
        &["replay", "id:8", "--dry-run"],
        &["resolve", "id:8", "--applied", "--reason", "r"],
        &["discard", "id:8", "--reason", "r"],
        &["reopen", "id:5", "--reason", "r"],
        &["purge", "--older-than", "0s"],
        &["target", "list"],
        &["export", "state:any"],
        &["backup", "copy.db"],
        &["ingest", "--json", "more.ndjson"],
        &["upgrade"],
        &["doctor"],
    ];
    for schema in 1..NEWEST {
        for args in commands {
            let world = world_of(schema);
            world.file("more.ndjson", format!("{}\n", order(99)));
            let ran = run_without_url(&world, args);
            let wanted = if args[0] == "doctor" { 1 } else { i32::from(args.contains(&"--dry-run")) * ran.code };
            assert_eq!(ran.code, wanted, "schema {schema}, {args:?}: {ran:?}");
            let told = format!("bringing it up to date (schema {schema} to {NEWEST})");
            assert_eq!(ran.err.matches(&told).count(), 1, "schema {schema}, {args:?}: {}", ran.err);
            assert_eq!(schema_of(&world.db()), NEWEST);
            let again = run_without_url(&world, &["runs", "--json"]);
            assert!(again.code == 0 && !again.err.contains("up to date"), "{again:?}");
        }
    }
}

/// The target of these files was somewhere else.
fn run_without_url(world: &World, args: &[&str]) -> crate::world::Ran {
    let mut command = world.command(args);
    let output = command.env_remove("EXPERITURE_BASE_URL").stdin(std::process::Stdio::null()).output().unwrap();
    crate::world::Ran::of(&output)
}

#[test]
fn what_an_older_version_overwrote_is_not_guessed_and_all_else_is_there() {
    for schema in 1..NEWEST {
        let mut world = world_of(schema);
        let url = world.env.remove(0).1;
        let shown = |id: i64| world.json(&["show", &id.to_string(), "--json"])[0].clone();
        // Before schema 5 the answer to a replay took its place.
        let captured = if schema < 5 { Value::Null } else { json!("first-1") };
        assert_eq!(shown(1)["captured"].get("correlation_id").unwrap_or(&Value::Null), &captured, "schema {schema}");
        assert_eq!((&shown(1)["status"], &shown(1)["correlation_id"]), (&json!(422), &json!("req-1")));
        assert_eq!(shown(2)["captured"]["correlation_id"], "first-2");
        assert_eq!(shown(7)["captured"]["error_code"], "CDP_ETL.VALIDATION.REQUEST_SCHEMA");
        let states: Vec<String> = world.states();
        let batch = if schema == 1 { "pending" } else { "resolved" };
        let recovered = &states[6];
        assert_eq!(states[..6], ["pending", "replayed", "pending", "resolved", "discarded", batch], "schema {schema}");
        assert!(["replaying", "unknown"].contains(&recovered.as_str()), "{recovered}");
        // The sentences of that time are told as they were, under a code.
        let runs = world.json(&["runs", "--json"]);
        let stopped = if schema < 5 { "worded" } else { "canary-failed" };
        assert_eq!((&runs[2]["stopped"], &runs[0]["state"]), (&json!(stopped), &json!("died")));
        assert!(world.ok(&["runs"]).contains("group 1 was stopped: its canary, write 1, failed"));
        let lines = world.json(&["history", "1", "--json"]);
        let sent = lines.iter().find(|line| line["n"] == 1).unwrap();
        assert_eq!(sent["answer"].is_null(), schema < 5, "answers are kept since schema 5: {lines:?}");
        // It goes on as any other file.
        world.ok(&["target", "set", "default", "--base-url", &url, "--reason", "the tests' own API"]);
        let ran = world.run(&["replay", "id:8,2", "--yes", "--json"]);
        let rest = world.run(&["replay", "--continue", "1", "--yes", "--json"]);
        assert_eq!((ran.code, rest.code), (4, 4), "the sandbox knows none of these fields: {ran:?} {rest:?}");
        assert_eq!(shown(8)["captured"]["correlation_id"], "first-8", "schema {schema}");
        assert_eq!(world.states()[6], "unknown", "what the killed run had sent");
        let purged = world.json(&["purge", "--older-than", "0s", "--json"]);
        assert!(purged[0]["purged"].as_u64().unwrap() >= 3, "{purged:?}");
        let doctor = world.run(&["doctor"]).out;
        assert!(doctor.contains("all counts agree") && doctor.contains("writes match their seals"), "{doctor}");
    }
}

#[test]
fn a_file_that_cannot_be_written_is_named_with_its_version_and_left_alone() {
    for schema in 1..NEWEST {
        let world = world_of(schema);
        let before = std::fs::read(world.db()).unwrap();
        let ran = run_with_faults(&world, &[("DLQ_READ_ONLY", "1")], &["list"]);
        assert_eq!(ran.code, 1, "{ran:?}");
        let told =
            format!("was written by an older dlq (schema {schema}, this one needs {NEWEST}) and is read-only here");
        assert!(ran.err.contains(&told) && ran.err.contains("dlq upgrade [--backup FILE]"), "{}", ran.err);
        assert!(std::fs::read(world.db()).unwrap() == before, "schema {schema}");
    }
}

#[test]
fn upgrade_copies_first_if_it_is_asked_to_and_has_nothing_to_do_twice() {
    let world = world_of(3);
    let ran = world.run(&["upgrade", "--backup", "before.db"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.out.contains("copied to before.db (10 writes,"), "{}", ran.out);
    assert!(ran.out.contains("is up to date now (schema 3 before, 7 now)"), "{}", ran.out);
    assert_eq!((schema_of(&world.path("before.db")), schema_of(&world.db())), (3, NEWEST));
    let again = world.json(&["upgrade", "--json"]);
    assert_eq!((&again[0]["from"], &again[0]["to"]), (&json!(NEWEST), &json!(NEWEST)));
    let taken = world_of(2);
    taken.file("there.db", "x");
    let ran = taken.run(&["upgrade", "--backup", "there.db"]);
    assert!(ran.code == 1 && ran.err.contains("exists already"), "{ran:?}");
    assert_eq!(schema_of(&taken.db()), 2, "no copy, no upgrade");
    let missing = World::new().run(&["upgrade"]);
    assert!(missing.code == 1 && missing.err.contains("there is no dlq file at"), "{missing:?}");
}

#[test]
fn a_run_of_an_older_version_keeps_its_file_as_it_is() {
    for args in [&["upgrade"][..], &["list"], &["discard", "--all", "--reason", "r"]] {
        let world = world_of(4);
        // Its process lives: it holds its lock.
        let lock = std::fs::File::create(world.path("dlq.db-run-3.lock")).unwrap();
        lock.try_lock().unwrap();
        let ran = world.run(args);
        assert_eq!(ran.code, 1, "{args:?}: {ran:?}");
        assert!(ran.err.contains("run 3 of an older dlq is still sending"), "{args:?}: {}", ran.err);
        assert_eq!(schema_of(&world.db()), 4, "{args:?}");
        drop(lock);
        assert_eq!(world.run(&["upgrade"]).code, 0);
    }
}

#[test]
fn an_upgrade_that_is_killed_is_whole_or_absent() {
    let world = world_of(4);
    let big = rusqlite::Connection::open(world.db()).unwrap();
    big.execute_batch(
        "WITH RECURSIVE many (n) AS (SELECT 10 UNION ALL SELECT n + 1 FROM many WHERE n < 60000)
         INSERT INTO run_items (run_id, seq, write_id, content, outcome, reason)
           SELECT 1, n, 1, zeroblob(32), 'failed', 'HTTP 422; maybe-cached until 2026-03-03T08:00:00.000Z' FROM many;
         PRAGMA wal_checkpoint(TRUNCATE);",
    )
    .unwrap();
    drop(big);
    let bytes = std::fs::read(world.db()).unwrap();
    let mut random = fastrand::Rng::with_seed(seed());
    let (mut whole, mut absent) = (0, 0);
    for _ in 0..12 {
        for suffix in ["-wal", "-shm"] {
            let _ = std::fs::remove_file(world.path(&format!("dlq.db{suffix}")));
        }
        std::fs::write(world.db(), &bytes).unwrap();
        let mut child = world.command(&["upgrade", "-q"]).spawn().unwrap();
        std::thread::park_timeout(Duration::from_millis(random.u64(0..250)));
        child.kill().unwrap();
        child.wait().unwrap();
        match schema_of(&world.db()) {
            4 => absent += 1,
            NEWEST => whole += 1,
            other => panic!("schema {other}"),
        }
        assert!(world.run(&["list", "--json"]).code == 0);
        assert_eq!(schema_of(&world.db()), NEWEST);
        let report = world.json(&["report", "--run", "1", "--json"]);
        assert_eq!(report[0]["runs"][0]["not_through"][0]["maybe_cached"], 59_991, "{report:?}");
    }
    assert!(absent > 0, "it was never killed in time ({whole} whole)");
}
