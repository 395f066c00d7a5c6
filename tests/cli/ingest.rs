//! What comes in, in every shape, and what does not.

use std::io::Write as _;

use base64::Engine as _;
use serde_json::{Value, json};

use crate::world::{Ran, World, order};

fn ingest(world: &World, args: &[&str], lines: &str) -> Ran {
    let all: Vec<&str> = ["ingest", "--json"].iter().chain(args).copied().collect();
    world.run_with(&all, lines.as_bytes())
}

fn one(args: &[&str], line: &Value) -> Value {
    let world = World::new();
    let ran = ingest(&world, args, &format!("{line}\n"));
    assert_eq!(
        ran.code,
        0,
        "{ran:?} {}",
        std::fs::read_to_string(world.path("dlq.db-rejects.ndjson")).unwrap_or_default()
    );
    world.writes().remove(0)
}

#[test]
fn shape_1_the_schema_sample() {
    let line = json!({"record": {"email": "zoë@x.org", "n": 1.50}, "error": "Field not found: tier",
        "type": "CDP_ETL.VALIDATION.REQUEST_SCHEMA"});
    let write = one(&[], &line);
    assert_eq!(write["failure_type"], "schema");
    assert_eq!(write["error_code"], "CDP_ETL.VALIDATION.REQUEST_SCHEMA");
    assert_eq!(write["endpoint_origin"], "assumed");
    assert_eq!(write["hazards"], json!(["endpoint-assumed"]));
    assert_eq!(write["key_origin"], "derived");
    assert_eq!(write["idempotency_key"], "d732e662-8af7-fa7b-d9c1-bff6350e46f1");
    assert_eq!(write["body"], json!({"record": {"email": "zoë@x.org", "n": 1.5}, "matchKey": "email"}));
    assert_eq!(write["ambiguous_since"], Value::Null);
}

#[test]
fn shape_2_the_dlq_sample_is_rebuilt_as_requests_sends_it() {
    let world = World::new();
    let line = r#"{"record":{"b":1.0,"a":"é\u20ac\ud83d\ude00/","c":1e16,"d":[],"a":"é"},"idempotency_key":"evt_1","error_code":"CDP_ETL.VALIDATION.REQUEST_INVALID","error_message":"m","failure_type":"bad_data","failed_at":"2026-01-01T00:00:00.123456Z"}"#;
    let args = ["--endpoint", "records/profiles/upsert", "--match-key", "email"];
    assert_eq!(ingest(&world, &args, line).code, 0);
    let text = world.ok(&["list", "--json"]);
    let want = r#""body":{"record": {"b": 1.0, "a": "\u00e9", "c": 1e+16, "d": []}, "matchKey": "email"},"#;
    assert!(text.contains(want), "{text}");
    let write = &world.writes()[0];
    assert_eq!(write["endpoint_origin"], "given");
    assert_eq!((&write["key_origin"], &write["idempotency_key"]), (&json!("given"), &json!("evt_1")));
    assert_eq!(write["failed_at"], "2026-01-01T00:00:00.123Z");
    assert_eq!(write["hazards"], json!(["maybe-stale"]));
}

#[test]
fn shape_3_the_webhook_sample_is_evidence_without_a_body() {
    let line = json!({"event": {"id": "evt_9", "type": "x"}, "error": "Field not found: tier"});
    let write = one(&[], &line);
    assert_eq!((&write["failure_type"], &write["body_origin"]), (&json!("schema"), &json!("missing")));
    assert_eq!((&write["key_origin"], &write["idempotency_key"]), (&json!("event_id"), &json!("evt_9")));
    assert!(write["hazards"].as_array().unwrap().contains(&json!("no-body")));
    assert!(write.get("body").is_none());
}

