//! Replay: a frozen plan, lanes in order, an intent on disk before every request, an honest end.
//!
//! `plan`, `schedule` and `backoff` are pure; `transport` is the only way out; `engine` ties them to the store.

mod attempt;
mod backoff;
mod engine;
mod http;
mod plan;
mod report;
mod schedule;
mod transport;

pub use backoff::{backoff, retry_after};
pub use engine::{Event, Replay, RunOptions, WriteEnded};
pub use http::HttpTransport;
pub use plan::build_plan;
pub use report::{ExitCode, Report};
pub use schedule::{Finish, Schedule};
pub use transport::{Answer, Outgoing, Sent, Transport};
