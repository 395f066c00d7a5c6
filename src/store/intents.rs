//! Intents: what is committed before a request leaves.

use std::sync::Arc;
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension};

use super::error::JobResult;
use super::locks::RunLock;
use super::seals::{BROKEN, Checked, load_checked, request_seal};
use super::worker::Reply;
use super::writes::{is_superseded, load_body};
use super::{Store, StoreError, clock, targets};
use crate::domain::bucket::{Bucket, interval};
use crate::domain::cached::{Earlier, Said};
use crate::domain::clock::Clock;
use crate::domain::hazard::{Hazard, hazards, refusing};
use crate::domain::identity::Sha;
use crate::domain::ids::{RunId, WriteId};
use crate::domain::key::KeyOrigin;
use crate::domain::seal::{Seal, standing_seal};
use crate::domain::stable_key::new_key;
use crate::domain::state::{Event, Place};
use crate::domain::time::Timestamp;
use crate::domain::write::FailedWrite;

/// All that a request is made from.
#[derive(Debug, Clone)]
pub struct Sendable {
    /// The write, as it was when it was claimed.
    pub write: FailedWrite,
    /// The bytes to send.
    pub body: Vec<u8>,
    /// Its earlier answers, the captured one among them.
    pub earlier: Vec<Earlier>,
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
    /// Where the run sends to.
    pub base_url: Arc<str>,
    /// The run's lock: it is looked at before each intent.
    pub lock: Arc<RunLock>,
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
    /// Its row or its body is not as the last change left it.
    Damaged(String),
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
            let clock = check_fence(connection, run, &terms)?;
            let Checked { mut write, mut request, sound } = match load_checked(connection, id) {
                Ok(Some(checked)) => checked,
                Ok(None) => return Ok(Intent::Skip("it was purged".to_owned())),
                Err(error) => return error.of_row().map_or(Err(error), |why| Ok(Intent::Damaged(why))),
            };
            if !sound {
                return Ok(Intent::Damaged(BROKEN.to_owned()));
            }
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
            write.superseded = write.lane.is_some() && is_superseded(connection, &write)?;
            write.lane_blocked = write.lane.is_some() && has_older_open_mate(connection, &write)?;
            if let Some(hazard) = refusal(&write, &terms, clock) {
                return Ok(Intent::Refuse(hazard));
            }
            let body = load_body(connection, id, write.revision)?.unwrap_or_default();
            if Sha::of(&body) != content {
                return Ok(Intent::Damaged("its body was changed on disk (its SHA-256 differs)".to_owned()));
            }
            if let Some(wait) = must_wait(connection, &write, &terms, clock.wall)? {
                return Ok(wait);
            }
            let now = clock.wall;
            if terms.new_key {
                rekey(connection, run, &mut write, now)?;
                request = request_seal(connection, &write)?;
            }
            let earlier = earlier_answers(connection, &write)?;
            let refused_since = refused_since(connection, &write, terms.new_key)?;
            write.standing = standing;
            write.run = Some(run);
            hold(connection, &write, request)?;
            let n = intend(connection, run, &write, now)?;
            let sendable = Sendable { write, body, earlier, refused_since };
            Ok(Intent::Go { n, at: now, sendable: Some(Box::new(sendable)) })
        })
    }

    /// Commits the intent of another attempt for a write that the run holds. The key window is looked at again.
    pub fn intend_retry(&self, run: RunId, id: WriteId, terms: Terms) -> Reply<Intent> {
        // Its new key is what the attempt before went out under.
        let terms = Terms { new_key: false, ..terms };
        self.write(move |connection| {
            let clock = check_fence(connection, run, &terms)?;
            let checked = match load_checked(connection, id) {
                Err(error) => return error.of_row().map_or(Err(error), |why| Ok(Intent::Damaged(why))),
                Ok(checked) => checked.filter(|checked| checked.write.run == Some(run)),
            };
            let Some(Checked { mut write, sound, .. }) = checked else { return Err(StoreError::Fenced(run).into()) };
            if !sound {
                return Ok(Intent::Damaged(BROKEN.to_owned()));
            }
            write.superseded = write.lane.is_some() && is_superseded(connection, &write)?;
            if let Some(hazard) = refusal(&write, &terms, clock) {
                return Ok(Intent::Refuse(hazard));
            }
            if let Some(wait) = must_wait(connection, &write, &terms, clock.wall)? {
                return Ok(wait);
            }
            connection.prepare_cached("UPDATE writes SET attempts = attempts + 1 WHERE id = ?")?.execute([id])?;
            Ok(Intent::Go { n: intend(connection, run, &write, clock.wall)?, at: clock.wall, sendable: None })
        })
    }
}

