//! The built-in profiles: the guide's against its own rules, and all others against their tables of answers.

use std::sync::Arc;

use serde::Deserialize;

use super::*;
use crate::domain::acceptance::{Says, says};
use crate::domain::answer::{Extent, Verdict, in_words};
use crate::domain::api_error::ApiError;
use crate::domain::endpoint::EndpointPath;
use crate::domain::evidence::Headers;

use FailureType::{Auth, BadData, Schema, Transient};

fn profile(name: &str) -> Profile {
    effective(name, &Profiles::new()).unwrap()
}

fn answer<'a>(status: u16, headers: &'a Headers, body: &'a [u8]) -> Answered<'a> {
    Answered { method: "POST", is_ambiguous: false, status, headers, body, extent: Extent::Whole }
}

/// The verdict as it was before there were profiles: the guide's rules, written in code.
fn by_the_guide(status: u16, body: &[u8]) -> Verdict {
    let unclear = |what: &str| ApiError { code: String::new(), message: in_words(status, what, body), details: None };
    let envelope = ApiError::from_body(body);
    if (200..=299).contains(&status) {
        return match (says(status, body), envelope) {
            (Says::Nothing, _) => Verdict::Accepted,
            (Says::Partly { what, rejected }, _) => Verdict::Partial { error: unclear(&what), rejected },
            (Says::Otherwise(_), Some(envelope)) => Verdict::Unclear(envelope),
            (Says::Otherwise(what), None) => Verdict::Unclear(unclear(&what)),
        };
    }
    match envelope {
        Some(envelope) if (400..=499).contains(&status) && status != 408 => Verdict::Refused(envelope),
        Some(envelope) => Verdict::Unclear(envelope),
        None => Verdict::Unclear(unclear(match status {
            300..=399 => "a redirect, which is not followed",
            _ if body.is_empty() => "no body",
            _ => "no error envelope",
        })),
    }
}

const CODES: [&str; 12] = [
    "CDP_ETL.VALIDATION.REQUEST_SCHEMA",
    "CDP_ETL.VALIDATION.REQUEST_INVALID",
    "CDP_ETL.AUTH.TOKEN_EXPIRED",
    "CDP_ETL.AUTH.FORBIDDEN",
    "CDP_ETL.INTERNAL.UNHANDLED_EXCEPTION",
    "CDP_ETL.NOT_FOUND",
    "CDP_ETL.RATE_LIMITED",
    "other.REQUEST_SCHEMA",
    "ReadTimeout",
    "x",
    "*",
    "",
];

