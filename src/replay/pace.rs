//! The pace of a target: how many requests may be in flight, and when the next one may be sent.
//! Pure: the clock is an argument, as the time since any fixed moment.
//!
//! Concurrency starts at 1, grows with every acceptance and halves on a 429, a 503 or silence
//! (AIMD). A Retry-After, a used-up quota and failing connections close the whole target for a
//! while.

use std::time::Duration;

use super::backoff::RateLimit;
use crate::domain::bucket::{Bucket, interval};

/// The pace that the operator has set.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PaceSettings {
    /// Requests per second, positive and finite, possibly fractional; `None` for no limit.
    pub rate: Option<f64>,
    /// The most requests in flight at once.
    pub concurrency: usize,
}

impl Default for PaceSettings {
    fn default() -> Self {
        Self { rate: None, concurrency: 8 }
    }
}

/// Permission for one request, returned with the result of the request.
#[derive(Debug)]
#[must_use = "the pace waits for what became of it"]
pub struct Permit {
    taken_at: Duration,
    /// True for the one request that tests whether connections can be made again.
    probe: bool,
}

/// The reason why no request may be sent now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// Not before this time.
    Until(Duration),
    /// Not before something changes: an answer comes, or someone resumes.
    Change,
}

/// The result of a request, as far as it concerns the pace.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Signal {
    /// It was accepted.
    Accepted,
    /// It got another answer, which says nothing about the pace.
    Answered,
    /// 429, with its Retry-After.
    Limited(Option<Duration>),
    /// 503, with its Retry-After.
    Unavailable(Option<Duration>),
    /// It was sent, and no answer came.
    Silence,
    /// The connection could not be made.
    NotSent,
    /// No request was made after all.
    Nothing,
}

/// State of the connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Circuit {
    /// They are made; the last `failures` in a row could not be.
    Closed { failures: u32 },
    /// None is tried before `until`, and then a single one as a probe.
    Open { until: Duration, failed_probes: u32, probe_out: bool },
}

/// The pace of a target.
#[derive(Debug)]
pub struct Pace {
    settings: PaceSettings,
    paused: bool,
    /// The unit of the circuit's waits: the target's backoff.
    unit: Duration,
    /// Number of requests that may be in flight, with the fraction that has grown so far.
    limit: f64,
    /// The limit at which fast growth ends, set by the last cut.
    threshold: f64,
    /// Time of the last cut; requests sent before it do not cut again.
    cut_at: Option<Duration>,
    out: usize,
    bucket: Bucket,
    /// Minimum time between two requests while the quota is nearly used up.
    room: Duration,
    opens_at: Duration,
    unavailable_in_a_row: u32,
    circuit: Circuit,
}

/// Remaining requests below which the guide spaces requests out.
const FEW_LEFT: f64 = 10.0;
/// Minimum time between two requests then.
const ROOM: Duration = Duration::from_millis(500);
/// Growth of the limit per acceptance until the first cut: each round of acceptances quadruples the
/// limit, so that the sixth round can send 512 at once.
const SLOW_START: f64 = 3.0;
/// Number of failed connections in a row after which none is tried for a while.
const FAILURES_TO_OPEN: u32 = 5;
/// Number of failed probes after which the run is given up.
const PROBES_TO_GIVE_UP: u32 = 3;

impl Pace {
    /// Creates a pace that starts slowly. The circuit's waits double from `unit`.
    pub fn new(settings: PaceSettings, unit: Duration) -> Self {
        Self {
            settings,
            paused: false,
            unit,
            limit: 1.0,
            threshold: f64::INFINITY,
            cut_at: None,
            out: 0,
            bucket: Bucket::default(),
            room: Duration::ZERO,
            opens_at: Duration::ZERO,
            unavailable_in_a_row: 0,
            circuit: Circuit::Closed { failures: 0 },
        }
    }

    /// Returns the current settings.
    pub fn settings(&self) -> PaceSettings {
        self.settings
    }

    /// Changes the settings, with immediate effect.
    pub fn set(&mut self, settings: PaceSettings) {
        self.settings = settings;
        self.limit = self.limit.min(settings.concurrency as f64);
    }

    /// Holds all requests, or lets them go again.
    pub fn pause(&mut self, paused: bool) {
        self.paused = paused;
    }

    /// Returns the number of requests that may be in flight at once.
    pub fn limit(&self) -> usize {
        #[expect(clippy::cast_possible_truncation, reason = "rounded down on purpose")]
        let limit = self.limit as usize;
        limit.clamp(1, self.settings.concurrency.max(1))
    }

    /// Returns the number of requests in flight.
    pub fn out(&self) -> usize {
        self.out
    }

    /// Returns the time until requests may be sent again; zero if they may.
    pub fn closed_for(&self, now: Duration) -> Duration {
        let until = match self.circuit {
            Circuit::Open { until, .. } => until.max(self.opens_at),
            Circuit::Closed { .. } => self.opens_at,
        };
        until.saturating_sub(now)
    }

    /// Returns true if connections have failed so often that the run should be given up.
    pub fn is_unreachable(&self) -> bool {
        matches!(self.circuit, Circuit::Open { failed_probes, .. } if failed_probes >= PROBES_TO_GIVE_UP)
    }

