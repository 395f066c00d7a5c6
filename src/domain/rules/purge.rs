//! Purging: which settled writes may be deleted for good.

use super::lane::LaneFacts;
use crate::domain::lane::Turn;
use crate::domain::state::Place;
use crate::domain::time::Timestamp;

/// What has to be known of a write.
#[derive(Debug, Clone, Copy)]
pub struct PurgeFacts {
    /// Where it stands.
    pub place: Place,
    /// When it was settled.
    pub settled_at: Option<Timestamp>,
    /// Its place in its lanes.
    pub turn: Turn,
    /// What its lanes say of it.
    pub lane: LaneFacts,
    /// Whether parts of it are there, if it was split. They go first: a batch that comes again has to find them.
    pub has_parts: bool,
}

/// Whether a write may be deleted: it was settled before then, has no parts, and is not what keeps an older open write of
/// its lane from going out (superseded).
pub fn may_purge(facts: &PurgeFacts, before: Timestamp) -> bool {
    let is_settled = match facts.place {
        Place::Open(_) | Place::Replaying { .. } => false,
        Place::Replayed | Place::Resolved { .. } | Place::Discarded { .. } => true,
    };
    let says_nothing = matches!(facts.place, Place::Discarded { .. });
    is_settled
        && facts.settled_at.is_some_and(|at| at < before)
        && !facts.has_parts
        && (says_nothing || !facts.lane.blocks(facts.turn))
}