#[test]
fn the_guides_profile_answers_as_the_guide_does_for_every_status_code_and_body() {
    let (guide, headers) = (profile("experiture"), Headers::default());
    let bodies: Vec<Vec<u8>> = CODES
        .iter()
        .flat_map(|code| {
            ["m", ""].map(|message| {
                format!(
                    r#"{{"success":false,"error":{{"code":"{code}","message":"{message}","details":{{"path":"a"}}}}}}"#
                )
                .into_bytes()
            })
        })
        .chain(
            [
                "",
                " ",
                "<html><title>502 Bad Gateway</title></html>",
                "{",
                "{}",
                "[]",
                "null",
                "false",
                "OK",
                "\u{fffd}",
                r#"{"error":"x"}"#,
                r#"{"error":{"code":5}}"#,
                r#"{"error":{"code":"C"}}"#,
                r#"{"success":"false"}"#,
                r#"{"errors":[{"index":3}]}"#,
                r#"{"rejectedRecords":2}"#,
                r#"{"data":{"results":[{"success":false}]}}"#,
                r#"{"message":"m","code":"C"}"#,
                r#"{"title":"t","type":"about:blank"}"#,
            ]
            .map(|body| body.as_bytes().to_vec()),
        )
        .chain([b"\xff\xfe".to_vec()])
        .collect();
    let mut seen = 0;
    for status in 100..=599 {
        for body in &bodies {
            let judged = guide.judge(&answer(status, &headers, body));
            let want = by_the_guide(status, body);
            assert_eq!(judged.verdict, want, "{status} {}", String::from_utf8_lossy(body));
            if want != Verdict::Accepted {
                let code = ApiError::from_body(body).map(|error| error.code);
                let type_ = classify(Some(status), code.as_deref(), b"");
                assert_eq!(judged.failure_type, Some(type_), "{status} {}", String::from_utf8_lossy(body));
            }
            seen += 1;
        }
        for code in CODES {
            let given = Some(code).filter(|code| !code.is_empty());
            assert_eq!(
                guide.classify(&logged(Some(status), given, &headers, b"")),
                classify(Some(status), given, b""),
                "{status} {code}"
            );
            let definite = !code.is_empty() && (400..=499).contains(&status) && status != 408;
            let logged = logged(Some(status), given, &headers, b"");
            assert_eq!(guide.refuses(&logged), definite, "{status} {code}");
            assert_eq!(guide.looks_up_first(&logged), matches!(status, 400 | 404 | 413 | 422));
            assert_eq!(guide.caches(status), !matches!(status, 408 | 429 | 500..=599));
            assert_eq!(guide.retries(status, &headers), matches!(status, 409 | 429 | 500..=599));
        }
    }
    assert_eq!(seen, 500 * bodies.len());
    for code in CODES {
        assert_eq!(guide.classify(&logged(None, Some(code), &headers, b"")), classify(None, Some(code), b""), "{code}");
        let of_the_api =
            code.starts_with("CDP_ETL.") || code.ends_with(".REQUEST_SCHEMA") || code.ends_with(".REQUEST_INVALID");
        assert_eq!(guide.knows(code), of_the_api, "{code}");
        let definite = code == "CDP_ETL.NOT_FOUND" || code.starts_with("CDP_ETL.VALIDATION.");
        assert_eq!(guide.code_refuses(code, false), definite, "{code}");
        assert_eq!(guide.code_refuses(code, true), definite || code.starts_with("CDP_ETL.AUTH."), "{code}");
    }
    assert_eq!(guide.auth, AuthHeader::default());
    let key = guide.key.as_ref().unwrap();
    assert_eq!((key.header.as_str(), key.window), ("idempotency-key", crate::domain::key::DEFAULT_WINDOW));
}

fn logged<'a>(status: Option<u16>, code: Option<&'a str>, headers: &'a Headers, body: &'a [u8]) -> Logged<'a> {
    Logged { method: "POST", status, headers, body, code, message: Some("m") }
}

#[test]
fn a_captured_answer_is_judged_as_one_that_comes() {
    let headers = Headers::default();
    for name in built_in_names() {
        let profile = profile(name);
        for row in table(name) {
            let headers: Headers = row.headers.iter().map(|(name, value)| (name.to_ascii_lowercase(), value)).collect();
            let method = row.method.as_deref().unwrap_or("POST");
            let body = row.body.as_bytes();
            if body.is_empty() {
                continue;
            }
            let told = Logged { method, status: Some(row.status), headers: &headers, body, code: None, message: None };
            assert_eq!(profile.takes(&told), row.accepted, "{name}: {}", row.what);
            // A 2xx that was logged is never surely refused: nobody says what came before it.
            let want = row.definite && !row.accepted && !(200..300).contains(&row.status);
            assert_eq!(profile.refuses(&told), want, "{name}: {}", row.what);
        }
        // A page proves nothing, whatever the line beside it says, and neither does a message.
        let page = b"<html><title>403 Forbidden</title></html>";
        for status in 400..=599 {
            for code in [None, Some("CODE")] {
                assert!(!profile.refuses(&logged(Some(status), code, &headers, page)), "{name} {status} {code:?}");
            }
            let said = logged(Some(status), None, &headers, b"");
            assert!(!profile.refuses(&said), "{name} {status}");
        }
    }
    let stripe = profile("stripe");
    let mismatch = logged(Some(400), Some("idempotency_error"), &headers, b"");
    assert!(!stripe.looks_up_first(&mismatch), "an earlier request with that key was run");
    assert!(stripe.looks_up_first(&logged(Some(400), Some("parameter_missing"), &headers, b"")));
}

