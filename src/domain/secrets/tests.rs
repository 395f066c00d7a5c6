//! A corpus of what clients log, and of what must be left of it.

use super::*;
use crate::domain::json;

fn scrubber() -> Scrubber {
    Scrubber::new(["known-t0ken-value-of-this-process".to_owned(), "short".to_owned()])
}

fn line(text: &str) -> String {
    String::from_utf8(scrubber().line(text.as_bytes())).unwrap()
}

/// Lines in which clients of several languages log a failed request.
const CORPUS: [&str; 46] = [
    r#"{"headers":{"AUTHORIZATION":"Bearer s3cret","X":"y"},"body":1}"#,
    r#"{"request":{"headers":{"Cookie":["s3cret=1","b"]}}}"#,
    r#"{"headers":[["x-api-key","s3cret"],["X","y"]]}"#,
    r#"{"headers":[{"name":"Authorization","value":"s3cret"}]}"#,
    r#"{"headers":"Authorization: Bearer s3cret\r\nX: y"}"#,
    r#"{"response":{"headers":{"Set-Cookie":"s3cret"}},"authorization":"s3cret"}"#,
    r#"[{"request":{"headers":{"X-Goog-Api-Key":"s3cret"}}}]"#,
    r#"{"log":{"entries":[{"request":{"headers":[{"name":"Authorization","value":"s3cret"}]}}]}}"#,
    // Axios: defaults by method, the request's own text.
    r#"{"config":{"headers":{"common":{"Authorization":"Bearer s3cret","Accept":"*/*"}},"url":"/x"}}"#,
    r#"{"request":{"_header":"POST /x HTTP/1.1\r\nAuthorization: Bearer s3cret\r\nHost: a\r\n\r\n"}}"#,
    r#"{"config":{"auth":{"username":"u","password":"s3cret"}}}"#,
    // Node.
    r#"{"rawHeaders":["Host","a","Authorization","Bearer s3cret","Accept","x"]}"#,
    // requests and urllib3.
    r#"{"error":"HTTPSConnectionPool: https://user:s3cret@api.example.org/v1 failed"}"#,
    r#"{"error_message":"GET /v1?api_key=s3cret&x=1 refused"}"#,
    r#"{"headers":{"Authorization":"Digest username=\"u\", realm=\"r\", response=\"s3cret\""}}"#,
    // Go's http.Header.
    r#"{"Header":{"Authorization":["Bearer s3cret"],"Content-Type":["a"]}}"#,
    r#"{"msg":"request failed: map[Authorization:[Bearer s3cretA1] Accept:[x]]"}"#,
    // OkHttp and Guzzle: headers as text.
    r#"{"error_details":{"request":"POST https://a/x\nAuthorization: Bearer s3cret\nAccept: x"}}"#,
    r#"{"error_details":{"options":{"headers":{"X-Auth-Token":"s3cret"}}}}"#,
    r#"{"error_details":{"response":{"headers":[["set-cookie","s3cret"]]}}}"#,
    r#"{"error_message":"upstream said: Authorization: Bearer s3cret is not valid"}"#,
    r#"{"error_message":"Bearer s3cret0123 was refused"}"#,
    r#"{"error":"{\"headers\":{\"authorization\":\"s3cret\"}}"}"#,
    r#"{"access_token":"s3cret","client_secret":"s3cret"}"#,
    r#"{"error_details":{"accessToken":"s3cret","clientSecret":"s3cret","authToken":"s3cret"}}"#,
    r#"{"error_message":"sent with Bearer    s3cret0 and more"}"#,
    r#"{"error_message":"bearer: s3cret0"}"#,
    r#"{"error_message":"authorization=s3cret"}"#,
    r#"{"error_message":"Authorization: Token token=\"s3cret\""}"#,
    r#"{"error_message":"X-Auth-Token:\n s3cret"}"#,
    r#"{"error_message":"token=s3cret&x=1"}"#,
    r#"{"error_message":"password=s3cret"}"#,
    r#"{"error_message":"curl -u user:s3cret https://a/b"}"#,
    r#"{"error_message":"jwt eyJhbGciOi.eyJzdWIiOi.s3cret was refused"}"#,
    r#"{"error_message":"GET /x?api%5Fkey=s3cret&X-Amz-Signature=s3cret"}"#,
    // Cut off.
    r#"{"headers":[{"name":"Authorization","value":"s3cret"},{"na"#,
    r#"{"headers":[{"value":"s3cret","name":"Authorization"},{"na"#,
    r#"{"headers":{"Authorization":"Bearer s3cret","body":{"a":"#,
    r#"{"headers":{"authorization": ["Bearer s3cret", "s3cret"], "x":"#,
    r#"{"headers":{"Authorization":"Digest username=\"u\", response=\"s3cret\"","body":{"a":"#,
    "POST / HTTP/1.1\\r\\nauthorization: Bearer s3cret\\r\\nx: y",
    "curl -H 'X-Api-Key: s3cret' oops",
    r#"{"log":"{\"Authorization\":\"Bearer s3cret\"}"#,
    r#"{"log":"{\"Authorization\":\"Digest username=\\\"u\\\", response=\\\"s3cret\\\"\"}"#,
    r#"[["cookie","s3cret"]"#,
    "{\"headers\":{\"Authorization\":\"Bearer s3cret",
];

#[test]
fn no_secret_is_left_of_what_clients_write_down() {
    for text in CORPUS {
        let clean = line(text);
        assert!(!clean.contains("s3cret") && clean.contains(REMOVED), "{text}\n{clean}");
        assert_eq!(json::scan(text.as_bytes()).is_ok(), json::scan(clean.as_bytes()).is_ok(), "{clean}");
        assert_eq!(line(&clean), clean, "scrubbed once is scrubbed for good");
    }
}

#[test]
fn what_is_sent_again_keeps_every_byte() {
    for text in [
        r#"{"body":{"record":{"authorization":"signed","cookie":"oat","url":"https://u:p@x?token=1"}}}"#,
        r#"{"record":{"api_key":"Bearer abc123"},"idempotency_key":"known-t0ken-value-of-this-process"}"#,
    ] {
        assert_eq!(line(text), text);
    }
}

#[test]
fn words_are_left_alone() {
    for text in [
        "record.api_key: field does not exist in object schema",
        "records[2].token: invalid format",
        "no bearer token was sent",
        "Bearer authentication is required: Bearer realm=\"api\"",
        "the token has expired",
        "x-cookies: plain, not authorization",
        "see https://docs.example.org/errors?code=422&page=2",
        "the token: it has expired",
    ] {
        assert_eq!(scrubber().text(text), text);
    }
    assert_eq!(line("x-cookies: plain, not authorization"), "x-cookies: plain, not authorization");
}

#[test]
fn the_values_that_this_process_knows_are_found_anywhere() {
    let known = "known-t0ken-value-of-this-process";
    assert_eq!(scrubber().text(&format!("invalid token {known}!")), format!("invalid token {REMOVED}!"));
    assert!(!scrubber().json(&format!("{{\"got\":\"x{known}y\"}}")).contains(known));
    assert_eq!(scrubber().text("too short"), "too short", "from 12 characters on");
}

#[test]
fn a_path_with_a_secret_is_told() {
    for path in
        ["records/x/append?api_key=abc", "records/x?a=1&access_token=abc", "https://u:p@api.example.org/records/x"]
    {
        assert!(scrubber().is_in_path(path), "{path}");
    }
    assert!(!scrubber().is_in_path("records/orders/append?mode=strict"));
}
