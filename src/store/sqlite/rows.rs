//! Conversions between SQLite's rows and domain values, in one place.

use rusqlite::Row;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};

use super::error::named;
use crate::domain::body::BodyOrigin;
use crate::domain::endpoint::{EndpointOrigin, EndpointPath};
use crate::domain::evidence::Phase;
use crate::domain::failure::Failure;
use crate::domain::failure_type::FailureType;
use crate::domain::identity::Sha;
use crate::domain::ids::{GroupId, IntakeId, RunId, TargetId, WriteId};
use crate::domain::key::{IdempotencyKey, KeyOrigin};
use crate::domain::lane::Turn;
use crate::domain::outcome::{AttemptOutcome, Outcome};
use crate::domain::profile::{LaneSource, Operated};
use crate::domain::run::{RunState, Wanted};
use crate::domain::seal::Seal;
use crate::domain::state::{Place, Resolution, Standing, State, Waiting};
use crate::domain::time::Timestamp;
use crate::domain::write::FailedWrite;

macro_rules! by_name {
    ($($type:ty),*) => { $(
        impl ToSql for $type {
            fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                Ok(self.name().into())
            }
        }

        impl FromSql for $type {
            fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                Self::parse(value.as_str()?).ok_or(FromSqlError::InvalidType)
            }
        }
    )* };
}

by_name!(
    Phase,
    FailureType,
    State,
    EndpointOrigin,
    KeyOrigin,
    BodyOrigin,
    Resolution,
    RunState,
    Wanted,
    AttemptOutcome,
    Outcome
);

macro_rules! by_number {
    ($($type:ident),*) => { $(
        impl ToSql for $type {
            fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                Ok(self.0.into())
            }
        }

        impl FromSql for $type {
            fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                value.as_i64().map($type)
            }
        }
    )* };
}

by_number!(WriteId, RunId, GroupId, IntakeId, TargetId);

impl ToSql for Timestamp {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.millis().into())
    }
}

impl FromSql for Timestamp {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        value.as_i64().map(Self::from_millis)
    }
}

impl ToSql for Sha {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.0.as_slice().into())
    }
}

impl FromSql for Sha {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        value.as_blob()?.try_into().map(Self).map_err(|_| FromSqlError::InvalidType)
    }
}

impl ToSql for Seal {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.0.as_slice().into())
    }
}

impl FromSql for Seal {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        value.as_blob()?.try_into().map(Self).map_err(|_| FromSqlError::InvalidType)
    }
}

/// The columns that [`write()`] reads, of `writes w` joined with `targets t`.
pub(super) const WRITE_COLUMNS: &str = "w.id, w.target_id, t.name, w.state, w.was, w.resolution, w.ambiguous_since, \
    w.method, w.path, w.endpoint_origin, w.headers, w.key, w.parent_key, w.key_origin, w.failure_type, w.status, \
    w.error_code, w.error_message, w.error_details, w.correlation_id, w.group_id, w.captured_ambiguous, \
    w.first_attempt_at, w.failed_at, w.captured_at, w.order_at, w.occurrences, w.attempts, w.revision, w.body_sha256, \
    coalesce(w.order_id, w.id), w.body_origin, w.lane, w.run_id, w.key_reused, w.source, w.settled_at, \
    w.parent_id, w.parts, w.edited_at, w.operation, w.object, w.lane_from, w.profile, \
    (SELECT key_header_since FROM targets WHERE id = w.target_id)";

/// Number of those columns.
pub(super) const WRITE_COLUMN_COUNT: usize = 45;

/// Reads a write from [`WRITE_COLUMNS`]. Facts that depend on its lanes are looked up separately.
/// An error names the column.
pub(super) fn write(row: &Row<'_>) -> rusqlite::Result<FailedWrite> {
    read_write(row).map_err(|error| named(row, error))
}

