//! Tokens that a command prints, the header that a token goes in, and headers that every request has.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;

use dlq::sandbox::Settings;
use serde_json::json;

use crate::world::{World, order};

/// A world whose token comes from a command that prints the lines of `tokens`, one a call, and the last from then on.
fn world(tokens: &[&str]) -> World {
    let world = World::with_api(Settings::default());
    world.file("tokens", tokens.join("\n") + "\n");
    let script = format!(
        "#!/bin/sh\ncd '{}'\necho \"$1\" >> calls\nn=$(wc -l < calls)\nall=$(wc -l < tokens)\n[ $n -gt $all ] && n=$all\nsed -n \"${{n}}p\" tokens\necho not-for-logs >&2\n",
        world.directory.path().display()
    );
    world.file("print-token", script);
    std::fs::set_permissions(world.path("print-token"), std::fs::Permissions::from_mode(0o700)).unwrap();
    let command = world.path("print-token");
    world.file(
        "config.toml",
        format!("[targets.default]\nbackoff = '5ms'\ntoken_command = ['{}', 'a b; exit 1']\n", command.display()),
    );
    world
}

fn calls(world: &World) -> usize {
    std::fs::read_to_string(world.path("calls"))
        .unwrap_or_default()
        .lines()
        .filter(|line| *line == "a b; exit 1")
        .count()
}

#[test]
fn a_token_that_expires_is_printed_anew_once() {
    let settings = Settings::default();
    let world = world(&[&settings.expired_token, &settings.token]);
    world.ingest(&(0..20).map(order).collect::<Vec<_>>());
    assert_eq!(world.run(&["replay", "--all", "--dry-run"]).code, 0);
    world.run(&["doctor"]);
    assert_eq!(calls(&world), 0, "it is run when a run begins");
    let ran = world.run(&["replay", "--all", "--yes", "--json", "--no-canary", "--concurrency", "4"]);
    assert_eq!((ran.code, &ran.summary()["replayed"]), (0, &json!(20)), "{ran:?}");
    assert_eq!(calls(&world), 2);
    for token in [&settings.expired_token, &settings.token] {
        assert!(!ran.out.contains(token.as_str()) && !ran.err.contains(token.as_str()), "{ran:?}");
        for file in ["dlq.db", "dlq.db-wal"] {
            let bytes = std::fs::read(world.path(file)).unwrap_or_default();
            assert!(memchr::memmem::find(&bytes, token.as_bytes()).is_none(), "a token in {file}");
        }
    }
    assert!(!ran.err.contains("not-for-logs"), "{}", ran.err);
}

#[test]
fn a_token_that_is_refused_twice_stops_the_run() {
    let settings = Settings::default();
    for tokens in [vec![settings.expired_token.as_str()], vec![settings.expired_token.as_str(), "another-wrong-token"]]
    {
        let world = world(&tokens);
        world.ingest(&(0..20).map(order).collect::<Vec<_>>());
        let ran = world.run(&["replay", "--all", "--yes", "--json", "--no-canary", "--concurrency", "2"]);
        assert_eq!((ran.code, &ran.summary()["stopped"]), (4, &json!("token-refused")), "{ran:?}");
        assert_eq!(calls(&world), 2);
        assert!(world.api().world().ledger.seen.len() <= 8, "{}", world.api().world().ledger.seen.len());
    }
    let failing = world(&["x"]);
    failing.file("print-token", "#!/bin/sh\necho secret-in-vain\nexit 7\n");
    failing.ingest(&[order(1)]);
    let ran = failing.run(&["replay", "--all", "--yes"]);
    assert!(
        ran.code == 1 && ran.err.contains("print-token: it failed") && !ran.err.contains("secret-in-vain"),
        "{ran:?}"
    );
    assert_eq!(failing.states(), ["pending"]);
}

#[test]
fn requests_have_the_headers_of_their_target() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}/v1", listener.local_addr().unwrap());
    let served = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let (mut request, mut buffer) = (Vec::new(), [0; 4096]);
        while !request.ends_with(b"}}") {
            let n = stream.read(&mut buffer).unwrap();
            request.extend_from_slice(&buffer[..n]);
        }
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 16\r\n\r\n{\"success\":true}").unwrap();
        String::from_utf8(request).unwrap().to_ascii_lowercase()
    });
    let mut world = World::new();
    world.file(
        "config.toml",
        "[targets.default]\ntoken_env = 'KEY'\nauth = { header = 'X-Api-Key', scheme = '' }\nheaders = ['x-tenant']\n\
         static_headers = { 'X-Region' = 'eu', 'X-Team' = 'on call' }\n",
    );
    world.env = vec![("EXPERITURE_BASE_URL".to_owned(), base), ("KEY".to_owned(), "tok-0123456789ab".to_owned())];
    let mut line = order(1);
    line["headers"] = json!({"X-Tenant": "acme", "X-Region": "us", "X-Api-Key": "captured"});
    world.ingest(&[line]);
    let ran = world.run(&["replay", "--all", "--yes"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let request = served.join().unwrap();
    for header in ["x-api-key: tok-0123456789ab\r\n", "x-region: eu\r\n", "x-team: on call\r\n", "x-tenant: acme\r\n"] {
        assert!(request.contains(header), "{header}: {request}");
    }
    assert!(!request.contains("authorization") && !request.contains("captured"), "{request}");
}
