//! The clock and its floor: a clock that was set back must not make an expired key look alive.

use std::time::Duration;

use super::time::Timestamp;

/// Two clocks: the machine's, and the newest time that dlq itself ever wrote into the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Clock {
    /// The time on the machine's clock.
    pub wall: Timestamp,
    /// The newest time taken from it before, by captures, attempts or runs; never a producer's.
    pub newest: Timestamp,
}

/// A clock may be this much behind unnoticed: other processes read it a little earlier, and time servers step it.
const SLACK: Duration = Duration::from_mins(1);

impl Clock {
    /// Creates a clock without a past.
    #[cfg(test)]
    pub fn at(wall: Timestamp) -> Self {
        Self { wall, newest: wall }
    }

    /// Returns the later of both, up to which key windows are counted.
    pub fn latest(self) -> Timestamp {
        self.wall.max(self.newest)
    }

    /// Returns how far the clock is behind what the file has seen, if that is more than a minute.
    pub fn behind(self) -> Option<Duration> {
        Some(self.newest.since(self.wall)).filter(|behind| *behind > SLACK)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn promise_5_a_clock_that_was_set_back_is_noticed() {
        let at = |seconds: i64| Timestamp::from_millis(seconds * 1000);
        let clock = |wall, newest| Clock { wall: at(wall), newest: at(newest) };
        assert_eq!(clock(100, 50).latest(), at(100));
        assert_eq!(clock(50, 100).latest(), at(100));
        assert_eq!((clock(100, 50).behind(), clock(100, 160).behind()), (None, None));
        assert_eq!(clock(100, 161).behind(), Some(Duration::from_secs(61)));
    }
}
