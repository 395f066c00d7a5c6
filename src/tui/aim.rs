//! The aim of an action: the write under the cursor, the marked ones, all that match, or a group.

use crate::domain::filter::{Filter, NumberField, Range, Test};
use crate::domain::ids::WriteId;
use crate::domain::selection::Selection;

/// The writes that an action applies to.
#[derive(Debug, Clone)]
pub struct Aim {
    /// The writes as a filter.
    pub filter: Filter,
    /// The selection, as recorded.
    pub selection: Selection,
    /// The writes in words, for the screen.
    pub words: String,
    /// True if it is a group, of which only open writes are settled. A single write that can't be settled is refused
    /// with a reason instead.
    pub is_group: bool,
}

impl Aim {
    /// Creates the aim of writes that were chosen one by one.
    pub fn of_ids(ids: impl IntoIterator<Item = WriteId>) -> Self {
        let ids: Vec<i64> = ids.into_iter().map(|id| id.0).collect();
        let ranges = ids.iter().map(|&id| Range { min: Some(id), max: Some(id) }).collect();
        let list = ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
        let words = if let [one] = ids.as_slice() { format!("write {one}") } else { format!("{} writes", ids.len()) };
        Self {
            filter: Filter::default().and(Test::Number(NumberField::Id, ranges)),
            selection: Selection::of_words(&format!("id:{list}")),
            words,
            is_group: false,
        }
    }
}
