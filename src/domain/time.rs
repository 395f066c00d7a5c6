//! Points in time, in milliseconds, and durations as people write them.

use std::time::Duration;

use chrono::{DateTime, NaiveDateTime, SecondsFormat, Utc};

/// Milliseconds since 1970-01-01 UTC, between the years 1970 and 9999.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

/// The first millisecond of the year 10000.
const END: i64 = 253_402_300_800_000;

impl Timestamp {
    /// 1970-01-01, which stands for the time of something whose age is unknown.
    pub const EPOCH: Self = Self(0);

    /// Takes milliseconds since the epoch, clamped to the years 1970 to 9999.
    pub fn from_millis(millis: i64) -> Self {
        Self(millis.clamp(0, END - 1))
    }

    /// Returns the milliseconds since the epoch.
    pub fn millis(self) -> i64 {
        self.0
    }

    /// Reads the wall clock. Called at the edges only; the core takes the time as an argument.
    pub fn now() -> Self {
        Self::from_millis(Utc::now().timestamp_millis())
    }

    /// Parses RFC 3339 and its variants in logs: a space for the `T`, no zone (UTC), a fraction of any length, or a
    /// number of seconds (milliseconds from 100,000,000,000 on) since the epoch.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if let Ok(number) = text.parse::<f64>() {
            let millis = if number.abs() >= 1e11 { number } else { number * 1000.0 };
            #[expect(clippy::cast_possible_truncation, reason = "the range is checked first")]
            return (0.0..END as f64).contains(&millis).then_some(Self(millis as i64));
        }
        // `isoformat() + "Z"` of a Python time that already has a zone.
        let text = text.strip_suffix('Z').filter(|rest| rest.ends_with("+00:00")).unwrap_or(text);
        let millis = DateTime::parse_from_rfc3339(text)
            .or_else(|_| DateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f%#z"))
            .or_else(|_| DateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f%#z"))
            .map(|t| t.timestamp_millis())
            .or_else(|_| {
                let text = text.trim_end_matches(['Z', 'z']).trim_end_matches(" UTC");
                NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f")
                    .or_else(|_| NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f"))
                    .or_else(|_| NaiveDateTime::parse_from_str(&format!("{text}T00:00:00"), "%Y-%m-%dT%H:%M:%S"))
                    .map(|t| t.and_utc().timestamp_millis())
            })
            .ok()?;
        (0..END).contains(&millis).then_some(Self(millis))
    }

    /// Returns the time since `earlier`; zero if this is not after it.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0 - earlier.0).unwrap_or(0))
    }

    /// Returns the time that is `length` later.
    #[must_use]
    pub fn plus(self, length: Duration) -> Self {
        Self::from_millis(self.0.saturating_add(millis_of(length)))
    }

    /// Returns the time that is `length` earlier, not before the epoch.
    #[must_use]
    pub fn minus(self, length: Duration) -> Self {
        Self::from_millis(self.0.saturating_sub(millis_of(length)))
    }

    /// Formats it for people, in UTC: `2026-01-31 23:59:59`.
    pub fn to_human(self) -> String {
        self.to_chrono().format("%Y-%m-%d %H:%M:%S").to_string()
    }

    /// Formats the hour that it lies in, in UTC, as [`parse_span`] reads it: `2026-01-31T23`.
    pub fn to_hour(self) -> String {
        self.to_chrono().format("%Y-%m-%dT%H").to_string()
    }

    fn to_chrono(self) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(self.0).unwrap_or(DateTime::UNIX_EPOCH)
    }
}

impl std::fmt::Display for Timestamp {
    /// Writes RFC 3339 in UTC, with milliseconds.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.to_chrono().to_rfc3339_opts(SecondsFormat::Millis, true))
    }
}

impl serde::Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

fn millis_of(length: Duration) -> i64 {
    i64::try_from(length.as_millis()).unwrap_or(i64::MAX)
}

/// Parses the name of a span of time in UTC: a day (`2026-01-31`), an hour (`2026-01-31T23`), a minute, a second, or a
/// point in time with its zone. Returns its first and its last millisecond.
pub fn parse_span(text: &str) -> Option<(Timestamp, Timestamp)> {
    let (rest, millis) = match text.len() {
        10 => ("T00:00:00", 86_400_000),
        13 => (":00:00", 3_600_000),
        16 => (":00", 60_000),
        19 => ("", 1_000),
        _ => ("", 1),
    };
    let is_dated = text.as_bytes().get(4) == Some(&b'-');
    let first = Timestamp::parse(&format!("{text}{rest}")).filter(|_| is_dated)?;
    Some((first, Timestamp::from_millis(first.millis() + millis - 1)))
}

