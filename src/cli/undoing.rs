//! `dlq ingest --undo`: takes an intake back.

use std::collections::BTreeSet;

use super::context::Context;
use super::output::{Out, note};
use crate::domain::ids::{GroupId, IntakeId, WriteId};
use crate::render::count::thousands;
use crate::replay::ExitCode;
use crate::store::{By, Reply, Store, TakenBack};

pub(super) fn run(context: &Context, intake: IntakeId, reason: Option<&str>) -> anyhow::Result<ExitCode> {
    let store = context.change()?;
    let done = take_back(&*store, intake)?;
    let by = By::new(&context.operator).because(reason);
    store.end_take_back(intake, done.groups.into_iter().collect(), done.removed, done.kept, by).wait()?;
    let mut out = Out::new();
    if context.global.json {
        let line = serde_json::json!({ "intake": intake, "removed": done.removed, "kept": done.kept });
        out.line(&line.to_string())?;
    } else if !context.global.quiet {
        let writes = if done.removed == 1 { "write" } else { "writes" };
        out.line(&format!("intake {intake} is taken back: {} {writes} removed", thousands(done.removed)))?;
    }
    out.flush()?;
    if done.kept == 0 {
        return Ok(ExitCode::Ok);
    }
    note(&format!(
        "{} kept, since something has happened to them: they were sent or changed, or came in again (dlq list intake:{intake} state:any)",
        thousands(done.kept)
    ));
    Ok(ExitCode::SomeFailed)
}

/// What was taken back.
#[derive(Default)]
struct Total {
    removed: u64,
    kept: u64,
    groups: BTreeSet<GroupId>,
}

/// Takes back what came in, pass after pass, since a batch can go only after its parts; then what that had changed.
fn take_back(store: &dyn Store, intake: IntakeId) -> anyhow::Result<Total> {
    let mut total = Total::default();
    loop {
        let pass = pass(|after| store.take_back(intake, after))?;
        total.removed += pass.removed;
        total.groups.extend(pass.groups);
        if pass.removed == 0 || pass.kept == 0 {
            total.kept = pass.kept;
            break;
        }
    }
    let changes = pass(|after| store.take_back_changes(intake, after))?;
    total.kept += changes.kept;
    total.groups.extend(changes.groups);
    Ok(total)
}

fn pass(step: impl Fn(Option<WriteId>) -> Reply<TakenBack>) -> anyhow::Result<Total> {
    let (mut total, mut after) = (Total::default(), None);
    loop {
        let done = step(after).wait()?;
        total.removed += done.removed;
        total.kept += done.kept;
        total.groups.extend(done.groups);
        after = done.after;
        if after.is_none() {
            return Ok(total);
        }
    }
}
