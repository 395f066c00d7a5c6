//! The domain: pure functions and plain data, without any I/O.
//!
//! Time, randomness and the environment come in as arguments. Nothing here imports another part of the crate;
//! everything else imports this. The words are those of the README's table.

pub mod acceptance;
pub mod action;
pub mod answer;
pub mod api_error;
pub mod arrivals;
pub mod attempt;
pub mod batch;
pub mod body;
pub mod bucket;
pub mod cached;
pub mod clock;
pub mod endpoint;
pub mod escape;
pub mod evidence;
pub mod explain;
pub mod failure;
pub mod failure_type;
pub mod filter;
pub mod fingerprint;
pub mod group;
pub mod hazard;
pub mod identity;
pub mod ids;
pub mod json;
pub mod key;
pub mod lane;
pub mod notice;
pub mod outcome;
pub mod plan;
pub mod reason;
pub mod report;
pub mod revision;
pub mod rules;
pub mod run;
pub mod seal;
pub mod secrets;
pub mod selection;
pub mod stable_key;
pub mod state;
pub mod stop;
pub mod target;
pub mod time;
pub mod transfer;
pub mod write;
