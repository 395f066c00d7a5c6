//! A soak: replays, up to four at once on one file, are killed, stopped and woken at random instants, while the API drops
//! connections before and after applying, limits, fails and delays. After every round the file is compared with the API's
//! ledger. `cargo test --test cli soak -- --ignored` kills 300; `DLQ_KILLS` asks for another number. A failing round
//! prints its seed, and `DLQ_SEED` plays its choices again.

use std::collections::{BTreeMap, HashMap};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use dlq::sandbox::{Faults, Ledger, Settings};

use crate::kills::seed;
use crate::world::{World, order, profile};

#[test]
fn promise_3_killed_replays_lose_nothing_and_double_send_nothing() {
    soak(kills(30));
}

#[test]
#[ignore = "takes minutes"]
fn soak_of_300_kills() {
    soak(kills(300));
}

fn kills(default: u32) -> u32 {
    std::env::var("DLQ_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(default)
}

fn soak(kills: u32) {
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
    world.api().world().add_field("profiles", "points");
    let mut count = 0;
    let (mut killed, mut round) = (0, 0);
    while killed < kills {
        // Something new to send in every round: appends of their own, and upserts that share ten lanes.
        let mut fresh: Vec<_> = (count..count + 60).map(order).collect();
        fresh.extend((count + 60..count + 80).map(|n| profile(n, &format!("p{}@example.org", n % 10))));
        count += fresh.len();
        assert_eq!(world.ingest(&fresh).code, 0);
        killed += disturbed_replays(&world, &mut random);
        round += 1;
        let when = format!("seed {seed}, round {round}");
        // Opening for writing recovers what the dead runs left.
        world.run(&["discard", "id:0", "--reason", "nothing: only to recover"]);
        assert_file_and_ledger_agree(&world, count, &when);
    }
    // The storm is over: what is unknown is resolved inside its window.
    world.api().world().settings.faults = Faults::default();
    let last = world.run(&["replay", "--all", "--yes", "--json"]);
    assert_eq!(last.code, 0, "seed {seed}: {}", last.err);
    assert!(world.states().iter().all(|s| s == "replayed"), "seed {seed}");
    assert_file_and_ledger_agree(&world, count, &format!("seed {seed}, end"));
    let ledger = world.api().world().ledger.clone();
    assert_eq!(ledger.applied.len(), count, "seed {seed}: each exactly once");
    assert!(world.ok(&["doctor"]).contains("all counts agree"));
    eprintln!("{killed} kills in {round} rounds, {} requests for {count} writes", ledger.seen.len());
}

/// A replay under way; killed when it goes out of sight, also by a failing test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Running {
    fn signal(&self, signal: &str) {
        let _ = Command::new("kill").arg(format!("-{signal}")).arg(self.0.id().to_string()).status();
    }

    /// Whether it was still there to be killed.
    fn kill(mut self) -> bool {
        let alive = self.0.try_wait().unwrap().is_none();
        let _ = self.0.kill();
        alive
    }
}

/// Starts up to four replays beside each other and kills them, one after the other; some stand still for a while first.
/// Gives how many were still running when they were killed.
fn disturbed_replays(world: &World, random: &mut fastrand::Rng) -> u32 {
    let mut running: Vec<Running> = (0..random.usize(1..=4))
        .map(|_| {
            let concurrency = random.usize(1..16).to_string();
            let attempts = random.usize(1..4).to_string();
            let mut command = world.command(&[
                "replay",
                "--all",
                "--yes",
                "--no-canary",
                "--alongside",
                "--max-failures",
                "1000",
                "--max-attempts",
                &attempts,
                "--concurrency",
                &concurrency,
            ]);
            Running(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
        })
        .collect();
    let mut killed = 0;
    while !running.is_empty() {
        pause(random.u64(2..120));
        let next = running.swap_remove(random.usize(..running.len()));
        if random.u8(..4) == 0 {
            next.signal("STOP");
            pause(random.u64(1..60));
            if random.bool() {
                next.signal("CONT");
                pause(random.u64(1..40));
            }
        }
        killed += u32::from(next.kill());
    }
    killed
}

fn pause(milliseconds: u64) {
    std::thread::park_timeout(Duration::from_millis(milliseconds));
}

/// An attempt as the file has it.
struct Attempt {
    key: String,
    status: Option<u16>,
    correlation_id: Option<String>,
}

fn attempts(world: &World) -> Vec<Attempt> {
    let file = rusqlite::Connection::open(world.db()).unwrap();
    let mut statement = file
        .prepare("SELECT w.key, a.status, a.correlation_id FROM attempts a JOIN writes w ON w.id = a.write_id")
        .unwrap();
    let rows = statement
        .query_map([], |row| Ok(Attempt { key: row.get(0)?, status: row.get(1)?, correlation_id: row.get(2)? }));
    rows.unwrap().map(Result::unwrap).collect()
}

/// No write lost, no append twice, no lane out of order, no state that contradicts the ledger; every request has exactly
/// one attempt, every answered attempt one request.
fn assert_file_and_ledger_agree(world: &World, count: usize, when: &str) {
    let ledger = settled_ledger(world);
    let writes = world.writes();
    assert_eq!(writes.len(), count, "{when}");
    let mut applied: BTreeMap<&str, usize> = BTreeMap::new();
    for entry in &ledger.applied {
        *applied.entry(&entry.key).or_default() += 1;
    }
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
    }
    assert_requests_and_attempts_agree(&ledger, &attempts(world), when);
    let mut last: HashMap<String, u64> = HashMap::new();
    for entry in ledger.applied.iter().filter(|a| a.object == "profiles") {
        let n: u64 = entry.key.trim_start_matches("profile-").parse().unwrap();
        let before = last.insert(format!("p{}", n % 10), n);
        assert!(before.is_none_or(|before| before < n), "{when}: {n} came after {before:?} in its lane");
    }
}

fn assert_requests_and_attempts_agree(ledger: &Ledger, attempts: &[Attempt], when: &str) {
    let mut requests: HashMap<&str, &str> = HashMap::new();
    for seen in &ledger.seen {
        assert!(requests.insert(&seen.correlation_id, &seen.key).is_none());
    }
    // Answered attempts: each is one request, and no two are the same one. A cached answer has the ID of its own request.
    let mut silent: HashMap<&str, usize> = HashMap::new();
    for attempt in attempts {
        match (&attempt.status, &attempt.correlation_id) {
            (Some(_), Some(id)) => {
                assert_eq!(requests.remove(id.as_str()), Some(attempt.key.as_str()), "{when}: {id} is no request");
            }
            (None, None) => *silent.entry(&attempt.key).or_default() += 1,
            other => panic!("{when}: an attempt of {} has {other:?}", attempt.key),
        }
    }
    // Requests whose answer nobody got: each has an attempt of its own.
    for (id, key) in requests {
        let left = silent.get_mut(key).filter(|n| **n > 0);
        let left = left.unwrap_or_else(|| panic!("{when}: request {id} for {key} has no attempt"));
        *left -= 1;
    }
}

/// The ledger once nothing is on its way any more: a killed process's request may still be arriving.
fn settled_ledger(world: &World) -> Ledger {
    let mut before = world.api().world().ledger.clone();
    loop {
        pause(15);
        let now = world.api().world().ledger.clone();
        if now.seen.len() == before.seen.len() {
            return now;
        }
        before = now;
    }
}
