//! Lanes: what the other writes to the same record mean for one. The order, "open", "blocked" and "superseded" are defined
//! here, once.

use crate::domain::ids::WriteId;
use crate::domain::lane::{Superseder, Turn};
use crate::domain::state::{Event, Place, Resolution, Standing};
use crate::domain::time::Timestamp;

/// The other writes of a write's lanes, summed up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LaneFacts {
    /// A write that a run has in hand.
    pub in_flight: Option<WriteId>,
    /// The oldest open write.
    pub oldest_open: Option<Turn>,
    /// The oldest settled write whose settling may be undone.
    pub oldest_reopenable: Option<Turn>,
    /// The latest write that the API has.
    pub latest_accepted: Option<Turn>,
    /// The time of the latest write that a producer got accepted without dlq.
    pub latest_success: Option<Timestamp>,
}

/// A lane mate's place in the state machine; `None` if its row can't be read, which counts as open.
pub type MatePlace = Option<Place>;

impl LaneFacts {
    /// Adds another write of the lane.
    pub fn add(&mut self, turn: Turn, place: MatePlace) {
        if matches!(place, Some(Place::Replaying { .. })) {
            self.in_flight = Some(turn.id);
        }
        if is_open(place) {
            self.oldest_open = Some(self.oldest_open.map_or(turn, |oldest| oldest.min(turn)));
        }
        if place.is_some_and(is_reopenable) {
            self.oldest_reopenable = Some(self.oldest_reopenable.map_or(turn, |oldest| oldest.min(turn)));
        }
        if place.is_some_and(is_accepted) {
            self.latest_accepted = self.latest_accepted.max(Some(turn));
        }
    }

    /// Returns true if an older write of the lane is open, which must go first.
    pub fn blocks(&self, turn: Turn) -> bool {
        self.blocker(turn).is_some()
    }

    /// Returns the oldest open write of the lane, if that is older than this one.
    pub fn blocker(&self, turn: Turn) -> Option<Turn> {
        self.oldest_open.filter(|oldest| *oldest < turn)
    }

    /// Returns true if an older write of the lane may still be sent: it is open, or its settling may be undone.
    pub fn may_be_followed_by(&self, turn: Turn) -> bool {
        self.oldest_open.into_iter().chain(self.oldest_reopenable).any(|oldest| oldest < turn)
    }

    /// Returns true if the API has a newer write of the lane, whose values this one would overwrite.
    pub fn supersedes(&self, turn: Turn) -> bool {
        self.superseder(turn).is_some()
    }

    /// Returns the latest write of the lane that the API has, if that is newer than this one.
    pub fn superseder(&self, turn: Turn) -> Option<Superseder> {
        let write = self.latest_accepted.filter(|latest| *latest > turn);
        let success = self.latest_success.filter(|at| *at > turn.at);
        write.map(|turn| Superseder::Write(turn.id)).or(success.map(Superseder::Success))
    }
}

/// Returns true if someone still has to do something about a write. One that can't be read counts as open, to be safe.
pub fn is_open(place: MatePlace) -> bool {
    place.is_none_or(|place| match place {
        Place::Open(_) | Place::Replaying { .. } => true,
        Place::Replayed | Place::Resolved { .. } | Place::Discarded { .. } => false,
    })
}

/// Returns true if the settling of a write may be undone.
pub fn is_reopenable(place: Place) -> bool {
    let standing = Standing { place, ambiguous_since: None };
    [Event::Reopen, Event::Unsplit].into_iter().any(|event| standing.after(event).is_ok())
}

/// Returns true if the API has a write: it accepted it, or someone found it there. The records of a split batch are in its parts.
pub fn is_accepted(place: Place) -> bool {
    match place {
        Place::Replayed | Place::Resolved { how: Resolution::ByHand | Resolution::Producer, .. } => true,
        Place::Resolved { how: Resolution::Split, .. }
        | Place::Open(_)
        | Place::Replaying { .. }
        | Place::Discarded { .. } => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::state::Waiting;

    fn turn(at: i64, id: i64) -> Turn {
        Turn { at: Timestamp::from_millis(at), arrival: WriteId(id), id: WriteId(id) }
    }

    #[test]
    fn promise_7_older_open_writes_block_and_newer_accepted_ones_supersede() {
        let was = Waiting::Pending;
        let mut facts = LaneFacts::default();
        facts.add(turn(5, 9), Some(Place::Discarded { was }));
        facts.add(turn(5, 8), Some(Place::Resolved { was, how: Resolution::Split }));
        let nothing = LaneFacts { oldest_reopenable: Some(turn(5, 8)), ..LaneFacts::default() };
        assert_eq!(facts, nothing, "given up, or gone on in its parts: only someone who takes that back changes it");
        facts.add(turn(5, 2), Some(Place::Open(was)));
        facts.add(turn(7, 1), Some(Place::Replayed));
        assert!(facts.blocks(turn(5, 3)) && !facts.blocks(turn(5, 1)) && !facts.blocks(turn(4, 9)));
        assert!(facts.supersedes(turn(6, 9)) && !facts.supersedes(turn(7, 2)));
        let success = LaneFacts { latest_success: Some(Timestamp::from_millis(8)), ..facts };
        assert_eq!(success.superseder(turn(7, 2)), Some(Superseder::Success(Timestamp::from_millis(8))));
        assert!(!success.supersedes(turn(8, 1)), "it is not older");
        assert_eq!(facts.in_flight, None);
        facts.add(turn(9, 4), Some(Place::Replaying { was }));
        assert_eq!(facts.in_flight, Some(WriteId(4)));
    }

    #[test]
    fn what_cannot_be_read_counts_as_open() {
        let mut facts = LaneFacts::default();
        facts.add(Turn { at: Timestamp::EPOCH, ..turn(0, 3) }, None);
        assert!(facts.blocks(turn(1, 1)));
        assert!(!facts.supersedes(turn(0, 0)));
    }
}
