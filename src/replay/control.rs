//! Live control of a run: wishes from other terminals, read from the file.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::events::RunEvent;
use super::pace::PaceSettings;
use super::sending::Sender;
use super::transport::Transport;
use crate::domain::notice::Notice;
use crate::domain::run::{Wanted, Wish};

/// Interval at which a run checks for wishes.
const EVERY: Duration = Duration::from_millis(200);

/// Follows wishes until the run is stopped; `stopped_by` receives the name of whoever stops it.
pub(super) async fn heed_wishes<T: Transport>(sender: Arc<Sender<T>>, stopped_by: Arc<OnceLock<String>>) {
    let mut last: Option<Wish> = None;
    while !sender.stop.is_cancelled() {
        // A file that can't be read stops nothing here: the next claim will report it.
        if let Ok(Some(wish)) = sender.store.wish(sender.run).await
            && last.as_ref() != Some(&wish)
        {
            heed(&sender, &wish, last.as_ref(), &stopped_by);
            last = Some(wish);
        }
        let _ = sender.events.send(RunEvent::Paced(sender.gate.now()));
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            () = sender.stop.cancelled() => return,
        }
    }
}

fn heed<T: Transport>(sender: &Sender<T>, wish: &Wish, last: Option<&Wish>, stopped_by: &OnceLock<String>) {
    let by = &wish.operator;
    let notice = |notice| {
        let _ = sender.events.send(RunEvent::Notice(notice));
    };
    let started = sender.options.pace;
    let pace = PaceSettings {
        rate: wish.rate.map_or(started.rate, |rate| (rate > 0.0).then_some(rate)),
        concurrency: wish.concurrency.unwrap_or(started.concurrency),
    };
    if pace != sender.gate.settings() {
        sender.gate.set(pace);
        notice(Notice::PaceSet { by: by.clone(), rate: pace.rate, concurrency: pace.concurrency });
    }
    let wanted = last.map_or(Wanted::Go, |last| last.wanted);
    match wish.wanted {
        Wanted::Stop => {
            let _ = stopped_by.set(by.clone());
            sender.stop.cancel();
        }
        Wanted::Pause => {
            sender.gate.pause(true);
            if wanted != Wanted::Pause {
                notice(Notice::Paused { by: by.clone(), run: sender.run });
            }
        }
        Wanted::Go => {
            sender.gate.pause(false);
            if wanted == Wanted::Pause {
                notice(Notice::Resumed { by: by.clone() });
            }
        }
    }
}
