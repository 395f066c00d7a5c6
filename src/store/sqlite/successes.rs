//! Successes of producers: each is kept as a fact of its lanes, and settles the one write that it is the success of.

use rusqlite::{Connection, OptionalExtension as _, params};

use super::actions::log;
use super::error::{JobResult, row_error};
use super::repeats::Heard;
use super::rows::standing;
use super::seals::load_standing;
use super::standing::save_standing;
use super::writes::load_body;
use super::{intakes, targets, times};
use crate::domain::action::Action;
use crate::domain::endpoint::EndpointOrigin;
use crate::domain::identity::{Sha, key_range};
use crate::domain::ids::{IntakeId, TargetId, WriteId};
use crate::domain::key::{IdempotencyKey, KeyOrigin};
use crate::domain::rules::recovered::{Alike, Recovery, doubtful, recovery};
use crate::domain::rules::repeat::Again;
use crate::domain::run::Operator;
use crate::domain::success::Success;
use crate::domain::time::Timestamp;
use crate::store::{Accepted, By};

/// Takes in one success.
pub(super) fn take_in(
    connection: &Connection,
    success: &Success,
    intake: IntakeId,
    by: &Operator,
    done: &mut Accepted,
) -> JobResult<()> {
    let now = times::now();
    let target = targets::ensure(connection, &success.target)?;
    let identity = success.identity();
    let known: Option<(i64, Option<WriteId>)> = connection
        .prepare_cached("SELECT id, write_id FROM successes WHERE identity = ?")?
        .query_row([identity], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    if let Some((id, Some(write))) = known {
        told_by(connection, id, intake)?;
        if exists(connection, write)? {
            // Whoever takes one of the two intakes back leaves what the other one told.
            intakes::changing(connection, Some(intake), write, true, || Ok(()))?;
        }
        done.repeated += 1;
        return Ok(());
    }
    let alike = alike(connection, success, target)?;
    let found = recovery(&alike);
    let settled = match found {
        Recovery::Settles(write, after) => {
            let Some(before) = load_standing(connection, write)? else { return Ok(()) };
            intakes::changing(connection, Some(intake), write, true, || {
                Ok(save_standing(connection, write, &before, &after, None, now)?)
            })?;
            let action = Action::Recovered { at: success.at };
            log(connection, Some(write), &action, &By::new(by), now)?;
            Some(write)
        }
        Recovery::Several | Recovery::Nothing => {
            let heard = Heard { connection, intake: Some(intake), again: it_may_have_been(success, now), now };
            doubtful(&alike).try_for_each(|write| heard.doubt(write))?;
            None
        }
    };
    match (known, found) {
        (_, Recovery::Settles(..)) => done.settled += 1,
        (_, Recovery::Several) => done.several += 1,
        (Some(_), Recovery::Nothing) => done.repeated += 1,
        (None, Recovery::Nothing) => done.stored += 1,
    }
    match known {
        Some((id, _)) => {
            connection.prepare_cached("UPDATE successes SET write_id = ? WHERE id = ?")?.execute((settled, id))?;
            told_by(connection, id, intake)?;
        }
        None => keep(connection, success, identity, intake, settled, now)?,
    }
    Ok(())
}

fn told_by(connection: &Connection, success: i64, intake: IntakeId) -> JobResult<()> {
    connection
        .prepare_cached("INSERT OR IGNORE INTO success_intakes (intake_id, success_id) VALUES (?, ?)")?
        .execute((intake, success))?;
    Ok(())
}

fn exists(connection: &Connection, write: WriteId) -> JobResult<bool> {
    Ok(connection
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM writes WHERE id = ?)")?
        .query_row([write], |row| row.get(0))?)
}

/// Returns what a success says about a write that it may be the success of: a request with its key was applied.
fn it_may_have_been(success: &Success, now: Timestamp) -> Again {
    Again {
        endpoint_origin: EndpointOrigin::Given,
        // Whenever someone looked and didn't find it: the API has said that it has it.
        failed_at: None,
        ambiguous: true,
        window_start: Some(success.at.map_or(now, |at| at.min(now))),
    }
}

