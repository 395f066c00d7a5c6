//! Writes moved from one file to another by an export: what a line says of them, and what it may change here.

use super::evidence::CapturedFailure;
use super::identity::{Identity, Sha};
use super::ids::WriteId;
use super::key::IdempotencyKey;
use super::run::Operator;
use super::state::{Place, Resolution, Standing, State};
use super::time::Timestamp;

/// The facts in an export about a write, besides the failure itself.
#[derive(Debug, Clone)]
pub struct Exported {
    /// Its place in the state machine when it was exported.
    pub place: Place,
    /// The time when it was settled.
    pub settled_at: Option<Timestamp>,
    /// Number of writes that it was split into.
    pub parts: Option<i64>,
    /// The batch that it was split from.
    pub parent: Option<Parent>,
    /// The failure that it came in with, if the line's own is that of a later answer.
    pub captured: CapturedFailure,
    /// Its last attempt as JSON text, for the record.
    pub last_attempt: Option<String>,
    /// The operator who imports it.
    pub by: Operator,
}

/// The identity of the batch that a part came from, for the same target.
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
    /// Returns its identity.
    pub fn identity<'a>(&'a self, target: &'a str) -> Identity<'a> {
        Identity { target, method: &self.method, path: &self.path, key: self.key.as_str(), content: self.content }
    }
}

/// The reason why a part of a batch can't be imported.
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

/// Checks that a part may be imported beside its batch: only if that batch was split here, too.
pub fn may_stand_beside(batch: WriteId, standing: &Standing) -> Result<(), BatchIsHere> {
    match standing.place {
        Place::Resolved { how: Resolution::Split, .. } => Ok(()),
        _ => Err(BatchIsHere { batch, state: standing.state() }),
    }
}

/// Returns true if a line says that a write which is open here is settled. It stays open: someone has to look at what was done
/// in the other file.
pub fn settles_elsewhere(here: State, line: Option<&Exported>) -> bool {
    let settled =
        line.is_some_and(|exported| !Standing { place: exported.place, ambiguous_since: None }.state().is_open());
    here.is_open() && settled
}
