//! Bits that a disk flips: of 2,000 of them, anywhere but in bodies, none sends a wrong request or a second one.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use crate::kills::seed;
use crate::world::{World, order, profile};

/// A request as the API saw it: its first line and what a bit could change of the rest.
type Request = (String, String, String, String);

/// A server that accepts everything and keeps what it saw.
fn recorder() -> (String, Arc<Mutex<Vec<Request>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/v1", listener.local_addr().unwrap());
    let seen: Arc<Mutex<Vec<Request>>> = Arc::default();
    let kept = Arc::clone(&seen);
    std::thread::spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            let kept = Arc::clone(&kept);
            std::thread::spawn(move || {
                let mut buffer = Vec::new();
                let mut chunk = [0; 16384];
                while let Ok(n) = stream.read(&mut chunk) {
                    if n == 0 {
                        return;
                    }
                    buffer.extend_from_slice(&chunk[..n]);
                    while let Some((request, rest)) = parse(&buffer) {
                        kept.lock().unwrap().push(request);
                        buffer = rest;
                        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}");
                    }
                }
            });
        }
    });
    (url, seen)
}

fn parse(bytes: &[u8]) -> Option<(Request, Vec<u8>)> {
    let head_end = bytes.windows(4).position(|w| w == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&bytes[..head_end]).into_owned();
    let header = |name: &str| {
        let line = head.lines().find(|l| l.to_lowercase().starts_with(&format!("{name}: ")));
        line.map(|l| l[name.len() + 2..].to_owned()).unwrap_or_default()
    };
    let length: usize = header("content-length").parse().unwrap_or(0);
    let body = bytes.get(head_end + 4..head_end + 4 + length)?;
    let line = head.lines().next().unwrap_or_default().to_owned();
    let headers = format!("{}|{}|{}", header("content-type"), header("x-tenant"), header("authorization"));
    let request = (line, header("idempotency-key"), headers, String::from_utf8_lossy(body).into_owned());
    Some((request, bytes[head_end + 4 + length..].to_vec()))
}

/// A file with writes in every state, settled by every means, and all of it in the main file.
fn prepared(url: &str) -> World {
    let world = World::new();
    world.file(
        "config.toml",
        "[targets.default]\nheaders = ['x-tenant']\nno_token = true\nbackoff = '1ms'\ntimeout = '2s'\n",
    );
    let mut lines: Vec<_> = (0..24).map(order).collect();
    lines.extend((24..36).map(|n| profile(n, &format!("p{}@example.org", n % 3))));
    for line in &mut lines {
        line["headers"] = serde_json::json!({ "x-tenant": "eu", "content-type": "application/json" });
    }
    lines[5]["status"] = 503.into();
    lines[6]["method"] = "PUT".into();
    world.ingest(&lines);
    world.ok(&["replay", "id:1..6", "--yes", "--base-url", url]);
    world.ok(&["discard", "id:7,8", "--reason", "x"]);
    world.ok(&["resolve", "id:9", "--applied", "--reason", "x"]);
    world.ok(&["resolve", "id:10", "--not-applied", "--reason", "x"]);
    let connection = rusqlite::Connection::open(world.db()).unwrap();
    connection
        .execute_batch("PRAGMA wal_checkpoint(TRUNCATE); PRAGMA journal_mode = DELETE; PRAGMA journal_mode = WAL")
        .unwrap();
    world
}

#[test]
fn promise_1_no_flipped_bit_sends_a_wrong_request_or_a_second_one() {
    flip(200);
}

#[test]
#[ignore = "takes minutes"]
fn two_thousand_flipped_bits() {
    flip(2000);
}