#[test]
fn shape_4_keeps_the_exact_bytes_of_the_body() {
    let world = World::new();
    let body = r#"{ "record" : {"n":1.50,"s":"\u00e9","big":123456789012345678901234567890} }"#;
    let line =
        format!(r#"{{"path":"/records/orders/append","body":{body},"status":503,"failed_at":"2026-01-01T00:00:00Z"}}"#);
    assert_eq!(ingest(&world, &[], &line).code, 0);
    let write = &world.writes()[0];
    assert!(world.ok(&["list", "--json"]).contains(body), "the bytes are shown as they stood");
    assert_eq!(write["failure_type"], "transient");
    assert_eq!(write["path"], "records/orders/append");
    assert_eq!(write["ambiguous_since"], "2025-12-31T23:50:00.000Z", "ten minutes before it failed");
    assert_eq!(write["body_sha256"], crate::world::sha256(body.as_bytes()));
}

#[test]
fn shape_4_takes_strings_and_base64_as_bodies() {
    let text = "{\"record\":{\"a\":\"\u{1}\"}}\n";
    let encoded = base64::engine::general_purpose::STANDARD.encode(b"\xff\x00raw");
    let write = one(&[], &json!({"path": "x/append", "body": text, "error_code": "CDP_ETL.NOT_FOUND"}));
    let decoded = base64::engine::general_purpose::STANDARD.decode(write["body_base64"].as_str().unwrap()).unwrap();
    assert_eq!(decoded, text.as_bytes());
    let write = one(&[], &json!({"path": "x/append", "body_base64": encoded, "idempotency_key": "k"}));
    assert_eq!(write["body_base64"], encoded);
}

#[test]
fn shape_5_reads_the_apis_own_envelope() {
    let line = json!({
        "request": {"method": "post", "url": "https://api.example.org/v1/records/orders/append?x=1",
            "headers": {"Idempotency-Key": "hdr-1", "Authorization": "Bearer s3cret", "Content-Type": "application/json; charset=utf-8", "X-Other": "y"},
            "body": {"record": {"order_id": "1"}}},
        "response": {"status": 400, "headers": [["X-Correlation-Id", "cid-1"]],
            "body": {"success": false, "error": {"code": "CDP_ETL.VALIDATION.REQUEST_INVALID", "message": "record.total: missing", "details": {"path": "record.total"}}}},
        "failed_at": "2026-01-01T00:00:00Z", "source": "gateway",
    });
    let world = World::new();
    let base = ["--base-url", "https://api.example.org/v1"];
    assert_eq!(ingest(&world, &base, &format!("{line}\n")).code, 0);
    let write = &world.writes()[0];
    assert_eq!((&write["method"], &write["path"]), (&json!("POST"), &json!("records/orders/append?x=1")));
    assert_eq!((&write["key_origin"], &write["idempotency_key"]), (&json!("given"), &json!("hdr-1")));
    assert_eq!((&write["status"], &write["failure_type"]), (&json!(400), &json!("bad_data")));
    assert_eq!(write["correlation_id"], "cid-1");
    assert_eq!(write["error_details"], json!({"path": "record.total"}));
    assert_eq!(write["ambiguous_since"], Value::Null);
    let bytes = std::fs::read(world.db()).unwrap();
    assert!(!bytes.windows(6).any(|w| w == b"s3cret"), "secrets are dropped at the door");
}

#[test]
fn shape_5_is_read_also_when_key_and_envelope_stand_elsewhere() {
    let line = json!({
        "request": {"path": "a/append", "body": {"record": {}}, "idempotency_key": "original"},
        "response": {"status": 422, "error": {"code": "CDP_ETL.VALIDATION.REQUEST_SCHEMA", "message": "m"}},
    });
    let write = one(&[], &line);
    assert_eq!((&write["idempotency_key"], &write["key_origin"]), (&json!("original"), &json!("given")));
    assert_eq!((&write["failure_type"], &write["ambiguous_since"]), (&json!("schema"), &Value::Null));
}

#[test]
fn secrets_of_an_event_are_dropped_too() {
    let event = json!({"id": "e", "headers": {"Authorization": "Bearer s3cret"}, "body": "kept"});
    let world = World::new();
    world.ingest(&[json!({"event": event, "error": "m"})]);
    let shown = world.ok(&["show", "1"]);
    assert!(shown.contains("kept") && !shown.contains("s3cret"), "{shown}");
}

#[test]
fn compression_is_seen_also_through_a_slow_pipe() {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(format!("{}\n", order(1)).as_bytes()).unwrap();
    let bytes = encoder.finish().unwrap();
    let world = World::new();
    let mut command = world.command(&["ingest", "--json"]);
    let mut child = command.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped()).spawn().unwrap();
    let mut pipe = child.stdin.take().unwrap();
    pipe.write_all(&bytes[..1]).unwrap();
    pipe.flush().unwrap();
    std::thread::park_timeout(std::time::Duration::from_millis(100));
    pipe.write_all(&bytes[1..]).unwrap();
    drop(pipe);
    let ran = Ran::of(&child.wait_with_output().unwrap());
    assert_eq!(ran.lines()[0]["inserted"], 1);
}

