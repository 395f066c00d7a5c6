//! HTTP/1.1 over hyper's bare connections, without a client library in between: only code that
//! makes the connection itself knows whether a failed request was never written (and may go again
//! at any age) or may have been applied.
//!
//! Nothing here retries, follows a redirect, or sends a request to anywhere but its target.

mod connect;
mod tls;

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::task::{Context, Poll};
use std::time::Duration;

use http_body_util::BodyExt as _;
use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use hyper::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE, HOST, TRANSFER_ENCODING, USER_AGENT};
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request, Response};
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout_at};

use self::connect::Connector;
use super::transport::{Answer, Outgoing, Sent, Transport};
use crate::config::read_token;
use crate::domain::answer::Extent;
use crate::domain::evidence::{Lost, Phase};
use crate::domain::json::{self, Value};
use crate::domain::target::{TargetSettings, TokenSource};

/// The most bytes of an answer's body that are read.
const MOST_BODY: usize = 16 << 20;

/// Sends to one target over HTTP.
pub struct HttpTransport {
    connector: Connector,
    token: Option<Token>,
    /// The header of the idempotency key; `None` if the API knows none.
    key_header: Option<HeaderName>,
    /// Headers that every request has.
    static_headers: HeaderMap,
    timeout: Duration,
}

/// The token, and the way to another one.
struct Token {
    header: HeaderName,
    current: RwLock<Current>,
    /// The target's settings, if its token comes from a command.
    renewable: Option<TargetSettings>,
    /// Held while the command runs; true once it was run again.
    renewed: Mutex<bool>,
}

struct Current {
    value: HeaderValue,
    text: String,
    /// The time since which it is sent.
    since: std::time::Instant,
}

/// The reason why no client can be made.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// The token can't be put into a header.
    #[error("the token has characters that can't go into a header")]
    Token,
    /// A header of the settings can't be sent.
    #[error("header {0} can't be sent")]
    Header(String),
}

impl Token {
    fn new(target: &TargetSettings, text: &str) -> Result<Self, HttpError> {
        let header = &target.auth.header;
        Ok(Self {
            header: HeaderName::from_bytes(header.as_bytes()).map_err(|_| HttpError::Header(header.clone()))?,
            current: RwLock::new(Current::new(target, text)?),
            renewable: matches!(target.token, TokenSource::Command(_)).then(|| target.clone()),
            renewed: Mutex::new(false),
        })
    }

    fn value(&self) -> HeaderValue {
        self.current.read().unwrap_or_else(PoisonError::into_inner).value.clone()
    }

    /// Returns the token if it is newer than a request that was sent then.
    fn newer_than(&self, sent_at: std::time::Instant) -> Option<String> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        (current.since > sent_at).then(|| current.text.clone())
    }

    /// Runs the command again, once, unless that was done since the request was sent.
    async fn renew(&self, sent_at: std::time::Instant) -> Option<String> {
        let target = self.renewable.clone()?;
        let mut renewed = self.renewed.lock().await;
        if let Some(newer) = self.newer_than(sent_at) {
            return Some(newer);
        }
        if std::mem::replace(&mut *renewed, true) {
            return None;
        }
        let (name, settings) = (target.name.clone(), target.clone());
        let printed = tokio::task::spawn_blocking(move || read_token(&settings, &name)).await.ok()?.ok()??;
        let is_same = self.current.read().unwrap_or_else(PoisonError::into_inner).text == printed;
        let current = Current::new(&target, &printed).ok().filter(|_| !is_same)?;
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = current;
        Some(printed)
    }
}

impl Current {
    fn new(target: &TargetSettings, text: &str) -> Result<Self, HttpError> {
        let scheme = &target.auth.scheme;
        let whole = if scheme.is_empty() { text.to_owned() } else { format!("{scheme} {text}") };
        let mut value = HeaderValue::from_str(&whole).map_err(|_| HttpError::Token)?;
        value.set_sensitive(true);
        Ok(Self { value, text: text.to_owned(), since: std::time::Instant::now() })
    }
}

