//! Ingesting failures: new ones become writes, known ones are counted.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::{Connection, params};

use super::error::JobResult;
use super::groups::{GroupKey, ensure_group};
use super::known::{SameKey, is_purged, same_key};
use super::rehearsal::Rehearsal;
use super::repeats::Heard;
use super::rows::headers_text;
use super::seals::{self};
use super::transfer::{Beside, beside, place_in_batch, restore, waiting_parts};
use super::{SqliteStore, intakes, successes, targets, times};
use crate::domain::body::BodyOrigin;
use crate::domain::file_place::FilePlace;
use crate::domain::ids::{GroupId, IntakeId, TargetId, WriteId};
use crate::domain::lane;
use crate::domain::profile::LaneSource;
use crate::domain::rules::repeat as rules;
use crate::domain::run::Operator;
use crate::domain::seal::{Sealed, standing_seal};
use crate::domain::state::{Place, Resolution, Standing};
use crate::domain::success::Success;
use crate::domain::transfer::{BatchIsHere, settles_elsewhere};
use crate::domain::write::Captured;
use crate::store::{Accepted, Incoming, Ingested, Intake, RefusedLine, Reply, StoreError, face};

/// The lookups of one intake, cached between batches so that it need not query the file each time.
#[derive(Debug, Default)]
pub(super) struct Known {
    targets: HashMap<String, TargetId>,
    groups: HashMap<GroupKey, GroupId>,
    fields: HashSet<String>,
    /// The intake, once something was taken in.
    intake: Option<IntakeId>,
    /// True once a batch was not kept. What is queued behind it must not be either: a file's place would pass over it.
    has_failed: bool,
}

/// Limits of the cache: a flood of distinct messages or field names must not fill the memory.
const KNOWN_GROUPS: usize = 10_000;
const KNOWN_FIELDS: usize = 2_000;

impl face::Ingest for SqliteStore {
    fn intake(self: Arc<Self>, by: &Operator) -> Box<dyn Intake> {
        Box::new(FileIntake { store: self, by: by.clone(), known: Arc::default(), number: Arc::default() })
    }

    fn rehearsal(self: Arc<Self>) -> Box<dyn Intake> {
        Box::new(Rehearsal::new(Some(self)))
    }
}

struct FileIntake {
    store: Arc<SqliteStore>,
    by: Operator,
    known: Arc<Mutex<Known>>,
    /// Its number, once it is committed.
    number: Arc<Mutex<Option<IntakeId>>>,
}

impl FileIntake {
    /// Runs a job of the intake, which gets its number and its lookups.
    fn job<T, F>(&self, mut work: F) -> Reply<T>
    where
        T: Send + 'static,
        F: FnMut(&Connection, &mut Known, IntakeId) -> JobResult<T> + Send + 'static,
    {
        let (known, after, by) = (Arc::clone(&self.known), Arc::clone(&self.known), self.by.clone());
        let number = Arc::clone(&self.number);
        let job = move |connection: &Connection| {
            let known = &mut *known.lock().unwrap_or_else(PoisonError::into_inner);
            let intake = match known.intake {
                Some(intake) => intake,
                None => *known.intake.insert(intakes::begin(connection, &by)?),
            };
            work(connection, known, intake)
        };
        // After a rollback, rows that the batch created and cached no longer exist.
        let settle = move |committed: bool| {
            let known = &mut *after.lock().unwrap_or_else(PoisonError::into_inner);
            let number = &mut *number.lock().unwrap_or_else(PoisonError::into_inner);
            if committed {
                *number = known.intake;
            } else {
                *known = Known { intake: *number, has_failed: true, ..Known::default() };
            }
        };
        self.store.write_alone_then(job, settle)
    }

    /// Takes in a batch, unless an earlier one was not kept or the intake was taken back, and keeps the places up to which it
    /// reaches.
    fn batch<T, F>(&self, places: Vec<FilePlace>, mut work: F) -> Reply<T>
    where
        T: Send + 'static,
        F: FnMut(&Connection, &mut Known, IntakeId) -> JobResult<T> + Send + 'static,
    {
        self.job(move |connection, known, intake| {
            if known.has_failed {
                return Err(StoreError::IntakeBroken.into());
            }
            intakes::check_stands(connection, intake)?;
            intakes::keep_places(connection, intake, &places)?;
            work(connection, known, intake)
        })
    }
}