#[test]
fn nothing_is_bound_or_made_for_a_wrong_file_name() {
    let world = World::new();
    let ran = world.run(&["ingest", "nosuch", "--base-url", "http://typo.example"]);
    assert_eq!(ran.code, 1);
    assert!(!world.db().exists());
}

#[test]
fn a_line_that_fits_several_shapes_is_read_as_the_first() {
    let both = json!({"body": {"record": {"a": 1}}, "record": {"b": 2}, "event": {"id": "e"}, "path": "o/append", "error_code": "c"});
    let write = one(&[], &both);
    assert_eq!((&write["body_origin"], &write["body"]), (&json!("captured"), &json!({"record": {"a": 1}})));
    assert_eq!(write["idempotency_key"], "e");
}

#[test]
fn the_same_again_is_the_same_write() {
    let world = World::new();
    let at = |time: &str, extra: &str| {
        format!(
            r#"{{"path":"o/append","body":{{"b":1,"a":2}}{extra},"status":422,"error_code":"C","idempotency_key":"k","failed_at":"{time}"}}"#
        )
    };
    let lines = [
        at("2026-01-01T00:00:00Z", ""),
        at("2026-01-01T00:00:00Z", ""),
        at("2026-01-02T00:00:00Z", ""),
        at("2026-01-01T12:00:00Z", ""),
        at("2026-01-03T00:00:00Z", "").replace(r#"{"b":1,"a":2}"#, r#"{ "a":2, "b":1}"#),
    ];
    let ran = ingest(&world, &[], &lines.join("\n"));
    assert_eq!(
        ran.lines()[0],
        json!({"intake": 1, "read": 5, "inserted": 1, "repeated": 4, "rejected": 0, "accepted": 0, "other": 0})
    );
    let write = &world.writes()[0];
    assert_eq!((&write["occurrences"], &write["failed_at"]), (&json!(3), &json!("2026-01-01T00:00:00.000Z")));
    assert_eq!(ingest(&world, &[], &lines.join("\n")).lines()[0]["repeated"], 5);
    assert_eq!(world.writes()[0]["occurrences"], 3, "no occurrence is counted twice");
}

#[test]
fn an_ambiguous_repeat_makes_an_open_write_ambiguous() {
    let world = World::new();
    let at = |time: &str, status: u16| {
        format!(
            r#"{{"path":"o/append","body":{{}},"status":{status},"error_code":"C","idempotency_key":"k","failed_at":"{time}"}}"#
        )
    };
    ingest(&world, &[], &at("2026-01-02T00:00:00Z", 422));
    assert_eq!(world.writes()[0]["ambiguous_since"], Value::Null);
    ingest(&world, &[], &at("2026-01-01T00:00:00Z", 503));
    assert_eq!(world.writes()[0]["ambiguous_since"], "2025-12-31T23:50:00.000Z");
    world.ok(&["resolve", "id:1", "--not-applied", "--reason", "looked"]);
    assert_eq!(world.writes()[0]["ambiguous_since"], Value::Null);
    ingest(&world, &[], &at("2026-01-01T00:00:00Z", 503));
    assert_eq!(world.writes()[0]["ambiguous_since"], Value::Null, "older than what someone has looked up");
    ingest(&world, &[], &at("2100-01-01T00:00:00Z", 503));
    let since = world.writes()[0]["ambiguous_since"].as_str().unwrap().to_owned();
    assert!(since.as_str() < "2099", "not later than it came in: {since}");
}

#[test]
fn the_same_key_with_another_body_is_another_write() {
    let world = World::new();
    let line = |body: &str| {
        format!(r#"{{"path":"o/append","body":{body},"status":422,"error_code":"C","idempotency_key":"k"}}"#)
    };
    ingest(&world, &[], &[line("{\"a\":1}"), line("{\"a\":2}")].join("\n"));
    let writes = world.writes();
    assert_eq!(writes.len(), 2);
    for write in writes {
        assert_eq!(write["hazards"], json!(["key-reused"]));
    }
}

#[test]
fn gzip_and_zstd_are_read_also_in_several_parts() {
    let lines: Vec<String> = (0..4).map(|n| format!("{}\n", order(n))).collect();
    let gzip = |text: &str| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    };
    let zstd = |text: &str| zstd::encode_all(text.as_bytes(), 1).unwrap();
    let world = World::new();
    let parts: Vec<u8> = [gzip(&lines[0]), gzip(&lines[1])].concat();
    let file = world.file("a.gz", parts);
    let more = world.file("b.zst", [zstd(&lines[2]), zstd(&lines[3])].concat());
    let ran = world.run(&["ingest", "--json", file.to_str().unwrap(), more.to_str().unwrap()]);
    assert_eq!(ran.lines()[0]["inserted"], 4, "{ran:?}");
    // A file that breaks off keeps what came before.
    let mut broken = gzip(&(4..2000).map(|n| format!("{}\n", order(n))).collect::<String>());
    broken.truncate(broken.len() / 2);
    let file = world.file("c.gz", broken);
    let ran = world.run(&["ingest", file.to_str().unwrap()]);
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("broke off after line") && ran.err.contains("is kept"), "{}", ran.err);
    assert!(world.writes().len() > 100);
}

