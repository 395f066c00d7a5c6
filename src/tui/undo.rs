//! Changes that can be undone, and the words about writes that were settled.

use super::msg::Deed;
use super::theme::Role;
use crate::domain::action::Settling;
use crate::domain::ids::WriteId;
use crate::render::count::writes;
use crate::render::words;
use crate::store::Settled;

/// A change that can be undone.
#[derive(Debug, Clone)]
pub enum Undo {
    /// Writes that were discarded, or resolved as applied.
    Settled(Vec<WriteId>),
    /// The edit of a write that made this revision.
    Edit(WriteId, i64),
}

/// Returns the change that undoes a change.
pub fn change(undo: Undo) -> Deed {
    match undo {
        Undo::Settled(ids) => Deed::SettleThese(ids, Settling::Reopen, Some("undone in the terminal UI".to_owned())),
        Undo::Edit(id, revision) => Deed::Unkeep(id, revision),
    }
}

/// Returns messages on what was settled and what was refused. `key` is that of undo.
pub fn in_words(how: Settling, settled: &Settled, key: &str) -> Vec<(Role, String)> {
    let what = match how {
        Settling::Discard => "discarded",
        Settling::Reopen => "taken back",
        _ => "resolved",
    };
    let mut said = Vec::new();
    if let Some((id, why)) = settled.refused.first() {
        let more = settled.refused.len() - 1;
        let more = if more > 0 { format!(", and {more} more") } else { String::new() };
        said.push((Role::Warn, format!("write {id} was not changed: {}{more}", words::settle_refusal(*why))));
    }
    if !settled.done.is_empty() {
        let undo = match how {
            Settling::Discard | Settling::Applied => format!("; {key} takes that back"),
            _ => String::new(),
        };
        said.push((Role::Good, format!("{} {what}{undo}", writes(settled.done.len() as u64))));
    }
    said
}
