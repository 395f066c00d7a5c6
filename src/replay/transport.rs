//! The way out: one request, and whether it surely did not leave.

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
    /// The exact bytes.
    pub body: Vec<u8>,
}

/// An answer, as far as anyone looks at it.
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
    /// All headers, names in lower case, as they came.
    pub headers: Headers,
    /// The body, at most some MiB of it.
    pub body: Vec<u8>,
    /// How much of the body this is.
    pub extent: Extent,
    /// What broke it off, if it did.
    pub lost: Option<Lost>,
}

/// What became of a request.
#[derive(Debug, Clone)]
pub enum Sent {
    /// It was answered, if only in part.
    Answered(Answer),
    /// No byte of it left: surely not applied.
    NotSent(Lost),
    /// Its intent had grown old before it could leave: nothing was tried.
    Stale(String),
    /// No request can be made of it, now or later.
    Impossible(String),
    /// It may have been applied, and no answer came.
    NoAnswer(Lost),
}

/// Sends requests. Each call makes at most one request that the server can see.
pub trait Transport: Send + Sync + 'static {
    /// Sends one request.
    fn send(&self, request: Outgoing) -> impl Future<Output = Sent> + Send;
}
