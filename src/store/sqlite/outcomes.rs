//! Outcomes: the end of an attempt is recorded here; the rule decides where it leaves the write.

use rusqlite::{Connection, params};

use super::apply::Applying;
use super::error::JobResult;
use super::seals::load_standing;
use super::{SqliteStore, answers, times};
use crate::domain::attempt::AttemptEnd;
use crate::domain::ids::{RunId, WriteId};
use crate::domain::outcome::{AttemptOutcome, Outcome};
use crate::domain::reason::Reason;
use crate::domain::rules::outcome::{InHand, Recorded, Then, let_go, record};
use crate::domain::time::Timestamp;
use crate::store::{Attempting, Reply, StoreError, face};

impl face::Outcomes for SqliteStore {
    fn record_attempt(&self, attempt: Attempting, end: AttemptEnd, then: Then) -> Reply<Recorded> {
        self.write(move |connection| {
            let Attempting { run, seq, write: id, n, sent_at } = attempt;
            // Read before this attempt counts among them. After an acceptance, nothing is unknown.
            let unanswered = end.outcome != AttemptOutcome::Accepted && went_unanswered(connection, run, id)?;
            let Some(stands) = load_standing(connection, id)? else {
                return Err(StoreError::Fenced(run).into());
            };
            let now = times::now();
            record_end(connection, id, n, &end, now)?;
            let facts = InHand { run, holder: stands.run, standing: stands.standing, unanswered };
            let recorded = record(&facts, &end, sent_at, then.clone(), now);
            let applying = Applying { write: id, stands: &stands, run: Some(run), seq: Some(seq), now, sends: None };
            applying.apply(connection, &recorded.changes)?;
            Ok(recorded)
        })
    }

    fn carried_by_others(&self, correlation_id: String, id: WriteId) -> Reply<bool> {
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

    fn let_go(&self, run: RunId, id: WriteId, seq: usize, outcome: Outcome, reason: Reason) -> Reply<Recorded> {
        self.write(move |connection| {
            let Some(stands) = load_standing(connection, id)? else {
                return Err(StoreError::Fenced(run).into());
            };
            let unanswered = went_unanswered(connection, run, id)?;
            let facts = InHand { run, holder: stands.run, standing: stands.standing, unanswered };
            let recorded = let_go(&facts, outcome, reason.clone());
            let applying =
                Applying { write: id, stands: &stands, run: Some(run), seq: Some(seq), now: times::now(), sends: None };
            applying.apply(connection, &recorded.changes)?;
            Ok(recorded)
        })
    }
}

/// Returns `true` if one of a run's requests for a write went unanswered.
pub(super) fn went_unanswered(connection: &Connection, run: RunId, id: WriteId) -> JobResult<bool> {
    Ok(connection
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM attempts WHERE write_id = ? AND run_id = ? AND outcome = 'no_answer')",
        )?
        .query_row((id, run), |row| row.get(0))?)
}

fn record_end(connection: &Connection, id: WriteId, n: i64, end: &AttemptEnd, now: Timestamp) -> JobResult<()> {
    let failure = end.failure.as_ref();
    connection
        .prepare_cached(
            "UPDATE attempts SET ended_at = ?, outcome = ?, status = ?, error_code = ?, error_message = ?,
               correlation_id = ?, cached = ?, latency_ms = ?, answer_sha256 = ?, rejected_records = ?, profile = ?
             WHERE write_id = ? AND n = ?",
        )?
        .execute(params![
            now,
            end.outcome,
            end.status,
            failure.and_then(|f| f.code.as_deref()),
            failure.and_then(|f| f.message.as_deref()),
            end.correlation_id,
            end.cached,
            end.latency_ms,
            end.answer_sha(),
            (end.outcome == AttemptOutcome::Partial).then(|| format!("{:?}", end.rejected)),
            end.profile.as_deref(),
            id,
            n,
        ])?;
    answers::record(connection, id, n, end)
}
