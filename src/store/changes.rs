//! Notifications of changes to a store.

use tokio::sync::watch;

/// Receiver of a notification whenever anyone changes the store, in this process or another.
/// Several changes in a row may arrive as one.
#[derive(Debug)]
pub struct Changes(watch::Receiver<()>);

impl Changes {
    /// Creates a channel: the notifying side and the waiting side.
    pub(super) fn channel() -> (watch::Sender<()>, Self) {
        let (sender, receiver) = watch::channel(());
        (sender, Self(receiver))
    }

    /// Waits for the next change; `false` once no more can come.
    pub async fn next(&mut self) -> bool {
        self.0.changed().await.is_ok()
    }
}
