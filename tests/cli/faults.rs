//! Faults of the machine: a full disk, a read-only one, a clock that jumps, an event descriptor that fails. They are made
//! by a small shim (`tests/shim/faults.c`) that is preloaded into the real binary.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use dlq::sandbox::Settings;
use serde_json::Value;

use crate::world::{Ran, World, order, profile};

/// The shim, built once.
fn shim() -> &'static PathBuf {
    static SHIM: OnceLock<PathBuf> = OnceLock::new();
    SHIM.get_or_init(|| {
        let out = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("faults-{}.so", std::process::id()));
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/shim/faults.c");
        let built =
            Command::new("cc").args(["-shared", "-fPIC", "-O1", "-o"]).arg(&out).args([source, "-ldl"]).status();
        assert!(built.unwrap().success(), "a C compiler is needed, as for SQLite");
        out
    })
}

/// The binary with some faults.
pub fn with_faults(world: &World, faults: &[(&str, &str)], args: &[&str]) -> Command {
    let mut command = world.command(args);
    command.env("LD_PRELOAD", shim()).env("DLQ_DISK", world.directory.path().canonicalize().unwrap());
    command.envs(faults.iter().copied());
    command
}

pub fn run_with_faults(world: &World, faults: &[(&str, &str)], args: &[&str]) -> Ran {
    let output: Output = with_faults(world, faults, args).stdin(Stdio::null()).output().unwrap();
    Ran::of(&output)
}

#[test]
fn a_full_disk_at_every_write_of_an_ingest_loses_nothing() {
    let mut lines: Vec<String> = (0..30).map(|n| order(n).to_string()).collect();
    lines.insert(10, "not json".to_owned());
    let mut at = 1;
    loop {
        let world = World::new();
        // The file is there: what fills up is the disk under a queue in use.
        world.ingest(&[order(1000)]);
        let file = world.file("in.ndjson", lines.join("\n") + "\n");
        let args = ["ingest", file.to_str().unwrap(), "--json"];
        let ran = run_with_faults(&world, &[("DLQ_FULL_AT", &at.to_string())], &args);
        let kept = world.writes().len() as u64 - 1;
        if ran.code == 3 {
            assert_eq!(kept, 30);
            break;
        }
        assert_eq!(ran.code, 1, "{at}: {ran:?}");
        // What is told is what is in the file.
        let told = ran.lines().first().map_or(0, |summary| summary["inserted"].as_u64().unwrap());
        assert_eq!(told, kept, "{at}: {ran:?}");
        assert!(ran.err.contains("full") && ran.err.contains("free of"), "{at}: {}", ran.err);
        let again = world.run(&args);
        assert_eq!((again.code, world.writes().len()), (3, 31), "{at}: {again:?}");
        let rejects = std::fs::read_to_string(world.path("dlq.db-rejects.ndjson")).unwrap();
        assert_eq!(rejects.lines().filter(|l| l.contains("not json")).count(), 1, "{at}: {rejects}");
        at += 1;
    }
    assert!(at > 3, "the disk was never full in time: {at}");
}

#[test]
fn a_full_disk_at_every_write_of_a_replay_sends_nothing_that_is_not_on_record() {
    let mut at = 1;
    loop {
        let world = World::with_api(Settings::default());
        world.api().world().add_field("orders", "total");
        world.api().world().add_field("profiles", "points");
        world.ingest(&[order(1), order(2), order(3), profile(4, "a@x.org"), profile(5, "a@x.org")]);
        let args = ["replay", "--all", "--yes", "--json", "--no-canary"];
        let ran = run_with_faults(&world, &[("DLQ_FULL_AT", &at.to_string())], &args);
        let file = states(&world);
        // What is told is what is in the file.
        let told = ran.lines();
        for line in told.iter().filter(|line| line["outcome"] == "accepted") {
            assert_eq!(file[&line["id"].as_i64().unwrap()], "replayed", "{at}: {line}");
        }
        if let Some(summary) = told.last().map(|line| &line["summary"]).filter(|summary| summary.is_object()) {
            let replayed = file.values().filter(|state| *state == "replayed").count();
            assert_eq!(summary["replayed"], replayed, "{at}: {ran:?}");
        }
        if ran.code == 0 {
            break;
        }
        assert!(ran.code == 1 && ran.err.contains("full"), "{at}: {ran:?}");
        // Room again: all of it goes, each once.
        let again = world.run(&args);
        assert_eq!(again.code, 0, "{at}: {again:?}");
        let ledger = world.api().world().ledger.clone();
        let attempts: i64 = world.writes().iter().map(|w| w["attempts"].as_i64().unwrap()).sum();
        assert_eq!(ledger.seen.len() as i64, attempts, "{at}");
        assert_eq!(ledger.applied.len(), 5, "{at}: each exactly once");
        at += 1;
    }
    assert!(at > 3, "the disk was never full in time: {at}");
}

fn states(world: &World) -> BTreeMap<i64, String> {
    world.writes().iter().map(|w| (w["id"].as_i64().unwrap(), w["state"].as_str().unwrap().to_owned())).collect()
}

