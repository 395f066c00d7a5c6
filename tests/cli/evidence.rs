//! Evidence: the captured failure is kept for ever, each answer as it came, and reasons are facts.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use dlq::sandbox::Settings;
use serde_json::{Value, json};

use crate::world::{World, order};

/// An API that gives these answers, one a connection, byte for byte. An empty one hangs up.
fn scripted(answers: Vec<Vec<u8>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/v1", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for answer in answers {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = vec![0; 65536];
            let _ = stream.read(&mut request).unwrap();
            let _ = stream.write_all(&answer);
        }
    });
    url
}

fn answer(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let mut bytes =
        format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {}\r\n{headers}\r\n", body.len())
            .into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

fn refusal(message: &str) -> Vec<u8> {
    let error = json!({ "code": "CDP_ETL.VALIDATION.REQUEST_SCHEMA", "message": message });
    let body = json!({ "success": false, "error": error, "hint": "ask the keeper of the tusks" });
    answer("422 Unprocessable", "x-correlation-id: cid-replay\r\n", body.to_string().as_bytes())
}

fn world(answers: Vec<Vec<u8>>) -> World {
    let mut world = World::new();
    world.file("config.toml", "[targets.default]\nbackoff = '5ms'\ntimeout = '2s'\n");
    world.env = vec![
        ("EXPERITURE_BASE_URL".to_owned(), scripted(answers)),
        ("EXPERITURE_API_KEY".to_owned(), "a-token-that-is-a-secret".to_owned()),
    ];
    world
}

fn replay(world: &World, args: &[&str]) -> Vec<Value> {
    let args = [&["replay", "--yes", "--json"], args].concat();
    world.run(&args).lines()
}

fn limited(n: usize) -> Value {
    let mut line = order(n);
    line["status"] = 429.into();
    line["error_code"] = "CDP_ETL.RATE_LIMITED".into();
    line["error_message"] = "quota of tenant walrus is used up".into();
    line["correlation_id"] = "cid-first".into();
    line["error_details"] = json!({ "limit": 10, "keeper": "old walrus" });
    line
}

#[test]
fn the_captured_failure_is_kept_for_ever() {
    let world = world(vec![refusal("record.tusk: field does not exist")]);
    world.ingest(&[limited(1)]);
    replay(&world, &["--all"]);
    let write = &world.json(&["show", "1", "--json"])[0];
    assert_eq!((&write["status"], &write["correlation_id"]), (&json!(422), &json!("cid-replay")));
    let captured = &write["captured"];
    let was = |name: &str| captured[name].clone();
    assert_eq!(
        (was("n"), was("run"), was("status"), was("error_code"), was("correlation_id"), was("failure_type")),
        (json!(0), Value::Null, json!(429), json!("CDP_ETL.RATE_LIMITED"), json!("cid-first"), json!("transient"))
    );
    assert_eq!(
        (was("error_details"), was("outcome")),
        (json!({ "limit": 10, "keeper": "old walrus" }), json!("refused"))
    );
    // Both are found, by correlation ID and by what was said.
    for query in ["cid:cid-first", "cid:cid-replay", "cid:~first", "walrus", "tusk", "keeper"] {
        assert_eq!(world.json(&["list", "--json", query]).len(), 1, "{query}");
    }
    let page = world.ok(&["show", "1"]);
    assert!(page.contains("Came in as   transient, HTTP 429 CDP_ETL.RATE_LIMITED: quota of tenant walrus"), "{page}");
    let history = world.json(&["history", "1", "--json"]);
    assert_eq!((&history[0]["n"], &history[0]["status"], &history[1]["n"]), (&json!(0), &json!(429), &json!(1)));
    // It moves with the write, and goes with it.
    let export = world.ok(&["export"]);
    let other = World::new();
    other.run_with(&["ingest"], export.as_bytes());
    assert_eq!(other.json(&["show", "1", "--json"])[0]["captured"]["correlation_id"], "cid-first");
    world.ok(&["discard", "--all", "--reason", "r"]);
    world.ok(&["purge", "--older-than", "0s", "--yes"]);
    let bytes = std::fs::read(world.db()).unwrap();
    assert!(memchr::memmem::find(&bytes, b"keeper").is_none(), "what is deleted is overwritten");
}

#[test]
fn each_answer_is_kept_as_it_came() {
    let big = vec![b'x'; 40_000];
    let secret = "set-cookie: session=1\r\nx-api-key: abc\r\nvia: proxy a-token-that-is-a-secret\r\nretry-after: 0\r\n";
    let world = world(vec![
        answer("503 Busy", secret, b"busy, said a-token-that-is-a-secret"),
        answer("502 Bad Gateway", "", &big),
        b"HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{\"success\":".to_vec(),
        Vec::new(),
        answer("200 OK", "content-type: application/json\r\n", b"{\"success\": true, \"n\": 1.50}"),
    ]);
    world.ingest(&[order(1)]);
    let lines = replay(&world, &["--all"]);
    assert_eq!(lines[0]["outcome"], "accepted", "{lines:?}");
    let raw = world.ok(&["show", "1", "--json", "--attempts"]);
    let write: Value = serde_json::from_str(&raw).unwrap();
    let history = write["history"].as_array().unwrap();
    assert_eq!(history.iter().map(|a| a["n"].as_i64().unwrap()).collect::<Vec<_>>(), [0, 1, 2, 3, 4, 5]);
    let busy = &history[1]["answer"];
    let names: Vec<&str> = busy["headers"].as_array().unwrap().iter().map(|h| h[0].as_str().unwrap()).collect();
    assert_eq!(names, ["connection", "content-length", "via", "retry-after"], "secret headers are dropped");
    assert_eq!(busy["headers"][2][1], "proxy (removed)");
    assert_eq!(base64(&busy["body_base64"]), b"busy, said (removed)");
    assert_eq!(busy["body_bytes"], 35, "as it came");
    let bad = &history[2]["answer"];
    assert_eq!((base64(&bad["body_base64"]).len(), &bad["body_bytes"]), (16 << 10, &json!(40_000)));
    assert_eq!(bad["body_sha256"], sha256(&big));
    assert_eq!((&history[2]["transport"], &history[2]["outcome"]), (&Value::Null, &json!("unclear")));
    let broken = &history[3];
    assert_eq!((&broken["outcome"], &broken["answer"]["body_bytes"]), (&json!("no_answer"), &Value::Null));
    assert_eq!((&broken["answer"]["status"], &broken["transport"]["phase"]), (&json!(200), &json!("read")));
    assert_eq!((&history[4]["answer"], &history[4]["transport"]["phase"]), (&Value::Null, &json!("wait")));
    assert!(raw.contains(r#""body":{"success": true, "n": 1.50}"#), "as it was spelt: {raw}");
    // What any of them said is found.
    for query in ["state:any xxxxxxxxxx", "state:any said"] {
        assert_eq!(world.json(&["list", "--json", query]).len(), 1, "{query}");
    }
    let page = world.ok(&["show", "1", "--attempts"]);
    assert!(
        page.contains("the first 16,384 of 40,000 bytes") && page.contains("11 bytes, then it broke off"),
        "{page}"
    );
    let everything = std::fs::read(world.db()).unwrap();
    assert!(memchr::memmem::find(&everything, b"a-token-that-is-a-secret").is_none(), "the token is nowhere");
}

#[test]
fn the_same_body_is_stored_once() {
    let world = World::with_api(Settings::default());
    let mut lines: Vec<Value> = (0..20).map(order).collect();
    for line in &mut lines {
        line["body"]["record"]["nonsense"] = 1.into();
    }
    world.ingest(&lines);
    world.run(&["replay", "--all", "--yes", "--no-canary"]);
    let file = rusqlite::Connection::open(world.db()).unwrap();
    let count = |table: &str| -> i64 {
        file.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
    };
    assert_eq!((count("answers"), count("answer_bodies")), (20, 1));
}

#[test]
fn a_search_for_all_is_not_everything_and_what_is_printed_can_be_pasted() {
    let world = World::with_api(Settings::default());
    let mut line = order(1);
    line["error_message"] = "not all of it".into();
    world.ingest(&[line, order(2), order(3)]);
    replay(&world, &["all"]);
    replay(&world, &["--all", "--limit", "1"]);
    replay(&world, &["status:>=400", "-id:9"]);
    let runs = world.json(&["runs", "--json"]);
    let queries: Vec<&str> = runs.iter().rev().map(|run| run["query"].as_str().unwrap()).collect();
    assert_eq!(queries, ["all", "--all --limit 1", "'status:>=400 -id:9'"]);
    let planned: Vec<i64> = runs.iter().rev().map(|run| run["planned"].as_i64().unwrap()).collect();
    assert_eq!(planned, [1, 1, 1]);
    // Pasted into a shell it selects the same.
    let pasted = format!("{} replay {} --dry-run --json", crate::world::binary(), queries[2]);
    let output = std::process::Command::new("sh").args(["-c", &pasted]).env("DLQ_DB", world.db()).output().unwrap();
    let last = String::from_utf8_lossy(&output.stdout).lines().last().unwrap().to_owned();
    assert_eq!(serde_json::from_str::<Value>(&last).unwrap()["summary"]["planned"], 0, "all are replayed: {last}");
}

#[test]
fn rows_that_no_rule_makes_are_named_and_never_guessed() {
    let cases = [
        ("UPDATE writes SET state = 'replaying', was = 'pending' WHERE id = 2", "run_id"),
        ("UPDATE writes SET state = 'replaying', run_id = NULL WHERE id = 2", "was"),
        ("UPDATE writes SET state = 'resolved', was = 'pending', resolution = NULL WHERE id = 2", "resolution"),
        ("UPDATE writes SET state = 'lost' WHERE id = 2", "state"),
        ("UPDATE writes SET failure_type = 'odd' WHERE id = 2", "failure_type"),
        ("UPDATE writes SET endpoint_origin = 'odd' WHERE id = 2", "endpoint_origin"),
        ("UPDATE writes SET key_origin = 'odd' WHERE id = 2", "key_origin"),
        ("UPDATE writes SET body_origin = 'odd' WHERE id = 2", "body_origin"),
        ("UPDATE writes SET status = 70000 WHERE id = 2", "status"),
    ];
    for (change, column) in cases {
        let world = World::with_api(Settings::default());
        world.ingest(&[order(1), order(2), order(3)]);
        let file = rusqlite::Connection::open(world.db()).unwrap();
        file.execute_batch("PRAGMA ignore_check_constraints = ON; DROP TRIGGER captured_failure_is_kept").unwrap();
        file.execute_batch(change).unwrap();
        drop(file);
        let listed = world.run(&["list", "--json", "state:any"]);
        assert_eq!((listed.code, listed.lines().len()), (1, 2), "the others are printed: {change}: {listed:?}");
        assert!(listed.err.contains(&format!("write 2: its row can't be read (column {column})")), "{}", listed.err);
        let doctor = world.run(&["doctor"]);
        let named = format!("write 2: its row can't be read (column {column})");
        assert!(doctor.code == 1 && doctor.out.contains(&named), "{change}: {}", doctor.out);
        // It is an error for a run that would have sent it; one that seems claimed or settled is left out.
        let is_selected = !change.contains("'replaying'") && !change.contains("'resolved'");
        let sent = world.run(&["replay", "--all", "--yes", "--json", "--no-canary"]);
        assert_eq!(sent.code, i32::from(is_selected), "{change}: {sent:?}");
        assert_eq!(world.api().world().ledger.seen.len(), 2, "{change}: {sent:?}");
        let left: String = rusqlite::Connection::open(world.db())
            .unwrap()
            .query_row("SELECT state FROM writes WHERE id = 2", [], |row| row.get(0))
            .unwrap();
        assert!(change.contains(&format!("'{left}'")) || left == "pending", "it is never recovered: {left}");
    }
    let world = World::new();
    world.ingest(&[order(1)]);
    let file = rusqlite::Connection::open(world.db()).unwrap();
    file.execute_batch("PRAGMA ignore_check_constraints = ON; UPDATE groups SET failure_type = 'odd'").unwrap();
    let doctor = world.run(&["doctor"]);
    assert!(doctor.out.contains(r#"1 rows of groups: failure_type "odd" is unknown to dlq"#), "{}", doctor.out);
}

#[test]
fn doctor_shows_how_the_writer_is_set_up_and_a_purge_overwrites_what_it_deletes() {
    let world = World::new();
    world.ingest(&[order(1)]);
    let writer = |world: &World| {
        let lines = parse(&world.run(&["doctor", "-v", "--json"]).out);
        lines.into_iter().find(|line| line["check"] == "writer").unwrap()["detail"].as_str().unwrap().to_owned()
    };
    let detail = writer(&world);
    for setting in ["journal_mode wal", "synchronous 2", "foreign_keys 1", "secure_delete 0"] {
        assert!(detail.contains(setting), "{detail}");
    }
    assert!(!world.run(&["doctor"]).out.contains("writer"), "only if it is asked for");
}

#[test]
fn a_token_is_blanked_however_an_answer_spells_it() {
    let token = "se/cret+token=0123456789";
    let escaped = format!(r#"{{"echo":"{}"}}"#, token.replace('/', "\\/"));
    let cut = format!("HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\necho {}", &token[..18]);
    let mut world =
        world(vec![answer("503 Busy", "", escaped.as_bytes()), cut.into_bytes(), answer("200 OK", "", b"{}")]);
    world.env[1].1 = token.to_owned();
    world.ingest(&[order(1)]);
    assert_eq!(replay(&world, &["--all"])[0]["outcome"], "accepted");
    let bytes = std::fs::read(world.db()).unwrap();
    for part in ["cret+token", "se/cret", r"se\/cret"] {
        let at = memchr::memmem::find(&bytes, part.as_bytes());
        assert!(
            at.is_none(),
            "{part}: {:?}",
            at.map(|at| String::from_utf8_lossy(&bytes[at.saturating_sub(40)..at + 40]))
        );
    }
}

#[test]
fn what_an_older_export_tells_of_a_replay_is_not_taken_for_the_captured_failure() {
    let world = World::new();
    let mut line = order(1);
    line["dlq"] = 1.into();
    line["last_attempt"] = json!({ "outcome": "refused", "status": 422 });
    world.ingest(&[line, order(2)]);
    let shown = world.json(&["show", "1", "2", "--json"]);
    assert_eq!((&shown[0]["captured"], &shown[1]["captured"]["status"]), (&Value::Null, &json!(422)));
}

#[test]
fn a_purge_takes_a_long_lane_that_was_resolved_by_hand() {
    let world = World::new();
    world.ingest(&(0..600).map(|n| crate::world::profile(n, "one@example.org")).collect::<Vec<_>>());
    world.ok(&["resolve", "--all", "--yes", "--applied", "--reason", "r"]);
    let purged = world.json(&["purge", "--older-than", "0s", "--yes", "--json"]);
    assert_eq!(purged[0]["purged"], 600);
}

fn parse(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn base64(text: &Value) -> Vec<u8> {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.decode(text.as_str().unwrap()).unwrap()
}

fn sha256(bytes: &[u8]) -> String {
    crate::world::sha256(bytes)
}
