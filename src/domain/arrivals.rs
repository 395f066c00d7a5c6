//! Arrivals: how many writes of each group failed in each hour, and the span of time that shows them best.

use std::time::Duration;

use super::failure_type::FailureType;
use super::ids::GroupId;
use super::time::Timestamp;

/// The writes of one group that failed within one bar of a span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrivals {
    /// The bar, counted from 0.
    pub bar: usize,
    /// The group's ID.
    pub group: GroupId,
    /// The group's failure type.
    pub failure_type: FailureType,
    /// Number of writes.
    pub count: u64,
}

/// A span of time, divided into [`Span::BARS`] bars.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Its first hour, counted from 1970 (UTC).
    pub from: i64,
    /// Hours of each bar.
    pub step: i64,
}

impl Span {
    /// Number of bars.
    pub const BARS: usize = 24;
    /// Hours of a bar: a day, three days, a week, four weeks or a year in all.
    const STEPS: [i64; 5] = [1, 3, 7, 28, 365];

    /// Returns the last day, up to and with this hour.
    pub fn day(now: i64) -> Self {
        Self::ending(now, 1)
    }

    fn ending(hour: i64, step: i64) -> Self {
        Self { from: hour + 1 - Self::BARS as i64 * step, step }
    }

    /// Returns the shortest span that has nine tenths of the failures. It ends now, unless the last one is over a day old.
    /// `hours` are hours with their numbers of failures.
    pub fn fitting(hours: &[(i64, u64)], now: i64) -> Self {
        let Some(last) = hours.iter().filter(|(_, n)| *n > 0).map(|(hour, _)| (*hour).min(now)).max() else {
            return Self::day(now);
        };
        let end = if now - last < Self::BARS as i64 { now } else { last };
        let all: u64 = hours.iter().map(|(_, n)| n).sum();
        let has_most = |span: &Self| {
            let within: u64 =
                hours.iter().filter(|(hour, _)| span.bar((*hour).min(now)).is_some()).map(|(_, n)| n).sum();
            within * 10 >= all * 9
        };
        let spans = Self::STEPS.map(|step| Self::ending(end, step));
        spans.into_iter().find(has_most).unwrap_or(spans[Self::STEPS.len() - 1])
    }

    /// Returns the bar of an hour; `None` if it is outside.
    pub fn bar(self, hour: i64) -> Option<usize> {
        usize::try_from((hour - self.from).div_euclid(self.step)).ok().filter(|bar| *bar < Self::BARS)
    }

    /// Returns the start of a bar, and the end of the one before.
    pub fn start(self, bar: usize) -> Timestamp {
        let hours = self.from + self.step * bar as i64;
        Timestamp::EPOCH.plus(HOUR.saturating_mul(u32::try_from(hours).unwrap_or(0)))
    }

    /// Returns its length.
    pub fn length(self) -> Duration {
        HOUR.saturating_mul(u32::try_from(self.step * Self::BARS as i64).unwrap_or(u32::MAX))
    }
}

const HOUR: Duration = Duration::from_hours(1);

/// Returns the hour that a time lies in, counted from 1970.
pub fn hour_of(time: Timestamp) -> i64 {
    time.since(Timestamp::EPOCH).as_secs().cast_signed() / HOUR.as_secs().cast_signed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_fits_what_failed() {
        assert_eq!(Span::fitting(&[], 1000), Span { from: 977, step: 1 });
        assert_eq!(Span::fitting(&[(999, 5), (990, 5)], 1000), Span::day(1000));
        // A backlog of long ago, within a day.
        assert_eq!(Span::fitting(&[(100, 5), (110, 5)], 9000), Span { from: 87, step: 1 });
        // A few stragglers don't stretch it; a fifth does.
        assert_eq!(Span::fitting(&[(500, 5), (1000, 95)], 1000).step, 1);
        assert_eq!(Span::fitting(&[(960, 20), (1000, 80)], 1000).step, 3);
        assert_eq!(Span::fitting(&[(0, 50), (100_000, 50)], 100_000).step, 365, "the longest there is");
        // A failure of the future counts as now.
        assert_eq!(Span::fitting(&[(5000, 5)], 1000).from, 977);
        let span = Span { from: 977, step: 1 };
        assert_eq!((span.bar(976), span.bar(977), span.bar(1000), span.bar(1001)), (None, Some(0), Some(23), None));
        assert_eq!(span.length(), Duration::from_hours(24));
        assert_eq!(hour_of(span.start(23)), 1000);
    }
}
