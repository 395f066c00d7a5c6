//! kill -9 of ingests at random instants (of replays: soak.rs).
//! `DLQ_KILLS=100` asks for more of them; a failing round prints its seed, and `DLQ_SEED` plays it again.

use std::collections::BTreeSet;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;

use crate::world::{World, order};

fn kills() -> u64 {
    std::env::var("DLQ_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(10)
}

pub fn seed() -> u64 {
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
