//! Targets of an embedded queue.

use std::time::Duration;

use super::Error;
use crate::domain::endpoint::BaseUrl;
use crate::domain::target::TargetSettings;

/// An API to send to, under the name that captured failures use for it; those that name no target
/// are for `default`.
#[derive(Debug, Clone)]
pub struct Target {
    pub(super) settings: TargetSettings,
}

impl Target {
    /// Creates a target with a key window of 24 hours, a timeout of 40 seconds, and the base URL
    /// that the queue remembers.
    pub fn new(name: &str) -> Self {
        Self { settings: TargetSettings::new(name) }
    }

    /// Sets the base URL that the writes' paths are appended to. A queue is bound to the first one
    /// it is used with, and refuses others.
    pub fn base_url(mut self, url: &str) -> Result<Self, Error> {
        self.settings.base_url = Some(BaseUrl::parse(url)?);
        Ok(self)
    }

    /// Sets the time for which the API remembers an idempotency key.
    #[must_use]
    pub fn key_window(mut self, window: Duration) -> Self {
        self.settings.window = window;
        self
    }

    /// Sets the time to wait for an answer, once connected.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.settings.timeout = timeout;
        self
    }

    /// Sets the endpoint for failures that name none, relative to the base URL.
    #[must_use]
    pub fn endpoint(mut self, path: &str) -> Self {
        self.settings.endpoint = Some(path.to_owned());
        self
    }
}
