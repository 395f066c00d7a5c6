//! Purging: which settled writes may be deleted for good.

use super::lane::LaneFacts;
use crate::domain::lane::Turn;
use crate::domain::state::Place;
use crate::domain::time::Timestamp;

/// The facts about a write that its purge depends on.
#[derive(Debug, Clone, Copy)]
pub struct PurgeFacts {
    /// Its place in the state machine.
    pub place: Place,
    /// The time when it was settled.
    pub settled_at: Option<Timestamp>,
    /// Its place in its lanes.
    pub turn: Turn,
    /// The other writes of its lanes, summed up.
    pub lane: LaneFacts,
    /// True if it was split and some of its parts are still there. They go first: a batch that comes again has to find them.
    pub has_parts: bool,
}

/// Returns true if a write may be deleted: it was settled before `before`, has no parts, and is not what keeps an older write of
/// its lane from being sent (superseded), now or once that one is reopened.
pub fn may_purge(facts: &PurgeFacts, before: Timestamp) -> bool {
    let is_settled = match facts.place {
        Place::Open(_) | Place::Replaying { .. } => false,
        Place::Replayed | Place::Resolved { .. } | Place::Discarded { .. } => true,
    };
    let says_nothing = matches!(facts.place, Place::Discarded { .. });
    is_settled
        && facts.settled_at.is_some_and(|at| at < before)
        && !facts.has_parts
        && (says_nothing || !facts.lane.may_be_followed_by(facts.turn))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::WriteId;
    use crate::domain::state::Waiting;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    fn turn(id: i64) -> Turn {
        Turn { at: at(id), arrival: WriteId(id), id: WriteId(id) }
    }

    #[test]
    fn what_supersedes_an_older_write_stays_as_long_as_that_may_go_out() {
        let facts = |mate: Place| {
            let mut lane = LaneFacts::default();
            lane.add(turn(1), Some(mate));
            PurgeFacts { place: Place::Replayed, settled_at: Some(at(10)), turn: turn(2), lane, has_parts: false }
        };
        let was = Waiting::Pending;
        assert!(!may_purge(&facts(Place::Open(was)), at(20)), "it is open");
        assert!(!may_purge(&facts(Place::Discarded { was }), at(20)), "it may be reopened");
        assert!(may_purge(&facts(Place::Replayed), at(20)));
        assert!(!may_purge(&facts(Place::Replayed), at(10)), "not settled before then");
        let discarded = PurgeFacts { place: Place::Discarded { was }, ..facts(Place::Open(was)) };
        assert!(may_purge(&discarded, at(20)), "it says nothing of the API");
        assert!(!may_purge(&PurgeFacts { has_parts: true, ..discarded }, at(20)));
    }
}