/// A run that was ended by anyone, or whose lock nobody else can see, must not send anything more. Gives the time.
fn check_fence(connection: &Connection, run: RunId, terms: &Terms) -> JobResult<Clock> {
    terms.lock.check()?;
    let state: Option<String> = connection
        .prepare_cached("SELECT state FROM runs WHERE id = ?")?
        .query_row([run], |row| row.get(0))
        .optional()?;
    if state.as_deref() != Some("running") {
        return Err(StoreError::Fenced(run).into());
    }
    clock::tick(connection, Timestamp::now())
}

fn refusal(write: &FailedWrite, terms: &Terms, clock: Clock) -> Option<Hazard> {
    let found = hazards(&write.facts(), terms.window, clock);
    refusing(&found, &terms.allowed, terms.new_key)
}

/// Why nothing may be sent to the write's target now, whoever was told so. Takes the token of the rate. An error if the
/// target is not where the run sends to.
fn must_wait(connection: &Connection, write: &FailedWrite, terms: &Terms, now: Timestamp) -> JobResult<Option<Intent>> {
    let gate = targets::gate(connection, write.target_id)?;
    if gate.base_url.as_deref() != Some(&*terms.base_url) {
        let (name, asked) = (write.target.clone(), terms.base_url.to_string());
        return Err(StoreError::Moved { name, bound: gate.base_url.unwrap_or_default(), asked }.into());
    }
    let closed = gate.closed_for(now);
    if let Some(left) = closed.filter(|left| gate.opens_at != Some(now.plus(*left))) {
        // The clock was set back since the API asked for that: it is counted from here.
        connection
            .prepare_cached("UPDATE targets SET opens_at = ? WHERE id = ?")?
            .execute((now.plus(left), write.target_id))?;
    }
    if closed.is_some() || terms.rate.is_none() {
        return Ok(closed.map(Intent::Closed));
    }
    let clock = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let due = Duration::from_micros(gate.next_at.unwrap_or(0).max(0) as u64);
    let mut bucket = Bucket::due(due);
    let taken = bucket.take(clock, interval(terms.rate));
    if bucket.next() != due {
        let next = i64::try_from(bucket.next().as_micros()).unwrap_or(i64::MAX);
        connection.prepare_cached("UPDATE targets SET next_at = ? WHERE id = ?")?.execute((next, write.target_id))?;
    }
    Ok(taken.err().map(|next| Intent::NoToken(next.saturating_sub(clock))))
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

fn earlier_answers(connection: &Connection, write: &FailedWrite) -> JobResult<Vec<Earlier>> {
    let failure = &write.failure;
    let captured = failure.correlation_id.clone().map(|correlation_id| Earlier {
        correlation_id,
        status: failure.status,
        said: Said::Failure([failure.code.clone(), failure.message.clone(), failure.details.clone()]),
    });
    let mut earlier: Vec<Earlier> = captured.into_iter().collect();
    if write.attempts > 0 {
        let mut statement = connection.prepare_cached(
            "SELECT correlation_id, status, answer_sha256 FROM attempts
             WHERE write_id = ? AND correlation_id IS NOT NULL AND answer_sha256 IS NOT NULL",
        )?;
        let answers = statement.query_map([write.id], |row| {
            Ok(Earlier { correlation_id: row.get(0)?, status: row.get(1)?, said: Said::Body(row.get(2)?) })
        })?;
        for answer in answers {
            earlier.push(answer?);
        }
    }
    Ok(earlier)
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
            "SELECT EXISTS (SELECT 1 FROM writes x WHERE x.id <> ?1 AND x.state NOT IN ('replayed', 'resolved', 'discarded')
               AND (x.order_at, coalesce(x.order_id, x.id), x.id) < (?2, ?3, ?1) AND x.id IN
               (SELECT m.write_id FROM lanes m WHERE m.hash IN (SELECT hash FROM lanes WHERE write_id = ?1)))",
        )?
        .query_row((write.id, write.turn.at, write.turn.arrival), |row| row.get(0))?)
}

/// Records that a run has the write in hand, and seals that.
fn hold(connection: &Connection, write: &FailedWrite, request: Seal) -> JobResult<()> {
    let was = if let Place::Replaying { was } = write.standing.place { Some(was.state()) } else { None };
    connection
        .prepare_cached(
            "UPDATE writes SET state = ?, was = ?, run_id = ?, attempts = attempts + 1, request_seal = ?, seal = ?
             WHERE id = ?",
        )?
        .execute((
            write.standing.state(),
            was,
            write.run,
            request,
            standing_seal(request, &write.standing, write.run),
            write.id,
        ))?;
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
