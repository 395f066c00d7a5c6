//! Answers of a store that are on their way.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use tokio::sync::oneshot;

use super::{Result, StoreError};

/// An answer that is on its way: wait for it in a thread, or await it. A read whose reply is dropped is given up; what
/// was asked to be written is written all the same.
#[must_use = "a reply that nobody waits for hides its error"]
pub struct Reply<T>(oneshot::Receiver<Result<T>>, Option<Wanted>);

/// Says, until it is dropped, that someone waits for an answer.
struct Wanted(Arc<AtomicBool>);

impl Drop for Wanted {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

impl<T> Reply<T> {
    /// The side that answers, and the reply.
    pub(super) fn channel() -> (oneshot::Sender<Result<T>>, Self) {
        let (answer, reply) = oneshot::channel();
        (answer, Self(reply, None))
    }

    /// The same for an answer that is not worth its work once nobody waits for it; the flag is false then.
    pub(super) fn given_up_when_dropped() -> (oneshot::Sender<Result<T>>, Arc<AtomicBool>, Self) {
        let (answer, reply) = oneshot::channel();
        let wanted = Arc::new(AtomicBool::new(true));
        (answer, Arc::clone(&wanted), Self(reply, Some(Wanted(wanted))))
    }

    /// Waits. Must not be called where a tokio runtime runs: await it there.
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