fn read_write(row: &Row<'_>) -> rusqlite::Result<FailedWrite> {
    let run: Option<RunId> = row.get(33)?;
    let standing = standing(row, 3)?;
    if (standing.state() == State::Replaying) != run.is_some() {
        return Err(rusqlite::Error::InvalidColumnType(33, "run_id".to_owned(), row.get_ref(33)?.data_type()));
    }
    Ok(FailedWrite {
        id: row.get(0)?,
        target_id: row.get(1)?,
        target: row.get(2)?,
        standing,
        method: row.get(7)?,
        path: EndpointPath::from_stored(row.get(8)?),
        endpoint_origin: row.get(9)?,
        headers: headers(row, 10)?,
        key: IdempotencyKey::from_stored(row.get(11)?),
        parent_key: row.get::<_, Option<String>>(12)?.map(IdempotencyKey::from_stored),
        key_origin: row.get(13)?,
        failure: Failure {
            failure_type: row.get(14)?,
            status: row.get(15)?,
            code: row.get(16)?,
            message: row.get(17)?,
            details: row.get(18)?,
            correlation_id: row.get(19)?,
        },
        group: row.get(20)?,
        captured_ambiguous: row.get(21)?,
        first_attempt_at: row.get(22)?,
        failed_at: row.get(23)?,
        captured_at: row.get(24)?,
        turn: Turn { at: row.get(25)?, arrival: row.get(30)?, id: row.get(0)? },
        occurrences: row.get(26)?,
        attempts: row.get(27)?,
        revision: row.get(28)?,
        body_sha256: row.get(29)?,
        body_origin: row.get(31)?,
        lane: row.get(32)?,
        run,
        key_reused: row.get(34)?,
        key_moved_at: row.get(44)?,
        source: row.get(35)?,
        settled_at: row.get(36)?,
        parent: row.get(37)?,
        parts: row.get(38)?,
        edited_at: row.get(39)?,
        operated: operated(row, 40)?,
        profile: row.get(43)?,
        superseded_by: None,
        blocked_by: None,
    })
}

/// Reads `operation, object, lane_from`, starting at column `at`.
fn operated(row: &Row<'_>, at: usize) -> rusqlite::Result<Operated> {
    let lane = match row.get_ref(at + 2)?.as_str_or_null()? {
        None => LaneSource::MatchKey,
        Some(name) => LaneSource::parse(name).map_err(|_| {
            rusqlite::Error::InvalidColumnType(at + 2, "lane_from".to_owned(), rusqlite::types::Type::Text)
        })?,
    };
    Ok(Operated { operation: row.get(at)?, object: row.get(at + 1)?, lane })
}

/// Reads `state, was, resolution, ambiguous_since`, starting at column `at`. A combination that no
/// rule produces is an error.
pub(super) fn standing(row: &Row<'_>, at: usize) -> rusqlite::Result<Standing> {
    let wrong = |column: usize, name: &str| {
        let kind = row.get_ref(column).map_or(rusqlite::types::Type::Null, |value| value.data_type());
        rusqlite::Error::InvalidColumnType(column, name.to_owned(), kind)
    };
    let state: State = row.get(at)?;
    let was = match row.get::<_, Option<State>>(at + 1)? {
        None => None,
        Some(State::Pending) => Some(Waiting::Pending),
        Some(State::Unknown) => Some(Waiting::Unknown),
        Some(_) => return Err(wrong(at + 1, "was")),
    };
    let how: Option<Resolution> = row.get(at + 2)?;
    let place = match (state, was) {
        (State::Pending, None) => Place::Open(Waiting::Pending),
        (State::Unknown, None) => Place::Open(Waiting::Unknown),
        (State::Replayed, None) => Place::Replayed,
        (State::Replaying, Some(was)) => Place::Replaying { was },
        (State::Resolved, Some(was)) => Place::Resolved { was, how: how.ok_or_else(|| wrong(at + 2, "resolution"))? },
        (State::Discarded, Some(was)) => Place::Discarded { was },
        _ => return Err(wrong(at + 1, "was")),
    };
    if how.is_some() && state != State::Resolved {
        return Err(wrong(at + 2, "resolution"));
    }
    Ok(Standing { place, ambiguous_since: row.get(at + 3)? })
}

/// Formats headers as they are stored: a JSON array of pairs; `None` without any.
pub(super) fn headers_text(headers: &[(String, String)]) -> Option<String> {
    if headers.is_empty() { None } else { serde_json::to_string(headers).ok() }
}

/// Reads headers as [`headers_text`] writes them.
fn headers(row: &Row<'_>, at: usize) -> rusqlite::Result<Vec<(String, String)>> {
    let Some(text) = row.get_ref(at)?.as_str_or_null()? else { return Ok(Vec::new()) };
    serde_json::from_str(text)
        .map_err(|error| rusqlite::Error::FromSqlConversionFailure(at, rusqlite::types::Type::Text, Box::new(error)))
}
