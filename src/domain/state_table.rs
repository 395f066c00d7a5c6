//! The table of states, exhaustively: every place, ambiguous or not, with every event.

use super::*;

const EARLY: Timestamp = Timestamp::EPOCH;

fn late() -> Timestamp {
    Timestamp::from_millis(5000)
}

fn places() -> Vec<Place> {
    let mut all = vec![Place::Replayed];
    for was in [Waiting::Pending, Waiting::Unknown] {
        all.extend([Place::Open(was), Place::Replaying { was }, Place::Discarded { was }]);
        for how in [Resolution::ByHand, Resolution::Split, Resolution::Producer] {
            all.push(Place::Resolved { was, how });
        }
    }
    all
}

fn events() -> [Event; 13] {
    [
        Event::Claim,
        Event::Release,
        Event::Unclear { sent_at: late() },
        Event::NoAnswer { sent_at: late() },
        Event::Accept,
        Event::ResolveApplied,
        Event::ResolveNotApplied,
        Event::Edit,
        Event::Discard,
        Event::Reopen,
        Event::Split,
        Event::Unsplit,
        Event::ProducerSuccess,
    ]
}

/// The rows of the table: from, event, to. A pair without a row is not allowed.
fn row(place: Place, event: Event) -> Option<&'static str> {
    let was = |w: Waiting| w.state().name();
    Some(match (place, event) {
        (Place::Open(_), Event::Claim) => "replaying",
        (Place::Replaying { was: w }, Event::Release) => was(w),
        (Place::Replaying { .. }, Event::Unclear { .. } | Event::NoAnswer { .. }) => "replaying",
        (Place::Replaying { .. } | Place::Open(Waiting::Unknown), Event::Accept) => "replayed",
        (Place::Open(_), Event::ResolveApplied) => "resolved",
        (Place::Open(_), Event::ResolveNotApplied) => "pending",
        (Place::Open(w), Event::Edit) => was(w),
        (Place::Open(_), Event::Discard) => "discarded",
        (Place::Discarded { was: w } | Place::Resolved { was: w, how: Resolution::ByHand }, Event::Reopen) => was(w),
        (Place::Resolved { was: w, how: Resolution::Split }, Event::Unsplit) => was(w),
        (Place::Open(Waiting::Pending), Event::Split) => "resolved",
        (Place::Open(_), Event::ProducerSuccess) => "resolved",
        _ => return None,
    })
}

#[test]
fn every_place_with_every_event() {
    let mut seen = 0;
    for place in places() {
        for ambiguous_since in [None, Some(EARLY), Some(late())] {
            for event in events() {
                let before = Standing { place, ambiguous_since };
                let after = before.after(event);
                assert_eq!(after.map(|s| s.state().name()).ok(), row(place, event), "{before:?} {event:?}");
                if let Ok(after) = after {
                    let want = match event {
                        Event::Accept | Event::ResolveNotApplied => None,
                        Event::Unclear { .. } | Event::NoAnswer { .. } => ambiguous_since.or(Some(late())),
                        _ => ambiguous_since,
                    };
                    assert_eq!(after.ambiguous_since, want, "{before:?} {event:?}");
                }
                seen += 1;
            }
        }
    }
    assert_eq!(seen, 13 * 3 * 13);
}

#[test]
fn no_answer_leaves_unknown_also_when_it_was_pending() {
    let claimed = Standing::new(None).after(Event::Claim).unwrap();
    let end = claimed.after(Event::NoAnswer { sent_at: late() }).unwrap().after(Event::Release).unwrap();
    assert_eq!(end, Standing { place: Place::Open(Waiting::Unknown), ambiguous_since: Some(late()) });
}

#[test]
fn an_unclear_answer_leaves_what_it_was_but_ambiguous() {
    let claimed = Standing::new(None).after(Event::Claim).unwrap();
    let end = claimed.after(Event::Unclear { sent_at: late() }).unwrap().after(Event::Release).unwrap();
    assert_eq!(end, Standing { place: Place::Open(Waiting::Pending), ambiguous_since: Some(late()) });
}

#[test]
fn reopen_gives_back_what_it_was_ambiguity_included() {
    let unknown = Standing { place: Place::Open(Waiting::Unknown), ambiguous_since: Some(late()) };
    for event in [Event::Discard, Event::ResolveApplied] {
        assert_eq!(unknown.after(event).unwrap().after(Event::Reopen).unwrap(), unknown);
    }
}

#[test]
fn nothing_edits_discards_or_purges_a_replaying_write() {
    let claimed = Standing::new(None).after(Event::Claim).unwrap();
    assert!(claimed.after(Event::Edit).is_err() && claimed.after(Event::Discard).is_err());
    assert_eq!(claimed.after(Event::Discard).unwrap_err().to_string(), "it is replaying and can't be discarded");
}
