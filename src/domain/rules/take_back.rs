//! Taking back an intake: which of its writes may go, as if they had never come in.

use crate::domain::state::{Place, Resolution};

/// The facts about a write that came in with an intake.
#[derive(Debug, Clone, Copy)]
pub struct CameIn {
    /// Its place in the state machine; `None` if its row can't be read.
    pub place: Option<Place>,
    /// True if a request was sent for it.
    pub was_sent: bool,
    /// True if someone acted on it: settled, edited, split or rekeyed it, even if that was undone.
    pub was_changed: bool,
    /// True if another intake that still stands brought it, too, or settled it.
    pub came_again: bool,
    /// True if a run that is under way has it in its plan.
    pub is_planned: bool,
    /// True if parts of it are there. They go first.
    pub has_parts: bool,
    /// True if it is a part of a batch that did not come in with it: its records are nowhere else.
    pub is_part_of_another: bool,
}

/// Returns true if nothing has happened to a write since it came in.
pub fn may_take_back(facts: CameIn) -> bool {
    let stands = match facts.place {
        None | Some(Place::Replaying { .. } | Place::Resolved { how: Resolution::Producer, .. }) => false,
        // A settled one came in like that, from an export: nobody has acted on it since.
        Some(Place::Open(_) | Place::Replayed | Place::Resolved { .. } | Place::Discarded { .. }) => true,
    };
    let is_touched = facts.was_sent
        || facts.was_changed
        || facts.came_again
        || facts.is_planned
        || facts.has_parts
        || facts.is_part_of_another;
    stands && !is_touched
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::state::Waiting;

    #[test]
    fn only_what_nothing_happened_to_is_taken_back() {
        let was = Waiting::Pending;
        let untouched = CameIn {
            place: Some(Place::Open(was)),
            was_sent: false,
            was_changed: false,
            came_again: false,
            is_planned: false,
            has_parts: false,
            is_part_of_another: false,
        };
        assert!(may_take_back(untouched));
        assert!(may_take_back(CameIn { place: Some(Place::Discarded { was }), ..untouched }), "as an export had it");
        for place in [None, Some(Place::Replaying { was }), Some(Place::Resolved { was, how: Resolution::Producer })] {
            assert!(!may_take_back(CameIn { place, ..untouched }), "{place:?}");
        }
        for touched in [
            CameIn { was_sent: true, ..untouched },
            CameIn { was_changed: true, ..untouched },
            CameIn { came_again: true, ..untouched },
            CameIn { is_planned: true, ..untouched },
            CameIn { has_parts: true, ..untouched },
            CameIn { is_part_of_another: true, ..untouched },
        ] {
            assert!(!may_take_back(touched), "{touched:?}");
        }
    }
}
