//! Settling by hand: resolve, discard, reopen.

use serde_json::json;

use super::Change;
use crate::domain::action::Settling;
use crate::domain::ids::RunId;
use crate::domain::reason::{Damage, Data};
use crate::domain::state::{NotAllowed, Standing};

/// The reason why a write was not settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SettleRefusal {
    /// It does not exist.
    NoSuchWrite,
    /// Its row is not as dlq left it.
    Damaged(Damage),
    /// Its state does not allow it.
    NotAllowed {
        /// Its state, and the event that was refused.
        why: NotAllowed,
        /// The run that has it in hand.
        run: Option<RunId>,
    },
}

impl SettleRefusal {
    /// Returns its code, in kebab-case.
    pub fn code(self) -> &'static str {
        match self {
            Self::NoSuchWrite => "no-such-write",
            Self::Damaged(_) => "damaged",
            Self::NotAllowed { .. } => "not-allowed",
        }
    }

    /// Returns its details.
    pub fn data(self) -> Data {
        let value = match self {
            Self::NoSuchWrite => json!({}),
            Self::Damaged(damage) => json!({ "damage": damage.place() }),
            Self::NotAllowed { why, run } => json!({ "state": why.state.name(), "run": run }),
        };
        if let serde_json::Value::Object(data) = value { data } else { Data::new() }
    }
}

/// Decides what settling a write changes.
pub fn settle(standing: Standing, run: Option<RunId>, how: Settling) -> Result<(Standing, Vec<Change>), SettleRefusal> {
    let after = standing.after(how.event()).map_err(|why| SettleRefusal::NotAllowed { why, run })?;
    let mut changes = vec![Change::Stand { standing: after, run: None }];
    if how == Settling::NotApplied {
        changes.push(Change::NotApplied);
    }
    Ok((after, changes))
}