fn keep(
    connection: &Connection,
    success: &Success,
    identity: [u8; 16],
    intake: IntakeId,
    settled: Option<WriteId>,
    now: Timestamp,
) -> JobResult<()> {
    // A producer's clock that is ahead must not make it newer than what fails from now on.
    let at = success.at.map_or(now, |at| at.min(now));
    let key = success.key.as_ref().map(IdempotencyKey::as_str).unwrap_or_default();
    connection
        .prepare_cached("INSERT INTO successes (identity, at, key, write_id) VALUES (?, ?, ?, ?)")?
        .execute(params![identity, at, key, settled])?;
    let id = connection.last_insert_rowid();
    told_by(connection, id, intake)?;
    // Without a time it has no place in the order of its lanes.
    for lane in success.lanes.iter().filter(|_| success.at.is_some()) {
        connection
            .prepare_cached("INSERT OR IGNORE INTO success_lanes (hash, at, success_id) VALUES (?, ?, ?)")?
            .execute((lane.hash, at, id))?;
    }
    Ok(())
}

/// Returns the writes with the target, method, path and key of a success.
fn alike(connection: &Connection, success: &Success, target: TargetId) -> JobResult<Vec<Alike>> {
    let Some(key) = &success.key else { return Ok(Vec::new()) };
    let range = key_range(key.as_str());
    let mut statement = connection.prepare_cached(
        "SELECT id, key, parent_key, key_origin, attempts, content_hash, state, was, resolution, ambiguous_since
         FROM writes WHERE target_id = ?1 AND method = ?2 AND path = ?3 AND (id IN
           (SELECT id FROM writes WHERE identity_hash BETWEEN ?4 AND ?5
            UNION ALL SELECT id FROM writes WHERE parent_key IS NOT NULL AND key = ?6))",
    )?;
    let mut rows =
        statement.query(params![target, success.method, success.path, range.start(), range.end(), key.as_str()])?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        let id: WriteId = row.get(0)?;
        let (current, parent): (String, Option<String>) = (row.get(1)?, row.get(2)?);
        let captured = parent.as_ref().unwrap_or(&current);
        if captured != key.as_str() && current != key.as_str() {
            continue;
        }
        let was_captured_with_it = captured == key.as_str() && row.get::<_, KeyOrigin>(3)? == KeyOrigin::Given;
        let was_sent_with_it = current == key.as_str() && row.get::<_, i64>(4)? > 0;
        let standing = match standing(row, 6) {
            Ok(standing) => Some(standing),
            Err(error) if row_error(&error).is_some() => None,
            Err(error) => return Err(error.into()),
        };
        let content: Sha = row.get(5)?;
        let has_that_body = success.content.is_none_or(|wanted| wanted == content)
            && match success.body_sha256 {
                None => true,
                Some(wanted) => load_body(connection, id, 0)?.is_some_and(|body| Sha::of(&body) == wanted),
            };
        all.push(Alike { id, standing, key_was_sent: was_captured_with_it || was_sent_with_it, has_that_body });
    }
    Ok(all)
}

/// Looks at so many successes in one step.
const STEP: i64 = 500;

/// Deletes the successes before a time that no waiting write of their lanes is older than.
pub(super) fn purge(connection: &Connection, before: Timestamp) -> JobResult<()> {
    let mut last = 0;
    loop {
        let end: Option<i64> = connection
            .prepare_cached("SELECT max(id) FROM (SELECT id FROM successes WHERE id > ? ORDER BY id LIMIT ?)")?
            .query_row((last, STEP), |row| row.get(0))?;
        let Some(end) = end else { return Ok(()) };
        connection
            .prepare_cached(
                "DELETE FROM successes AS s WHERE s.id > ?1 AND s.id <= ?2 AND s.at < ?3
                   AND NOT EXISTS (SELECT 1 FROM success_lanes o JOIN lanes l ON l.hash = o.hash
                     JOIN writes w ON w.id = l.write_id
                     WHERE o.success_id = s.id AND w.order_at < s.at AND w.state <> 'replayed')",
            )?
            .execute((last, end, before))?;
        last = end;
    }
}
