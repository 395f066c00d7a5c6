//! What the commands that look print: snapshots, to be read.

use serde_json::{Value, json};

use crate::world::{World, order, profile};

fn snapshot(name: &str, text: &str) {
    let filters = vec![
        (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", "TIME"),
        (r#"\["date","[^"]+"\]"#, r#"["date","DATE"]"#),
        (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "DATE AND TIME"),
        (r"\(\d+ (ms|s|min|h|d)( \d+ (s|min|h))? ago\)", "(AGO)"),
        (r"\d+ (ms|s|min|h|d) {2,}", "AGE  "),
        (r"AGE +MESSAGE", "AGE  MESSAGE"),
        (r"sbx-[0-9a-f]+-\d+", "CORRELATION"),
        (r"in \d+ ms", "in N ms"),
        (r#""latency_ms":\d+"#, r#""latency_ms":N"#),
        (r#""host":"[^"]*""#, r#""host":"HOST""#),
        (r"(tester) on [^:]+:", "$1 on HOST:"),
    ];
    insta::with_settings!({snapshot_path => "../../snapshots", prepend_module_to_snapshot => false, filters => filters}, {
        insta::assert_snapshot!(name, text);
    });
}

fn failures() -> Vec<Value> {
    let mut schema = order(1);
    schema["error_details"] = json!({"path": "record.total", "field": "total"});
    schema["correlation_id"] = "5b0c".into();
    schema["source"] = "checkout".into();
    let hostile = json!({
        "path": "records/orders/append", "body": {"record": {"note": "\u{1b}[2J\u{202e}"}}, "status": 400,
        "error_code": "CDP_ETL.VALIDATION.REQUEST_INVALID", "idempotency_key": "k", "failed_at": "2026-01-01T00:00:00Z",
        "error_message": "record.note: \u{1b}[31mred\u{1b}[0m \u{202e}gnp.exe \u{200b}東京 \u{e0041}",
    });
    let expired = json!({
        "path": "records/orders/append", "body": {"record": {"order_id": "9"}}, "status": 504, "idempotency_key": "k9",
        "error_code": "CDP_ETL.UPSTREAM.504", "error_message": "upstream answered 504 after 30001 ms",
        "first_attempt_at": "2026-01-01T00:00:00Z", "failed_at": "2026-01-01T00:00:31Z",
    });
    let event = json!({"event": {"id": "evt_1", "type": "order.created"}, "error": "Field not found: total", "failed_at": "2026-01-02T00:00:00Z"});
    vec![schema, hostile, expired, event, profile(1, "ana@example.org")]
}

#[test]
fn pages_lists_and_groups() {
    let world = World::new();
    world.ingest(&failures());
    let mut text = String::new();
    for args in [
        vec!["list"],
        vec!["groups"],
        vec!["stats"],
        vec!["show", "1"],
        vec!["show", "2"],
        vec!["show", "3"],
        vec!["show", "4"],
    ] {
        let ran = world.run(&args);
        assert_eq!(ran.code, 0);
        assert!(!ran.out.chars().any(|c| c != '\n' && crate::world::is_hostile(c)), "{}", ran.out);
        text.push_str(&format!("$ dlq {}\n{}{}\n", args.join(" "), ran.out, ran.err));
    }
    snapshot("pages", &text);
}

#[test]
fn a_page_names_the_neighbours_of_its_lane() {
    let world = World::new();
    world.ingest(&[profile(1, "a@x.org"), profile(2, "a@x.org"), profile(3, "a@x.org")]);
    world.ok(&["discard", "id:3", "--reason", "r"]);
    let page = world.ok(&["show", "2"]);
    assert!(page.contains("goes after 1 (pending)") && page.contains("goes before 3 (discarded)"), "{page}");
}

#[test]
fn json_is_the_contract() {
    let world = World::with_api(dlq::sandbox::Settings::default());
    world.ingest(&failures());
    world.run(&["replay", "id:1", "--json", "--yes"]);
    world.ok(&["discard", "id:2", "--reason", "r"]);
    let mut text = String::new();
    for args in [
        vec!["list", "state:any", "--sort", "id"],
        vec!["groups"],
        vec!["stats"],
        vec!["history", "1"],
        vec!["history", "2"],
        vec!["runs"],
    ] {
        let ran = world.run(&[&args[..], &["--json"]].concat());
        assert_eq!(ran.code, 0);
        ran.lines();
        assert!(!ran.out.chars().any(|c| c >= '\u{7f}' && crate::world::is_hostile(c)));
        text.push_str(&format!("$ dlq {} --json\n{}\n", args.join(" "), ran.out));
    }
    snapshot("json", &text);
}

#[test]
fn help_says_it_all() {
    let world = World::new();
    let mut text = String::new();
    for command in [
        "",
        "ingest",
        "list",
        "show",
        "groups",
        "stats",
        "history",
        "runs",
        "replay",
        "resolve",
        "split",
        "unsplit",
        "report",
        "runs pace",
        "discard",
        "reopen",
        "purge",
        "target",
        "target set",
        "export",
        "backup",
        "doctor",
        "key",
        "demo",
    ] {
        let args: Vec<&str> = command.split_whitespace().chain(["--help"]).collect();
        text.push_str(&format!("$ dlq {}\n{}\n", args.join(" "), world.ok(&args)));
    }
    snapshot("help", &text);
}

#[test]
fn queries_find_what_they_mean() {
    let world = World::new();
    world.ingest(&failures());
    let find = |query: &str| -> Vec<i64> {
        let words: Vec<&str> = vec!["list", "--json", "--sort", "id", query];
        world.json(&words).iter().map(|w| w["id"].as_i64().unwrap()).collect()
    };
    for (query, want) in [
        ("", vec![1, 2, 3, 4, 5]),
        ("type:schema", vec![1, 4]),
        ("type:schema,bad_data", vec![1, 2, 4]),
        ("-type:schema", vec![2, 3, 5]),
        ("code:REQUEST_SCHEMA", vec![1]),
        ("code:VALIDATION.REQUEST_SCHEMA", vec![1]),
        ("code:SCHEMA", vec![]),
        ("code:~schema", vec![1]),
        ("-code:REQUEST_SCHEMA", vec![2, 3, 4, 5]),
        ("status:>=500", vec![3, 5]),
        ("status:400..499", vec![1, 2]),
        ("-status:>=500", vec![1, 2, 4]),
        ("age:<2h", vec![1]),
        ("age:>2h", vec![2, 3, 4, 5]),
        ("object:orders", vec![1, 2, 3]),
        ("operation:upsert", vec![4, 5]),
        ("path:append", vec![1, 2, 3]),
        ("-path:append", vec![4, 5]),
        ("path:orders/append", vec![1, 2, 3]),
        ("path:appen", vec![]),
        ("path:~appen", vec![1, 2, 3]),
        ("-\"ord_1\"", vec![2, 3, 4, 5]),
        ("lane:ana", vec![]),
        ("lane:~ana", vec![5]),
        ("key:key-1", vec![1]),
        ("cid:5b0c", vec![1]),
        ("source:checkout", vec![1]),
        ("-source:checkout", vec![2, 3, 4, 5]),
        ("target:default", vec![1, 2, 3, 4, 5]),
        ("lane:ana@example.org", vec![5]),
        ("lane:ANA@example.org", vec![5]),
        ("hazard:key-expired", vec![3]),
        ("-hazard:key-expired,no-body,maybe-stale", vec![1, 2]),
        ("id:2..3", vec![2, 3]),
        ("id:1,5", vec![1, 5]),
        ("email:~EXAMPLE.org", vec![5]),
        ("email:ana@example.org", vec![5]),
        ("body.record.points:1", vec![5]),
        ("points:>0", vec![5]),
        ("points:>1", vec![]),
        ("\"does not exist\"", vec![1]),
        ("ord_1", vec![1]),
        ("東京", vec![2]),
        ("type:schema path:append", vec![1]),
        ("occurrences:>1", vec![]),
        ("run:1", vec![]),
        ("state:settled", vec![]),
        ("group:1", vec![1]),
    ] {
        assert_eq!(find(query), want, "{query}");
    }
    let csv = world.ok(&["list", "--format", "csv", "--sort", "id"]);
    assert_eq!(csv.lines().next().unwrap().split(',').count(), 17);
    assert_eq!(world.run(&["list", "state:settled"]).err, "no open writes match\n");
}

#[test]
fn text_is_found_also_behind_escapes_and_lanes_by_any_value() {
    let world = World::new();
    let body = |body: &str| json!({"path": "records/o/upsert", "body": body, "error_code": "CDP_ETL.NOT_FOUND"});
    world.ingest(&[
        body(r#"{"record":{"say":"he said \"hi\" ok","id":1,"n":"caf\u00e9"},"matchKey":"id"}"#),
        body(r#"{"record":{"id":"a:b"},"matchKey":"id"}"#),
        body(r#"{"record":{"id":12},"matchKey":"id"}"#),
    ]);
    for (query, want) in [
        (r#""said \"hi\"""#, 1),
        ("café", 1),
        ("CAFÉ", 1),
        ("lane:1", 1),
        ("lane:o:1", 1),
        ("lane:a:b", 2),
        ("lane:12", 3),
    ] {
        let found = world.json(&["list", "--json", query]);
        assert_eq!(found.iter().map(|w| w["id"].as_i64().unwrap()).collect::<Vec<_>>(), [want], "{query}");
    }
}

#[test]
fn options_may_follow_a_negation() {
    let world = World::new();
    world.ingest(&failures());
    let found = world.json(&["list", "-path:append", "--limit", "1", "--json", "--sort", "id"]);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0]["id"], 4);
    world.ok(&["discard", "id:1", "--reason=-note:x"]);
    assert_eq!(world.happened(1)[0]["reason"], "-note:x", "no condition, but a value");
}
