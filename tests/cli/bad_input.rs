//! Bad input: hostile lines, options and files, each with the error that a user sees. The errors are snapshots, to be
//! read: do they say what happened, to what, and what to do next?

use std::fmt::Write as _;

use serde_json::Value;

use crate::world::{World, order};

fn snapshot(name: &str, text: &str) {
    insta::with_settings!({snapshot_path => "../../snapshots", prepend_module_to_snapshot => false}, {
        insta::assert_snapshot!(name, text);
    });
}

/// Every line here must be a reject; the file keeps them all, and the one good line between them comes in.
#[test]
fn hostile_lines_are_rejected_with_a_reason() {
    let deep = |n: usize| format!("{{\"record\":{}1{}}}", "{\"a\":".repeat(n), "}".repeat(n));
    let bomb = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    let with = |field: &str, value: &str| {
        format!("{{\"path\":\"o/append\",\"body\":{{\"a\":1}},\"error_code\":\"C\",\"{field}\":{value}}}")
    };
    let lines: Vec<(&str, Vec<u8>)> = vec![
        ("depth bomb", bomb.into()),
        ("record too deep", deep(905).into()),
        ("truncated", b"{\"record\":{\"a\":1".to_vec()),
        ("no JSON", b"hello".to_vec()),
        ("an array", b"[1,2]".to_vec()),
        ("a string", b"\"x\"".to_vec()),
        ("two values", b"{} {}".to_vec()),
        ("not UTF-8", b"{\"record\":{\"a\":\"\xff\"}}".to_vec()),
        ("NUL in it", b"{\"record\":{\"a\":\"\0\"}}".to_vec()),
        ("raw tab in a string", b"{\"record\":{\"a\":\"\t\"}}".to_vec()),
        ("bad escape", b"{\"record\":{\"a\":\"\\x41\"}}".to_vec()),
        ("single quotes", b"{'record':{}}".to_vec()),
        ("trailing comma", b"{\"record\":{},}".to_vec()),
        ("leading zero", b"{\"record\":{\"a\":01}}".to_vec()),
        ("no shape", b"{\"hello\":1}".to_vec()),
        ("nothing at all", b"{}".to_vec()),
        ("record is a list", b"{\"record\":[1]}".to_vec()),
        ("record is null", b"{\"record\":null}".to_vec()),
        ("request is a string", b"{\"request\":\"x\"}".to_vec()),
        ("request without body", b"{\"request\":{\"path\":\"o/append\"}}".to_vec()),
        ("1e400 in a record", b"{\"record\":{\"a\":1e400}}".to_vec()),
        ("NaN in a record", b"{\"record\":{\"a\":NaN}}".to_vec()),
        ("-Infinity in a record", b"{\"record\":{\"a\":[-Infinity]}}".to_vec()),
        ("an int of 5000 digits", format!("{{\"record\":{{\"a\":{}}}}}", "1".repeat(5000)).into()),
        ("lone surrogate body", with("body", "\"\\ud800\"").into()),
        ("base64 that isn't", b"{\"path\":\"o/append\",\"body_base64\":\"!!\"}".to_vec()),
        ("base64 is a number", b"{\"path\":\"o/append\",\"body_base64\":5}".to_vec()),
        ("CRLF in the key", with("idempotency_key", "\"a\\r\\nX-Evil: 1\"").into()),
        ("NUL in the key", with("idempotency_key", "\"a\\u0000\"").into()),
        ("key outside ASCII", with("idempotency_key", "\"caf\u{e9}\"").into()),
        ("key with a space at its end", with("idempotency_key", "\"a \"").into()),
        ("key is a list", with("idempotency_key", "[5]").into()),
        ("key is a lone surrogate", with("idempotency_key", "\"\\udc00\"").into()),
        ("key too long", with("idempotency_key", &format!("\"{}\"", "k".repeat(5000))).into()),
        ("event_id is an object", with("event_id", "{}").into()),
        ("path leads away", with("path", "\"../admin\"").into()),
        ("path leads away, encoded", with("path", "\"records/%2E%2e/x\"").into()),
        ("path with CRLF", with("path", "\"a\\r\\nb\"").into()),
        ("path with a fragment", with("path", "\"a#b\"").into()),
        ("path is another origin", with("path", "\"https://evil.example/v1/records\"").into()),
        ("path is scheme-relative", with("path", "\"//evil.example/x\"").into()),
        ("path is a number", with("path", "7").into()),
        ("path with a backslash", with("path", "\"a\\\\b\"").into()),
        ("method is no token", with("method", "\"PO ST\"").into()),
        ("status is no status", with("status", "42").into()),
        ("status is a word", with("status", "\"many\"").into()),
        ("status is huge", with("status", "99999999999999999999").into()),
        ("unknown failure type", with("failure_type", "\"oops\"").into()),
        ("time that is none", with("failed_at", "\"yesterday\"").into()),
        ("time in the year 12026", with("failed_at", "\"12026-01-01T00:00:00Z\"").into()),
        ("time is a list", with("first_attempt_at", "[]").into()),
        ("headers are a number", with("headers", "5").into()),
        ("a header value with CRLF", with("headers", "{\"Content-Type\":\"a\\r\\nb\"}").into()),
        ("headers of odd lists", with("headers", "[[\"a\"]]").into()),
        ("target with a slash", with("target", "\"../x\"").into()),
        ("source is a number", with("source", "5").into()),
    ];
    let world = World::new();
    let mut input = Vec::new();
    for (_, line) in &lines {
        input.extend_from_slice(line);
        input.push(b'\n');
    }
    input.extend_from_slice(order(1).to_string().as_bytes());
    let ran = world.run_with(&["ingest", "--json"], &input);
    let file = std::fs::read_to_string(world.path("dlq.db-rejects.ndjson")).unwrap();
    let rejects: Vec<Value> = file.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    let mut text = String::new();
    for (n, (name, _)) in lines.iter().enumerate() {
        let reject = rejects.iter().find(|r| r["line"] == n + 1);
        let reason = reject.map_or("(TAKEN IN)", |r| r["reason"].as_str().unwrap());
        writeln!(text, "{name}: {reason}").unwrap();
    }
    snapshot("hostile_lines", &text);
    let (read, rejected) = (lines.len() + 1, lines.len());
    assert_eq!(
        ran.lines()[0],
        serde_json::json!({"intake": 1, "read": read, "inserted": 1, "repeated": 0, "rejected": rejected, "accepted": 0, "other": 0})
    );
    assert_eq!(ran.code, 3);
    assert!(lines.len() >= 50);
}