    /// Returns true if connections are failing, so that only one write at a time is tried.
    pub fn is_tripped(&self) -> bool {
        matches!(self.circuit, Circuit::Open { .. })
    }

    /// Takes a permit for a request, or returns what it has to wait for.
    pub fn take(&mut self, now: Duration) -> Result<Permit, Wait> {
        if self.paused || self.out >= self.limit() {
            return Err(Wait::Change);
        }
        if self.opens_at > now {
            return Err(Wait::Until(self.opens_at));
        }
        match self.circuit {
            Circuit::Open { until, .. } if until > now => return Err(Wait::Until(until)),
            Circuit::Open { probe_out: true, .. } => return Err(Wait::Change),
            _ => {}
        }
        self.bucket.take(now, self.interval()).map_err(Wait::Until)?;
        self.out += 1;
        let mut probe = false;
        if let Circuit::Open { probe_out, .. } = &mut self.circuit {
            (*probe_out, probe) = (true, true);
        }
        Ok(Permit { taken_at: now, probe })
    }

    /// Takes back a permit with the result of its request. Returns the time for which nothing may
    /// be sent to the target, if the API asked for that.
    #[expect(clippy::needless_pass_by_value, reason = "a permit is given back once")]
    pub fn learn(
        &mut self,
        permit: Permit,
        signal: Signal,
        limits: Option<RateLimit>,
        now: Duration,
    ) -> Option<Duration> {
        let Permit { taken_at, probe } = permit;
        self.out = self.out.saturating_sub(1);
        self.circuit = self.circuit_after(probe, signal, now);
        match signal {
            Signal::Accepted => {
                let growth = if self.limit < self.threshold { SLOW_START } else { 1.0 / self.limit };
                self.limit = (self.limit + growth).min(self.settings.concurrency as f64);
            }
            Signal::Limited(_) | Signal::Unavailable(_) | Signal::Silence => self.cut(taken_at, now),
            Signal::Answered | Signal::NotSent | Signal::Nothing => {}
        }
        if signal == Signal::Nothing {
            self.bucket.put_back(self.interval());
        } else if signal != Signal::NotSent {
            self.unavailable_in_a_row =
                if matches!(signal, Signal::Unavailable(_)) { self.unavailable_in_a_row + 1 } else { 0 };
        }
        let asked = match signal {
            // A Retry-After of zero does not hide a plausible reset.
            Signal::Limited(asked) => asked.filter(|a| !a.is_zero()).or(limits.and_then(|l| l.reset)),
            // One 503 may be about the write; two in a row are about the target.
            Signal::Unavailable(asked) if self.unavailable_in_a_row > 1 => asked,
            _ => None,
        };
        let quota = if signal == Signal::Nothing { None } else { self.heed(limits, now) };
        let length = asked.max(quota).filter(|length| !length.is_zero())?;
        self.close(now.saturating_add(length));
        Some(length)
    }

    /// Returns the minimum time between two requests.
    fn interval(&self) -> Duration {
        interval(self.settings.rate).max(self.room)
    }

    /// Holds all requests until `until`, which may come from another run.
    pub fn close(&mut self, until: Duration) {
        self.opens_at = self.opens_at.max(until);
    }

    /// Halves the limit, once for all requests that were in flight together.
    fn cut(&mut self, taken_at: Duration, now: Duration) {
        if self.cut_at.is_none_or(|cut_at| taken_at >= cut_at) {
            self.threshold = (self.limit / 2.0).max(1.0);
            self.limit = self.threshold;
            self.cut_at = Some(now);
        }
    }

    /// Spaces requests out while the quota is nearly used up; returns the time until its reset once
    /// it is.
    fn heed(&mut self, limits: Option<RateLimit>, now: Duration) -> Option<Duration> {
        let few = limits.filter(|l| l.remaining < FEW_LEFT);
        self.room = if few.is_some() { ROOM } else { Duration::ZERO };
        let few = few?;
        self.bucket.delay(now.saturating_add(ROOM));
        few.reset.filter(|_| few.remaining < 1.0)
    }

    fn circuit_after(&self, probe: bool, signal: Signal, now: Duration) -> Circuit {
        let wait = |failed: u32| now.saturating_add(self.unit.saturating_mul(1 << failed.min(5)));
        match (self.circuit, signal) {
            // The probe was not sent: the next request takes its place.
            (Circuit::Open { until, failed_probes, .. }, Signal::Nothing) if probe => {
                Circuit::Open { until, failed_probes, probe_out: false }
            }
            (circuit, Signal::Nothing) => circuit,
            (Circuit::Closed { failures }, Signal::NotSent) if failures + 1 < FAILURES_TO_OPEN => {
                Circuit::Closed { failures: failures + 1 }
            }
            (Circuit::Closed { .. }, Signal::NotSent) => {
                Circuit::Open { until: wait(0), failed_probes: 0, probe_out: false }
            }
            (Circuit::Open { failed_probes, .. }, Signal::NotSent) if probe => {
                Circuit::Open { until: wait(failed_probes + 1), failed_probes: failed_probes + 1, probe_out: false }
            }
            (open @ Circuit::Open { .. }, Signal::NotSent) => open,
            (_, _) => Circuit::Closed { failures: 0 },
        }
    }
}

#[cfg(test)]
#[path = "pace_tests.rs"]
mod tests;
