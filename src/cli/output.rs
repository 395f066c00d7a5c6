//! Standard output: a closed pipe ends the command quietly, a full disk loudly.

use std::fs::OpenOptions;
use std::io::{self, BufRead as _, BufWriter, IsTerminal as _, Stdout, Write};
use std::time::Duration;

use super::args::Color;
use crate::domain::escape::terminal;
use crate::replay::ExitCode;

/// Buffered standard output. Once its reader is gone, the rest is dropped and the command goes on:
/// its exit code is about what it did.
pub(super) struct Out {
    stdout: BufWriter<Stdout>,
    closed: bool,
}

impl Out {
    pub(super) fn new() -> Self {
        Self { stdout: BufWriter::with_capacity(64 << 10, io::stdout()), closed: false }
    }

    /// Returns true once nobody reads the output, so that there is no point in finding more to
    /// print.
    pub(super) fn is_closed(&self) -> bool {
        self.closed
    }

    /// Writes a text and a line break.
    pub(super) fn line(&mut self, text: &str) -> io::Result<()> {
        self.text(text)?;
        self.text("\n")
    }

    /// Writes a text as it is.
    pub(super) fn text(&mut self, text: &str) -> io::Result<()> {
        let written = if self.closed { Ok(()) } else { self.stdout.write_all(text.as_bytes()) };
        self.heed(written)
    }

    pub(super) fn flush(&mut self) -> io::Result<()> {
        let flushed = if self.closed { Ok(()) } else { self.stdout.flush() };
        self.heed(flushed)
    }

    fn heed(&mut self, result: io::Result<()>) -> io::Result<()> {
        match result {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.closed = true;
                Ok(())
            }
            other => other.map_err(|e| explained(&e)),
        }
    }
}

/// Prints a line on stderr, if anyone still reads it. Unlike `eprintln!`, it never panics.
pub(super) fn note(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// Prints a text on stderr without a line break.
pub(super) fn ask(text: &str) {
    let _ = write!(io::stderr(), "{text}").and_then(|()| io::stderr().flush());
}

/// Ends the process in a moment unless it has ended by then: whoever asked it to stop may no longer
/// read its output, and so block it.
pub(super) fn end_soon(code: ExitCode) {
    const MOMENT: Duration = Duration::from_secs(2);
    std::thread::spawn(move || {
        std::thread::sleep(MOMENT);
        std::process::exit(code as i32);
    });
}

/// Prints a question on the terminal, even if stderr goes into a file.
pub(super) fn question(text: &str) {
    let terminal = if io::stderr().is_terminal() { None } else { OpenOptions::new().write(true).open("/dev/tty").ok() };
    match terminal {
        Some(mut terminal) => drop(write!(terminal, "{text}")),
        None => ask(text),
    }
}

/// Returns true if there is someone to ask.
pub(super) fn terminal_is_there() -> bool {
    io::stdin().is_terminal()
}

/// Reads the answer to a question, without surrounding whitespace.
pub(super) fn read_answer() -> io::Result<String> {
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(answer.trim().to_owned())
}

/// Returns true if an answer means yes.
pub(super) fn is_yes(answer: &str) -> bool {
    matches!(answer.to_ascii_lowercase().as_str(), "y" | "yes")
}

/// Makes clear that an error is about stdout: a full disk there must not look like a full disk
/// under the database.
fn explained(error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("stdout can't be written: {error} (what the command changed is kept)"))
}

/// Prints why a command, or a part of it, failed.
pub(super) fn tell_error(error: &anyhow::Error, color: Color) {
    let red = match color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none(),
    };
    let label = crate::render::style::Palette(red).bad("error:");
    let text = format!("{error:#}");
    let lines: Vec<_> = text.lines().map(terminal).collect();
    note(&format!("{label} {}", lines.join("\n")));
}