#[test]
fn rejects_are_kept_once_with_reason_and_can_be_mended() {
    let world = World::new();
    let good = order(1).to_string();
    let bad = good.replace("records/orders/append", "../admin");
    let secret = r#"{"headers":{"Authorization":"Bearer s3cret"},"nothing":1}"#;
    let binary = b"\xff\xfe{\"a\":1}";
    let mut input = format!("{good}\n{bad}\n\n{secret}\n{{\"Authorization\":\"Bearer s3cret\",\n").into_bytes();
    input.extend_from_slice(binary);
    for _ in 0..2 {
        let ran = world.run_with(&["ingest", "--json"], &input);
        assert_eq!(ran.code, 3);
        assert_eq!(ran.lines()[0]["rejected"], 4);
    }
    let path = world.path("dlq.db-rejects.ndjson");
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(!text.contains("s3cret"), "{text}");
    let rejects: Vec<Value> = text.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!(rejects.len(), 4, "the same line once");
    assert_eq!(rejects[0]["line"], 2);
    assert_eq!(rejects[0]["raw"], bad);
    assert!(rejects[0]["reason"].as_str().unwrap().starts_with("path: "));
    assert!(rejects[3]["raw_base64"].is_string());
    // Mended, and ingested from the file that rejects go to: what remains takes its place.
    std::fs::write(&path, text.replace("../admin", "records/orders/append2")).unwrap();
    let ran = world.run(&["ingest", "--json", path.to_str().unwrap()]);
    assert_eq!(
        ran.lines()[0],
        json!({"intake": 3, "read": 4, "inserted": 1, "repeated": 0, "rejected": 3, "accepted": 0, "other": 0})
    );
    assert_eq!(std::fs::read_to_string(&path).unwrap().lines().count(), 3);
    assert_eq!(mode(&path), 0o600);
}

