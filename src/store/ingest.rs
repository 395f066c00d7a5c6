//! Taking failures in: new ones become writes, known ones are counted.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::{Connection, OptionalExtension, params};

use super::edits::{Edit, add_revision};
use super::error::JobResult;
use super::rows::headers_text;
use super::worker::Reply;
use super::writes::load;
use super::{Store, targets};
use crate::domain::endpoint::EndpointOrigin;
use crate::domain::failure_type::FailureType;
use crate::domain::fingerprint::fingerprint;
use crate::domain::identity::{Sha, key_range};
use crate::domain::ids::{GroupId, TargetId, WriteId};
use crate::domain::lane;
use crate::domain::state::Standing;
use crate::domain::time::Timestamp;
use crate::domain::write::{BodyOrigin, Captured};

/// A failure with all that can be worked out before the store is asked: hashes and the group's message.
#[derive(Debug)]
pub struct Prepared {
    captured: Captured,
    index_hash: i64,
    tombstone: [u8; 16],
    content: Sha,
    body_sha256: Sha,
    group_message: String,
}

impl Prepared {
    /// Works it out; takes the time that hashing takes.
    pub fn new(captured: Captured) -> Self {
        let identity = captured.identity();
        let (index_hash, tombstone, content) = (identity.index_hash(), identity.tombstone(), identity.content);
        let failure = &captured.failure;
        let message = failure.message.as_deref().unwrap_or("");
        Self {
            index_hash,
            tombstone,
            content,
            body_sha256: Sha::of(&captured.body),
            group_message: fingerprint(failure.failure_type, message, failure.details.as_deref()),
            captured,
        }
    }
}

/// What became of some failures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ingested {
    /// New writes.
    pub inserted: u64,
    /// Writes that were known.
    pub repeated: u64,
}

/// What one ingest remembers between batches, so that it need not ask the file each time.
#[derive(Debug, Clone, Default)]
pub struct IngestCache(Arc<Mutex<Cache>>);

#[derive(Debug, Default)]
struct Cache {
    targets: HashMap<String, TargetId>,
    groups: HashMap<GroupKey, GroupId>,
    fields: HashSet<String>,
}

/// Target, object, type, code and message.
type GroupKey = (TargetId, String, FailureType, String, String);

/// A flood of different messages or field names must not fill the memory.
const CACHED_GROUPS: usize = 10_000;
const KNOWN_FIELDS: usize = 2_000;

impl Store {
    /// Takes in a batch, all or nothing. After an error the cache must not be used again.
    pub fn ingest(&self, batch: Vec<Prepared>, cache: &IngestCache) -> Reply<Ingested> {
        let cache = cache.clone();
        self.write_alone(move |connection| {
            let mut done = Ingested::default();
            for prepared in &batch {
                if take_in(connection, prepared, &cache)?.is_some() { done.inserted += 1 } else { done.repeated += 1 }
            }
            Ok(done)
        })
    }
}

