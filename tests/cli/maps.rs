//! `ingest --map`: real lines of loggers, with dlq's own maps; and filters that do what they should not.

use serde_json::{Value, json};

use crate::world::{World, sha256};

fn logs(name: &str) -> String {
    format!("{}/tests/data/logs/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// Returns a world in which the log of a producer was ingested with its map, and the counts.
fn ingested(log: &str, map: &[&str]) -> (World, Value) {
    let mut world = World::new();
    world.env.push(("EXPERITURE_BASE_URL".to_owned(), "https://api.example.org/public/v1".to_owned()));
    let log = logs(log);
    let ran = world.run(&[&["ingest", &log, "--json"], map].concat());
    let counts = ran.lines().first().cloned().unwrap_or_else(|| panic!("{ran:?}"));
    (world, counts)
}

/// Describes each write in a line: what tells whether it was read right.
fn told(world: &World) -> String {
    let mut lines = Vec::new();
    for write in world.json(&["list", "--sort", "id", "--json"]) {
        let text = |field: &str| write[field].as_str().unwrap_or("-").to_owned();
        let body = [&write["body"], &write["body_base64"]].into_iter().find(|body| !body.is_null());
        let body = body.map_or_else(|| "-".to_owned(), ToString::to_string);
        lines.push(format!(
            "{} {} {} {} {} ({}) {} ({})\n  {} {} {} {}\n  {}",
            text("failure_type"),
            write["status"],
            text("error_code"),
            text("method"),
            text("path"),
            text("endpoint_origin"),
            text("idempotency_key"),
            text("key_origin"),
            text("failed_at"),
            if write["ambiguous_since"].is_null() { "definite" } else { "ambiguous" },
            text("correlation_id"),
            text("body_origin"),
            body.chars().take(120).collect::<String>(),
        ));
    }
    lines.join("\n")
}

pub fn snapshot(name: &str, text: &str) {
    insta::with_settings!({snapshot_path => "../../snapshots", prepend_module_to_snapshot => false}, {
        insta::assert_snapshot!(name, text);
    });
}

#[test]
fn each_failure_of_a_real_log_is_in_once_and_each_success_counted() {
    let mut all = Vec::new();
    for log in ["structlog", "pino", "zap", "logback", "nginx"] {
        let file = format!("{log}.ndjson");
        let (world, counts) = ingested(&file, &["--map-name", log]);
        all.push(format!("{log}: {counts}\n{}", told(&world)));
        assert_eq!(world.rejects(), [Value::Null; 0], "{log}");
        let again = world.run(&["ingest", &logs(&file), "--map-name", log, "--json"]);
        assert_eq!(again.lines()[0]["inserted"], 0, "{log}: each once");
    }
    let map = logs("webhook.jq");
    let (world, counts) = ingested("webhook.ndjson", &["--map-file", &map]);
    all.push(format!("webhook: {counts}\n{}", told(&world)));
    snapshot("logs", &all.join("\n\n"));
}

#[test]
fn a_collectors_wrapping_changes_nothing() {
    let (plain, counts) = ingested("structlog.ndjson", &["--map-name", "structlog"]);
    for log in ["docker.ndjson", "journald-all.ndjson", "cri.log"] {
        let (world, wrapped) = ingested(log, &["--map-name", "structlog"]);
        let same = |counts: &Value| ["read", "inserted", "accepted", "rejected", "other"].map(|n| counts[n].clone());
        assert_eq!((same(&wrapped), told(&world)), (same(&counts), told(&plain)), "{log}");
    }
    let (world, counts) = ingested("journald.ndjson", &["--map-name", "structlog"]);
    assert_eq!((&counts["inserted"], &counts["rejected"]), (&json!(4), &json!(2)), "journalctl left out long messages");
    assert!(world.rejects()[0]["reason"].as_str().unwrap().contains("--all"));
}

#[test]
fn a_body_that_the_map_passes_on_as_a_text_is_what_was_sent() {
    let world = World::new();
    let line = json!({"b": "{\"a\": 1.10,  \"é\": \"\\u00e9\"}", "s": 503, "p": "records/orders/append"}).to_string();
    let taken = world.run_with(&["ingest", "--map", "{path: .p, body: .b, status: .s}"], line.as_bytes());
    assert_eq!(taken.code, 0, "{taken:?}");
    let built =
        world.run_with(&["ingest", "--map", "{path: .p, body: (.b | fromjson | .n = 1), status: .s}"], line.as_bytes());
    assert_eq!(built.code, 0, "{built:?}");
    let [captured, rebuilt] = &world.json(&["list", "--sort", "id", "--json"])[..] else { panic!("two writes") };
    assert_eq!(captured["body_origin"], "captured");
    assert_eq!(captured["body_sha256"], sha256("{\"a\": 1.10,  \"é\": \"\\u00e9\"}".as_bytes()));
    assert_eq!(rebuilt["body_origin"], "rebuilt");
    assert_eq!(
        rebuilt["body_sha256"],
        sha256("{\"a\":1.10,\"é\":\"é\",\"n\":1}".as_bytes()),
        "numbers keep their spelling"
    );
}

#[test]
fn one_line_gives_none_one_or_many_and_what_an_export_says_counts_for_nothing() {
    let world = World::new();
    let lines = "{\"all\": [{\"n\": 1}, {\"n\": 2}]}\n{\"all\": []}\n\n{\"dlq\": 1, \"state\": \"discarded\", \"all\": [{\"n\": 3}]}\n";
    let map = ". as $line | .all[] | {body: ., path: \"records/orders/append\", status: 503, dlq: $line.dlq, state: $line.state}";
    let ran = world.run_with(&["ingest", "--map", map, "--json"], lines.as_bytes());
    let counts = &ran.lines()[0];
    assert_eq!((&counts["read"], &counts["inserted"], &counts["other"]), (&json!(4), &json!(3), &json!(1)));
    assert_eq!(world.states(), ["pending", "pending", "pending"]);
}

#[test]
fn a_line_on_which_the_filter_has_to_be_stopped_is_its_reject_and_no_others() {
    let world = World::new();
    world.file("limits.toml", "[filters]\ntimeout = '200ms'\nmemory = '64m'\n");
    let map = "if .do == \"loop\" then last(repeat(1))
      elif .do == \"fill\" then [range(1e9)]
      elif .do == \"double\" then reduce range(40) as $n (\"x\"; . + .) | length
      elif .do == \"dive\" then def f: 1 + f; f
      elif .do == \"error\" then error(\"no such thing\")
      elif .do == \"index\" then .do.x
      else {body: ., path: \"records/orders/append\", status: 503} end";
    let doings = ["", "loop", "", "fill", "", "double", "", "dive", "", "error", "", "index", ""];
    let lines: String =
        doings.iter().enumerate().map(|(n, what)| json!({"do": what, "n": n}).to_string() + "\n").collect();
    let lines = lines + "not JSON\n{\"n\": 99}\n{\"half";
    let ran = world.run_with(&["ingest", "--config", "limits.toml", "--map", map, "--json"], lines.as_bytes());
    let counts = &ran.lines()[0];
    assert_eq!(
        (&counts["read"], &counts["inserted"], &counts["rejected"]),
        (&json!(16), &json!(8), &json!(8)),
        "{ran:?}"
    );
    assert_eq!(ran.code, 3);
    let rejects: Vec<String> = world
        .rejects()
        .iter()
        .map(|reject| format!("{}: {}", reject["line"], reject["reason"].as_str().unwrap()))
        .collect();
    snapshot("map_rejects", &rejects.join("\n"));
    // Repaired, the rejects go in with the same map.
    let repaired = "{body: ., path: \"records/orders/append\", status: 503}";
    let again = world.run(&[
        "ingest",
        "dlq.db-rejects.ndjson",
        "--rejects",
        "dlq.db-rejects.ndjson",
        "--map",
        repaired,
        "--json",
    ]);
    assert_eq!(again.lines().first().map(|counts| counts["inserted"].clone()), Some(json!(6)), "{again:?}");
}

#[test]
fn a_wrong_map_is_a_usage_error_before_anything_is_made() {
    let world = World::new();
    world.file(
        "maps.toml",
        "[maps.mine]\nfile = 'mine.jq'\n[maps.broken]\nfilter = '.a |'\n[maps.gone]\nfile = 'gone.jq'\n",
    );
    world.file("mine.jq", "# a comment\n{body: ., path: \"records/orders/append\", status: 503}\n");
    let mut told = Vec::new();
    for args in [
        &["--map", "{body: ."][..],
        &["--map", ".a | now"],
        &["--map", "$ENV.HOME"],
        &["--map", ".", "--map-name", "pino"],
        &["--map-name", "nobody"],
        &["--map-name", "broken"],
    ] {
        let ran = world.run_with(&[&["ingest", "--config", "maps.toml"], args].concat(), b"{}");
        assert_eq!(ran.code, 2, "{ran:?}");
        told.push(format!("{}\n{}", args.join(" "), ran.err.trim_end()));
    }
    snapshot("wrong_maps", &told.join("\n\n"));
    let gone = world.run_with(&["ingest", "--config", "maps.toml", "--map-name", "gone"], b"{}");
    assert_eq!((gone.code, gone.err.contains("gone.jq")), (1, true), "{gone:?}");
    assert!(!world.db().exists());
    let mine = world.run_with(&["ingest", "--config", "maps.toml", "--map-name", "mine", "--json"], b"{\"a\": 1}");
    assert_eq!(mine.lines()[0]["inserted"], 1, "{mine:?}");
}

#[test]
fn a_log_line_names_the_map_that_would_read_it() {
    let world = World::new();
    let line = r#"{"level": "error", "timestamp": "2026-01-31T09:00:00Z", "event": "profile.write_failed"}"#;
    assert_eq!(world.run_with(&["ingest"], line.as_bytes()).code, 3);
    let reason = world.rejects()[0]["reason"].as_str().unwrap().to_owned();
    assert!(reason.contains("--map"), "{reason}");
}
