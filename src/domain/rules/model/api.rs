//! The simulated API: it applies a key once for as long as it remembers it, and its ledger knows all that was ever applied.

use std::collections::HashMap;
use std::time::Duration;

use crate::domain::time::Timestamp;

/// Time for which it remembers a key: a little longer than dlq counts on, since clocks differ.
const REMEMBERS: Duration = Duration::from_mins(24 * 60 + 2);

/// The records of a logical event, whatever key or revision it is sent with; a batch has several.
pub(super) type Records = std::ops::Range<u64>;

#[derive(Debug, Default)]
pub(super) struct Api {
    cache: HashMap<String, Timestamp>,
    /// Number of times each record was applied.
    pub(super) applied: HashMap<u64, u32>,
}

impl Api {
    /// Applies a request, unless its key is remembered. Returns true if it was applied now.
    pub(super) fn apply(&mut self, key: Option<&str>, records: Records, at: Timestamp) -> bool {
        if let Some(key) = key {
            if self.cache.get(key).is_some_and(|first| at < first.plus(REMEMBERS)) {
                return false;
            }
            self.cache.insert(key.to_owned(), at);
        }
        for record in records {
            *self.applied.entry(record).or_default() += 1;
        }
        true
    }

    /// Returns true if any of these records was applied.
    pub(super) fn has_any(&self, records: Records) -> bool {
        records.into_iter().any(|record| self.applied.contains_key(&record))
    }
}
