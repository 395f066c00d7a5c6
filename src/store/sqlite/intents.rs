//! Intents, which are committed before a request leaves. The facts are read here; the rule decides.

use std::collections::HashSet;
use std::sync::Arc;

use rusqlite::Connection;

use super::apply::Applying;
use super::error::JobResult;
use super::lanes::facts_of;
use super::seals::{Checked, load_checked};
use super::writes::load_body;
use super::{SqliteStore, answers, targets, times};
use crate::domain::cached::{Earlier, Said};
use crate::domain::clock::Clock;
use crate::domain::identity::Sha;
use crate::domain::ids::{RunId, WriteId};
use crate::domain::key::KeyOrigin;
use crate::domain::reason::{Damage, SkipReason};
use crate::domain::rules::Change;
use crate::domain::rules::claim::{Claim, ClaimFacts, Step, Terms, may_send};
use crate::domain::rules::lane::LaneFacts;
use crate::domain::time::Timestamp;
use crate::domain::write::FailedWrite;
use crate::store::{Intent, Lease, Reply, Sendable, StoreError, face};

impl face::Intents for SqliteStore {
    fn intend(&self, lease: &Arc<dyn Lease>, id: WriteId, planned: Sha, step: Step, terms: Terms) -> Reply<Intent> {
        let (lease, run) = (Arc::clone(lease), lease.run());
        self.write(move |connection| {
            lease.check()?;
            let clock = check_fence(connection, run)?;
            let checked = match load_checked(connection, id) {
                Ok(Some(checked)) => checked,
                Ok(None) => return Ok(Intent::Skip(SkipReason::Purged)),
                Err(error) => {
                    return error.of_row().map_or(Err(error), |why| Ok(Intent::Skip(SkipReason::Damaged(why))));
                }
            };
            let stands = checked.stands();
            let Checked { write, sound, .. } = checked;
            let body = if step == Step::First { load_body(connection, id, write.revision)? } else { None };
            let is_broken = step == Step::First && Sha::of(body.as_deref().unwrap_or_default()) != write.body_sha256;
            let facts = ClaimFacts {
                id,
                run,
                planned,
                damage: if sound { is_broken.then_some(Damage::Body) } else { Some(Damage::Seal) },
                standing: write.standing,
                holder: write.run,
                body: write.body_sha256,
                key: write.key.clone(),
                attempts: write.attempts,
                turn: write.turn,
                facts: write.facts(),
                lane: if write.lane.is_some() {
                    facts_of(connection, id, &HashSet::new())?
                } else {
                    LaneFacts::default()
                },
                gate: targets::gate(connection, write.target_id)?,
            };
            let decision = may_send(&facts, &terms, step, clock);
            let changes = match &decision {
                Claim::Send(changes) | Claim::Closed(_, changes) | Claim::NoToken(_, changes) => changes.as_slice(),
                Claim::Skip(_) | Claim::Refuse(_) | Claim::Moved | Claim::Fenced => &[],
            };
            let applying = Applying {
                write: id,
                stands: &stands,
                run: Some(run),
                seq: None,
                now: clock.wall,
                sends: Some((write.revision, write.group)),
            };
            // Has to be read before this attempt becomes one of the earlier ones.
            let sendable = match (&decision, step) {
                (Claim::Send(changes), Step::First) => {
                    Some(Box::new(sendable(connection, write, body.unwrap_or_default(), changes)?))
                }
                _ => None,
            };
            applying.apply(connection, changes)?;
            Ok(match decision {
                Claim::Send(_) => Intent::Go { n: facts.attempts + 1, at: clock.wall, sendable },
                Claim::Skip(why) => Intent::Skip(why),
                Claim::Refuse(hazard) => Intent::Refuse(hazard),
                Claim::Closed(left, _) => Intent::Closed(left),
                Claim::NoToken(left, _) => Intent::NoToken(left),
                Claim::Fenced => return Err(StoreError::Fenced(run).into()),
                Claim::Moved => {
                    let (name, asked) = (targets::name_of(connection, id)?, terms.base_url.to_string());
                    let bound = facts.gate.base_url.unwrap_or_default();
                    return Err(StoreError::Moved { name, bound, asked }.into());
                }
            })
        })
    }
}

/// Returns the clock, or an error if anyone has ended the run: it must not send anything more.
fn check_fence(connection: &Connection, run: RunId) -> JobResult<Clock> {
    let running: bool = connection
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM runs WHERE id = ? AND state = 'running')")?
        .query_row([run], |row| row.get(0))?;
    if !running {
        return Err(StoreError::Fenced(run).into());
    }
    times::tick(connection, times::now())
}

/// Collects the data that the request is made from, with the changes applied to the write.
fn sendable(connection: &Connection, write: FailedWrite, body: Vec<u8>, changes: &[Change]) -> JobResult<Sendable> {
    let earlier = earlier_answers(connection, &write)?;
    let is_rekeyed = changes.iter().any(|change| matches!(change, Change::Rekey(_)));
    let refused_since = refused_since(connection, &write, is_rekeyed)?;
    let mut write = write;
    for change in changes {
        match change {
            Change::Rekey(key) => {
                let old = std::mem::replace(&mut write.key, key.clone());
                write.parent_key.get_or_insert(old);
            }
            Change::Stand { standing, run } => (write.standing, write.run) = (*standing, *run),
            _ => {}
        }
    }
    Ok(Sendable { write, body, earlier, refused_since })
}

fn earlier_answers(connection: &Connection, write: &FailedWrite) -> JobResult<Vec<Earlier>> {
    let captured = answers::captured(connection, write.id)?;
    let captured = captured.or_current(&write.failure).and_then(|failure| {
        Some(Earlier {
            correlation_id: failure.correlation_id.clone()?,
            status: failure.status,
            said: Said::Failure([failure.code.clone(), failure.message.clone(), failure.details.clone()]),
        })
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

/// Returns the time of the write's first definite refusal under its key: by the captured answer if
/// that key was on the wire then, else by the first refusal that dlq received.
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
