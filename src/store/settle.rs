//! What operators do to writes: resolve, discard, reopen, purge. Each is logged with who, when and why.

use rusqlite::Connection;

use super::error::{JobResult, row_error};
use super::rows::save_standing;
use super::seals::{load_standing, resealed};
use super::worker::Reply;
use super::{Store, StoreError, clock};
use crate::domain::identity::{Identity, Sha};
use crate::domain::ids::WriteId;
use crate::domain::run::Operator;
use crate::domain::state::Event;
use crate::domain::time::Timestamp;

/// What became of some writes that someone wanted to settle.
#[derive(Debug, Default)]
pub struct Settled {
    /// Those that changed.
    pub done: Vec<WriteId>,
    /// Those whose state did not allow it, with why.
    pub refused: Vec<(WriteId, String)>,
}

/// Settled before a moment, and not what keeps an older open write of its lane from going out (superseded).
const PURGEABLE: &str = "w.state IN ('replayed', 'resolved', 'discarded') AND w.settled_at < ?
    AND NOT (w.state <> 'discarded' AND EXISTS (
      SELECT 1 FROM lanes l JOIN lanes m ON m.hash = l.hash AND m.write_id <> l.write_id
        JOIN writes x ON x.id = m.write_id
      WHERE l.write_id = w.id AND x.state NOT IN ('replayed', 'resolved', 'discarded')
        AND (x.order_at, coalesce(x.order_id, x.id), x.id) < (w.order_at, coalesce(w.order_id, w.id), w.id)))";

/// A batch that comes again, ambiguous now, has to find its parts, theirs, and those that may be reopened.
const WITHOUT_PARTS: &str = "NOT EXISTS (SELECT 1 FROM writes c WHERE c.parent_id = w.id)";

impl Store {
    /// How many writes a purge of what was settled before `before` would delete: batches after their parts.
    pub fn purgeable(&self, before: Timestamp) -> Reply<u64> {
        self.read(move |connection| {
            let sql = format!(
                "WITH RECURSIVE stays (id) AS (
                   SELECT w.parent_id FROM writes w WHERE w.parent_id IS NOT NULL AND NOT ({PURGEABLE})
                   UNION SELECT w.parent_id FROM stays s JOIN writes w ON w.id = s.id WHERE w.parent_id IS NOT NULL
                 ) SELECT count(*) FROM writes w WHERE {PURGEABLE} AND w.id NOT IN (SELECT id FROM stays)"
            );
            let count: i64 = connection.prepare_cached(&sql)?.query_row((before, before), |row| row.get(0))?;
            Ok(count.unsigned_abs())
        })
    }

    /// Lets one event happen to each of these writes; those whose state does not allow it are left as they are.
    pub fn settle(
        &self,
        ids: Vec<WriteId>,
        event: Event,
        operator: &Operator,
        reason: Option<&str>,
        now: Timestamp,
    ) -> Reply<Settled> {
        let (operator, reason) = (operator.clone(), reason.map(str::to_owned));
        self.write_alone(move |connection| {
            let mut settled = Settled::default();
            for &id in &ids {
                match settle_one(connection, id, event, &operator, reason.as_deref(), now)? {
                    None => settled.done.push(id),
                    Some(why) => settled.refused.push((id, why)),
                }
            }
            Ok(settled)
        })
    }

    /// Deletes up to `most` writes that were settled before `before`, for good. Tombstones keep their identities.
    /// Gives how many were deleted: 0 when nothing is left to delete.
    pub fn purge(&self, before: Timestamp, most: usize, now: Timestamp) -> Reply<usize> {
        self.write_alone(move |connection| {
            connection.execute_batch("PRAGMA secure_delete = ON")?;
            let mut statement = connection.prepare_cached(&format!(
                "SELECT w.id, t.name, w.method, w.path, coalesce(w.parent_key, w.key), w.content_hash
                 FROM writes w JOIN targets t ON t.id = w.target_id
                 WHERE {PURGEABLE} AND {WITHOUT_PARTS} LIMIT ?"
            ))?;
            let mut rows = statement.query((before, most as i64))?;
            let mut gone: Vec<(WriteId, [u8; 16])> = Vec::new();
            while let Some(row) = rows.next()? {
                let identity = Identity {
                    target: row.get_ref(1)?.as_str().unwrap_or_default(),
                    method: row.get_ref(2)?.as_str().unwrap_or_default(),
                    path: row.get_ref(3)?.as_str().unwrap_or_default(),
                    key: row.get_ref(4)?.as_str().unwrap_or_default(),
                    content: row.get::<_, Sha>(5)?,
                };
                gone.push((row.get(0)?, identity.tombstone()));
            }
            for (id, tombstone) in &gone {
                connection
                    .prepare_cached("INSERT OR IGNORE INTO tombstones (identity, purged_at) VALUES (?, ?)")?
                    .execute((tombstone, now))?;
                // What an answer said goes with its write.
                connection
                    .prepare_cached(
                        "UPDATE runs SET stopped = 'the reason went with a write that was purged'
                         WHERE instr(stopped, '(dlq show ' || ?1 || ')') > 0
                           AND id IN (SELECT run_id FROM run_items WHERE write_id = ?1)",
                    )?
                    .execute([id])?;
                connection.prepare_cached("UPDATE run_items SET reason = NULL WHERE write_id = ?")?.execute([id])?;
                connection.prepare_cached("DELETE FROM writes WHERE id = ?")?.execute([id])?;
            }
            Ok(gone.len())
        })
    }

    /// Adds an entry about the whole file to the operator log.
    pub fn log(
        &self,
        action: &'static str,
        detail: String,
        operator: &Operator,
        reason: Option<&str>,
        now: Timestamp,
    ) -> Reply<()> {
        let (operator, reason) = (operator.clone(), reason.map(str::to_owned));
        self.write(move |connection| log(connection, action, None, &detail, &operator, reason.as_deref(), now))
    }
}

