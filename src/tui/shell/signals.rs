//! Signals: requests to end, and the resumption after a stop.

use std::sync::mpsc::Sender;

use std::sync::atomic::{AtomicBool, Ordering};

use tokio::signal::unix::{SignalKind, signal};

use super::Heard;
use crate::tui::msg::Msg;

/// True while another program has the terminal.
pub(super) static TERMINAL_IS_LENT: AtomicBool = AtomicBool::new(false);

/// Turns SIGTERM, SIGHUP, SIGINT (a key in raw mode, but others may send it) and SIGCONT into
/// messages.
pub(super) async fn listen(heard: Sender<Heard>) {
    let go_on = SignalKind::from_raw(rustix::process::Signal::CONT.as_raw());
    let kinds = [SignalKind::terminate(), SignalKind::hangup(), SignalKind::interrupt(), go_on];
    let [Ok(mut terminate), Ok(mut hangup), Ok(mut interrupt), Ok(mut go_on)] = kinds.map(signal) else {
        // Without handlers the system ends the process, which loses nothing either.
        return;
    };
    loop {
        let msg = tokio::select! {
            _ = terminate.recv() => Msg::Terminate,
            _ = hangup.recv() => Msg::Terminate,
            // Ctrl-C in an editor is meant for the editor.
            _ = interrupt.recv() => if TERMINAL_IS_LENT.load(Ordering::Relaxed) { continue } else { Msg::Terminate },
            _ = go_on.recv() => Msg::Resumed,
        };
        if heard.send(Heard::Msg(msg)).is_err() {
            return;
        }
    }
}

/// Stops this process, as Ctrl-Z does; returns once it is resumed.
pub(super) fn stop_myself() -> std::io::Result<()> {
    Ok(rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::TSTP)?)
}
