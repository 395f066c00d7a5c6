//! Keys, mouse and size: a thread that waits for them, and can be kept from reading while an editor does.

use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crossterm::event::{Event, KeyEventKind, poll, read};

use super::Heard;
use crate::tui::keymap::Chord;
use crate::tui::msg::Msg;

/// The thread; it ends with the process.
pub(super) struct InputThread {
    reading: Arc<Mutex<()>>,
}

/// The longest that a pause has to wait.
const TURN: Duration = Duration::from_millis(100);

impl InputThread {
    pub(super) fn start(heard: Sender<Heard>) -> Self {
        let reading = Arc::new(Mutex::new(()));
        let turn = Arc::clone(&reading);
        std::thread::spawn(move || {
            loop {
                let msg = {
                    let _turn = turn.lock().unwrap_or_else(PoisonError::into_inner);
                    match poll(TURN) {
                        Ok(true) => read().map(message),
                        Ok(false) => Ok(None),
                        Err(error) => Err(error),
                    }
                };
                let sent = match msg {
                    Ok(Some(msg)) => heard.send(Heard::Msg(msg)),
                    Ok(None) => {
                        // Whoever wants the terminal gets its turn.
                        std::thread::yield_now();
                        Ok(())
                    }
                    // The terminal is gone.
                    Err(_) => {
                        let _ = heard.send(Heard::Msg(Msg::Terminate));
                        return;
                    }
                };
                if sent.is_err() {
                    return;
                }
            }
        });
        Self { reading }
    }

    /// Nothing is read as long as the guard lives.
    pub(super) fn pause(&self) -> MutexGuard<'static, ()> {
        // The mutex lives as long as the process: the thread that shares it never ends before.
        let leaked: &'static Mutex<()> = Box::leak(Box::new(Arc::clone(&self.reading)));
        leaked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn message(event: Event) -> Option<Msg> {
    match event {
        Event::Key(key) if key.kind != KeyEventKind::Release => {
            let chord = Chord::of(key);
            #[cfg(debug_assertions)]
            panic_if_asked(chord);
            Some(Msg::Key(chord))
        }
        Event::Mouse(mouse) => Some(Msg::Mouse(mouse)),
        Event::Resize(width, height) => Some(Msg::Resize(width, height)),
        Event::Paste(text) => Some(Msg::Paste(text)),
        _ => None,
    }
}

/// Debug builds only: the tests make sure that a panic gives the terminal back.
#[cfg(debug_assertions)]
fn panic_if_asked(chord: Chord) {
    let asked = std::env::var("DLQ_PANIC_KEY").is_ok_and(|name| name == chord.to_string());
    assert!(!asked, "asked for by DLQ_PANIC_KEY");
}
