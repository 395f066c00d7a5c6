//! The guide's stable key: the MD5 of a record's canonical JSON, written as a UUID.

use md5::{Digest, Md5};

use super::identity::Sha;
use super::ids::WriteId;
use super::json::{self, Node, PythonError, ScanError};
use super::key::IdempotencyKey;

/// The reason why a text has no stable key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StableKeyError {
    /// Not JSON.
    #[error("not JSON: {0}")]
    NotJson(#[from] ScanError),
    /// JSON that Python could not have read.
    #[error("no key: {0}")]
    NotPython(#[from] PythonError),
}

/// Returns the stable key of one JSON text, byte for byte the one that the guide's Python function returns.
pub fn stable_key(text: &[u8]) -> Result<String, StableKeyError> {
    Ok(stable_key_of(&json::scan(text)?)?)
}

/// Returns the stable key of a value that was already scanned.
pub fn stable_key_of(node: &Node<'_>) -> Result<String, PythonError> {
    Ok(uuid_of(&json::canonical(node)?))
}

/// Formats the MD5 of any bytes as a UUID: for a body that is not JSON, for which Python has no answer.
pub fn uuid_of(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(36);
    for (n, byte) in Md5::digest(bytes).iter().enumerate() {
        if matches!(n, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        text.push_str(&format!("{byte:02x}"));
    }
    text
}

/// Returns the key that replaces a write's key on request. Writes that share a key get different ones.
pub fn new_key(of: &IdempotencyKey, write: WriteId) -> IdempotencyKey {
    IdempotencyKey::from_stored(uuid_of(format!("dlq new key {write}\n{of}").as_bytes()))
}

/// Returns the key of a part of a batch: `count` records from `first` on, counted from 0. The part's body is hashed in, so that
/// another batch under the same key has other part keys.
pub fn part_key(of: &IdempotencyKey, first: usize, count: usize, body: Sha) -> IdempotencyKey {
    IdempotencyKey::from_stored(uuid_of(format!("dlq part {first} {count} {body}\n{of}").as_bytes()))
}