#[test]
fn wrong_options_and_files_are_told_apart() {
    let world = World::new();
    world.ingest(&[order(1)]);
    world.file(
        "text.db",
        "this is no database, and longer than a header of SQLite is, which has a hundred bytes, so that it is read",
    );
    world.file("empty.db", "");
    world.file("bad.toml", "[targets.a]\nwindow = 'soon'\n");
    world.file("unknown.toml", "colour = 'red'\n");
    let foreign = rusqlite::Connection::open(world.path("foreign.db")).unwrap();
    foreign.execute_batch("CREATE TABLE theirs (x); INSERT INTO theirs VALUES (1);").unwrap();
    world.ok(&["backup", "newer.db"]);
    let newer = rusqlite::Connection::open(world.path("newer.db")).unwrap();
    newer.execute_batch("PRAGMA user_version = 99").unwrap();
    world.ok(&["backup", "tampered.db"]);
    let tampered = rusqlite::Connection::open(world.path("tampered.db")).unwrap();
    tampered.execute_batch("UPDATE migrations SET checksum = 'x'").unwrap();
    world.ok(&["backup", "locked.db"]);
    world.file("quick.toml", "busy_timeout = '50ms'\n");
    let locked = rusqlite::Connection::open(world.path("locked.db")).unwrap();
    locked.execute_batch("PRAGMA journal_mode = WAL; BEGIN EXCLUSIVE; CREATE TABLE x (y)").unwrap();
    let cases: &[&[&str]] = &[
        &["frobnicate"],
        &["list", "--frobnicate"],
        &["list", "statte:pending"],
        &["list", "--sort", "colour"],
        &["list", "--format", "xml"],
        &["list", "--limit", "-1"],
        &["show"],
        &["show", "abc"],
        &["show", "99"],
        &["history", "99"],
        &["stats", "--by", "mood"],
        &["replay"],
        &["replay", "--all"],
        &["replay", "--type", "shema"],
        &["replay", "--all", "--concurrency", "0"],
        &["replay", "--all", "--allow", "everything"],
        &["replay", "--all", "--canary", "1", "--no-canary"],
        &["replay", "--all", "--base-url", "ftp://x"],
        &["replay", "--all", "--base-url", "http://127.0.0.1:9/v1"],
        &["resolve", "id:1", "--reason", "r"],
        &["resolve", "id:1", "--applied"],
        &["discard", "id:1", "--reason", " "],
        &["discard", "--reason", "r"],
        &["reopen", "id:1 state:pending", "--reason", "r"],
        &["purge"],
        &["purge", "--older-than", "30"],
        &["target", "set", "a/b", "--reason", "r"],
        &["target", "set", "a", "--reason", "r"],
        &["ingest", "--endpoint", "../x"],
        &["ingest", "--max-line", "lots"],
        &["ingest", "missing.ndjson"],
        &["ingest", "."],
        &["ingest", "--rejects", "dlq.db", "bad.toml"],
        &["key", "--frobnicate"],
        &["demo", "--json"],
        &["list", "--db", "missing.db"],
        &["list", "--db", "."],
        &["list", "--db", "text.db"],
        &["list", "--db", "empty.db"],
        &["list", "--db", "foreign.db"],
        &["ingest", "--db", "foreign.db", "bad.toml"],
        &["list", "--db", "newer.db"],
        &["discard", "id:1", "--reason", "r", "--db", "newer.db"],
        &["list", "--db", "tampered.db"],
        &["discard", "id:1", "--reason", "r", "--db", "locked.db", "--config", "quick.toml"],
        &["ingest", "--db", "/proc/dlq.db", "bad.toml"],
        &["list", "--config", "missing.toml"],
        &["list", "--config", "bad.toml"],
        &["list", "--config", "unknown.toml"],
        &["backup", "text.db"],
        &["backup", "/nowhere/copy.db"],
        &["export", "--output", "text.db"],
    ];
    let mut text = String::new();
    let here = world.directory.path().canonicalize().unwrap().display().to_string();
    for args in cases {
        let ran = world.run(args);
        assert_ne!(ran.code, 0, "{args:?}");
        assert!(ran.out.is_empty() || ran.code == 3, "{args:?}: {}", ran.out);
        let err = ran.err.replace(&here, "HERE").replace(&world.directory.path().display().to_string(), "HERE");
        writeln!(text, "$ dlq {}   (exit {})\n{}\n", args.join(" "), ran.code, err.trim_end()).unwrap();
    }
    snapshot("wrong_options_and_files", &text);
    // Nothing of all that has touched what is not ours.
    assert_eq!(std::fs::read(world.path("empty.db")).unwrap().len(), 0);
    let theirs: i64 = foreign.query_row("SELECT count(*) FROM theirs", [], |r| r.get(0)).unwrap();
    assert_eq!(theirs, 1);
    assert_eq!(world.states(), ["pending"]);
}

#[test]
fn a_full_disk_is_told_and_nothing_is_lost() {
    let world = World::new();
    world.ingest(&[order(1)]);
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full");
    let Ok(full) = full else { return };
    let status = world.command(&["list", "--json"]).stdout(full).stderr(std::process::Stdio::piped()).output().unwrap();
    assert_eq!(status.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&status.stderr).contains("No space left"), "{status:?}");
}

#[test]
fn a_closed_pipe_is_no_error() {
    let world = World::new();
    world.ingest(&(0..2000).map(order).collect::<Vec<_>>());
    let mut child = world
        .command(&["list", "--json"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr.len()), (Some(0), 0), "{output:?}");
}
