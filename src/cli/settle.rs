//! The commands that settle writes by hand: resolve, discard, reopen, purge.

use super::args::{Care, Purge, Query, Resolve, WithReason};
use super::context::Context;
use super::output::{Out, is_yes, note, question, read_answer, terminal_is_there};
use crate::domain::action::{Action, Settling};
use crate::domain::escape::terminal;
use crate::domain::filter::Test;
use crate::domain::state::State;
use crate::domain::time::{Timestamp, human_length};
use crate::render::count::writes;
use crate::render::{json, words};
use crate::replay::ExitCode;
use crate::store::{By, Settled, Store};

/// Number of writes settled per transaction.
const CHUNK: usize = 500;

pub(super) fn resolve(context: &Context, args: &Resolve) -> anyhow::Result<ExitCode> {
    let how = if args.applied { Settling::Applied } else { Settling::NotApplied };
    let (verb, outcome) = ("resolve", if args.applied { "resolved" } else { "cleared" });
    settle(context, &args.query, &args.care, &What { how, verb, outcome, states: &State::OPEN, reason: &args.reason })
}

pub(super) fn discard(context: &Context, args: &WithReason) -> anyhow::Result<ExitCode> {
    let (how, verb, outcome, states) = (Settling::Discard, "discard", "discarded", &State::OPEN);
    settle(context, &args.query, &args.care, &What { how, verb, outcome, states, reason: &args.reason })
}

pub(super) fn reopen(context: &Context, args: &WithReason) -> anyhow::Result<ExitCode> {
    let settled = [State::Resolved, State::Discarded];
    let (how, verb, outcome, states) = (Settling::Reopen, "reopen", "reopened", &settled);
    settle(context, &args.query, &args.care, &What { how, verb, outcome, states, reason: &args.reason })
}

/// A way of settling writes, and its words.
struct What<'a> {
    how: Settling,
    /// The verb of the question: `Discard 5 writes?`.
    verb: &'a str,
    /// The outcome in `--json`.
    outcome: &'a str,
    /// The states to search, unless the query names some.
    states: &'a [State],
    reason: &'a str,
}

fn settle(context: &Context, query: &Query, care: &Care, what: &What<'_>) -> anyhow::Result<ExitCode> {
    let &What { how, verb, outcome, states, reason } = what;
    let store = context.change()?;
    let filter = context.selection(&*store, &query.query, care.all, false)?;
    let filter = if filter.names_states() { filter } else { filter.and(Test::State(states.to_vec())) };
    let by = By::new(&context.operator).because(Some(reason));
    let ids = store.matching_ids(&filter, context.config.windows()).wait()?;
    if !ids.is_empty() && !care.yes && terminal_is_there() {
        question(&format!("{} {}? [y/N] ", capitalised(verb), writes(ids.len() as u64)));
        if !is_yes(&read_answer()?) {
            note("nothing was changed");
            return Ok(ExitCode::Error);
        }
    }
    let mut total = Settled::default();
    for chunk in ids.chunks(CHUNK) {
        let part = store.settle(chunk.to_vec(), how, by.clone()).wait()?;
        total.done.extend(part.done);
        total.refused.extend(part.refused);
    }
    let mut out = Out::new();
    if context.global.json {
        let state = |id| -> anyhow::Result<_> { Ok(store.state_of(id).wait()?.map(State::name)) };
        for &id in &total.done {
            out.line(&json::settled(id, outcome, state(id)?, None))?;
        }
        for &(id, why) in &total.refused {
            out.line(&json::settled(id, "refused", state(id).ok().flatten(), Some(why)))?;
        }
    } else if !context.global.quiet {
        out.line(&words::settled(how, total.done.len() as u64))?;
        if ids.is_empty() {
            note(&format!("no {} write matches (dlq list state:any shows all)", names(states)));
        }
    }
    out.flush()?;
    for &(id, why) in total.refused.iter().take(20) {
        note(&format!("write {id}: {}", terminal(&words::settle_refusal(why))));
    }
    Ok(if total.refused.is_empty() { ExitCode::Ok } else { ExitCode::SomeFailed })
}

fn names(states: &[State]) -> String {
    states.iter().map(|s| s.name()).collect::<Vec<_>>().join(", ")
}

fn capitalised(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

pub(super) fn purge(context: &Context, args: &Purge) -> anyhow::Result<ExitCode> {
    let store = context.change()?;
    let now = store.clock().wait()?.wall;
    let before = now.minus(args.older_than);
    if !args.yes && terminal_is_there() {
        let count = store.purgeable(before).wait()?;
        if count == 0 {
            note(&format!("nothing settled before {} UTC can be deleted", before.to_human()));
            return Ok(ExitCode::Ok);
        }
        question(&format!("Delete {} settled before {} UTC for good? [y/N] ", writes(count), before.to_human()));
        if !is_yes(&read_answer()?) {
            note("nothing was deleted");
            return Ok(ExitCode::Error);
        }
    }
    let by = By::new(&context.operator).because(args.reason.as_deref());
    let purged = purge_all(&*store, before)?;
    store.log(Action::Purge { writes: purged, before }, by).wait()?;
    let mut out = Out::new();
    if context.global.json {
        out.line(&serde_json::json!({ "purged": purged, "before": before }).to_string())?;
    } else if !context.global.quiet {
        let age = human_length(args.older_than);
        out.line(&format!("{} deleted for good (settled more than {age} ago)", writes(purged)))?;
    }
    out.flush()?;
    Ok(ExitCode::Ok)
}

/// Purges in steps, from the oldest write on, until a whole pass finds nothing more: a batch can go
/// only after its parts.
fn purge_all(store: &dyn Store, before: Timestamp) -> anyhow::Result<u64> {
    let mut total = 0;
    loop {
        let (mut after, mut in_pass) = (None, 0);
        loop {
            let step = store.purge(before, after).wait()?;
            in_pass += step.count as u64;
            after = step.after;
            if after.is_none() {
                break;
            }
        }
        total += in_pass;
        if in_pass == 0 {
            return Ok(total);
        }
    }
}
