//! Idempotency keys: what may stand in the header, where a key came from, and how long it protects a write.

use std::time::Duration;

use super::ids::WriteId;
use super::time::Timestamp;

/// Longest key accepted, in bytes; servers cap a header line at 8 KiB or more.
pub const MAX_KEY_LEN: usize = 4096;

/// Time for which the guide's API remembers a key.
pub const DEFAULT_WINDOW: Duration = Duration::from_hours(24);

/// A key that an `Idempotency-Key` header can carry unchanged.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct IdempotencyKey(String);

/// The reason why a text can't be a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// A byte that a header value can't carry as it is.
    #[error("the idempotency key has {0} at byte {1}: it can't go into a header unchanged")]
    BadByte(&'static str, usize),
    /// Longer than [`MAX_KEY_LEN`].
    #[error("the idempotency key is longer than {MAX_KEY_LEN} bytes")]
    TooLong,
}

impl IdempotencyKey {
    /// Parses a key. Spaces are allowed only inside it: HTTP would drop them at either end.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        if text.len() > MAX_KEY_LEN {
            return Err(KeyError::TooLong);
        }
        for (at, byte) in text.bytes().enumerate() {
            match byte {
                b' ' if at == 0 || at + 1 == text.len() => return Err(KeyError::BadByte("a space at its end", at)),
                0x20..=0x7e => {}
                0x80.. => return Err(KeyError::BadByte("a character outside ASCII", at)),
                _ => return Err(KeyError::BadByte("a control character", at)),
            }
        }
        Ok(Self(text.to_owned()))
    }

    /// Wraps a key that was checked when it was stored.
    pub fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// Returns the key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for IdempotencyKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// The origin of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyOrigin {
    /// The captured failure named it: the producer had sent it.
    Given,
    /// The event's own ID.
    EventId,
    /// The guide's stable key, made from the content.
    Derived,
}

impl KeyOrigin {
    /// Returns the name used everywhere.
    pub fn name(self) -> &'static str {
        match self {
            Self::Given => "given",
            Self::EventId => "event_id",
            Self::Derived => "derived",
        }
    }

    /// Parses its name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Given, Self::EventId, Self::Derived].into_iter().find(|o| o.name() == name)
    }
}

/// The window of an API that knows no keys.
pub const NO_KEYS: Duration = Duration::ZERO;

/// Returns true if an API with such a window knows keys.
pub fn knows_keys(window: Duration) -> bool {
    window != NO_KEYS
}

/// Returns true if a key that was first sent at `ambiguous_since` still protects at `now`.
pub fn inside_window(ambiguous_since: Timestamp, window: Duration, now: Timestamp) -> bool {
    now < ambiguous_since.plus(window)
}

/// The key windows that matter: those of open appends that may have been applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct KeyWindows {
    /// Of the windows still running, the one that ends first: its write and its end.
    pub first_ends: Option<(WriteId, Timestamp)>,
    /// Number of windows that have ended, counted up to one more than [`Self::MOST_COUNTED`].
    pub ended: u64,
}

impl KeyWindows {
    /// The highest number that is counted exactly.
    pub const MOST_COUNTED: u64 = 10_000;
}

/// Returns the start of the window of an ambiguous *captured* failure: its first attempt, else ten minutes before it failed (the
/// longest that the guide's own retries take), else the epoch, so that the window is long over.
pub fn captured_window_start(first_attempt_at: Option<Timestamp>, failed_at: Option<Timestamp>) -> Timestamp {
    first_attempt_at.or_else(|| failed_at.map(|t| t.minus(Duration::from_mins(10)))).unwrap_or(Timestamp::EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_cannot_stand_in_a_header_are_refused() {
        for text in ["a\r\nX-Evil: 1", "a\0", "caf\u{e9}", " a", "a ", "\t", "\u{202e}"] {
            assert!(IdempotencyKey::parse(text).is_err(), "{text:?}");
        }
        assert!(IdempotencyKey::parse(&"k".repeat(MAX_KEY_LEN + 1)).is_err());
        assert_eq!(IdempotencyKey::parse("evt 1/ü".trim_end_matches('ü')).unwrap().as_str(), "evt 1/");
    }

    #[test]
    fn promise_5_the_window_starts_with_the_first_attempt() {
        let at = |s: i64| Timestamp::from_millis(s * 1000);
        assert_eq!(captured_window_start(Some(at(7000)), Some(at(9000))), at(7000));
        assert_eq!(captured_window_start(None, Some(at(9000))), at(8400));
        assert_eq!(captured_window_start(None, None), Timestamp::EPOCH);
        let day = DEFAULT_WINDOW;
        assert!(inside_window(at(0), day, at(86_399)));
        assert!(!inside_window(at(0), day, at(86_400)), "the last instant is outside");
    }
}
