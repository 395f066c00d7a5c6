//! `dlq replay`: select, plan, ask, send, report.

use std::sync::Arc;

use super::args::Replay as Args;
use super::context::{Context, Usage, exit_code, wait_for, way_out};
use super::driving::{Signals, drive};
use super::look::refuse_damaged;
use super::output::{Out, ask, is_yes, note, question, read_answer, tell_error, terminal_is_there};
use super::telling::{Telling, Told};
use super::values::{IdArg, read_ids};
use crate::config::{missing_token, read_token};
use crate::domain::endpoint::BaseUrl;
use crate::domain::escape::terminal;
use crate::domain::filter::{Filter, NumberField, Range, Test, TextField, TextMatch};
use crate::domain::hazard::Hazard;
use crate::domain::ids::RunId;
use crate::domain::key::KeyWindows;
use crate::domain::outcome::{Outcome, Tally};
use crate::domain::plan::{Plan, PlannedWrite};
use crate::domain::reason::Data;
use crate::domain::selection::Selection;
use crate::domain::stop::Stops;
use crate::domain::target::TargetSettings;
use crate::domain::time::Timestamp;
use crate::render::count::{outcomes, thousands, writes};
use crate::render::json::{self, ReplayLine};
use crate::render::{windows, words};
use crate::replay::{ExitCode, Launch, MaybeCached, PaceSettings, Prepared, RunReport, RunTerms, SendOptions, prepare};
use crate::store::{PlanData, RestOfRun, Store};

/// The selected writes, before the plan is made.
struct Selected {
    data: PlanData,
    filter: Filter,
    selection: Selection,
}

pub(super) fn run(context: &Context, args: &Args) -> anyhow::Result<ExitCode> {
    let nothing = args.query.query.is_empty() && args.failure_type.is_none() && args.id.is_empty() && !args.all;
    if nothing && args.continues.is_none() {
        let hint = "say what to replay: a query, --type TYPE, --id N, --all for everything that is pending or unknown, \
                    or --continue RUN";
        return Err(Usage(hint.to_owned()).into());
    }
    let ids = ids(&args.id)?;
    let store = context.change()?;
    let selected = match args.continues {
        Some(run) => rest_of(context, &*store, RunId(run), args.limit)?,
        None => select(context, &*store, args, &ids)?,
    };
    match selected.data.targets.as_slice() {
        [] | [_] => replay(context, args, &store, selected, &mut None, true),
        several if args.continues.is_some() => {
            let names = several.join(", ");
            Err(Usage(format!("the writes are for several targets ({names}): choose one with --target")).into())
        }
        _ => each_target(context, args, &store, &selected),
    }
}

/// Replays the writes of each target in a run of its own. Nothing is sent unless all of them can be.
fn each_target(
    context: &Context,
    args: &Args,
    store: &Arc<dyn Store>,
    selected: &Selected,
) -> anyhow::Result<ExitCode> {
    let targets = &selected.data.targets;
    let to_confirm = targets.iter().find(|name| context.config.target(name).confirm);
    if let Some(name) = to_confirm.filter(|_| !args.dry_run) {
        let hint = format!(
            "the writes are for several targets, and {name} has to be confirmed by name: choose one with --target"
        );
        return Err(Usage(hint).into());
    }
    if !args.dry_run {
        for name in targets {
            let prepared = prepared(context, args, &**store, of_target(context, args, &**store, selected, name)?.data)?;
            base_url(context, &prepared)?;
            let missing = missing_token(&prepared.options.target, context.target_name());
            if let Some(why) = missing.filter(|_| !prepared.plan.send.is_empty()) {
                return Err(why.into());
            }
        }
    }
    let (mut worst, mut signals) = (ExitCode::Ok, None);
    for (n, name) in targets.iter().enumerate() {
        let is_last = n + 1 == targets.len();
        let result = of_target(context, args, &**store, selected, name)
            .and_then(|of_one| replay(context, args, store, of_one, &mut signals, is_last));
        let code = result.unwrap_or_else(|error| {
            tell_error(&error, context.global.color);
            exit_code(&error)
        });
        worst = worst.or_worse(code);
        if signals.as_ref().is_some_and(|signals: &Signals| signals.stop.is_cancelled()) {
            break;
        }
    }
    Ok(worst)
}

/// Returns those of the selected writes that are for one target.
fn of_target(
    context: &Context,
    args: &Args,
    store: &dyn Store,
    selected: &Selected,
    name: &str,
) -> anyhow::Result<Selected> {
    let mut filter = selected.filter.clone().and(Test::Text(TextField::Target, vec![TextMatch::Is(name.to_owned())]));
    if args.limit.is_some() {
        let ids = selected.data.candidates.iter().map(|write| Range { min: Some(write.id.0), max: Some(write.id.0) });
        filter = filter.and(Test::Number(NumberField::Id, ids.collect()));
    }
    let data = store.plan_data(&filter, None, context.config.windows()).wait()?;
    let selection = Selection { target: Some(name.to_owned()), ..selected.selection.clone() };
    Ok(Selected { data, filter, selection })
}

