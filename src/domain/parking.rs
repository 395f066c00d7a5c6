//! Parking: a group that someone has dealt with for now stays out of the list until a time comes, or until it grows. It
//! hides the group from lists and alerts, and changes no selection.

use std::time::Duration;

use super::time::{Timestamp, parse_length};

/// How long to park a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Park {
    /// For this long.
    For(Duration),
    /// Until this time.
    Until(Timestamp),
    /// Until it has more writes than now.
    UntilItGrows,
    /// Not any longer.
    Not,
}

impl Park {
    /// Reads a length (`4h`, `2d`) or a time (`2026-01-31 09:00:00`, in UTC).
    pub fn parse(text: &str) -> Option<Self> {
        let time = || Timestamp::parse(text).or_else(|| Timestamp::parse(&format!("{text}:00")));
        parse_length(text).map(Self::For).or_else(|| time().map(Self::Until))
    }

    /// Returns the end of the parking of a group with this number of writes; `None` if it isn't to be parked.
    pub fn of(self, count: i64, now: Timestamp) -> Option<Parked> {
        match self {
            Self::For(length) => Some(Parked::Until(now.plus(length))),
            Self::Until(time) => Some(Parked::Until(time)),
            Self::UntilItGrows => Some(Parked::AtCount(count)),
            Self::Not => None,
        }
    }
}

/// The end of a group's parking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parked {
    /// It is parked until this time.
    Until(Timestamp),
    /// It is parked until it has more writes than this.
    AtCount(i64),
}

impl Parked {
    /// Returns true if a group with this number of writes is still parked.
    pub fn holds(self, count: i64, now: Timestamp) -> bool {
        match self {
            Self::Until(time) => now < time,
            Self::AtCount(parked) => count <= parked,
        }
    }
}

/// A group that is parked, or was until its parking ended by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parking {
    /// The end of its parking.
    pub parked: Parked,
    /// Number of its writes.
    pub count: i64,
}

impl Parking {
    /// Returns true if the group is still parked.
    pub fn holds(&self, now: Timestamp) -> bool {
        self.parked.holds(self.count, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_long_is_read_as_a_length_or_a_time() {
        assert_eq!(Park::parse("4h"), Some(Park::For(Duration::from_hours(4))));
        let nine = Timestamp::parse("2026-01-31T09:00:00Z").map(Park::Until);
        assert!(nine.is_some());
        assert_eq!(Park::parse("2026-01-31 09:00"), nine);
        assert_eq!(Park::parse("2026-01-31 09:00:00"), nine);
        for text in ["", "later", "9:00", "4"] {
            assert!(!matches!(Park::parse(text), Some(Park::For(_))), "{text}");
        }
        let now = Timestamp::from_millis(1_000);
        assert_eq!(Park::For(Duration::from_secs(1)).of(7, now), Some(Parked::Until(Timestamp::from_millis(2_000))));
        assert_eq!(Park::UntilItGrows.of(7, now), Some(Parked::AtCount(7)));
        assert_eq!(Park::Not.of(7, now), None);
    }

    #[test]
    fn a_group_is_parked_until_the_time_or_until_it_grows() {
        let at = Timestamp::from_millis;
        let until = Parked::Until(at(1_000));
        assert!(until.holds(5, at(999)) && until.holds(500, at(0)));
        assert!(!until.holds(5, at(1_000)), "the time has come");
        let grows = Parked::AtCount(5);
        assert!(grows.holds(5, at(9_999_999)) && grows.holds(3, at(0)));
        assert!(!grows.holds(6, at(0)), "it has grown");
    }
}
