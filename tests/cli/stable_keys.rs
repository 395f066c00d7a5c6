//! `dlq key` against `CPython`: recorded vectors, and random documents where Python is installed.

use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::world::World;

/// Recorded from `CPython`: the text, and its key or what is wrong with it.
const VECTORS: &str = include_str!("../data/stable_key_vectors.jsonl");

#[test]
fn keys_agree_with_the_vectors() {
    let vectors: Vec<Value> = VECTORS.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert!(vectors.len() >= 40);
    let input: String = vectors.iter().map(|v| format!("{}\n", v["input"].as_str().unwrap())).collect();
    let ran = World::new().run_with(&["key"], input.as_bytes());
    assert_eq!(ran.code, 1, "some vectors have no key");
    let keys: Vec<&str> = ran.out.split('\n').collect();
    assert_eq!(keys.len(), vectors.len() + 1, "a line for each, also for those without a key");
    for (n, (vector, key)) in vectors.iter().zip(keys).enumerate() {
        assert_eq!(key, vector["uuid"].as_str().unwrap_or(""), "{}", vector["name"]);
        let told = ran.err.contains(&format!("line {}: ", n + 1));
        assert_eq!(told, !vector["error"].is_null(), "{}", vector["name"]);
    }
}

#[test]
fn all_is_well_without_a_bad_line() {
    let ran = World::new().run_with(&["key"], b"{\"a\":1}\n[]");
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    assert_eq!(ran.out, "42b7b4f2-9217-88ea-14da-c5566e6f06d0\nd7517139-8898-7e93-3198-0363e24189ce\n");
}

/// Random documents: every kind of number, string and nesting, written by Python, keyed by the guide's function.
const PYTHON: &str = r#"
import hashlib, json, random, sys, uuid
R = random.Random(int(sys.argv[2]))
def number():
    k = R.randrange(9)
    if k == 0: return R.randrange(-10**6, 10**6)
    if k == 1: return R.getrandbits(R.randrange(1, 300)) * R.choice([1, -1])
    if k == 2: return R.random()
    if k == 3: return R.uniform(-1e9, 1e9)
    if k == 4: return R.choice([1, -1]) * R.random() * 10.0 ** R.randrange(-320, 308)
    if k == 5: return R.randrange(1, 10**13) / R.choice([1, 2, 4, 8, 1000])
    if k == 6: return float(R.getrandbits(53)) * 2.0 ** R.randrange(-60, 60)
    if k == 7: return R.choice([0.0, -0.0, 1e16, 1e15, 1e-4, 1e-5, 5e-324, 1.7976931348623157e308, float('inf'), float('nan')])
    return float(R.randrange(10**9))
def text():
    pick = lambda: chr(R.choice([R.randrange(0x80), R.randrange(0x20, 0x7f), R.randrange(0x800), R.randrange(0xd800), R.randrange(0xe000, 0x110000), R.randrange(0xd800, 0xe000)]))
    return "".join(pick() for _ in range(R.randrange(12)))
def value(depth):
    k = R.randrange(10)
    if depth > 5 or k < 3: return number()
    if k < 6: return text()
    if k == 6: return R.choice([None, True, False])
    if k == 7: return [value(depth + 1) for _ in range(R.randrange(5))]
    return {text(): value(depth + 1) for _ in range(R.randrange(5))}
def spelled(x):
    s = json.dumps(x, ensure_ascii=True, indent=None, separators=R.choice([(",", ":"), (", ", ": "), (" , ", " :  ")]))
    if R.random() < .5 and not any(0xd800 <= ord(c) < 0xe000 for c in json.loads('"' + '"') ):
        try:
            t = json.dumps(x, ensure_ascii=False)
            t.encode("utf-8"); s = t
        except UnicodeEncodeError: pass
    if R.random() < .1: s = s.replace("e+", "E").replace("0.", "0.000000000000000000000000000", R.randrange(2))
    return s
for _ in range(int(sys.argv[1])):
    s = spelled(value(0))
    canonical = json.dumps(json.loads(s), sort_keys=True, ensure_ascii=True)
    key = str(uuid.UUID(hashlib.md5(canonical.encode()).hexdigest()))
    sys.stdout.buffer.write((key + " " + s + "\n").encode("utf-8"))
"#;

#[test]
fn keys_agree_with_python_on_random_documents() {
    let documents = std::env::var("DLQ_DOCUMENTS").unwrap_or_else(|_| "5000".to_owned());
    let seed = fastrand::u32(..).to_string();
    let mut python = Command::new("python3");
    python.args(["-", &documents, &seed]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let Ok(mut child) = python.spawn() else {
        eprintln!("python3 is not installed: not compared");
        return;
    };
    child.stdin.take().unwrap().write_all(PYTHON.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "seed {seed}");
    let text = String::from_utf8(output.stdout).unwrap();
    let pairs: Vec<(&str, &str)> = text.split_terminator('\n').map(|l| l.split_once(' ').unwrap()).collect();
    assert_eq!(pairs.len().to_string(), documents);
    let input: String = pairs.iter().map(|(_, document)| format!("{document}\n")).collect();
    let ran = World::new().run_with(&["key"], input.as_bytes());
    for ((want, document), got) in pairs.iter().zip(ran.out.lines()) {
        assert_eq!(got, *want, "seed {seed}: {document}");
    }
    assert_eq!((ran.code, ran.out.lines().count()), (0, pairs.len()), "seed {seed}: {}", ran.err);
}
