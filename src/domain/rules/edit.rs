//! Edits: which bodies may be changed, and which changes undone.

use crate::domain::body::BodyOrigin;
use crate::domain::identity::Sha;
use crate::domain::reason::Damage;
use crate::domain::state::{Event, NotAllowed, Standing};

/// The facts about a write that an edit depends on.
#[derive(Debug, Clone, Copy)]
pub struct EditFacts {
    /// The damage to it, if there is any.
    pub damage: Option<Damage>,
    /// Its standing in the state machine.
    pub standing: Standing,
    /// Its body's origin.
    pub body_origin: BodyOrigin,
    /// The SHA-256 of its current body.
    pub body: Sha,
    /// The number of its current revision.
    pub revision: i64,
}

/// The reason why a body was not edited, or an edit not undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EditRefusal {
    /// There is no such write.
    #[error("there is no such write")]
    NoSuchWrite,
    /// Its row or body was changed on disk.
    #[error("its row or its body was changed on disk: see dlq doctor")]
    Damaged,
    /// Its state does not allow it.
    #[error("{0}")]
    NotAllowed(NotAllowed),
    /// Only its event was captured.
    #[error("only its event was captured: there is no body to edit")]
    NoBody,
    /// Another change came first.
    #[error("its body was changed meanwhile")]
    ChangedMeanwhile,
    /// The edit is not the last one.
    #[error("that edit is not its last one")]
    NotTheLast,
    /// It was sent with the edited body.
    #[error("it was sent as it is now; edit it again instead")]
    WasSent,
}

/// Decides whether a write may get a new body, made from the body `edited`.
pub fn may_edit(facts: &EditFacts, edited: Sha) -> Result<(), EditRefusal> {
    editable(facts)?;
    if facts.body == edited { Ok(()) } else { Err(EditRefusal::ChangedMeanwhile) }
}

/// Decides whether the edit that made `revision` may be undone; `was_sent` if an attempt went out with it.
pub fn may_undo(facts: &EditFacts, revision: i64, was_sent: bool) -> Result<(), EditRefusal> {
    editable(facts)?;
    if facts.revision != revision || revision == 0 {
        return Err(EditRefusal::NotTheLast);
    }
    if was_sent { Err(EditRefusal::WasSent) } else { Ok(()) }
}

fn editable(facts: &EditFacts) -> Result<(), EditRefusal> {
    if facts.damage.is_some() {
        return Err(EditRefusal::Damaged);
    }
    facts.standing.after(Event::Edit).map_err(EditRefusal::NotAllowed)?;
    if facts.body_origin == BodyOrigin::Missing { Err(EditRefusal::NoBody) } else { Ok(()) }
}
