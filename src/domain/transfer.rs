//! Writes that move from one file to another by an export: what the line says of them, and what it may do here.

use super::evidence::CapturedFailure;
use super::identity::{Identity, Sha};
use super::ids::WriteId;
use super::key::IdempotencyKey;
use super::run::Operator;
use super::state::{Place, Resolution, Standing, State};
use super::time::Timestamp;

/// What an export says of a write besides the failure itself.
#[derive(Debug, Clone)]
pub struct Exported {
    /// Where it stood.
    pub place: Place,
    /// The time when it was settled.
    pub settled_at: Option<Timestamp>,
    /// Into how many writes it was split.
    pub parts: Option<i64>,
    /// The batch that it was split from.
    pub parent: Option<Parent>,
    /// The failure that it came in with, where the line's own is a later answer's.
    pub captured: CapturedFailure,
    /// Its last attempt, as JSON text: for the record.
    pub last_attempt: Option<String>,
    /// The one who takes it in.
    pub by: Operator,
}

/// What identifies the batch that a part came from; it was for the same target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parent {
    /// The HTTP method.
    pub method: String,
    /// The path below the base URL.
    pub path: String,
    /// The key as captured.
    pub key: IdempotencyKey,
    /// The hash of the captured body's canonical JSON.
    pub content: Sha,
}

impl Parent {
    /// Its identity.
    pub fn identity<'a>(&'a self, target: &'a str) -> Identity<'a> {
        Identity { target, method: &self.method, path: &self.path, key: self.key.as_str(), content: self.content }
    }
}

/// The reason why a part of a batch can't be taken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "it is a part of a batch that is write {batch} here, which is {state} and was not split here: both would be sent. Split that one here, or settle it first"
)]
pub struct BatchIsHere {
    /// The batch.
    pub batch: WriteId,
    /// Its state.
    pub state: State,
}

/// Checks that a part may come in beside its batch: only if that one went on in its parts here, too.
pub fn may_stand_beside(batch: WriteId, standing: &Standing) -> Result<(), BatchIsHere> {
    match standing.place {
        Place::Resolved { how: Resolution::Split, .. } => Ok(()),
        _ => Err(BatchIsHere { batch, state: standing.state() }),
    }
}

/// Returns true if a line says of an open write that it is settled. It stays open: what was done in another file is for someone to
/// look at.
pub fn settles_elsewhere(here: State, line: Option<&Exported>) -> bool {
    let settled =
        line.is_some_and(|exported| !Standing { place: exported.place, ambiguous_since: None }.state().is_open());
    here.is_open() && settled
}
