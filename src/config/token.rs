//! Tokens: read once, from the environment variable or file that the target's settings name; never from an option.

use std::path::PathBuf;

use crate::domain::target::{TargetSettings, TokenSource};

/// Why a token can't be had.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The environment variable is not set.
    #[error("no token: the environment variable {0} is not set")]
    NotSet(String),
    /// Nothing stands where the token should.
    #[error("no token: {0} is empty")]
    Empty(String),
    /// The file can't be read.
    #[error("token file {path}: {why}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        why: std::io::Error,
    },
}

/// Reads a target's token. `None` when the target wants none.
pub fn read_token(target: &TargetSettings) -> Result<Option<String>, TokenError> {
    let token = match &target.token {
        TokenSource::None => return Ok(None),
        TokenSource::Env(variable) => std::env::var(variable).map_err(|_| TokenError::NotSet(variable.clone()))?,
        TokenSource::File(path) => {
            let text = std::fs::read_to_string(path).map_err(|why| TokenError::File { path: path.clone(), why })?;
            text.lines().next().unwrap_or_default().to_owned()
        }
    };
    let token = token.trim().to_owned();
    if token.is_empty() { Err(TokenError::Empty(token_source(target))) } else { Ok(Some(token)) }
}

/// Where a target's token comes from, in words.
pub fn token_source(target: &TargetSettings) -> String {
    match &target.token {
        TokenSource::None => "none is wanted".to_owned(),
        TokenSource::Env(variable) => format!("the environment variable {variable}"),
        TokenSource::File(path) => format!("the file {}", path.display()),
    }
}
