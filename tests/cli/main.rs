//! The real binary, on real files, against a real server: what a user meets.

mod bad_input;
mod engine;
mod ingest;
mod kills;
mod look;
mod promises;
mod readme;
mod real_input;
mod stable_keys;
mod world;
