//! Key windows for people: until when writes that may have been applied can be sent safely.

use super::count::thousands;
use crate::domain::key::KeyWindows;
use crate::domain::time::{Timestamp, human_length};

/// Returns one line for each thing to know; none if no window matters.
pub fn lines(windows: &KeyWindows, now: Timestamp) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some((id, ends)) = windows.first_ends {
        lines.push(format!(
            "First key window ends in {}, at {}: write {id} may have been applied, and can be replayed safely until then.",
            human_length(ends.since(now)),
            ends.to_human()
        ));
    }
    if windows.ended > 0 {
        let more = if windows.ended > KeyWindows::MOST_COUNTED { "More than " } else { "" };
        let n = windows.ended.min(KeyWindows::MOST_COUNTED);
        let (noun, they) = if n == 1 { ("key window has", "it") } else { ("key windows have", "them") };
        lines.push(format!(
            "{more}{} {noun} ended (dlq list hazard:key-expired): look for {they} in the API, then dlq resolve.",
            thousands(n)
        ));
    }
    lines
}