fn flip(flips: usize) {
    let flips = std::env::var("DLQ_FLIPS").ok().and_then(|n| n.parse().ok()).unwrap_or(flips);
    let seed = seed();
    eprintln!("DLQ_SEED={seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let (url, seen) = recorder();
    let world = prepared(&url);
    let sound = std::fs::read(world.db()).unwrap();
    // What a sound file sends is what may be sent, once each.
    seen.lock().unwrap().clear();
    let args = ["replay", "--all", "--yes", "--no-canary", "--base-url", &url];
    assert_eq!(world.run(&args).code, 0);
    let mut right: BTreeMap<Request, usize> = BTreeMap::new();
    for request in seen.lock().unwrap().drain(..) {
        *right.entry(request).or_default() += 1;
    }
    assert!(right.len() >= 20 && right.values().all(|n| *n == 1), "{right:?}");
    let bodies = bodies(&sound);
    let (mut sent_all, mut done) = (0, 0);
    while done < flips {
        let at = random.usize(..sound.len());
        if bodies.iter().any(|range| range.contains(&at)) {
            continue;
        }
        done += 1;
        let bit = random.u8(..8);
        let mut damaged = sound.clone();
        damaged[at] ^= 1 << bit;
        for suffix in ["-wal", "-shm"] {
            let _ = std::fs::remove_file(world.path(&format!("dlq.db{suffix}")));
        }
        std::fs::write(world.db(), damaged).unwrap();
        // With and without the address on the command line: the one in the file must not lead elsewhere.
        let args = if done % 2 == 0 { &args[..] } else { &args[..4] };
        world.run(args);
        let sent = std::mem::take(&mut *seen.lock().unwrap());
        sent_all += usize::from(sent.len() == right.len());
        let mut counted: BTreeMap<&Request, usize> = BTreeMap::new();
        for request in &sent {
            assert!(right.contains_key(request), "seed {seed}, byte {at} bit {bit}: a wrong request {request:?}");
            *counted.entry(request).or_default() += 1;
            assert_eq!(counted[request], 1, "seed {seed}, byte {at} bit {bit}: twice: {request:?}");
        }
    }
    eprintln!("{done} flips: {sent_all} changed nothing that is sent, none sent a wrong request or a second one");
    assert!(sent_all > done / 2, "most bits do not matter: {sent_all} of {done}");
}

/// Where bodies stand in the file.
fn bodies(file: &[u8]) -> Vec<std::ops::Range<usize>> {
    let mut ranges = Vec::new();
    for needle in [&b"{\"record\":{"[..], b"{\"records\":["] {
        for at in memchr::memmem::find_iter(file, needle) {
            let end = memchr::memchr(b'}', &file[at..]).map_or(file.len(), |len| at + len + 60);
            ranges.push(at..end);
        }
    }
    ranges
}

#[test]
fn one_row_that_cannot_be_read_hides_no_other() {
    let (url, seen) = recorder();
    let world = World::new();
    world.file("config.toml", "[targets.default]\nno_token = true\n");
    world.ingest(&(0..4).map(order).collect::<Vec<_>>());
    let connection = rusqlite::Connection::open(world.db()).unwrap();
    connection
        .execute_batch("PRAGMA ignore_check_constraints = ON; UPDATE writes SET key_origin = 'givem' WHERE id = 2")
        .unwrap();
    connection.execute_batch("UPDATE writes SET path = 'records/orders/appenx' WHERE id = 3").unwrap();
    drop(connection);
    for args in [&["list", "--json"][..], &["export"]] {
        let ran = world.run(args);
        assert_eq!((ran.code, ran.lines().len()), (1, 2), "{args:?}: {ran:?}");
        assert!(ran.err.contains("write 2: its row can't be read"), "{}", ran.err);
        assert!(ran.err.contains("write 3: its row was changed on disk"), "{}", ran.err);
    }
    let ran = world.run(&["replay", "--all", "--yes", "--no-canary", "--base-url", &url]);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.err.contains("write 2") && ran.err.contains("write 3"), "{}", ran.err);
    let keys: Vec<String> = seen.lock().unwrap().iter().map(|r| r.1.clone()).collect();
    assert_eq!(keys.len(), 2, "{keys:?}");
    assert!(!keys.contains(&"key-1".to_owned()) && !keys.contains(&"key-2".to_owned()));
    // Nothing makes it sound again by moving it, and one that no query finds is named all the same.
    let connection = rusqlite::Connection::open(world.db()).unwrap();
    connection
        .execute_batch("PRAGMA ignore_check_constraints = ON; UPDATE writes SET state = 'bogus' WHERE id = 2")
        .unwrap();
    for args in [&["list", "--json"][..], &["export"], &["replay", "--all", "--dry-run"], &["show", "3"]] {
        assert_eq!(world.run(args).code, 1, "{args:?}");
    }
    let doctor = world.run(&["doctor"]);
    assert!(doctor.code == 1 && doctor.out.contains("write 3: its row was changed on disk"), "{}", doctor.out);
}

#[test]
fn a_target_that_was_changed_on_disk_is_sent_nothing() {
    let (url, seen) = recorder();
    let world = World::new();
    world.file("config.toml", "[targets.default]\nno_token = true\n");
    world.ingest(&[order(1), order(2)]);
    world.ok(&["replay", "id:1", "--yes", "--base-url", &url]);
    let connection = rusqlite::Connection::open(world.db()).unwrap();
    let (other, elsewhere) = recorder();
    connection.execute("UPDATE targets SET base_url = ?", [other]).unwrap();
    drop(connection);
    let ran = world.run(&["replay", "--all", "--yes"]);
    assert!(ran.code == 1 && ran.err.contains("target set default"), "{ran:?}");
    assert!(elsewhere.lock().unwrap().is_empty() && seen.lock().unwrap().len() == 1);
}
