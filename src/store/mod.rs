//! Storage of writes. `face` defines a store in terms of domain types only; `sqlite` implements one
//! in a file.

mod access;
mod care;
mod changes;
mod changing;
mod counts;
mod disk;
mod error;
mod face;
mod files;
mod intake;
mod lane_cache;
mod lease;
mod listing;
mod opening;
mod reply;
mod running;
mod sharing;
mod sqlite;

pub(crate) use access::why_denied;
pub use care::{Copied, Finding, Severity};
pub use changes::Changes;
pub use changing::{Happened, Purged, Settled, SplitWhich};
pub use counts::{Count, CountBy};
pub(crate) use disk::room_in_words;
pub use error::StoreError;
pub use face::{Intake, Store};
pub(crate) use files::{NO_FOLLOW, beside};
pub use intake::{Accepted, Incoming, Ingested, RefusedLine, TakenBack};
pub use lane_cache::LaneCache;
pub use lease::Lease;
pub use listing::{Bodies, Cursor, HistoryEntry, Order, Page, PageRequest, Sort};
pub use opening::{OpenOptions, Upgraded, Upgrading};
pub use reply::Reply;
pub use running::{Attempting, CutOff, Intent, NewRun, PlanData, RestOfRun, Sendable, WishChange};
pub use sharing::Sharing;
pub use sqlite::{open, rehearsal_without_a_file, surroundings, upgrade};

pub use crate::domain::action::By;

/// The result of a call to the store.
pub type Result<T> = std::result::Result<T, StoreError>;

#[cfg(test)]
#[path = "../../tests/store/mod.rs"]
mod tests;
