//! The marked writes of a list: chosen one by one, or all that match but a few.

use std::collections::BTreeSet;

use crate::domain::filter::{Filter, NumberField, Range, Term, Test};
use crate::domain::ids::WriteId;

/// The marked writes.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Marked {
    /// True if every matching write is marked but `ids`, including those that come in later.
    all: bool,
    /// The marked writes, or those left out of all.
    ids: BTreeSet<WriteId>,
    /// The write at which the range being marked began.
    pub from: Option<WriteId>,
}

impl Marked {
    /// Returns true if nothing is marked.
    pub fn is_empty(&self) -> bool {
        !self.all && self.ids.is_empty()
    }

    /// Returns true if all are marked, but perhaps a few.
    pub fn is_all(&self) -> bool {
        self.all
    }

    /// Returns true if a write is marked.
    pub fn has(&self, id: WriteId) -> bool {
        self.all != self.ids.contains(&id)
    }

    /// Returns the writes marked one by one, or those left out of all.
    pub fn ids(&self) -> &BTreeSet<WriteId> {
        &self.ids
    }

    /// Marked a write, or unmarks it.
    pub fn toggle(&mut self, id: WriteId) {
        if !self.ids.remove(&id) {
            self.ids.insert(id);
        }
    }

    /// Marked all that match, or none.
    pub fn toggle_all(&mut self) {
        *self = Self { all: !self.all, ..Self::default() };
    }

    /// Marked these writes as well.
    pub fn add(&mut self, ids: impl IntoIterator<Item = WriteId>) {
        for id in ids {
            if self.all {
                self.ids.remove(&id);
            } else {
                self.ids.insert(id);
            }
        }
    }

    /// Narrows a filter to the marked ones, if all are marked but a few.
    pub fn narrow(&self, mut filter: Filter) -> Filter {
        if self.all && !self.ids.is_empty() {
            let ranges = self.ids.iter().map(|id| Range { min: Some(id.0), max: Some(id.0) }).collect();
            filter.terms.push(Term { negated: true, test: Test::Number(NumberField::Id, ranges) });
        }
        filter
    }

    /// Returns the part of a query that leaves writes out; empty if there are none.
    pub fn exceptions(&self) -> String {
        if !self.all || self.ids.is_empty() {
            return String::new();
        }
        let ids: Vec<String> = self.ids.iter().map(ToString::to_string).collect();
        format!("-id:{}", ids.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_but_a_few_are_marked() {
        let mut marks = Marked::default();
        marks.toggle_all();
        marks.toggle(WriteId(7));
        assert!(marks.has(WriteId(8)) && !marks.has(WriteId(7)) && !marks.is_empty());
        assert_eq!(marks.exceptions(), "-id:7");
        assert!(marks.narrow(Filter::default()).terms[0].negated);
        marks.add([WriteId(7)]);
        assert!(marks.has(WriteId(7)) && marks.exceptions().is_empty());
        marks.toggle_all();
        assert_eq!(marks, Marked::default());
        marks.add([WriteId(1), WriteId(2)]);
        marks.toggle(WriteId(1));
        assert!(marks.has(WriteId(2)) && !marks.has(WriteId(1)));
        assert_eq!(marks.narrow(Filter::default()), Filter::default());
    }
}
