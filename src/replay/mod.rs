//! Replay: a frozen plan, lanes kept in order, an intent on disk before every request, an honest
//! report.
//!
//! The decisions are pure, and so easy to test: `plan` (what to send), `schedule` (what may go
//! next), `pace` (how fast), `breakers` (when to stop), `attempt` (what an answer means).
//! `transport` is the only way out; `gate` puts the pace on the real clock, `sending` takes one
//! write from claim to outcome, `control` follows wishes from other terminals, and `engine` ties
//! them to the store.

mod attempt;
mod backoff;
mod breakers;
mod control;
mod engine;
mod events;
mod gate;
mod http;
mod launch;
mod pace;
mod plan;
mod prepare;
mod report;
mod reporting;
mod schedule;
mod sending;
mod transport;

pub use events::{PaceNow, RunEvent, WriteEnded};
pub use http::{HttpError, HttpTransport};
pub use launch::{Launch, LaunchError, RunTerms};
pub use pace::PaceSettings;
pub use prepare::{Prepared, SendOptions, base_url, prepare};
pub use report::{ExitCode, MaybeCached, RunReport};
pub use reporting::report_on;
pub use transport::{Answer, Outgoing, Sent, Transport};

#[cfg(test)]
#[path = "../../tests/replay/mod.rs"]
mod tests;
