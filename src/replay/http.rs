//! HTTP: reqwest with everything turned off that could send a write twice or elsewhere.

use std::error::Error as _;
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Method, Response};

use super::transport::{Answer, Outgoing, Sent, Transport};
use crate::domain::target::TargetSettings;

/// As much of an answer's body as is read.
const MOST_BODY: usize = 4 << 20;

/// Sends to one target over HTTP.
pub struct HttpTransport {
    client: Client,
    token: Option<HeaderValue>,
}

/// Why no client can be made.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// The token can't stand in a header.
    #[error("the token has characters that can't stand in a header")]
    Token,
    /// TLS or the like.
    #[error("the HTTP client can't be made: {0}")]
    Client(String),
}

impl HttpTransport {
    /// A client for a target. The token goes nowhere else: redirects are not followed, and proxies only used when the
    /// target says so.
    pub fn new(target: &TargetSettings, token: Option<&str>) -> Result<Self, HttpError> {
        // Fails only if a provider was installed before: then there is one.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let token = token
            .map(|token| {
                let mut value = HeaderValue::from_str(&format!("Bearer {token}")).map_err(|_| HttpError::Token)?;
                value.set_sensitive(true);
                Ok(value)
            })
            .transpose()?;
        let mut builder = Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .http1_only()
            .tcp_nodelay(true)
            .connect_timeout(target.timeout.min(Duration::from_secs(10)))
            .timeout(target.timeout)
            .pool_idle_timeout(Duration::from_secs(15))
            .user_agent(concat!("dlq/", env!("CARGO_PKG_VERSION")));
        if !target.proxy {
            builder = builder.no_proxy();
        }
        let client = builder.build().map_err(|e| HttpError::Client(chain(&e)))?;
        Ok(Self { client, token })
    }

    fn headers(&self, request: &Outgoing) -> Result<HeaderMap, String> {
        let mut headers = HeaderMap::new();
        for (name, value) in &request.headers {
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|e| format!("header {name}: {e}"))?;
            let value = HeaderValue::from_str(value).map_err(|e| format!("header {name}: {e}"))?;
            headers.append(name, value);
        }
        headers.entry(CONTENT_TYPE).or_insert(HeaderValue::from_static("application/json"));
        let key = HeaderValue::from_str(&request.key).map_err(|e| format!("idempotency key: {e}"))?;
        headers.insert(HeaderName::from_static("idempotency-key"), key);
        if let Some(token) = &self.token {
            headers.insert(AUTHORIZATION, token.clone());
        }
        Ok(headers)
    }
}

impl Transport for HttpTransport {
    async fn send(&self, request: Outgoing) -> Sent {
        let (headers, method) = match (self.headers(&request), Method::from_bytes(request.method.as_bytes())) {
            (Ok(headers), Ok(method)) => (headers, method),
            (Err(why), _) => return Sent::Impossible(why),
            (_, Err(why)) => return Sent::Impossible(why.to_string()),
        };
        let sent = self.client.request(method, request.url).headers(headers).body(request.body).send().await;
        match sent {
            Ok(response) => Sent::Answered(read(response).await),
            // Only this means that the server has surely not seen it.
            Err(error) if error.is_connect() || error.is_builder() => Sent::NotSent(chain(&error)),
            Err(error) => Sent::NoAnswer(chain(&error)),
        }
    }
}

async fn read(mut response: Response) -> Answer {
    let header = |name: &str| response.headers().get(name).and_then(|v| v.to_str().ok()).map(str::to_owned);
    let replayed = ["idempotent-replayed", "idempotency-replayed", "x-idempotent-replayed", "x-idempotency-replayed"]
        .iter()
        .any(|name| header(name).is_some_and(|v| v.trim().eq_ignore_ascii_case("true") || v.trim() == "1"));
    let mut answer = Answer {
        status: response.status().as_u16(),
        correlation_id: header("x-correlation-id"),
        retry_after: header("retry-after"),
        remaining: header("x-ratelimit-remaining"),
        reset: header("x-ratelimit-reset"),
        replayed,
        body: Vec::new(),
        whole: false,
    };
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if answer.body.len() + chunk.len() <= MOST_BODY => answer.body.extend_from_slice(&chunk),
            Ok(None) => {
                answer.whole = true;
                return answer;
            }
            _ => return answer,
        }
    }
}

/// An error with its causes; the URL, which the report names anyway, is left out.
fn chain(error: &reqwest::Error) -> String {
    let mut text = if error.is_timeout() {
        "no answer in time".to_owned()
    } else if error.is_connect() {
        "the connection could not be made".to_owned()
    } else {
        "the connection broke before an answer came".to_owned()
    };
    let mut cause = error.source();
    while let Some(inner) = cause {
        if inner.source().is_none() {
            text.push_str(&format!(" ({inner})"));
        }
        cause = inner.source();
    }
    text
}
