//! Nothing lost and nothing sent by mistake: rejects of many processes, selections that mean nothing, pipes that stay open,
//! exports that come in again, copies, planted links, other destinations.

use std::collections::BTreeSet;
use std::io::{BufRead as _, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use dlq::sandbox::Settings;
use serde_json::{Value, json};

use crate::kills::seed;
use crate::world::{World, order, profile};

fn raws(world: &World) -> Vec<String> {
    let text = std::fs::read_to_string(world.path("dlq.db-rejects.ndjson")).unwrap_or_default();
    let lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.map(|line| line["raw"].as_str().unwrap().to_owned()).collect()
}

/// Waits until something holds; a test that can't go on has failed.
fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(10);
    while !holds() {
        assert!(Instant::now() < end, "never: {what}");
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

fn signal(child: &Child, signal: &str) {
    assert!(Command::new("kill").arg(format!("-{signal}")).arg(child.id().to_string()).status().unwrap().success());
}

#[test]
fn rejects_of_parallel_ingests_are_all_kept_also_under_kills() {
    let seed = seed();
    eprintln!("DLQ_SEED={seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let world = World::new();
    world.ingest(&[order(0)]);
    let mut want = BTreeSet::new();
    for round in 0..12 {
        let mut children: Vec<(Child, Vec<String>)> = Vec::new();
        for process in 0..3 {
            let lines: Vec<String> = (0..100).map(|n| format!("broken {round} {process} {n}")).collect();
            let file = world.file(&format!("in-{process}.txt"), lines.join("\n") + "\n");
            let mut command = world.command(&["ingest", file.to_str().unwrap(), "-q"]);
            let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
            children.push((child, lines));
        }
        // Someone takes the rejects in at the same moment: what can't be mended stays.
        let mut command = world.command(&["ingest", "dlq.db-rejects.ndjson", "-q"]);
        let taking = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().ok();
        let killed = random.bool();
        if let Some(mut taking) = taking {
            std::thread::park_timeout(Duration::from_micros(random.u64(0..20_000)));
            if killed {
                let _ = taking.kill();
            }
            let _ = taking.wait();
        }
        for (mut child, lines) in children {
            if child.wait().unwrap().code() == Some(3) {
                want.extend(lines);
            }
        }
    }
    let kept = raws(&world);
    let found: BTreeSet<String> = kept.iter().cloned().collect();
    assert!(want.len() > 2000, "{}", want.len());
    let lost: Vec<_> = want.difference(&found).take(5).collect();
    assert!(lost.is_empty(), "seed {seed}: lost {lost:?} and more");
    assert_eq!(kept.len(), found.len(), "seed {seed}: the same line once");
    assert!(!world.path("dlq.db-rejects.ndjson.new").exists() || raws(&world).len() == kept.len());
}

#[test]
fn a_mistyped_or_empty_selection_is_refused() {
    let world = World::with_api(Settings::default());
    world.ingest(&[order(1), order(2)]);
    let reason = ["--reason", "x"];
    for (args, part) in [
        (&["replay", "-dry-run"][..], "--dry-run"),
        (&["replay", "-all", "--yes"], "--all"),
        (&["replay", ""], "an empty query selects nothing"),
        (&["replay", "  ", "type:schema"], "an empty query selects nothing"),
        (&["replay", "-"], "alone says nothing"),
        (&["replay", "-type:auth"], "add --all if you mean that"),
        (&["list", "type:schema", "-gold"], "-\"gold\""),
        (&["replay", "\" \""], "nothing between the quotes"),
        (&["replay", "message:~\"\""], "needs a text that is contained"),
        (&["replay", "--all", "--target", "nosuch"], "knows a target nosuch"),
        (&["replay"], "say what to replay"),
        (&["discard", "-y", "--reason", "x"], "say which writes"),
        (&["discard", "", "--reason", "x"], "an empty query selects nothing"),
        (&["resolve", "", "--applied", "--reason", "x"], "an empty query selects nothing"),
        (&["reopen", " ", "--reason", "x"], "an empty query selects nothing"),
        (&["discard", "-object:x", "--reason", "x"], "add --all if you mean that"),
    ] {
        let ran = world.run(args);
        assert_eq!(ran.code, 2, "{args:?}: {ran:?}");
        assert!(ran.err.contains(part), "{args:?}: {}", ran.err);
    }
    assert!(world.api().world().ledger.seen.is_empty());
    assert_eq!(world.states(), ["pending", "pending"]);
    // What says it, does it.
    world.ok(&["discard", "--all", "-object:profiles", "-y", reason[0], reason[1]]);
    world.ok(&["reopen", "--all", "-y", reason[0], reason[1]]);
    assert_eq!(world.run(&["replay", "--all", "-type:schema", "--yes", "--json"]).summary()["planned"], 0);
    // IDs by the hundred thousand, from stdin.
    let ids: String = (1..=100_000).map(|n| format!("{n}\n")).collect();
    let ran = world.run_with(&["replay", "--id", "-", "--dry-run", "--json"], ids.as_bytes());
    assert_eq!((ran.code, &ran.summary()["unsent"]), (0, &2.into()), "{}", ran.err);
    let ran = world.run_with(&["replay", "--id", "-", "--dry-run"], b"1\nx\n");
    assert!(ran.code == 2 && ran.err.contains("stdin, line 2"), "{}", ran.err);
}

#[test]
fn what_comes_down_an_open_pipe_is_committed_within_a_second() {
    let world = World::new();
    let mut child = world
        .command(&["ingest", "-", "--json"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut pipe = child.stdin.take().unwrap();
    let count = |world: &World| world.run(&["list", "--json", "--limit", "2000"]).lines().len();
    for n in 0..500 {
        writeln!(pipe, "{}", order(n)).unwrap();
    }
    writeln!(pipe, "broken").unwrap();
    pipe.flush().unwrap();
    until("500 writes while the pipe is open", || world.db().exists() && count(&world) == 500);
    until("the reject, too", || raws(&world) == ["broken"]);
    writeln!(pipe, "{}", order(500)).unwrap();
    pipe.flush().unwrap();
    until("one more", || count(&world) == 501);
    // The pipe is still open: the first signal reports and ends.
    signal(&child, "TERM");
    let output = child.wait_with_output().unwrap();
    let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&summary["read"], &summary["inserted"], &summary["rejected"]), (&502.into(), &501.into(), &1.into()));
    assert_eq!((output.status.code(), count(&world)), (Some(1), 501));
    drop(pipe);
}

#[test]
fn what_was_settled_stays_settled_where_an_export_comes_in() {
    let world = World::with_api(Settings::default());
    world.api().world().add_field("orders", "total");
    let mut batch = profile(7, "a@x.org");
    batch["path"] = "records/profiles/upsert-batch".into();
    batch["body"] = json!({ "records": [{"email": "a@x.org"}, {"email": "b"}], "matchKey": "email" });
    (batch["status"], batch["error_code"]) = (422.into(), "CDP_ETL.VALIDATION.REQUEST_INVALID".into());
    world.ingest(&[order(1), order(2), order(3), order(4), batch.clone()]);
    world.ok(&["replay", "id:1", "--yes"]);
    world.ok(&["discard", "id:2", "--reason", "x"]);
    world.ok(&["resolve", "id:3", "--applied", "--reason", "x"]);
    world.ok(&["split", "5"]);
    let export = world.ok(&["export", "state:any"]);
    let moved = World::with_api(Settings::default());
    moved.file("export.ndjson", &export);
    let ran = moved.run(&["ingest", "export.ndjson", "--json"]);
    assert_eq!((ran.code, &ran.lines()[0]["inserted"]), (0, &7.into()), "{ran:?}");
    assert_eq!(moved.states(), world.states());
    assert!(moved.ok(&["history", "1"]).contains("came in from an export as replayed; last attempt"));
    let parts = moved.json(&["list", "--json", "parent:5", "state:any"]);
    assert_eq!(parts.len(), 2, "parts stand in their batch's place");
    moved.run(&["replay", "--all", "--yes"]);
    assert_eq!(moved.api().world().ledger.applied_under("key-1"), 0, "what was accepted is not sent again");
    moved.ok(&["reopen", "id:2", "--reason", "x"]);
    assert_eq!(moved.states()[1], "pending");
    // Parts first, then their batch: it is known, and not sent beside them.
    let later = World::new();
    later.file("parts.ndjson", world.ok(&["export", "parent:5", "state:any"]));
    later.ok(&["ingest", "parts.ndjson"]);
    assert_eq!(later.ingest(&[batch.clone()]).lines()[0]["repeated"], 1);
    // A batch that is open here: its parts are refused, and nothing is settled by a line.
    let open = World::new();
    open.ingest(&[batch, order(2)]);
    open.file("export.ndjson", &export);
    let ran = open.run(&["ingest", "export.ndjson", "--json"]);
    assert_eq!((ran.code, &ran.lines()[0]["rejected"]), (3, &2.into()), "{ran:?}");
    assert!(ran.err.contains("2 lines are settled in the export and open here"), "{}", ran.err);
    assert_eq!(open.states()[..2], ["pending", "pending"]);
    // In any other line the same fields mean nothing.
    let plain = World::new();
    let mut line = order(9);
    (line["state"], line["key_origin"], line["captured_ambiguous"]) =
        ("replayed".into(), "derived".into(), false.into());
    plain.ingest(&[line]);
    let write = &plain.writes()[0];
    assert_eq!((&write["state"], &write["key_origin"]), (&"pending".into(), &"given".into()));
}

#[test]
fn backups_are_paths_and_are_what_they_say() {
    let world = World::new();
    world.ingest(&[order(1), order(2)]);
    let strange = std::ffi::OsStr::from_bytes(b"b\xff.db").to_owned();
    for name in [std::ffi::OsString::from("file:b.db"), strange, "with space?x=1#y.db".into()] {
        let output = world.command(&["backup"]).arg(&name).output().unwrap();
        assert!(output.status.success(), "{name:?}: {}", String::from_utf8_lossy(&output.stderr));
        assert!(String::from_utf8_lossy(&output.stdout).contains("2 writes"), "{name:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("open in both places"));
        let copy = world.directory.path().join(&name);
        let listed = world.command(&["list", "--json"]).env("DLQ_DB", &copy).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&listed.stdout).lines().count(), 2, "{name:?}");
        assert_eq!(std::fs::metadata(&copy).unwrap().permissions().mode() & 0o777, 0o600);
    }
    // What a kill left is cleaned up by the next.
    std::fs::write(world.path("c.db.partial"), "half").unwrap();
    world.ok(&["backup", "c.db"]);
    assert!(!world.path("c.db.partial").exists());
    assert_eq!(world.run(&["backup", "c.db"]).code, 1);
}

#[test]
fn planted_links_are_not_followed() {
    let world = World::with_api(Settings::default());
    world.api().world().add_field("orders", "total");
    world.ingest(&[order(1)]);
    let precious = world.file("precious.txt", "keep me");
    let link = |name: &str| std::os::unix::fs::symlink(&precious, world.path(name)).unwrap();
    link("dlq.db-run-1.lock");
    let ran = world.run(&["replay", "--all", "--yes"]);
    assert!(ran.code == 1 && ran.err.contains("in the way of a run's lock file"), "{ran:?}");
    std::fs::remove_file(world.path("dlq.db-run-1.lock")).unwrap();
    link("dlq.db-rejects.ndjson");
    let ran = world.run_with(&["ingest"], b"broken\n");
    assert!(ran.code == 1 && ran.err.contains("symbolic link"), "{ran:?}");
    std::fs::remove_file(world.path("dlq.db-rejects.ndjson")).unwrap();
    world.run_with(&["ingest"], b"broken\n");
    link("dlq.db-rejects.ndjson.new");
    assert_eq!(world.run(&["ingest", "dlq.db-rejects.ndjson"]).code, 3);
    assert_eq!(std::fs::read_to_string(&precious).unwrap(), "keep me");
    assert_eq!(raws(&world), ["broken"]);
}

#[test]
fn promise_4_a_lock_that_was_taken_away_stops_its_run_and_no_key_is_in_flight_twice() {
    let faults = dlq::sandbox::Faults { delayed: 1000, delay: Duration::from_millis(1500), ..Default::default() };
    let world = World::with_api(Settings { faults, ..Settings::default() });
    world.api().world().add_field("orders", "total");
    world.file("config.toml", "[targets.default]\nbackoff = '5ms'\ntimeout = '10s'\n");
    world.ingest(&(0..4).map(order).collect::<Vec<_>>());
    let mut command = world.command(&["replay", "--all", "--yes", "--no-canary", "--concurrency", "1"]);
    let first = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    until("a request", || !world.api().world().ledger.seen.is_empty());
    std::fs::remove_file(world.path("dlq.db-run-1.lock")).unwrap();
    // Another one looks at the file at once: what is in flight is left alone.
    let second = world.run(&["replay", "--all", "--yes", "--no-canary", "--json"]);
    let first = first.wait_with_output().unwrap();
    assert_eq!(first.status.code(), Some(1), "{}", String::from_utf8_lossy(&first.stderr));
    assert_eq!(second.code, 0, "{second:?}");
    let ledger = world.api().world().ledger.clone();
    let keys: BTreeSet<&str> = ledger.seen.iter().map(|seen| seen.key.as_str()).collect();
    assert_eq!(keys.len(), ledger.seen.len(), "each key once: {:?}", ledger.seen);
}

#[test]
fn a_line_that_names_another_target_goes_nowhere_by_default() {
    let world = World::with_api(Settings::default());
    let mut line = order(1);
    line["target"] = "eu-production".into();
    world.ingest(&[line]);
    let ran = world.run(&["replay", "--all", "--yes"]);
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(ran.err.contains("target set eu-production") && ran.err.contains("token_env"), "{}", ran.err);
    let url = world.api().base_url();
    let ran = world.run(&["replay", "--all", "--yes", "--base-url", &url]);
    assert!(ran.code == 2 && ran.err.contains("--base-url is for target default"), "{ran:?}");
    assert!(
        world
            .json(&["target", "list", "--json"])
            .iter()
            .all(|t| t["name"] != "eu-production" || t["base_url"].is_null())
    );
    // Set on purpose, it has no token yet; named, it may have the default one.
    world.ok(&["target", "set", "eu-production", "--base-url", &url, "--reason", "it is there"]);
    assert_eq!(world.run(&["replay", "--all", "--yes"]).code, 2);
    assert!(world.api().world().ledger.seen.is_empty());
    world.api().world().add_field("orders", "total");
    assert_eq!(world.run(&["replay", "--all", "--yes", "--target", "eu-production"]).code, 0);
    // The config says where a target is: another word is a mistake.
    world.file("config.toml", "[targets.default]\nbase_url = 'http://127.0.0.1:1/v1'\n");
    for args in [&["replay", "--all", "--yes"][..], &["ingest", "/dev/null"]] {
        let ran = world.run(args);
        assert!(ran.code == 2 && ran.err.contains("the config says that target default is at"), "{args:?} {ran:?}");
    }
}

#[test]
fn rejects_of_other_inputs_survive_an_ingest_of_the_rejects_that_breaks_off() {
    let world = World::new();
    world.run_with(&["ingest"], b"broken 1\n");
    world.file("in.txt", "broken 2\n");
    world.file("cut.gz", &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 1, 2][..]);
    assert_eq!(world.run(&["ingest", "dlq.db-rejects.ndjson", "in.txt", "cut.gz"]).code, 1);
    assert_eq!(raws(&world), ["broken 1", "broken 2"]);
}

// Quadratic, this took an hour.
#[test]
fn a_lane_of_thousands_is_listed_in_a_moment_and_so_is_a_message_without_spaces() {
    let world = World::new();
    let lines: Vec<Value> = (0..20_000).map(|n| profile(n, "same@example.org")).collect();
    world.ingest(&lines);
    let mut huge = order(1);
    huge["error_message"] = "x".repeat(800_000).into();
    world.ingest(&[huge]);
    assert_eq!(world.json(&["list", "--json"]).len(), 20_001);
    assert_eq!(world.ok(&["export"]).lines().count(), 20_001);
    world.ok(&["list", "hazard:lane-blocked"]);
    world.ok(&["list", "--limit", "5"]);
    world.ok(&["groups"]);
}

#[test]
fn no_secret_is_found_on_the_disk_or_printed() {
    let token = "tok-0123456789-abcdef";
    let world = World::with_api(Settings { token: "another".to_owned(), ..Settings::default() });
    let mut line = order(1);
    line["headers"] = json!({ "common": { "Authorization": "Bearer s3cret-a" } });
    line["rawHeaders"] = json!(["X-Api-Key", "s3cret-b"]);
    line["error_details"] =
        json!({ "request": { "headers": [["cookie", "s3cret-c"]] }, "url": "https://u:s3cret-d@x/y" });
    line["error_message"] = format!("Authorization: Bearer s3cret-e1; sent {token}").into();
    let mut path = order(2);
    path["path"] = "records/orders/append?api_key=s3cret-f".into();
    let text = format!(
        "{line}\n{path}\n{{\"headers\":{{\"Authorization\":\"Digest a=\\\"b\\\", response=\\\"s3cret-g\\\"\",\"body\":{{\n"
    );
    let mut command = world.command(&["ingest", "--json"]);
    command.env("EXPERITURE_API_KEY", token).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&summary["inserted"], &summary["rejected"]), (&1.into(), &2.into()), "{output:?}");
    for entry in std::fs::read_dir(world.directory.path()).unwrap() {
        let path = entry.unwrap().path();
        let Ok(bytes) = std::fs::read(&path) else { continue };
        for secret in ["s3cret", token] {
            assert!(memchr::memmem::find(&bytes, secret.as_bytes()).is_none(), "{secret} in {}", path.display());
        }
    }
}

