//! Evil answers: a server that speaks raw bytes, and what each of its answers must be taken for. Of every request exactly
//! one attempt is recorded, whatever came back.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use serde_json::Value;

use crate::world::{World, order};

/// What a server does once it has read a request.
#[derive(Clone)]
enum Answer {
    /// These bytes, then it closes.
    Bytes(Vec<u8>),
    /// These bytes, then nothing more, with the connection open.
    Hang(Vec<u8>),
    /// These bytes, then a reset.
    Reset(Vec<u8>),
}

/// A server that takes one request a connection, counts it, and answers with bytes.
struct RawServer {
    url: String,
    requests: Receiver<Vec<u8>>,
}

impl RawServer {
    fn start(answers: Vec<Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/v1", listener.local_addr().unwrap());
        let (sender, requests) = channel();
        std::thread::spawn(move || {
            let mut open = Vec::new();
            for answer in answers {
                let Ok((mut stream, _)) = listener.accept() else { return };
                if read_request(&mut stream, &sender).is_none() {
                    continue;
                }
                open.extend(give(stream, &answer));
            }
            // What hangs hangs until the test is over.
            std::mem::forget(open);
        });
        Self { url, requests }
    }
}

fn read_request(stream: &mut TcpStream, sender: &Sender<Vec<u8>>) -> Option<()> {
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    let (mut request, mut buffer) = (Vec::new(), vec![0; 65536]);
    loop {
        let n = stream.read(&mut buffer).ok().filter(|n| *n > 0)?;
        request.extend_from_slice(&buffer[..n]);
        let text = String::from_utf8_lossy(&request).to_lowercase();
        let Some(head) = text.find("\r\n\r\n") else { continue };
        let length = text.split("content-length: ").nth(1).and_then(|rest| rest.split("\r\n").next()?.parse().ok());
        if request.len() >= head + 4 + length.unwrap_or(0) {
            let _ = sender.send(request);
            return Some(());
        }
    }
}

fn give(mut stream: TcpStream, answer: &Answer) -> Option<TcpStream> {
    let (Answer::Bytes(bytes) | Answer::Hang(bytes) | Answer::Reset(bytes)) = answer;
    let _ = stream.write_all(bytes).and_then(|()| stream.flush());
    match answer {
        Answer::Bytes(_) => None,
        Answer::Hang(_) => Some(stream),
        Answer::Reset(_) => {
            let _ = rustix::net::sockopt::set_socket_linger(&stream, Some(Duration::ZERO));
            None
        }
    }
}

fn bytes(text: impl AsRef<[u8]>) -> Answer {
    Answer::Bytes(text.as_ref().to_vec())
}

