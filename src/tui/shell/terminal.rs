//! The terminal's modes: entered, and always left again, even after a panic.

use std::io::{self, Stdout, Write};
use std::sync::{Mutex, Once, PoisonError};
use std::time::Duration;

use crossterm::event::{DisableBracketedPaste, DisableMouseCapture, EnableBracketedPaste, EnableMouseCapture};
use crossterm::terminal::{
    Clear, ClearType, EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use crossterm::{cursor, execute};
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::buffer::Buffer;

/// Held while the screen is drawn: a panic in another thread waits for it, and keeps it so that
/// nothing more is drawn.
static DRAWING: Mutex<()> = Mutex::new(());
/// Number of tries to get that lock in a panic, which may be one of the drawing itself.
const TRIES: u32 = 50;
/// Wait between two tries.
const BETWEEN: Duration = Duration::from_millis(2);

/// The screen, for as long as it is ours.
pub(super) struct Screen {
    terminal: Terminal<CrosstermBackend<Stdout>>,
}

impl Screen {
    /// Takes the terminal.
    pub(super) fn enter(mouse: bool) -> io::Result<Self> {
        restore_on_panic();
        take(mouse)?;
        let terminal = Terminal::new(CrosstermBackend::new(io::stdout())).inspect_err(|_| give_back())?;
        Ok(Self { terminal })
    }

    /// Returns the width and height.
    pub(super) fn size(&self) -> (u16, u16) {
        self.terminal.size().map_or((80, 24), |size| (size.width, size.height))
    }

    /// Draws a frame.
    pub(super) fn draw(&mut self, draw: impl FnOnce(&mut Buffer)) -> io::Result<()> {
        let _drawing = DRAWING.lock().unwrap_or_else(PoisonError::into_inner);
        self.terminal.draw(|frame| draw(frame.buffer_mut()))?;
        Ok(())
    }

    /// Leaves the terminal to another program for a while.
    pub(super) fn leave(&mut self) {
        turn_off(self.terminal.backend_mut());
    }

    /// Takes the terminal again and clears it, so that everything is drawn anew.
    pub(super) fn reenter(&mut self, mouse: bool) -> io::Result<()> {
        take(mouse)?;
        execute!(self.terminal.backend_mut(), Clear(ClearType::All))?;
        // A new one knows nothing of what was drawn. (`clear` would ask the terminal where its cursor is, and wait.)
        self.terminal = Terminal::new(CrosstermBackend::new(io::stdout()))?;
        Ok(())
    }

    /// Turns the mouse on or off.
    pub(super) fn set_mouse(&mut self, on: bool) -> io::Result<()> {
        let out = self.terminal.backend_mut();
        if on { execute!(out, EnableMouseCapture) } else { execute!(out, DisableMouseCapture) }
    }

    /// Writes bytes for the terminal itself to interpret.
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let out = self.terminal.backend_mut();
        out.write_all(bytes)?;
        std::io::Write::flush(out)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        give_back();
    }
}

fn take(mouse: bool) -> io::Result<()> {
    enable_raw_mode()?;
    execute!(io::stdout(), EnterAlternateScreen, EnableBracketedPaste, cursor::Hide)?;
    if mouse { execute!(io::stdout(), EnableMouseCapture) } else { Ok(()) }
}

/// Restores the terminal, whoever has it.
fn give_back() {
    turn_off(&mut io::stdout());
}

/// Leaves every mode. Errors are ignored: the terminal may be gone.
fn turn_off(out: &mut impl Write) {
    let _ = execute!(out, DisableMouseCapture, DisableBracketedPaste, LeaveAlternateScreen, cursor::Show);
    let _ = disable_raw_mode();
}

/// Installs a panic hook: a panic in any thread restores the terminal, says what happened where it
/// can be read, and ends the process. For the file that is the same as `kill -9`, which loses
/// nothing.
fn restore_on_panic() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let tell = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let _drawing = (0..TRIES).find_map(|_| {
                let held = DRAWING.try_lock().ok();
                if held.is_none() {
                    std::thread::sleep(BETWEEN);
                }
                held
            });
            give_back();
            tell(panic);
            std::process::exit(101);
        }));
    });
}
