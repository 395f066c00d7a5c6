//! The producer of the demo: sends writes as a service would, and publishes those that fail.

use std::time::Duration;

use serde_json::{Value, json};

use super::MISSING_FIELD;
use crate::capture::DEFAULT_TARGET;
use crate::domain::api_error::ApiError;
use crate::domain::endpoint::{BaseUrl, EndpointPath};
use crate::domain::target::TargetSettings;
use crate::domain::time::Timestamp;
use crate::replay::{HttpError, HttpTransport, Outgoing, Sent as Answered, Transport as _};

/// A write that the producer sent.
pub(super) struct Sent {
    pub(super) key: String,
    pub(super) body: Vec<u8>,
    pub(super) status: u16,
    /// The line it published when it gave up.
    pub(super) failure: Option<String>,
}

pub(super) struct Client {
    http: HttpTransport,
    base: BaseUrl,
    sent: Vec<Sent>,
}

const NAMES: [(&str, &str); 6] = [
    ("Zoë", "García"),
    ("小明", "王"),
    ("Ravi", "Ng"),
    ("Siobhán", "O'Brien"),
    ("Łukasz", "Dvořák"),
    ("Aïsha", "Rossi"),
];
const TIERS: [&str; 3] = ["bronze", "silver", "gold"];

fn transport(token: &str) -> Result<HttpTransport, HttpError> {
    let target = TargetSettings { timeout: Duration::from_secs(10), ..TargetSettings::new(DEFAULT_TARGET) };
    HttpTransport::new(&target, Some(token))
}

impl Client {
    pub(super) fn new(base: &str, token: &str) -> anyhow::Result<Self> {
        Ok(Self { http: transport(token)?, base: BaseUrl::parse(base)?, sent: Vec::new() })
    }

    pub(super) fn token(&mut self, token: &str) {
        // Can't fail: the demo's tokens can all be put into a header.
        if let Ok(http) = transport(token) {
            self.http = http;
        }
    }

    /// Takes the lines that were published since the last call: one for each write that failed.
    pub(super) fn take_failures(&mut self) -> Vec<String> {
        std::mem::take(&mut self.sent).into_iter().filter_map(|sent| sent.failure).collect()
    }

    pub(super) fn into_sent(self) -> Vec<Sent> {
        self.sent
    }

    pub(super) async fn profile(&mut self, n: usize, with_new_field: bool) {
        let (first, last) = NAMES[n % NAMES.len()];
        let mut record = json!({
            "email": format!("customer{n}@example.org"), "first_name": first, "last_name": last, "points": n * 25,
        });
        if with_new_field {
            record[MISSING_FIELD] = TIERS[n % TIERS.len()].into();
        }
        let body = json!({ "record": record, "matchKey": "email" });
        self.write("records/profiles/upsert", &format!("evt_profile_{n}"), &body).await;
    }

    pub(super) async fn profile_with_bad_email(&mut self, n: usize) {
        let body =
            json!({ "record": { "email": format!("customer{n}.example.org"), "tier": "gold" }, "matchKey": "email" });
        self.write("records/profiles/upsert", &format!("evt_bad_{n}"), &body).await;
    }

    pub(super) async fn order(&mut self, n: usize) {
        let order = format!("ord_{:04}", 4200 + n);
        let body = json!({ "record": { "order_id": order, "total": 19.9 + n as f64, "currency": "EUR" } });
        self.write("records/orders/append", &format!("evt_order_{n}"), &body).await;
    }

    /// Sends one write, and publishes it when it fails.
    async fn write(&mut self, path: &str, key: &str, body: &Value) {
        let first_attempt_at = Timestamp::now();
        let bytes = body.to_string().into_bytes();
        let Some(url) = EndpointPath::parse(path, None).ok().and_then(|path| self.base.join(&path)) else { return };
        let (method, headers, key_sent) = ("POST".to_owned(), Vec::new(), key.to_owned());
        let request = Outgoing { method, url, headers, key: key_sent, body: bytes.clone() };
        let (status, cid, answer) = match self.http.send(request).await {
            Answered::Answered(answer) => (answer.status, answer.correlation_id, answer.body),
            _ => (0, None, Vec::new()),
        };
        let failure = (!(200..300).contains(&status)).then(|| {
            let error = ApiError::from_body(&answer).unwrap_or_default();
            json!({
                "method": "POST",
                "path": path,
                "body": body,
                "status": status,
                "error_code": error.code,
                "error_message": error.message,
                "error_details": error.details.and_then(|d| serde_json::from_str::<Value>(&d).ok()),
                "correlation_id": cid,
                "idempotency_key": key,
                "first_attempt_at": first_attempt_at,
                "failed_at": Timestamp::now(),
            })
            .to_string()
        });
        self.sent.push(Sent { key: key.to_owned(), body: bytes, status, failure });
    }
}