/// The new write; `None` if it was known, or is again what was purged.
pub(super) fn take_in(connection: &Connection, prepared: &Prepared, cache: &IngestCache) -> JobResult<Option<WriteId>> {
    let cache = &mut *cache.0.lock().unwrap_or_else(PoisonError::into_inner);
    let captured = &prepared.captured;
    let target = if let Some(&id) = cache.targets.get(&captured.target) {
        id
    } else {
        let id = targets::ensure(connection, &captured.target)?;
        cache.targets.insert(captured.target.clone(), id);
        id
    };
    let mut shares_key = Vec::new();
    {
        let mut statement = connection.prepare_cached(
            "SELECT id, identity_hash, target_id, coalesce(parent_key, key), method, path, content_hash FROM writes
             WHERE identity_hash BETWEEN ? AND ?",
        )?;
        let range = key_range(captured.key.as_str());
        let mut rows = statement.query([range.start(), range.end()])?;
        while let Some(row) = rows.next()? {
            let same_key =
                row.get::<_, TargetId>(2)? == target && row.get_ref(3)?.as_str() == Ok(captured.key.as_str());
            if !same_key {
                continue;
            }
            let id: WriteId = row.get(0)?;
            if row.get::<_, i64>(1)? == prepared.index_hash
                && row.get_ref(4)?.as_str() == Ok(&captured.method)
                && row.get_ref(5)?.as_str() == Ok(captured.path.as_str())
                && row.get::<_, Sha>(6)? == prepared.content
            {
                repeat(connection, id, captured)?;
                return Ok(None);
            }
            shares_key.push(id);
        }
    }
    let purged = connection
        .prepare_cached("SELECT 1 FROM tombstones WHERE identity = ?")?
        .query_row([prepared.tombstone], |_| Ok(()))
        .optional()?;
    if purged.is_some() {
        return Ok(None);
    }
    for id in &shares_key {
        connection.prepare_cached("UPDATE writes SET key_reused = 1 WHERE id = ?")?.execute([id])?;
    }
    let group = group(connection, target, prepared, cache)?;
    let id = insert(connection, prepared, target, group, !shares_key.is_empty())?;
    for name in &captured.record_fields {
        if cache.fields.len() < KNOWN_FIELDS && cache.fields.insert(name.clone()) {
            connection.prepare_cached("INSERT OR IGNORE INTO record_fields (name) VALUES (?)")?.execute([name])?;
        }
    }
    Ok(Some(id))
}

/// The same failure again: counted if it is newer, and never forgotten that it was ambiguous.
fn repeat(connection: &Connection, id: WriteId, captured: &Captured) -> JobResult<()> {
    let newest: Option<Timestamp> = connection
        .prepare_cached("SELECT last_failed_at FROM writes WHERE id = ?")?
        .query_row([id], |row| row.get(0))?;
    if let Some(failed_at) = captured.failed_at.filter(|at| newest.is_none_or(|newest| *at > newest)) {
        connection
            .prepare_cached("UPDATE writes SET occurrences = occurrences + 1, last_failed_at = ? WHERE id = ?")?
            .execute((failed_at, id))?;
        connection
            .prepare_cached(
                "UPDATE groups SET last_seen = max(last_seen, ?)
                 WHERE id = (SELECT group_id FROM writes WHERE id = ?)",
            )?
            .execute((failed_at, id))?;
    }
    if captured.endpoint_origin != EndpointOrigin::Assumed {
        // Someone names the endpoint that was assumed; the identity says that it is the same one.
        connection
            .prepare_cached(
                "UPDATE writes SET endpoint_origin = ?
                 WHERE id = ? AND endpoint_origin = 'assumed' AND state IN ('pending', 'unknown')",
            )?
            .execute((captured.endpoint_origin, id))?;
    }
    if let Some(start) = captured.window_start() {
        make_ambiguous(connection, id, start, captured)?;
    }
    Ok(())
}

