//! Random histories through the rule book, against a simulated API that keeps a ledger: promises 1 to 7 without a file
//! and without a sleep. `DLQ_HISTORIES=100000 cargo test --release --lib rules::model` runs that many.

mod api;
mod memory;
mod people;
mod runs;
mod world;

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, TestRunner};

use self::world::{Ends, World};

/// The next step of a history. Numbers are taken modulo what there is.
#[derive(Debug, Clone)]
enum Step {
    /// A producer publishes a failure.
    Ingest {
        lane: u8,
        append: bool,
        given_key: bool,
        batch: bool,
        ambiguous: bool,
        applied: bool,
        age_h: u8,
    },
    /// The same failure is captured again.
    Repeat {
        write: u8,
        ambiguous: bool,
        applied: bool,
    },
    /// The producer retries by itself, gets it accepted, and its success is taken in.
    Recovered {
        write: u8,
        lane_is_told: bool,
    },
    /// A run begins, over all open writes.
    Begin {
        new_key: bool,
    },
    /// A run claims a write of its plan.
    Claim {
        run: u8,
        write: u8,
    },
    /// A request of a run ends, and the run may keep the write.
    End {
        run: u8,
        how: Ends,
        retry: bool,
    },
    /// A run asks for the next attempt of a write that it kept.
    Retry {
        run: u8,
    },
    /// A run releases a write between two attempts.
    LetGo {
        run: u8,
    },
    /// A run's process dies; requests already sent stay sent.
    Die {
        run: u8,
    },
    /// A run's process is stopped, and its lock file removed.
    LoseLock {
        run: u8,
        applied: bool,
    },
    /// Someone opens the file: dead runs are recovered.
    Recover,
    /// An operator looks into the API, and says what it holds.
    Resolve {
        write: u8,
    },
    /// An operator discards a write, or undoes its settling.
    Discard {
        write: u8,
    },
    Reopen {
        write: u8,
    },
    /// An operator edits a body, or undoes the edit.
    Edit {
        write: u8,
    },
    Undo {
        write: u8,
    },
    /// An operator splits a batch, or undoes the split.
    Split {
        write: u8,
    },
    Unsplit {
        write: u8,
    },
    /// Writes settled more than this many hours ago are deleted.
    Purge {
        age_h: u8,
    },
    /// Time passes.
    Wait {
        minutes: u16,
    },
    /// The clock is set back, and put right before it has caught up.
    ClockBack {
        hours: u8,
    },
    ClockRight,
}

fn step() -> impl Strategy<Value = Step> {
    let (w, b) = (any::<u8>(), any::<bool>());
    let ends = prop_oneof![
        4 => Just(Ends::Accepted),
        3 => Just(Ends::Refused),
        2 => any::<bool>().prop_map(|applied| Ends::Unclear { applied }),
        2 => any::<bool>().prop_map(|applied| Ends::NoAnswer { applied }),
        1 => Just(Ends::NotSent),
    ];
    prop_oneof![
        6 => (0u8..3, b, b, b, b, b, 0u8..30).prop_map(|(lane, append, given_key, batch, ambiguous, applied, age_h)| {
            Step::Ingest { lane, append, given_key, batch, ambiguous, applied, age_h }
        }),
        2 => (w, b, b).prop_map(|(write, ambiguous, applied)| Step::Repeat { write, ambiguous, applied }),
        2 => (w, b).prop_map(|(write, lane_is_told)| Step::Recovered { write, lane_is_told }),
        3 => prop::bool::weighted(0.2).prop_map(|new_key| Step::Begin { new_key }),
        12 => (w, w).prop_map(|(run, write)| Step::Claim { run, write }),
        10 => (w, ends, b).prop_map(|(run, how, retry)| Step::End { run, how, retry }),
        5 => w.prop_map(|run| Step::Retry { run }),
        1 => w.prop_map(|run| Step::LetGo { run }),
        1 => w.prop_map(|run| Step::Die { run }),
        4 => (w, b).prop_map(|(run, applied)| Step::LoseLock { run, applied }),
        5 => Just(Step::Recover),
        2 => w.prop_map(|write| Step::Resolve { write }),
        1 => w.prop_map(|write| Step::Discard { write }),
        2 => w.prop_map(|write| Step::Reopen { write }),
        1 => w.prop_map(|write| Step::Edit { write }),
        1 => w.prop_map(|write| Step::Undo { write }),
        1 => w.prop_map(|write| Step::Split { write }),
        3 => w.prop_map(|write| Step::Unsplit { write }),
        1 => (0u8..40).prop_map(|age_h| Step::Purge { age_h }),
        4 => (1u16..600).prop_map(|minutes| Step::Wait { minutes }),
        1 => (1u8..48).prop_map(|hours| Step::ClockBack { hours }),
        1 => Just(Step::ClockRight),
    ]
}

#[test]
fn promises_1_to_7_hold_in_every_history() {
    let histories = std::env::var("DLQ_HISTORIES").ok().and_then(|n| n.parse().ok()).unwrap_or(3000);
    let mut runner = TestRunner::new(Config { cases: histories, failure_persistence: None, ..Config::default() });
    let steps = prop::collection::vec(step(), 1..60);
    let outcome = runner.run(&steps, |steps| {
        let mut world = World::default();
        for step in &steps {
            world.go(step);
            world.check().map_err(TestCaseError::fail)?;
        }
        Ok(())
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}

/// The histories would prove nothing if they never got to the places that matter.
#[test]
fn the_histories_reach_what_they_are_about() {
    let mut runner = TestRunner::deterministic();
    let steps = prop::collection::vec(step(), 1..60);
    let mut seen = std::collections::BTreeMap::new();
    for _ in 0..6000 {
        let steps = steps.new_tree(&mut runner).map(|tree| tree.current()).unwrap_or_default();
        let mut world = World::default();
        for step in &steps {
            world.go(step);
        }
        for (what, n) in world.reached {
            *seen.entry(what).or_insert(0) += n;
        }
    }
    for what in [
        "sent",
        "retried",
        "applied",
        "applied without an answer",
        "answered from the cache",
        "late acceptance",
        "recovered in flight",
        "left in flight",
        "refused: key-expired",
        "refused: key-not-sent",
        "refused: clock-behind",
        "refused: lane-blocked",
        "refused: superseded",
        "refused: edited-after-ambiguous",
        "refused: outcome-unknown",
        "skipped: lane in flight",
        "skipped: edited",
        "new key",
        "recovered by its producer",
        "recovered while in hand",
        "recovered as parts",
        "purged",
        "split",
        "unsplit",
        "reopened",
    ] {
        assert!(seen.get(what).copied().unwrap_or(0) >= 5, "{what} was hardly ever reached: {seen:?}");
    }
}
