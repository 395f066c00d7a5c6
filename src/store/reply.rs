//! Pending replies of a store.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use tokio::sync::oneshot;

use super::{Result, StoreError};

/// A pending reply: block on it in a thread, or await it. Dropping the reply to a read abandons the
/// read; a write is carried out regardless.
#[must_use = "a reply that nobody waits for hides its error"]
pub struct Reply<T>(oneshot::Receiver<Result<T>>, Option<Wanted>);

/// A flag that is set until this is dropped, while someone waits for an answer.
struct Wanted(Arc<AtomicBool>);

impl Drop for Wanted {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

impl<T> Reply<T> {
    /// Creates the answering side and the reply.
    pub(super) fn channel() -> (oneshot::Sender<Result<T>>, Self) {
        let (answer, reply) = oneshot::channel();
        (answer, Self(reply, None))
    }

    /// Does the same for an answer that is not worth computing once nobody waits for it; the flag
    /// is `false` then.
    pub(super) fn given_up_when_dropped() -> (oneshot::Sender<Result<T>>, Arc<AtomicBool>, Self) {
        let (answer, reply) = oneshot::channel();
        let wanted = Arc::new(AtomicBool::new(true));
        (answer, Arc::clone(&wanted), Self(reply, Some(Wanted(wanted))))
    }

    /// Blocks until the answer is there. Must not be called inside a tokio runtime: await the reply
    /// there.
    pub fn wait(self) -> Result<T> {
        let Self(answer, _wanted) = self;
        answer.blocking_recv().unwrap_or(Err(StoreError::Gone))
    }
}

impl<T> Future for Reply<T> {
    type Output = Result<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx).map(|answer| answer.unwrap_or(Err(StoreError::Gone)))
    }
}