#[test]
fn reading_works_on_a_full_disk_and_on_a_read_only_one() {
    let world = World::new();
    world.ingest(&[order(1), order(2)]);
    for fault in [("DLQ_FULL_AT", "1"), ("DLQ_READ_ONLY", "1")] {
        for args in [&["list", "--json"][..], &["groups"], &["stats"], &["show", "1"], &["export"], &["doctor"]] {
            let ran = run_with_faults(&world, &[fault], args);
            let want = i32::from(args == ["doctor"]) * ran.code;
            assert_eq!(ran.code, want, "{fault:?} {args:?}: {ran:?}");
            assert!(!ran.out.is_empty(), "{fault:?} {args:?}");
        }
        let ran = run_with_faults(&world, &[fault], &["discard", "--all", "--reason", "x"]);
        assert_eq!(ran.code, 1, "{fault:?}: {ran:?}");
        assert_eq!(world.states(), ["pending", "pending"]);
    }
    // A process that died left its log: what is in it is read, too.
    let connection = rusqlite::Connection::open(world.db()).unwrap();
    connection.execute_batch("PRAGMA wal_autocheckpoint = 0; UPDATE groups SET message = 'from the log'").unwrap();
    let copy = World::new();
    for suffix in ["", "-wal"] {
        let name = format!("dlq.db{suffix}");
        std::fs::copy(world.path(&name), copy.path(&name)).unwrap();
    }
    let ran = run_with_faults(&copy, &[("DLQ_FULL_AT", "1")], &["groups"]);
    assert!(ran.code == 0 && ran.out.contains("from the log"), "{ran:?}");
}

#[test]
fn a_backup_to_a_full_disk_names_that_disk_and_leaves_nothing() {
    let world = World::new();
    world.ingest(&[order(1)]);
    let other = tempfile::tempdir().unwrap();
    let copy = other.path().canonicalize().unwrap().join("copy.db");
    let disk = other.path().canonicalize().unwrap();
    let faults = [("DLQ_FULL_AT", "1"), ("DLQ_DISK", disk.to_str().unwrap())];
    let ran = run_with_faults(&world, &faults, &["backup", copy.to_str().unwrap()]);
    assert!(ran.code == 1 && ran.err.contains(copy.to_str().unwrap()) && ran.err.contains("full"), "{ran:?}");
    assert_eq!(std::fs::read_dir(other.path()).unwrap().count(), 0);
}

#[test]
fn promise_5_a_clock_that_is_set_back_revives_no_key() {
    let world = World::with_api(Settings::default());
    world.api().world().add_field("orders", "total");
    let mut append = order(1);
    (append["status"], append["error_code"]) = (503.into(), Value::Null);
    world.ingest(&[append, order(2)]);
    // The file sees a time that is two days ahead.
    let ahead = run_with_faults(&world, &[("DLQ_CLOCK", "172800")], &["discard", "id:2", "--reason", "x"]);
    assert_eq!(ahead.code, 0, "{ahead:?}");
    let plan = world.run(&["replay", "id:1", "--dry-run"]);
    assert!(plan.out.contains("the clock is 1 d 23 h behind what this file has seen"), "{}", plan.out);
    let ran = world.run(&["replay", "id:1", "--yes", "--json"]);
    assert_eq!((ran.code, &ran.lines()[0]["reason"]), (6, &"clock-behind".into()), "{ran:?}");
    assert!(world.run(&["doctor"]).out.contains("behind what this file has seen"));
    // Even then the window is counted from the later time.
    let ran = world.run(&["replay", "id:1", "--yes", "--json", "--allow", "clock-behind"]);
    assert_eq!((ran.code, &ran.lines()[0]["reason"]), (6, &"key-expired".into()), "{ran:?}");
    assert_eq!(world.run(&["doctor", "--reset-clock"]).code, 2, "not without a reason");
    world.ok(&["doctor", "--reset-clock", "--reason", "the clock was wrong on Monday"]);
    assert_eq!(world.run(&["replay", "id:1", "--yes"]).code, 0);
    assert_eq!(world.api().world().ledger.applied.len(), 1);
}

#[test]
fn promise_9_a_clock_that_is_set_back_holds_nobody_up() {
    let world = World::with_api(Settings::default());
    world.api().world().add_field("orders", "total");
    world.ingest(&[order(1), order(2), order(3)]);
    // At a rate, and with a Retry-After that was heard, by a clock that was an hour ahead.
    world.api().world().storm = 1;
    let args = ["replay", "id:1", "--yes", "--rate", "0.5", "--no-canary"];
    run_with_faults(&world, &[("DLQ_CLOCK", "3600")], &args);
    let began = std::time::Instant::now();
    let ran = world.run(&["replay", "--all", "--yes", "--rate", "0.5", "--no-canary"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(began.elapsed() < std::time::Duration::from_secs(12), "{:?}", began.elapsed());
}

#[test]
fn an_event_descriptor_that_fails_ends_the_run_in_order() {
    let world = World::with_api(Settings::default());
    world.ingest(&(0..5).map(order).collect::<Vec<_>>());
    for at in ["1", "3", "6"] {
        let ran = run_with_faults(&world, &[("DLQ_EPOLL_AT", at)], &["replay", "--all", "--yes"]);
        assert_eq!(ran.code, 1, "{ran:?}");
        assert!(!world.states().contains(&"replaying".to_owned()), "{at}: {:?}", world.states());
        assert!(world.json(&["runs", "--json"]).iter().all(|run| run["state"] != "running"));
    }
}
