//! Notices: what an operator wants to hear while a run goes on. Facts; `render` words them.

use std::time::Duration;

use super::failure::Failure;
use super::ids::{GroupId, RunId, WriteId};

/// Something that happened in a run and stops nothing.
#[derive(Debug, Clone, PartialEq)]
pub enum Notice {
    /// Connections to the target fail: one write at a time tries it from now on.
    ConnectionsFail {
        /// Its base URL.
        url: String,
    },
    /// Connections are made again.
    ConnectionsBack {
        /// Its base URL.
        url: String,
    },
    /// The API asked that a write wait.
    AskedToWait {
        /// The write.
        write: WriteId,
        /// The answer's HTTP status.
        status: Option<u16>,
        /// How long.
        length: Duration,
    },
    /// Nothing is sent for a while: the API asked for that, or the rate does.
    Closed {
        /// How long.
        length: Duration,
    },
    /// A write failed in another way than its group did before.
    NewFailure {
        /// The group.
        group: GroupId,
        /// The write.
        write: WriteId,
        /// How it failed.
        failure: Box<Failure>,
        /// True if the answer came from the API's idempotency cache.
        cached: bool,
    },
    /// Someone set the pace.
    PaceSet {
        /// Who.
        by: String,
        /// Requests per second; `None` for no limit.
        rate: Option<f64>,
        /// The most requests out at once.
        concurrency: usize,
    },
    /// Someone paused the run.
    Paused {
        /// Who.
        by: String,
        /// The run.
        run: RunId,
    },
    /// Someone resumed the run.
    Resumed {
        /// Who.
        by: String,
    },
}
