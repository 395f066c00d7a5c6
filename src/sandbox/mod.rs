//! A simulated API for the demo and the tests: schemas, auth, rate limit, idempotency cache, faults, and a ledger of
//! what was applied, against which results are checked.

mod api;
mod faults;
mod ledger;
mod server;

pub use api::{Settings, World};
pub use faults::Faults;
pub use ledger::{Applied, Ledger, Seen};
pub use server::Sandbox;
