//! kill -9 at random instants, of ingests and of replays, with connections dropped before and after applying.
//! `DLQ_KILLS=100` asks for more of them; a failing round prints its seed, and `DLQ_SEED` plays it again.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Stdio;
use std::time::Duration;

use dlq::sandbox::{Faults, Settings};
use serde_json::Value;

use crate::world::{World, order, profile};

fn kills() -> u64 {
    std::env::var("DLQ_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(10)
}

fn seed() -> u64 {
    std::env::var("DLQ_SEED").ok().and_then(|n| n.parse().ok()).unwrap_or_else(|| fastrand::u64(..))
}

/// Starts a command and kills it after a random time, unless it ends first.
fn kill_somewhere(world: &World, args: &[&str], random: &mut fastrand::Rng, most_ms: u64) {
    let mut child =
        world.command(args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let until = std::time::Instant::now() + Duration::from_micros(random.u64(1000..most_ms * 1000));
    while std::time::Instant::now() < until {
        if child.try_wait().unwrap().is_some() {
            return;
        }
        std::thread::park_timeout(Duration::from_micros(200));
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn killed_ingests_lose_nothing_and_count_nothing_twice() {
    let seed = seed();
    eprintln!("DLQ_SEED={seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let world = World::new();
    let mut lines = String::new();
    for n in 0..3000 {
        lines.push_str(&format!("{}\n", order(n)));
        if n % 50 == 0 {
            lines.push_str(&format!("not json {n}\n"));
        }
    }
    let again = order(7).as_object().cloned().map(|mut o| {
        o.insert("failed_at".to_owned(), "2100-01-01T00:00:00Z".into());
        Value::Object(o)
    });
    lines.push_str(&format!("{}\n", again.unwrap()));
    let file = world.file("failures.ndjson", lines);
    let file = file.to_str().unwrap();
    for _ in 0..kills() {
        kill_somewhere(&world, &["ingest", file], &mut random, 250);
    }
    let last = world.run(&["ingest", file, "--json"]);
    assert_eq!(last.code, 3);
    let writes = world.writes();
    assert_eq!(writes.len(), 3000);
    let keys: BTreeSet<&str> = writes.iter().map(|w| w["idempotency_key"].as_str().unwrap()).collect();
    assert_eq!(keys.len(), 3000);
    for write in &writes {
        let want = if write["idempotency_key"] == "key-7" { 2 } else { 1 };
        assert_eq!(write["occurrences"], want, "{write}");
    }
    let rejects = std::fs::read_to_string(world.path("dlq.db-rejects.ndjson")).unwrap();
    let raws: Vec<String> = rejects
        .lines()
        .filter_map(|l| serde_json::from_str::<Value>(l).ok())
        .map(|l| l["raw"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(raws.iter().collect::<BTreeSet<_>>().len(), 60);
    assert_eq!(raws.len(), 60, "the same line once");
    assert!(world.ok(&["doctor"]).contains("all counts agree"));
}

#[test]
fn promise_3_killed_replays_lose_nothing_and_double_send_nothing() {
    let seed = seed();
    eprintln!("DLQ_SEED={seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let faults = Faults {
        seed,
        unavailable: 50,
        unavailable_after: 50,
        broken: 20,
        conflict: 20,
        rate_limited: 20,
        drop_before: 50,
        drop_after: 50,
        delayed: 200,
        delay: Duration::from_millis(8),
    };
    let world = World::with_api(Settings { faults, ..Settings::default() });
    {
        let mut api = world.api().world();
        api.add_field("profiles", "points");
    }
    let mut lines: Vec<Value> = Vec::new();
    for round in 0..kills() {
        // Something new to send in every round: appends of their own, and upserts that share ten lanes.
        let from = lines.len();
        let mut fresh: Vec<Value> = (from..from + 80).map(order).collect();
        fresh.extend((from + 80..from + 100).map(|n| profile(n, &format!("p{}@example.org", n % 10))));
        assert_eq!(world.ingest(&fresh).code, 0);
        lines.extend(fresh);
        let concurrency = random.usize(1..16).to_string();
        let args = ["replay", "--all", "--yes", "--no-canary", "--max-attempts", "2", "--concurrency", &concurrency];
        kill_somewhere(&world, &args, &mut random, 200);
        assert_file_and_ledger_agree(&world, lines.len(), &format!("seed {seed}, round {round}"));
    }
    // The storm is over: what is unknown is resolved inside its window.
    world.api().world().settings.faults = Faults::default();
    let last = world.run(&["replay", "--all", "--yes", "--json"]);
    assert_eq!(last.code, 0, "seed {seed}: {}", last.err);
    assert!(world.states().iter().all(|s| s == "replayed"), "seed {seed}");
    assert_file_and_ledger_agree(&world, lines.len(), &format!("seed {seed}, end"));
    let ledger = world.api().world().ledger.clone();
    for line in &lines {
        let key = line["idempotency_key"].as_str().unwrap();
        assert_eq!(ledger.applied_under(key), 1, "seed {seed}: {key}");
    }
    assert!(world.ok(&["doctor"]).contains("all counts agree"));
}

/// No write lost, no append twice, no state that contradicts the ledger; every request has exactly one attempt.
fn assert_file_and_ledger_agree(world: &World, count: usize, when: &str) {
    // Opening for writing recovers what the dead run left.
    world.run(&["discard", "id:0", "--reason", "nothing: only to recover"]);
    let ledger = world.api().world().ledger.clone();
    let writes = world.writes();
    assert_eq!(writes.len(), count, "{when}");
    let mut applied: BTreeMap<&str, usize> = BTreeMap::new();
    for entry in &ledger.applied {
        *applied.entry(&entry.key).or_default() += 1;
    }
    let mut attempts = 0;
    for write in &writes {
        let key = write["idempotency_key"].as_str().unwrap();
        let times = applied.get(key).copied().unwrap_or(0);
        assert!(times <= 1, "{when}: {key} was applied {times} times");
        match write["state"].as_str().unwrap() {
            "replayed" => assert_eq!(times, 1, "{when}: {key} is said to be replayed"),
            "pending" if write["ambiguous_since"].is_null() => {
                assert_eq!(times, 0, "{when}: {key} is said to be surely not applied");
            }
            "pending" | "unknown" => {}
            other => panic!("{when}: {key} is {other}"),
        }
        attempts += usize::try_from(write["attempts"].as_i64().unwrap()).unwrap();
    }
    assert!(ledger.seen.len() <= attempts, "{when}: {} requests, {attempts} attempts", ledger.seen.len());
}
