//! Tokens: read once, from the environment variable or file that the target's settings name; never from an option.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

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
}

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
    };
    let token = token.trim().to_owned();
    if token.is_empty() { Err(TokenError::Empty(token_source(target))) } else { Ok(Some(token)) }
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
    }
}