/// `None` when it was done, else why not.
fn settle_one(
    connection: &Connection,
    id: WriteId,
    event: Event,
    operator: &Operator,
    reason: Option<&str>,
    now: Timestamp,
) -> JobResult<Option<String>> {
    let found = match load_standing(connection, id) {
        Ok(Some(found)) => found,
        Ok(None) => return Ok(Some("there is no such write".to_owned())),
        Err(error) => return row_error(&error).map_or(Err(error.into()), |why| Ok(Some(why))),
    };
    let (standing, run) = (found.standing, found.run);
    let after = match standing.after(event) {
        Ok(after) => after,
        Err(why) => {
            let by = run.map(|run| format!(" (run {run} has it in hand)")).unwrap_or_default();
            return Ok(Some(format!("{why}{by}")));
        }
    };
    clock::tick(connection, now)?;
    save_standing(connection, id, &found, &after, None, now)?;
    if event == Event::ResolveNotApplied {
        resealed(connection, id, |connection| {
            connection
                .prepare_cached("UPDATE writes SET not_applied_at = ?, captured_ambiguous = 0 WHERE id = ?")?
                .execute((now, id))?;
            Ok(())
        })?;
    }
    let action = match event {
        Event::ResolveApplied => "resolve --applied",
        Event::ResolveNotApplied => "resolve --not-applied",
        Event::Discard => "discard",
        Event::Reopen => "reopen",
        other => return Err(StoreError::Commit(format!("{other:?} is not an operator's event")).into()),
    };
    let detail = format!("{} -> {}", standing.state(), after.state());
    log(connection, action, Some(id), &detail, operator, reason, now)?;
    Ok(None)
}

/// Adds an entry to the operator log.
pub(super) fn log(
    connection: &Connection,
    action: &str,
    write: Option<WriteId>,
    detail: &str,
    operator: &Operator,
    reason: Option<&str>,
    now: Timestamp,
) -> JobResult<()> {
    connection
        .prepare_cached(
            "INSERT INTO operator_log (at, operator, uid, host, action, write_id, detail, reason)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        )?
        .execute((now, &operator.name, operator.uid, &operator.host, action, write, detail, reason))?;
    Ok(())
}
