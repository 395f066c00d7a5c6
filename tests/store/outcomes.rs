//! What became of the writes of a run: by cause, by outcome, and one by one.

use std::time::Duration;

use super::world::{World, answered, order};
use crate::domain::ids::{GroupId, WriteId};
use crate::domain::outcome::{AttemptOutcome, Outcome};
use crate::domain::reason::Reason;
use crate::domain::run::RunState;
use crate::domain::stop::Stops;

const HOUR: Duration = Duration::from_hours(1);

pub(super) fn the_writes_of_a_run_are_told_by_cause(world: &World) {
    world.ingest(&(1..=9).map(|n| order(n, HOUR)).collect::<Vec<_>>());
    let lease = world.begin(&[1, 2, 3, 4, 5, 6, 7, 8, 9], false).unwrap();
    let run = lease.run();
    world.accept(&lease, 1);
    for id in [2, 3] {
        let refused = world.claim(&lease, id);
        world.record(refused, answered(AttemptOutcome::Refused, Some(422), "record.total: too large"));
    }
    let notes = vec![
        (4, Outcome::Held, Reason::LaneFailed(Some(WriteId(2)))),
        (5, Outcome::Held, Reason::LaneFailed(Some(WriteId(3)))),
        (6, Outcome::Unsent, Reason::GroupStopped(GroupId(1))),
        (7, Outcome::Unsent, Reason::GroupStopped(GroupId(2))),
        (8, Outcome::Unsent, Reason::GroupStopped(GroupId(1))),
    ];
    world.store.note_outcomes(run, notes).wait().unwrap();
    world.store.end_run(run, RunState::Stopped, Stops::default(), 0).wait().unwrap();
    let causes = world.store.causes(run).wait().unwrap();
    let told: Vec<_> = causes
        .iter()
        .map(|c| (c.outcome.name(), c.reason.as_ref().map(Reason::code), c.count, c.reasons, c.example.0))
        .collect();
    assert_eq!(
        told,
        [
            ("failed", Some("api-refused"), 2, 1, 2),
            ("held", Some("lane-failed"), 2, 2, 4),
            ("unsent", Some("group-stopped"), 2, 1, 6),
            ("unsent", Some("group-stopped"), 1, 1, 7),
            ("unsent", None, 1, 1, 9),
        ]
    );
    let group = causes[0].group.clone().unwrap();
    assert_eq!((group.id, group.code.as_deref()), (world.view(2).write.group, Some("OTHER")));
    assert_eq!(group.message, "record.total: too large");
    assert_eq!(causes[3].reason, Some(Reason::GroupStopped(GroupId(2))));

    for (query, ids) in [
        ("run:1 outcome:failed", vec![2, 3]),
        ("run:1 outcome:failed,held", vec![2, 3, 4, 5]),
        ("run:1 outcome:unsent/group-stopped", vec![6, 7, 8]),
        ("run:1 -outcome:accepted,failed,held", vec![6, 7, 8, 9]),
        ("outcome:accepted", vec![1]),
        ("run:2 outcome:failed", vec![]),
    ] {
        assert_eq!(world.find(query), ids, "{query}");
    }

    // In a later run the same write may end differently; without a run, the last one counts.
    let again = world.begin(&[2, 3], false).unwrap();
    world.accept(&again, 2);
    assert_eq!(world.find("outcome:failed"), Vec::<i64>::new());
    assert_eq!(world.find("run:1 outcome:failed"), [2, 3]);
    assert_eq!(world.find("run:2 outcome:accepted"), [2]);
    assert_eq!(world.find("outcome:unsent id:3"), [3], "claimed by nobody yet");
    let told = world.store.outcomes_in(run, vec![WriteId(1), WriteId(4), WriteId(9)]).wait().unwrap();
    assert_eq!(
        told,
        [
            (WriteId(1), Outcome::Accepted, None),
            (WriteId(4), Outcome::Held, Some(Reason::LaneFailed(Some(WriteId(2))))),
            (WriteId(9), Outcome::Unsent, None),
        ]
    );
}

pub(super) fn what_was_said_in_a_run_is_its_cause_where_it_judged_no_data(world: &World) {
    world.ingest(&(1..=4).map(|n| order(n, HOUR)).collect::<Vec<_>>());
    let lease = world.begin(&[1, 2, 3, 4], false).unwrap();
    let refused = world.claim(&lease, 1);
    world.record(refused, answered(AttemptOutcome::Refused, Some(422), "record.total: too large"));
    for (id, status) in [(2, 503), (3, 502), (4, 503)] {
        let unclear = world.claim(&lease, id);
        world.record(unclear, answered(AttemptOutcome::Unclear, Some(status), "overloaded"));
    }
    world.store.end_run(lease.run(), RunState::Finished, Stops::default(), 0).wait().unwrap();
    let causes = world.store.causes(lease.run()).wait().unwrap();
    let told: Vec<String> = causes.iter().map(crate::render::words::run_cause).collect();
    let captured = world.view(2).write.group;
    let want = [
        format!("HTTP 503 OTHER: overloaded, and another answer (group {captured})"),
        format!("OTHER: record.total: too large (group {})", world.view(1).write.group),
    ];
    assert_eq!(told, want, "not what the writes came in with");
    assert_eq!(causes.iter().map(|cause| cause.count).collect::<Vec<_>>(), [3, 1]);
}
