//! Counts of writes by kind and state.

/// The field that `stats` counts by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CountBy {
    /// The failure type.
    Type,
    /// The error code.
    Code,
    /// The object.
    Object,
    /// The target.
    Target,
    /// The group.
    Group,
}

/// Number of writes of one kind in each state.
#[derive(Debug, Clone)]
pub struct Count {
    /// The kind: a type, a code, an object, a target or a group's ID.
    pub key: String,
    /// The counts, in the order of [`State::ALL`](crate::domain::state::State::ALL).
    pub by_state: [i64; 6],
}
