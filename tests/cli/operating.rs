//! Operating a replay: pace, breakers, cached answers, live control, going on after a stop, several runs on one file.

use std::net::TcpListener;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use dlq::sandbox::{Faults, Settings};
use serde_json::{Value, json};

use crate::world::{Ran, World, millis, order, profile, time, wait_until};

fn replay(world: &World, args: &[&str]) -> Ran {
    world.run(&[&["replay", "--json", "--yes"], args].concat())
}

fn slow(delay_ms: u64) -> Settings {
    let faults = Faults { delayed: 1000, delay: Duration::from_millis(delay_ms), ..Faults::default() };
    Settings { faults, ..Settings::default() }
}

/// A command under way; killed if its test fails first.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(world: &World, args: &[&str]) -> Running {
    let out = std::fs::File::create(world.path("out")).unwrap();
    let err = std::fs::File::create(world.path("err")).unwrap();
    Running(world.command(args).stdin(Stdio::null()).stdout(out).stderr(err).spawn().unwrap())
}

/// What a command that was started said, once it ended.
fn end(world: &World, mut child: Running) -> Ran {
    let code = child.0.wait().unwrap().code().unwrap_or(-1);
    let read = |name| std::fs::read_to_string(world.path(name)).unwrap();
    Ran { code, out: read("out"), err: read("err") }
}

fn seen(world: &World) -> usize {
    world.api().world().ledger.seen.len()
}

fn send_signal(child: &Running, signal: &str) {
    let status = std::process::Command::new("kill").arg(format!("-{signal}")).arg(child.0.id().to_string()).status();
    assert!(status.unwrap().success());
}

fn bad_order(n: usize) -> Value {
    let mut line = order(n);
    line["body"]["record"]["nonsense"] = 1.into();
    line
}

#[test]
fn promise_8_a_failed_canary_names_its_request_and_a_new_kind_of_failure_is_announced() {
    let world = World::with_api(Settings::default());
    world.ingest(&(0..5).map(bad_order).collect::<Vec<_>>());
    let ran = world.run(&["replay", "--all", "--yes"]);
    assert_eq!(ran.code, 4, "{ran:?}");
    let cid = world.api().world().ledger.seen[0].correlation_id.clone();
    assert!(ran.out.contains(&format!("[correlation ID {cid}]); 4 writes were never sent")), "{}", ran.out);
    // It was captured as a failure of `total`; it is one of `nonsense` now.
    assert!(ran.err.contains("new in group 1: write 1 failed in another way"), "{}", ran.err);
    assert!(ran.out.contains("Next, once the cause is fixed: dlq replay --continue 1"), "{}", ran.out);
    let again = replay(&world, &["id:1"]);
    assert!(!again.err.contains("new in group"), "{}", again.err);
}

#[test]
fn promise_9_the_rate_is_kept_also_by_two_runs_on_one_target() {
    let world = World::with_api(Settings::default());
    world.ingest(&(0..20).map(order).collect::<Vec<_>>());
    let args = |query| ["replay", query, "--yes", "--json", "--no-canary", "--rate", "10", "--alongside"];
    let began = Instant::now();
    let first = start(&world, &args("id:1..10"));
    let second = replay(&world, &["id:11..20", "--no-canary", "--rate", "10", "--alongside"]);
    assert_eq!((second.code, end(&world, first).code), (0, 0), "{second:?}");
    // 20 requests at 10 a second: the first at once, the last 1.9 seconds later.
    let took = began.elapsed();
    assert!((1.8..6.0).contains(&took.as_secs_f64()), "{took:?}");
    assert_eq!(world.api().world().ledger.applied.len(), 20);
}

#[test]
fn promise_9_a_target_that_was_closed_stays_closed_for_the_next_run() {
    let world = World::with_api(Settings { rate: Some(1.0), ..Settings::default() });
    world.ingest(&[order(1), order(2), order(3)]);
    world.api().world().settings.rate = Some(0.7);
    let first = replay(&world, &["--all", "--max-attempts", "1", "--no-canary", "--concurrency", "1", "--limit", "2"]);
    assert_eq!(first.code, 3, "the second came too early: {first:?}");
    let began = Instant::now();
    let second = replay(&world, &["id:3"]);
    assert_eq!(second.code, 0, "{second:?}");
    assert!(began.elapsed() > Duration::from_millis(700), "{:?}", began.elapsed());
    assert_eq!(second.lines()[0]["attempts"], 1, "it waited instead of asking again");
}

