//! Splitting a batch into separate writes, which resolves it, and undoing that.

use rusqlite::Connection;

use super::actions::log;
use super::error::JobResult;
use super::ingest::{Known, Taken, take_in};
use super::seals::{Checked, load_checked, load_standing};
use super::standing::save_standing;
use super::transfer::place_in_batch;
use super::writes::load_body;
use super::{SqliteStore, times};
use crate::domain::action::Action;
use crate::domain::batch::{Child, Part, SplitError, for_part, named_records, split};
use crate::domain::failure::Failure;
use crate::domain::identity::Sha;
use crate::domain::ids::WriteId;
use crate::domain::key::KeyOrigin;
use crate::domain::outcome::AttemptOutcome;
use crate::domain::rules::split::{PartFacts, UnsplitRefusal, may_split, rejected_in_part, unsplit};
use crate::domain::stable_key::part_key;
use crate::domain::state::Event;
use crate::domain::target::BatchRules;
use crate::domain::write::{Captured, FailedWrite};
use crate::store::{By, Incoming, Reply, SplitWhich, StoreError, face};

impl face::Split for SqliteStore {
    fn split(&self, id: WriteId, rules: BatchRules, which: SplitWhich, by: By) -> Reply<Vec<Child>> {
        self.write_alone(move |connection| {
            let (Some(checked), Some(found)) = (load_checked(connection, id)?, load_standing(connection, id)?) else {
                return Err(StoreError::NoSuchWrite(id).into());
            };
            let Checked { write: parent, sound, .. } = checked;
            let after = parent.standing.after(Event::Split).map_err(|why| StoreError::NotAllowed { id: id.0, why })?;
            let cant = |why| StoreError::NotSplit(id, why);
            let body = load_body(connection, id, parent.revision)?.unwrap_or_default();
            if !sound || Sha::of(&body) != parent.body_sha256 {
                return Err(cant(SplitError::Damaged).into());
            }
            let (parts, of) = match which {
                SplitWhich::All { size } => {
                    let failure = &parent.failure;
                    let named = named_records(failure.message.as_deref().unwrap_or(""), failure.details.as_deref());
                    let parts = split(&body, &named, size).map_err(cant)?;
                    let ambiguous = parent.standing.ambiguous_since.is_some();
                    may_split(&parent.operated.operation, ambiguous, rules.of(&parent.target)).map_err(cant)?;
                    let of = parts.iter().map(|part| part.count).sum();
                    (parts, of)
                }
                SplitWhich::Rejected => {
                    let attempts = ambiguous_attempts(connection, id)?;
                    let rejected = rejected_in_part(parent.captured_ambiguous, &attempts).map_err(cant)?;
                    let mut parts = split(&body, &rejected, 1).map_err(cant)?;
                    let of = parts.iter().map(|part| part.count).sum();
                    parts.retain(|part| part.named);
                    // An index outside the batch names no record.
                    if parts.len() != rejected.len() {
                        return Err(cant(SplitError::NoneNamed).into());
                    }
                    (parts, of)
                }
            };
            let another = parts.iter().any(|part| part.named);
            let (mut children, mut known, at) = (Vec::new(), Known::default(), times::now());
            for part in &parts {
                let prepared = Incoming::new(captured(&parent, part, of, reason_of(which, part, another)));
                let Taken::Inserted { id: child, .. } = take_in(connection, &prepared, &mut known)? else {
                    return Err(StoreError::PartKnown(id, part.first).into());
                };
                let reused: bool = connection
                    .prepare_cached("SELECT key_reused FROM writes WHERE id = ?")?
                    .query_row([child], |row| row.get(0))?;
                if reused {
                    return Err(StoreError::PartKnown(id, part.first).into());
                }
                place_in_batch(connection, child, id, parent.turn.arrival)?;
                children.push(Child { id: child, first: part.first, count: part.count, named: part.named });
            }
            save_standing(connection, id, &found, &after, None, at)?;
            connection.prepare_cached("UPDATE writes SET parts = ? WHERE id = ?")?.execute((parts.len() as i64, id))?;
            let action =
                Action::Split { batch: id, parts: parts.len() as u64, rejected: which == SplitWhich::Rejected };
            log(connection, Some(id), &action, &by, at)?;
            for child in &children {
                let (first, count) = (child.first, child.count);
                log(connection, Some(child.id), &Action::Part { batch: id, first, count }, &by, at)?;
            }
            Ok(children)
        })
    }

