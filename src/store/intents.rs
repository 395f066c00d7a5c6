//! Intents: what is committed before a request leaves.

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension};

use super::error::JobResult;
use super::targets::still_closed;
use super::worker::Reply;
use super::writes::{is_superseded, load, load_body};
use super::{Store, StoreError};
use crate::domain::bucket::{Bucket, interval};
use crate::domain::hazard::{Hazard, hazards, refusing};
use crate::domain::identity::Sha;
use crate::domain::ids::{RunId, WriteId};
use crate::domain::key::KeyOrigin;
use crate::domain::stable_key::new_key;
use crate::domain::state::Event;
use crate::domain::state::{Place, Standing};
use crate::domain::time::Timestamp;
use crate::domain::write::FailedWrite;

/// All that a request is made from.
#[derive(Debug, Clone)]
pub struct Sendable {
    /// The write, as it was when it was claimed.
    pub write: FailedWrite,
    /// The bytes to send.
    pub body: Vec<u8>,
    /// The correlation IDs of its earlier attempts, the captured one among them.
    pub correlation_ids: Vec<String>,
    /// When it was first definitely refused under the key that it is sent with.
    pub refused_since: Option<Timestamp>,
}

/// On which terms a write may be sent.
#[derive(Debug, Clone)]
pub struct Terms {
    /// Hazards that are overridden.
    pub allowed: Vec<Hazard>,
    /// The target's key window.
    pub window: Duration,
    /// Requests per second of all runs that send to the target at such a rate.
    pub rate: Option<f64>,
    /// Whether it gets a new key first. Only what was definitely refused may.
    pub new_key: bool,
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
    /// Nothing may be sent to the target for so long: the API said so, perhaps to another run.
    Closed(Duration),
    /// The token of the rate is there in so long: another run has taken this one.
    NoToken(Duration),
}

impl Store {
    /// Claims a write and commits the intent of its first attempt in this run. Refused unless the run still holds its
    /// fencing token, the write is as the plan showed it, and no hazard has come up since.
    pub fn claim(&self, run: RunId, id: WriteId, content: Sha, terms: Terms) -> Reply<Intent> {
        self.write(move |connection| {
            check_fence(connection, run)?;
            let Some(mut write) = load(connection, id)? else { return Ok(Intent::Skip("it was purged".to_owned())) };
            let Ok(standing) = write.standing.after(Event::Claim) else {
                return Ok(Intent::Skip(format!("it is {} now", write.standing.state())));
            };
            if write.body_sha256 != content {
                return Ok(Intent::Skip("its body was edited since the plan was made".to_owned()));
            }
            if write.lane.is_some()
                && let Some(mate) = lane_mate_in_flight(connection, id)?
            {
                return Ok(Intent::Skip(format!("write {mate} of its lane is being replayed by another run")));
            }
            let now = Timestamp::now();
            write.superseded = write.lane.is_some() && is_superseded(connection, &write)?;
            write.lane_blocked = write.lane.is_some() && has_older_open_mate(connection, &write)?;
            if let Some(hazard) = refusal(&write, &terms, now) {
                return Ok(Intent::Refuse(hazard));
            }
            let body = load_body(connection, id, write.revision)?.unwrap_or_default();
            if Sha::of(&body) != content {
                return Ok(Intent::Skip("its body was changed on disk (SHA-256 differs): see dlq doctor".to_owned()));
            }
            if let Some(wait) = must_wait(connection, &write, &terms, now)? {
                return Ok(wait);
            }
            if terms.new_key {
                rekey(connection, run, &mut write, now)?;
            }
            let correlation_ids = correlation_ids(connection, &write)?;
            let refused_since = refused_since(connection, &write, terms.new_key)?;
            hold(connection, run, id, &standing)?;
            let n = intend(connection, run, &write, now)?;
            write.standing = standing;
            let sendable = Sendable { write, body, correlation_ids, refused_since };
            Ok(Intent::Go { n, at: now, sendable: Some(Box::new(sendable)) })
        })
    }

