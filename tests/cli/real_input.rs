//! Real input: a Python client with `requests`, its failures written as the guide's dead-letter sample, and the replay
//! checked against what `requests` had put on the wire.

use std::collections::BTreeMap;
use std::process::Command;

use base64::Engine as _;
use dlq::sandbox::Settings;
use serde_json::{Value, json};

use crate::world::World;

const CLIENT: &str = r#"
import base64, datetime, json, os, random, sys
import requests
R = random.Random(int(sys.argv[1]))
base, token = os.environ["EXPERITURE_BASE_URL"], os.environ["EXPERITURE_API_KEY"]
session = requests.Session()
session.trust_env = False
NAMES = ["Zoë", "小明", "O'Brien", "Łukasz", "a\"b\\c", "tab\there", "😀", "\u2028", "\x7f"]
with open("dlq.ndjson", "w", encoding="utf-8") as queue, open("sent.ndjson", "w") as sent:
    for n in range(int(sys.argv[2])):
        record = {"email": f"c{n}@example.org", "first_name": R.choice(NAMES), "points": R.choice([R.random() * 10 ** R.randrange(-8, 20), R.randrange(10**20), True, None]),
                  "plan": {"z": [R.random(), {}], "a": R.choice(NAMES)}}
        key = f"evt_{n}"
        resp = session.post(f"{base}/records/profiles/upsert", headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json", "Idempotency-Key": key},
                            json={"record": record, "matchKey": "email"})
        assert resp.status_code == 422, resp.text
        error = resp.json()["error"]
        sent.write(json.dumps({"key": key, "body": base64.b64encode(resp.request.body).decode()}) + "\n")
        queue.write(json.dumps({"record": record, "idempotency_key": key, "error_code": error.get("code"), "error_message": error.get("message"),
                                "failure_type": "schema", "failed_at": datetime.datetime.utcnow().isoformat() + "Z"}, ensure_ascii=R.random() < .5) + "\n")
"#;

