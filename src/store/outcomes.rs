//! Outcomes: what an attempt came to, and where that leaves its write.

use std::time::Duration;

use rusqlite::{Connection, params};

use super::error::JobResult;
use super::ingest::ensure_group;
use super::rows::save_standing;
use super::seals::load_standing;
use super::worker::Reply;
use super::writes::load;
use super::{Store, StoreError};
use crate::domain::answer::judges_data;
use crate::domain::fingerprint::fingerprint;
use crate::domain::identity::Sha;
use crate::domain::ids::{RunId, WriteId};
use crate::domain::outcome::{AttemptOutcome, Outcome};
use crate::domain::state::{Event, State};
use crate::domain::time::Timestamp;
use crate::domain::write::Failure;

/// How an attempt ended.
#[derive(Debug, Clone)]
pub struct AttemptEnd {
    /// When.
    pub at: Timestamp,
    /// How.
    pub outcome: AttemptOutcome,
    /// What the answer said, or what went wrong on the way; `None` when it was accepted.
    pub failure: Option<Failure>,
    /// The HTTP status.
    pub status: Option<u16>,
    /// The answer's correlation ID.
    pub correlation_id: Option<String>,
    /// Whether the answer came from the API's idempotency cache.
    pub cached: bool,
    /// The SHA-256 of the answer's body; `None` without an answer.
    pub answer: Option<Sha>,
    /// The records of a batch that a partial answer says were rejected, counted from 0.
    pub rejected: Vec<usize>,
    /// From sending to the answer's end, in milliseconds.
    pub latency_ms: i64,
    /// How long the API wants nothing to be sent to the target.
    pub closes_target: Option<Duration>,
}

/// What happens to the write after an attempt.
#[derive(Debug, Clone)]
pub enum Then {
    /// The run keeps it, to try again.
    Retry,
    /// The run is done with it: its number in the plan, how it ended, and why.
    Settle(usize, Outcome, String),
}

/// Where a write stands after an attempt was recorded.
#[derive(Debug, Clone, Copy)]
pub struct Recorded {
    /// Its state.
    pub state: State,
    /// How it ended in the run; `None` while the run keeps it.
    pub outcome: Option<Outcome>,
}

impl Store {
    /// Records how an attempt ended, and where the write stands after it.
    pub fn record_attempt(
        &self,
        run: RunId,
        id: WriteId,
        n: i64,
        sent_at: Timestamp,
        end: AttemptEnd,
        then: Then,
    ) -> Reply<Recorded> {
        self.write(move |connection| {
            record_end(connection, id, n, &end)?;
            if let Some(length) = end.closes_target {
                close_target(connection, id, end.at, length)?;
            }
            let Some(found) = load_standing(connection, id)? else {
                return Err(StoreError::Fenced(run).into());
            };
            let (standing, holder) = (found.standing, found.run);
            let event = match end.outcome {
                AttemptOutcome::Accepted => Some(Event::Accept),
                AttemptOutcome::Unclear | AttemptOutcome::Partial => Some(Event::Unclear { sent_at }),
                AttemptOutcome::NoAnswer => Some(Event::NoAnswer { sent_at }),
                AttemptOutcome::Refused | AttemptOutcome::NotSent => None,
            };
            // A run that was taken for dead no longer holds the write; only a late acceptance still counts.
            let mut after = if holder == Some(run) || event == Some(Event::Accept) {
                event.map_or(Ok(standing), |event| standing.after(event)).unwrap_or(standing)
            } else {
                standing
            };
            let mut recorded = Recorded { state: after.state(), outcome: None };
            if let Then::Settle(seq, outcome, reason) = &then {
                if holder == Some(run) && after.state() == State::Replaying {
                    after = after.after(Event::Release).unwrap_or(after);
                }
                let outcome = outcome_in_run(connection, run, id, after.state(), *outcome)?;
                recorded = Recorded { state: after.state(), outcome: Some(outcome) };
                note(connection, run, *seq, outcome, reason)?;
            }
            if after != standing {
                let holder = holder.filter(|_| after.state() == State::Replaying);
                save_standing(connection, id, &found, &after, holder, end.at)?;
            }
            let judged = end.failure.as_ref().filter(|f| f.status.is_some_and(judges_data));
            if let Some(failure) = judged.filter(|_| end.outcome == AttemptOutcome::Refused) {
                rejudge(connection, id, failure, end.at)?;
            }
            Ok(recorded)
        })
    }

