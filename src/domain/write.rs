//! A write: as captured, and as stored.

use bytes::Bytes;

use super::body::BodyOrigin;
use super::endpoint::{EndpointOrigin, EndpointPath, is_upsert};
use super::failure::Failure;
use super::hazard::{Facts, Hazard};
use super::identity::{Identity, Sha, content_hash};
use super::ids::{GroupId, RunId, TargetId, WriteId};
use super::key::{IdempotencyKey, KeyOrigin, captured_window_start};
use super::lane::{Lane, Superseder, Turn};
use super::profile::Operated;
use super::state::Standing;
use super::time::Timestamp;
use super::transfer::Exported;

/// A captured failure: all that is known of it before the store gives it an ID.
#[derive(Debug, Clone)]
#[expect(clippy::struct_field_names, reason = "the field is `captured_at` in the file and in JSON too")]
pub struct Captured {
    /// The target's name.
    pub target: String,
    /// The HTTP method, upper-case.
    pub method: String,
    /// The path.
    pub path: EndpointPath,
    /// The path's origin.
    pub endpoint_origin: EndpointOrigin,
    /// The captured headers that will be sent again.
    pub headers: Vec<(String, String)>,
    /// The body; empty when it is missing.
    pub body: Vec<u8>,
    /// The body's origin.
    pub body_origin: BodyOrigin,
    /// The event, where nothing else was captured.
    pub evidence: Option<Vec<u8>>,
    /// The idempotency key.
    pub key: IdempotencyKey,
    /// The key sent in its place, where `--new-key` had derived one. Only from an export.
    pub new_key: Option<IdempotencyKey>,
    /// The key's origin.
    pub key_origin: KeyOrigin,
    /// The header in which its target's keys go, empty if it has none; `None` if the target is known already.
    pub key_header: Option<String>,
    /// The edited body and the time of the edit. Only from an export.
    pub edited: Option<(Vec<u8>, Timestamp)>,
    /// The other facts of an export.
    pub exported: Option<Box<Exported>>,
    /// The failure.
    pub failure: Failure,
    /// True if the API may have applied it.
    pub ambiguous: bool,
    /// Overrides the start of the ambiguity, for exported attempts that this file did not make.
    pub ambiguous_since: Option<Timestamp>,
    /// The time when it was first tried.
    pub first_attempt_at: Option<Timestamp>,
    /// The time when it failed.
    pub failed_at: Option<Timestamp>,
    /// The time when it came in.
    pub captured_at: Timestamp,
    /// The service that published it.
    pub source: Option<String>,
    /// What its profile calls its operation.
    pub operated: Operated,
    /// The version of the profile that read it.
    pub profile: String,
    /// The lanes of its records.
    pub lanes: Vec<Lane>,
    /// The names of its record's fields.
    pub record_fields: Vec<String>,
}

/// Clocks may differ by this much without a fault.
const FUTURE: std::time::Duration = std::time::Duration::from_mins(1);

impl Captured {
    /// Returns its identity, by which a repeat is recognised.
    pub fn identity(&self) -> Identity<'_> {
        Identity {
            target: &self.target,
            method: &self.method,
            path: self.path.as_str(),
            key: self.key.as_str(),
            content: content_hash(&self.body),
        }
    }

    /// Returns the start of its key window, if it is ambiguous.
    pub fn window_start(&self) -> Option<Timestamp> {
        let captured = self.ambiguous.then(|| captured_window_start(self.first_attempt_at, self.failed_at));
        // A clock that is ahead must not lengthen a window: nothing began after the failure, or after the capture.
        let latest = self.failed_at.map_or(self.captured_at, |failed| failed.min(self.captured_at));
        let captured = captured.map(|start| start.min(latest));
        // The time in an export may be that of an attempt after that failure.
        let exported = self.ambiguous_since.map(|start| start.min(self.captured_at));
        captured.into_iter().chain(exported).min()
    }

    /// Returns the time that orders it in its lane and in a plan. A producer's clock that is ahead does not count.
    pub fn order_at(&self) -> Timestamp {
        self.first_attempt_at.or(self.failed_at).map_or(self.captured_at, |at| at.min(self.captured_at))
    }

    /// Returns true if its producer dates it later than its capture: a clock that is ahead, or a zone left out.
    pub fn is_from_the_future(&self) -> bool {
        self.first_attempt_at.max(self.failed_at).is_some_and(|at| at.since(self.captured_at) > FUTURE)
    }
}

