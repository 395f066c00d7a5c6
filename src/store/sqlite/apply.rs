//! Applying a rule's decision, in the transaction in which its facts were read.

use rusqlite::Connection;

use super::actions::log;
use super::answers::keep_captured;
use super::error::JobResult;
use super::groups::ensure_group;
use super::seals::{Stands, load_standing, resealed};
use super::standing::{hold_and_count, save_standing};
use super::writes::load;
use crate::domain::action::Action;
use crate::domain::failure::Failure;
use crate::domain::fingerprint::fingerprint;
use crate::domain::ids::{GroupId, RunId, TargetId, WriteId};
use crate::domain::key::IdempotencyKey;
use crate::domain::outcome::{AttemptOutcome, Outcome};
use crate::domain::reason::Reason;
use crate::domain::rules::Change;
use crate::domain::run::Operator;
use crate::domain::time::Timestamp;
use crate::store::By;

/// The write that changes are applied to, and the run on whose behalf.
pub(super) struct Applying<'a> {
    pub(super) write: WriteId,
    /// Its standing before the changes.
    pub(super) stands: &'a Stands,
    /// The acting run, and the write's position in its plan (from 1), if known.
    pub(super) run: Option<RunId>,
    pub(super) seq: Option<usize>,
    pub(super) now: Timestamp,
    /// Its revision and group, if something may be sent.
    pub(super) sends: Option<(i64, GroupId)>,
}

impl Applying<'_> {
    /// Applies changes in order.
    pub(super) fn apply(&self, connection: &Connection, changes: &[Change]) -> JobResult<()> {
        let mut stands = *self.stands;
        let mut rest = changes;
        loop {
            match rest {
                [] => return Ok(()),
                // A claim and its first intent are one update of the row.
                [Change::Stand { standing, run }, Change::Intend { n }] => {
                    hold_and_count(connection, self.write, &stands, standing, *run)?;
                    return self.intend(connection, *n);
                }
                [change, after @ ..] => {
                    self.one(connection, &stands, change)?;
                    // The seal of its standing includes the seal of its request, which has a new
                    // key.
                    if matches!(change, Change::Rekey(_)) {
                        stands = load_standing(connection, self.write)?.unwrap_or(stands);
                    }
                    rest = after;
                }
            }
        }
    }

    fn one(&self, connection: &Connection, stands: &Stands, change: &Change) -> JobResult<()> {
        let id = self.write;
        match change {
            Change::Rekey(key) => self.rekey(connection, key),
            Change::Stand { standing, run } => Ok(save_standing(connection, id, stands, standing, *run, self.now)?),
            Change::Intend { n } => {
                connection.prepare_cached("UPDATE writes SET attempts = attempts + 1 WHERE id = ?")?.execute([id])?;
                self.intend(connection, *n)
            }
            Change::LoseAttempt => {
                connection
                    .prepare_cached(
                        "UPDATE attempts SET ended_at = ?, outcome = ?
                         WHERE write_id = ? AND run_id = ? AND ended_at IS NULL",
                    )?
                    .execute((self.now, AttemptOutcome::NoAnswer, id, self.run))?;
                Ok(())
            }
            Change::Judge(failure) => judge(connection, id, failure, self.now),
            Change::EndItem { outcome, reason } => self.end_item(connection, *outcome, reason.as_ref()),
            Change::NotApplied => resealed(connection, id, |connection| {
                connection
                    .prepare_cached("UPDATE writes SET not_applied_at = ?, captured_ambiguous = 0 WHERE id = ?")?
                    .execute((self.now, id))?;
                Ok(())
            }),
            Change::AmbiguousSince { since, captured } => resealed(connection, id, |connection| {
                connection
                    .prepare_cached(
                        "UPDATE writes SET ambiguous_since = min(coalesce(ambiguous_since, ?1), ?1),
                           captured_ambiguous = captured_ambiguous OR ?2 WHERE id = ?3",
                    )?
                    .execute((since, captured, id))?;
                Ok(())
            }),
            Change::Occurred(failed_at) => {
                connection
                    .prepare_cached("UPDATE writes SET occurrences = occurrences + 1, last_failed_at = ? WHERE id = ?")?
                    .execute((failed_at, id))?;
                connection
                    .prepare_cached(
                        "UPDATE groups SET last_seen = max(last_seen, ?)
                         WHERE id = (SELECT group_id FROM writes WHERE id = ?)",
                    )?
                    .execute((failed_at, id))?;
                Ok(())
            }
            Change::NameEndpoint(origin) => resealed(connection, id, |connection| {
                connection
                    .prepare_cached("UPDATE writes SET endpoint_origin = ? WHERE id = ?")?
                    .execute((origin, id))?;
                Ok(())
            }),
            Change::CloseTarget { until, length } => {
                connection
                    .prepare_cached(
                        "UPDATE targets SET opens_at = ?1, closed_ms = ?2 WHERE id = ?3 AND coalesce(opens_at, 0) < ?1",
                    )?
                    .execute((
                        until,
                        i64::try_from(length.as_millis()).unwrap_or(i64::MAX),
                        self.target(connection)?,
                    ))?;
                Ok(())
            }
            Change::ReopenTargetAt(opens_at) => {
                connection
                    .prepare_cached("UPDATE targets SET opens_at = ? WHERE id = ?")?
                    .execute((opens_at, self.target(connection)?))?;
                Ok(())
            }
            Change::NextToken(next) => {
                let next = i64::try_from(next.as_micros()).unwrap_or(i64::MAX);
                connection
                    .prepare_cached("UPDATE targets SET next_at = ? WHERE id = ?")?
                    .execute((next, self.target(connection)?))?;
                Ok(())
            }
        }
    }

    fn target(&self, connection: &Connection) -> JobResult<TargetId> {
        Ok(connection
            .prepare_cached("SELECT target_id FROM writes WHERE id = ?")?
            .query_row([self.write], |row| row.get(0))?)
    }

    /// Assigns the write a new key and keeps the captured one as its parent.
    fn rekey(&self, connection: &Connection, key: &IdempotencyKey) -> JobResult<()> {
        let old: String = connection
            .prepare_cached("SELECT key FROM writes WHERE id = ?")?
            .query_row([self.write], |row| row.get(0))?;
        resealed(connection, self.write, |connection| {
            connection
                .prepare_cached(
                    "UPDATE writes SET key = ?1, parent_key = coalesce(parent_key, ?2), key_since = ?3 WHERE id = ?4",
                )?
                .execute((key.as_str(), &old, self.now, self.write))?;
            Ok(())
        })?;
        let by = connection.prepare_cached("SELECT operator, uid, host, reason FROM runs WHERE id = ?")?.query_row(
            [self.run],
            |row| {
                let operator = Operator { name: row.get(0)?, uid: row.get(1)?, host: row.get(2)? };
                Ok(By { operator, reason: row.get(3)? })
            },
        )?;
        log(connection, Some(self.write), &Action::NewKey { from: old, to: key.to_string() }, &by, self.now)
    }

    /// Records an attempt, which is already included in its write's count.
    fn intend(&self, connection: &Connection, n: i64) -> JobResult<()> {
        let (revision, group) = self.sends.unzip();
        connection
            .prepare_cached("INSERT INTO attempts (write_id, n, run_id, revision, started_at) VALUES (?, ?, ?, ?, ?)")?
            .execute((self.write, n, self.run, revision, self.now))?;
        // At most once a second, so that not every attempt rewrites its group's row.
        connection
            .prepare_cached(
                "UPDATE groups SET last_replayed = ?1 WHERE id = ?2 AND coalesce(last_replayed, 0) < ?1 - 1000",
            )?
            .execute((self.now, group))?;
        Ok(())
    }

    fn end_item(&self, connection: &Connection, outcome: Outcome, reason: Option<&Reason>) -> JobResult<()> {
        let (code, data) = (reason.map(Reason::code), reason.and_then(reason_data));
        match self.seq {
            Some(seq) => connection
                .prepare_cached(
                    "UPDATE run_items SET outcome = ?, reason = ?, reason_data = ? WHERE run_id = ? AND seq = ?",
                )?
                .execute((outcome, code, data, self.run, seq as i64))?,
            None => connection
                .prepare_cached(
                    "UPDATE run_items SET outcome = ?, reason = ?, reason_data = ?
                     WHERE run_id = ? AND write_id = ? AND outcome IS NULL",
                )?
                .execute((outcome, code, data, self.run, self.write))?,
        };
        Ok(())
    }
}