impl HttpTransport {
    /// Creates a client for a target. The token goes nowhere else: redirects are not followed, and
    /// the environment's proxies are used only if the target's settings say so.
    pub fn new(target: &TargetSettings, token: Option<&str>) -> Result<Self, HttpError> {
        let mut static_headers = HeaderMap::new();
        for (name, value) in &target.static_headers {
            let wrong = || HttpError::Header(name.clone());
            let header = HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong())?;
            static_headers.insert(header, HeaderValue::from_str(value).map_err(|_| wrong())?);
        }
        let key_header = target
            .key_header
            .as_ref()
            .map(|name| HeaderName::from_bytes(name.as_bytes()).map_err(|_| HttpError::Header(name.clone())));
        Ok(Self {
            key_header: key_header.transpose()?,
            connector: Connector::new(target.proxy, target.connect_timeout),
            token: token.map(|token| Token::new(target, token)).transpose()?,
            static_headers,
            timeout: target.timeout,
        })
    }

    fn headers(&self, request: &Outgoing) -> Result<HeaderMap, String> {
        let mut headers = self.static_headers.clone();
        for (name, value) in &request.headers {
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|e| format!("header {name}: {e}"))?;
            let value = HeaderValue::from_str(value).map_err(|e| format!("header {name}: {e}"))?;
            headers.append(name, value);
        }
        // What was captured without a type is JSON where it looks like it, and else has none.
        if request.body.trim_ascii_start().starts_with(b"{") || request.body.trim_ascii_start().starts_with(b"[") {
            headers.entry(CONTENT_TYPE).or_insert(HeaderValue::from_static("application/json"));
        }
        if let Some(name) = &self.key_header {
            let key = HeaderValue::from_str(&request.key).map_err(|e| format!("idempotency key: {e}"))?;
            headers.insert(name.clone(), key);
        }
        if let Some(token) = &self.token {
            headers.insert(token.header.clone(), token.value());
        }
        let host = request.url.host_str().ok_or("the URL has no host")?;
        let host = request.url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        headers.insert(HOST, HeaderValue::from_str(&host).map_err(|e| format!("host: {e}"))?);
        headers.entry(ACCEPT).or_insert(HeaderValue::from_static("*/*"));
        let dlq = HeaderValue::from_static(concat!("dlq/", env!("CARGO_PKG_VERSION")));
        headers.entry(USER_AGENT).or_insert(dlq);
        Ok(headers)
    }

    /// Builds hyper's request, and the flag that is raised once its last byte has been handed over
    /// for writing.
    fn build(&self, request: Outgoing) -> Result<(Request<Whole>, Arc<AtomicBool>), String> {
        let mut headers = self.headers(&request)?;
        let uri = self.connector.request_uri(&request.url, &mut headers)?;
        let written = Arc::new(AtomicBool::new(request.body.is_empty()));
        let mut built = Request::new(Whole { bytes: Bytes::from(request.body), written: Arc::clone(&written) });
        *built.method_mut() = Method::from_bytes(request.method.as_bytes()).map_err(|e| e.to_string())?;
        *built.uri_mut() = uri;
        *built.headers_mut() = headers;
        Ok((built, written))
    }
}

impl Transport for HttpTransport {
    async fn renew_token(&self, sent_at: std::time::Instant) -> Option<String> {
        self.token.as_ref()?.renew(sent_at).await
    }

    async fn send(&self, request: Outgoing) -> Sent {
        let url = request.url.clone();
        let (mut request, written) = match self.build(request) {
            Ok(built) => built,
            Err(why) => return Sent::Impossible(why),
        };
        loop {
            let mut connection = match self.connector.connection(&url).await {
                Ok(connection) => connection,
                Err(lost) => return Sent::NotSent(lost),
            };
            let reused = connection.reused;
            let until = Instant::now() + self.timeout;
            let answered = timeout_at(until, connection.sender.try_send_request(request)).await;
            let response = match answered {
                Ok(Ok(response)) => response,
                Ok(Err(mut error)) => match error.take_message() {
                    // The API closed this idle connection before a byte was written: try another
                    // one.
                    Some(unsent) if reused => {
                        request = unsent;
                        continue;
                    }
                    Some(_) => return Sent::NotSent(Lost::new(Phase::Send, broke(error.error()))),
                    None => return Sent::NoAnswer(Lost::new(phase(&written), broke(error.error()))),
                },
                Err(_) => return Sent::NoAnswer(Lost::new(phase(&written), in_time(self.timeout))),
            };
            let answer = read(response, until, self.timeout).await;
            if answer.extent == Extent::Whole {
                self.connector.keep(connection);
            }
            return Sent::Answered(answer);
        }
    }
}