    /// Commits the intent of another attempt for a write that the run holds. The key window is looked at again.
    pub fn intend_retry(&self, run: RunId, id: WriteId, terms: Terms) -> Reply<Intent> {
        // Its new key is what the attempt before went out under.
        let terms = Terms { new_key: false, ..terms };
        self.write(move |connection| {
            check_fence(connection, run)?;
            let Some(mut write) = load(connection, id)?.filter(|write| write.run == Some(run)) else {
                return Err(StoreError::Fenced(run).into());
            };
            write.superseded = write.lane.is_some() && is_superseded(connection, &write)?;
            let now = Timestamp::now();
            if let Some(hazard) = refusal(&write, &terms, now) {
                return Ok(Intent::Refuse(hazard));
            }
            if let Some(wait) = must_wait(connection, &write, &terms, now)? {
                return Ok(wait);
            }
            connection.prepare_cached("UPDATE writes SET attempts = attempts + 1 WHERE id = ?")?.execute([id])?;
            Ok(Intent::Go { n: intend(connection, run, &write, now)?, at: now, sendable: None })
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

fn refusal(write: &FailedWrite, terms: &Terms, now: Timestamp) -> Option<Hazard> {
    let found = hazards(&write.facts(), terms.window, now);
    refusing(&found, &terms.allowed, terms.new_key)
}

/// Why nothing may be sent to the write's target now, whoever was told so. Takes the token of the rate.
fn must_wait(connection: &Connection, write: &FailedWrite, terms: &Terms, now: Timestamp) -> JobResult<Option<Intent>> {
    let (opens_at, next): (Option<Timestamp>, Option<i64>) = connection
        .prepare_cached("SELECT opens_at, next_at FROM targets WHERE id = ?")?
        .query_row([write.target_id], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let closed = still_closed(opens_at, now);
    if closed.is_some() || terms.rate.is_none() {
        return Ok(closed.map(Intent::Closed));
    }
    let clock = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let mut bucket = Bucket::due(Duration::from_micros(next.unwrap_or(0).max(0) as u64));
    if let Err(next) = bucket.take(clock, interval(terms.rate)) {
        return Ok(Some(Intent::NoToken(next.saturating_sub(clock))));
    }
    let next = i64::try_from(bucket.next().as_micros()).unwrap_or(i64::MAX);
    connection.prepare_cached("UPDATE targets SET next_at = ? WHERE id = ?")?.execute((next, write.target_id))?;
    Ok(None)
}

/// Gives a write a new key, derived from the one that it has, and keeps the captured one as its parent.
fn rekey(connection: &Connection, run: RunId, write: &mut FailedWrite, now: Timestamp) -> JobResult<()> {
    let new = new_key(&write.key, write.id);
    let old = std::mem::replace(&mut write.key, new);
    connection
        .prepare_cached(
            "UPDATE writes SET key = ?1, parent_key = coalesce(parent_key, ?2), key_since = ?3 WHERE id = ?4",
        )?
        .execute((write.key.as_str(), old.as_str(), now, write.id))?;
    connection
        .prepare_cached(
            "INSERT INTO operator_log (at, operator, uid, host, action, write_id, detail, reason)
             SELECT ?, operator, uid, host, 'new-key', ?, ?, reason FROM runs WHERE id = ?",
        )?
        .execute((now, write.id, format!("{old} -> {}", write.key), run))?;
    write.parent_key.get_or_insert(old);
    Ok(())
}

fn correlation_ids(connection: &Connection, write: &FailedWrite) -> JobResult<Vec<String>> {
    let mut ids: Vec<String> = write.failure.correlation_id.iter().cloned().collect();
    if write.attempts > 0 {
        let mut statement = connection
            .prepare_cached("SELECT correlation_id FROM attempts WHERE write_id = ? AND correlation_id IS NOT NULL")?;
        for id in statement.query_map([write.id], |row| row.get(0))? {
            ids.push(id?);
        }
    }
    Ok(ids)
}

/// When it was first definitely refused under its key: by the captured answer if that key was on the wire then, else by
/// the first answer to dlq.
fn refused_since(connection: &Connection, write: &FailedWrite, rekeyed: bool) -> JobResult<Option<Timestamp>> {
    if rekeyed {
        return Ok(None);
    }
    let captured = write.key_origin == KeyOrigin::Given && write.parent_key.is_none() && !write.captured_ambiguous;
    let captured = captured.then(|| write.failed_at.unwrap_or(write.captured_at).min(write.captured_at));
    if captured.is_some() || write.attempts == 0 {
        return Ok(captured);
    }
    Ok(connection
        .prepare_cached(
            "SELECT min(a.started_at) FROM attempts a JOIN writes w ON w.id = a.write_id
             WHERE a.write_id = ? AND a.outcome = 'refused' AND a.started_at >= coalesce(w.key_since, 0)",
        )?
        .query_row([write.id], |row| row.get(0))?)
}

fn lane_mate_in_flight(connection: &Connection, id: WriteId) -> JobResult<Option<WriteId>> {
    Ok(connection
        .prepare_cached(
            "SELECT x.id FROM writes x WHERE x.state = 'replaying' AND x.id <> ?1 AND x.id IN
               (SELECT m.write_id FROM lanes m WHERE m.hash IN (SELECT hash FROM lanes WHERE write_id = ?1)) LIMIT 1",
        )?
        .query_row([id], |row| row.get(0))
        .optional()?)
}

/// An older open write of its lane would be overtaken: it came in, or was taken back, since the plan was made.
fn has_older_open_mate(connection: &Connection, write: &FailedWrite) -> JobResult<bool> {
    Ok(connection
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM writes x WHERE x.id <> ?1 AND x.state IN ('pending', 'replaying', 'unknown')
               AND (x.order_at, coalesce(x.order_id, x.id), x.id) < (?2, ?3, ?1) AND x.id IN
               (SELECT m.write_id FROM lanes m WHERE m.hash IN (SELECT hash FROM lanes WHERE write_id = ?1)))",
        )?
        .query_row((write.id, write.turn.at, write.turn.arrival), |row| row.get(0))?)
}

/// Records that the run has the write in hand.
fn hold(connection: &Connection, run: RunId, id: WriteId, standing: &Standing) -> JobResult<()> {
    let was = if let Place::Replaying { was } = standing.place { Some(was.state()) } else { None };
    connection
        .prepare_cached("UPDATE writes SET state = ?, was = ?, run_id = ?, attempts = attempts + 1 WHERE id = ?")?
        .execute((standing.state(), was, run, id))?;
    Ok(())
}

/// Records the attempt. It is counted in its write already.
fn intend(connection: &Connection, run: RunId, write: &FailedWrite, now: Timestamp) -> JobResult<i64> {
    let n = write.attempts + 1;
    connection
        .prepare_cached("INSERT INTO attempts (write_id, n, run_id, revision, started_at) VALUES (?, ?, ?, ?, ?)")?
        .execute((write.id, n, run, write.revision, now))?;
    // To the second: a group of many writes need not be written for each.
    connection
        .prepare_cached(
            "UPDATE groups SET last_replayed = ?1 WHERE id = ?2 AND coalesce(last_replayed, 0) < ?1 - 1000",
        )?
        .execute((now, write.group))?;
    Ok(n)
}