#[test]
fn promise_9_a_quota_that_is_nearly_used_up_slows_the_run_down() {
    let world = World::with_api(Settings { rate: Some(9.0), ..Settings::default() });
    world.ingest(&(0..4).map(order).collect::<Vec<_>>());
    let began = Instant::now();
    assert_eq!(replay(&world, &["--all", "--no-canary"]).code, 0);
    assert!(began.elapsed() > Duration::from_millis(1400), "half a second after each of three: {:?}", began.elapsed());
    assert_eq!(seen(&world), 4, "no 429 was provoked");
}

#[test]
fn promise_10_a_403_stops_its_endpoint_alone() {
    let world = World::with_api(Settings::default());
    world.api().world().add_field("profiles", "points");
    world.api().world().settings.forbidden.insert("orders".to_owned());
    let mut lines: Vec<Value> = (0..5).map(order).collect();
    lines.extend((10..15).map(|n| profile(n, &format!("p{n}@example.org"))));
    world.ingest(&lines);
    let ran = replay(&world, &["--all", "--no-canary", "--concurrency", "1"]);
    assert_eq!(ran.code, 4, "{ran:?}");
    let summary = ran.summary();
    assert_eq!((&summary["replayed"], &summary["failed"], &summary["unsent"]), (&json!(5), &json!(1), &json!(4)));
    assert_eq!(summary["stopped"], "endpoint-forbidden");
    assert_eq!(summary["stopped_data"]["path"], "records/orders/append");
    let told = world.ok(&["report", "--run", "1"]);
    assert!(told.contains("records/orders/append was stopped: this token isn't allowed there"), "{told}");
    // The scope is added: the rest goes.
    world.api().world().settings.forbidden.clear();
    let rest = replay(&world, &["--continue", "1"]);
    assert_eq!((rest.code, &rest.summary()["replayed"]), (0, &json!(5)), "what failed is part of the rest: {rest:?}");
}

#[test]
fn promise_10_failures_in_a_row_stop_their_group_and_no_other() {
    let world = World::with_api(Settings::default());
    let mut lines: Vec<Value> = (0..10).map(bad_order).collect();
    for line in &mut lines {
        line["error_message"] = "record.nonsense: field does not exist in object schema".into();
    }
    lines.extend((20..25).map(order));
    world.ingest(&lines);
    let ran = replay(&world, &["--all", "--no-canary", "--concurrency", "1", "--max-failures", "3"]);
    assert_eq!(ran.code, 4, "{ran:?}");
    let summary = ran.summary();
    assert_eq!((&summary["failed"], &summary["unsent"], &summary["replayed"]), (&json!(3), &json!(7), &json!(5)));
    assert_eq!((&summary["stopped"], &summary["stopped_data"]["count"]), (&json!("failures-in-a-row"), &json!(3)));
    assert!(world.ok(&["report", "--run", "1"]).contains("3 writes failed in a row"));
}

#[test]
fn promise_10_a_target_that_cannot_be_reached_is_given_up_soon() {
    let mut world = World::with_api(Settings::default());
    world.env.remove(0);
    world.ingest(&(0..50).map(order).collect::<Vec<_>>());
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("http://127.0.0.1:{port}/public/v1");
    let ran = replay(&world, &["--all", "--no-canary", "--base-url", &url]);
    assert_eq!(ran.code, 4, "{ran:?}");
    assert!(ran.err.contains("fail: trying one write at a time from now on"), "{}", ran.err);
    assert_eq!(ran.summary()["stopped"], "unreachable", "{ran:?}");
    assert!(world.ok(&["runs"]).contains("can't be reached"));
    let attempts: i64 = world.writes().iter().map(|w| w["attempts"].as_i64().unwrap()).sum();
    assert!(attempts < 15, "{attempts} connections were tried");
    assert!(world.states().iter().all(|s| s == "pending"), "nothing was sent, so nothing is unknown");
}