impl Intake for FileIntake {
    fn take(&self, mut batch: Vec<Incoming>, places: Vec<FilePlace>) -> Reply<Ingested> {
        self.batch(places, move |connection, known, _| {
            let now = times::now();
            for prepared in &mut batch {
                prepared.captured_at(now);
            }
            times::tick(connection, now)?;
            take_all(connection, &batch, known)
        })
    }

    fn take_accepted(&self, batch: Vec<Success>, places: Vec<FilePlace>) -> Reply<Accepted> {
        let by = self.by.clone();
        self.batch(places, move |connection, _, intake| {
            times::tick(connection, times::now())?;
            let mut done = Accepted::default();
            batch.iter().try_for_each(|success| successes::take_in(connection, success, intake, &by, &mut done))?;
            Ok(done)
        })
    }

    fn place(&self, path: &str) -> Reply<Option<FilePlace>> {
        let path = path.to_owned();
        self.store.read(move |connection| intakes::place(connection, &path))
    }

    fn end(&self) -> Reply<Option<IntakeId>> {
        self.job(|connection, _, intake| intakes::end(connection, intake).map(|()| Some(intake)))
    }
}

fn take_all(connection: &Connection, batch: &[Incoming], known: &mut Known) -> JobResult<Ingested> {
    let mut done = Ingested::default();
    for prepared in batch {
        match take_in(connection, prepared, known)? {
            Taken::Inserted { elsewhere, .. } => {
                done.inserted += 1;
                if elsewhere.is_some() {
                    done.elsewhere += 1;
                    done.elsewhere_in = [done.elsewhere_in, elsewhere].into_iter().flatten().min();
                }
            }
            Taken::Repeated => done.repeated += 1,
            Taken::OpenHere(id) => {
                done.repeated += 1;
                done.open_here.push(id);
            }
            Taken::Refused(why) => {
                let (line, raw) = prepared.raw.clone().unwrap_or_default();
                done.refused.push(RefusedLine { line, why: why.to_string(), raw });
            }
        }
    }
    Ok(done)
}

/// The result of taking in one failure.
pub(super) enum Taken {
    /// It is a new write.
    Inserted {
        id: WriteId,
        /// An earlier intake with a write that has its key.
        elsewhere: Option<IntakeId>,
    },
    /// It was known already, or repeats a purged write.
    Repeated,
    /// It was known already and is open here, although an export says it is settled.
    OpenHere(WriteId),
    /// It is a part that must not exist beside its batch.
    Refused(BatchIsHere),
}

/// Takes in one failure.
pub(super) fn take_in(connection: &Connection, prepared: &Incoming, known: &mut Known) -> JobResult<Taken> {
    let captured = &prepared.captured;
    let target = if let Some(&id) = known.targets.get(&captured.target) {
        id
    } else {
        let id = targets::ensure(connection, &captured.target)?;
        if let Some(header) = &captured.key_header {
            targets::note_key_header(connection, id, header)?;
        }
        known.targets.insert(captured.target.clone(), id);
        id
    };
    let heard = Heard { connection, intake: known.intake, again: again(captured), now: captured.captured_at };
    let SameKey { same, others: shares_key } = same_key(connection, prepared, target)?;
    if let Some((id, here)) = same {
        heard.repeat(id)?;
        let settles = settles_elsewhere(here, captured.exported.as_deref());
        return Ok(if settles { Taken::OpenHere(id) } else { Taken::Repeated });
    }
    if is_purged(connection, prepared)? {
        return Ok(Taken::Repeated);
    }
    let parts = waiting_parts(connection, prepared.tombstone)?;
    let was_split = captured
        .exported
        .as_ref()
        .is_some_and(|exported| matches!(exported.place, Place::Resolved { how: Resolution::Split, .. }));
    if !parts.is_empty() && !was_split {
        // The batch lives on in its parts, which came in before it.
        parts.into_iter().try_for_each(|part| heard.doubt(part))?;
        return Ok(Taken::Repeated);
    }
    let parent = match captured.exported.as_ref().and_then(|exported| exported.parent.as_ref()) {
        None => Beside::Nothing,
        Some(parent) => match beside(connection, target, captured, parent)? {
            Ok(beside) => beside,
            Err(why) => return Ok(Taken::Refused(why)),
        },
    };
    for &id in &shares_key {
        intakes::changing(connection, known.intake, id, false, || {
            Ok(connection.prepare_cached("UPDATE writes SET key_reused = 1 WHERE id = ?")?.execute([id])?)
        })?;
    }
    let elsewhere = came_in_with(connection, &shares_key, known.intake)?;
    let group = group(connection, target, prepared, known)?;
    let id = insert(connection, prepared, target, group, !shares_key.is_empty(), known.intake)?;
    for name in &captured.record_fields {
        if known.fields.len() < KNOWN_FIELDS && known.fields.insert(name.clone()) {
            connection.prepare_cached("INSERT OR IGNORE INTO record_fields (name) VALUES (?)")?.execute([name])?;
        }
    }
    match parent {
        Beside::Nothing => {}
        Beside::Batch { id: batch, arrival } => place_in_batch(connection, id, batch, arrival)?,
        Beside::Absent(identity) => {
            connection.prepare_cached("UPDATE writes SET parent_identity = ? WHERE id = ?")?.execute((identity, id))?;
        }
    }
    for part in parts {
        place_in_batch(connection, part, id, id)?;
    }
    Ok(Taken::Inserted { id, elsewhere })
}