fn phase(written: &AtomicBool) -> Phase {
    if written.load(Ordering::Relaxed) { Phase::Wait } else { Phase::Send }
}

fn in_time(limit: Duration) -> String {
    format!("no answer in time ({})", crate::domain::time::human_length(limit))
}

/// Describes a connection that broke, with the innermost cause.
fn broke(error: &hyper::Error) -> String {
    format!("the connection broke before an answer came ({})", innermost(error))
}

fn innermost(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

/// Reads an answer to its end, or to `until`.
async fn read(response: Response<Incoming>, until: Instant, limit: Duration) -> Answer {
    let (parts, mut body) = response.into_parts();
    let header = |name: &str| parts.headers.get(name).and_then(|v| v.to_str().ok()).map(str::to_owned);
    let mut answer = Answer {
        status: parts.status.as_u16(),
        correlation_id: header("x-correlation-id"),
        retry_after: header("retry-after"),
        remaining: header("x-ratelimit-remaining"),
        reset: header("x-ratelimit-reset"),
        replayed: false,
        headers: parts
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), String::from_utf8_lossy(value.as_bytes())))
            .collect(),
        body: Vec::new(),
        extent: Extent::BrokenOff,
        lost: None,
    };
    let broke_off = |answer: Answer, why: String| Answer { lost: Some(Lost::new(Phase::Read, why)), ..answer };
    loop {
        match timeout_at(until, body.frame()).await {
            Ok(Some(Ok(frame))) => {
                let Ok(chunk) = frame.into_data() else { continue };
                if answer.body.len() + chunk.len() > MOST_BODY {
                    answer.extent = Extent::TooLong;
                    return answer;
                }
                answer.body.extend_from_slice(&chunk);
            }
            Ok(None) => {
                let says_its_length = match parts.headers.get(TRANSFER_ENCODING) {
                    // Unless the last encoding is chunks, only the end of the connection ends the
                    // body.
                    Some(encoding) => {
                        encoding.to_str().is_ok_and(|e| e.trim().to_ascii_lowercase().ends_with("chunked"))
                    }
                    None => parts.headers.contains_key(CONTENT_LENGTH) || answer.status == 204,
                };
                if says_its_length || !parts.status.is_success() || is_evidently_whole(&answer.body) {
                    answer.extent = Extent::Whole;
                    return answer;
                }
                return broke_off(
                    answer,
                    "the connection ended, and nothing says that the answer was whole".to_owned(),
                );
            }
            Ok(Some(Err(error))) => {
                let why = format!("the connection broke before the answer ended ({})", innermost(&error));
                return broke_off(answer, why);
            }
            Err(_) => {
                let why = format!("the answer did not end in time ({})", crate::domain::time::human_length(limit));
                return broke_off(answer, why);
            }
        }
    }
}

/// Returns true if a body that only the end of its connection ended is whole nevertheless: a
/// complete JSON object or array can't have been cut short.
fn is_evidently_whole(body: &[u8]) -> bool {
    json::scan(body).is_ok_and(|node| matches!(node.value, Value::Object(_) | Value::Array(_)))
}

/// A request's body, in one piece.
struct Whole {
    bytes: Bytes,
    written: Arc<AtomicBool>,
}

impl Body for Whole {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if self.bytes.is_empty() {
            return Poll::Ready(None);
        }
        self.written.store(true, Ordering::Relaxed);
        Poll::Ready(Some(Ok(Frame::data(std::mem::take(&mut self.bytes)))))
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.bytes.len() as u64)
    }
}