fn prepared(context: &Context, args: &Args, store: &dyn Store, data: PlanData) -> anyhow::Result<Prepared> {
    let name = data.targets.first().map_or_else(|| context.target_name(), String::as_str);
    let target = context.config.target(name);
    let mut allowed = args.allow.clone();
    if args.allow_duplicates {
        allowed.extend([Hazard::KeyExpired, Hazard::KeyNotSent]);
    }
    let sending = SendOptions {
        base_url: context.given_base_url(&target)?,
        target,
        pace: PaceSettings { rate: args.rate, concurrency: args.concurrency },
        allowed,
        new_key: args.new_key,
    };
    Ok(wait_for(prepare(store, data, sending))??)
}

/// Returns where a plan sends to, or says how to name it.
fn base_url<'a>(context: &Context, prepared: &'a Prepared) -> anyhow::Result<&'a BaseUrl> {
    let name = &prepared.options.target.name;
    prepared.base_url.as_ref().ok_or_else(|| {
        let hint = if name == context.target_name() {
            format!("target {name} has no base URL yet: give --base-url URL (or EXPERITURE_BASE_URL)")
        } else {
            format!("target {name} has no base URL yet: {}", way_out(name))
        };
        Usage(hint).into()
    })
}

/// Replays the writes of one target.
fn replay(
    context: &Context,
    args: &Args,
    store: &Arc<dyn Store>,
    selected: Selected,
    signals: &mut Option<Signals>,
    is_last: bool,
) -> anyhow::Result<ExitCode> {
    let Selected { data, filter, selection } = selected;
    let now = store.clock().wait()?.wall;
    let empty = data.candidates.is_empty();
    let prepared = prepared(context, args, &**store, data)?;
    let (page, count, damaged) = (prepared.page(now), prepared.count() as u64, prepared.damaged.clone());
    if args.dry_run {
        let code = dry_run(context, &**store, &page, &prepared.plan, args)?;
        return refuse_damaged(&damaged).map(|()| code);
    }
    if empty {
        let code = nothing_to_do(context, args)?;
        return refuse_damaged(&damaged).map(|()| code);
    }
    let target = &prepared.options.target;
    let base_url = base_url(context, &prepared)?;
    if !context.global.json && !context.global.quiet {
        ask(&page);
    }
    for (id, why) in &damaged {
        note(&format!("write {id} is not sent: {why}"));
    }
    if prepared.plan.send.is_empty() {
        let code = only_refused(context, &**store, &prepared.plan)?;
        return refuse_damaged(&damaged).map(|()| code);
    }
    let token = read_token(target, context.target_name())?;
    if !confirmed(context, args, target, base_url, count)? {
        note("nothing was sent");
        return Ok(ExitCode::Error);
    }
    let terms = RunTerms {
        canaries: if args.no_canary { 0 } else { args.canary },
        max_attempts: args.max_attempts,
        max_failures: args.max_failures,
        alongside: args.alongside,
        reason: args.reason.clone(),
        selection,
        filter,
    };
    let signals = match signals {
        Some(signals) => signals,
        None => signals.insert(Signals::heed()?),
    };
    let launch = Launch { prepared, terms, operator: context.operator.clone(), token };
    let code = send(context, store, launch, signals, is_last)?;
    refuse_damaged(&damaged).map(|()| code)
}

/// Returns the named IDs, including those on stdin.
fn ids(named: &[IdArg]) -> anyhow::Result<Vec<i64>> {
    let mut ids = Vec::new();
    for id in named {
        match id {
            IdArg::Id(id) => ids.push(*id),
            IdArg::Stdin => ids.extend(read_ids(std::io::stdin().lock()).map_err(Usage)?),
        }
    }
    if ids.is_empty() && !named.is_empty() {
        return Err(Usage("there is no ID on stdin".to_owned()).into());
    }
    Ok(ids)
}

fn select(context: &Context, store: &dyn Store, args: &Args, ids: &[i64]) -> anyhow::Result<Selected> {
    let filter = filter(context, store, args, ids)?;
    let data = store.plan_data(&filter, args.limit, context.config.windows()).wait()?;
    let selection = Selection {
        words: args.query.query.join(" "),
        failure_type: args.failure_type,
        ids: ids.to_vec(),
        all: args.all,
        target: context.global.target.clone(),
        limit: args.limit,
        continues: None,
    };
    Ok(Selected { data, filter, selection })
}