/// An answer with its length.
fn whole(status: u16, body: impl AsRef<[u8]>) -> Answer {
    let body = body.as_ref();
    let mut text =
        format!("HTTP/1.1 {status} x\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len()).into_bytes();
    text.extend_from_slice(body);
    Answer::Bytes(text)
}

fn refusal(code: &str) -> String {
    format!("{{\"success\":false,\"error\":{{\"code\":\"CDP_ETL.{code}\",\"message\":\"m\"}}}}")
}

/// Each answer, and the outcome of the attempt that it must get.
#[expect(clippy::too_many_lines, reason = "a table")]
fn table() -> Vec<(Answer, &'static str)> {
    let mut table: Vec<(Answer, &'static str)> = Vec::new();
    let mut add = |outcome: &'static str, answer: Answer| table.push((answer, outcome));
    // Accepted: a complete 2xx that nothing contradicts.
    for body in [
        "{}",
        "",
        " ",
        "[]",
        "null",
        "true",
        "{\"success\":true}",
        "{\"success\":null}",
        "{\"success\":\"true\"}",
        "{\"success\":1}",
        "{\"error\":null}",
        "{\"error\":false}",
        "{\"error\":\"\"}",
        "{\"error\":[]}",
        "{\"error\":{}}",
        "{\"error\":0}",
        "{\"errors\":[]}",
        "{\"errors\":{}}",
        "{\"errors\":null}",
        "{\"rejectedRecords\":0}",
        "{\"data\":{\"failed\":0}}",
        "{\"data\":{\"record\":{\"error\":\"a field\"}}}",
    ] {
        add("accepted", whole(200, body));
    }
    for status in [201, 202, 203, 206, 299] {
        add("accepted", whole(status, "{\"success\":true}"));
    }
    add("accepted", bytes("HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n"));
    add("accepted", bytes("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"));
    add("accepted", bytes("HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"));
    add("accepted", bytes("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"));
    add(
        "accepted",
        bytes("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\n{\r\n1\r\n}\r\n0\r\nx-trailer: 1\r\n\r\n"),
    );
    add("accepted", bytes("HTTP/1.0 200 OK\r\n\r\n{\"success\":true}"));
    add("accepted", bytes("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}HTTP/1.1 500 x\r\n\r\n"));
    add("accepted", Answer::Hang(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}".to_vec()));
    // A refusal under a 2xx.
    for body in [
        "{\"success\":false}",
        "{\"success\":\"false\"}",
        "{\"success\":\"FALSE\"}",
        "{\"success\":0}",
        "{\"success\":\"0\"}",
        "{\"success\":\"no\"}",
        "{\"Success\":false}",
        "{\"success\":true,\"success\":false}",
        "{\"error\":{\"code\":\"X\"}}",
        "{\"error\":\"no\"}",
        "{\"error\":true}",
        "{\"error\":1}",
        "{\"errors\":\"no\"}",
        "{\"errors\":{\"a\":1}}",
        "false",
        "0",
        "\"false\"",
        "{\"data\":{\"success\":false}}",
        "{\"data\":{\"error\":\"x\"}}",
        "OK",
        "<html>login</html>",
        "{\"success\":tr",
        "{}{}",
        "\u{feff}{}",
    ] {
        add("unclear", whole(200, body));
    }
    add("unclear", whole(200, b"\xff\xfe\x00"));
    add("unclear", whole(200, refusal("X")));
    add("unclear", bytes("HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 3\r\n\r\n\x1f\x08\x00"));
    // Applied in part.
    for body in [
        "{\"success\":true,\"rejectedRecords\":9}",
        "{\"rejected\":1}",
        "{\"failedRecords\":\"2\"}",
        "{\"failed_records\":1}",
        "{\"errorCount\":1}",
        "{\"data\":{\"rejectedRecords\":3}}",
        "{\"data\":{\"failed\":[{}]}}",
        "{\"errors\":[{\"index\":1}]}",
        "{\"errors\":[\"one\"]}",
        "{\"results\":[{\"success\":true},{\"success\":false}]}",
        "{\"results\":[{\"status\":201},{\"status\":409}]}",
        "[{\"ok\":true},{\"error\":\"x\"}]",
        "{\"failures\":1}",
        "{\"data\":{\"errors\":[1]}}",
    ] {
        add("partial", whole(200, body));
    }
    add("partial", whole(207, "{\"success\":true}"));
    add("partial", whole(207, ""));
    // Surely refused: a 4xx with the API's envelope.
    for status in [400, 401, 402, 403, 404, 405, 409, 410, 413, 418, 422, 429, 451, 499] {
        add("refused", whole(status, refusal("VALIDATION.REQUEST_INVALID")));
    }
    add("refused", bytes(format!("HTTP/1.1 422 x\r\n\r\n{}", refusal("X"))));
    // Neither.
    for status in [300, 301, 302, 303, 304, 307, 308, 400, 404, 408, 422, 429, 500, 502, 503, 504, 599] {
        add("unclear", whole(status, if status == 304 { "" } else { "<html>no</html>" }));
    }
    for status in [408, 500, 501, 502, 503, 504, 520] {
        add("unclear", whole(status, refusal("INTERNAL.X")));
    }
    add("unclear", whole(422, "{\"error\":{\"code\":\"\"}}"));
    add("unclear", whole(422, "{\"error\":{\"code\":5}}"));
    // No answer, or none that is complete.
    add("no_answer", bytes(""));
    add("no_answer", Answer::Reset(Vec::new()));
    add("no_answer", Answer::Hang(Vec::new()));
    add("no_answer", bytes("HTTP/1.1"));
    add("no_answer", bytes("HTTP/1.1 200 OK\r\ncontent-"));
    add("no_answer", bytes("HTTP/1.1 200 OK\r\n\r\n"));
    add("no_answer", bytes("HTTP/1.1 200 OK\r\n\r\n{\"success\":"));
    add("no_answer", bytes("HTTP/1.1 200 OK\r\n\r\ntrue"));
    add("no_answer", bytes("HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\n{\"success\":true}"));
    add("no_answer", bytes("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n"));
    add("no_answer", bytes("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n"));
    add("no_answer", bytes(format!("HTTP/1.1 422 x\r\ncontent-length: 500\r\n\r\n{}", refusal("X"))));
    add("no_answer", bytes("HTTP/1.1 503 x\r\ncontent-length: 500\r\n\r\nbusy"));
    add("no_answer", Answer::Hang(b"HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\n{".to_vec()));
    add("no_answer", Answer::Hang(b"HTTP/1.1 200 OK\r\n\r\n{}".to_vec()));
    add("no_answer", Answer::Reset(b"HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\n{".to_vec()));
    add("no_answer", bytes("HTTP/1.1 100 Continue\r\n\r\n"));
    add("no_answer", bytes("HTTP/1.1 200 OK\r\ntransfer-encoding: identity\r\n\r\n"));
    add("no_answer", bytes("HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\n"));
    add("partial", whole(200, "{\"data\":[{\"success\":false}]}"));
    add("partial", whole(200, "{\"results\":{\"failed\":3}}"));
    add("partial", whole(200, "[false]"));
    add("unclear", whole(200, "{\"data\":false}"));
    add("unclear", whole(200, "{\"success\":\"rejected\"}"));
    add("no_answer", bytes("garbage\r\n\r\n"));
    add("no_answer", bytes("SSH-2.0-OpenSSH_9\r\n"));
    add("no_answer", bytes("HTTP/1.1 999999 x\r\n\r\n"));
    add("no_answer", bytes("HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}"));
    add("no_answer", bytes("HTTP/1.1 200 OK\r\ncontent-length: -2\r\n\r\n{}"));
    add("no_answer", bytes("HTTP/2 200\r\n\r\n{}"));
    add("no_answer", bytes(b"\x15\x03\x01\x00\x02\x02\x46"));
    add("no_answer", bytes("HTTP/1.1 200 OK\r\n".to_owned() + &"x: y\r\n".repeat(500) + "\r\n{}"));
    table
}

#[test]
fn every_evil_answer_gets_its_verdict_and_one_attempt() {
    let table = table();
    assert!(table.len() >= 120, "{}", table.len());
    let world = World::new();
    world.ingest(&(0..table.len()).map(order).collect::<Vec<_>>());
    let server = RawServer::start(table.iter().map(|(answer, _)| answer.clone()).collect());
    world.file("config.toml", "[targets.default]\ntimeout = '700ms'\nno_token = true\nbackoff = '1ms'\n");
    // One by one: a 401 would stop the rest, and a connection that hangs must not be used again.
    for n in 1..=table.len() {
        let id = n.to_string();
        world.run(&["replay", "--id", &id, "--yes", "--max-attempts", "1", "--base-url", &server.url]);
    }
    let requests = server.requests.try_iter().count();
    let mut attempts = 0;
    let mut wrong = Vec::new();
    for (n, (answer, want)) in table.iter().enumerate() {
        let history = world.happened(n as i64 + 1);
        let made: Vec<&Value> = history.iter().filter(|entry| entry["n"].is_number()).collect();
        attempts += made.len();
        let got: Vec<&str> = made.iter().map(|a| a["outcome"].as_str().unwrap_or("open")).collect();
        if got != [*want] {
            let (Answer::Bytes(sent) | Answer::Hang(sent) | Answer::Reset(sent)) = answer;
            wrong.push(format!(
                "{n}: wanted {want}, got {got:?} for {:?}",
                String::from_utf8_lossy(&sent[..sent.len().min(200)])
            ));
        }
    }
    assert_eq!((requests, attempts), (table.len(), table.len()), "{wrong:#?}");
    assert!(wrong.is_empty(), "{wrong:#?}");
    // What the verdict makes of the write.
    for (write, (_, outcome)) in world.writes().iter().zip(&table) {
        let (state, ambiguous) = (write["state"].as_str().unwrap(), write["ambiguous_since"].is_string());
        let want = match *outcome {
            "accepted" => ("replayed", false),
            "refused" => ("pending", false),
            "no_answer" => ("unknown", true),
            _ => ("pending", true),
        };
        assert_eq!((state, ambiguous), want, "{write}");
    }
}

#[test]
fn a_partial_answer_names_its_records_and_they_become_writes() {
    let world = World::new();
    let mut batch = order(1);
    batch["path"] = "records/orders/append-batch".into();
    batch["body"] = serde_json::json!({ "records": [{"a": 1}, {"a": 2}, {"a": 3}] });
    world.ingest(&[batch]);
    let server = RawServer::start(vec![whole(200, r#"{"success":true,"errors":[{"index":1,"message":"bad"}]}"#)]);
    world.file("config.toml", "[targets.default]\nno_token = true\n");
    let ran = world.run(&["replay", "--all", "--yes", "--json", "--base-url", &server.url]);
    assert_eq!((ran.code, &ran.lines()[0]["outcome"]), (4, &"failed".into()), "{ran:?}");
    let page = world.ok(&["show", "1"]);
    assert!(
        page.contains("applied in part") && page.contains("record 1") && page.contains("split 1 --rejected"),
        "{page}"
    );
    assert_eq!(world.run(&["split", "1"]).code, 1, "the rest is in: nothing of it may go again");
    world.ok(&["split", "1", "--rejected"]);
    let writes = world.writes();
    assert_eq!(writes.len(), 2);
    assert_eq!((&writes[0]["state"], &writes[1]["state"]), (&"resolved".into(), &"pending".into()));
    assert_eq!(writes[1]["body"], serde_json::json!({ "records": [{"a": 2}] }));
}

#[test]
fn an_answer_that_counts_more_than_it_names_splits_nothing() {
    for said in [
        r#"{"success":true,"rejectedRecords":2,"errors":[{"index":1}]}"#,
        r#"{"success":true,"errors":[{"index":1},{"index":7}]}"#,
        r#"{"success":true,"errors":[{"index":1},{"message":"another"}]}"#,
    ] {
        let world = World::new();
        let mut batch = order(1);
        batch["body"] = serde_json::json!({ "records": [{"a": 1}, {"a": 2}, {"a": 3}] });
        world.ingest(&[batch]);
        let server = RawServer::start(vec![whole(200, said)]);
        world.file("config.toml", "[targets.default]\nno_token = true\n");
        world.run(&["replay", "--all", "--yes", "--base-url", &server.url]);
        let ran = world.run(&["split", "1", "--rejected"]);
        assert!(ran.code == 1 && ran.err.contains("does not name each"), "{said}: {ran:?}");
        assert_eq!(world.states(), ["pending"]);
    }
}

#[test]
fn what_never_left_was_not_sent_at_any_time_limit() {
    // It can be reached and says nothing: the TLS handshake ends with the time.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    for timeout in ["1s", "60s"] {
        let world = World::new();
        world.ingest(&[order(1)]);
        let config = format!(
            "[targets.default]\nno_token = true\ntimeout = '{timeout}'\nconnect_timeout = '300ms'\nbackoff = '1ms'\n"
        );
        world.file("config.toml", config);
        let url = format!("https://127.0.0.1:{port}/v1");
        let ran = world.run(&["replay", "--all", "--yes", "--json", "--max-attempts", "1", "--base-url", &url]);
        let history = world.happened(1);
        assert_eq!(history[0]["outcome"], "not_sent", "{timeout}: {ran:?}");
        assert!(
            history[0]["error_message"].as_str().unwrap().contains("TLS handshake did not end in time"),
            "{history:?}"
        );
        assert!(world.writes()[0]["ambiguous_since"].is_null());
    }
    // No TLS at all, in words.
    let world = World::new();
    world.ingest(&[order(1)]);
    world.file("config.toml", "[targets.default]\nno_token = true\n");
    let server = RawServer::start(vec![]);
    drop(server);
    let plain = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}/v1", plain.local_addr().unwrap());
    std::thread::spawn(move || {
        while let Ok((mut stream, _)) = plain.accept() {
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        }
    });
    world.run(&["replay", "--all", "--yes", "--max-attempts", "1", "--base-url", &url]);
    let history = world.happened(1);
    let said = history[0]["error_message"].as_str().unwrap();
    assert!(said.contains("does not speak TLS there") && history[0]["outcome"] == "not_sent", "{said}");
}

#[test]
fn promise_6_a_gateway_with_one_id_for_all_does_not_stop_retries() {
    let world = World::new();
    world.ingest(&[order(1), order(2)]);
    let busy = |status: u16| {
        let body = refusal("CONFLICT");
        let head = format!(
            "HTTP/1.1 {status} x\r\nx-correlation-id: same\r\nconnection: close\r\ncontent-length: {}",
            body.len()
        );
        bytes(format!("{head}\r\n\r\n{body}"))
    };
    let ok = bytes("HTTP/1.1 200 OK\r\nx-correlation-id: same\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}");
    let server = RawServer::start(vec![busy(409), busy(409), busy(503), busy(503), ok.clone(), ok]);
    world.file("config.toml", "[targets.default]\nno_token = true\nbackoff = '1ms'\n");
    let ran = world.run(&["replay", "--all", "--yes", "--json", "--concurrency", "1", "--base-url", &server.url]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(server.requests.try_iter().count(), 6);
    let cached = world.happened(1).iter().filter(|a| a["cached"] == true).count();
    assert!(cached <= 1, "only while no other write's answer had carried that ID");
}
