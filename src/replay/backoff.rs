//! Waits between attempts: the guide's backoff, and the waits that the API asks for.

use std::time::{Duration, SystemTime};

/// The longest wait of the guide's backoff, in units.
const MOST: f64 = 60.0;
/// The longest wait that an API may ask for; anything longer is cut to this.
const MOST_ASKED: Duration = Duration::from_hours(1);

/// Returns the n-th wait, counted from 0: `min(60, 2^n + jitter)` times `unit`, which is a second
/// in the guide. The caller draws `jitter` from 0 to 1.
pub fn backoff(n: u32, jitter: f64, unit: Duration) -> Duration {
    let units = (2f64.powi(i32::try_from(n.min(16)).unwrap_or(16)) + jitter.clamp(0.0, 1.0)).min(MOST);
    unit.mul_f64(units)
}

/// Reads a `Retry-After` header: seconds, possibly fractional, or an HTTP date. Waits are capped at
/// an hour; values that are past, negative, or neither a number nor a date ask for none.
pub fn retry_after(value: &str, now: SystemTime) -> Duration {
    let value = value.trim();
    if let Ok(seconds) = value.parse::<f64>() {
        if seconds.is_nan() || seconds <= 0.0 {
            return Duration::ZERO;
        }
        return Duration::try_from_secs_f64(seconds).unwrap_or(MOST_ASKED).min(MOST_ASKED);
    }
    let date = httpdate::parse_http_date(value).ok();
    date.and_then(|date| date.duration_since(now).ok()).unwrap_or(Duration::ZERO).min(MOST_ASKED)
}

/// The quota, from `X-RateLimit-Remaining` and `X-RateLimit-Reset`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RateLimit {
    /// Number of requests left.
    pub remaining: f64,
    /// Time until the quota is renewed; `None` if missing or implausible.
    pub reset: Option<Duration>,
}

/// The time when the quota is renewed, as an API gives it.
#[derive(Debug, Clone, Copy)]
pub enum Reset<'a> {
    /// In seconds since 1970.
    At(&'a str),
    /// In seconds from now.
    In(&'a str),
}

/// Reads the requests left, and the time when they are renewed. Returns `None` if the count is negative or not a number. A reset that is past, more than an hour
/// away or not a number is ignored.
pub fn rate_limit(remaining: &str, reset: Option<Reset<'_>>, now: SystemTime) -> Option<RateLimit> {
    let remaining = remaining.trim().parse::<f64>().ok().filter(|n| n.is_finite() && *n >= 0.0)?;
    let now = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let seconds = |text: &str| Duration::try_from_secs_f64(text.trim().parse().ok()?).ok();
    let left = reset.and_then(|reset| match reset {
        Reset::At(text) => seconds(text)?.checked_sub(now),
        Reset::In(text) => seconds(text),
    });
    let reset = left.filter(|left| !left.is_zero() && *left <= MOST_ASKED);
    Some(RateLimit { remaining, reset })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn promise_9_rate_limit_headers_are_used_when_sane() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
        let read = |remaining, reset: Option<&str>| {
            rate_limit(remaining, reset.map(Reset::At), now).map(|l| (l.remaining, l.reset))
        };
        let seconds = |n| Some(Duration::from_secs_f64(n));
        assert_eq!(read("9", None), Some((9.0, None)));
        assert_eq!(read(" 2.5 ", Some("1000000007")), Some((2.5, seconds(7.0))));
        assert_eq!(read("0", Some("1000000000.5")), Some((0.0, seconds(0.5))));
        let from_now = rate_limit("3", Some(Reset::In("30")), now).map(|l| (l.remaining, l.reset));
        assert_eq!(from_now, Some((3.0, seconds(30.0))));
        for insane in ["1000000000", "999999999", "-1", "NaN", "inf", "1e300", "7", "", "soon", "1000003601"] {
            assert_eq!(read("1", Some(insane)), Some((1.0, None)), "{insane}");
        }
        for no_count in ["-1", "NaN", "inf", "", "many", "1e999"] {
            assert_eq!(read(no_count, Some("1000000007")), None, "{no_count}");
        }
    }

    #[test]
    fn promise_9_the_backoff_is_the_guides() {
        let second = Duration::from_secs(1);
        assert_eq!(backoff(0, 0.0, second), Duration::from_secs(1));
        assert_eq!(backoff(3, 0.5, second), Duration::from_millis(8500));
        assert_eq!(backoff(5, 1.0, second), Duration::from_secs(33));
        for n in 6..40 {
            assert_eq!(backoff(n, 1.0, second), Duration::from_mins(1));
        }
    }

    #[test]
    fn promise_9_retry_after_is_obeyed_and_hostile_values_are_capped() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
        for (value, seconds) in [
            ("2", 2.0),
            ("2.5", 2.5),
            (" 7 ", 7.0),
            ("0", 0.0),
            ("-5", 0.0),
            ("NaN", 0.0),
            ("inf", 3600.0),
            ("1e300", 3600.0),
            ("99999", 3600.0),
            ("", 0.0),
            ("soon", 0.0),
            ("Sun, 09 Sep 2001 01:46:50 GMT", 10.0),
            ("Sun, 09 Sep 2001 01:46:30 GMT", 0.0),
            ("Fri, 31 Dec 9999 23:59:59 GMT", 3600.0),
        ] {
            assert_eq!(retry_after(value, now), Duration::from_secs_f64(seconds), "{value}");
        }
    }
}