#[test]
fn promise_10_the_circuit_closes_when_the_target_comes_back() {
    let mut world = World::with_api(Settings::default());
    world.env.remove(0);
    world.file("config.toml", "[targets.default]\nbackoff = '300ms'\n");
    world.ingest(&(0..20).map(order).collect::<Vec<_>>());
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("http://127.0.0.1:{port}/public/v1");
    let child = start(
        &world,
        &["replay", "--all", "--yes", "--json", "--no-canary", "--base-url", &url, "--max-attempts", "9"],
    );
    let said = || std::fs::read_to_string(world.path("err")).unwrap();
    wait_until(|| said().contains("fail: trying one write at a time"));
    // Something answers there again.
    let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || answer_all(stream));
        }
    });
    let ran = end(&world, child);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.err.contains("work again"), "{}", ran.err);
}

/// Accepts whatever comes over a connection.
fn answer_all(mut stream: std::net::TcpStream) {
    use std::io::{Read as _, Write as _};
    let mut request = Vec::new();
    let mut chunk = [0; 4096];
    while let Ok(n @ 1..) = stream.read(&mut chunk) {
        request.extend_from_slice(&chunk[..n]);
        let text = String::from_utf8_lossy(&request).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|l| l.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
        if body.len() >= length.unwrap_or(0) {
            request.clear();
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 16\r\n\r\n{\"success\":true}");
        }
    }
}

#[test]
fn promise_6_a_cached_refusal_is_told_and_not_tried_again() {
    let world = World::with_api(Settings { cache_errors: true, ..Settings::default() });
    world.ingest(&[bad_order(1)]);
    let first = replay(&world, &["--all"]);
    assert_eq!((&first.lines()[0]["cached"], first.code), (&json!(false), 4));
    // The schema is mended, and the API answers from its cache.
    world.api().world().add_field("orders", "nonsense");
    let second = replay(&world, &["--all"]);
    assert_eq!((&second.lines()[0]["cached"], second.code), (&json!(true), 4), "{second:?}");
    assert_eq!(second.lines()[0]["reason"], "api-refused", "{second:?}");
    // A new key gets past it, and the old one is kept.
    let third = replay(&world, &["--all", "--new-key", "--reason", "the cache holds the refusal"]);
    assert_eq!(third.code, 0, "{third:?}");
    let write = &world.writes()[0];
    assert_eq!(write["parent_key"], "key-1");
    let key = write["idempotency_key"].as_str().unwrap();
    assert_ne!(key, "key-1");
    assert_eq!(third.lines()[0]["idempotency_key"], key);
    let ledger = world.api().world().ledger.clone();
    assert_eq!((ledger.applied_under(key), ledger.applied_under("key-1")), (1, 0));
    for query in ["key:key-1", &format!("key:{key}")] {
        assert_eq!(world.json(&["list", "--json", "state:any", query]).len(), 1, "{query}");
    }
    let history = world.ok(&["history", "1"]);
    assert!(history.contains("new-key") && history.contains("the cache holds the refusal"), "{history}");
    // The captured failure again is still the same write.
    let again: Value = serde_json::from_str(&world.ingest(&[bad_order(1)]).out).unwrap();
    assert_eq!(again["repeated"], 1);
}

#[test]
fn a_new_key_at_a_rate_leaves_every_row_sound() {
    let world = World::with_api(Settings::default());
    world.ingest(&(0..3).map(order).collect::<Vec<_>>());
    world.api().world().storm = 1;
    let ran = replay(&world, &["--all", "--new-key", "--rate", "500", "--reason", "r"]);
    assert_eq!((ran.code, &ran.summary()["replayed"]), (0, &json!(3)), "the storm is retried, too: {ran:?}");
    assert_eq!(world.writes().len(), 3);
    assert!(world.run(&["doctor"]).out.contains("3 writes match their seals"));
}

#[test]
fn promise_6_the_same_refusal_again_is_maybe_cached() {
    // This API caches refusals and does not say so.
    let world = World::with_api(Settings { cache_errors: true, mark_replays: false, ..Settings::default() });
    let mut line = bad_order(1);
    line["error_message"] = "record.nonsense: field does not exist in object schema".into();
    world.ingest(&[line, order(2)]);
    let ran = world.run(&["replay", "id:1", "--yes"]);
    assert_eq!(ran.code, 4);
    assert!(ran.out.contains("maybe-cached. If the cause is fixed, the API may go on answering"), "{}", ran.out);
    let again = replay(&world, &["id:1"]);
    // The sandbox's cached answer has a correlation ID of its own, so only the refusal itself tells.
    assert!(again.lines()[0]["reason_data"]["maybe_cached_until"].as_str().unwrap().starts_with("20"), "{again:?}");
    assert_eq!(again.lines()[0]["cached"], false);
}

