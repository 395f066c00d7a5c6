//! What is known of lanes for the length of one listing.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::domain::lane::Turn;

/// What is known of lanes for the length of one listing: a lane is looked up once, however many of its writes are listed.
#[derive(Debug, Clone, Default)]
pub struct LaneCache(Arc<Mutex<Lanes>>);

impl LaneCache {
    /// The lanes that are known so far.
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
}

/// What a lane says of its open writes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lane {
    /// The latest that was accepted: what is older is superseded.
    pub(super) accepted: Option<Turn>,
    /// The oldest open one that can't be sent now: what is younger is blocked.
    pub(super) blocking: Option<Turn>,
}