#[test]
fn operations_are_found_by_their_paths() {
    let operated = |name: &str, method: &str, path: &str| {
        let path = EndpointPath::parse(path, None).unwrap();
        let operated = profile(name).operated(method, &path);
        format!("{} {} {}", operated.operation, operated.object, operated.lane.name())
    };
    for (name, method, path, want) in [
        ("stripe", "POST", "v1/customers", "append customers none"),
        ("stripe", "POST", "v1/customers/cus_1", "append customers none"),
        ("stripe", "POST", "v1/checkout/sessions", "append sessions none"),
        ("stripe", "POST", "v1/treasury/outbound_payments", "append outbound_payments none"),
        ("stripe", "POST", "v1/test_helpers/test_clocks", "append test_helpers none"),
        ("stripe", "DELETE", "v1/customers/cus_1", "delete customers path"),
        ("hubspot", "POST", "crm/v3/objects/contacts/batch/upsert", "upsert contacts none"),
        ("hubspot", "POST", "crm/v3/objects/contacts/batch/update", "upsert contacts none"),
        ("hubspot", "POST", "crm/v3/objects/contacts/batch/create", "append contacts none"),
        ("hubspot", "PATCH", "crm/v3/objects/contacts/1", "upsert contacts path"),
        ("github", "PATCH", "repos/a/b/issues/1", "upsert issues path"),
        ("github", "POST", "repos/a/b/issues", "append issues none"),
        ("github", "PUT", "repos/a/b/contents/x", "upsert x path"),
        ("problem", "PATCH", "orders/1", "append orders path"),
        ("experiture", "POST", "records/orders/append", "append orders match-key"),
    ] {
        assert_eq!(operated(name, method, path), want, "{name} {method} {path}");
    }
}

/// An answer of a table: what it is, and what a profile has to make of it.
#[derive(Deserialize)]
struct Row {
    what: String,
    status: u16,
    #[serde(default)]
    method: Option<String>,
    headers: Vec<(String, String)>,
    body: String,
    code: Option<String>,
    message: Option<String>,
    correlation_id: Option<String>,
    r#type: Option<String>,
    definite: bool,
    accepted: bool,
    #[serde(default)]
    replayed: bool,
}

