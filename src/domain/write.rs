//! A write: as it came in, and as it is kept.

use super::body::BodyOrigin;
use super::endpoint::{EndpointOrigin, EndpointPath, is_upsert};
use super::failure::Failure;
use super::hazard::{Facts, Hazard};
use super::identity::{Identity, Sha, content_hash};
use super::ids::{GroupId, RunId, TargetId, WriteId};
use super::key::{IdempotencyKey, KeyOrigin, captured_window_start};
use super::lane::{Lane, Turn};
use super::state::Standing;
use super::time::Timestamp;
use super::transfer::Exported;

/// A failure as it came in: all that is known of it before the store gives it an ID.
#[derive(Debug, Clone)]
pub struct Captured {
    /// The target's name.
    pub target: String,
    /// The HTTP method, upper-case.
    pub method: String,
    /// The path.
    pub path: EndpointPath,
    /// How the path is known.
    pub endpoint_origin: EndpointOrigin,
    /// The captured headers that will be sent again.
    pub headers: Vec<(String, String)>,
    /// The body; empty when it is missing.
    pub body: Vec<u8>,
    /// How the body is known.
    pub body_origin: BodyOrigin,
    /// The event, where that is all there is.
    pub evidence: Option<Vec<u8>>,
    /// The key.
    pub key: IdempotencyKey,
    /// The key that is sent instead, where `--new-key` had derived one: from an export.
    pub new_key: Option<IdempotencyKey>,
    /// How the key is known.
    pub key_origin: KeyOrigin,
    /// The edited body and when it was edited: from an export.
    pub edited: Option<(Vec<u8>, Timestamp)>,
    /// What else an export says.
    pub exported: Option<Box<Exported>>,
    /// What went wrong.
    pub failure: Failure,
    /// True if the API may have applied it.
    pub ambiguous: bool,
    /// Overrides when the ambiguity began: what an export says of attempts that this file did not make.
    pub ambiguous_since: Option<Timestamp>,
    /// The time when it was first tried.
    pub first_attempt_at: Option<Timestamp>,
    /// The time when it failed.
    pub failed_at: Option<Timestamp>,
    /// The time when it came in.
    pub captured_at: Timestamp,
    /// The service that published it.
    pub source: Option<String>,
    /// The lanes of its records.
    pub lanes: Vec<Lane>,
    /// The names of its record's fields.
    pub record_fields: Vec<String>,
}

/// Clocks differ by this much without anything being wrong.
const FUTURE: std::time::Duration = std::time::Duration::from_mins(1);

impl Captured {
    /// What makes it the same write as another.
    pub fn identity(&self) -> Identity<'_> {
        Identity {
            target: &self.target,
            method: &self.method,
            path: self.path.as_str(),
            key: self.key.as_str(),
            content: content_hash(&self.body),
        }
    }

    /// Returns the time when its key window began, if it is ambiguous.
    pub fn window_start(&self) -> Option<Timestamp> {
        let captured = self.ambiguous.then(|| captured_window_start(self.first_attempt_at, self.failed_at));
        // A clock that is ahead must not make a window longer: nothing began after it failed, or after it came in.
        let latest = self.failed_at.map_or(self.captured_at, |failed| failed.min(self.captured_at));
        let captured = captured.map(|start| start.min(latest));
        // What an export says may be of an attempt after that failure.
        let exported = self.ambiguous_since.map(|start| start.min(self.captured_at));
        captured.into_iter().chain(exported).min()
    }

    /// Its place in its lane and in a plan. A producer's clock that is ahead does not count.
    pub fn order_at(&self) -> Timestamp {
        self.first_attempt_at.or(self.failed_at).map_or(self.captured_at, |at| at.min(self.captured_at))
    }

    /// Returns true if its producer says that it happened later than it came in: a clock that is ahead, or a zone left out.
    pub fn is_from_the_future(&self) -> bool {
        self.first_attempt_at.max(self.failed_at).is_some_and(|at| at.since(self.captured_at) > FUTURE)
    }
}

/// A write as it is kept, without its body.
#[derive(Debug, Clone)]
pub struct FailedWrite {
    /// Names it.
    pub id: WriteId,
    /// The target's ID in this file.
    pub target_id: TargetId,
    /// The target's name.
    pub target: String,
    /// Where it stands.
    pub standing: Standing,
    /// The HTTP method.
    pub method: String,
    /// The path.
    pub path: EndpointPath,
    /// How the path is known.
    pub endpoint_origin: EndpointOrigin,
    /// The captured headers that will be sent again.
    pub headers: Vec<(String, String)>,
    /// The key that is sent.
    pub key: IdempotencyKey,
    /// The captured key, where another is sent now.
    pub parent_key: Option<IdempotencyKey>,
    /// How the key is known.
    pub key_origin: KeyOrigin,
    /// What went wrong, as last judged.
    pub failure: Failure,
    /// Its group.
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
    /// How often the failure was captured.
    pub occurrences: i64,
    /// How often dlq sent it.
    pub attempts: i64,
    /// The body's current version.
    pub revision: i64,
    /// The time when an edit made the current body.
    pub edited_at: Option<Timestamp>,
    /// The SHA-256 of the current body.
    pub body_sha256: Sha,
    /// The current body's length in bytes.
    pub body_len: i64,
    /// How the body is known.
    pub body_origin: BodyOrigin,
    /// Its lanes as text; `None` for a lane of its own.
    pub lane: Option<String>,
    /// The run that has it in hand.
    pub run: Option<RunId>,
    /// True if another write carries its key.
    pub key_reused: bool,
    /// True if a later write of its lane was accepted.
    pub superseded: bool,
    /// True if an older open write of its lane could not be sent now.
    pub lane_blocked: bool,
    /// The batch that it was split from.
    pub parent: Option<WriteId>,
    /// Into how many writes it was split.
    pub parts: Option<i64>,
    /// The service that published it.
    pub source: Option<String>,
    /// The time when it was settled.
    pub settled_at: Option<Timestamp>,
}

impl FailedWrite {
    /// What its hazards depend on.
    pub fn facts(&self) -> Facts {
        Facts {
            endpoint_origin: self.endpoint_origin,
            body_origin: self.body_origin,
            upsert: is_upsert(self.path.operation()),
            // A captured request went out under the captured key, not under a new one.
            key_origin: if self.parent_key.is_some() { KeyOrigin::Derived } else { self.key_origin },
            ambiguous_since: self.standing.ambiguous_since,
            captured_ambiguous: self.captured_ambiguous,
            edited_at: self.edited_at,
            key_reused: self.key_reused,
            order_at: self.turn.at,
            superseded: self.superseded,
            lane_blocked: self.lane_blocked,
        }
    }
}

/// A write with what a reader wants to see beside it.
#[derive(Debug, Clone)]
pub struct WriteView {
    /// The write.
    pub write: FailedWrite,
    /// Its hazards when it was read; none once it is settled.
    pub hazards: Vec<Hazard>,
    /// Its current body, where it was asked for.
    pub body: Option<Vec<u8>>,
}
