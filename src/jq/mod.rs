//! jq filters, in a child process. Nothing can interrupt a filter or survive its deep recursion inside a process, so that each
//! runs in a child of dlq, which is used again for line after line, and started again where it had to be ended.
//!
//! A filter gives the same for the same line, always: it has no clock, no environment, no local time and no files.

mod child;
mod filter;
mod frames;
mod limits;
mod program;

pub use child::serve;
pub use filter::{FilterError, Given, JqFilter};
pub use limits::{Limits, Stopped};
