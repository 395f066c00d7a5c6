//! Planning: the hazards of each write, and of each lane as a whole.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use super::pace::PaceSettings;
use crate::domain::bucket::interval;
use crate::domain::clock::Clock;
use crate::domain::hazard::{Hazard, hazards, refusing};
use crate::domain::key::knows_keys;
use crate::domain::lane::Turn;
use crate::domain::plan::{Candidate, LaneMate, Plan, PlannedWrite};
use crate::domain::time::Timestamp;

/// The terms that a plan is made on.
#[derive(Debug, Clone)]
pub struct PlanTerms<'a> {
    /// Hazards that are overridden.
    pub allowed: &'a [Hazard],
    /// The target's key window.
    pub window: Duration,
    /// The present time, if the target's keys go in another header than the file has seen.
    pub key_moved_at: Option<Timestamp>,
    /// True if each write gets a new key.
    pub new_key: bool,
    /// Expected duration of the run.
    pub length: Duration,
    /// The time, by this machine's clock and by the newest that the file has seen.
    pub clock: Clock,
}

/// Returns the expected duration of a run of `writes` writes, if each request takes `latency` and
/// nothing goes wrong.
pub fn expected_length(writes: usize, pace: PaceSettings, latency: Duration) -> Duration {
    let writes = u32::try_from(writes).unwrap_or(u32::MAX);
    let by_rate = interval(pace.rate).saturating_mul(writes.saturating_sub(1));
    let rounds = writes.div_ceil(u32::try_from(pace.concurrency).unwrap_or(u32::MAX).max(1));
    by_rate.saturating_add(latency).max(latency.saturating_mul(rounds))
}

/// Divides candidates, oldest first, into writes to send and writes that a hazard refuses. An open
/// write that will not be sent, whether selected or not, blocks the later writes of its lanes.
/// Writes whose key window would end during the run are sent first, along with everything ahead of
/// them in their lanes.
pub fn build_plan(mut candidates: Vec<Candidate>, mates: &[LaneMate], terms: &PlanTerms<'_>) -> Plan {
    candidates.sort_by_key(|c| c.turn);
    // The oldest write of each lane that stays open and unsent.
    let mut blocked: HashMap<i64, Turn> = HashMap::new();
    for mate in mates {
        blocked.entry(mate.lane).and_modify(|oldest| *oldest = mate.turn.min(*oldest)).or_insert(mate.turn);
    }
    let mut plan = Plan::default();
    for candidate in candidates {
        let place = candidate.turn;
        let lane_blocked = candidate.lanes.iter().any(|lane| blocked.get(lane).is_some_and(|oldest| *oldest < place));
        let facts = crate::domain::hazard::Facts {
            lane_blocked,
            key_moved_at: terms.key_moved_at.or(candidate.facts.key_moved_at),
            ..candidate.facts
        };
        let write = PlannedWrite {
            id: candidate.id,
            group: candidate.group,
            endpoint: candidate.endpoint,
            content: candidate.content,
            hazards: if candidate.settled { Vec::new() } else { hazards(&facts, terms.window, terms.clock) },
            settled: candidate.settled,
            window_ends: facts
                .ambiguous_since
                .filter(|_| !facts.upsert && knows_keys(terms.window))
                .map(|since| since.plus(terms.window)),
            lanes: candidate.lanes,
        };
        match refusing(&write.hazards, terms.allowed, terms.new_key, terms.window) {
            None => plan.send.push(write),
            Some(hazard) => {
                for lane in &write.lanes {
                    blocked.entry(*lane).and_modify(|oldest| *oldest = place.min(*oldest)).or_insert(place);
                }
                plan.refused.push((write, hazard));
            }
        }
    }
    let now = terms.clock.latest();
    let end = now.plus(terms.length);
    plan.urgent = send_first(&mut plan.send, |write| write.window_ends.is_some_and(|ends| now < ends && ends <= end));
    plan
}

