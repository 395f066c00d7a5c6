//! The ledger: every request that the API saw, and every write that it applied.

/// A write that was applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// The object.
    pub object: String,
    /// The operation.
    pub operation: String,
    /// The key that it was sent with; empty for none.
    pub key: String,
    /// The exact bytes of the body.
    pub body: Vec<u8>,
    /// The request's correlation ID.
    pub correlation_id: String,
}

/// A request that was seen, whatever came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// The path below the base.
    pub path: String,
    /// The key that it was sent with; empty for none.
    pub key: String,
    /// The correlation ID that it was given.
    pub correlation_id: String,
    /// The status that was answered; `None` when the connection was dropped.
    pub status: Option<u16>,
    /// The value of its Content-Type.
    pub content_type: String,
}

/// The requests that the API saw, and the writes that it applied.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    /// The requests, in order of arrival.
    pub seen: Vec<Seen>,
    /// The writes, in order of application.
    pub applied: Vec<Applied>,
}

impl Ledger {
    /// Counts how often a write with this key was applied.
    pub fn applied_under(&self, key: &str) -> usize {
        self.applied.iter().filter(|a| a.key == key).count()
    }
}