#[test]
fn a_line_above_the_limit_is_a_reject_that_a_larger_limit_takes() {
    let world = World::new();
    let mut long = order(1);
    long["body"]["record"]["notes"] = "x".repeat(5000).into();
    let ran = ingest(&world, &["--max-line", "4k"], &long.to_string());
    assert_eq!(ran.code, 3);
    let path = world.path("dlq.db-rejects.ndjson");
    let reject: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    assert!(reject["reason"].as_str().unwrap().contains("the limit is 4096 (--max-line)"), "{reject}");
    let ran = world.run(&["ingest", "--json", path.to_str().unwrap()]);
    assert_eq!(ran.lines()[0]["inserted"], 1);
}

#[test]
fn files_are_private() {
    let world = World::new();
    let db = world.path("new/deep/dlq.db");
    let db = db.to_str().unwrap();
    assert_eq!(world.run_with(&["--db", db, "ingest"], order(1).to_string().as_bytes()).code, 0);
    assert_eq!(mode(&world.path("new/deep/dlq.db")), 0o600);
    assert_eq!(mode(&world.path("new/deep")), 0o700);
}

fn mode(path: &std::path::Path) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn targets_are_bound_at_their_first_use() {
    let world = World::new();
    let url = |host: &str| {
        let mut line = order(1);
        line["path"] = format!("https://{host}/v1/records/orders/append").into();
        format!("{line}\n")
    };
    let ran = ingest(&world, &[], &url("a.example.org"));
    assert_eq!(ran.lines()[0]["rejected"], 1, "an absolute URL needs a base URL");
    let base = ["--target", "staging", "--base-url", "https://a.example.org/v1"];
    assert_eq!(ingest(&world, &base, &url("a.example.org")).code, 0);
    assert_eq!(ingest(&world, &base, &url("b.example.org")).lines()[0]["rejected"], 1);
    let other = ["--target", "staging", "--base-url", "https://b.example.org/v1"];
    let ran = ingest(&world, &other, &url("b.example.org"));
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("target staging is bound to https://a.example.org/v1"), "{}", ran.err);
    world.ok(&["target", "set", "staging", "--base-url", "https://b.example.org/v1", "--reason", "moved"]);
    assert_eq!(ingest(&world, &other, &url("b.example.org")).lines()[0]["repeated"], 1, "the path is relative");
    let targets = world.json(&["target", "list", "--json"]);
    assert_eq!(targets[0], json!({"name": "staging", "base_url": "https://b.example.org/v1", "open": 1, "count": 1}));
}

#[test]
fn exports_are_taken_back_as_the_same_writes() {
    let world = World::new();
    let mut ambiguous = order(2);
    ambiguous["status"] = 503.into();
    let escaped =
        json!({"path": "o/append", "body": "{\"record\":{\"a\":\"\u{202e}\"}}", "error_code": "CDP_ETL.NOT_FOUND"});
    let lines = [
        order(1),
        ambiguous,
        escaped,
        json!({"event": {"id": "e"}, "error": "m"}),
        json!({"record": {"email": "a"}, "error": "m"}),
    ];
    assert_eq!(world.ingest(&lines).code, 0);
    let exported = world.ok(&["export", "state:any", "-q"]);
    let again = world.run_with(&["ingest", "--json"], exported.as_bytes());
    assert_eq!(
        again.lines()[0],
        json!({"intake": 2, "read": 5, "inserted": 0, "repeated": 5, "rejected": 0, "accepted": 0, "other": 0})
    );
    let other = World::new();
    assert_eq!(other.run_with(&["ingest"], exported.as_bytes()).code, 0);
    for (a, b) in world.writes().iter().zip(other.writes()) {
        for field in [
            "idempotency_key",
            "key_origin",
            "path",
            "endpoint_origin",
            "body_sha256",
            "failure_type",
            "ambiguous_since",
            "failed_at",
            "hazards",
        ] {
            assert_eq!(a[field], b[field], "{field} of {a}");
        }
    }
}

/// Ingests one failed append, with these fields beside it.
fn failed(fields: &Value) -> Value {
    let mut line =
        json!({"path": "records/orders/append", "body": {"record": {"n": 1}}, "failed_at": "2026-01-01T00:10:00Z"});
    line.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    one(&[], &line)
}

