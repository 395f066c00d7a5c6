//! Evidence: what came in, and what came back for each request. Kept as received, never overwritten.

use super::failure::Failure;
use super::identity::Sha;

/// The most bytes of an answer's body that are kept: 16 KiB.
pub const MOST_KEPT: usize = 16 << 10;

/// An answer as received, without secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptAnswer {
    /// The HTTP status.
    pub status: u16,
    /// Its headers; secret ones are left out.
    pub headers: Headers,
    /// The body, up to [`MOST_KEPT`] bytes of it.
    pub body: Vec<u8>,
    /// The length of the whole body in bytes; `None` if it broke off.
    pub length: Option<u64>,
    /// The SHA-256 of the body, as far as it arrived.
    pub sha256: Sha,
}

/// The headers of an answer, in one piece, since they are handed from thread to thread with each answer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Headers(String);

impl Headers {
    /// No headers, or none that were logged.
    pub const NONE: &'static Self = &Self(String::new());

    /// Adds a header, its name in lower case. A value that spans lines, which HTTP doesn't allow, is joined into one line.
    pub fn push(&mut self, name: &str, value: &str) {
        self.0.push_str(name);
        self.0.push(':');
        self.0.extend(value.chars().map(|c| if matches!(c, '\n' | '\r') { ' ' } else { c }));
        self.0.push('\n');
    }

    /// Returns one line per header, `name:value`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Takes such lines as they were stored.
    pub fn from_stored(lines: String) -> Self {
        Self(lines)
    }

    /// Iterates over names and values, in the order of arrival.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.lines().filter_map(|line| line.split_once(':'))
    }
}

impl<N: AsRef<str>, V: AsRef<str>> FromIterator<(N, V)> for Headers {
    fn from_iter<T: IntoIterator<Item = (N, V)>>(pairs: T) -> Self {
        let mut headers = Self::default();
        for (name, value) in pairs {
            headers.push(name.as_ref(), value.as_ref());
        }
        headers
    }
}

/// The stage of a request at which it failed.
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
    /// All stages, in the order of a request.
    pub const ALL: [Self; 6] = [Self::Resolve, Self::Connect, Self::Tls, Self::Send, Self::Wait, Self::Read];

    /// Returns the name used everywhere.
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

    /// Parses its name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|phase| phase.name() == name)
    }
}

/// A network error that left a request without a complete answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lost {
    /// The stage that the request had reached.
    pub phase: Phase,
    /// The message of the network or the system.
    pub why: String,
}

impl Lost {
    /// Creates the error for a stage.
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
    /// A later answer has judged the data since; this is the failure before.
    Earlier(Box<Failure>),
    /// An older dlq overwrote it.
    Lost,
}

impl CapturedFailure {
    /// Returns the failure, given the write's current one; `None` if it is lost.
    pub fn or_current<'a>(&'a self, current: &'a Failure) -> Option<&'a Failure> {
        match self {
            Self::Current => Some(current),
            Self::Earlier(failure) => Some(failure),
            Self::Lost => None,
        }
    }
}