/// Returns the rest of a run's plan, with the selection of that run and its filter.
fn rest_of(context: &Context, store: &dyn Store, run: RunId, limit: Option<usize>) -> anyhow::Result<Selected> {
    let RestOfRun { mut data, selection } = store.rest_of_run(run).wait()?;
    data.candidates.truncate(limit.unwrap_or(usize::MAX));
    if let Some(named) = context.global.target.as_ref().filter(|named| !data.targets.contains(named)) {
        let hint = format!("run {run} sent to target {}, not to {named}", data.targets.join(", "));
        return Err(Usage(hint).into());
    }
    // A run of an older version has no selection: everything that came in since counts as new.
    let before = selection.unwrap_or_default();
    let filter = context.filter(store, &[before.query()])?;
    Ok(Selected { data, filter, selection: Selection { continues: Some(run), limit, ..before } })
}

fn filter(context: &Context, store: &dyn Store, args: &Args, ids: &[i64]) -> anyhow::Result<Filter> {
    let narrowed = args.failure_type.is_some() || !ids.is_empty();
    let mut filter = context.selection(store, &args.query.query, args.all, narrowed)?;
    if let Some(failure_type) = args.failure_type {
        filter = filter.and(Test::Type(vec![failure_type]));
    }
    if !ids.is_empty() {
        let ids = ids.iter().map(|&id| Range { min: Some(id), max: Some(id) }).collect();
        filter = filter.and(Test::Number(NumberField::Id, ids));
    }
    Ok(filter)
}

/// Asks for confirmation on a terminal. A target with `confirm` is confirmed by typing its name, or
/// by `--yes` with `--target`.
fn confirmed(context: &Context, args: &Args, target: &TargetSettings, base: &BaseUrl, n: u64) -> anyhow::Result<bool> {
    let terminal = terminal_is_there();
    if target.confirm && !(args.yes && context.global.target.is_some()) {
        if !terminal {
            let hint = format!("target {0} must be confirmed: give --yes and --target {0}", target.name);
            return Err(Usage(hint).into());
        }
        question(&format!("Send {} to {base}? Type the target's name to go on: ", writes(n)));
        return Ok(read_answer()? == target.name);
    }
    if args.yes || !terminal {
        return Ok(true);
    }
    question(&format!("Send {} to {base}? [y/N] ", writes(n)));
    Ok(is_yes(&read_answer()?))
}

fn dry_run(context: &Context, store: &dyn Store, page: &str, plan: &Plan, args: &Args) -> anyhow::Result<ExitCode> {
    let mut tally = Tally::default();
    let settled = plan.send.iter().filter(|w| w.settled).count() as u64;
    tally.add(Outcome::Unsent, plan.send.len() as u64 - settled);
    tally.add(Outcome::Skipped, settled);
    tally.add(Outcome::Refused, plan.refused.len() as u64);
    let mut out = Out::new();
    if context.global.json {
        for write in &plan.send {
            let outcome = if write.settled { Outcome::Skipped.name() } else { "planned" };
            out.line(&json::line(&unsent_line(store, write, outcome, None)?))?;
        }
        for (write, hazard) in &plan.refused {
            out.line(&json::line(&unsent_line(store, write, "refused", Some(*hazard))?))?;
        }
        out.line(&json::summary(None, &tally, 0, &Stops::default()))?;
    } else {
        out.text(page)?;
        for (write, hazard) in plan.refused.iter().take(20) {
            out.line(&format!("  write {} would be refused: {hazard}", write.id))?;
        }
        out.line("Nothing was sent (--dry-run).")?;
    }
    out.flush()?;
    if tally.planned() == 0 && args.fail_if_empty {
        return Ok(ExitCode::Empty);
    }
    let would_refuse = plan.send.is_empty() && !plan.refused.is_empty();
    Ok(if would_refuse || !plan.refused.is_empty() { ExitCode::Refused } else { ExitCode::Ok })
}

fn unsent_line(
    store: &dyn Store,
    write: &PlannedWrite,
    outcome: &'static str,
    refused_by: Option<Hazard>,
) -> anyhow::Result<ReplayLine> {
    let known = store.brief(write.id).wait()?;
    let (key, state, revision) = known.unwrap_or((String::new(), crate::domain::state::State::Pending, 0));
    Ok(ReplayLine {
        id: write.id,
        idempotency_key: key,
        outcome,
        reason: refused_by.map(|hazard| hazard.name().to_owned()),
        reason_data: Data::new(),
        state: state.name(),
        status: None,
        error_code: None,
        error_message: None,
        correlation_id: None,
        cached: false,
        attempts: 0,
        latency_ms: None,
        revision,
    })
}