#[test]
fn promise_6_a_new_key_is_refused_to_what_may_have_been_applied() {
    let world = World::with_api(Settings::default());
    let mut ambiguous = order(1);
    ambiguous["status"] = 503.into();
    world.ingest(&[ambiguous, order(2)]);
    let ran = replay(&world, &["--all", "--new-key", "--allow-duplicates"]);
    assert_eq!((ran.code, &ran.lines()[0]["reason"]), (6, &json!("outcome-unknown")), "{ran:?}");
    assert_eq!(world.states(), ["pending", "replayed"]);
    assert_eq!(world.api().world().ledger.applied.len(), 1);
}

#[test]
fn a_run_is_stopped_and_continued_from_another_terminal() {
    let world = World::with_api(slow(60));
    world.ingest(&(0..40).map(order).collect::<Vec<_>>());
    let child = start(&world, &["replay", "--all", "--yes", "--json", "--concurrency", "2"]);
    wait_until(|| seen(&world) >= 3);
    let said = world.ok(&["runs", "stop", "1", "--operator", "ana"]);
    assert!(said.contains("Run 1 finishes what is in flight and ends"), "{said}");
    let ran = end(&world, child);
    assert_eq!(ran.code, 4, "{ran:?}");
    let summary = ran.summary();
    assert_eq!((&summary["stopped"], &summary["stopped_data"]["by"]), (&json!("asked"), &json!("ana")));
    let sent = summary["replayed"].as_u64().unwrap();
    assert_eq!((summary["unsent"].as_u64().unwrap() + sent, seen(&world) as u64), (40, sent));
    assert_eq!(world.json(&["runs", "--json"])[0]["state"], "stopped");
    let over = world.run(&["runs", "stop", "1"]);
    assert_eq!((over.code, over.err.contains("run 1 is over (stopped)")), (1, true), "{over:?}");
    // One write of the rest is changed meanwhile, a new one comes in.
    world.ok(&["discard", "id:40", "--reason", "given up"]);
    world.ingest(&[order(99)]);
    world.api().world().settings.faults = Faults::default();
    let rest = replay(&world, &["--continue", "1"]);
    assert_eq!(rest.code, 0, "{rest:?}");
    let summary = rest.summary();
    assert_eq!((&summary["replayed"], &summary["skipped"]), (&json!(39 - sent), &json!(1)), "{rest:?}");
    assert_eq!(summary["new_since_plan"], 1, "since the first plan");
    let runs = world.json(&["runs", "--json"]);
    assert_eq!(runs[0]["query"], "--continue 1");
    assert_eq!(world.api().world().ledger.applied.len(), 39);
    let nothing = replay(&world, &["--continue", "1"]);
    assert_eq!((nothing.code, &nothing.summary()["skipped"]), (0, &json!(40 - sent)), "{nothing:?}");
}

#[test]
fn a_run_is_paused_resumed_and_paced_from_another_terminal() {
    let world = World::with_api(slow(20));
    world.ingest(&(0..60).map(order).collect::<Vec<_>>());
    let child = start(&world, &["replay", "--all", "--yes", "--json", "--concurrency", "2", "--rate", "20"]);
    wait_until(|| seen(&world) >= 2);
    world.ok(&["runs", "pause", "1", "--operator", "ana"]);
    let said = || std::fs::read_to_string(world.path("err")).unwrap();
    wait_until(|| said().contains("paused by ana"));
    // What was in flight comes back; then nothing more leaves, at 20 a second.
    wait_until(|| {
        let before = seen(&world);
        std::thread::park_timeout(Duration::from_millis(300));
        seen(&world) == before
    });
    assert!(seen(&world) < 30, "{}", seen(&world));
    assert!(world.ok(&["runs"]).contains("paused"));
    world.ok(&["runs", "pace", "1", "--rate", "none", "--concurrency", "4"]);
    world.ok(&["runs", "resume", "1", "--operator", "ana"]);
    let began = Instant::now();
    let ran = end(&world, child);
    assert_eq!((ran.code, &ran.summary()["replayed"]), (0, &json!(60)), "{ran:?}");
    assert!(began.elapsed() < Duration::from_secs(2), "the limit is gone: {:?}", began.elapsed());
    assert!(ran.err.contains("set the pace: no rate limit, at most 4 at once"), "{}", ran.err);
    for wrong in [["runs", "pace", "1"].as_slice(), &["runs", "pace", "1", "--rate", "0"], &["runs", "stop"]] {
        assert_eq!(world.run(wrong).code, 2, "{wrong:?}");
    }
    assert_eq!(world.run(&["runs", "stop", "77"]).code, 1);
}

