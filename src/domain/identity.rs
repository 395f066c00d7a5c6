//! Identity: what makes two captured failures the same write.

use sha2::{Digest, Sha256};

use super::json;

/// The SHA-256 of some bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Sha(pub [u8; 32]);

impl Sha {
    /// Hashes bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// Parses 64 hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        if text.len() != 64 || !text.is_ascii() {
            return None;
        }
        for (byte, at) in bytes.iter_mut().zip((0..64).step_by(2)) {
            *byte = u8::from_str_radix(&text[at..at + 2], 16).ok()?;
        }
        Some(Self(bytes))
    }

    fn word(&self, at: usize) -> u32 {
        let mut bytes = [0; 4];
        bytes.copy_from_slice(&self.0[at * 4..at * 4 + 4]);
        u32::from_le_bytes(bytes)
    }
}

impl std::fmt::Display for Sha {
    /// Writes 64 hexadecimal digits.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Returns the hash by which bodies are told apart: of the canonical JSON, or of the bytes when they are not JSON.
pub fn content_hash(body: &[u8]) -> Sha {
    let canonical = json::scan(body).ok().and_then(|node| json::canonical(&node).ok());
    Sha::of(canonical.as_deref().unwrap_or(body))
}

/// The facts that make two failures the same write. Edits and new keys never change them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity<'a> {
    /// The target's name.
    pub target: &'a str,
    /// The HTTP method.
    pub method: &'a str,
    /// The path below the base URL.
    pub path: &'a str,
    /// The key as captured.
    pub key: &'a str,
    /// [`content_hash`] of the captured body.
    pub content: Sha,
}

impl Identity<'_> {
    /// Returns 64 bits to look it up by: the upper half hashes the key alone, so that one index also finds the writes that
    /// share a key. Not unique: a lookup has to compare in full.
    pub fn index_hash(&self) -> i64 {
        let rest = self.digest().word(0);
        ((u64::from(key_half(self.key)) << 32) | u64::from(rest)).cast_signed()
    }

    /// Returns 16 bytes that remember it after a purge.
    pub fn tombstone(&self) -> [u8; 16] {
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&self.digest().0[..16]);
        bytes
    }

    fn digest(&self) -> Sha {
        let mut hasher = Sha256::new();
        for part in [self.target, self.method, self.path, self.key] {
            hasher.update((part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        hasher.update(self.content.0);
        Sha(hasher.finalize().into())
    }
}

/// Returns the range of [`Identity::index_hash`] in which every write with this key lies.
pub fn key_range(key: &str) -> std::ops::RangeInclusive<i64> {
    let low = (u64::from(key_half(key)) << 32).cast_signed();
    low..=(low | 0xffff_ffff)
}

fn key_half(key: &str) -> u32 {
    Sha::of(key.as_bytes()).word(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_json_in_other_bytes_is_the_same_content() {
        assert_eq!(content_hash(br#"{"a":1,"b":[1.0]}"#), content_hash(b"{ \"b\" : [1.00], \"a\" : 1 }"));
        assert_ne!(content_hash(b"{\"a\":1}"), content_hash(b"{\"a\":1.0}"));
        assert_ne!(content_hash(b"not json"), content_hash(b"not  json"));
    }

    #[test]
    fn one_index_finds_identities_and_keys() {
        let identity = |key, path| Identity { target: "t", method: "POST", path, key, content: Sha::of(b"") };
        let hash = identity("k", "a").index_hash();
        assert!(key_range("k").contains(&hash) && key_range("k").contains(&identity("k", "b").index_hash()));
        assert!(!key_range("other").contains(&hash));
        assert_ne!(hash, identity("k", "b").index_hash());
    }
}
