//! Numbers for people.

use crate::domain::outcome::{Outcome, Tally};

/// Formats a number as `1,234,567`.
pub fn thousands(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (at, c) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

/// Formats a number of writes: `1 write`, `2 writes`.
pub fn writes(n: u64) -> String {
    format!("{} {}", thousands(n), if n == 1 { "write" } else { "writes" })
}

/// Formats the outcomes of a run's writes: `82 replayed, 19 unsent`.
pub fn outcomes(tally: &Tally) -> String {
    let name = |outcome: Outcome| if outcome == Outcome::Accepted { "replayed" } else { outcome.name() };
    let told = Outcome::ALL.iter().filter(|&&outcome| outcome == Outcome::Accepted || tally.get(outcome) > 0);
    told.map(|&outcome| format!("{} {}", thousands(tally.get(outcome)), name(outcome))).collect::<Vec<_>>().join(", ")
}