/// Returns the earliest intake, other than this one, that these writes came in with.
fn came_in_with(connection: &Connection, ids: &[WriteId], but: Option<IntakeId>) -> JobResult<Option<IntakeId>> {
    let mut found = None;
    for id in ids {
        let intake: Option<IntakeId> = connection
            .prepare_cached("SELECT intake_id FROM writes WHERE id = ?")?
            .query_row([id], |row| row.get(0))?;
        found = [found, intake.filter(|intake| Some(*intake) != but)].into_iter().flatten().min();
    }
    Ok(found)
}

/// Returns what a captured line says about a write that is there already.
fn again(captured: &Captured) -> rules::Again {
    rules::Again {
        endpoint_origin: captured.endpoint_origin,
        failed_at: captured.failed_at,
        ambiguous: captured.ambiguous,
        window_start: captured.window_start(),
    }
}

fn group(connection: &Connection, target: TargetId, prepared: &Incoming, known: &mut Known) -> JobResult<GroupId> {
    let failure = &prepared.captured.failure;
    let key = (
        target,
        prepared.captured.operated.object.clone(),
        failure.failure_type,
        failure.code.clone().unwrap_or_default(),
        prepared.group_message.clone(),
    );
    if let Some(&id) = known.groups.get(&key) {
        return Ok(id);
    }
    let seen = prepared.captured.failed_at.unwrap_or(prepared.captured.captured_at);
    let id = ensure_group(connection, &key, seen)?;
    if known.groups.len() >= KNOWN_GROUPS {
        known.groups.clear();
    }
    known.groups.insert(key, id);
    Ok(id)
}

/// Returns the name of a lane's source, as it is stored; `None` for the match key.
fn lane_from(source: &LaneSource) -> Option<String> {
    (*source != LaneSource::MatchKey).then(|| source.name())
}

fn insert(
    connection: &Connection,
    prepared: &Incoming,
    target: TargetId,
    group: GroupId,
    key_reused: bool,
    intake: Option<IntakeId>,
) -> JobResult<WriteId> {
    let captured = &prepared.captured;
    let failure = &captured.failure;
    let standing = Standing::new(captured.window_start());
    let lane = lane::name_of(&captured.lanes);
    connection
        .prepare_cached(
            "INSERT INTO writes (target_id, group_id, state, ambiguous_since, captured_ambiguous, order_at,
               first_attempt_at, failed_at, last_failed_at, captured_at, failure_type, status, error_code,
               error_message, error_details, correlation_id, method, path, endpoint_origin, object, operation, headers,
               key, key_origin, key_reused, identity_hash, content_hash, body_sha256, body_len, body_origin, lane, source,
               intake_id, profile, lane_from)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20,
               ?21, ?22, ?23, ?24, ?25, ?26, ?27, ?28, ?29, ?30, ?31, ?32, ?33,
               ?34)",
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
            captured.operated.object,
            captured.operated.operation,
            headers_text(&captured.headers),
            captured.key.as_str(),
            captured.key_origin,
            key_reused,
            prepared.index_hash,
            prepared.content,
            prepared.body_sha256,
            captured.body.len() as i64,
            captured.body_origin,
            lane,
            captured.source,
            intake,
            Some(captured.profile.as_str()).filter(|profile| !profile.is_empty()),
            lane_from(&captured.operated.lane),
        ])?;
    let id = WriteId(connection.last_insert_rowid());
    let hashes: Vec<i64> = captured.lanes.iter().map(|lane| lane.hash).collect();
    let request = Sealed::of_new(captured, id, prepared.body_sha256, lane.as_deref()).seal(&hashes);
    seals::set(connection, id, request, &standing_seal(request, &standing, None))?;
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
