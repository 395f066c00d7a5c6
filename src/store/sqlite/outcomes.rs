//! Outcomes: what an attempt came to is recorded here, and where that leaves its write is what the rule says.

use rusqlite::{Connection, params};

use super::apply::Applying;
use super::error::JobResult;
use super::seals::load_standing;
use super::worker::Reply;
use super::{Store, StoreError, answers};
use crate::domain::attempt::AttemptEnd;
use crate::domain::ids::{RunId, WriteId};
use crate::domain::outcome::{AttemptOutcome, Outcome};
use crate::domain::reason::Reason;
use crate::domain::rules::outcome::{InHand, Recorded, Then, let_go, record};
use crate::domain::time::Timestamp;

/// An attempt of a run, as its intent named it.
#[derive(Debug, Clone, Copy)]
pub struct Attempting {
    /// The run.
    pub run: RunId,
    /// The write's number in the run's plan, from 1.
    pub seq: usize,
    /// The write.
    pub write: WriteId,
    /// The attempt's number among the write's attempts.
    pub n: i64,
    /// The time when its intent was made.
    pub sent_at: Timestamp,
}

impl Store {
    /// Records how an attempt ended, and where the write stands after it.
    pub fn record_attempt(&self, attempt: Attempting, end: AttemptEnd, then: Then) -> Reply<Recorded> {
        self.write(move |connection| {
            let Attempting { run, seq, write: id, n, sent_at } = attempt;
            // Read before this attempt counts among them. An acceptance leaves nothing unknown.
            let unanswered = end.outcome != AttemptOutcome::Accepted && went_unanswered(connection, run, id)?;
            let Some(stands) = load_standing(connection, id)? else {
                return Err(StoreError::Fenced(run).into());
            };
            record_end(connection, id, n, &end)?;
            let facts = InHand { run, holder: stands.run, standing: stands.standing, unanswered };
            let recorded = record(&facts, &end, sent_at, then.clone());
            let applying =
                Applying { write: id, stands: &stands, run: Some(run), seq: Some(seq), now: end.at, sends: None };
            applying.apply(connection, &recorded.changes)?;
            Ok(recorded)
        })
    }

    /// Tells whether an answer to another write, one that was captured included, carried this correlation ID.
    pub fn carried_by_others(&self, correlation_id: String, id: WriteId) -> Reply<bool> {
        self.read(move |connection| {
            Ok(connection
                .prepare_cached(
                    "SELECT EXISTS (SELECT 1 FROM attempts WHERE correlation_id = ?1 AND write_id <> ?2)
                       OR EXISTS (SELECT 1 FROM writes WHERE correlation_id = ?1 AND id <> ?2)
                       OR EXISTS (SELECT 1 FROM captured_failures WHERE correlation_id = ?1 AND write_id <> ?2)",
                )?
                .query_row((correlation_id, id), |row| row.get(0))?)
        })
    }

    /// Lets go of a write between two attempts: the run is stopping, or a hazard came up.
    pub fn let_go(&self, run: RunId, id: WriteId, seq: usize, outcome: Outcome, reason: Reason) -> Reply<Recorded> {
        self.write(move |connection| {
            let Some(stands) = load_standing(connection, id)? else {
                return Err(StoreError::Fenced(run).into());
            };
            let unanswered = went_unanswered(connection, run, id)?;
            let facts = InHand { run, holder: stands.run, standing: stands.standing, unanswered };
            let recorded = let_go(&facts, outcome, reason.clone());
            let applying = Applying {
                write: id,
                stands: &stands,
                run: Some(run),
                seq: Some(seq),
                now: Timestamp::now(),
                sends: None,
            };
            applying.apply(connection, &recorded.changes)?;
            Ok(recorded)
        })
    }
}

/// Tells whether one of a run's requests for a write went unanswered.
pub(super) fn went_unanswered(connection: &Connection, run: RunId, id: WriteId) -> JobResult<bool> {
    Ok(connection
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM attempts WHERE write_id = ? AND run_id = ? AND outcome = 'no_answer')",
        )?
        .query_row((id, run), |row| row.get(0))?)
}

fn record_end(connection: &Connection, id: WriteId, n: i64, end: &AttemptEnd) -> JobResult<()> {
    let failure = end.failure.as_ref();
    connection
        .prepare_cached(
            "UPDATE attempts SET ended_at = ?, outcome = ?, status = ?, error_code = ?, error_message = ?,
               correlation_id = ?, cached = ?, latency_ms = ?, answer_sha256 = ?, rejected_records = ?
             WHERE write_id = ? AND n = ?",
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
            end.answer_sha(),
            (end.outcome == AttemptOutcome::Partial).then(|| format!("{:?}", end.rejected)),
            id,
            n,
        ])?;
    answers::record(connection, id, n, end)
}
