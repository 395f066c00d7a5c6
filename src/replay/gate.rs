//! The gate that every request passes: the target's pace, on the real clock, shared by all that send there.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::backoff::RateLimit;
use super::pace::{Pace, PaceSettings, Permit, Signal, Wait};

/// The pace of a target in this process.
#[derive(Debug)]
pub(super) struct Gate {
    pace: Mutex<Pace>,
    began: Instant,
    changed: watch::Sender<()>,
    /// Until when people know that nothing is sent.
    told_until: Mutex<Duration>,
}

impl Gate {
    pub(super) fn new(settings: PaceSettings, unit: Duration) -> Self {
        Self {
            pace: Mutex::new(Pace::new(settings, unit)),
            began: Instant::now(),
            changed: watch::Sender::new(()),
            told_until: Mutex::default(),
        }
    }

    /// Asks to let a request leave now.
    pub(super) fn try_take(&self) -> Result<Permit, Wait> {
        self.pace().take(self.began.elapsed())
    }

    /// How many requests are out.
    pub(super) fn out(&self) -> usize {
        self.pace().out()
    }

    /// Sees every change from now on: an answer, a new pace.
    pub(super) fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// Waits until a request may leave; `None` if the run is stopped first.
    pub(super) async fn take(&self, stop: &CancellationToken) -> Option<Permit> {
        let mut changes = self.changes();
        loop {
            changes.mark_unchanged();
            if stop.is_cancelled() {
                return None;
            }
            let wait = match self.try_take() {
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

    /// Waits until the time that `wait` names; for ever if it names none.
    pub(super) async fn until(&self, wait: Option<Wait>) {
        match wait {
            Some(Wait::Until(until)) => tokio::time::sleep(until.saturating_sub(self.began.elapsed())).await,
            Some(Wait::Change) | None => std::future::pending().await,
        }
    }

    /// Gives a permit back with what was heard. Gives how long the API wants nothing to be sent.
    pub(super) fn learn(&self, permit: Permit, signal: Signal, limits: Option<RateLimit>) -> Option<Duration> {
        let asked = self.pace().learn(permit, signal, limits, self.began.elapsed());
        self.changed.send_replace(());
        asked
    }

    /// Returns true if people should be told that nothing is sent for so long: if it is long, and they don't know yet.
    pub(super) fn is_news(&self, length: Duration) -> bool {
        let until = self.began.elapsed().saturating_add(length);
        let mut told = self.told_until.lock().unwrap_or_else(PoisonError::into_inner);
        let news = length >= Duration::from_secs(1) && until > told.saturating_add(Duration::from_secs(1));
        if news {
            *told = until;
        }
        news
    }

    /// Lets nothing leave for so long: another run heard that.
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

    pub(super) fn settings(&self) -> PaceSettings {
        self.pace().settings()
    }

    /// Returns true if connections fail, so that single writes are tried only.
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