fn nothing_to_do(context: &Context, args: &Args) -> anyhow::Result<ExitCode> {
    let mut out = Out::new();
    if context.global.json {
        out.line(&json::summary(None, &Tally::default(), 0, &Stops::default()))?;
    } else if !context.global.quiet {
        out.line("Nothing to replay: no pending or unknown write matches.")?;
    }
    out.flush()?;
    Ok(if args.fail_if_empty { ExitCode::Empty } else { ExitCode::Ok })
}

fn only_refused(context: &Context, store: &dyn Store, plan: &Plan) -> anyhow::Result<ExitCode> {
    let mut tally = Tally::default();
    tally.add(Outcome::Refused, plan.refused.len() as u64);
    let mut out = Out::new();
    if context.global.json {
        for (write, hazard) in &plan.refused {
            out.line(&json::line(&unsent_line(store, write, "refused", Some(*hazard))?))?;
        }
        out.line(&json::summary(None, &tally, 0, &Stops::default()))?;
    } else {
        for (write, hazard) in plan.refused.iter().take(20) {
            out.line(&format!("write {} refused: {hazard}: {}", write.id, words::hazard(*hazard)))?;
        }
        out.line(&format!("Nothing was sent: {} refused.", writes(tally.planned())))?;
    }
    out.flush()?;
    Ok(ExitCode::Refused)
}

fn send(
    context: &Context,
    store: &Arc<dyn Store>,
    launch: Launch,
    signals: &Signals,
    is_last: bool,
) -> anyhow::Result<ExitCode> {
    let telling = Telling {
        store: Arc::clone(store),
        json: context.global.json,
        verbose: context.global.verbose,
        quiet: context.global.quiet,
        total: launch.prepared.plan.send.len() as u64,
        stop: signals.stop.clone(),
    };
    let target = launch.prepared.options.target.name.clone();
    let (ended, told) = drive(Arc::clone(store), launch, telling, signals, is_last)?;
    let now = store.clock().wait()?.wall;
    let windows = store.key_windows(context.config.windows(), Some(&target)).wait().unwrap_or_default();
    report(context, &ended, told, &windows, now)
}

fn report(
    context: &Context,
    report: &RunReport,
    told: Told,
    windows: &KeyWindows,
    now: Timestamp,
) -> anyhow::Result<ExitCode> {
    let code = report.exit_code();
    if let Some(error) = told.broken {
        // The run itself is complete and recorded; only its output was cut off.
        anyhow::bail!("run {} is recorded, but {error}", report.run);
    }
    let mut out = Out::new();
    if context.global.json {
        let (tally, stopped) = (&report.tally, &report.stopped);
        out.line(&json::run_summary(report.run, tally, report.new_since_plan, stopped, windows))?;
    } else {
        for trouble in &told.troubles {
            note(trouble);
        }
        out.line(&format!("Run {}: {}.", report.run, outcomes(&report.tally)))?;
        if let Some(stopped) = words::stops(&report.stopped) {
            let blamed = report.stopped.list.iter().find_map(|stop| stop.blame()?.write);
            let show = blamed.map(|id| format!(" (dlq show {id})")).unwrap_or_default();
            out.line(&format!("Stopped: {}{show}.", terminal(&stopped)))?;
        }
        if report.new_since_plan > 0 {
            out.line(&format!("{} came in since the plan was made.", writes(report.new_since_plan)))?;
        }
        if report.cached > 0 {
            let came = if report.cached == 1 { "refusal came" } else { "refusals came" };
            let count = thousands(report.cached);
            out.line(&format!("{count} {came} from the API's cache: dlq replay --new-key gets past it."))?;
        }
        if let Some(again) = &report.maybe_cached {
            out.line(&maybe_cached(again))?;
        }
        let lines = if context.global.quiet { Vec::new() } else { windows::lines(windows, now) };
        for line in lines {
            out.line(&line)?;
        }
        if report.tally.get(Outcome::Unsent) > 0 {
            out.line(&format!("Next, once the cause is fixed: dlq replay --continue {}", report.run))?;
        }
    }
    out.flush()?;
    if let Some(error) = &report.error {
        anyhow::bail!("run {} was ended by an error: {error}", report.run);
    }
    refuse_damaged(&report.damaged)?;
    Ok(code)
}

fn maybe_cached(again: &MaybeCached) -> String {
    let what = if again.count == 1 { "1 refusal is" } else { "refusals are" };
    let count = if again.count == 1 { String::new() } else { format!("{} ", thousands(again.count)) };
    format!(
        "{count}{what} the same as before, within the key window: maybe-cached. If the cause is fixed, the API may go on \
         answering from its cache until {}; dlq replay --new-key gets past it.",
        again.until.to_human()
    )
}
