//! Answers as they came: the body of each is stored once, however many attempts it answered.

use rusqlite::{Connection, OptionalExtension as _, Row};

use super::error::JobResult;
use super::rows::headers;
use crate::domain::evidence::{CapturedFailure, KeptAnswer, Lost};
use crate::domain::ids::WriteId;
use crate::domain::write::Failure;

/// Stores a body, unless it is there. Gives its ID.
pub(super) fn keep(connection: &Connection, answer: &KeptAnswer) -> JobResult<i64> {
    let length = answer.length.map(|length| i64::try_from(length).unwrap_or(i64::MAX));
    let hash = hash_of(answer);
    let found = connection
        .prepare_cached("SELECT id FROM answer_bodies WHERE hash = ? AND sha256 = ? AND length IS ?")?
        .query_row((hash, answer.sha256, length), |row| row.get(0))
        .optional()?;
    if let Some(id) = found {
        return Ok(id);
    }
    connection
        .prepare_cached("INSERT INTO answer_bodies (hash, sha256, length, kept) VALUES (?, ?, ?, ?)")?
        .execute((hash, answer.sha256, length, &answer.body))?;
    Ok(connection.last_insert_rowid())
}

fn hash_of(answer: &KeptAnswer) -> i64 {
    let mut first = [0; 8];
    first.copy_from_slice(&answer.sha256.0[..8]);
    i64::from_le_bytes(first)
}

/// The columns that [`answer`] reads, of `attempts a` and, on the left, `answer_bodies b`.
pub(super) const ANSWER_COLUMNS: &str =
    "b.id, a.status, a.answer_headers, b.kept, b.length, b.sha256, a.transport_phase, a.transport_error";

/// Reads [`ANSWER_COLUMNS`] from the column at `at` on.
pub(super) fn answer(row: &Row<'_>, at: usize) -> rusqlite::Result<(Option<KeptAnswer>, Option<Lost>)> {
    let answer = match (row.get::<_, Option<i64>>(at)?, row.get::<_, Option<u16>>(at + 1)?) {
        (Some(_), Some(status)) => Some(KeptAnswer {
            status,
            headers: headers(row, at + 2)?,
            body: row.get(at + 3)?,
            length: row.get::<_, Option<i64>>(at + 4)?.map(i64::unsigned_abs),
            sha256: row.get(at + 5)?,
        }),
        _ => None,
    };
    let lost = match row.get(at + 6)? {
        Some(phase) => Some(Lost { phase, why: row.get::<_, Option<String>>(at + 7)?.unwrap_or_default() }),
        None => None,
    };
    Ok((answer, lost))
}

/// The bodies that answered a write's attempts.
pub(super) fn bodies_of(connection: &Connection, write: WriteId) -> JobResult<Vec<i64>> {
    let mut statement = connection
        .prepare_cached("SELECT DISTINCT answer_id FROM attempts WHERE write_id = ? AND answer_id IS NOT NULL")?;
    let bodies = statement.query_map([write], |row| row.get(0))?;
    Ok(bodies.collect::<Result<_, _>>()?)
}

/// Deletes a body that answered no attempt any more.
pub(super) fn forget_unless_used(connection: &Connection, body: i64) -> JobResult<()> {
    connection
        .prepare_cached(
            "DELETE FROM answer_bodies WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM attempts WHERE answer_id = ?1)",
        )?
        .execute([body])?;
    Ok(())
}

/// The failure that a write came in with.
pub(super) fn captured(connection: &Connection, write: WriteId) -> JobResult<CapturedFailure> {
    let found = connection
        .prepare_cached(
            "SELECT failure_type, status, error_code, error_message, error_details, correlation_id
             FROM captured_failures WHERE write_id = ?",
        )?
        .query_row([write], |row| {
            let Some(failure_type) = row.get(0)? else { return Ok(CapturedFailure::Lost) };
            Ok(CapturedFailure::Earlier(Box::new(Failure {
                failure_type,
                status: row.get(1)?,
                code: row.get(2)?,
                message: row.get(3)?,
                details: row.get(4)?,
                correlation_id: row.get(5)?,
            })))
        })
        .optional()?;
    Ok(found.unwrap_or(CapturedFailure::Current))
}

/// Keeps the failure that a write came in with, before a later answer takes its place.
pub(super) fn keep_captured(connection: &Connection, write: WriteId) -> JobResult<()> {
    connection
        .prepare_cached(
            "INSERT OR IGNORE INTO captured_failures (write_id, failure_type, status, error_code, error_message, error_details, correlation_id)
             SELECT id, failure_type, status, error_code, error_message, error_details, correlation_id FROM writes WHERE id = ?",
        )?
        .execute([write])?;
    Ok(())
}

/// Records the failure that a write came in with in another file, as its export tells it.
pub(super) fn restore_captured(connection: &Connection, write: WriteId, captured: &CapturedFailure) -> JobResult<()> {
    let failure = match captured {
        CapturedFailure::Current => return Ok(()),
        CapturedFailure::Earlier(failure) => Some(failure),
        CapturedFailure::Lost => None,
    };
    connection
        .prepare_cached(
            "INSERT INTO captured_failures (write_id, failure_type, status, error_code, error_message, error_details, correlation_id)
             VALUES (?, ?, ?, ?, ?, ?, ?)",
        )?
        .execute((
            write,
            failure.map(|f| f.failure_type),
            failure.and_then(|f| f.status),
            failure.and_then(|f| f.code.as_deref()),
            failure.and_then(|f| f.message.as_deref()),
            failure.and_then(|f| f.details.as_deref()),
            failure.and_then(|f| f.correlation_id.as_deref()),
        ))?;
    Ok(())
}