#[test]
fn promise_4_a_stopped_process_keeps_its_claims_and_goes_on_when_it_wakes() {
    let world = World::with_api(slow(150));
    world.api().world().add_field("profiles", "points");
    let lines: Vec<Value> = (0..6).map(|n| profile(n, "one@example.org")).collect();
    world.ingest(&lines);
    world.ingest(&[order(50), order(51)]);
    let child = start(&world, &["replay", "object:profiles", "--yes", "--json", "--no-canary"]);
    wait_until(|| seen(&world) >= 1);
    send_signal(&child, "STOP");
    // Others see that it lives, and leave its write and its lane alone.
    assert_eq!(world.json(&["runs", "--json"])[0]["state"], "running");
    let refused = replay(&world, &["object:orders"]);
    assert!(refused.code == 7 && refused.err.contains("join in with --alongside"), "{refused:?}");
    let beside = replay(&world, &["--all", "--alongside"]);
    assert_eq!((beside.code, &beside.summary()["replayed"]), (6, &json!(2)), "{beside:?}");
    assert_eq!(beside.summary()["refused"], 5, "the rest of the lane waits behind a write that is in flight elsewhere");
    let claimed = world.run(&["discard", "id:1", "--reason", "r"]);
    assert!(claimed.err.contains("run 1 is sending it"), "{claimed:?}");
    send_signal(&child, "CONT");
    let ran = end(&world, child);
    assert_eq!((ran.code, &ran.summary()["replayed"]), (0, &json!(6)), "{ran:?}");
    let applied = world.api().world().ledger.applied.len();
    assert_eq!(applied, 8);
}

#[test]
fn promise_5_the_plan_warns_of_windows_that_end_and_sends_those_first() {
    let world = World::with_api(Settings::default());
    let ago = |length: Duration| json!(time(millis() - i64::try_from(length.as_millis()).unwrap()));
    let mut lines: Vec<Value> = (0..10).map(order).collect();
    for (n, line) in lines.iter_mut().enumerate() {
        line["failed_at"] = ago(Duration::from_hours(29) + Duration::from_secs(60 - n as u64));
    }
    // The last may have been applied, and its key is remembered for one more minute.
    lines[9]["status"] = 503.into();
    lines[9]["failed_at"] = ago(Duration::from_hours(23));
    lines[9]["first_attempt_at"] = ago(Duration::from_mins(24 * 60 - 1));
    world.ingest(&lines);
    let dry = world.run(&["replay", "--all", "--dry-run", "--rate", "0.1"]);
    assert!(dry.out.contains("WARNING   1 write may lose the key window before the run ends"), "{}", dry.out);
    let stats = world.ok(&["stats"]);
    assert!(stats.contains("First key window ends in") && stats.contains("write 10 may have been applied"), "{stats}");
    let ran = replay(&world, &["--all", "--rate", "0.1", "--limit", "10", "--dry-run"]);
    assert_eq!(ran.lines()[0]["id"], 10, "it goes first");
    assert_eq!(replay(&world, &["--all", "--dry-run"]).lines()[0]["id"], 1, "there is time enough at full speed");
}

