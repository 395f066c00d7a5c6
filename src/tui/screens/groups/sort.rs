//! The orders of the groups, and which of them are shown.

use std::cmp::Reverse;

use crate::domain::group::Group;
use crate::domain::time::Timestamp;

/// The order of the groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum GroupSort {
    /// By the number of open writes.
    Open,
    /// By the number of all writes.
    All,
    /// By type, then by open writes.
    Type,
    /// By the first failure.
    First,
    /// By the last failure.
    Last,
}

impl GroupSort {
    const ALL: [Self; 5] = [Self::Open, Self::Last, Self::First, Self::All, Self::Type];

    pub(super) fn next(self) -> Self {
        let at = Self::ALL.iter().position(|sort| *sort == self).unwrap_or(0);
        Self::ALL[(at + 1) % Self::ALL.len()]
    }

    /// Returns what stands first in this order, or in its reverse.
    pub(super) fn first(self, descending: bool) -> &'static str {
        match (self, descending) {
            (Self::Open, true) => "most open",
            (Self::Open, false) => "fewest open",
            (Self::All, true) => "largest",
            (Self::All, false) => "smallest",
            (Self::Type, true) => "transient",
            (Self::Type, false) => "auth",
            (Self::First, true) => "newest",
            (Self::First, false) => "oldest",
            (Self::Last, true) => "latest failure",
            (Self::Last, false) => "longest quiet",
        }
    }

    /// Puts groups in this order, or in its reverse.
    pub(super) fn apply(self, groups: &mut [Group], descending: bool) {
        match self {
            Self::Open => groups.sort_by_key(|group| Reverse(group.open)),
            Self::All => groups.sort_by_key(|group| Reverse(group.count)),
            Self::Type => groups.sort_by_key(|group| (group.failure_type as usize, Reverse(group.open))),
            Self::First => groups.sort_by_key(|group| Reverse(group.first_seen)),
            Self::Last => groups.sort_by_key(|group| Reverse(group.last_seen)),
        }
        if !descending {
            groups.reverse();
        }
    }
}

/// The groups that are shown, by their parking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shown {
    /// Those that wait for someone.
    Waiting,
    /// Those that are parked.
    Parked,
    /// All.
    All,
}

impl Shown {
    const ALL: [Self; 3] = [Self::Waiting, Self::Parked, Self::All];

    /// Returns the next choice, or the previous one.
    pub(super) fn step(self, forward: bool) -> Self {
        Self::ALL[(self as usize + if forward { 1 } else { 2 }) % 3]
    }

    /// Returns true if a group is shown.
    pub(super) fn has(self, group: &Group, now: Timestamp) -> bool {
        match self {
            Self::Waiting => !group.is_parked(now),
            Self::Parked => group.is_parked(now),
            Self::All => true,
        }
    }

    /// Returns its name on the screen; `None` for what is shown at the start.
    pub(super) fn name(self) -> Option<&'static str> {
        match self {
            Self::Waiting => None,
            Self::Parked => Some("parked"),
            Self::All => Some("with parked"),
        }
    }
}
