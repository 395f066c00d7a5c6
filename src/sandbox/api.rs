//! The API itself: a request in, an answer out, the ledger kept. No sockets here.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::{Duration, Instant};

use serde_json::json;

use super::faults::{Fault, Faults};
use super::ledger::{Applied, Ledger, Seen};
use crate::domain::identity::Sha;
use crate::domain::json::{self, Node};

/// The settings of the API.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The objects and their fields.
    pub schemas: BTreeMap<String, BTreeSet<String>>,
    /// The accepted token.
    pub token: String,
    /// A token that is refused as expired.
    pub expired_token: String,
    /// Objects for which the token lacks the scope.
    pub forbidden: BTreeSet<String>,
    /// Time for which a key is remembered.
    pub window: Duration,
    /// True if refusals are remembered too.
    pub cache_errors: bool,
    /// True if cached answers say so in a header.
    pub mark_replays: bool,
    /// Writes per second; `None` for no limit.
    pub rate: Option<f64>,
    /// Random faults.
    pub faults: Faults,
}

impl Default for Settings {
    fn default() -> Self {
        let fields = |names: &[&str]| names.iter().map(|&n| n.to_owned()).collect();
        Self {
            schemas: BTreeMap::from([
                ("profiles".to_owned(), fields(&["email", "first_name", "last_name", "city", "tier", "points"])),
                ("orders".to_owned(), fields(&["order_id", "customer_email", "total", "currency"])),
            ]),
            token: "sandbox-token".to_owned(),
            expired_token: "sandbox-token-of-yesterday".to_owned(),
            forbidden: BTreeSet::new(),
            window: Duration::from_hours(24),
            cache_errors: false,
            mark_replays: true,
            rate: None,
            faults: Faults::default(),
        }
    }
}

/// The API's state.
#[derive(Debug)]
pub struct World {
    /// Its settings; may be changed while it runs.
    pub settings: Settings,
    /// The requests it saw, and the writes it applied.
    pub ledger: Ledger,
    /// Number of upcoming requests to answer with 503.
    pub storm: u32,
    random: fastrand::Rng,
    cache: HashMap<(String, Sha), (Instant, Reply)>,
    tokens: f64,
    refilled: Instant,
    requests: u64,
}

/// A request as the API sees it.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) path: String,
    pub(super) token: Option<String>,
    pub(super) key: String,
    pub(super) content_type: String,
    pub(super) body: Vec<u8>,
}

/// An answer, or the lack of one.
#[derive(Debug, Clone)]
pub(super) struct Reply {
    /// `None` drops the connection.
    pub(super) status: Option<u16>,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: String,
    pub(super) delay: Duration,
}

const MAX_BODY: usize = 10 << 20;

impl World {
    /// Creates a new API.
    pub fn new(settings: Settings) -> Self {
        Self {
            random: fastrand::Rng::with_seed(settings.faults.seed),
            tokens: settings.rate.unwrap_or_default(),
            settings,
            ledger: Ledger::default(),
            storm: 0,
            cache: HashMap::new(),
            refilled: Instant::now(),
            requests: 0,
        }
    }

    /// Adds a field to an object's schema, as an operator does after a schema failure.
    pub fn add_field(&mut self, object: &str, field: &str) {
        self.settings.schemas.entry(object.to_owned()).or_default().insert(field.to_owned());
    }

    pub(super) fn answer(&mut self, request: Request) -> Reply {
        self.requests += 1;
        let correlation_id = format!("sbx-{:08x}-{:06}", self.settings.faults.seed & 0xffff_ffff, self.requests);
        let mut reply = self.decide(&request, &correlation_id);
        reply.headers.push(("x-correlation-id", correlation_id.clone()));
        if let Some(rate) = self.settings.rate {
            let reset = chrono::Utc::now().timestamp() + 1;
            reply.headers.push(("x-ratelimit-limit", format!("{rate}")));
            reply.headers.push(("x-ratelimit-remaining", format!("{}", self.tokens.max(0.0).floor())));
            reply.headers.push(("x-ratelimit-reset", reset.to_string()));
        }
        self.ledger.seen.push(Seen {
            path: request.path,
            key: request.key,
            correlation_id,
            status: reply.status,
            content_type: request.content_type,
        });
        reply
    }

    fn decide(&mut self, request: &Request, correlation_id: &str) -> Reply {
        if let Some(wait) = self.over_rate() {
            return limited(wait);
        }
        if self.storm > 0 {
            self.storm -= 1;
            return error(503, "CDP_ETL.UNAVAILABLE", "the service is overloaded", &json!({}));
        }
        let fault = self.settings.faults.draw(&mut self.random);
        match fault {
            Fault::Unavailable => return error(503, "CDP_ETL.UNAVAILABLE", "the service is overloaded", &json!({})),
            Fault::Broken => {
                let code = "CDP_ETL.INTERNAL.UNHANDLED_EXCEPTION";
                return error(500, code, "something went wrong on our side", &json!({}));
            }
            Fault::Conflict => {
                return error(409, "CDP_ETL.CONFLICT", "another write to this record is under way", &json!({}));
            }
            Fault::RateLimited => return limited(0.25),
            Fault::DropBefore => return dropped(),
            Fault::None | Fault::UnavailableAfter | Fault::DropAfter | Fault::Delayed => {}
        }
        let mut reply = self.cached_or_applied(request, correlation_id);
        match fault {
            Fault::DropAfter => return dropped(),
            Fault::UnavailableAfter => {
                return error(503, "CDP_ETL.UNAVAILABLE", "the service went away while it answered", &json!({}));
            }
            Fault::Delayed => reply.delay = self.settings.faults.delay,
            _ => {}
        }
        reply
    }

