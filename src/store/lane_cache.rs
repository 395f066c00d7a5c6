//! Lane facts, cached for the duration of one listing.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::domain::ids::WriteId;
use crate::domain::lane::Turn;
use crate::domain::time::Timestamp;

/// A cache of lane facts for the duration of one listing: each lane is looked up once, however many
/// of its writes are listed.
#[derive(Debug, Clone, Default)]
pub struct LaneCache(Arc<Mutex<Lanes>>);

impl LaneCache {
    /// Locks and returns the lanes that are known so far.
    pub(super) fn lanes(&self) -> MutexGuard<'_, Lanes> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Lanes by their hash.
#[derive(Debug, Default)]
pub(super) struct Lanes {
    pub(super) known: HashMap<i64, Lane>,
    /// The latest that the API has of each lane.
    pub(super) accepted: HashMap<i64, LatestAccepted>,
    /// Open writes of those lanes, with the turn from which one that can't be sent blocks others. A batch is looked at once,
    /// not once for each of its records.
    pub(super) blocking: HashMap<WriteId, Option<Turn>>,
}

/// The latest that the API has of a lane.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct LatestAccepted {
    /// The turn of the latest accepted write.
    pub(super) write: Option<Turn>,
    /// The time of the latest write that a producer got accepted.
    pub(super) success: Option<Timestamp>,
}

/// The writes of a lane that restrict its open ones.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lane {
    /// The latest that the API has; older ones are superseded.
    pub(super) accepted: LatestAccepted,
    /// The oldest open write that can't be sent now; younger ones are blocked.
    pub(super) blocking: Option<Turn>,
}
