//! Splitting a batch: its parts become writes of their own, and it is resolved; and taking that back.

use rusqlite::{Connection, OptionalExtension};

use super::error::JobResult;
use super::ingest::{IngestCache, Prepared, take_in};
use super::rows::{load_standing, save_standing};
use super::settle::log;
use super::worker::Reply;
use super::writes::{load, load_body};
use super::{Store, StoreError};
use crate::domain::batch::{BatchRule, Child, Part, for_part, may_split, named_records, split};
use crate::domain::identity::Sha;
use crate::domain::ids::WriteId;
use crate::domain::json;
use crate::domain::key::KeyOrigin;
use crate::domain::lane::lanes_of;
use crate::domain::run::Operator;
use crate::domain::stable_key::part_key;
use crate::domain::state::{Event, State};
use crate::domain::time::Timestamp;
use crate::domain::write::{Captured, FailedWrite, Failure};

impl Store {
    /// Parts a batch into writes of up to `size` records; each record that its refusal names stands alone. Refused where
    /// records could be applied twice by it.
    pub fn split(
        &self,
        id: WriteId,
        rule: impl Fn(&str) -> BatchRule + Send + 'static,
        size: usize,
        operator: &Operator,
        reason: Option<&str>,
        now: Timestamp,
    ) -> Reply<Vec<Child>> {
        let (operator, reason) = (operator.clone(), reason.map(str::to_owned));
        self.write_alone(move |connection| {
            let Some(parent) = load(connection, id)? else { return Err(StoreError::NoSuchWrite(id).into()) };
            let after = parent.standing.after(Event::Split).map_err(|why| StoreError::NotAllowed { id: id.0, why })?;
            let cant = |why| StoreError::NotSplit(id, why);
            let body = load_body(connection, id, parent.revision)?.unwrap_or_default();
            let failure = &parent.failure;
            let named = named_records(failure.message.as_deref().unwrap_or(""), failure.details.as_deref());
            let parts = split(&body, &named, size).map_err(cant)?;
            let ambiguous = parent.standing.ambiguous_since.is_some();
            may_split(parent.path.operation(), ambiguous, rule(&parent.target)).map_err(cant)?;
            let mut children = Vec::new();
            for part in &parts {
                let child =
                    take_in(connection, &Prepared::new(captured(&parent, part, &parts)), &IngestCache::default())?;
                let Some(child) = child else { return Err(StoreError::PartKnown(id, part.first).into()) };
                let reused: bool = connection
                    .prepare_cached("SELECT key_reused FROM writes WHERE id = ?")?
                    .query_row([child], |row| row.get(0))?;
                if reused {
                    return Err(StoreError::PartKnown(id, part.first).into());
                }
                connection.prepare_cached("UPDATE writes SET parent_id = ?, order_id = ? WHERE id = ?")?.execute((
                    id,
                    parent.turn.arrival,
                    child,
                ))?;
                children.push(Child { id: child, first: part.first, count: part.count, named: part.named });
            }
            save_standing(connection, id, &after, None, now)?;
            connection.prepare_cached("UPDATE writes SET parts = ? WHERE id = ?")?.execute((parts.len() as i64, id))?;
            let detail = format!("write {id} into {} parts", parts.len());
            log(connection, "split", Some(id), &detail, &operator, reason.as_deref(), now)?;
            for child in &children {
                let detail = format!("{} of write {id}", records(child.first, child.count));
                log(connection, "part", Some(child.id), &detail, &operator, reason.as_deref(), now)?;
            }
            Ok(children)
        })
    }

