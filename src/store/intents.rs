//! Intents and outcomes: what is committed before a request leaves, and after its answer came.

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, params};

use super::error::JobResult;
use super::ingest::ensure_group;
use super::rows::{load_standing, save_standing};
use super::worker::Reply;
use super::writes::{is_superseded, load, load_body};
use super::{Store, StoreError};
use crate::domain::answer::judges_data;
use crate::domain::fingerprint::fingerprint;
use crate::domain::hazard::{Hazard, hazards};
use crate::domain::identity::Sha;
use crate::domain::ids::{RunId, WriteId};
use crate::domain::outcome::{AttemptOutcome, Outcome};
use crate::domain::state::{Event, State};
use crate::domain::time::Timestamp;
use crate::domain::write::{FailedWrite, Failure};

/// All that a request is made from.
#[derive(Debug, Clone)]
pub struct Sendable {
    /// The write, as it was when it was claimed.
    pub write: FailedWrite,
    /// The bytes to send.
    pub body: Vec<u8>,
}

/// The answer to a claim.
#[derive(Debug)]
pub enum Intent {
    /// The write is claimed and the intent of its next attempt committed: send it.
    Go {
        /// The attempt's number among the write's attempts.
        n: i64,
        /// When the intent was made; the key window is counted from here if the attempt turns out ambiguous.
        at: Timestamp,
        /// What to send; `None` for a retry, which has it already.
        sendable: Option<Box<Sendable>>,
    },
    /// It is not what the plan showed any more.
    Skip(String),
    /// A hazard that came up since the plan was made.
    Refuse(Hazard),
}

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
    /// From sending to the answer's end, in milliseconds.
    pub latency_ms: i64,
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
    /// Claims a write and commits the intent of its first attempt in this run. Refused unless the run still holds its
    /// fencing token, the write is as the plan showed it, and no hazard has come up since.
    pub fn claim(
        &self,
        run: RunId,
        id: WriteId,
        content: Sha,
        allowed: Vec<Hazard>,
        window: Duration,
    ) -> Reply<Intent> {
        self.write(move |connection| {
            check_fence(connection, run)?;
            let Some(mut write) = load(connection, id)? else { return Ok(Intent::Skip("it was purged".to_owned())) };
            let Ok(standing) = write.standing.after(Event::Claim) else {
                return Ok(Intent::Skip(format!("it is {} now", write.standing.state())));
            };
            if write.body_sha256 != content {
                return Ok(Intent::Skip("its body was edited since the plan was made".to_owned()));
            }
            if let Some(mate) = lane_mate_in_flight(connection, id)? {
                return Ok(Intent::Skip(format!("write {mate} of its lane is being replayed by another run")));
            }
            let now = Timestamp::now();
            write.superseded = write.lane.is_some() && is_superseded(connection, &write)?;
            write.lane_blocked = write.lane.is_some() && has_older_open_mate(connection, &write)?;
            if let Some(hazard) = refusal(&write, &allowed, window, now) {
                return Ok(Intent::Refuse(hazard));
            }
            let body = load_body(connection, id, write.revision)?.unwrap_or_default();
            if Sha::of(&body) != content {
                return Ok(Intent::Skip("its body was changed on disk (SHA-256 differs): see dlq doctor".to_owned()));
            }
            save_standing(connection, id, &standing, Some(run), now)?;
            let n = intend(connection, run, &write, now)?;
            write.standing = standing;
            Ok(Intent::Go { n, at: now, sendable: Some(Box::new(Sendable { write, body })) })
        })
    }

    /// Commits the intent of another attempt for a write that the run holds. The key window is looked at again.
    pub fn intend_retry(&self, run: RunId, id: WriteId, allowed: Vec<Hazard>, window: Duration) -> Reply<Intent> {
        self.write(move |connection| {
            check_fence(connection, run)?;
            let Some(write) = load(connection, id)?.filter(|write| write.run == Some(run)) else {
                return Err(StoreError::Fenced(run).into());
            };
            let now = Timestamp::now();
            if let Some(hazard) = refusal(&write, &allowed, window, now) {
                return Ok(Intent::Refuse(hazard));
            }
            Ok(Intent::Go { n: intend(connection, run, &write, now)?, at: now, sendable: None })
        })
    }

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
            let Some((standing, holder)) = load_standing(connection, id)? else {
                return Err(StoreError::Fenced(run).into());
            };
            let event = match end.outcome {
                AttemptOutcome::Accepted => Some(Event::Accept),
                AttemptOutcome::Unclear => Some(Event::Unclear { sent_at }),
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
                save_standing(connection, id, &after, holder, end.at)?;
            }
            let judged = end.failure.as_ref().filter(|f| f.status.is_some_and(judges_data));
            if let Some(failure) = judged.filter(|_| end.outcome == AttemptOutcome::Refused) {
                rejudge(connection, id, failure, end.at)?;
            }
            Ok(recorded)
        })
    }

    /// Lets go of a write between two attempts: the run is stopping, or a hazard came up.
    pub fn let_go(&self, run: RunId, id: WriteId, seq: usize, outcome: Outcome, reason: String) -> Reply<Recorded> {
        self.write(move |connection| {
            let Some((standing, holder)) = load_standing(connection, id)? else {
                return Err(StoreError::Fenced(run).into());
            };
            let mut after = standing;
            if holder == Some(run) {
                after = standing.after(Event::Release).unwrap_or(standing);
                save_standing(connection, id, &after, None, Timestamp::now())?;
            }
            let outcome = outcome_in_run(connection, run, id, after.state(), outcome)?;
            note(connection, run, seq, outcome, &reason)?;
            Ok(Recorded { state: after.state(), outcome: Some(outcome) })
        })
    }
}