/// A request for a write, or for a batch that lives on in its parts, may have been applied: the earliest counts. What was
/// settled remembers it too, for the day it is reopened. What someone has looked into since is left alone.
fn make_ambiguous(connection: &Connection, id: WriteId, start: Timestamp, captured: &Captured) -> JobResult<()> {
    connection
        .prepare_cached(
            "UPDATE writes SET ambiguous_since = min(coalesce(ambiguous_since, ?1), ?1),
               captured_ambiguous = captured_ambiguous OR ?2
             WHERE id = ?3 AND state <> 'replayed' AND coalesce(?4 >= not_applied_at, 1)",
        )?
        .execute((start, captured.ambiguous, id, captured.failed_at))?;
    let parts: Vec<WriteId> = connection
        .prepare_cached("SELECT id FROM writes WHERE parent_id = ?")?
        .query_map([id], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    parts.into_iter().try_for_each(|part| make_ambiguous(connection, part, start, captured))
}

fn group(connection: &Connection, target: TargetId, prepared: &Prepared, cache: &mut Cache) -> JobResult<GroupId> {
    let failure = &prepared.captured.failure;
    let key = (
        target,
        prepared.captured.path.object().to_owned(),
        failure.failure_type,
        failure.code.clone().unwrap_or_default(),
        prepared.group_message.clone(),
    );
    if let Some(&id) = cache.groups.get(&key) {
        return Ok(id);
    }
    let seen = prepared.captured.failed_at.unwrap_or(prepared.captured.captured_at);
    let id = ensure_group(connection, &key, seen)?;
    if cache.groups.len() >= CACHED_GROUPS {
        cache.groups.clear();
    }
    cache.groups.insert(key, id);
    Ok(id)
}

/// The group of that cause, made if it is new.
pub(super) fn ensure_group(connection: &Connection, key: &GroupKey, seen: Timestamp) -> JobResult<GroupId> {
    let (target, object, failure_type, code, message) = key;
    let found = connection
        .prepare_cached(
            "SELECT id FROM groups WHERE target_id = ? AND failure_type = ? AND object = ? AND error_code = ? AND message = ?",
        )?
        .query_row((target, failure_type, object, code, message), |row| row.get(0))
        .optional()?;
    if let Some(id) = found {
        return Ok(id);
    }
    connection
        .prepare_cached(
            "INSERT INTO groups (target_id, failure_type, object, error_code, message, first_seen, last_seen)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6)",
        )?
        .execute((target, failure_type, object, code, message, seen))?;
    Ok(GroupId(connection.last_insert_rowid()))
}

fn insert(
    connection: &Connection,
    prepared: &Prepared,
    target: TargetId,
    group: GroupId,
    key_reused: bool,
) -> JobResult<WriteId> {
    let captured = &prepared.captured;
    let failure = &captured.failure;
    let standing = Standing::new(captured.window_start());
    connection
        .prepare_cached(
            "INSERT INTO writes (target_id, group_id, state, ambiguous_since, captured_ambiguous, order_at,
               first_attempt_at, failed_at, last_failed_at, captured_at, failure_type, status, error_code,
               error_message, error_details, correlation_id, method, path, endpoint_origin, object, operation, headers,
               key, key_origin, key_reused, identity_hash, content_hash, body_sha256, body_len, body_origin, lane, source)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20,
               ?21, ?22, ?23, ?24, ?25, ?26, ?27, ?28, ?29, ?30, ?31)",
        )?
        .execute(params![
            target,
            group,
            standing.state(),
            standing.ambiguous_since,
            captured.ambiguous,
            captured.order_at(),
            captured.first_attempt_at,
            captured.failed_at,
            captured.captured_at,
            failure.failure_type,
            failure.status,
            failure.code,
            failure.message,
            failure.details,
            failure.correlation_id,
            captured.method,
            captured.path.as_str(),
            captured.endpoint_origin,
            captured.path.object(),
            captured.path.operation(),
            headers_text(&captured.headers),
            captured.key.as_str(),
            captured.key_origin,
            key_reused,
            prepared.index_hash,
            prepared.content,
            prepared.body_sha256,
            captured.body.len() as i64,
            captured.body_origin,
            lane::name_of(&captured.lanes),
            captured.source,
        ])?;
    let id = WriteId(connection.last_insert_rowid());
    let body = (captured.body_origin != BodyOrigin::Missing).then_some(captured.body.as_slice());
    connection
        .prepare_cached("INSERT INTO revisions (write_id, revision, body, evidence) VALUES (?, 0, ?, ?)")?
        .execute((id, body, captured.evidence.as_deref()))?;
    for lane in &captured.lanes {
        connection
            .prepare_cached("INSERT OR IGNORE INTO lanes (write_id, hash) VALUES (?, ?)")?
            .execute((id, lane.hash))?;
    }
    restore(connection, id, captured)?;
    Ok(id)
}

/// What an export says of a write besides what was captured: a key that it got since, and an edit.
fn restore(connection: &Connection, id: WriteId, captured: &Captured) -> JobResult<()> {
    if let Some(new) = &captured.new_key {
        connection
            .prepare_cached("UPDATE writes SET parent_key = key, key = ?, key_since = ? WHERE id = ?")?
            .execute((new.as_str(), captured.captured_at, id))?;
    }
    if let Some((body, at)) = &captured.edited
        && let Some(write) = load(connection, id)?
    {
        let edit = Edit { body, made_at: *at, operator: None, reason: None };
        add_revision(connection, &write, &edit)?;
    }
    Ok(())
}