/// Moves the urgent writes to the front, with everything ahead of them in their lanes; returns the
/// number of writes moved.
fn send_first(send: &mut Vec<PlannedWrite>, is_urgent: impl Fn(&PlannedWrite) -> bool) -> usize {
    let mut lanes: HashSet<i64> = HashSet::new();
    let mut first = vec![false; send.len()];
    for (index, write) in send.iter().enumerate().rev() {
        if is_urgent(write) || write.lanes.iter().any(|lane| lanes.contains(lane)) {
            first[index] = true;
            lanes.extend(&write.lanes);
        }
    }
    let (urgent, rest): (Vec<_>, Vec<_>) = send.drain(..).zip(first).partition(|(_, first)| *first);
    let count = urgent.len();
    send.extend(urgent.into_iter().chain(rest).map(|(write, _)| write));
    count
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::body::BodyOrigin;
    use crate::domain::endpoint::EndpointOrigin;
    use crate::domain::hazard::Facts;
    use crate::domain::identity::Sha;
    use crate::domain::ids::{GroupId, WriteId};
    use crate::domain::key::KeyOrigin;
    use crate::domain::time::Timestamp;

    fn turn(id: i64) -> Turn {
        Turn { at: Timestamp::from_millis(id), arrival: WriteId(id), id: WriteId(id) }
    }

    fn candidate(id: i64, lanes: &[i64]) -> Candidate {
        let order_at = Timestamp::from_millis(id);
        Candidate {
            id: WriteId(id),
            group: GroupId(1),
            endpoint: "records/orders/append".into(),
            turn: turn(id),
            facts: Facts {
                endpoint_origin: EndpointOrigin::Given,
                body_origin: BodyOrigin::Captured,
                upsert: false,
                key_origin: KeyOrigin::Given,
                ambiguous_since: None,
                captured_ambiguous: false,
                edited_at: None,
                key_reused: false,
                key_moved_at: None,
                order_at,
                superseded: false,
                lane_blocked: false,
            },
            content: Sha::of(b""),
            lanes: lanes.to_vec(),
            settled: false,
        }
    }

    fn terms() -> PlanTerms<'static> {
        let (window, clock) = (Duration::from_hours(24), Clock::at(Timestamp::from_millis(99)));
        PlanTerms { allowed: &[], window, key_moved_at: None, new_key: false, length: Duration::ZERO, clock }
    }

    fn plan(candidates: Vec<Candidate>, mates: &[LaneMate], allowed: &[Hazard]) -> (Vec<i64>, Vec<(i64, Hazard)>) {
        let plan = build_plan(candidates, mates, &PlanTerms { allowed, ..terms() });
        (plan.send.iter().map(|w| w.id.0).collect(), plan.refused.iter().map(|(w, h)| (w.id.0, *h)).collect())
    }

    fn mate(id: i64, lane: i64) -> LaneMate {
        LaneMate { turn: turn(id), lane }
    }

    #[test]
    fn promise_7_an_older_write_that_is_not_sent_blocks_its_lane() {
        let writes = vec![candidate(5, &[1]), candidate(2, &[1]), candidate(3, &[2]), candidate(4, &[])];
        assert_eq!(plan(writes.clone(), &[], &[]).0, [2, 3, 4, 5]);
        let (send, refused) = plan(writes.clone(), &[mate(3, 1)], &[]);
        assert_eq!((send, refused), (vec![2, 3, 4], vec![(5, Hazard::LaneBlocked)]));
        let (send, _) = plan(writes.clone(), &[mate(9, 1)], &[]);
        assert_eq!(send, [2, 3, 4, 5], "a younger mate blocks nothing");
        assert_eq!(plan(writes, &[mate(1, 1)], &[Hazard::LaneBlocked]).0, [2, 3, 4, 5]);
    }

    #[test]
    fn promise_7_a_refused_write_blocks_through_batches() {
        let mut first = candidate(1, &[1]);
        first.facts.body_origin = BodyOrigin::Missing;
        let batch = candidate(2, &[1, 2]);
        let last = candidate(3, &[2]);
        let (send, refused) = plan(vec![first, batch, last], &[], &[]);
        assert!(send.is_empty());
        assert_eq!(refused, [(1, Hazard::NoBody), (2, Hazard::LaneBlocked), (3, Hazard::LaneBlocked)]);
    }

    #[test]
    fn promise_5_what_would_lose_its_window_goes_first_and_lanes_are_kept() {
        let mut writes: Vec<Candidate> = vec![
            candidate(1, &[]),
            candidate(2, &[1]),
            candidate(3, &[1, 2]),
            candidate(4, &[3]),
            candidate(5, &[2]),
            candidate(6, &[1]),
        ];
        // Write 5 waits for 3, which waits for 2.
        writes[4].facts.ambiguous_since = Some(Timestamp::from_millis(10));
        let length = Duration::from_hours(24);
        let made = build_plan(writes.clone(), &[], &PlanTerms { length, ..terms() });
        assert_eq!(made.send.iter().map(|w| w.id.0).collect::<Vec<_>>(), [2, 3, 5, 1, 4, 6]);
        assert_eq!(made.urgent, 3);
        let made = build_plan(writes, &[], &PlanTerms { length: Duration::from_mins(1), ..terms() });
        assert_eq!((made.urgent, made.send[0].id), (0, WriteId(1)), "time enough");
    }

    #[test]
    fn promise_2_what_was_settled_since_is_skipped_and_blocks_nothing() {
        let mut settled = candidate(1, &[1]);
        settled.facts.superseded = true;
        settled.settled = true;
        let made = build_plan(vec![settled, candidate(2, &[1])], &[], &terms());
        assert_eq!((made.send.len(), made.refused.len()), (2, 0));
        assert!(made.send[0].settled && made.send[0].hazards.is_empty());
    }

    #[test]
    fn promise_6_a_new_key_is_only_for_what_was_surely_not_applied() {
        let mut ambiguous = candidate(1, &[]);
        ambiguous.facts.ambiguous_since = Some(Timestamp::from_millis(10));
        let allowed = [Hazard::KeyExpired];
        let made = build_plan(
            vec![ambiguous, candidate(2, &[])],
            &[],
            &PlanTerms { new_key: true, allowed: &allowed, ..terms() },
        );
        assert_eq!((made.refused[0].1, made.send[0].id), (Hazard::OutcomeUnknown, WriteId(2)));
    }

    #[test]
    fn the_expected_length_follows_the_slower_of_rate_and_latency() {
        let pace = |rate, concurrency| PaceSettings { rate, concurrency };
        let latency = Duration::from_millis(100);
        assert_eq!(expected_length(101, pace(Some(10.0), 8), latency), Duration::from_millis(10_100));
        assert_eq!(expected_length(80, pace(None, 8), latency), Duration::from_secs(1));
        assert_eq!(expected_length(1, pace(None, 8), latency), latency);
    }
}