#[test]
fn without_an_answer_a_failure_is_transient_and_may_have_been_applied() {
    for fields in [
        json!({}),
        json!({"status": null}),
        json!({"status": 0, "error_message": "Read timed out. (read timeout=10)"}),
        json!({"response": null, "error_code": "ReadTimeout"}),
        json!({"error_code": "ConnectionError", "error_message": "('Connection aborted.', RemoteDisconnected('x'))"}),
        json!({"error_code": "ECONNRESET"}),
        json!({"error_code": "ConnectTimeout", "tries": 3}),
        json!({"error_code": "ECONNREFUSED", "first_attempt_at": "2026-01-01T00:09:00Z"}),
    ] {
        let write = failed(&fields);
        assert_eq!(write["failure_type"], "transient", "{fields}");
        assert_ne!(write["ambiguous_since"], Value::Null, "{fields}");
    }
    for fields in [
        json!({"error_code": "ECONNREFUSED"}),
        json!({"error_code": "ConnectTimeout", "tries": 1, "first_attempt_at": "2026-01-01T00:09:00Z"}),
        json!({"error_code": "Error", "error_message": "getaddrinfo ENOTFOUND api.example.org", "status": 0}),
    ] {
        let write = failed(&fields);
        assert_eq!(
            (&write["failure_type"], &write["ambiguous_since"]),
            (&json!("transient"), &Value::Null),
            "{fields}"
        );
    }
    let known = failed(&json!({"error_code": "CDP_ETL.VALIDATION.REQUEST_SCHEMA"}));
    assert_eq!((&known["failure_type"], &known["ambiguous_since"]), (&json!("schema"), &Value::Null));
    let world = World::new();
    let wrong = json!({"path": "a/b", "body": {}, "tries": "twice"});
    assert_eq!(ingest(&world, &[], &wrong.to_string()).code, 3);
    assert!(world.rejects()[0]["reason"].as_str().unwrap().starts_with("tries: "), "{:?}", world.rejects());
}

#[test]
fn a_refusal_after_an_earlier_try_is_definite_only_where_the_cache_would_have_answered() {
    let first = "2026-01-01T00:08:00.000Z";
    for (status, definite) in
        [(400, true), (401, false), (403, false), (404, true), (409, false), (413, true), (422, true), (429, false)]
    {
        let again = json!({"status": status, "error_code": "CDP_ETL.X", "first_attempt_at": first});
        assert_eq!(failed(&again)["ambiguous_since"], first, "{status} without a key that it could have looked for");
        let mut keyed = again.clone();
        keyed["idempotency_key"] = json!("k");
        let write = failed(&keyed);
        let want = if definite { Value::Null } else { json!(first) };
        assert_eq!(write["ambiguous_since"], want, "{status}");
        let only = failed(&json!({"status": status, "error_code": "CDP_ETL.X", "first_attempt_at": first, "tries": 1}));
        assert_eq!(only["ambiguous_since"], Value::Null, "{status}");
    }
}

#[test]
fn the_line_of_a_log_is_no_failure() {
    let world = World::new();
    let lines = [
        json!({"event": "write accepted", "level": "info", "timestamp": "2026-01-01T00:00:00Z", "status": 200}),
        json!({"msg": "request failed", "level": 50, "time": 1_767_225_600_000_i64, "body": {"record": {}}, "status": 422}),
        json!({"message": "GET /health", "@timestamp": "2026-01-01T00:00:00Z"}),
        json!({"event": "order.created", "error": "Field not found: tier"}),
    ];
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    let ran = ingest(&world, &[], &text);
    assert_eq!(ran.code, 3);
    let reasons: Vec<Value> = world.rejects().into_iter().map(|reject| reject["reason"].clone()).collect();
    assert_eq!(reasons.len(), 4);
    assert!(reasons.iter().all(|reason| reason.as_str().unwrap().contains("line of a log")), "{reasons:?}");
    assert_eq!(world.writes().len(), 0);
}

