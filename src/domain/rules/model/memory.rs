//! A store without a file: it reads facts, asks the rules, and applies the changes, as every store must.

use std::collections::BTreeMap;

use super::api::Records;
use crate::domain::body::BodyOrigin;
use crate::domain::endpoint::EndpointOrigin;
use crate::domain::hazard::Facts;
use crate::domain::identity::Sha;
use crate::domain::ids::{RunId, WriteId};
use crate::domain::key::{IdempotencyKey, KeyOrigin};
use crate::domain::lane::Turn;
use crate::domain::outcome::{AttemptOutcome, Outcome};
use crate::domain::rules::Change;
use crate::domain::rules::claim::ClaimFacts;
use crate::domain::rules::lane::LaneFacts;
use crate::domain::state::Standing;
use crate::domain::target::Gate;
use crate::domain::time::Timestamp;

#[derive(Debug, Clone)]
pub(super) struct Write {
    pub(super) id: WriteId,
    pub(super) standing: Standing,
    pub(super) holder: Option<RunId>,
    pub(super) key: IdempotencyKey,
    pub(super) parent_key: Option<IdempotencyKey>,
    pub(super) key_origin: KeyOrigin,
    pub(super) append: bool,
    pub(super) lane: u8,
    pub(super) turn: Turn,
    pub(super) records: Records,
    pub(super) revision: u8,
    pub(super) edited_at: Option<Timestamp>,
    pub(super) captured_ambiguous: bool,
    pub(super) last_failed_at: Option<Timestamp>,
    pub(super) not_applied_at: Option<Timestamp>,
    pub(super) settled_at: Option<Timestamp>,
    pub(super) attempts: Vec<Attempt>,
    pub(super) parent: Option<WriteId>,
    pub(super) parts: i64,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Attempt {
    pub(super) run: RunId,
    pub(super) sent_at: Timestamp,
    pub(super) revision: u8,
    pub(super) outcome: Option<AttemptOutcome>,
}

impl Write {
    /// Returns the hash of the body, as far as anything depends on it.
    pub(super) fn body(&self) -> Sha {
        Sha::of(&[self.revision])
    }

    pub(super) fn facts(&self) -> Facts {
        Facts {
            endpoint_origin: EndpointOrigin::Given,
            body_origin: BodyOrigin::Captured,
            upsert: !self.append,
            key_origin: if self.parent_key.is_some() { KeyOrigin::Derived } else { self.key_origin },
            ambiguous_since: self.standing.ambiguous_since,
            captured_ambiguous: self.captured_ambiguous,
            edited_at: self.edited_at,
            key_reused: false,
            key_moved_at: None,
            order_at: self.turn.at,
            superseded: false,
            lane_blocked: false,
        }
    }

    pub(super) fn unanswered(&self, run: RunId) -> bool {
        self.attempts.iter().any(|a| a.run == run && a.outcome == Some(AttemptOutcome::NoAnswer))
    }
}

/// The writes by ID, and their outcomes in the plans of runs.
#[derive(Debug, Default)]
pub(super) struct Memory {
    pub(super) writes: BTreeMap<WriteId, Write>,
    pub(super) ended: BTreeMap<(RunId, WriteId), Outcome>,
    /// The lanes and times of what producers got accepted themselves.
    pub(super) successes: Vec<(u8, Timestamp)>,
}

impl Memory {
    pub(super) fn lane_of(&self, write: &Write) -> LaneFacts {
        let mut facts = LaneFacts::default();
        for mate in self.writes.values().filter(|mate| mate.lane == write.lane && mate.id != write.id) {
            facts.add(mate.turn, Some(mate.standing.place));
        }
        facts.latest_success = self.successes.iter().filter(|(lane, _)| *lane == write.lane).map(|(_, at)| *at).max();
        facts
    }

    pub(super) fn claim_facts(&self, write: &Write, run: RunId, planned: Sha) -> ClaimFacts {
        ClaimFacts {
            id: write.id,
            run,
            planned,
            damage: None,
            standing: write.standing,
            holder: write.holder,
            body: write.body(),
            key: write.key.clone(),
            attempts: write.attempts.len() as i64,
            turn: write.turn,
            facts: write.facts(),
            lane: self.lane_of(write),
            gate: Gate { base_url: Some("u".to_owned()), ..Gate::default() },
        }
    }

    /// Applies what a rule decided. Returns true if the write got a new key.
    pub(super) fn apply(&mut self, id: WriteId, run: Option<RunId>, changes: &[Change], now: Timestamp) -> bool {
        let mut rekeyed = false;
        let Some(write) = self.writes.get_mut(&id) else { return false };
        for change in changes {
            match change {
                Change::Stand { standing, run } => {
                    write.standing = *standing;
                    write.holder = *run;
                    write.settled_at = (!standing.state().is_open()).then_some(now);
                }
                Change::Rekey(key) => {
                    let old = std::mem::replace(&mut write.key, key.clone());
                    write.parent_key.get_or_insert(old);
                    rekeyed = true;
                }
                Change::Intend { n } => {
                    assert_eq!(*n, write.attempts.len() as i64 + 1, "attempts are numbered without a gap");
                    let run = run.expect("only a run intends");
                    write.attempts.push(Attempt { run, sent_at: now, revision: write.revision, outcome: None });
                }
                Change::LoseAttempt => {
                    let open = write.attempts.iter_mut().filter(|a| Some(a.run) == run && a.outcome.is_none());
                    open.for_each(|attempt| attempt.outcome = Some(AttemptOutcome::NoAnswer));
                }
                Change::EndItem { outcome, .. } => {
                    let run = run.expect("only a run has items");
                    let before = self.ended.insert((run, id), *outcome);
                    assert_eq!(before, None, "a write ends once in a run");
                }
                Change::NotApplied => {
                    write.not_applied_at = Some(now);
                    write.captured_ambiguous = false;
                }
                Change::AmbiguousSince { since, captured } => {
                    write.standing = write.standing.ambiguous_from(*since);
                    write.captured_ambiguous |= captured;
                }
                Change::Occurred(at) => write.last_failed_at = Some(*at),
                Change::Judge(_)
                | Change::NameEndpoint(_)
                | Change::CloseTarget { .. }
                | Change::ReopenTargetAt(_)
                | Change::NextToken(_) => {}
            }
        }
        rekeyed
    }
}
