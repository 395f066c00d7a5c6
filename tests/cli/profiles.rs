//! Target profiles: the commands, and replays against small APIs of each kind, which drop connections before and after they
//! apply a write.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::kills::seed;
use crate::world::{World, now};

/// An API of one kind: whether it knows keys, and how it accepts and refuses.
#[derive(Clone, Copy)]
struct Kind {
    profile: &'static str,
    /// The config of its target, beside the profile.
    more: &'static str,
    method: &'static str,
    path: &'static str,
    /// A definite refusal, by which each write came in.
    status: u16,
    refusal: &'static str,
    /// The header of its keys, in lower case.
    key: Option<&'static str>,
    /// What it answers to a write that it applies.
    done: (u16, &'static str),
}

const KINDS: [Kind; 6] = [
    Kind {
        profile: "stripe",
        more: "",
        method: "POST",
        path: "v1/customers",
        status: 400,
        refusal: r#"{"error":{"type":"invalid_request_error","code":"parameter_missing","message":"Missing"}}"#,
        key: Some("idempotency-key"),
        done: (200, r#"{"id":"cus_1","object":"customer"}"#),
    },
    Kind {
        profile: "problem",
        more: "key = { header = 'X-Request-Key', window = '1h' }",
        method: "POST",
        path: "orders",
        status: 422,
        refusal: r#"{"title":"Your request is not valid","status":422}"#,
        key: Some("x-request-key"),
        done: (201, r#"{"id":7}"#),
    },
    Kind {
        profile: "github",
        more: "",
        method: "POST",
        path: "repos/o/r/issues",
        status: 422,
        refusal: r#"{"message":"Validation Failed","errors":[{"resource":"Issue","field":"title","code":"missing_field"}]}"#,
        key: None,
        done: (201, r#"{"number":7}"#),
    },
    Kind {
        profile: "hubspot",
        more: "",
        method: "POST",
        path: "crm/v3/objects/contacts",
        status: 400,
        refusal: r#"{"status":"error","category":"VALIDATION_ERROR","message":"Property values were not valid"}"#,
        key: None,
        done: (201, r#"{"id":"512","properties":{}}"#),
    },
    Kind {
        profile: "shopify",
        more: "",
        method: "POST",
        path: "admin/api/2026-01/graphql.json",
        status: 403,
        refusal: r#"{"errors":"User does not have access"}"#,
        key: None,
        done: (200, r#"{"data":{"productCreate":{"product":{"id":"1"},"userErrors":[]}}}"#),
    },
    Kind {
        profile: "generic",
        more: "",
        method: "POST",
        path: "things",
        status: 422,
        refusal: r#"{"message":"field a is required"}"#,
        key: None,
        done: (200, r#"{"ok":true}"#),
    },
];

#[derive(Default)]
struct Ledger {
    /// How often each body was applied.
    applied: HashMap<String, u32>,
    /// The first answer under each key.
    cached: HashMap<String, (u16, String)>,
    /// Keys that came under a name that this API doesn't know.
    stray_keys: u32,
    /// What still goes wrong.
    faults: u32,
}

/// A small API on a port that the system gave.
struct Api {
    url: String,
    ledger: Arc<Mutex<Ledger>>,
}

impl Api {
    fn start(kind: Kind, seed: u64, faults: u32) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let ledger = Arc::new(Mutex::new(Ledger { faults, ..Ledger::default() }));
        let shared = Arc::clone(&ledger);
        std::thread::spawn(move || {
            let mut random = fastrand::Rng::with_seed(seed);
            for stream in listener.incoming().flatten() {
                let (ledger, random) = (Arc::clone(&shared), random.fork());
                std::thread::spawn(move || serve(stream, kind, &ledger, random));
            }
        });
        Self { url, ledger }
    }
}

fn serve(stream: TcpStream, kind: Kind, ledger: &Mutex<Ledger>, mut random: fastrand::Rng) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut stream = stream;
    loop {
        let (mut length, mut headers, mut line) = (0, HashMap::new(), String::new());
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        loop {
            line.clear();
            if reader.read_line(&mut line).unwrap_or(0) == 0 || line == "\r\n" {
                break;
            }
            let (name, value) = line.trim_end().split_once(": ").unwrap();
            if name.eq_ignore_ascii_case("content-length") {
                length = value.parse().unwrap();
            }
            headers.insert(name.to_ascii_lowercase(), value.to_owned());
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        let body = String::from_utf8(body).unwrap();
        let answer = {
            let mut ledger = ledger.lock().unwrap();
            if kind.key.is_none() && headers.contains_key("idempotency-key") {
                ledger.stray_keys += 1;
            }
            let fault = if ledger.faults > 0 { random.u8(0..5) } else { 4 };
            ledger.faults -= u32::from(fault < 4);
            let key = kind.key.map(|name| headers.get(name).unwrap_or_else(|| panic!("no {name}")).clone());
            let known = key.as_ref().and_then(|key| ledger.cached.get(key).cloned());
            if fault == 0 {
                return; // Dropped before anything is applied.
            }
            if fault == 3 {
                (503, "<html><title>503 Service Unavailable</title></html>".to_owned())
            } else if let Some(known) = known {
                known
            } else {
                *ledger.applied.entry(body).or_default() += 1;
                let answer = (kind.done.0, kind.done.1.to_owned());
                if let Some(key) = key {
                    ledger.cached.insert(key, answer.clone());
                }
                match fault {
                    1 => return, // Dropped after it was applied.
                    2 => (504, String::new()),
                    _ => answer,
                }
            }
        };
        let (status, text) = answer;
        let head =
            format!("HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n", text.len());
        if stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(text.as_bytes())).is_err() {
            return;
        }
    }
}

fn config(kind: Kind, url: &str) -> String {
    format!(
        "[targets.t]\nbase_url = '{url}'\nprofile = '{}'\nno_token = true\nbackoff = '2ms'\n{}\n",
        kind.profile, kind.more
    )
}

fn failures(kind: Kind, count: usize) -> String {
    let line = |n: usize| {
        let body = json!({"title": format!("number {n}"), "n": n}).to_string();
        let line = json!({
            "target": "t", "idempotency_key": format!("key-{n}"), "failed_at": now(), "tries": 1,
            "request": {"method": kind.method, "path": kind.path, "body": body},
            "response": {"status": kind.status, "body": kind.refusal},
        });
        format!("{line}\n")
    };
    (0..count).map(line).collect()
}

#[test]
fn replays_against_an_api_of_each_kind_apply_nothing_twice_and_tell_no_lie() {
    let seed = seed();
    eprintln!("DLQ_SEED={seed}");
    for kind in KINDS {
        let count = 25;
        let api = Api::start(kind, seed, 30);
        let world = World::new();
        world.file("c.toml", config(kind, &api.url));
        let taken = world.run_with(&["ingest", "--config", "c.toml", "--json"], failures(kind, count).as_bytes());
        assert_eq!(taken.lines()[0]["inserted"], count, "{}: {taken:?}", kind.profile);
        let definite = world.writes().iter().all(|write| write["ambiguous_since"].is_null());
        assert!(definite, "{}: a refusal like this is definite: {}", kind.profile, world.writes()[0]);
        let rounds = if kind.key.is_some() { 8 } else { 3 };
        for round in 0..rounds {
            if round + 1 == rounds {
                api.ledger.lock().unwrap().faults = 0;
            }
            let ran =
                world.run(&["replay", "--config", "c.toml", "--all", "--yes", "--json", "--allow", "key-not-sent"]);
            assert!([0, 3, 4, 6].contains(&ran.code), "{}: {ran:?}", kind.profile);
        }
        let ledger = api.ledger.lock().unwrap();
        assert_eq!(ledger.stray_keys, 0, "{}: it knows no keys", kind.profile);
        for write in world.json(&["list", "--config", "c.toml", "state:any", "--json"]) {
            let body = write["body"].to_string();
            let applied = ledger.applied.get(&body).copied().unwrap_or(0);
            assert!(applied <= 1, "{}: {body} was applied {applied} times", kind.profile);
            let is_replayed = write["state"] == "replayed";
            assert!(!is_replayed || applied == 1, "{}: {write} is told to be there", kind.profile);
            if kind.key.is_some() {
                assert!(is_replayed && applied == 1, "{}: {write}", kind.profile);
            } else if !is_replayed {
                assert!(write["hazards"].to_string().contains("key-not-sent"), "{}: {write}", kind.profile);
            }
        }
    }
}

#[test]
fn what_a_profile_says_of_operations_decides_on_lanes_and_repeats() {
    let world = World::new();
    world.file("c.toml", "[targets.t]\nprofile = 'github'\n");
    let line = |method: &str, path: &str, n: usize| {
        json!({"target": "t", "method": method, "path": path, "body": {"n": n}, "status": 502, "failed_at": now()})
            .to_string()
    };
    let lines = [
        line("POST", "repos/o/r/issues", 1),
        line("PATCH", "repos/o/r/issues/5", 2),
        line("PUT", "repos/o/r/contents/a.txt", 3),
        line("DELETE", "user/starred/o/r", 4),
        line("PATCH", "repos/o/r/issues/5", 5),
    ];
    world.run_with(&["ingest", "--config", "c.toml"], lines.join("\n").as_bytes());
    let told: Vec<String> = world
        .json(&["list", "--config", "c.toml", "--json", "--sort", "id"])
        .iter()
        .map(|write| {
            let text = |name: &str| write[name].as_str().unwrap_or("-").to_owned();
            format!("{} {} {} {}", text("operation"), text("object"), text("lane"), write["hazards"])
        })
        .collect();
    assert_eq!(
        told,
        [
            r#"append issues - ["key-not-sent","outcome-unknown"]"#,
            r#"upsert issues issues:"repos/o/r/issues/5" ["outcome-unknown"]"#,
            r#"upsert a.txt a.txt:"repos/o/r/contents/a.txt" ["outcome-unknown"]"#,
            r#"delete r r:"user/starred/o/r" ["outcome-unknown"]"#,
            r#"upsert issues issues:"repos/o/r/issues/5" ["outcome-unknown"]"#,
        ]
    );
    assert_eq!(world.run(&["doctor", "--config", "c.toml"]).out.matches("fail  ").count(), 0);
}

#[test]
fn a_deletion_that_finds_nothing_has_been_done() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let mut was_dropped = false;
        for stream in listener.incoming().flatten() {
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut line = String::new();
            let _ = reader.read_line(&mut line);
            let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
            while reader.read_line(&mut line).unwrap_or(0) > 0 && line != "\r\n" {
                line.clear();
            }
            let text = r#"{"message":"Not Found"}"#;
            let mut stream = stream;
            if path == "/a/is-dropped" && !std::mem::replace(&mut was_dropped, true) {
                continue;
            }
            let page = "<html><title>404 Not Found</title></html>";
            let text = if path == "/a/page" { page } else { text };
            let _ =
                write!(stream, "HTTP/1.1 404 X\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{text}", text.len());
        }
    });
    let world = World::new();
    world.file("c.toml", format!("[targets.t]\nbase_url = '{url}'\nprofile = 'github'\nno_token = true\n"));
    let said = json!({"message": "m", "documentation_url": "https://docs.github.com/rest"});
    let line = |status: u16, path: &str| {
        json!({"target": "t", "method": "DELETE", "path": path, "status": status, "tries": 1, "failed_at": now(),
            "response": {"status": status, "body": said}})
    };
    let lines =
        [line(502, "a/may-be-done"), line(401, "a/was-refused"), line(401, "a/is-dropped"), line(502, "a/page")];
    let lines: String = lines.iter().map(|line| format!("{line}\n")).collect();
    world.run_with(&["ingest", "--config", "c.toml"], lines.as_bytes());
    world.run(&["replay", "--config", "c.toml", "--all", "--yes", "--max-attempts", "2"]);
    // Of the first and the third it is the trace of an earlier request; a page is not the API's.
    assert_eq!(world.states(), ["replayed", "pending", "replayed", "pending"]);
}

#[test]
fn profiles_are_listed_shown_extended_and_tried() {
    let world = World::new();
    let config = "[targets.a]\nprofile = 'mine'\n[profiles.mine]\nextends = 'problem'\ntitle = 'Our API'\n\
        [profiles.mine.key]\nheader = 'X-Key'\nwindow = '2h'\n\
        [[profiles.mine.rules]]\nstatus = '409'\ncode = '*busy'\ntype = 'transient'\nmeaning = 'it is busy'\nhint = 'wait'\n\
        [[profiles.mine.definite]]\nstatus = '409'\ncode = '*busy'\n";
    world.file("mine.toml", config);
    let list = world.ok(&["profile", "list", "--config", "mine.toml"]);
    assert!(list.contains("mine") && list.contains("x-key, 2 h") && list.contains("stripe"), "{list}");
    let listed = world.json(&["profile", "list", "--json"]);
    assert_eq!(listed.len(), 7);
    let stripe = world.ok(&["profile", "show", "stripe"]);
    assert!(stripe.contains("Idempotency-Key") && stripe.contains("# docs.stripe.com/"), "with its sources: {stripe}");
    let shown = world.ok(&["profile", "show", "mine", "--config", "mine.toml"]);
    assert!(
        shown.contains("title = \"Our API\"") && shown.contains("RateLimit-Remaining"),
        "with all that it extends: {shown}"
    );
    world.file("body", r#"{"type":"https://x/busy","title":"Busy","detail":"one at a time"}"#);
    let busy = world.json(&[
        "profile",
        "test",
        "mine",
        "--config",
        "mine.toml",
        "--status",
        "409",
        "--body",
        "body",
        "--json",
    ]);
    assert_eq!(busy[0]["outcome"], "refused");
    assert_eq!((&busy[0]["definite"], &busy[0]["failure_type"]), (&json!(true), &json!("transient")));
    assert_eq!(busy[0]["error_code"], "https://x/busy");
    assert_eq!(busy[0]["rule"], "definite 1; rule 1 (it is busy)", "what an extension adds comes first");
    assert!(busy[0]["profile"].as_str().unwrap().starts_with("mine@"));
    let plain = world.json(&["profile", "test", "problem", "--status", "409", "--body", "body", "--json"]);
    assert_eq!((&plain[0]["outcome"], &plain[0]["definite"]), (&json!("unclear"), &json!(false)));
    let told = world.ok(&[
        "profile",
        "test",
        "github",
        "--status",
        "403",
        "--header",
        "X-RateLimit-Remaining: 0",
        "--header",
        "X-GitHub-Request-Id: r-1",
    ]);
    crate::maps::snapshot("profile_test", &told);
    for (args, part) in [
        (&["profile", "show", "nobody"][..], "there is no such profile; known are experiture"),
        (&["profile", "test", "stripe", "--status", "99"], "99 is not in 100..=599"),
        (&["profile", "test", "stripe", "--status", "400", "--header", "x"], "write NAME: VALUE"),
    ] {
        let ran = world.run(args);
        assert!(ran.code == 2 && ran.err.contains(part), "{ran:?}");
    }
}

#[test]
fn a_profile_that_contradicts_itself_is_named() {
    let world = World::new();
    let config = "[targets.a]\nbase_url = 'http://127.0.0.1:9'\nprofile = 'mine'\nwindow = '48h'\n[profiles.mine]\nextends = 'stripe'\n\
        [[profiles.mine.definite]]\nstatus = '500-503'\n[[profiles.mine.definite]]\nstatus = '202'\n\
        [profiles.unused]\nextends = 'stripe'\n[[profiles.unused.definite]]\nstatus = '504'\n";
    world.file("mine.toml", config);
    let told = world.run(&["doctor", "--config", "mine.toml"]).out;
    assert!(
        told.contains("profile mine contradicts itself: definite 1 has 500, after which a write may have been applied"),
        "{told}"
    );
    assert!(
        told.contains("profile unused contradicts itself: definite 1 has 504"),
        "also where no target has it: {told}"
    );
    assert!(told.contains("definite 2 has 202, which is accepted"), "{told}");
    assert!(told.contains("window is 2 d, and profile mine says that the API remembers a key for 1 d"), "{told}");
}

#[test]
fn a_verdict_keeps_its_profile_when_that_changes() {
    let world = World::new();
    world.file("strict.toml", "[targets.t]\nprofile = 'problem'\n");
    world.file("loose.toml", "[targets.t]\nprofile = 'mine'\n[profiles.mine]\nextends = 'problem'\n[[profiles.mine.definite]]\nstatus = '409'\n");
    let line = json!({"target": "t", "path": "a/b", "body": {"a": 1}, "status": 409, "error_code": "c", "tries": 1, "failed_at": now()});
    let line = line.to_string();
    world.run_with(&["ingest", "--config", "strict.toml"], line.as_bytes());
    let before: Value = world.writes()[0]["ambiguous_since"].clone();
    assert!(!before.is_null());
    world.run(&["list", "--config", "loose.toml"]);
    assert_eq!(world.writes()[0]["ambiguous_since"], before, "it is not judged again");
    let connection = rusqlite::Connection::open(world.db()).unwrap();
    let profile: String = connection.query_row("SELECT profile FROM writes", [], |row| row.get(0)).unwrap();
    assert!(profile.starts_with("problem@"), "{profile}");
}

#[test]
fn a_key_counts_as_sent_only_under_the_header_that_it_went_in() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let requests = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let seen = std::sync::Arc::clone(&requests);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut line = String::new();
            let _ = BufReader::new(&stream).read_line(&mut line);
            seen.fetch_add(usize::from(line.starts_with("POST")), std::sync::atomic::Ordering::Relaxed);
        }
    });
    let count = || requests.load(std::sync::atomic::Ordering::Relaxed);
    let world = World::new();
    let config = |key: &str| {
        let text = format!("[targets.t]\nbase_url = '{url}'\nprofile = 'problem'\nno_token = true\nkey = {key}\n");
        world.file("c.toml", text);
    };
    let line = json!({"target": "t", "path": "orders", "body": {}, "idempotency_key": "k", "status": 422, "tries": 1,
        "response": {"status": 422, "body": {"title": "t"}}, "failed_at": now()});
    config("{ header = 'x-a', window = '24h' }");
    world.run_with(&["ingest", "--config", "c.toml"], line.to_string().as_bytes());
    let replay = || {
        let args = ["replay", "--config", "c.toml", "--all", "--yes", "--json", "--max-attempts", "1"];
        let ran = world.run(&args);
        (ran.out.contains("key-not-sent") || ran.err.contains("key-not-sent"), count())
    };
    assert_eq!(replay(), (false, 1), "sent, and nobody answered");
    assert_eq!(replay(), (false, 2), "the key protects it");
    for key in ["\"none\"", "{ header = 'x-b', window = '24h' }"] {
        config(key);
        assert_eq!(replay(), (true, 2), "{key}");
    }
    config("{ header = 'x-a', window = '24h' }");
    assert_eq!(replay(), (false, 3), "nothing went in another one meanwhile");
    // Once something has come in under another one, what was sent before is in doubt, also when it is changed back.
    config("{ header = 'x-b', window = '24h' }");
    let other = json!({"target": "t", "path": "orders", "body": {"n": 2}, "status": 422, "error_code": "X"});
    world.run_with(&["ingest", "--config", "c.toml"], other.to_string().as_bytes());
    config("{ header = 'x-a', window = '24h' }");
    assert_eq!(replay(), (true, 4), "the other one is sent");
    assert_eq!(world.run(&["doctor", "--config", "c.toml"]).out.matches("fail  ").count(), 0);
}