/// A write as stored, without its body.
#[derive(Debug, Clone)]
pub struct FailedWrite {
    /// Its ID.
    pub id: WriteId,
    /// The target's ID in this file.
    pub target_id: TargetId,
    /// The target's name.
    pub target: String,
    /// Its standing in the state machine.
    pub standing: Standing,
    /// The HTTP method.
    pub method: String,
    /// The path.
    pub path: EndpointPath,
    /// The path's origin.
    pub endpoint_origin: EndpointOrigin,
    /// The captured headers that will be sent again.
    pub headers: Vec<(String, String)>,
    /// The key that is sent.
    pub key: IdempotencyKey,
    /// The captured key, where another one is sent now.
    pub parent_key: Option<IdempotencyKey>,
    /// The key's origin.
    pub key_origin: KeyOrigin,
    /// The failure, as last judged.
    pub failure: Failure,
    /// Its group's ID.
    pub group: GroupId,
    /// True if the captured failure itself was ambiguous.
    pub captured_ambiguous: bool,
    /// The time when it was first tried.
    pub first_attempt_at: Option<Timestamp>,
    /// The time when it failed.
    pub failed_at: Option<Timestamp>,
    /// The time when it came in.
    pub captured_at: Timestamp,
    /// Its place in its lane and in a plan.
    pub turn: Turn,
    /// Number of times the failure was captured.
    pub occurrences: i64,
    /// Number of times dlq sent it.
    pub attempts: i64,
    /// The body's current revision.
    pub revision: i64,
    /// The time when an edit made the current body.
    pub edited_at: Option<Timestamp>,
    /// The SHA-256 of the current body.
    pub body_sha256: Sha,
    /// The body's origin.
    pub body_origin: BodyOrigin,
    /// What its profile calls its operation.
    pub operated: Operated,
    /// The version of the profile that read its captured failure; `None` if an older dlq did.
    pub profile: Option<String>,
    /// Its lanes as text; `None` for a lane of its own.
    pub lane: Option<String>,
    /// The run that has it in hand.
    pub run: Option<RunId>,
    /// True if another write has the same key.
    pub key_reused: bool,
    /// The time since which its target's keys go in another header than before.
    pub key_moved_at: Option<Timestamp>,
    /// The later write of its lane that was accepted.
    pub superseded_by: Option<Superseder>,
    /// The older open write of its lane that could not be sent now.
    pub blocked_by: Option<WriteId>,
    /// The batch that it was split from.
    pub parent: Option<WriteId>,
    /// Number of writes that it was split into.
    pub parts: Option<i64>,
    /// The service that published it.
    pub source: Option<String>,
    /// The time when it was settled.
    pub settled_at: Option<Timestamp>,
}

impl FailedWrite {
    /// Returns the facts that its hazards depend on.
    pub fn facts(&self) -> Facts {
        Facts {
            endpoint_origin: self.endpoint_origin,
            body_origin: self.body_origin,
            upsert: is_upsert(&self.operated.operation),
            // A captured request went out under the captured key, not under a new one.
            key_origin: if self.parent_key.is_some() { KeyOrigin::Derived } else { self.key_origin },
            ambiguous_since: self.standing.ambiguous_since,
            captured_ambiguous: self.captured_ambiguous,
            edited_at: self.edited_at,
            key_reused: self.key_reused,
            key_moved_at: self.key_moved_at,
            order_at: self.turn.at,
            superseded: self.superseded_by.is_some(),
            lane_blocked: self.blocked_by.is_some(),
        }
    }
}

/// A write, with what readers want to see beside it.
#[derive(Debug, Clone)]
pub struct WriteView {
    /// The write.
    pub write: FailedWrite,
    /// Its hazards when it was read; none once it is settled.
    pub hazards: Vec<Hazard>,
    /// Its current body, if it was asked for.
    pub body: Option<Bytes>,
    /// The end of its key window, if that keeps it from being sent again: that of an open append that may have been applied.
    pub window_ends: Option<Timestamp>,
    /// Number of its lanes: those of its records, if it is a batch.
    pub lanes: u64,
    /// The name of its record, read from its body, if that was asked for and no lane names it.
    pub name: Option<String>,
}