    /// Whether an answer to another write, one that was captured included, carried this correlation ID.
    pub fn carried_by_others(&self, correlation_id: String, id: WriteId) -> Reply<bool> {
        self.read(move |connection| {
            Ok(connection
                .prepare_cached(
                    "SELECT EXISTS (SELECT 1 FROM attempts WHERE correlation_id = ?1 AND write_id <> ?2)
                       OR EXISTS (SELECT 1 FROM writes WHERE correlation_id = ?1 AND id <> ?2)",
                )?
                .query_row((correlation_id, id), |row| row.get(0))?)
        })
    }

    /// Lets go of a write between two attempts: the run is stopping, or a hazard came up.
    pub fn let_go(&self, run: RunId, id: WriteId, seq: usize, outcome: Outcome, reason: String) -> Reply<Recorded> {
        self.write(move |connection| {
            let Some(found) = load_standing(connection, id)? else {
                return Err(StoreError::Fenced(run).into());
            };
            let standing = found.standing;
            let mut after = standing;
            if found.run == Some(run) {
                after = standing.after(Event::Release).unwrap_or(standing);
                save_standing(connection, id, &found, &after, None, Timestamp::now())?;
            }
            let outcome = outcome_in_run(connection, run, id, after.state(), outcome)?;
            note(connection, run, seq, outcome, &reason)?;
            Ok(Recorded { state: after.state(), outcome: Some(outcome) })
        })
    }
}

/// How a write ended in a run. If one of the run's own requests for it went unanswered and it goes back as `unknown`,
/// it is not said to have failed, whatever the last attempt met: that request may have been applied.
pub(super) fn outcome_in_run(
    connection: &Connection,
    run: RunId,
    id: WriteId,
    state: State,
    last: Outcome,
) -> JobResult<Outcome> {
    if state != State::Unknown {
        return Ok(last);
    }
    let unanswered: bool = connection
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM attempts WHERE write_id = ? AND run_id = ? AND outcome = 'no_answer')",
        )?
        .query_row((id, run), |row| row.get(0))?;
    Ok(if unanswered { Outcome::Unknown } else { last })
}

/// Notes how a write of the plan ended.
fn note(connection: &Connection, run: RunId, seq: usize, outcome: Outcome, reason: &str) -> JobResult<()> {
    connection
        .prepare_cached("UPDATE run_items SET outcome = ?, reason = ? WHERE run_id = ? AND seq = ?")?
        .execute((outcome, reason, run, seq as i64))?;
    Ok(())
}

/// Nothing is sent to the write's target for so long, by whatever run.
fn close_target(connection: &Connection, id: WriteId, now: Timestamp, length: Duration) -> JobResult<()> {
    let until = now.plus(length);
    connection
        .prepare_cached(
            "UPDATE targets SET opens_at = ?1, closed_ms = ?2
             WHERE id = (SELECT target_id FROM writes WHERE id = ?3) AND coalesce(opens_at, 0) < ?1",
        )?
        .execute((until, i64::try_from(length.as_millis()).unwrap_or(i64::MAX), id))?;
    Ok(())
}

fn record_end(connection: &Connection, id: WriteId, n: i64, end: &AttemptEnd) -> JobResult<()> {
    let failure = end.failure.as_ref();
    connection
        .prepare_cached(
            "UPDATE attempts SET ended_at = ?, outcome = ?, status = ?, error_code = ?, error_message = ?,
               correlation_id = ?, cached = ?, latency_ms = ?, answer_sha256 = ?, rejected_records = ? WHERE write_id = ? AND n = ?",
        )?
        .execute(params![
            end.at,
            end.outcome,
            end.status,
            failure.and_then(|f| f.code.as_deref()),
            failure.and_then(|f| f.message.as_deref()),
            end.correlation_id,
            end.cached,
            end.latency_ms,
            end.answer,
            (end.outcome == AttemptOutcome::Partial).then(|| format!("{:?}", end.rejected)),
            id,
            n,
        ])?;
    Ok(())
}

/// The answer judged the data: the write's type, code and group follow it.
fn rejudge(connection: &Connection, id: WriteId, failure: &Failure, now: Timestamp) -> JobResult<()> {
    let Some(write) = load(connection, id)? else { return Ok(()) };
    let message = failure.message.as_deref().unwrap_or("");
    let key = (
        write.target_id,
        write.path.object().to_owned(),
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
