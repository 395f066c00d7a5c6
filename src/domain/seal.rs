//! Seals: hashes over all that makes up a write's request, and over all that allows it to be sent.
//!
//! SQLite keeps no checksum that would show a flipped bit in a row. What is sent must be what was captured, so every change
//! of a write renews its seal, every claim checks it, and a write whose seal is broken is never sent.

use sha2::{Digest, Sha256};

use super::ids::{RunId, WriteId};
use super::key::IdempotencyKey;
use super::lane::Turn;
use super::profile::{LaneSource, Operated};
use super::state::{Place, Standing};
use super::time::Timestamp;
use super::write::{Captured, FailedWrite};

/// The first 16 bytes of a SHA-256.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seal(pub [u8; 16]);

/// The request, its destination, and what decides whether it may be sent; without the write's current standing.
#[derive(Debug, Clone, Copy)]
pub struct Sealed<'a> {
    id: WriteId,
    target: &'a str,
    method: &'a str,
    path: &'a str,
    origins: [&'a str; 3],
    headers: &'a [(String, String)],
    key: &'a IdempotencyKey,
    parent_key: Option<&'a IdempotencyKey>,
    body: [u8; 32],
    revision: i64,
    operated: &'a Operated,
    lane: Option<&'a str>,
    turn: Turn,
    parent: Option<WriteId>,
    captured_ambiguous: bool,
    /// First attempt, failure, capture, edit.
    times: [Option<Timestamp>; 4],
}

impl<'a> Sealed<'a> {
    /// Takes the parts of a stored write.
    pub fn of(write: &'a FailedWrite) -> Self {
        Self {
            id: write.id,
            target: &write.target,
            method: &write.method,
            path: write.path.as_str(),
            origins: [write.endpoint_origin.name(), write.key_origin.name(), write.body_origin.name()],
            headers: &write.headers,
            key: &write.key,
            parent_key: write.parent_key.as_ref(),
            body: write.body_sha256.0,
            revision: write.revision,
            operated: &write.operated,
            lane: write.lane.as_deref(),
            turn: write.turn,
            parent: write.parent,
            captured_ambiguous: write.captured_ambiguous,
            times: [write.first_attempt_at, write.failed_at, Some(write.captured_at), write.edited_at],
        }
    }

    /// Takes the parts of a failure that has just become a write. `lane` is the name of its lanes.
    pub fn of_new(captured: &'a Captured, id: WriteId, body: super::identity::Sha, lane: Option<&'a str>) -> Self {
        Self {
            id,
            target: &captured.target,
            method: &captured.method,
            path: captured.path.as_str(),
            origins: [captured.endpoint_origin.name(), captured.key_origin.name(), captured.body_origin.name()],
            headers: &captured.headers,
            key: &captured.key,
            parent_key: None,
            body: body.0,
            revision: 0,
            operated: &captured.operated,
            lane,
            turn: Turn { at: captured.order_at(), arrival: id, id },
            parent: None,
            captured_ambiguous: captured.ambiguous,
            times: [captured.first_attempt_at, captured.failed_at, Some(captured.captured_at), None],
        }
    }

    /// Returns its seal, with the hashes of its lanes in any order.
    pub fn seal(&self, lanes: &[i64]) -> Seal {
        let mut hash = Hash::default();
        hash.number(self.id.0);
        for text in [self.target, self.method, self.path].iter().chain(&self.origins) {
            hash.text(text);
        }
        hash.number(self.headers.len() as i64);
        for (name, value) in self.headers {
            hash.text(name);
            hash.text(value);
        }
        hash.text(self.key.as_str());
        hash.option(self.parent_key.map(IdempotencyKey::as_str), Hash::text);
        hash.0.update(self.body);
        hash.number(self.revision);
        hash.option(self.lane, Hash::text);
        let mut lanes = lanes.to_vec();
        lanes.sort_unstable();
        hash.number(lanes.len() as i64);
        for lane in lanes {
            hash.number(lane);
        }
        let Turn { at, arrival, id } = self.turn;
        for number in [at.millis(), arrival.0, id.0] {
            hash.number(number);
        }
        hash.option(self.parent.map(|parent| parent.0), Hash::number);
        // What the path says by itself needs no seal of its own.
        if self.operated.lane != LaneSource::MatchKey || !self.operated.is_named_by(self.path) {
            hash.text(&self.operated.operation);
            hash.text(&self.operated.object);
            hash.text(&self.operated.lane.name());
        }
        hash.number(self.captured_ambiguous.into());
        self.times.iter().for_each(|time| hash.option(time.map(Timestamp::millis), Hash::number));
        hash.end()
    }
}

/// Returns the seal of a write's standing: over its request's seal, its state, the start of its ambiguity, and its run.
pub fn standing_seal(request: Seal, standing: &Standing, run: Option<RunId>) -> Seal {
    let mut hash = Hash::default();
    hash.0.update(request.0);
    hash.text(standing.state().name());
    let (was, how) = match standing.place {
        Place::Open(_) | Place::Replayed => ("", ""),
        Place::Replaying { was } | Place::Discarded { was } => (was.state().name(), ""),
        Place::Resolved { was, how } => (was.state().name(), how.name()),
    };
    hash.text(was);
    hash.text(how);
    hash.option(standing.ambiguous_since.map(Timestamp::millis), Hash::number);
    hash.option(run.map(|run| run.0), Hash::number);
    hash.end()
}

/// Returns the seal of a target: its ID, its name and its base URL.
pub fn target_seal(id: i64, name: &str, base_url: Option<&str>, key_moved_at: Option<Timestamp>) -> Seal {
    let mut hash = Hash::default();
    hash.number(id);
    hash.text(name);
    hash.option(base_url, Hash::text);
    // Older versions know no such time.
    if let Some(moved) = key_moved_at {
        hash.number(moved.millis());
    }
    hash.end()
}

/// A hash in which no two lists of values look the same.
#[derive(Default)]
struct Hash(Sha256);

impl Hash {
    fn text(&mut self, text: &str) {
        self.number(text.len() as i64);
        self.0.update(text);
    }

    fn number(&mut self, number: i64) {
        self.0.update(number.to_le_bytes());
    }

    fn option<T>(&mut self, value: Option<T>, add: impl FnOnce(&mut Self, T)) {
        self.0.update([u8::from(value.is_some())]);
        if let Some(value) = value {
            add(self, value);
        }
    }

    fn end(self) -> Seal {
        let mut first = [0; 16];
        first.copy_from_slice(&self.0.finalize()[..16]);
        Seal(first)
    }
}
