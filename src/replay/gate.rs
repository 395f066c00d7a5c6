//! The gate that every request passes: a target's pace on the real clock, shared by everything that
//! sends there.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::backoff::RateLimit;
use super::events::PaceNow;
use super::pace::{Pace, PaceSettings, Permit, Signal, Wait};

/// The pace of a target in this process.
#[derive(Debug)]
pub(super) struct Gate {
    pace: Mutex<Pace>,
    /// Slots held without a request in flight: their writes wait for the next attempt, or have yet
    /// to be settled.
    kept: AtomicUsize,
    began: Instant,
    changed: watch::Sender<()>,
    /// Time since `began` until which the operator already knows that nothing is sent.
    told_until: Mutex<Duration>,
}

impl Gate {
    pub(super) fn new(settings: PaceSettings, unit: Duration) -> Self {
        Self {
            pace: Mutex::new(Pace::new(settings, unit)),
            kept: AtomicUsize::new(0),
            began: Instant::now(),
            changed: watch::Sender::new(()),
            told_until: Mutex::default(),
        }
    }

    /// Takes a slot with a permit for one request, or returns what it has to wait for.
    pub(super) fn try_slot(self: &Arc<Self>) -> Result<Slot, Wait> {
        let mut pace = self.pace();
        if pace.out() + self.kept.load(Ordering::Relaxed) >= pace.settings().concurrency {
            return Err(Wait::Change);
        }
        let leave = pace.take(self.began.elapsed())?;
        drop(pace);
        Ok(Slot { gate: Arc::clone(self), holds: Holds::Leave(leave) })
    }

    /// Subscribes to changes from now on: an answer, a new pace.
    pub(super) fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// Waits until a request may be sent; returns `None` if the run is stopped first.
    async fn take(&self, stop: &CancellationToken) -> Option<Permit> {
        let mut changes = self.changes();
        loop {
            changes.mark_unchanged();
            if stop.is_cancelled() {
                return None;
            }
            let taken = self.pace().take(self.began.elapsed());
            let wait = match taken {
                Ok(permit) => return Some(permit),
                Err(wait) => wait,
            };
            tokio::select! {
                _ = changes.changed() => {}
                () = self.until(Some(wait)) => {}
                () = stop.cancelled() => return None,
            }
        }
    }

    /// Waits until the time that `wait` names, or forever if it names none.
    pub(super) async fn until(&self, wait: Option<Wait>) {
        match wait {
            Some(Wait::Until(until)) => tokio::time::sleep(until.saturating_sub(self.began.elapsed())).await,
            Some(Wait::Change) | None => std::future::pending().await,
        }
    }

    /// Takes back a permit with the result of its request. Returns the time for which the API wants
    /// nothing to be sent, if it asked for that.
    fn learn(&self, permit: Permit, signal: Signal, limits: Option<RateLimit>) -> Option<Duration> {
        let asked = self.pace().learn(permit, signal, limits, self.began.elapsed());
        self.changed.send_replace(());
        asked
    }

    /// Returns true if the operator should be told that nothing is sent for this long: at least a
    /// second, and not announced yet.
    pub(super) fn is_news(&self, length: Duration) -> bool {
        let until = self.began.elapsed().saturating_add(length);
        let mut told = self.told_until.lock().unwrap_or_else(PoisonError::into_inner);
        let news = length >= Duration::from_secs(1) && until > told.saturating_add(Duration::from_secs(1));
        if news {
            *told = until;
        }
        news
    }

    /// Holds all requests for this long: the file says that the target is closed.
    pub(super) fn close_for(&self, length: Duration) {
        let until = self.began.elapsed().saturating_add(length);
        self.pace().close(until);
    }

    pub(super) fn set(&self, settings: PaceSettings) {
        self.pace().set(settings);
        self.changed.send_replace(());
    }

    pub(super) fn pause(&self, paused: bool) {
        self.pace().pause(paused);
        self.changed.send_replace(());
    }

    /// Returns the pace at this moment.
    pub(super) fn now(&self) -> PaceNow {
        let pace = self.pace();
        PaceNow { in_flight: pace.out(), limit: pace.limit(), closed_for: pace.closed_for(self.began.elapsed()) }
    }

    pub(super) fn settings(&self) -> PaceSettings {
        self.pace().settings()
    }

