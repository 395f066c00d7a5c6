//! Where writes are kept. Its face speaks domain types only; what is SQLite's is in `sqlite`.

mod files;
mod sqlite;

pub(crate) use files::{NO_FOLLOW, beside};
pub(crate) use sqlite::room_in_words;
pub use sqlite::{
    Attempting, By, Copied, Count, CountBy, Cursor, CutOff, Finding, Happened, HistoryEntry, IngestCache, Ingested,
    Intent, LaneCache, NewRun, OpenOptions, Order, Page, PageRequest, PlanData, Prepared, Purged, RefusedLine, Reply,
    RestOfRun, Result, RunLock, Sendable, Settled, Severity, Sort, Store, StoreError, Upgraded, Upgrading, Watch,
    Which, WishChange, surroundings,
};
