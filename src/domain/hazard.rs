//! Hazards: reasons to look twice before a write is sent again.

use std::time::Duration;

use super::body::BodyOrigin;
use super::clock::Clock;
use super::endpoint::EndpointOrigin;
use super::key::{KeyOrigin, inside_window, knows_keys};
use super::time::Timestamp;

macro_rules! hazards {
    ($($(#[doc = $doc:literal])* $variant:ident = $name:literal, refuses $refuses:literal;)*) => {
        /// A reason to look twice.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Hazard {
            $($(#[doc = $doc])* $variant,)*
        }

        impl Hazard {
            /// All hazards, those that refuse first.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Returns the name used everywhere.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// Returns true if a write with it is sent only when `--allow` names it.
            pub fn refuses(self) -> bool {
                match self { $(Self::$variant => $refuses,)* }
            }
        }
    };
}

hazards! {
    /// The clock can't be trusted to say how old a key is.
    ClockBehind = "clock-behind", refuses true;
    /// No endpoint was named.
    EndpointAssumed = "endpoint-assumed", refuses true;
    /// There is no body to send.
    NoBody = "no-body", refuses true;
    /// The API may have forgotten the key.
    KeyExpired = "key-expired", refuses true;
    /// The key was never on the wire.
    KeyNotSent = "key-not-sent", refuses true;
    /// An older open write to the same record is not sent first.
    LaneBlocked = "lane-blocked", refuses true;
    /// The API already has a newer write to the same record.
    Superseded = "superseded", refuses true;
    /// The body was changed after it may have been applied.
    EditedAfterAmbiguous = "edited-after-ambiguous", refuses true;
    /// It may have been applied.
    OutcomeUnknown = "outcome-unknown", refuses false;
    /// Another write has the same key.
    KeyReused = "key-reused", refuses false;
    /// An upsert old enough to overwrite newer values.
    MaybeStale = "maybe-stale", refuses false;
}

impl Hazard {
    /// Parses its name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|h| h.name() == name)
    }
}

impl std::fmt::Display for Hazard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

/// All that a write's hazards depend on, except the clock and the target's window.
#[derive(Debug, Clone, Copy)]
pub struct Facts {
    /// Its path's origin.
    pub endpoint_origin: EndpointOrigin,
    /// Its body's origin.
    pub body_origin: BodyOrigin,
    /// True if applying it twice leaves one record.
    pub upsert: bool,
    /// Its key's origin.
    pub key_origin: KeyOrigin,
    /// The time when the earliest request that may have been applied was sent.
    pub ambiguous_since: Option<Timestamp>,
    /// True if the captured failure itself was ambiguous.
    pub captured_ambiguous: bool,
    /// The time when an edit made its current body.
    pub edited_at: Option<Timestamp>,
    /// True if another write has the same key.
    pub key_reused: bool,
    /// The time that orders it among other writes.
    pub order_at: Timestamp,
    /// The time since which its target's keys go in another header than before.
    pub key_moved_at: Option<Timestamp>,
    /// True if a later write of its lane was accepted.
    pub superseded: bool,
    /// True if an older open write of its lane will not be sent before it.
    pub lane_blocked: bool,
}

/// An upsert older than this may overwrite newer values.
const STALE: Duration = Duration::from_hours(1);

/// Returns the hazards of a write now, those that refuse first.
pub fn hazards(facts: &Facts, window: Duration, clock: Clock) -> Vec<Hazard> {
    let now = clock.latest();
    let ambiguous_append = facts.ambiguous_since.filter(|_| !facts.upsert);
    let knows_keys = knows_keys(window);
    let applies = |hazard: &Hazard| match hazard {
        Hazard::ClockBehind => ambiguous_append.is_some() && knows_keys && clock.behind().is_some(),
        Hazard::EndpointAssumed => facts.endpoint_origin == EndpointOrigin::Assumed,
        Hazard::NoBody => facts.body_origin == BodyOrigin::Missing,
        Hazard::KeyExpired => knows_keys && ambiguous_append.is_some_and(|since| !inside_window(since, window, now)),
        Hazard::KeyNotSent => {
            let was_not_sent = facts.captured_ambiguous && facts.key_origin != KeyOrigin::Given;
            let has_moved = facts.key_moved_at.is_some_and(|moved| ambiguous_append.is_some_and(|since| since < moved));
            ambiguous_append.is_some() && (was_not_sent || has_moved || !knows_keys)
        }
        Hazard::LaneBlocked => facts.lane_blocked,
        Hazard::Superseded => facts.superseded,
        // Requests sent after the edit carried this very body.
        Hazard::EditedAfterAmbiguous => {
            facts.edited_at.zip(facts.ambiguous_since).is_some_and(|(edited, since)| since <= edited)
        }
        Hazard::OutcomeUnknown => facts.ambiguous_since.is_some(),
        Hazard::KeyReused => facts.key_reused,
        Hazard::MaybeStale => facts.upsert && now.since(facts.order_at) > STALE,
    };
    Hazard::ALL.iter().copied().filter(applies).collect()
}

/// Returns the first hazard that keeps a write from being sent, unless it is allowed. A new key does not protect a write
/// that may have been applied under the old one, so that always refuses then, whatever is allowed; as does a key that an API
/// without keys was never sent.
pub fn refusing(hazards: &[Hazard], allowed: &[Hazard], new_key: bool, window: Duration) -> Option<Hazard> {
    if new_key && hazards.contains(&Hazard::OutcomeUnknown) {
        return Some(Hazard::OutcomeUnknown);
    }
    let may_be_allowed = |hazard: Hazard| hazard != Hazard::KeyNotSent || knows_keys(window);
    hazards.iter().copied().find(|h| h.refuses() && !(allowed.contains(h) && may_be_allowed(*h)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn append() -> Facts {
        Facts {
            endpoint_origin: EndpointOrigin::Given,
            body_origin: BodyOrigin::Captured,
            upsert: false,
            key_origin: KeyOrigin::Given,
            ambiguous_since: None,
            captured_ambiguous: false,
            edited_at: None,
            key_reused: false,
            key_moved_at: None,
            order_at: Timestamp::from_millis(0),
            superseded: false,
            lane_blocked: false,
        }
    }

    const DAY: Duration = Duration::from_hours(24);

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    fn hazards(facts: &Facts, window: Duration, now: Timestamp) -> Vec<Hazard> {
        super::hazards(facts, window, Clock::at(now))
    }

    #[test]
    fn promise_5_a_clock_that_was_set_back_revives_no_key() {
        let facts = Facts { ambiguous_since: Some(at(1000)), captured_ambiguous: true, ..append() };
        let clock = |wall, newest| Clock { wall: at(wall), newest: at(newest) };
        let expired = super::hazards(&facts, DAY, clock(2000, 1000 + 86_400));
        assert_eq!(expired, [Hazard::ClockBehind, Hazard::KeyExpired, Hazard::OutcomeUnknown]);
        assert_eq!(super::hazards(&facts, DAY, clock(2000, 2060)), [Hazard::OutcomeUnknown], "a minute is nothing");
        assert_eq!(super::hazards(&append(), DAY, clock(2000, 90_000)), [], "what was surely not applied may go");
    }

    #[test]
    fn an_edit_counts_only_if_the_old_body_may_be_in() {
        let at = |millis| Some(Timestamp::from_millis(millis));
        let edited = |edited_at, ambiguous_since| {
            let facts = Facts { ambiguous_since, edited_at, ..append() };
            hazards(&facts, Duration::from_hours(24), Timestamp::from_millis(900))
                .contains(&Hazard::EditedAfterAmbiguous)
        };
        assert!(edited(at(500), at(100)), "the old body may be in");
        assert!(edited(at(500), at(500)), "at the same moment: the careful side");
        assert!(!edited(at(500), at(600)), "what may be in is the edited one");
        assert!(!edited(at(500), None) && !edited(None, at(100)));
    }

    #[test]
    fn promise_5_an_ambiguous_append_is_refused_outside_its_window() {
        let facts = Facts { ambiguous_since: Some(at(1000)), captured_ambiguous: true, ..append() };
        assert_eq!(hazards(&facts, DAY, at(1000 + 86_399)), [Hazard::OutcomeUnknown]);
        assert_eq!(hazards(&facts, DAY, at(1000 + 86_400)), [Hazard::KeyExpired, Hazard::OutcomeUnknown]);
    }

    #[test]
    fn promise_5_a_key_that_was_not_on_the_wire_does_not_protect() {
        for key_origin in [KeyOrigin::EventId, KeyOrigin::Derived] {
            let facts = Facts { ambiguous_since: Some(at(0)), captured_ambiguous: true, key_origin, ..append() };
            assert_eq!(hazards(&facts, DAY, at(60)), [Hazard::KeyNotSent, Hazard::OutcomeUnknown]);
            let sent_by_dlq = Facts { captured_ambiguous: false, ..facts };
            assert_eq!(hazards(&sent_by_dlq, DAY, at(60)), [Hazard::OutcomeUnknown]);
        }
    }

    #[test]
    fn promise_5_definite_refusals_and_upserts_go_at_any_age() {
        assert_eq!(hazards(&append(), DAY, at(1_000_000_000)), []);
        // Under another header than now, the API never looked for it.
        for (moved, want) in [(None, false), (Some(at(500)), false), (Some(at(1500)), true)] {
            let facts = Facts { ambiguous_since: Some(at(1000)), key_moved_at: moved, ..append() };
            assert_eq!(hazards(&facts, DAY, at(2000)).contains(&Hazard::KeyNotSent), want, "{moved:?}");
        }
        let upsert = Facts { upsert: true, ambiguous_since: Some(at(0)), captured_ambiguous: true, ..append() };
        assert_eq!(hazards(&upsert, DAY, at(1_000_000)), [Hazard::OutcomeUnknown, Hazard::MaybeStale]);
        assert!(hazards(&upsert, DAY, at(1_000_000)).iter().all(|h| !h.refuses()));
    }

    #[test]
    fn an_api_without_keys_gets_no_append_twice_whatever_is_allowed() {
        let (none, now) = (Duration::ZERO, at(60));
        let facts = Facts { ambiguous_since: Some(at(0)), captured_ambiguous: true, ..append() };
        let found = hazards(&facts, none, now);
        assert_eq!(found, [Hazard::KeyNotSent, Hazard::OutcomeUnknown]);
        assert_eq!(refusing(&found, Hazard::ALL, false, none), Some(Hazard::KeyNotSent));
        assert_eq!(refusing(&found, Hazard::ALL, false, DAY), None);
        assert_eq!(hazards(&append(), none, now), [], "what was surely not applied may go");
        let upsert = Facts { upsert: true, ..facts };
        assert_eq!(hazards(&upsert, none, now), [Hazard::OutcomeUnknown]);
    }

    #[test]
    fn names_are_read_back() {
        for &hazard in Hazard::ALL {
            assert_eq!(Hazard::parse(hazard.name()), Some(hazard));
        }
    }
}
