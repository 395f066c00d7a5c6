//! Answers as received. Each body is stored once, however many attempts it answered.

use rusqlite::{Connection, OptionalExtension as _, Row};

use super::error::JobResult;
use crate::domain::attempt::{Attempt, AttemptEnd};
use crate::domain::evidence::{CapturedFailure, Headers, KeptAnswer, Lost};
use crate::domain::failure::Failure;
use crate::domain::ids::WriteId;

/// Records the answer or the transport error of an attempt, if there is either.
pub(super) fn record(connection: &Connection, write: WriteId, n: i64, end: &AttemptEnd) -> JobResult<()> {
    let lost = end.transport.as_ref();
    let (phase, error) = (lost.map(|lost| lost.phase), lost.map(|lost| lost.why.as_str()));
    let Some(answer) = &end.answer else {
        if lost.is_some() {
            connection
                .prepare_cached("INSERT OR REPLACE INTO answers (write_id, n, phase, error) VALUES (?, ?, ?, ?)")?
                .execute((write, n, phase, error))?;
        }
        return Ok(());
    };
    let hash = hash_of(answer);
    let length = answer.length.map(|length| i64::try_from(length).unwrap_or(i64::MAX));
    // Refers to the stored body, if it is there already.
    let mut insert = connection.prepare_cached(
        "INSERT OR REPLACE INTO answers (write_id, n, body_id, headers, phase, error)
         SELECT ?, ?, id, ?, ?, ? FROM answer_bodies WHERE hash = ? AND sha256 = ? AND length IS ?",
    )?;
    let params = (write, n, answer.headers.as_str(), phase, error, hash, answer.sha256, length);
    if insert.execute(params)? == 0 {
        connection
            .prepare_cached("INSERT INTO answer_bodies (hash, sha256, length, kept) VALUES (?, ?, ?, ?)")?
            .execute((hash, answer.sha256, length, &answer.body))?;
        insert.execute(params)?;
    }
    Ok(())
}

fn hash_of(answer: &KeptAnswer) -> i64 {
    let mut first = [0; 8];
    first.copy_from_slice(&answer.sha256.0[..8]);
    i64::from_le_bytes(first)
}

/// The columns that [`answer`] reads, of `attempts a` and, on the left, `answers w` and
/// `answer_bodies b`.
const ANSWER_COLUMNS: &str = "b.id, a.status, w.headers, b.kept, b.length, b.sha256, w.phase, w.error";

/// The tables of those columns.
const ANSWER_TABLES: &str = "attempts a LEFT JOIN answers w ON w.write_id = a.write_id AND w.n = a.n
     LEFT JOIN answer_bodies b ON b.id = w.body_id";

/// Reads [`ANSWER_COLUMNS`], starting at column `at`.
fn answer(row: &Row<'_>, at: usize) -> rusqlite::Result<(Option<KeptAnswer>, Option<Lost>)> {
    let answer = match (row.get::<_, Option<i64>>(at)?, row.get::<_, Option<u16>>(at + 1)?) {
        (Some(_), Some(status)) => Some(KeptAnswer {
            status,
            headers: Headers::from_stored(row.get::<_, Option<String>>(at + 2)?.unwrap_or_default()),
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

/// Reads the IDs of the bodies that answered a write's attempts.
pub(super) fn bodies_of(connection: &Connection, write: WriteId) -> JobResult<Vec<i64>> {
    let mut statement =
        connection.prepare_cached("SELECT DISTINCT body_id FROM answers WHERE write_id = ? AND body_id IS NOT NULL")?;
    let bodies = statement.query_map([write], |row| row.get(0))?;
    Ok(bodies.collect::<Result<_, _>>()?)
}

/// Deletes a body if no answer refers to it any more.
pub(super) fn forget_unless_used(connection: &Connection, body: i64) -> JobResult<()> {
    connection
        .prepare_cached(
            "DELETE FROM answer_bodies WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM answers WHERE body_id = ?1)",
        )?
        .execute([body])?;
    Ok(())
}

/// Reads the failure that a write was captured with.
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

/// Preserves the failure that a write was captured with, before a later answer takes its place.
pub(super) fn keep_captured(connection: &Connection, write: WriteId) -> JobResult<()> {
    connection
        .prepare_cached(
            "INSERT OR IGNORE INTO captured_failures (write_id, failure_type, status, error_code, error_message, error_details, correlation_id)
             SELECT id, failure_type, status, error_code, error_message, error_details, correlation_id FROM writes WHERE id = ?",
        )?
        .execute([write])?;
    Ok(())
}

/// Records the failure that a write was captured with in another file, as stated in its export.
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

/// Reads the attempts of a write, in order.
pub(super) fn attempts_of(connection: &Connection, write: WriteId) -> JobResult<Vec<Attempt>> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT a.n, a.run_id, a.started_at, a.ended_at, a.status, a.error_code, a.error_message, a.correlation_id,
           a.outcome, a.cached, a.latency_ms, a.revision, a.rejected_records, {ANSWER_COLUMNS}
         FROM {ANSWER_TABLES} WHERE a.write_id = ? ORDER BY a.n"
    ))?;
    let rows = statement.query_map([write], |row| {
        let (answer, transport) = answer(row, 13)?;
        Ok(Attempt {
            n: row.get(0)?,
            run: row.get(1)?,
            started_at: row.get(2)?,
            ended_at: row.get(3)?,
            status: row.get(4)?,
            error_code: row.get(5)?,
            error_message: row.get(6)?,
            correlation_id: row.get(7)?,
            outcome: row.get(8)?,
            cached: row.get(9)?,
            latency_ms: row.get(10)?,
            revision: row.get(11)?,
            rejected: row
                .get::<_, Option<String>>(12)?
                .and_then(|named| serde_json::from_str(&named).ok())
                .unwrap_or_default(),
            answer,
            transport,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}