#[test]
fn an_accepted_write_is_counted_and_is_no_failure() {
    let world = World::new();
    let request = json!({"method": "POST", "path": "records/orders/append", "body": {"record": {"n": 1}}});
    let shape_5 = |status: u16, body: Value| json!({"request": request, "response": {"status": status, "body": body}});
    let with = |field: &str, value: Value| {
        let mut line = shape_5(200, json!({"success": true}));
        line[field] = value;
        line
    };
    let accepted =
        [shape_5(201, json!({"success": true, "data": {}})), shape_5(204, Value::Null), with("error", Value::Null)];
    let failed = [
        shape_5(200, json!({"success": false})),
        shape_5(202, json!("<html>login</html>")),
        shape_5(302, json!({})),
        with("error", json!("it was not written")),
        with("error_code", json!("CDP_ETL.X")),
        with("failure_type", json!("schema")),
    ];
    let lines: Vec<String> = accepted
        .iter()
        .chain(&failed)
        .enumerate()
        .map(|(n, line)| {
            let mut line = line.clone();
            line["idempotency_key"] = json!(format!("k{n}"));
            line.to_string()
        })
        .collect();
    let ran = ingest(&world, &[], &lines.join("\n"));
    let summary: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(ran.code, 0, "{ran:?}");
    for (field, want) in [("read", 9), ("inserted", 6), ("repeated", 0), ("rejected", 0), ("accepted", 3), ("other", 0)]
    {
        assert_eq!(summary[field], want, "{field}: {summary}");
    }
    for write in world.writes() {
        assert_ne!(write["ambiguous_since"], Value::Null, "a 2xx that is contradicted may have been applied: {write}");
    }
}

