//! Lengths of time in the config.

use std::time::Duration;

use crate::domain::time::parse_length;

/// Reads a length of time; an error names the field.
pub(super) fn length(field: &str, text: &str) -> Result<Duration, String> {
    parse_length(text).ok_or_else(|| format!("{field}: {text:?} is not a length of time (write 30s, 15m, 24h)"))
}
