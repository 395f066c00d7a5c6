//! Standard output: a closed pipe ends the command quietly, a full disk loudly.

use std::io::{self, BufWriter, Stdout, Write};

/// Standard output, buffered.
pub(super) struct Out(BufWriter<Stdout>);

impl Out {
    pub(super) fn new() -> Self {
        Self(BufWriter::with_capacity(64 << 10, io::stdout()))
    }

    /// A text and a line end.
    pub(super) fn line(&mut self, text: &str) -> io::Result<()> {
        self.text(text)?;
        self.text("\n")
    }

    /// A text as it is.
    pub(super) fn text(&mut self, text: &str) -> io::Result<()> {
        self.0.write_all(text.as_bytes()).map_err(|e| explained(&e))
    }

    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.0.flush().map_err(|e| explained(&e))
    }
}

/// A full disk under stdout must not look like a full disk under the database.
fn explained(error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("stdout can't be written: {error} (what the command changed is kept)"))
}

/// `1,234,567`.
pub(super) fn thousands(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (at, c) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

/// `1 write`, `2 writes`.
pub(super) fn writes(n: u64) -> String {
    format!("{} {}", thousands(n), if n == 1 { "write" } else { "writes" })
}