    fn unsplit(&self, id: WriteId, by: By) -> Reply<usize> {
        self.write_alone(move |connection| {
            let Some(found) = load_standing(connection, id)? else {
                return Err(StoreError::NoSuchWrite(id).into());
            };
            let made: Option<i64> = connection
                .prepare_cached("SELECT parts FROM writes WHERE id = ?")?
                .query_row([id], |row| row.get(0))?;
            let after =
                unsplit(found.standing, made.unwrap_or(0), &parts_of(connection, id)?).map_err(|why| match why {
                    UnsplitRefusal::NotAllowed(why) => StoreError::NotAllowed { id: id.0, why },
                    why => StoreError::NotUnsplit(id, why),
                })?;
            let at = times::now();
            let gone = connection.prepare_cached("DELETE FROM writes WHERE parent_id = ?")?.execute([id])?;
            save_standing(connection, id, &found, &after, None, at)?;
            connection.prepare_cached("UPDATE writes SET parts = NULL WHERE id = ?")?.execute([id])?;
            log(connection, Some(id), &Action::Unsplit { batch: id, parts: gone as u64 }, &by, at)?;
            Ok(gone)
        })
    }
}

/// Reads the parts of a batch that are in this file.
fn parts_of(connection: &Connection, batch: WriteId) -> JobResult<Vec<PartFacts>> {
    let mut statement = connection
        .prepare_cached("SELECT id, state, attempts, revision, ambiguous_since FROM writes WHERE parent_id = ?")?;
    let parts = statement.query_map([batch], |row| {
        Ok(PartFacts {
            id: row.get(0)?,
            state: row.get(1)?,
            attempts: row.get(2)?,
            revision: row.get(3)?,
            ambiguous_since: row.get(4)?,
        })
    })?;
    Ok(parts.collect::<Result<_, _>>()?)
}

/// Reads the answers to the attempts that may have applied a batch, since someone last declared it
/// not applied: the records that a partial answer rejected, or `None` for any other.
fn ambiguous_attempts(connection: &Connection, id: WriteId) -> JobResult<Vec<Option<Vec<usize>>>> {
    let mut statement = connection.prepare_cached(
        "SELECT a.outcome, a.rejected_records, a.revision = w.revision FROM attempts a JOIN writes w ON w.id = a.write_id
         WHERE a.write_id = ? AND coalesce(a.outcome, 'no_answer') IN ('partial', 'unclear', 'no_answer')
           AND a.started_at >= coalesce(w.not_applied_at, 0) ORDER BY a.n",
    )?;
    let rows = statement.query_map([id], |row| {
        // An answer to another revision of the body says nothing about this one.
        let partial = row.get::<_, Option<AttemptOutcome>>(0)? == Some(AttemptOutcome::Partial) && row.get(2)?;
        let named: Option<String> = row.get(1)?;
        Ok(partial.then(|| named.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default()))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Returns the reason a part was not applied, unless the refusal names its record.
fn reason_of(which: SplitWhich, part: &Part, another: bool) -> Option<&'static str> {
    match (which, part.named, another) {
        (SplitWhich::Rejected, ..) => Some("applied without it"),
        (SplitWhich::All { .. }, true, _) => None,
        (SplitWhich::All { .. }, false, true) => Some("refused because of another record"),
        (SplitWhich::All { .. }, false, false) => Some("refused as a whole"),
    }
}

/// Returns a part as if it had been captured by itself, with the times of its batch and what is
/// known about why it failed. `of` is the number of records in the batch.
fn captured(parent: &FailedWrite, part: &Part, of: usize, why: Option<&str>) -> Captured {
    let failure = &parent.failure;
    let failure = if let Some(why) = why {
        let message = format!("{} of {of} of a batch that was {why}", records(part.first, part.count));
        let (status, code, details, correlation_id) = (None, None, None, None);
        let message = Some(message);
        Failure { failure_type: failure.failure_type, status, code, message, details, correlation_id }
    } else {
        Failure {
            message: failure.message.as_deref().map(|text| for_part(text, part.first)),
            details: failure.details.as_deref().map(|text| for_part(text, part.first)),
            ..failure.clone()
        }
    };
    let operated = &parent.operated;
    let lanes = operated.lane.lanes(&parent.target, &operated.object, parent.path.as_str(), &part.body);
    Captured {
        target: parent.target.clone(),
        method: parent.method.clone(),
        path: parent.path.clone(),
        endpoint_origin: parent.endpoint_origin,
        headers: parent.headers.clone(),
        body: part.body.clone(),
        body_origin: parent.body_origin,
        evidence: None,
        key: part_key(&parent.key, part.first, part.count, Sha::of(&part.body)),
        new_key: None,
        key_origin: KeyOrigin::Derived,
        key_header: None,
        edited: None,
        exported: None,
        failure,
        ambiguous: false,
        ambiguous_since: None,
        first_attempt_at: parent.first_attempt_at,
        failed_at: parent.failed_at,
        captured_at: parent.captured_at,
        source: parent.source.clone(),
        operated: operated.clone(),
        profile: parent.profile.clone().unwrap_or_default(),
        lanes,
        record_fields: Vec::new(),
    }
}

/// Names records, counted from 0 as the API counts them: `record 2`, `records 3 to 7`.
fn records(first: usize, count: usize) -> String {
    if count == 1 { format!("record {first}") } else { format!("records {first} to {}", first + count - 1) }
}
