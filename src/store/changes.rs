//! Changes of a store, told to whoever waits for them.

use tokio::sync::watch;

/// Tells when anyone changed the store, in this process or another. Several changes in a row may be told as one.
#[derive(Debug)]
pub struct Changes(watch::Receiver<()>);

impl Changes {
    /// The side that tells, and the side that waits.
    pub(super) fn channel() -> (watch::Sender<()>, Self) {
        let (sender, receiver) = watch::channel(());
        (sender, Self(receiver))
    }

    /// Waits for the next change; false once none can come any more.
    pub async fn next(&mut self) -> bool {
        self.0.changed().await.is_ok()
    }
}
