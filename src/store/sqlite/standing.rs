//! Recording a write's standing: the row and its seal in one change.

use rusqlite::Connection;

use super::seals::Stands;
use crate::domain::ids::{RunId, WriteId};
use crate::domain::state::{Place, Standing};
use crate::domain::time::Timestamp;

/// Records that a run claims a write, and counts the intended attempt.
pub(super) fn hold_and_count(
    connection: &Connection,
    id: WriteId,
    before: &Stands,
    standing: &Standing,
    run: Option<RunId>,
) -> rusqlite::Result<()> {
    let was = if let Place::Replaying { was } = standing.place { Some(was.state()) } else { None };
    connection
        .prepare_cached(
            "UPDATE writes SET state = ?, was = ?, run_id = ?, attempts = attempts + 1, seal = coalesce(?, seal) WHERE id = ?",
        )?
        .execute((standing.state(), was, run, before.seal_for(standing, run), id))?;
    Ok(())
}

/// Records a write's standing, and the run that has it in hand, if any.
pub(super) fn save_standing(
    connection: &Connection,
    id: WriteId,
    before: &Stands,
    standing: &Standing,
    run: Option<RunId>,
    now: Timestamp,
) -> rusqlite::Result<()> {
    let (was, how) = match standing.place {
        Place::Open(_) | Place::Replayed => (None, None),
        Place::Replaying { was } | Place::Discarded { was } => (Some(was.state()), None),
        Place::Resolved { was, how } => (Some(was.state()), Some(how)),
    };
    let settled_at = (!standing.state().is_open()).then_some(now);
    connection
        .prepare_cached(
            "UPDATE writes SET state = ?, was = ?, resolution = ?, ambiguous_since = ?, run_id = ?, settled_at = ?,
               seal = coalesce(?, seal) WHERE id = ?",
        )?
        .execute((
            standing.state(),
            was,
            how,
            standing.ambiguous_since,
            run,
            settled_at,
            before.seal_for(standing, run),
            id,
        ))?;
    Ok(())
}
