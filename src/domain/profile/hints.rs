//! Hints of an API on when to send again, as headers give them.

use super::envelope::header;
use crate::domain::evidence::Headers;

/// The headers that a profile reads hints from.
#[derive(Debug, Clone, Default)]
pub(super) struct HintSources {
    /// Waits, each with its unit; the first that an answer has counts.
    pub(super) retry_after: Vec<(String, Unit)>,
    pub(super) remaining: Vec<String>,
    pub(super) reset: Vec<(String, Reference)>,
    /// True if the fields of the IETF's draft are read: `RateLimit: "default";r=50;t=30`.
    pub(super) ietf: bool,
}

/// The unit of a wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    /// Seconds, or an HTTP date.
    Seconds,
    Milliseconds,
}

/// The point from which a reset is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reference {
    /// Seconds since 1970.
    Epoch,
    /// Seconds from now.
    Now,
}

/// The hints of an answer, as text.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Hints {
    /// The wait that is asked for: seconds, or an HTTP date.
    pub retry_after: Option<String>,
    /// Number of requests left.
    pub remaining: Option<String>,
    /// The time when they are renewed, in seconds since 1970.
    pub reset_at: Option<String>,
    /// The time until then, in seconds.
    pub reset_in: Option<String>,
}

impl HintSources {
    /// Reads the hints of an answer.
    pub(super) fn read(&self, headers: &Headers) -> Hints {
        let retry_after = self.retry_after.iter().find_map(|(name, unit)| {
            let value = header(headers, name)?;
            match unit {
                Unit::Seconds => Some(value.to_owned()),
                Unit::Milliseconds => value.parse::<f64>().ok().map(|millis| (millis / 1000.0).to_string()),
            }
        });
        let mut hints = Hints {
            retry_after,
            remaining: self.remaining.iter().find_map(|name| header(headers, name)).map(str::to_owned),
            ..Hints::default()
        };
        let reset = self.reset.iter().find_map(|(name, from)| Some((header(headers, name)?.to_owned(), *from)));
        match reset {
            Some((value, Reference::Epoch)) => hints.reset_at = Some(value),
            Some((value, Reference::Now)) => hints.reset_in = Some(value),
            None => {}
        }
        if self.ietf && hints.remaining.is_none() {
            let least = header(headers, "ratelimit").and_then(least_left);
            if let Some((remaining, reset_in)) = least {
                (hints.remaining, hints.reset_in) = (Some(remaining), reset_in);
            }
        }
        hints
    }
}

/// Returns what is left, and the seconds until it is renewed, of the policy of which the least is left. A field that can't be
/// read is ignored.
fn least_left(field: &str) -> Option<(String, Option<String>)> {
    let policies = field.split(',').filter_map(|policy| {
        let parameter = |name: &str| {
            let mut all = policy.split(';').map(str::trim).filter_map(|part| part.split_once('='));
            all.find(|(found, _)| *found == name).map(|(_, value)| value.trim().to_owned())
        };
        let left = parameter("r").or_else(|| parameter("remaining"))?;
        let number: f64 = left.parse().ok()?;
        Some((number, left, parameter("t").or_else(|| parameter("reset"))))
    });
    policies.min_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, left, until)| (left, until))
}

impl super::Profile {
    /// Reads the hints of an answer on when to send again.
    pub fn hints(&self, headers: &Headers) -> Hints {
        self.hints.read(headers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_with_the_least_left_counts() {
        let read = |field: &str| least_left(field);
        assert_eq!(read("\"default\";r=50;t=30"), Some(("50".to_owned(), Some("30".to_owned()))));
        assert_eq!(read("\"burst\";r=3;t=1, \"day\";r=2"), Some(("2".to_owned(), None)));
        assert_eq!(read("limit=100, remaining=50, reset=5"), Some(("50".to_owned(), None)));
        assert_eq!(read("\"default\";q=100"), None);
        assert_eq!(read("r=many"), None);
    }
}