    /// Takes a split back: the parts go, the batch is what it was. Refused once anything happened to a part.
    pub fn unsplit(&self, id: WriteId, operator: &Operator, reason: Option<&str>, now: Timestamp) -> Reply<usize> {
        let (operator, reason) = (operator.clone(), reason.map(str::to_owned));
        self.write_alone(move |connection| {
            let Some((standing, _)) = load_standing(connection, id)? else {
                return Err(StoreError::NoSuchWrite(id).into());
            };
            let after = standing.after(Event::Unsplit).map_err(|why| StoreError::NotAllowed { id: id.0, why })?;
            let touched = touched_part(connection, id)?;
            if let Some((part, why)) = touched {
                return Err(StoreError::PartTouched(id, part, why).into());
            }
            let gone = connection.prepare_cached("DELETE FROM writes WHERE parent_id = ?")?.execute([id])?;
            save_standing(connection, id, &after, None, now)?;
            connection.prepare_cached("UPDATE writes SET parts = NULL WHERE id = ?")?.execute([id])?;
            log(
                connection,
                "unsplit",
                Some(id),
                &format!("{gone} parts of write {id} are gone"),
                &operator,
                reason.as_deref(),
                now,
            )?;
            Ok(gone)
        })
    }
}

/// A part that is not as the split made it, and why not.
fn touched_part(connection: &Connection, parent: WriteId) -> JobResult<Option<(WriteId, String)>> {
    let found: Option<(WriteId, State, i64, i64)> = connection
        .prepare_cached(
            "SELECT c.id, c.state, c.attempts, c.revision FROM writes c JOIN writes p ON p.id = c.parent_id
             WHERE c.parent_id = ? AND (c.state <> 'pending' OR c.attempts > 0 OR c.revision > 0
               OR c.ambiguous_since IS NOT NULL AND c.ambiguous_since IS NOT p.ambiguous_since) LIMIT 1",
        )?
        .query_row([parent], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))
        .optional()?;
    if let Some((id, state, attempts, revision)) = found {
        let why = match (attempts, revision) {
            (1.., _) => "was sent".to_owned(),
            (_, 1..) => "was edited".to_owned(),
            _ if state == State::Pending => "may have been applied by someone else".to_owned(),
            _ => format!("is {state}"),
        };
        return Ok(Some((id, why)));
    }
    let missing: bool = connection
        .prepare_cached(
            "SELECT coalesce(parts, 0) <> (SELECT count(*) FROM writes c WHERE c.parent_id = w.id)
             FROM writes w WHERE w.id = ?",
        )?
        .query_row([parent], |row| row.get(0))?;
    Ok(missing.then(|| (parent, "has parts that were purged".to_owned())))
}

/// A part as if it had come in by itself: with its batch's place in time, and what is known of why it failed.
fn captured(parent: &FailedWrite, part: &Part, all: &[Part]) -> Captured {
    let failure = &parent.failure;
    let of = all.iter().map(|p| p.count).sum::<usize>();
    let failure = if part.named {
        Failure {
            message: failure.message.as_deref().map(|text| for_part(text, part.first)),
            details: failure.details.as_deref().map(|text| for_part(text, part.first)),
            ..failure.clone()
        }
    } else {
        let other = all.iter().any(|p| p.named);
        let why = if other { "refused because of another record" } else { "refused as a whole" };
        let message = format!("{} of {of} of a batch that was {why}", records(part.first, part.count));
        let message = Some(message);
        let (status, code, details, correlation_id) = (None, None, None, None);
        Failure { failure_type: failure.failure_type, status, code, message, details, correlation_id }
    };
    let lanes =
        json::scan(&part.body).map(|node| lanes_of(&parent.target, parent.path.object(), &node)).unwrap_or_default();
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
        edited: None,
        failure,
        ambiguous: false,
        ambiguous_since: None,
        first_attempt_at: parent.first_attempt_at,
        failed_at: parent.failed_at,
        captured_at: parent.captured_at,
        source: parent.source.clone(),
        lanes,
        record_fields: Vec::new(),
    }
}

/// `record 2`, `records 3 to 7`: counted from 0, as the API counts them.
fn records(first: usize, count: usize) -> String {
    if count == 1 { format!("record {first}") } else { format!("records {first} to {}", first + count - 1) }
}
