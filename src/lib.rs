//! `dlq` keeps every write that an HTTP API refused, shows why, and sends it again once the cause is fixed, with its
//! original idempotency key, in its original order, never twice by its own doing.
//!
//! The command line and the terminal UI are thin: all they do goes through this library. Start reading at
//! [`domain`], which is pure and knows the words; ARCHITECTURE.md has the map.

pub mod capture;
pub mod cli;
pub mod config;
pub mod domain;
pub mod query;
pub mod render;
pub mod repair;
pub mod replay;
pub mod sandbox;
pub mod store;
pub mod tui;