    /// Returns true if connections are failing, so that only one write at a time is tried.
    pub(super) fn is_tripped(&self) -> bool {
        self.pace().is_tripped()
    }

    pub(super) fn is_unreachable(&self) -> bool {
        self.pace().is_unreachable()
    }

    fn pace(&self) -> MutexGuard<'_, Pace> {
        self.pace.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place among the requests that may be in flight at once, held from a write's first request to
/// its end and released on drop.
#[derive(Debug)]
pub(super) struct Slot {
    gate: Arc<Gate>,
    holds: Holds,
}

#[derive(Debug)]
enum Holds {
    /// A permit for one request.
    Leave(Permit),
    /// The place alone: no request is in flight, and no other write may take it.
    Place,
    /// Nothing: the place is free again.
    Nothing,
}

impl Slot {
    /// Takes in the result of the slot's request. An acceptance frees the place; after anything
    /// else it stays taken until the breakers know. Returns the time for which the API wants
    /// nothing to be sent, if it asked for that.
    pub(super) fn heard(&mut self, signal: Signal, limits: Option<RateLimit>) -> Option<Duration> {
        let next = if signal == Signal::Accepted { Holds::Nothing } else { Holds::Place };
        if matches!(next, Holds::Place) {
            self.gate.kept.fetch_add(1, Ordering::Relaxed);
        }
        match std::mem::replace(&mut self.holds, next) {
            Holds::Leave(permit) => self.gate.learn(permit, signal, limits),
            Holds::Place => {
                self.gate.kept.fetch_sub(1, Ordering::Relaxed);
                None
            }
            Holds::Nothing => None,
        }
    }

    /// Keeps the place and returns the permit: no request was made.
    pub(super) fn rest(&mut self) {
        self.heard(Signal::Nothing, None);
    }

    /// Waits for a permit for the next request; returns false if the run is stopped first.
    pub(super) async fn leave_again(&mut self, stop: &CancellationToken) -> bool {
        let Some(permit) = self.gate.take(stop).await else { return false };
        if matches!(std::mem::replace(&mut self.holds, Holds::Leave(permit)), Holds::Place) {
            self.gate.kept.fetch_sub(1, Ordering::Relaxed);
        }
        true
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        match std::mem::replace(&mut self.holds, Holds::Nothing) {
            Holds::Leave(permit) => drop(self.gate.learn(permit, Signal::Nothing, None)),
            Holds::Place => {
                self.gate.kept.fetch_sub(1, Ordering::Relaxed);
                self.gate.changed.send_replace(());
            }
            Holds::Nothing => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gate(concurrency: usize) -> Arc<Gate> {
        Arc::new(Gate::new(PaceSettings { rate: None, concurrency }, Duration::from_secs(1)))
    }

    fn is_full(gate: &Arc<Gate>) -> bool {
        gate.try_slot().is_err()
    }

    #[test]
    fn a_slot_gives_itself_back() {
        let gate = gate(1);
        let slot = gate.try_slot().unwrap();
        assert!(is_full(&gate));
        // Whatever drops it: an error, a stop, a task that was aborted.
        drop(slot);
        assert!(!is_full(&gate));
        for signal in [Signal::Answered, Signal::Silence, Signal::NotSent] {
            let mut slot = gate.try_slot().unwrap();
            slot.heard(signal, None);
            assert!(is_full(&gate), "{signal:?}: nothing takes its place before it is over");
            drop(slot);
            assert!(!is_full(&gate), "{signal:?}");
        }
        let mut accepted = gate.try_slot().unwrap();
        accepted.heard(Signal::Accepted, None);
        assert!(!is_full(&gate), "an acceptance frees its place at once");
        drop(accepted);
        assert_eq!((gate.pace().out(), gate.kept.load(Ordering::Relaxed)), (0, 0));
    }

    #[tokio::test]
    async fn a_slot_keeps_its_place_between_two_attempts() {
        let (gate, stop) = (gate(1), CancellationToken::new());
        let mut slot = gate.try_slot().unwrap();
        slot.rest();
        assert!(is_full(&gate));
        assert!(slot.leave_again(&stop).await);
        assert!(is_full(&gate));
        slot.heard(Signal::Answered, None);
        stop.cancel();
        assert!(!slot.leave_again(&stop).await, "a stopped run sends nothing more");
        drop(slot);
        assert_eq!((gate.pace().out(), gate.kept.load(Ordering::Relaxed)), (0, 0));
    }
}