#[test]
fn lines_of_collectors_are_unwrapped_and_the_parts_of_a_split_one_joined() {
    let world = World::new();
    let failure = |n: usize| order(n).to_string();
    let quoted = |text: String| serde_json::to_string(&text).unwrap();
    let (first, rest) = (failure(3)[..40].to_owned(), failure(3)[40..].to_owned());
    let lines = [
        format!(r#"{{"log":{},"stream":"stdout","time":"2026-01-31T09:00:00Z"}}"#, quoted(failure(1) + "\n")),
        format!("2026-01-31T09:00:00.5Z stderr F {}", failure(2)),
        format!("2026-01-31T09:00:00.5Z stdout P {first}"),
        "2026-01-31T09:00:00.5Z stderr F listening on port 8080".to_owned(),
        format!("2026-01-31T09:00:00.6Z stdout F {rest}"),
        format!(r#"{{"__REALTIME_TIMESTAMP":"1769850000000000","MESSAGE":{},"PRIORITY":"3"}}"#, quoted(failure(4))),
        format!(r#"{{"level":"error","failure":{}}}"#, failure(5)),
        r#"{"log":"\n","stream":"stdout","time":"2026-01-31T09:00:00Z"}"#.to_owned(),
        "plain text".to_owned(),
        "[1, 2]".to_owned(),
        r#"{"path":"a/b","body":{"cut"#.to_owned(),
        format!("2026-01-31T09:00:00.7Z stdout P {}", &failure(6)[..30]),
    ];
    let ran = ingest(&world, &["--ignore-other"], &lines.join("\n"));
    assert_eq!(ran.code, 3, "{ran:?}");
    let summary = &ran.lines()[0];
    for (field, want) in [("read", 10), ("inserted", 5), ("rejected", 2), ("other", 3), ("accepted", 0)] {
        assert_eq!(summary[field], want, "{field}: {summary}");
    }
    let keys: Vec<Value> = world.writes().into_iter().map(|write| write["idempotency_key"].clone()).collect();
    assert_eq!(keys, ["key-1", "key-2", "key-3", "key-4", "key-5"]);
    let body = |n: usize| order(n)["body"].to_string();
    for (n, write) in world.writes().iter().enumerate() {
        assert_eq!(write["body_sha256"], crate::world::sha256(body(n + 1).as_bytes()), "the bytes that were captured");
    }
    let rejects = world.rejects();
    assert_eq!((&rejects[0]["line"], &rejects[1]["line"]), (&json!(11), &json!(12)));
    assert!(rejects[1]["reason"].as_str().unwrap().contains("its last part is missing"), "{rejects:?}");
    assert_eq!(rejects[1]["raw"], failure(6)[..30]);
    let strict = World::new();
    assert_eq!(ingest(&strict, &[], "plain text\n").lines()[0]["rejected"], 1);
}

#[test]
fn without_its_rejects_file_an_ingest_keeps_the_good_lines_and_says_so_at_the_end() {
    let world = World::new();
    let lines = format!("no json\n{}\n[]\n{}\n", order(1), order(2));
    for file in ["/nowhere/rejects.ndjson", "/dev/full"] {
        let ran = ingest(&world, &["--rejects", file], &lines);
        assert_eq!(ran.code, 1, "{ran:?}");
        let summary = &ran.lines()[0];
        assert_eq!((&summary["read"], &summary["rejected"]), (&json!(4), &json!(2)), "{ran:?}");
        for part in [file, "2 rejected lines were not kept, all others are in"] {
            assert!(ran.err.contains(part), "{part}: {}", ran.err);
        }
        assert_eq!(world.writes().len(), 2);
    }
    assert_eq!(ingest(&world, &[], &lines).code, 3);
    assert_eq!(world.rejects().len(), 2, "where they can be kept they are");
}

#[test]
fn a_dry_run_says_what_would_come_of_it_and_takes_nothing_in() {
    let world = World::new();
    let accepted =
        json!({"request": {"path": "a/b", "body": {}}, "response": {"status": 200, "body": {"success": true}}});
    let mut late = order(3);
    late["status"] = 503.into();
    late["error_message"] = "the service is overloaded".into();
    let lines = format!("{}\n{}\n{}\n{late}\nno json\nno json\n{accepted}\ntext\n", order(1), order(2), order(2));
    let dry = ingest(&world, &["--dry-run"], &lines);
    assert_eq!(dry.code, 3, "{dry:?}");
    assert!(!world.db().exists() && world.rejects().is_empty(), "no file is made");
    let told = &dry.lines()[0];
    let counts =
        ["read", "inserted", "repeated", "rejected", "accepted", "other"].map(|name| told[name].as_u64().unwrap());
    assert_eq!((counts, &told["intake"]), ([8, 3, 1, 3, 1, 0], &Value::Null), "{told}");
    assert_eq!(told["types"], json!({"transient": 1, "schema": 3}));
    assert_eq!(told["key_origins"], json!({"given": 4}));
    let endpoint = json!({"target": "default", "method": "POST", "path": "records/orders/append", "endpoint_origin": "given", "count": 4});
    assert_eq!(told["endpoints"], json!([endpoint]));
    assert_eq!(told["groups"].as_array().unwrap().len(), 2);
    let rejects = told["rejects"].as_array().unwrap();
    assert_eq!((&rejects[0]["line"], &rejects[0]["count"]), (&json!(5), &json!(3)), "{rejects:?}");

    // What a real ingest then does is what was said.
    let real = &ingest(&world, &[], &lines).lines()[0];
    for name in ["read", "inserted", "repeated", "rejected", "accepted", "other"] {
        assert_eq!(real[name], told[name], "{name}");
    }
    let before = (world.writes(), world.rejects());
    let again = &ingest(&world, &["--dry-run"], &format!("{lines}{}\n", order(4))).lines()[0];
    assert_eq!((&again["inserted"], &again["repeated"]), (&json!(1), &json!(4)));
    assert_eq!((world.writes(), world.rejects()), before);
    let text = world.run_with(&["ingest", "--dry-run"], lines.as_bytes()).out;
    for part in ["Nothing was taken in", "0 would be new, 4 repeated, 3 rejected", "By group", "first in line 5"] {
        assert!(text.contains(part), "{part}: {text}");
    }
}
