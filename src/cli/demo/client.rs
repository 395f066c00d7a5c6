//! The producer of the demo: sends writes as a service would, and writes down those that fail.

use std::time::Duration;

use serde_json::{Value, json};

use super::MISSING_FIELD;
use crate::domain::api_error::ApiError;
use crate::domain::time::Timestamp;

/// A write that the producer sent.
pub(super) struct Sent {
    pub(super) key: String,
    pub(super) body: Vec<u8>,
    pub(super) status: u16,
    /// The line it published when it gave up.
    pub(super) failure: Option<String>,
}

pub(super) struct Client {
    http: reqwest::Client,
    base: String,
    token: String,
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

impl Client {
    pub(super) fn new(base: &str, token: &str) -> anyhow::Result<Self> {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(10)).build()?;
        Ok(Self { http, base: base.to_owned(), token: token.to_owned(), sent: Vec::new() })
    }

    pub(super) fn token(&mut self, token: &str) {
        token.clone_into(&mut self.token);
    }

    /// What failed since this was last asked: the lines that the producer published.
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
        let answer = self
            .http
            .post(format!("{}/{path}", self.base))
            .bearer_auth(&self.token)
            .header("content-type", "application/json")
            .header("idempotency-key", key)
            .body(bytes.clone())
            .send()
            .await;
        let (status, cid, answer) = match answer {
            Ok(answer) => {
                let cid = answer.headers().get("x-correlation-id").and_then(|v| v.to_str().ok()).map(str::to_owned);
                (answer.status().as_u16(), cid, answer.bytes().await.unwrap_or_default().to_vec())
            }
            Err(_) => (0, None, Vec::new()),
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