    fn cached_or_applied(&mut self, request: &Request, correlation_id: &str) -> Reply {
        if let Some(refusal) = self.unauthorized(request.token.as_deref()) {
            return refusal;
        }
        let cache_key = (request.key.clone(), Sha::of(&request.body));
        if !request.key.is_empty()
            && let Some((at, reply)) = self.cache.get(&cache_key)
            && at.elapsed() < self.settings.window
        {
            let mut reply = reply.clone();
            if self.settings.mark_replays {
                reply.headers.push(("idempotent-replayed", "true".to_owned()));
            }
            return reply;
        }
        let reply = match self.validate(request) {
            Err(refusal) => refusal,
            Ok((object, operation)) => {
                self.ledger.applied.push(Applied {
                    object,
                    operation: operation.clone(),
                    key: request.key.clone(),
                    body: request.body.clone(),
                    correlation_id: correlation_id.to_owned(),
                });
                let body =
                    json!({ "success": true, "data": { "operation": operation, "id": self.ledger.applied.len() } });
                Reply { status: Some(200), headers: Vec::new(), body: body.to_string(), delay: Duration::ZERO }
            }
        };
        let accepted = reply.status == Some(200);
        if !request.key.is_empty() && (accepted || self.settings.cache_errors) {
            self.cache.insert(cache_key, (Instant::now(), reply.clone()));
        }
        reply
    }

    fn unauthorized(&self, token: Option<&str>) -> Option<Reply> {
        let refuse = |code: &str, message: &str| Some(error(401, &format!("CDP_ETL.AUTH.{code}"), message, &json!({})));
        match token {
            None => refuse("UNAUTHORIZED", "no bearer token was sent"),
            Some(token) if token == self.settings.token => None,
            Some(token) if token == self.settings.expired_token => refuse("TOKEN_EXPIRED", "the token has expired"),
            Some(_) => refuse("TOKEN_INVALID", "the token is not recognized"),
        }
    }

    /// Returns the object and the operation, if the write is valid.
    fn validate(&self, request: &Request) -> Result<(String, String), Reply> {
        let invalid = |path: &str, message: String, value: &str| {
            let details = json!({ "path": path, "value": value });
            error(400, "CDP_ETL.VALIDATION.REQUEST_INVALID", &message, &details)
        };
        let mut segments = request.path.split('/');
        let (Some("records"), Some(object), Some(operation), None) =
            (segments.next(), segments.next(), segments.next(), segments.next())
        else {
            return Err(error(404, "CDP_ETL.NOT_FOUND", "there is no such endpoint", &json!({})));
        };
        let Some(schema) = self.settings.schemas.get(object) else {
            return Err(error(404, "CDP_ETL.NOT_FOUND", &format!("there is no object '{object}'"), &json!({})));
        };
        if self.settings.forbidden.contains(object) {
            return Err(error(403, "CDP_ETL.AUTH.FORBIDDEN", "the token lacks the scope for this object", &json!({})));
        }
        if request.body.len() > MAX_BODY {
            return Err(error(413, "CDP_ETL.VALIDATION.REQUEST_INVALID", "the body is larger than 10 MB", &json!({})));
        }
        let body = json::scan(&request.body).map_err(|e| invalid("", format!("the body is not JSON: {e}"), ""))?;
        let records: Vec<(String, &Node<'_>)> = match (body.get("record"), body.get("records").and_then(Node::items)) {
            (Some(record), _) => vec![("record".to_owned(), record)],
            (None, Some(records)) => records.iter().enumerate().map(|(n, r)| (format!("records[{n}]"), r)).collect(),
            (None, None) => return Err(invalid("record", "record: is missing".to_owned(), "")),
        };
        for (at, record) in records {
            for (name, _) in record.fields() {
                let name = name.to_text();
                if !schema.contains(name.as_ref()) {
                    let path = format!("{at}.{name}");
                    let message = format!("{path}: field does not exist in object schema");
                    let details = json!({ "path": path, "field": name });
                    return Err(error(422, "CDP_ETL.VALIDATION.REQUEST_SCHEMA", &message, &details));
                }
            }
            for field in ["email", "customer_email"] {
                let Some(value) = record.get(field).and_then(Node::text) else { continue };
                if !value.contains('@') {
                    let path = format!("{at}.{field}");
                    return Err(invalid(&path, format!("{path}: invalid email format"), &value));
                }
            }
        }
        Ok((object.to_owned(), operation.to_owned()))
    }

    /// Returns the seconds to wait, if there are too many requests.
    fn over_rate(&mut self) -> Option<f64> {
        let rate = self.settings.rate?;
        let elapsed = self.refilled.elapsed().as_secs_f64();
        self.refilled = Instant::now();
        self.tokens = (self.tokens + elapsed * rate).min(rate.max(1.0));
        if self.tokens >= 1.0 {
            self.tokens -= 1.0;
            return None;
        }
        Some((1.0 - self.tokens) / rate)
    }
}

fn error(status: u16, code: &str, message: &str, details: &serde_json::Value) -> Reply {
    let body = json!({ "success": false, "error": { "code": code, "message": message, "details": details } });
    Reply { status: Some(status), headers: Vec::new(), body: body.to_string(), delay: Duration::ZERO }
}

fn limited(wait: f64) -> Reply {
    let mut reply = error(429, "CDP_ETL.RATE_LIMITED", "the token's quota is used up", &json!({}));
    // Rounded up, so that a client which waits that long is let through.
    reply.headers.push(("retry-after", format!("{:.2}", (wait * 100.0).ceil() / 100.0)));
    reply
}

fn dropped() -> Reply {
    Reply { status: None, headers: Vec::new(), body: String::new(), delay: Duration::ZERO }
}