/// Returns a reason's data as JSON; `None` if it has none.
pub(super) fn reason_data(reason: &Reason) -> Option<String> {
    let data = reason.data();
    (!data.is_empty()).then(|| serde_json::Value::Object(data).to_string())
}

/// Updates the write's type, code and group to follow an answer that judged the data.
fn judge(connection: &Connection, id: WriteId, failure: &Failure, now: Timestamp) -> JobResult<()> {
    let Some(write) = load(connection, id)? else { return Ok(()) };
    keep_captured(connection, id)?;
    let message = failure.message.as_deref().unwrap_or("");
    let key = (
        write.target_id,
        write.operated.object.clone(),
        failure.failure_type,
        failure.code.clone().unwrap_or_default(),
        fingerprint(failure.failure_type, message, failure.details.as_deref()),
    );
    let group = ensure_group(connection, &key, now)?;
    connection
        .prepare_cached("UPDATE groups SET last_seen = max(last_seen, ?1), last_replayed = ?1 WHERE id = ?2")?
        .execute((now, group))?;
    connection
        .prepare_cached(
            "UPDATE writes SET failure_type = ?, status = ?, error_code = ?, error_message = ?, error_details = ?,
               correlation_id = ?, group_id = ? WHERE id = ?",
        )?
        .execute((
            failure.failure_type,
            failure.status,
            &failure.code,
            &failure.message,
            &failure.details,
            &failure.correlation_id,
            group,
            id,
        ))?;
    Ok(())
}
