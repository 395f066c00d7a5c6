//! The real binary, on real files, against a real server: what a user meets.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod accepted;
mod bad_input;
mod batches;
mod credentials;
mod damage;
mod evidence;
mod evil_answers;
mod faults;
mod follow;
mod ingest;
mod intakes;
mod kills;
mod look;
mod maps;
mod nothing_lost;
mod operating;
mod profiles;
mod promises;
mod readme;
mod real_input;
mod reports;
mod several_targets;
mod sharing;
mod soak;
mod stable_keys;
mod terminal;
mod upgrades;
mod what_may_have_been_applied;
mod world;