/// A run that was ended by anyone must not send anything more.
fn check_fence(connection: &Connection, run: RunId) -> JobResult<()> {
    let state: Option<String> = connection
        .prepare_cached("SELECT state FROM runs WHERE id = ?")?
        .query_row([run], |row| row.get(0))
        .optional()?;
    if state.as_deref() == Some("running") { Ok(()) } else { Err(StoreError::Fenced(run).into()) }
}

fn refusal(write: &FailedWrite, allowed: &[Hazard], window: Duration, now: Timestamp) -> Option<Hazard> {
    hazards(&write.facts(), window, now).into_iter().find(|h| h.refuses() && !allowed.contains(h))
}

fn lane_mate_in_flight(connection: &Connection, id: WriteId) -> JobResult<Option<WriteId>> {
    Ok(connection
        .prepare_cached(
            "SELECT x.id FROM lanes l JOIN lanes m ON m.hash = l.hash AND m.write_id <> l.write_id
               JOIN writes x ON x.id = m.write_id WHERE l.write_id = ? AND x.state = 'replaying' LIMIT 1",
        )?
        .query_row([id], |row| row.get(0))
        .optional()?)
}

/// An older open write of its lane would be overtaken: it came in, or was taken back, since the plan was made.
fn has_older_open_mate(connection: &Connection, write: &FailedWrite) -> JobResult<bool> {
    Ok(connection
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM lanes l JOIN lanes m ON m.hash = l.hash AND m.write_id <> l.write_id
               JOIN writes x ON x.id = m.write_id
             WHERE l.write_id = ?1 AND x.state IN ('pending', 'replaying', 'unknown') AND (x.order_at, x.id) < (?2, ?1))",
        )?
        .query_row((write.id, write.order_at), |row| row.get(0))?)
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

fn intend(connection: &Connection, run: RunId, write: &FailedWrite, now: Timestamp) -> JobResult<i64> {
    let n = write.attempts + 1;
    connection.prepare_cached("UPDATE writes SET attempts = ? WHERE id = ?")?.execute((n, write.id))?;
    connection
        .prepare_cached("INSERT INTO attempts (write_id, n, run_id, revision, started_at) VALUES (?, ?, ?, ?, ?)")?
        .execute((write.id, n, run, write.revision, now))?;
    connection.prepare_cached("UPDATE groups SET last_replayed = ? WHERE id = ?")?.execute((now, write.group))?;
    Ok(n)
}

fn record_end(connection: &Connection, id: WriteId, n: i64, end: &AttemptEnd) -> JobResult<()> {
    let failure = end.failure.as_ref();
    connection
        .prepare_cached(
            "UPDATE attempts SET ended_at = ?, outcome = ?, status = ?, error_code = ?, error_message = ?,
               correlation_id = ?, cached = ?, latency_ms = ? WHERE write_id = ? AND n = ?",
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