/// Parses `90s`, `15m`, `2h`, `30d`, `1w`, `250ms`, or several of them in a row (`1h30m`).
pub fn parse_length(text: &str) -> Option<Duration> {
    let mut rest = text.trim();
    let mut total = 0f64;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest[..digits].parse().ok()?;
        let unit_end = rest[digits..].find(|c: char| c.is_ascii_digit()).map_or(rest.len(), |n| digits + n);
        let seconds = match &rest[digits..unit_end] {
            "ms" => 0.001,
            "s" => 1.0,
            "m" | "min" => 60.0,
            "h" => 3600.0,
            "d" => 86_400.0,
            "w" => 604_800.0,
            _ => return None,
        };
        total += number * seconds;
        rest = &rest[unit_end..];
    }
    Duration::try_from_secs_f64(total).ok().filter(|d| d.as_secs() < 100 * 365 * 86_400)
}

/// Formats the two largest units, for people: `3 d 4 h`, `2 h 5 min`, `12 s`, `250 ms`.
pub fn human_length(length: Duration) -> String {
    let seconds = length.as_secs();
    let (d, h, m, s) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    let pair = |a: u64, a_unit: &str, b: u64, b_unit: &str| {
        if b == 0 { format!("{a} {a_unit}") } else { format!("{a} {a_unit} {b} {b_unit}") }
    };
    match (d, h, m, s) {
        (1.., ..) => pair(d, "d", h, "h"),
        (_, 1.., ..) => pair(h, "h", m, "min"),
        (_, _, 1.., _) => pair(m, "min", s, "s"),
        (_, _, _, 1..) => format!("{s} s"),
        _ => format!("{} ms", length.subsec_millis()),
    }
}

/// Formats the largest unit alone, for tables: `3 d`, `12 s`.
pub fn brief_length(length: Duration) -> String {
    let words = human_length(length);
    words.split(' ').take(2).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_logs_write_them() {
        let want = "2026-01-01T00:00:01.500Z";
        for text in [
            "2026-01-01T00:00:01.5Z",
            "2026-01-01T00:00:01.500000",
            "2026-01-01 00:00:01.500",
            "2026-01-01 01:00:01.5+01:00",
            "2026-01-01T01:00:01.5+0100",
            "2026-01-01T00:00:01.500000+00:00Z",
            "1767225601.5",
            "1767225601500",
        ] {
            assert_eq!(Timestamp::parse(text).map(|t| t.to_string()).as_deref(), Some(want), "{text}");
        }
        for text in ["", "yesterday", "2026-13-01T00:00:00Z", "-5", "NaN", "1e300", "12026-01-01T00:00:00Z"] {
            assert_eq!(Timestamp::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_span_is_as_long_as_its_name_is_vague() {
        let span = |text| {
            parse_span(text).map(|(first, last)| (first.to_string(), last.since(first).as_millis() + 1)).unwrap()
        };
        let midnight = "2026-01-31T00:00:00.000Z".to_owned();
        assert_eq!(span("2026-01-31"), (midnight.clone(), 86_400_000));
        assert_eq!(span("2026-01-31T00"), (midnight.clone(), 3_600_000));
        assert_eq!(span("2026-01-31 00:00"), (midnight.clone(), 60_000));
        assert_eq!(span("2026-01-31T00:00:00"), (midnight.clone(), 1000));
        assert_eq!(span("2026-01-31T01:00:00+01:00"), (midnight.clone(), 1));
        assert_eq!(span(&parse_span("2026-01-31").unwrap().1.to_hour()).0, "2026-01-31T23:00:00.000Z");
        for text in ["", "2026", "2026-02-30", "2026-01-31T24", "1767225601", "1767225601.5", "yesterday"] {
            assert_eq!(parse_span(text), None, "{text}");
        }
    }

    #[test]
    fn lengths_are_read_and_written() {
        assert_eq!(parse_length("1h30m"), Some(Duration::from_mins(90)));
        assert_eq!(parse_length("250ms"), Some(Duration::from_millis(250)));
        assert_eq!(parse_length("30d").map(human_length).as_deref(), Some("30 d"));
        for text in ["", "h", "5", "5x", "-1h", "1h 2", "9999999999w"] {
            assert_eq!(parse_length(text), None, "{text}");
        }
    }
}
