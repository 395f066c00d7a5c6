//! A token bucket that holds one token: at most one request per interval, however long nothing was sent before.

use std::time::Duration;

/// Timers wake up late by about this much, which must not lower the rate.
const GRAIN: Duration = Duration::from_millis(2);

/// A bucket. The clock is the choice of its user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Bucket {
    /// The time when the next token is ready.
    next: Duration,
}

impl Bucket {
    /// Creates a bucket whose next token is ready at `next`.
    pub fn due(next: Duration) -> Self {
        Self { next }
    }

    /// Returns the time when the next token is ready.
    pub fn next(&self) -> Duration {
        self.next
    }

    /// Takes the token; an error is the time of the next one. A next token further away than the interval (the rate was
    /// raised, or the clock set back) is moved closer.
    pub fn take(&mut self, now: Duration, interval: Duration) -> Result<(), Duration> {
        let next = self.next.min(now.saturating_add(interval));
        if next > now {
            self.next = next;
            return Err(next);
        }
        let earliest = now.saturating_sub(GRAIN);
        self.next = next.max(earliest).saturating_add(interval);
        Ok(())
    }

    /// Puts back a token that was not used.
    pub fn put_back(&mut self, interval: Duration) {
        self.next = self.next.saturating_sub(interval);
    }

    /// Delays the next token to `until` or later.
    pub fn delay(&mut self, until: Duration) {
        self.next = self.next.max(until);
    }
}

/// Returns the time between two tokens at `rate` per second; zero for no limit. A rate is positive and finite.
pub fn interval(rate: Option<f64>) -> Duration {
    rate.map_or(Duration::ZERO, |rate| Duration::try_from_secs_f64(1.0 / rate).unwrap_or(Duration::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds)
    }

    #[test]
    fn promise_9_the_bucket_holds_one() {
        let mut bucket = Bucket::default();
        let every = interval(Some(0.5));
        assert_eq!(bucket.take(at(1000.0), every), Ok(()), "one, however long it was idle");
        assert_eq!(bucket.take(at(1000.1), every), Err(at(1001.998)));
        assert_eq!(bucket.take(at(1002.0), every), Ok(()));
        assert_eq!(bucket.take(at(1003.9), every), Err(at(1003.998)));
    }

    #[test]
    fn a_token_that_was_not_used_is_there_again() {
        let (mut bucket, every) = (Bucket::default(), interval(Some(1.0)));
        assert_eq!(bucket.take(at(10.0), every), Ok(()));
        bucket.put_back(every);
        assert_eq!(bucket.take(at(10.0), every), Ok(()));
        assert!(bucket.take(at(10.1), every).is_err());
    }

    #[test]
    fn late_timers_do_not_lower_the_rate() {
        let mut bucket = Bucket::due(at(1.0));
        let (every, mut now, mut sent) = (interval(Some(2000.0)), at(1.0), 0);
        while now < at(2.0) {
            // Woken only once per millisecond.
            while bucket.take(now, every).is_ok() {
                sent += 1;
            }
            now += Duration::from_millis(1);
        }
        assert!((1995..=2010).contains(&sent), "{sent}");
    }

    #[test]
    fn a_raised_rate_and_a_clock_set_back_are_followed_at_once() {
        let mut bucket = Bucket::due(at(5000.0));
        assert_eq!(bucket.take(at(10.0), interval(Some(10.0))), Err(at(10.1)));
        assert_eq!(bucket.take(at(10.0), interval(None)), Ok(()));
    }

    #[test]
    fn extreme_rates_do_not_overflow() {
        assert_eq!(interval(Some(1e-300)), Duration::MAX);
        let mut bucket = Bucket::default();
        assert_eq!(bucket.take(at(1.0), Duration::MAX), Ok(()));
        assert!(bucket.take(at(2.0), Duration::MAX).is_err());
    }
}
