//! Producers and operators: what they do to the queue.

use std::time::Duration;

use super::Step;
use super::memory::Write;
use super::world::{World, write_of};
use crate::domain::action::Settling;
use crate::domain::batch::BatchRule;
use crate::domain::body::BodyOrigin;
use crate::domain::endpoint::EndpointOrigin;
use crate::domain::ids::WriteId;
use crate::domain::key::{IdempotencyKey, KeyOrigin, captured_window_start};
use crate::domain::lane::Turn;
use crate::domain::rules::Change;
use crate::domain::rules::edit::{EditFacts, may_edit, may_undo};
use crate::domain::rules::lane::is_accepted;
use crate::domain::rules::purge::{PurgeFacts, may_purge};
use crate::domain::rules::recovered::{Alike, Recovery, doubtful, recovery};
use crate::domain::rules::repeat::{Again, Known, doubt, repeat};
use crate::domain::rules::settle::settle;
use crate::domain::rules::split::{PartFacts, may_split, unsplit};
use crate::domain::state::{Event, Standing};
use crate::domain::time::Timestamp;

impl World {
    pub(super) fn ingest(&mut self, step: &Step) {
        let Step::Ingest { lane, append, given_key, batch, ambiguous, applied, age_h } = *step else { return };
        let id = WriteId(self.next_id);
        self.next_id += 1;
        let count = if batch { 3 } else { 1 };
        let records = self.next_record..self.next_record + count;
        self.next_record += count;
        let first = self.now.minus(Duration::from_hours(age_h.into()));
        let key = IdempotencyKey::from_stored(format!("key-{id}"));
        // The producer's request carried the key only if the line named it.
        if ambiguous && applied {
            self.api.apply(given_key.then_some(key.as_str()), records.clone(), first);
        }
        let captured_at = self.tick().wall;
        let start = captured_window_start(Some(first), Some(first)).min(captured_at);
        self.memory.writes.insert(
            id,
            Write {
                id,
                standing: Standing::new(ambiguous.then_some(start)),
                holder: None,
                key,
                parent_key: None,
                key_origin: if given_key { KeyOrigin::Given } else { KeyOrigin::Derived },
                append,
                lane,
                turn: Turn { at: first.min(captured_at), arrival: id, id },
                records,
                revision: 0,
                edited_at: None,
                captured_ambiguous: ambiguous,
                last_failed_at: Some(first),
                not_applied_at: None,
                settled_at: None,
                attempts: Vec::new(),
                parent: None,
                parts: 0,
            },
        );
    }

    /// The producer retries by itself, fails, and publishes that. What it applies itself is not dlq's doing.
    pub(super) fn repeat(&mut self, write: u8, ambiguous: bool, applied: bool) {
        let Some(id) = self.pick(write) else { return };
        let write = &self.memory.writes[&id];
        if write.parent.is_some() {
            return;
        }
        let key = write.parent_key.clone().unwrap_or_else(|| write.key.clone());
        if self.purged.contains(key.as_str()) {
            return;
        }
        let given = write.key_origin == KeyOrigin::Given;
        if ambiguous && applied && !self.api.has_any(write.records.clone()) {
            self.api.apply(given.then_some(key.as_str()), write.records.clone(), self.now);
        }
        let failed_at = self.now;
        let again = Again {
            endpoint_origin: EndpointOrigin::Given,
            failed_at: Some(failed_at),
            ambiguous,
            window_start: ambiguous.then(|| captured_window_start(Some(failed_at), Some(failed_at)).min(self.wall())),
        };
        let now = self.tick().wall;
        let changes = repeat(&known(write_of(&self.memory, id)), &again);
        self.memory.apply(id, None, &changes, now);
        let parts: Vec<WriteId> = self.memory.writes.values().filter(|w| w.parent == Some(id)).map(|w| w.id).collect();
        for part in parts {
            let change = doubt(&known(write_of(&self.memory, part)), &again);
            self.memory.apply(part, None, change.as_slice(), now);
        }
    }

    /// The producer retries by itself with the key of its first request, gets it accepted, and its success is taken in.
    pub(super) fn recovered(&mut self, write: u8, lane_is_told: bool) {
        let Some(id) = self.pick(write) else { return };
        let write = write_of(&self.memory, id).clone();
        let key = write.parent_key.clone().unwrap_or_else(|| write.key.clone());
        if write.parent.is_some() || write.key_origin != KeyOrigin::Given || self.purged.contains(key.as_str()) {
            return;
        }
        if !self.api.has_any(write.records.clone()) {
            self.api.apply(Some(key.as_str()), write.records.clone(), self.now);
        }
        let now = self.tick().wall;
        let alike = [Alike { id, standing: Some(write.standing), key_was_sent: true, has_that_body: true }];
        match recovery(&alike) {
            Recovery::Settles(id, after) => {
                self.memory.apply(id, None, &[Change::Stand { standing: after, run: None }], now);
                self.reach("recovered by its producer");
            }
            Recovery::Several | Recovery::Nothing => self.may_have_recovered(doubtful(&alike).collect(), now),
        }
        if lane_is_told {
            self.memory.successes.push((write.lane, now));
        }
    }

    fn may_have_recovered(&mut self, writes: Vec<WriteId>, now: Timestamp) {
        let again =
            Again { endpoint_origin: EndpointOrigin::Given, failed_at: None, ambiguous: true, window_start: Some(now) };
        for id in writes {
            let parts: Vec<WriteId> =
                self.memory.writes.values().filter(|w| w.parent == Some(id)).map(|w| w.id).collect();
            if !parts.is_empty() {
                self.reach("recovered as parts");
            }
            if write_of(&self.memory, id).holder.is_some() {
                self.reach("recovered while in hand");
            }
            for id in [vec![id], parts].concat() {
                let change = doubt(&known(write_of(&self.memory, id)), &again);
                self.memory.apply(id, None, change.as_slice(), now);
            }
        }
    }

