//! Making a plan: hazards of each write, and of each lane as a whole.

use std::collections::HashMap;
use std::time::Duration;

use crate::domain::hazard::{Hazard, hazards};
use crate::domain::plan::{Candidate, LaneMate, Plan, PlannedWrite};
use crate::domain::time::Timestamp;

/// Parts candidates, oldest first, into what will be sent and what a hazard refuses. An open write that will not be
/// sent, selected or not, blocks the later writes of its lanes.
pub fn build_plan(
    mut candidates: Vec<Candidate>,
    mates: &[LaneMate],
    allowed: &[Hazard],
    window: Duration,
    now: Timestamp,
) -> Plan {
    candidates.sort_by_key(|c| (c.order_at, c.id));
    // The oldest write of each lane that stays open and unsent.
    let mut blocked: HashMap<i64, (Timestamp, crate::domain::ids::WriteId)> = HashMap::new();
    for mate in mates {
        let place = (mate.order_at, mate.id);
        blocked.entry(mate.lane).and_modify(|oldest| *oldest = place.min(*oldest)).or_insert(place);
    }
    let mut plan = Plan::default();
    for candidate in candidates {
        let place = (candidate.order_at, candidate.id);
        let lane_blocked = candidate.lanes.iter().any(|lane| blocked.get(lane).is_some_and(|oldest| *oldest < place));
        let facts = crate::domain::hazard::Facts { lane_blocked, ..candidate.facts };
        let write = PlannedWrite {
            id: candidate.id,
            group: candidate.group,
            order_at: candidate.order_at,
            content: candidate.content,
            hazards: hazards(&facts, window, now),
            lanes: candidate.lanes,
        };
        match write.refusal(allowed) {
            None => plan.send.push(write),
            Some(hazard) => {
                for lane in &write.lanes {
                    blocked.entry(*lane).and_modify(|oldest| *oldest = place.min(*oldest)).or_insert(place);
                }
                plan.refused.push((write, hazard));
            }
        }
    }
    plan
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::endpoint::EndpointOrigin;
    use crate::domain::hazard::Facts;
    use crate::domain::identity::Sha;
    use crate::domain::ids::{GroupId, WriteId};
    use crate::domain::key::KeyOrigin;
    use crate::domain::write::BodyOrigin;

    fn candidate(id: i64, lanes: &[i64]) -> Candidate {
        let order_at = Timestamp::from_millis(id);
        Candidate {
            id: WriteId(id),
            group: GroupId(1),
            order_at,
            facts: Facts {
                endpoint_origin: EndpointOrigin::Given,
                body_origin: BodyOrigin::Captured,
                upsert: false,
                key_origin: KeyOrigin::Given,
                ambiguous_since: None,
                captured_ambiguous: false,
                edited: false,
                key_reused: false,
                order_at,
                superseded: false,
                lane_blocked: false,
            },
            content: Sha::of(b""),
            lanes: lanes.to_vec(),
        }
    }

    fn plan(candidates: Vec<Candidate>, mates: &[LaneMate], allowed: &[Hazard]) -> (Vec<i64>, Vec<(i64, Hazard)>) {
        let plan = build_plan(candidates, mates, allowed, Duration::from_hours(24), Timestamp::from_millis(99));
        (plan.send.iter().map(|w| w.id.0).collect(), plan.refused.iter().map(|(w, h)| (w.id.0, *h)).collect())
    }

    fn mate(id: i64, lane: i64) -> LaneMate {
        LaneMate { id: WriteId(id), order_at: Timestamp::from_millis(id), lane }
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
}
