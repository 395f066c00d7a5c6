//! The pace of a target: how many requests may be out, and when the next may leave. Pure: the clock comes in as an
//! argument, as the time since any fixed moment.
//!
//! Concurrency begins at 1, grows with every acceptance and halves on a 429, a 503 or silence (AIMD). A Retry-After, a
//! used-up quota and connections that fail close the whole target for a while.

use std::time::Duration;

use super::backoff::RateLimit;
use crate::domain::bucket::{Bucket, interval};

/// What the operator wants.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PaceSettings {
    /// Requests per second; fractions are fine, positive and finite.
    pub rate: Option<f64>,
    /// The most requests out at once.
    pub concurrency: usize,
}

impl Default for PaceSettings {
    fn default() -> Self {
        Self { rate: None, concurrency: 8 }
    }
}

/// Leave for one request. It is given back with what was heard.
#[derive(Debug)]
#[must_use = "the pace waits for what became of it"]
pub struct Permit {
    taken_at: Duration,
    /// The one request that shows whether connections can be made again.
    probe: bool,
}

/// The reason why no request may leave now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// Not before then.
    Until(Duration),
    /// Not before something changes: an answer comes, or someone resumes.
    Change,
}

/// What became of a request, as far as the pace goes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Signal {
    /// It was accepted.
    Accepted,
    /// It was answered otherwise; that says nothing about the pace.
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

/// The state of connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Circuit {
    /// They are made; so many failed in a row.
    Closed { failures: u32 },
    /// None is tried before `until`, then a single one.
    Open { until: Duration, failed_probes: u32, probe_out: bool },
}

/// The pace of a target.
#[derive(Debug)]
pub struct Pace {
    settings: PaceSettings,
    paused: bool,
    /// The unit of the circuit's waits: the target's backoff.
    unit: Duration,
    /// How many requests may be out.
    limit: f64,
    /// Where fast growth ends: where the last cut was made.
    threshold: f64,
    /// A request from before the last cut does not cut again.
    cut_at: Option<Duration>,
    out: usize,
    bucket: Bucket,
    /// Between two requests while the quota is nearly used up.
    room: Duration,
    opens_at: Duration,
    unavailable_in_a_row: u32,
    circuit: Circuit,
}

/// What the guide does when fewer requests than this are left.
const FEW_LEFT: f64 = 10.0;
const ROOM: Duration = Duration::from_millis(500);
/// How much an acceptance adds before the first trouble: each round of acceptances sends four times as many, so that 512 at
/// once are reached in six.
const SLOW_START: f64 = 3.0;
/// Connections that fail in a row before none is tried for a while.
const FAILURES_TO_OPEN: u32 = 5;
/// Single tries that fail before the run is given up.
const PROBES_TO_GIVE_UP: u32 = 3;

impl Pace {
    /// A pace that starts slowly. `unit` is what the circuit's waits double from.
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

    /// What the operator wants now.
    pub fn settings(&self) -> PaceSettings {
        self.settings
    }

    /// Changes it at once.
    pub fn set(&mut self, settings: PaceSettings) {
        self.settings = settings;
        self.limit = self.limit.min(settings.concurrency as f64);
    }

    /// Lets nothing leave, or lets it leave again.
    pub fn pause(&mut self, paused: bool) {
        self.paused = paused;
    }

    /// How many requests may be out at once.
    pub fn limit(&self) -> usize {
        #[expect(clippy::cast_possible_truncation, reason = "rounded down on purpose")]
        let limit = self.limit as usize;
        limit.clamp(1, self.settings.concurrency.max(1))
    }

    /// How many requests are out.
    pub fn out(&self) -> usize {
        self.out
    }

    /// Returns true if connections have failed so often that the run should be given up.
    pub fn is_unreachable(&self) -> bool {
        matches!(self.circuit, Circuit::Open { failed_probes, .. } if failed_probes >= PROBES_TO_GIVE_UP)
    }

    /// Returns true if connections fail, so that single writes are tried only.
    pub fn is_tripped(&self) -> bool {
        matches!(self.circuit, Circuit::Open { .. })
    }

    /// Asks to let a request leave.
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

    /// Takes a permit back and learns. Gives how long nothing may be sent to the target, if the API asked for that.
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
            // A Retry-After that asks for nothing does not hide a sane reset.
            Signal::Limited(asked) => asked.filter(|a| !a.is_zero()).or(limits.and_then(|l| l.reset)),
            // One 503 is the write's; two in a row are the target's.
            Signal::Unavailable(asked) if self.unavailable_in_a_row > 1 => asked,
            _ => None,
        };
        let quota = if signal == Signal::Nothing { None } else { self.heed(limits, now) };
        let length = asked.max(quota).filter(|length| !length.is_zero())?;
        self.close(now.saturating_add(length));
        Some(length)
    }

    /// The time between two requests.
    fn interval(&self) -> Duration {
        interval(self.settings.rate).max(self.room)
    }

    /// Lets nothing leave before `until`; another run may have heard that.
    pub fn close(&mut self, until: Duration) {
        self.opens_at = self.opens_at.max(until);
    }

    /// Halves, once for all that was out together.
    fn cut(&mut self, taken_at: Duration, now: Duration) {
        if self.cut_at.is_none_or(|cut_at| taken_at >= cut_at) {
            self.threshold = (self.limit / 2.0).max(1.0);
            self.limit = self.threshold;
            self.cut_at = Some(now);
        }
    }

    /// Makes room while the quota is nearly used up; gives how long to wait when it is.
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
            // It was not tried: the next one is the probe.
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