    /// An operator looks into the API and tells the truth.
    pub(super) fn resolve(&mut self, write: u8) {
        let Some(id) = self.pick(write) else { return };
        let has_it = self.api.has_any(write_of(&self.memory, id).records.clone());
        self.settle(write, if has_it { Settling::Applied } else { Settling::NotApplied });
    }

    pub(super) fn settle(&mut self, write: u8, how: Settling) {
        let Some(id) = self.pick(write) else { return };
        let write = write_of(&self.memory, id);
        if let Ok((_, changes)) = settle(write.standing, write.holder, how) {
            let now = self.tick().wall;
            self.memory.apply(id, None, &changes, now);
            if how == Settling::Reopen {
                self.reach("reopened");
            }
        }
    }

    pub(super) fn edit_facts(write: &Write) -> EditFacts {
        EditFacts {
            damage: None,
            standing: write.standing,
            body_origin: BodyOrigin::Captured,
            body: write.body(),
            revision: write.revision.into(),
        }
    }

    pub(super) fn edit(&mut self, write: u8) {
        let Some(id) = self.pick(write) else { return };
        let now = self.tick().wall;
        if let Some(write) = self.memory.writes.get_mut(&id)
            && may_edit(&Self::edit_facts(write), write.body()).is_ok()
        {
            write.revision += 1;
            write.edited_at = Some(now);
        }
    }

    pub(super) fn undo(&mut self, write: u8) {
        let Some(id) = self.pick(write) else { return };
        if let Some(write) = self.memory.writes.get_mut(&id) {
            let was_sent = write.attempts.iter().any(|attempt| attempt.revision == write.revision);
            if may_undo(&Self::edit_facts(write), write.revision.into(), was_sent).is_ok() {
                write.revision -= 1;
                if write.revision == 0 {
                    write.edited_at = None;
                }
            }
        }
    }

    pub(super) fn split(&mut self, write: u8) {
        let Some(id) = self.pick(write) else { return };
        let batch = write_of(&self.memory, id).clone();
        let count = batch.records.end - batch.records.start;
        let Ok(after) = batch.standing.after(Event::Split) else { return };
        let operation = if batch.append { "append-batch" } else { "upsert-batch" };
        if count < 2 || may_split(operation, batch.standing.ambiguous_since.is_some(), BatchRule::Atomic).is_err() {
            return;
        }
        let now = self.tick().wall;
        for record in batch.records.clone() {
            let part = WriteId(self.next_id);
            self.next_id += 1;
            self.memory.writes.insert(
                part,
                Write {
                    id: part,
                    standing: Standing::new(None),
                    key: IdempotencyKey::from_stored(format!("key-{part}")),
                    key_origin: KeyOrigin::Derived,
                    turn: Turn { id: part, ..batch.turn },
                    records: record..record + 1,
                    captured_ambiguous: false,
                    attempts: Vec::new(),
                    parent: Some(id),
                    parent_key: None,
                    revision: 0,
                    edited_at: None,
                    ..batch.clone()
                },
            );
        }
        let batch = self.memory.writes.get_mut(&id).expect("it was there");
        (batch.standing, batch.settled_at, batch.parts) = (after, Some(now), count as i64);
        self.reach("split");
    }

    pub(super) fn unsplit(&mut self, write: u8) {
        let Some(id) = self.pick(write) else { return };
        let batch = write_of(&self.memory, id);
        let parts: Vec<PartFacts> = self
            .memory
            .writes
            .values()
            .filter(|part| part.parent == Some(id))
            .map(|part| PartFacts {
                id: part.id,
                state: part.standing.state(),
                attempts: part.attempts.len() as i64,
                revision: part.revision.into(),
                ambiguous_since: part.standing.ambiguous_since,
            })
            .collect();
        let Ok(after) = unsplit(batch.standing, batch.parts, &parts) else { return };
        self.memory.writes.retain(|_, write| write.parent != Some(id));
        let batch = self.memory.writes.get_mut(&id).expect("it is no part of itself");
        (batch.standing, batch.settled_at, batch.parts) = (after, None, 0);
        self.reach("unsplit");
    }

    pub(super) fn purge(&mut self, age_h: u8) {
        let before = self.wall().minus(Duration::from_hours(age_h.into()));
        let ids: Vec<WriteId> = self.memory.writes.keys().rev().copied().collect();
        for id in ids {
            let write = write_of(&self.memory, id);
            let facts = PurgeFacts {
                place: write.standing.place,
                settled_at: write.settled_at,
                turn: write.turn,
                lane: self.memory.lane_of(write),
                has_parts: self.memory.writes.values().any(|part| part.parent == Some(id)),
            };
            if may_purge(&facts, before) {
                if write.standing.state().is_open() {
                    self.broken.push(format!("write {id} was purged while open"));
                }
                if is_accepted(write.standing.place) {
                    self.purged_accepted.push((write.lane, write.turn, WriteId(self.next_id)));
                }
                self.purged.insert(write.key.to_string());
                self.memory.writes.remove(&id);
                self.reach("purged");
            }
        }
    }
}

fn known(write: &Write) -> Known {
    Known {
        state: write.standing.state(),
        endpoint_origin: EndpointOrigin::Given,
        last_failed_at: write.last_failed_at,
        not_applied_at: write.not_applied_at,
        ambiguous_since: write.standing.ambiguous_since,
        captured_ambiguous: write.captured_ambiguous,
    }
}
