//! Evidence: what came in, and what came back for each request. Kept as it came, never overwritten.

use super::identity::Sha;
use super::write::Failure;

/// The most bytes of an answer's body that are kept, 16 KiB.
pub const MOST_KEPT: usize = 16 << 10;

/// An answer as it came, without secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptAnswer {
    /// The HTTP status.
    pub status: u16,
    /// Names in lower case, and values; secret ones are left out.
    pub headers: Vec<(String, String)>,
    /// The body, up to [`MOST_KEPT`] bytes of it.
    pub body: Vec<u8>,
    /// The length of the whole body in bytes; `None` if it broke off.
    pub length: Option<u64>,
    /// The SHA-256 of all that came of the body.
    pub sha256: Sha,
}

/// A request's stage when it failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Looking up the host's addresses.
    Resolve,
    /// Making a connection, to the host or to its proxy.
    Connect,
    /// The TLS handshake.
    Tls,
    /// Writing the request.
    Send,
    /// Waiting for the answer to begin.
    Wait,
    /// Reading the answer.
    Read,
}

impl Phase {
    /// All of them, in the order of a request.
    pub const ALL: [Self; 6] = [Self::Resolve, Self::Connect, Self::Tls, Self::Send, Self::Wait, Self::Read];

    /// The name used everywhere.
    pub fn name(self) -> &'static str {
        match self {
            Self::Resolve => "resolve",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Send => "send",
            Self::Wait => "wait",
            Self::Read => "read",
        }
    }

    /// From its name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|phase| phase.name() == name)
    }
}

/// An error of the network that left a request without a whole answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lost {
    /// How far the request had come.
    pub phase: Phase,
    /// What the network or the system said.
    pub why: String,
}

impl Lost {
    /// Lost in that phase.
    pub fn new(phase: Phase, why: impl Into<String>) -> Self {
        Self { phase, why: why.into() }
    }
}

/// The failure that a write came in with: attempt 0.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum CapturedFailure {
    /// It is the one that the write's page shows: no later answer has judged the data.
    #[default]
    Current,
    /// A later answer judged the data since.
    Earlier(Box<Failure>),
    /// An older dlq overwrote it.
    Lost,
}

impl CapturedFailure {
    /// The failure, given the write's current one; `None` if it is lost.
    pub fn or_current<'a>(&'a self, current: &'a Failure) -> Option<&'a Failure> {
        match self {
            Self::Current => Some(current),
            Self::Earlier(failure) => Some(failure),
            Self::Lost => None,
        }
    }
}
