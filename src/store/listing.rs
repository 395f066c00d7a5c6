//! Pages of writes, read by key and never by offset.

use super::LaneCache;
use crate::domain::action::LogEntry;
use crate::domain::attempt::Attempt;
use crate::domain::filter::Filter;
use crate::domain::ids::WriteId;
use crate::domain::reason::Damage;
use crate::domain::time::Timestamp;
use crate::domain::write::{FailedWrite, WriteView};

/// The field a list is sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    /// The ID, which is the order of arrival.
    Id,
    /// The time of the first attempt, else of the failure, else of arrival.
    Time,
    /// The failure type.
    Type,
    /// The HTTP status.
    Status,
    /// Number of times it was captured.
    Occurrences,
    /// Number of times dlq sent it.
    Attempts,
}

/// A sort and its direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Order {
    /// The field to sort by.
    pub sort: Sort,
    /// `true` if the highest values come first.
    pub descending: bool,
}

/// The position in a list where one page ends and the next begins.
#[derive(Debug, Clone, PartialEq)]
pub struct Cursor {
    pub(super) value: Place,
    pub(super) id: i64,
}

/// A value of the column that a list is sorted by.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Place {
    Number(i64),
    Text(String),
}

impl Cursor {
    /// Returns the position of a write in an order.
    pub fn of(write: &FailedWrite, order: Order) -> Self {
        let number = Place::Number;
        let value = match order.sort {
            Sort::Id => number(write.id.0),
            Sort::Time => number(write.turn.at.millis()),
            Sort::Type => Place::Text(write.failure.failure_type.name().to_owned()),
            Sort::Status => number(write.failure.status.unwrap_or(0).into()),
            Sort::Occurrences => number(write.occurrences),
            Sort::Attempts => number(write.attempts),
        };
        Self { value, id: write.id.0 }
    }

    /// Returns the position just before a write, so that the page after it begins with that write.
    pub fn just_before(write: &FailedWrite, order: Order) -> Self {
        let mut cursor = Self::of(write, order);
        let step = if order.descending { 1 } else { -1 };
        cursor.id += step;
        if order.sort == Sort::Id {
            cursor.value = Place::Number(cursor.id);
        }
        cursor
    }
}

/// The parts of the bodies that a page of writes reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bodies {
    /// Nothing.
    None,
    /// The names of their records, where no lane names them.
    Names,
    /// All of them.
    All,
}

/// A request for one page of a list.
#[derive(Debug, Clone)]
pub struct PageRequest {
    /// The filter that the writes have to match.
    pub filter: Filter,
    /// The order of the list.
    pub order: Order,
    /// The position where the previous page ended; `None` for the first page.
    pub after: Option<Cursor>,
    /// `true` to read backward: the page that ends at `after`, or the last one if that is `None`.
    pub backward: bool,
    /// Maximum number of writes.
    pub limit: usize,
    /// The parts of their bodies to read.
    pub bodies: Bodies,
    /// The cache of lane facts, shared by all pages of a listing.
    pub lanes: LaneCache,
}

/// Some writes, and the position of the next page.
#[derive(Debug)]
pub struct Page {
    /// The writes.
    pub writes: Vec<WriteView>,
    /// The position of the next page; `None` at the end.
    pub next: Option<Cursor>,
    /// Writes of this page that can't be read, each with its damage.
    pub damaged: Vec<(WriteId, Damage)>,
}

/// An event in the history of a write.
#[derive(Debug)]
pub enum HistoryEntry {
    /// A request.
    Attempt(Attempt),
    /// An operator's action.
    Action(LogEntry),
}

impl HistoryEntry {
    /// Returns the time of the event.
    pub fn at(&self) -> Timestamp {
        match self {
            Self::Attempt(attempt) => attempt.started_at,
            Self::Action(entry) => entry.at,
        }
    }
}