#[test]
fn promise_9_a_long_wait_for_the_target_is_told() {
    let world = World::with_api(Settings::default());
    world.ingest(&[order(1), order(2)]);
    world.run(&["replay", "id:1", "--yes"]);
    // Another run was told to keep away for two seconds.
    close_target(&world, Duration::from_secs(2));
    let began = Instant::now();
    let ran = replay(&world, &["--all"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(began.elapsed() > Duration::from_millis(1500));
    assert!(ran.err.contains("waiting 1 s: the API asked for that, or the rate limit is reached"), "{}", ran.err);
    // A time that is further away than anyone may ask for is a clock that was set back.
    close_target(&world, Duration::from_hours(30));
    world.ingest(&[order(3)]);
    let began = Instant::now();
    assert_eq!(replay(&world, &["--all"]).code, 0);
    assert!(began.elapsed() < Duration::from_secs(5));
}

#[test]
fn promise_6_a_new_key_does_not_protect_what_the_producer_sent_under_the_old_one() {
    let world = World::with_api(Settings::default());
    let mut twin = bad_order(2);
    twin["idempotency_key"] = "key-1".into();
    world.ingest(&[bad_order(1), twin]);
    replay(&world, &["--all", "--new-key", "--no-canary"]);
    let writes = world.writes();
    assert_ne!(writes[0]["idempotency_key"], writes[1]["idempotency_key"], "each its own");
    // The producer tries again under its own key, and gets no answer.
    let mut again = bad_order(1);
    again["status"] = 504.into();
    world.ingest(&[again]);
    world.api().world().add_field("orders", "nonsense");
    let ran = replay(&world, &["id:1"]);
    assert_eq!((ran.code, &ran.lines()[0]["reason"]), (6, &json!("key-not-sent")), "{ran:?}");
}

#[test]
fn promise_2_what_was_settled_since_is_skipped_and_its_lane_goes_on() {
    let mut world = World::with_api(Settings::default());
    world.api().world().add_field("profiles", "points");
    world.env[1].1 = Settings::default().expired_token;
    world.ingest(&[order(0), profile(1, "a@x.org"), profile(2, "a@x.org"), profile(3, "a@x.org")]);
    assert_eq!(replay(&world, &["--all"]).code, 4, "nobody gets through");
    world.env[1].1 = Settings::default().token;
    let by_hand = replay(&world, &["lane:a@x.org", "--limit", "2"]);
    assert_eq!((by_hand.code, &by_hand.summary()["replayed"]), (0, &json!(2)), "{by_hand:?}");
    let dry = world.run(&["replay", "--continue", "1", "--dry-run"]);
    assert!(dry.out.contains("to send   2 writes") && dry.out.contains("settled   2 writes"), "{}", dry.out);
    let rest = replay(&world, &["--continue", "1"]);
    let summary = rest.summary();
    assert_eq!((rest.code, &summary["replayed"], &summary["skipped"]), (0, &json!(2), &json!(2)), "{rest:?}");
    assert!(world.states().iter().all(|s| s == "replayed"));
}

/// Closes the target for so long, as if another run had been told so.
fn close_target(world: &World, length: Duration) {
    let until = millis() + i64::try_from(length.as_millis()).unwrap();
    let file = rusqlite::Connection::open(world.db()).unwrap();
    file.execute("UPDATE targets SET opens_at = ?", [until]).unwrap();
}

#[test]
fn a_pause_is_heeded_also_while_the_target_is_closed() {
    let world = World::with_api(Settings::default());
    world.ingest(&(0..6).map(order).collect::<Vec<_>>());
    close_target(&world, Duration::from_secs(2));
    let child = start(&world, &["replay", "--all", "--yes", "--json", "--no-canary"]);
    let said = || std::fs::read_to_string(world.path("err")).unwrap();
    wait_until(|| said().contains("waiting"));
    world.ok(&["runs", "pause", "1"]);
    std::thread::park_timeout(Duration::from_millis(2500));
    assert_eq!(seen(&world), 0, "the target is open, and the run is paused");
    world.ok(&["runs", "resume", "1"]);
    assert_eq!(end(&world, child).code, 0);
    assert_eq!(seen(&world), 6);
}

#[test]
fn a_new_pace_is_heeded_also_while_another_run_has_the_token() {
    let world = World::with_api(Settings::default());
    world.ingest(&(0..4).map(order).collect::<Vec<_>>());
    assert_eq!(replay(&world, &["id:1", "--rate", "0.01"]).code, 0);
    let began = Instant::now();
    let child = start(&world, &["replay", "--all", "--yes", "--json", "--no-canary", "--rate", "0.01"]);
    let said = || std::fs::read_to_string(world.path("err")).unwrap();
    wait_until(|| said().contains("waiting"));
    assert_eq!(seen(&world), 1, "the next token is 100 seconds away");
    world.ok(&["runs", "pace", "2", "--rate", "none"]);
    assert_eq!(end(&world, child).code, 0);
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
}