#[test]
fn what_requests_sent_is_sent_again_byte_for_byte() {
    let python = std::env::var("DLQ_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let has_requests = Command::new(&python).args(["-c", "import requests"]).output().is_ok_and(|o| o.status.success());
    if !has_requests {
        assert!(std::env::var_os("CI").is_none(), "CI must have Python with requests (DLQ_PYTHON)");
        eprintln!("Python with requests is not installed: not compared");
        return;
    }
    let count = std::env::var("DLQ_CLIENT_WRITES").unwrap_or_else(|_| "300".to_owned());
    let world = World::with_api(Settings::default());
    let script = world.file("client.py", CLIENT);
    let seed = fastrand::u32(..).to_string();
    let output = Command::new(&python)
        .arg(script)
        .args([&seed, &count])
        .current_dir(world.directory.path())
        .envs(world.env.iter().cloned())
        .output()
        .unwrap();
    assert!(output.status.success(), "seed {seed}: {}", String::from_utf8_lossy(&output.stderr));
    let count: u64 = count.parse().unwrap();
    let ingested =
        world.run(&["ingest", "--json", "--endpoint", "records/profiles/upsert", "--match-key", "email", "dlq.ndjson"]);
    assert_eq!(
        ingested.lines()[0],
        json!({"intake": 1, "read": count, "inserted": count, "repeated": 0, "rejected": 0, "accepted": 0, "other": 0})
    );
    world.api().world().add_field("profiles", "plan");
    let ran = world.run(&["replay", "--type", "schema", "--json"]);
    assert_eq!((ran.code, &ran.summary()["replayed"]), (0, &json!(count)), "{}", ran.err);
    let sent = std::fs::read_to_string(world.path("sent.ndjson")).unwrap();
    let sent: BTreeMap<String, Vec<u8>> = sent
        .lines()
        .map(|l| {
            let line: Value = serde_json::from_str(l).unwrap();
            let body = base64::engine::general_purpose::STANDARD.decode(line["body"].as_str().unwrap()).unwrap();
            (line["key"].as_str().unwrap().to_owned(), body)
        })
        .collect();
    let applied = world.api().world().ledger.applied.clone();
    assert_eq!(applied.len() as u64, count, "each once");
    for entry in &applied {
        let want = String::from_utf8_lossy(&sent[&entry.key]).into_owned();
        assert_eq!(String::from_utf8_lossy(&entry.body), want, "seed {seed}, {}", entry.key);
    }
    let requests = world.api().world().ledger.seen.len();
    let again = world.run(&["replay", "--type", "schema", "--json"]);
    assert_eq!((again.code, &again.summary()["planned"]), (0, &json!(0)));
    assert_eq!(world.api().world().ledger.seen.len(), requests, "the second replay sends nothing");
}

#[test]
fn bodies_of_any_kind_are_sent_as_the_bytes_they_were() {
    use std::io::{Read as _, Write as _};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}/v1", listener.local_addr().unwrap());
    let requests = std::thread::spawn(move || {
        let mut seen = Vec::new();
        while seen.len() < 5 {
            let (mut stream, _) = listener.accept().unwrap();
            let (mut text, mut buffer) = (Vec::new(), [0; 4096]);
            // Each connection is closed after one answer, so each has one request.
            loop {
                let n = stream.read(&mut buffer).unwrap();
                text.extend_from_slice(&buffer[..n]);
                let whole = String::from_utf8_lossy(&text).into_owned();
                let Some((head, body)) = whole.split_once("\r\n\r\n") else { continue };
                let length = head.to_ascii_lowercase();
                let length =
                    length.split("content-length: ").nth(1).and_then(|rest| rest.split("\r\n").next()?.parse().ok());
                if body.len() >= length.unwrap_or(0) {
                    seen.push((head.to_owned(), body.to_owned()));
                    break;
                }
            }
            let answer = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 16\r\n\r\n{\"success\":true}";
            stream.write_all(answer.as_bytes()).unwrap();
        }
        seen
    });
    let mut world = World::new();
    world.env = vec![("EXPERITURE_BASE_URL".to_owned(), base), ("EXPERITURE_API_KEY".to_owned(), "t".to_owned())];
    let form = "a=1&b=%20x&c=\u{e9}";
    world.ingest(&[
        json!({"method": "POST", "path": "forms?draft=1", "body": form, "status": 503, "failed_at": crate::world::now(),
               "idempotency_key": "k1", "headers": {"Content-Type": "application/x-www-form-urlencoded"}}),
        json!({"method": "PUT", "path": "xml/7", "body": "<a>1</a>\n", "status": 503, "idempotency_key": "k2",
               "failed_at": crate::world::now()}),
        json!({"method": "DELETE", "path": "records/9", "status": 503, "failed_at": crate::world::now(), "idempotency_key": "k3"}),
        json!({"request": {"method": "delete", "path": "records/10", "idempotency_key": "k4"}, "response": {"status": 503},
               "failed_at": crate::world::now()}),
        json!({"method": "PATCH", "path": "records/11", "body": [1, 2], "status": 503, "failed_at": crate::world::now(),
               "idempotency_key": "k5"}),
    ]);
    let ran = world.run(&["replay", "--all", "--yes", "--no-canary", "--concurrency", "1"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let mut seen = requests.join().unwrap();
    seen.sort_by_key(|(head, _)| head.split("idempotency-key: ").nth(1).map(|rest| rest[..2].to_owned()));
    let first: Vec<&str> = seen.iter().map(|(head, _)| head.split(" HTTP").next().unwrap()).collect();
    assert_eq!(
        first,
        [
            "POST /v1/forms?draft=1",
            "PUT /v1/xml/7",
            "DELETE /v1/records/9",
            "DELETE /v1/records/10",
            "PATCH /v1/records/11"
        ]
    );
    let bodies: Vec<&str> = seen.iter().map(|(_, body)| body.as_str()).collect();
    assert_eq!(bodies, [form, "<a>1</a>\n", "", "", "[1,2]"]);
    let types: Vec<Option<&str>> = seen
        .iter()
        .map(|(head, _)| head.split("content-type: ").nth(1).and_then(|rest| rest.split("\r\n").next()))
        .collect();
    assert_eq!(types, [Some("application/x-www-form-urlencoded"), None, None, None, Some("application/json")]);

    let other = World::new();
    other.ingest(&[1, 2].map(|n| json!({"method": "DELETE", "path": format!("records/{n}"), "status": 503})));
    let keys: Vec<_> = other.writes().into_iter().map(|write| write["idempotency_key"].clone()).collect();
    assert_ne!(keys[0], keys[1], "requests without a body have keys of their own");
    let secrets = ["api_key=x", "token=x", "a=1&access_token=x", "sig=x"]
        .map(|query| json!({"path": format!("a/b?{query}"), "body": {}, "status": 503}).to_string());
    let ran = other.run_with(&["ingest", "--json"], secrets.join("\n").as_bytes());
    assert_eq!(ran.lines()[0]["rejected"], 4, "{ran:?}");
    assert!(other.rejects().iter().all(|reject| reject["reason"].as_str().unwrap().contains("contains a secret")));
}
