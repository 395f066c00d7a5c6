//! The way out: sends one request, and says when it certainly did not leave.

use std::time::Instant;

use crate::domain::answer::Extent;
use crate::domain::evidence::{Headers, Lost};

/// A request, ready to leave.
#[derive(Debug, Clone)]
pub struct Outgoing {
    /// The HTTP method.
    pub method: String,
    /// The whole URL, below the target's base URL.
    pub url: url::Url,
    /// The captured headers that are sent again.
    pub headers: Vec<(String, String)>,
    /// The idempotency key.
    pub key: String,
    /// The body, byte for byte.
    pub body: Vec<u8>,
}

/// An answer, as far as it is evaluated.
#[derive(Debug, Clone, Default)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// `x-correlation-id`.
    pub correlation_id: Option<String>,
    /// `Retry-After`.
    pub retry_after: Option<String>,
    /// `X-RateLimit-Remaining`.
    pub remaining: Option<String>,
    /// `X-RateLimit-Reset`.
    pub reset: Option<String>,
    /// True if a header says that this is the cached answer to an earlier request.
    pub replayed: bool,
    /// All headers as received, with names in lower case.
    pub headers: Headers,
    /// The body, up to the most that the transport reads.
    pub body: Vec<u8>,
    /// The extent of the body: whole, broken off, or too long.
    pub extent: Extent,
    /// The error that broke the body off, if any.
    pub lost: Option<Lost>,
}

/// The result of sending a request.
#[derive(Debug, Clone)]
pub enum Sent {
    /// It was answered, if only in part.
    Answered(Answer),
    /// No byte of it was sent, so it was certainly not applied.
    NotSent(Lost),
    /// Its intent had grown old before it could be sent: nothing was tried.
    Stale(String),
    /// No valid request can be built from it, now or later.
    Impossible(String),
    /// It may have been applied, and no answer came.
    NoAnswer(Lost),
}

/// Sends requests. Each call makes at most one request that the server can see.
pub trait Transport: Send + Sync + 'static {
    /// Sends one request.
    fn send(&self, request: Outgoing) -> impl Future<Output = Sent> + Send;

    /// Gets another token after the API refused that of a request which was sent at this time. Returns the one that is sent
    /// from now on; `None` if there is no other, so that trying again is of no use.
    fn renew_token(&self, _sent_at: Instant) -> impl Future<Output = Option<String>> + Send {
        std::future::ready(None)
    }
}
