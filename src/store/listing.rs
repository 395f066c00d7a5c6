//! Pages of writes: by key, never by offset.

use super::LaneCache;
use crate::domain::action::LogEntry;
use crate::domain::attempt::Attempt;
use crate::domain::filter::Filter;
use crate::domain::ids::WriteId;
use crate::domain::reason::Damage;
use crate::domain::time::Timestamp;
use crate::domain::write::{FailedWrite, WriteView};

/// What a list is sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    /// The ID: the order of arrival.
    Id,
    /// First attempt, else failure, else arrival.
    Time,
    /// The failure type.
    Type,
    /// The HTTP status.
    Status,
    /// How often it was captured.
    Occurrences,
    /// How often dlq sent it.
    Attempts,
}

/// A sort and its direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Order {
    /// By what.
    pub sort: Sort,
    /// True if the highest come first.
    pub descending: bool,
}

/// Where a page ended, and the next one begins.
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
    /// The place of a write in an order.
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

    /// Just before a write: a page after this begins with it.
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

/// Which page is wanted.
#[derive(Debug, Clone)]
pub struct PageRequest {
    /// What has to hold.
    pub filter: Filter,
    /// In which order.
    pub order: Order,
    /// Where the page before ended; `None` for the first.
    pub after: Option<Cursor>,
    /// True if the page that ends there is wanted instead, or without a place the last one.
    pub backward: bool,
    /// The most writes.
    pub limit: usize,
    /// True if their bodies are wanted.
    pub bodies: bool,
    /// What is known of lanes: the same one for all pages of a listing.
    pub lanes: LaneCache,
}

/// Some writes, and where to go on.
#[derive(Debug)]
pub struct Page {
    /// The writes.
    pub writes: Vec<WriteView>,
    /// Where to go on; `None` at the end.
    pub next: Option<Cursor>,
    /// Writes of this page that can't be read, and why.
    pub damaged: Vec<(WriteId, Damage)>,
}

/// Something that happened to a write.
#[derive(Debug)]
pub enum HistoryEntry {
    /// A request.
    Attempt(Attempt),
    /// An operator's action.
    Action(LogEntry),
}

impl HistoryEntry {
    /// When.
    pub fn at(&self) -> Timestamp {
        match self {
            Self::Attempt(attempt) => attempt.started_at,
            Self::Action(entry) => entry.at,
        }
    }
}
