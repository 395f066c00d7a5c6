//! Keyboard, mouse and resize input: a thread that waits for it, and can be kept from reading while
//! an editor does.

use std::sync::mpsc::Sender;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crossterm::event::{Event, KeyEvent, KeyEventKind, poll, read};

use super::Heard;
use super::replies::{Replies, Sorted};
use crate::tui::keymap::Chord;
use crate::tui::msg::Msg;

/// The input thread; it ends with the process.
pub(super) struct InputThread {
    turn: Arc<Turn>,
}

/// Turn-taking at the terminal between the input thread and whoever pauses it.
#[derive(Default)]
struct Turn {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    is_reading: bool,
    is_paused: bool,
}

/// Keeps the input thread from reading for as long as this lives.
pub(super) struct Pause(Arc<Turn>);

/// The longest that one poll blocks, and so the longest that a pause has to wait. crossterm waits for whole milliseconds, and
/// tries again and again through what is left of the last one: so little that the wait itself takes longer than that.
const LONGEST: Duration = Duration::from_micros(100_080);

impl InputThread {
    /// Starts the thread. `asks` is true if the terminal is asked for its background.
    pub(super) fn start(heard: Sender<Heard>, asks: bool) -> Self {
        let turn = Arc::new(Turn::default());
        let of_thread = Arc::clone(&turn);
        let mut replies = asks.then(|| Replies::asked(Instant::now()));
        std::thread::spawn(move || {
            loop {
                let event = of_thread.read(|| if poll(LONGEST)? { read().map(Some) } else { Ok(None) });
                let sent = match event {
                    Ok(Some(event)) => {
                        messages(event, replies.as_mut()).into_iter().try_for_each(|msg| heard.send(Heard::Msg(msg)))
                    }
                    Ok(None) => Ok(()),
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
        Self { turn }
    }

    /// Waits until a read that is under way is over, and keeps the input thread from reading again.
    pub(super) fn pause(&self) -> Pause {
        let mut state = self.turn.lock();
        state.is_paused = true;
        while state.is_reading {
            state = self.turn.wait(state);
        }
        Pause(Arc::clone(&self.turn))
    }
}

impl Turn {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        self.changed.wait(state).unwrap_or_else(PoisonError::into_inner)
    }

    /// Calls `read` as soon as input is not paused.
    fn read<T>(&self, read: impl FnOnce() -> T) -> T {
        let mut state = self.lock();
        while state.is_paused {
            state = self.wait(state);
        }
        state.is_reading = true;
        drop(state);
        let result = read();
        self.lock().is_reading = false;
        self.changed.notify_all();
        result
    }
}

impl Drop for Pause {
    fn drop(&mut self) {
        self.0.lock().is_paused = false;
        self.0.changed.notify_all();
    }
}

fn messages(event: Event, replies: Option<&mut Replies>) -> Vec<Msg> {
    let sort = |key| replies.map_or(Sorted::Keys(vec![key]), |replies| replies.sort(key, Instant::now()));
    match event {
        Event::Key(key) if key.kind != KeyEventKind::Release => match sort(key) {
            Sorted::Held => Vec::new(),
            Sorted::Keys(keys) => keys.into_iter().map(pressed).collect(),
            Sorted::Background(is_light) => is_light.map(Msg::Background).into_iter().collect(),
        },
        Event::Mouse(mouse) => vec![Msg::Mouse(mouse)],
        Event::Resize(width, height) => vec![Msg::Resize(width, height)],
        Event::Paste(text) => vec![Msg::Paste(text)],
        _ => Vec::new(),
    }
}

fn pressed(key: KeyEvent) -> Msg {
    let chord = Chord::of(key);
    #[cfg(debug_assertions)]
    panic_if_asked(chord);
    Msg::Key(chord)
}

/// Panics on the key that `DLQ_PANIC_KEY` names, in debug builds only: the tests make sure that a
/// panic restores the terminal.
#[cfg(debug_assertions)]
fn panic_if_asked(chord: Chord) {
    let asked = std::env::var("DLQ_PANIC_KEY").is_ok_and(|name| name == chord.to_string());
    assert!(!asked, "asked for by DLQ_PANIC_KEY");
}
