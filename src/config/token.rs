//! Tokens: from the environment variable, file or command that the target's settings name; never from an option.

use std::io::Read as _;

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::domain::target::{TargetSettings, TokenSource};

/// The variable with the token of the target that a command is about, unless its settings name another source.
pub const TOKEN_VARIABLE: &str = "EXPERITURE_API_KEY";

/// The reason why there is no token.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The environment variable is not set.
    #[error("no token: the environment variable {0} is not set")]
    NotSet(String),
    /// The variable is for another target.
    #[error(
        "no token for target {name}: {TOKEN_VARIABLE} is for target {meant}. Name this one's with token_env (or token_file) in \
         [targets.{name}] of the config, or select it with --target {name}"
    )]
    NotMeant {
        /// The target's name.
        name: String,
        /// The name of the target that the command is about.
        meant: String,
    },
    /// The source of the token is empty.
    #[error("no token: {0} is empty")]
    Empty(String),
    /// The file can't be read.
    #[error("token file {path}: {why}")]
    File {
        /// The file.
        path: PathBuf,
        /// The system's error.
        why: std::io::Error,
    },
    /// Others could have read or replaced it, and the target asks for confirmation.
    #[error("token file {path}: {open}; target {name} must be confirmed, so it is not used: chmod 600 {path}")]
    Open {
        /// The file.
        path: PathBuf,
        /// The access that others have.
        open: &'static str,
        /// The target's name.
        name: String,
    },
    /// The command that prints it can't be run, or failed. What it printed is told to nobody.
    #[error("token command {command}: {why}")]
    Command {
        /// Its name.
        command: String,
        /// The error.
        why: String,
    },
}

/// The longest that a command may take to print a token.
const LONGEST: Duration = Duration::from_secs(30);
/// Interval at which the command is looked at.
const LOOK: Duration = Duration::from_millis(5);
/// The most that is read of what it prints, in bytes.
const MOST: u64 = 64 << 10;

/// Reads a target's token; `meant` is the target that the command is about. `None` if the target takes none.
pub fn read_token(target: &TargetSettings, meant: &str) -> Result<Option<String>, TokenError> {
    let token = match &target.token {
        TokenSource::None => return Ok(None),
        TokenSource::Unsaid if target.name != meant => {
            return Err(TokenError::NotMeant { name: target.name.clone(), meant: meant.to_owned() });
        }
        TokenSource::Unsaid => from_variable(TOKEN_VARIABLE)?,
        TokenSource::Env(variable) => from_variable(variable)?,
        TokenSource::File(path) => {
            if let Some(open) = open_to_others(path).filter(|_| target.confirm) {
                return Err(TokenError::Open { path: path.clone(), open, name: target.name.clone() });
            }
            let text = std::fs::read_to_string(path).map_err(|why| TokenError::File { path: path.clone(), why })?;
            text.lines().next().unwrap_or_default().to_owned()
        }
        TokenSource::Command(command) => print_token(command, LONGEST)?,
    };
    let token = token.trim().to_owned();
    if token.is_empty() { Err(TokenError::Empty(token_source(target))) } else { Ok(Some(token)) }
}

/// Runs a command without a shell, and returns the first line that it prints.
fn print_token(command: &[String], longest: Duration) -> Result<String, TokenError> {
    let name = command.first().cloned().unwrap_or_default();
    let failed = |why: String| TokenError::Command { command: name.clone(), why };
    let mut child = Command::new(&name)
        .args(command.get(1..).unwrap_or_default())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|why| failed(why.to_string()))?;
    let output = child.stdout.take();
    let (sender, printed) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let mut text = String::new();
        let read = output.map_or(Ok(0), |output| output.take(MOST).read_to_string(&mut text));
        let _ = sender.send(read.map(|_| text));
    });
    let slow = || failed(format!("it took longer than {} s", longest.as_secs()));
    let until = Instant::now() + longest;
    let status = loop {
        match child.try_wait().map_err(|why| failed(why.to_string()))? {
            Some(status) => break status,
            None if Instant::now() >= until => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(slow());
            }
            None => std::thread::sleep(LOOK),
        }
    };
    if !status.success() {
        return Err(failed(format!("it failed ({status})")));
    }
    // What it left running may keep its output open.
    let text = printed.recv_timeout(until.saturating_duration_since(Instant::now()).max(LOOK)).map_err(|_| slow())?;
    let text = text.map_err(|why| failed(why.to_string()))?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

fn from_variable(variable: &str) -> Result<String, TokenError> {
    std::env::var(variable).map_err(|_| TokenError::NotSet(variable.to_owned()))
}

/// Returns the access that others than its owner have to a token file, if they have any.
pub fn open_to_others(path: &Path) -> Option<&'static str> {
    match std::fs::metadata(path).ok()?.mode() & 0o077 {
        0 => None,
        mode if mode & 0o022 != 0 => Some("others may write it"),
        _ => Some("others may read it"),
    }
}

/// Describes the source of a target's token.
pub fn token_source(target: &TargetSettings) -> String {
    match &target.token {
        TokenSource::None => "none is wanted".to_owned(),
        TokenSource::Unsaid => format!("the environment variable {TOKEN_VARIABLE}"),
        TokenSource::Env(variable) => format!("the environment variable {variable}"),
        TokenSource::File(path) => format!("the file {}", path.display()),
        TokenSource::Command(command) => format!("the command {}", command.first().map_or("", String::as_str)),
    }
}

/// Returns the reason why a target's token can't be read, without running a command for it.
pub fn missing_token(target: &TargetSettings, meant: &str) -> Option<TokenError> {
    match target.token {
        TokenSource::Command(_) => None,
        _ => read_token(target, meant).err(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(command: &[&str], longest: u64) -> Result<String, String> {
        let command: Vec<String> = command.iter().map(|&word| word.to_owned()).collect();
        print_token(&command, Duration::from_secs(longest)).map_err(|error| error.to_string())
    }

    #[test]
    fn a_command_prints_a_token_and_its_failure_tells_nothing_that_it_printed() {
        assert_eq!(run(&["echo", "tok $HOME; ls"], 30).unwrap(), "tok $HOME; ls", "no shell");
        let failed = run(&["sh", "-c", "echo secret; echo secret >&2; exit 3"], 30).unwrap_err();
        assert!(failed.contains("token command sh: it failed") && !failed.contains("secret"), "{failed}");
        assert!(run(&["/nonexistent/x"], 30).unwrap_err().contains("token command /nonexistent/x: "));
        assert!(run(&["sleep", "60"], 0).unwrap_err().contains("longer than 0 s"));
    }
}
