//! A success: a write that the API accepted from its producer, without dlq.

use sha2::{Digest as _, Sha256};

use super::identity::Sha;
use super::key::IdempotencyKey;
use super::lane::Lane;
use super::time::Timestamp;

/// A write that the API accepted from its producer, as far as a line says what it was.
#[derive(Debug, Clone)]
pub struct Success {
    /// The target's name.
    pub target: String,
    /// The HTTP method, upper-case.
    pub method: String,
    /// The path below the base URL.
    pub path: String,
    /// The key that was on the wire.
    pub key: Option<IdempotencyKey>,
    /// The hash of the body's content, if the line has the body.
    pub content: Option<Sha>,
    /// The SHA-256 of the body's bytes, if the line has that.
    pub body_sha256: Option<Sha>,
    /// The lanes of its records.
    pub lanes: Vec<Lane>,
    /// The time when the API accepted it.
    pub at: Option<Timestamp>,
}

impl Success {
    /// Returns 16 bytes by which the same success is recognised when its line comes again.
    pub fn identity(&self) -> [u8; 16] {
        let mut hasher = Sha256::new();
        let key = self.key.as_ref().map(IdempotencyKey::as_str).unwrap_or_default();
        for part in [self.target.as_str(), &self.method, &self.path, key] {
            hasher.update((part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        for sha in [self.content, self.body_sha256] {
            hasher.update(sha.map(|sha| sha.0).unwrap_or_default());
        }
        for lane in &self.lanes {
            hasher.update(lane.hash.to_le_bytes());
        }
        hasher.update(self.at.map(Timestamp::millis).unwrap_or_default().to_le_bytes());
        let digest: [u8; 32] = hasher.finalize().into();
        let mut first = [0; 16];
        first.copy_from_slice(&digest[..16]);
        first
    }
}
