//! Lane facts, cached for the duration of one listing.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::domain::ids::WriteId;
use crate::domain::lane::Turn;

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
    /// The turn of the latest accepted write of each lane.
    pub(super) accepted: HashMap<i64, Option<Turn>>,
    /// Open writes of those lanes, with the turn from which one that can't be sent blocks others. A batch is looked at once,
    /// not once for each of its records.
    pub(super) blocking: HashMap<WriteId, Option<Turn>>,
}

/// The writes of a lane that restrict its open ones.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lane {
    /// The latest accepted write; older ones are superseded.
    pub(super) accepted: Option<Turn>,
    /// The oldest open write that can't be sent now; younger ones are blocked.
    pub(super) blocking: Option<Turn>,
}
