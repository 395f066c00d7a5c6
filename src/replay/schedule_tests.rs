//! Tests of the schedule, against random plans.

use proptest::prelude::*;

use super::*;
use crate::domain::identity::Sha;
use crate::domain::ids::WriteId;

fn planned(lanes: &[Vec<i64>], groups: &[i64]) -> Vec<PlannedWrite> {
    lanes
        .iter()
        .zip(groups.iter().cycle())
        .enumerate()
        .map(|(n, (lanes, group))| PlannedWrite {
            id: WriteId(n as i64),
            group: GroupId(*group),
            endpoint: format!("records/{group}/append").into(),
            content: Sha::of(b""),
            lanes: lanes.clone(),
            hazards: Vec::new(),
            window_ends: None,
            settled: false,
        })
        .collect()
}

proptest! {
    #[test]
    fn promise_7_lanes_keep_their_order_and_others_do_not_wait(
        lanes in prop::collection::vec(prop::collection::btree_set(0i64..5, 0..3), 1..40),
        outcomes in prop::collection::vec(0u8..6, 40),
        concurrency in 1usize..9,
        picks in prop::collection::vec(any::<prop::sample::Index>(), 80),
    ) {
        let lanes: Vec<Vec<i64>> = lanes.into_iter().map(|l| l.into_iter().collect()).collect();
        let plan = planned(&lanes, &[1]);
        let mut schedule = Schedule::new(&plan, 0);
        let mut in_flight: Vec<usize> = Vec::new();
        let mut over: Vec<Option<Finish>> = vec![None; plan.len()];
        let mut held = vec![false; plan.len()];
        let mut picks = picks.into_iter().cycle();
        loop {
            while in_flight.len() < concurrency {
                let Some(index) = schedule.take_next() else {
                    // Nothing may go: then every waiting write is behind one that is in flight.
                    for i in 0..plan.len() {
                        if over[i].is_none() && !held[i] && !in_flight.contains(&i) {
                            let waits = (0..i).any(|j| {
                                over[j].is_none() && !held[j] && lanes[i].iter().any(|l| lanes[j].contains(l))
                            });
                            prop_assert!(waits, "write {i} waits for nothing");
                        }
                    }
                    break;
                };
                for &other in &in_flight {
                    prop_assert!(!lanes[index].iter().any(|l| lanes[other].contains(l)), "two of a lane in flight");
                }
                for older in 0..index {
                    if lanes[index].iter().any(|l| lanes[older].contains(l)) {
                        prop_assert_eq!(over[older], Some(Finish::Done), "an older write of the lane is not through");
                    }
                }
                in_flight.push(index);
            }
            if in_flight.is_empty() {
                break;
            }
            let at = picks.next().unwrap().index(in_flight.len());
            let index = in_flight.swap_remove(at);
            let finish = match outcomes[index] { 0 => Finish::Failed, 1 => Finish::LeftOpen, _ => Finish::Done };
            over[index] = Some(finish);
            for dropped in schedule.finish(index, finish) {
                prop_assert_eq!(dropped.outcome, Outcome::Held);
                prop_assert!(!held[dropped.index] && over[dropped.index].is_none());
                held[dropped.index] = true;
            }
        }
        for i in 0..plan.len() {
            prop_assert!(over[i].is_some() || held[i], "write {i} was forgotten");
        }
    }
}

fn drain(schedule: &mut Schedule) -> Vec<usize> {
    std::iter::from_fn(|| schedule.take_next()).collect()
}

#[test]
fn promise_8_one_write_goes_first_and_the_rest_when_it_is_accepted() {
    let mut schedule = Schedule::new(&planned(&vec![vec![]; 5], &[1, 2]), 1);
    assert_eq!(drain(&mut schedule), [0]);
    assert!(schedule.is_canary(0));
    schedule.finish(0, Finish::Done);
    assert_eq!(drain(&mut schedule), [1, 2, 3, 4]);
}

#[test]
fn promise_8_canaries_are_spread_over_the_groups() {
    let mut schedule = Schedule::new(&planned(&vec![vec![]; 6], &[1, 1, 2]), 3);
    let mut order = Vec::new();
    for _ in 0..3 {
        let index = schedule.take_next().unwrap();
        assert_eq!(schedule.take_next(), None, "one at a time");
        order.push(index);
        schedule.finish(index, Finish::Done);
    }
    assert_eq!(order, [0, 2, 1]);
}

#[test]
fn promise_8_a_failed_canary_stops_its_group_and_the_next_group_gets_its_own() {
    let mut schedule = Schedule::new(&planned(&vec![vec![]; 6], &[1, 2]), 1);
    assert_eq!(schedule.take_next(), Some(0));
    assert!(schedule.finish(0, Finish::Failed).is_empty());
    let unsent: Vec<usize> = schedule.stop_group(GroupId(1)).iter().map(|d| d.index).collect();
    assert_eq!(unsent, [2, 4]);
    assert_eq!(drain(&mut schedule), [1], "still one at a time");
    schedule.finish(1, Finish::Done);
    assert_eq!(drain(&mut schedule), [3, 5]);
}

#[test]
fn promise_8_a_canary_that_was_not_sent_is_replaced() {
    let mut schedule = Schedule::new(&planned(&vec![vec![]; 3], &[1]), 1);
    assert_eq!(schedule.take_next(), Some(0));
    schedule.finish(0, Finish::LeftOpen);
    assert_eq!(drain(&mut schedule), [1]);
}

#[test]
fn a_stopped_group_holds_the_lanes_behind_it() {
    let mut schedule = Schedule::new(&planned(&[vec![], vec![7], vec![7], vec![]], &[1, 1, 2, 2]), 0);
    assert_eq!(schedule.take_next(), Some(0));
    let dropped = schedule.stop_group(GroupId(1));
    assert_eq!(
        dropped.iter().map(|d| (d.index, d.outcome)).collect::<Vec<_>>(),
        [(1, Outcome::Unsent), (2, Outcome::Held)]
    );
    assert_eq!(drain(&mut schedule), [3]);
}

#[test]
fn a_stopped_endpoint_stops_the_groups_of_it_alone() {
    let mut schedule = Schedule::new(&planned(&[vec![], vec![7], vec![7], vec![]], &[1, 1, 2, 2]), 0);
    let dropped = schedule.stop_endpoint("records/1/append");
    assert_eq!(
        dropped.iter().map(|d| (d.index, d.outcome)).collect::<Vec<_>>(),
        [(0, Outcome::Unsent), (1, Outcome::Unsent), (2, Outcome::Held)]
    );
    assert_eq!(drain(&mut schedule), [3]);
}

#[test]
fn a_stop_drops_all_that_wait() {
    let mut schedule = Schedule::new(&planned(&vec![vec![7]; 3], &[1]), 0);
    assert_eq!(schedule.take_next(), Some(0));
    assert_eq!(schedule.stop().len(), 2);
    assert_eq!(schedule.take_next(), None);
}