#[test]
fn a_reader_that_stops_reading_does_not_keep_a_replay_from_ending() {
    let world = World::with_api(Settings::default());
    world.api().world().add_field("orders", "total");
    world.ingest(&(0..2000).map(order).collect::<Vec<_>>());
    let mut command = world.command(&["replay", "--all", "--yes", "--json", "--no-canary"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    until("the pipe to fill up", || world.api().world().ledger.seen.len() > 500);
    signal(&child, "TERM");
    let began = Instant::now();
    until("its end", || child.try_wait().unwrap().is_some());
    assert!(began.elapsed() < Duration::from_secs(8));
    assert!(!world.states().contains(&"replaying".to_owned()));
}

#[test]
fn a_token_file_that_others_can_read_is_named_and_not_used_where_care_is_wanted() {
    let world = World::with_api(Settings::default());
    let token = world.file("token", Settings::default().token);
    std::fs::set_permissions(&token, std::fs::Permissions::from_mode(0o644)).unwrap();
    world.file("config.toml", format!("[targets.default]\ntoken_file = '{}'\nconfirm = true\n", token.display()));
    world.ingest(&[order(1)]);
    let ran = world.run(&["replay", "--all", "--yes", "--target", "default"]);
    assert!(ran.code == 1 && ran.err.contains("others may read it"), "{ran:?}");
    assert!(world.run(&["doctor"]).out.contains("others may read it"));
    assert!(world.api().world().ledger.seen.is_empty());
}

#[test]
fn a_first_503_with_a_long_retry_after_says_that_it_waits() {
    let world = World::new();
    world.ingest(&[order(1)]);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/v1", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        use std::io::Read as _;
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.read(&mut [0; 16384]);
        let _ = stream.write_all(b"HTTP/1.1 503 x\r\nretry-after: 60\r\ncontent-length: 0\r\n\r\n");
    });
    world.file("config.toml", "[targets.default]\nno_token = true\n");
    let mut command = world.command(&["replay", "--all", "--yes", "--base-url", &url]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    server.join().unwrap();
    let mut said = std::io::BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
    assert!(said.any(|line| line == "the API asked for a wait of 1 min (HTTP 503): write 1 waits"));
    signal(&child, "TERM");
    assert_eq!(child.wait().unwrap().code(), Some(4));
}