fn table(name: &str) -> Vec<Row> {
    let path = format!("{}/tests/data/answers/{name}.ndjson", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn check(name: &str) {
    let (profile, mut wrong, rows) = (profile(name), Vec::new(), table(name));
    assert!(rows.len() >= 25, "{name} has {} answers", rows.len());
    for row in rows {
        let headers: Headers = row.headers.iter().map(|(name, value)| (name.to_ascii_lowercase(), value)).collect();
        let method = row.method.as_deref().unwrap_or("POST");
        let judged = profile.judge(&Answered { method, ..answer(row.status, &headers, row.body.as_bytes()) });
        let (is_accepted, is_definite, error) = match judged.verdict {
            Verdict::Accepted => (true, true, ApiError::default()),
            Verdict::Refused(error) => (false, true, error),
            Verdict::Partial { error, .. } | Verdict::Unclear(error) | Verdict::Incomplete(error) => {
                (false, false, error)
            }
        };
        let got = (
            is_accepted,
            is_definite,
            judged.failure_type.map(|failure_type| failure_type.name().to_owned()),
            judged.is_replayed,
            judged.correlation_id,
        );
        let want = (
            row.accepted,
            row.definite,
            row.r#type.clone(),
            row.replayed && profile.key.is_some(),
            row.correlation_id.clone(),
        );
        if got != want {
            wrong.push(format!("{}: got {got:?}, want {want:?} ({})", row.what, judged.rule));
        }
        if !is_accepted && row.code.is_some() && error.code != row.code.clone().unwrap_or_default() {
            wrong.push(format!("{}: code {:?}, want {:?}", row.what, error.code, row.code));
        }
        if let Some(message) = row.message.as_ref().filter(|_| !is_accepted)
            && !error.message.contains(message.as_str())
        {
            wrong.push(format!("{}: message {:?}, want {message:?}", row.what, error.message));
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn each_profile_reads_its_apis_answers() {
    let failed: Vec<String> = ["experiture", "problem", "generic", "stripe", "github", "shopify", "hubspot"]
        .into_iter()
        .filter_map(|name| std::panic::catch_unwind(|| check(name)).err().map(|_| name.to_owned()))
        .collect();
    assert!(failed.is_empty(), "{failed:?}");
}

#[test]
fn no_built_in_profile_contradicts_itself() {
    for name in built_in_names() {
        assert_eq!(contradictions(&profile(name)), [""; 0], "{name}");
        assert!(!profile(name).title.is_empty());
    }
    assert!(Arc::ptr_eq(&built_in(), &built_in()));
}

/// The classification as it was before there were profiles, for any status (or none), any code (or none) and any body.
///
/// If the guide's sample is silent, its table decides: every 5xx and 408 is transient, and without a status the code's
/// family decides.
fn classify(status: Option<u16>, code: Option<&str>, body: &[u8]) -> FailureType {
    let envelope = ApiError::from_body(body);
    let code = code.filter(|c| !c.is_empty()).or(envelope.as_ref().map(|e| e.code.as_str())).unwrap_or("");
    match status {
        Some(408 | 409 | 429 | 500..=599) => return FailureType::Transient,
        _ if code.ends_with(".REQUEST_SCHEMA") => return FailureType::Schema,
        _ if code.ends_with(".REQUEST_INVALID") => return FailureType::BadData,
        Some(401 | 403) => return FailureType::Auth,
        Some(_) => return FailureType::BadData,
        None => {}
    }
    if code.starts_with("CDP_ETL.AUTH.") {
        FailureType::Auth
    } else if code.starts_with("CDP_ETL.INTERNAL.") {
        FailureType::Transient
    } else {
        FailureType::BadData
    }
}

const SCHEMA: &str = "CDP_ETL.VALIDATION.REQUEST_SCHEMA";
const INVALID: &str = "CDP_ETL.VALIDATION.REQUEST_INVALID";

/// The guide's sample, transcribed.
fn sample(status: u16, code: &str) -> FailureType {
    match (status, code) {
        (409 | 429 | 500 | 502 | 503 | 504, _) => Transient,
        (_, SCHEMA) => Schema,
        (_, INVALID) => BadData,
        (401 | 403, _) => Auth,
        _ => BadData,
    }
}

#[test]
fn classification_is_the_guides_for_every_status_and_code() {
    for status in 0..=999 {
        for code in ["", SCHEMA, INVALID, "CDP_ETL.AUTH.FORBIDDEN", "CDP_ETL.NOT_FOUND", "x"] {
            let want = if status == 408 || (500..600).contains(&status) { Transient } else { sample(status, code) };
            assert_eq!(classify(Some(status), Some(code), b""), want, "{status} {code}");
        }
    }
}

#[test]
fn classification_reads_the_body_and_survives_any() {
    let envelope = br#"{"success":false,"error":{"code":"CDP_ETL.VALIDATION.REQUEST_SCHEMA","message":"m"}}"#;
    assert_eq!(classify(Some(422), None, envelope), Schema);
    for body in [&b"<html>"[..], b"", b"{\"error\":{\"co", b"\xff\xfe", b"[]", b"{\"error\":7}"] {
        assert_eq!(classify(Some(422), None, body), BadData);
        assert_eq!(classify(Some(503), None, body), Transient);
        assert_eq!(classify(None, None, body), BadData);
    }
    assert_eq!(classify(None, Some("CDP_ETL.AUTH.TOKEN_EXPIRED"), b""), Auth);
    assert_eq!(classify(None, Some("CDP_ETL.INTERNAL.UNHANDLED_EXCEPTION"), b""), Transient);
}
