//! The commands that settle writes by hand: resolve, discard, reopen, purge.

use super::args::{Care, Purge, Query, Resolve, WithReason};
use super::context::Context;
use super::output::{Out, is_yes, note, question, read_answer, terminal_is_there};
use crate::domain::escape::terminal;
use crate::domain::filter::Test;
use crate::domain::state::{Event, State};
use crate::domain::time::{Timestamp, human_length};
use crate::render::count::writes;
use crate::replay::ExitCode;
use crate::store::Settled;

/// Writes that are settled in one transaction.
const CHUNK: usize = 500;

pub(super) fn resolve(context: &Context, args: &Resolve) -> anyhow::Result<ExitCode> {
    let event = if args.applied { Event::ResolveApplied } else { Event::ResolveNotApplied };
    let done = if args.applied { "resolved" } else { "cleared" };
    let how = How { event, verb: "resolve", done, states: &State::OPEN, reason: &args.reason };
    settle(context, &args.query, &args.care, &how)
}

pub(super) fn discard(context: &Context, args: &WithReason) -> anyhow::Result<ExitCode> {
    let (verb, done, states) = ("discard", "discarded", &State::OPEN);
    settle(context, &args.query, &args.care, &How { event: Event::Discard, verb, done, states, reason: &args.reason })
}

pub(super) fn reopen(context: &Context, args: &WithReason) -> anyhow::Result<ExitCode> {
    let settled = [State::Resolved, State::Discarded];
    let (verb, done, states) = ("reopen", "reopened", &settled);
    settle(context, &args.query, &args.care, &How { event: Event::Reopen, verb, done, states, reason: &args.reason })
}

/// What is done to writes.
struct How<'a> {
    event: Event,
    /// What is asked: `Discard 5 writes?`.
    verb: &'a str,
    /// What was done: `5 writes discarded`.
    done: &'a str,
    /// The states that are searched unless the query names some.
    states: &'a [State],
    reason: &'a str,
}

fn settle(context: &Context, query: &Query, care: &Care, how: &How<'_>) -> anyhow::Result<ExitCode> {
    let &How { event, verb, done, states, reason } = how;
    let store = context.change()?;
    let filter = context.selection(&store, &query.query, care.all, false)?;
    let filter = if filter.names_states() { filter } else { filter.and(Test::State(states.to_vec())) };
    let now = Timestamp::now();
    let ids = store.matching_ids(&filter, context.config.windows(), now).wait()?;
    if !ids.is_empty() && !care.yes && terminal_is_there() {
        question(&format!("{} {}? [y/N] ", capitalised(verb), writes(ids.len() as u64)));
        if !is_yes(&read_answer()?) {
            note("nothing was changed");
            return Ok(ExitCode::Error);
        }
    }
    let mut total = Settled::default();
    for chunk in ids.chunks(CHUNK) {
        let part = store.settle(chunk.to_vec(), event, &context.operator, Some(reason), now).wait()?;
        total.done.extend(part.done);
        total.refused.extend(part.refused);
    }
    let mut out = Out::new();
    if context.global.json {
        for id in &total.done {
            let state = store.state_of(*id).wait()?.map(State::name);
            out.line(&serde_json::json!({ "id": id, "outcome": done, "state": state, "reason": null }).to_string())?;
        }
        for (id, why) in &total.refused {
            let state = store.state_of(*id).wait()?.map(State::name);
            out.line(
                &serde_json::json!({ "id": id, "outcome": "refused", "state": state, "reason": why }).to_string(),
            )?;
        }
    } else if !context.global.quiet {
        let count = writes(total.done.len() as u64);
        out.line(&match event {
            Event::ResolveNotApplied => format!("{count} cleared: pending, and may be sent again at any age"),
            _ => format!("{count} {done}"),
        })?;
        if ids.is_empty() {
            note(&format!("no {} write matches (dlq list state:any shows all)", names(states)));
        }
    }
    out.flush()?;
    for (id, why) in total.refused.iter().take(20) {
        note(&format!("write {id}: {}", terminal(why)));
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
    let now = Timestamp::now();
    let before = now.minus(args.older_than);
    if !args.yes && terminal_is_there() {
        let count = store.purgeable(before).wait()?;
        if count == 0 {
            note(&format!("nothing was settled before {} UTC that can be deleted", before.to_human()));
            return Ok(ExitCode::Ok);
        }
        question(&format!(
            "Delete {} for good that were settled before {} UTC? [y/N] ",
            writes(count),
            before.to_human()
        ));
        if !is_yes(&read_answer()?) {
            note("nothing was deleted");
            return Ok(ExitCode::Error);
        }
    }
    let mut purged = 0;
    loop {
        match store.purge(before, CHUNK, now).wait()? {
            0 => break,
            n => purged += n as u64,
        }
    }
    let detail = format!("{} settled before {}", writes(purged), before.to_human());
    store.log("purge", detail, &context.operator, args.reason.as_deref(), now).wait()?;
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
