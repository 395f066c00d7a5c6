//! Errors of an embedded queue.

use crate::domain::endpoint::BaseUrlError;
use crate::replay::{HttpError, LaunchError};
use crate::store::StoreError;

/// An error of an embedded queue. Everything committed before it is safe.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The query can't be parsed; the message shows where.
    #[error("{0}")]
    Query(String),
    /// The base URL of a target can't be used.
    #[error("base URL: {0}")]
    BaseUrl(String),
    /// The writes are for several targets, and a run has one.
    #[error("these writes are for several targets ({}): add target:NAME to the query", .0.join(", "))]
    SeveralTargets(Vec<String>),
    /// The run did not begin, and nothing was sent.
    #[error(transparent)]
    Launch(Box<dyn std::error::Error + Send + Sync>),
    /// The store refused or failed.
    #[error(transparent)]
    Store(Box<dyn std::error::Error + Send + Sync>),
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        Self::Store(Box::new(error))
    }
}

impl From<LaunchError> for Error {
    fn from(error: LaunchError) -> Self {
        Self::Launch(Box::new(error))
    }
}

impl From<HttpError> for Error {
    fn from(error: HttpError) -> Self {
        Self::Launch(Box::new(error))
    }
}

impl From<BaseUrlError> for Error {
    fn from(error: BaseUrlError) -> Self {
        Self::BaseUrl(error.to_string())
    }
}
