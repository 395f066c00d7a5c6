//! Notices: events of a run that its operator wants to hear of. Facts; `render` puts them into words.

use std::time::Duration;

use super::failure::Failure;
use super::ids::{GroupId, RunId, WriteId};

/// An event in a run that stops nothing.
#[derive(Debug, Clone, PartialEq)]
pub enum Notice {
    /// Connections to the target fail: from now on, one write at a time probes it.
    ConnectionsFail {
        /// The target's base URL.
        url: String,
    },
    /// Connections succeed again.
    ConnectionsBack {
        /// The target's base URL.
        url: String,
    },
    /// The API asked for a write to wait.
    AskedToWait {
        /// The write that waits.
        write: WriteId,
        /// The answer's HTTP status.
        status: Option<u16>,
        /// Time to wait.
        length: Duration,
    },
    /// Nothing is sent for a while, because the API asked for that or because of the rate.
    Closed {
        /// Time until sending resumes.
        length: Duration,
    },
    /// A write failed in a way that is new to its group.
    NewFailure {
        /// The write's group.
        group: GroupId,
        /// The write that failed.
        write: WriteId,
        /// The failure.
        failure: Box<Failure>,
        /// True if the answer came from the API's idempotency cache.
        cached: bool,
    },
    /// An operator set the pace.
    PaceSet {
        /// The operator's name.
        by: String,
        /// Requests per second; `None` for no limit.
        rate: Option<f64>,
        /// The most requests in flight at once.
        concurrency: usize,
    },
    /// An operator paused the run.
    Paused {
        /// The operator's name.
        by: String,
        /// The run that is paused.
        run: RunId,
    },
    /// An operator resumed the run.
    Resumed {
        /// The operator's name.
        by: String,
    },
}
