//! `dlq` keeps every write that an HTTP API refused, shows why, and sends it again once the cause is fixed, with its
//! original idempotency key, in its original order, never twice by its own doing.
//!
//! Most people use the `dlq` command. A service that wants the queue inside opens a [`Queue`]: its failures go in, and are
//! found, planned and replayed through any [`Transport`]. [`sandbox`] is a simulated API to try that against.

pub(crate) mod capture;
pub(crate) mod cli;
pub(crate) mod config;
pub(crate) mod domain;
pub(crate) mod jq;
pub(crate) mod query;
pub(crate) mod queue;
pub(crate) mod render;
pub(crate) mod repair;
pub(crate) mod replay;
pub mod sandbox;
pub(crate) mod store;
pub(crate) mod tui;

#[doc(hidden)]
pub use cli::main;
pub use domain::answer::Extent;
pub use domain::evidence::{Headers, Lost, Phase};
pub use domain::failure_type::FailureType;
pub use domain::hazard::Hazard;
pub use domain::state::State;
pub use queue::{Error, Find, PlanRequest, Queue, Rejected, ReplayPlan, RunSummary, TakenIn, Target, Write};
pub use replay::{Answer, HttpTransport, Outgoing, Sent, Transport};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
