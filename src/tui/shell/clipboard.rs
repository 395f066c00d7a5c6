//! The clipboard: the terminal's own (OSC 52, which also works over ssh), and the system's where there is one.

use std::io::Write as _;
use std::process::{Command, Stdio};

use base64::Engine as _;

use super::terminal::Screen;

/// The most bytes of Base64 that terminals take in one sequence.
const MOST: usize = 74_000;

/// Copies a text to the clipboard. Returns a message that says what was done.
pub(super) fn copy(screen: &mut Screen, what: &str, text: &str, tokens: &[String]) -> Result<String, String> {
    let encoded = base64::engine::general_purpose::STANDARD.encode(text);
    let fits = encoded.len() <= MOST;
    if fits {
        let sequence = format!("\u{1b}]52;c;{encoded}\u{7}");
        screen.write(sequence.as_bytes()).map_err(|e| format!("the terminal can't be written: {e}"))?;
    }
    let by_system = to_system(text, tokens);
    if fits || by_system {
        let where_to = if by_system { "is on the clipboard" } else { "was given to the terminal's clipboard (OSC 52)" };
        Ok(format!("{what} {where_to}"))
    } else {
        Err(format!("{what} is too long for the terminal's clipboard ({} bytes): export it instead", text.len()))
    }
}

/// Returns true if one of the system's clipboard programs took the text.
fn to_system(text: &str, tokens: &[String]) -> bool {
    let has = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let programs: &[&[&str]] = if has("WAYLAND_DISPLAY") {
        &[&["wl-copy"]]
    } else if has("DISPLAY") {
        &[&["xclip", "-selection", "clipboard"], &["xsel", "--clipboard", "--input"]]
    } else if cfg!(target_os = "macos") {
        &[&["pbcopy"]]
    } else {
        &[]
    };
    programs.iter().any(|program| feed(program, text, tokens))
}

fn feed(program: &[&str], text: &str, tokens: &[String]) -> bool {
    let [name, arguments @ ..] = program else { return false };
    let mut command = Command::new(name);
    for name in tokens {
        command.env_remove(name);
    }
    let started = command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    let Ok(mut child) = started else { return false };
    let written = child.stdin.take().is_some_and(|mut stdin| stdin.write_all(text.as_bytes()).is_ok());
    // It may stay to serve the clipboard, so it is waited for elsewhere.
    std::thread::spawn(move || child.wait());
    written
}
