//! `dlq replay`: select, plan, ask, send, report.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::args::Replay as Args;
use super::context::{Context, Usage, read_token};
use super::output::{Out, ask, is_yes, note, read_answer, terminal_is_there, thousands, writes};
use super::telling::{Telling, Told, stop_signal};
use crate::domain::endpoint::BaseUrl;
use crate::domain::filter::{Filter, NumberField, Range, Test};
use crate::domain::hazard::Hazard;
use crate::domain::ids::WriteId;
use crate::domain::outcome::{Outcome, Tally};
use crate::domain::plan::{Plan, PlannedWrite};
use crate::domain::target::TargetSettings;
use crate::domain::time::Timestamp;
use crate::render::json::{self, ReplayLine};
use crate::replay::{ExitCode, HttpTransport, Replay, Report, RunOptions, build_plan};
use crate::store::{PlanData, Store, StoreError};

pub(super) fn run(context: &Context, args: &Args) -> anyhow::Result<ExitCode> {
    if args.query.query.is_empty() && args.failure_type.is_none() && args.id.is_empty() && !args.all {
        let hint =
            "say what to replay: a query, --type TYPE, --id N, or --all for everything that is pending or unknown";
        return Err(Usage(hint.to_owned()).into());
    }
    let store = context.change()?;
    let now = Timestamp::now();
    let filter = selection(context, &store, args)?;
    let data = store.plan_data(&filter, args.limit, context.config.windows(), now).wait()?;
    let target = context.config.target(&the_target(context, &data)?);
    let base = context.base_url(&store, &target)?;
    let mut allowed = args.allow.clone();
    if args.allow_duplicates {
        allowed.extend([Hazard::KeyExpired, Hazard::KeyNotSent]);
    }
    let last_id = data.last_id.unwrap_or(WriteId(0));
    let empty = data.candidates.is_empty();
    let plan = build_plan(data.candidates, &data.mates, &allowed, target.window, now);
    if args.dry_run {
        return dry_run(context, &store, &target, base.as_ref(), &plan, args);
    }
    if empty {
        return nothing_to_do(context, args);
    }
    let Some(base_url) = base else {
        let hint = format!("target {} has no base URL yet: give --base-url URL (or EXPERITURE_BASE_URL)", target.name);
        return Err(Usage(hint).into());
    };
    if !context.global.json && !context.global.quiet {
        ask(&plan_text(&plan, &target, Some(&base_url)));
    }
    if plan.send.is_empty() {
        return only_refused(context, &store, &plan);
    }
    let token = read_token(&target)?;
    if !confirmed(context, args, &target, &base_url, plan.send.len() as u64)? {
        note("nothing was sent");
        return Ok(ExitCode::Error);
    }
    store.bind_target(&target.name, &base_url, &context.operator, now).wait()?;
    let options = RunOptions {
        base_url,
        allowed,
        concurrency: args.concurrency,
        canaries: if args.no_canary { 0 } else { args.canary },
        max_attempts: args.max_attempts,
        operator: context.operator.clone(),
        reason: args.reason.clone(),
        query: query_text(args),
        filter,
        last_id,
        target,
    };
    send(context, store, options, plan, token.as_deref())
}

fn selection(context: &Context, store: &Store, args: &Args) -> anyhow::Result<Filter> {
    let mut filter = context.careful_filter(store, &args.query.query)?;
    if let Some(failure_type) = args.failure_type {
        filter = filter.and(Test::Type(vec![failure_type]));
    }
    if !args.id.is_empty() {
        let ids = args.id.iter().map(|&id| Range { min: Some(id), max: Some(id) }).collect();
        filter = filter.and(Test::Number(NumberField::Id, ids));
    }
    Ok(filter)
}

/// The selection as the record keeps it.
fn query_text(args: &Args) -> String {
    let mut words = args.query.query.clone();
    words.extend(args.failure_type.map(|t| format!("type:{t}")));
    if !args.id.is_empty() {
        let ids: Vec<String> = args.id.iter().map(ToString::to_string).collect();
        words.push(format!("id:{}", ids.join(",")));
    }
    if words.is_empty() { "all".to_owned() } else { words.join(" ") }
}

/// A run has one target: that of all selected writes.
fn the_target(context: &Context, data: &PlanData) -> anyhow::Result<String> {
    match data.targets.as_slice() {
        [] => Ok(context.target_name().to_owned()),
        [one] => Ok(one.clone()),
        several => {
            let names = several.join(", ");
            Err(Usage(format!("the writes are for several targets ({names}): choose one with --target")).into())
        }
    }
}

fn plan_text(plan: &Plan, target: &TargetSettings, base: Option<&BaseUrl>) -> String {
    let groups: std::collections::HashSet<_> = plan.send.iter().map(|w| w.group).collect();
    let base = base.map_or_else(|| "no base URL yet".to_owned(), ToString::to_string);
    let mut text = format!("Plan for target {} ({base})\n", target.name);
    let of = if groups.len() == 1 { "group" } else { "groups" };
    text.push_str(&format!(
        "  to send   {} of {} {of}, each under its own key\n",
        writes(plan.send.len() as u64),
        groups.len()
    ));
    let mut noted: Vec<(Hazard, u64)> = Vec::new();
    for hazard in plan.send.iter().flat_map(|w| &w.hazards) {
        match noted.iter_mut().find(|(h, _)| h == hazard) {
            Some((_, n)) => *n += 1,
            None => noted.push((*hazard, 1)),
        }
    }
    for (hazard, n) in noted {
        let what = if hazard.refuses() { "allowed" } else { "noted  " };
        text.push_str(&format!("  {what}   {} {hazard}: {}\n", thousands(n), hazard.why()));
    }
    for &hazard in Hazard::ALL {
        let refused = plan.refused.iter().filter(|(_, h)| *h == hazard).count() as u64;
        if refused > 0 {
            text.push_str(&format!("  refused   {} {hazard}: {}\n", thousands(refused), hazard.why()));
        }
    }
    text
}

/// Asks on a terminal. A target that wants its name typed gets it typed, or `--yes` with `--target` where nobody can.
fn confirmed(context: &Context, args: &Args, target: &TargetSettings, base: &BaseUrl, n: u64) -> anyhow::Result<bool> {
    let terminal = terminal_is_there();
    if target.confirm && !(args.yes && context.global.target.is_some()) {
        if !terminal {
            let hint = format!("target {0} wants to be confirmed: give --yes and --target {0}", target.name);
            return Err(Usage(hint).into());
        }
        ask(&format!("Send {} to {base}? Type the target's name to go on: ", writes(n)));
        return Ok(read_answer()? == target.name);
    }
    if args.yes || !terminal {
        return Ok(true);
    }
    ask(&format!("Send {} to {base}? [y/N] ", writes(n)));
    Ok(is_yes(&read_answer()?))
}

fn dry_run(
    context: &Context,
    store: &Store,
    target: &TargetSettings,
    base: Option<&BaseUrl>,
    plan: &Plan,
    args: &Args,
) -> anyhow::Result<ExitCode> {
    let mut tally = Tally::default();
    tally.add(Outcome::Unsent, plan.send.len() as u64);
    tally.add(Outcome::Refused, plan.refused.len() as u64);
    let mut out = Out::new();
    if context.global.json {
        for write in &plan.send {
            out.line(&json::line(&unsent_line(store, write, "planned", None)?))?;
        }
        for (write, hazard) in &plan.refused {
            out.line(&json::line(&unsent_line(store, write, "refused", Some(hazard.name()))?))?;
        }
        out.line(&json::summary(None, &tally, 0, None))?;
    } else {
        out.text(&plan_text(plan, target, base))?;
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
    store: &Store,
    write: &PlannedWrite,
    outcome: &'static str,
    reason: Option<&str>,
) -> anyhow::Result<ReplayLine> {
    let known = store.brief(write.id).wait()?;
    let (key, state, revision) = known.unwrap_or((String::new(), crate::domain::state::State::Pending, 0));
    Ok(ReplayLine {
        id: write.id,
        idempotency_key: key,
        outcome,
        reason: reason.map(str::to_owned),
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
        out.line(&json::summary(None, &Tally::default(), 0, None))?;
    } else if !context.global.quiet {
        out.line("Nothing to replay: no pending or unknown write matches.")?;
    }
    out.flush()?;
    Ok(if args.fail_if_empty { ExitCode::Empty } else { ExitCode::Ok })
}

fn only_refused(context: &Context, store: &Store, plan: &Plan) -> anyhow::Result<ExitCode> {
    let mut tally = Tally::default();
    tally.add(Outcome::Refused, plan.refused.len() as u64);
    let mut out = Out::new();
    if context.global.json {
        for (write, hazard) in &plan.refused {
            out.line(&json::line(&unsent_line(store, write, "refused", Some(hazard.name()))?))?;
        }
        out.line(&json::summary(None, &tally, 0, None))?;
    } else {
        for (write, hazard) in plan.refused.iter().take(20) {
            out.line(&format!("write {} refused: {hazard}: {}", write.id, hazard.why()))?;
        }
        out.line(&format!("Nothing was sent: {} refused.", writes(tally.planned())))?;
    }
    out.flush()?;
    Ok(ExitCode::Refused)
}

fn send(
    context: &Context,
    store: Store,
    options: RunOptions,
    plan: Plan,
    token: Option<&str>,
) -> anyhow::Result<ExitCode> {
    let stop = CancellationToken::new();
    let store = Arc::new(store);
    let telling = Telling {
        store: Arc::clone(&store),
        json: context.global.json,
        verbose: context.global.verbose,
        quiet: context.global.quiet,
        total: plan.send.len() as u64,
        stop: stop.clone(),
    };
    let (ended, told) = drive(store, options, plan, token, telling, stop)?;
    report(context, &ended, told)
}

/// Runs a plan to its end and tells it; Ctrl-C is heeded.
pub(super) fn drive(
    store: Arc<Store>,
    options: RunOptions,
    plan: Plan,
    token: Option<&str>,
    telling: Telling,
    stop: CancellationToken,
) -> anyhow::Result<(Report, Told)> {
    let transport = HttpTransport::new(&options.target, token)?;
    let abort = CancellationToken::new();
    let (events, receiver) = tokio::sync::mpsc::unbounded_channel();
    let teller = std::thread::spawn(move || telling.run(receiver));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let result = runtime.block_on(async {
        tokio::spawn(signals(stop.clone(), abort.clone()));
        let (replay, lock) = Replay::begin(store, transport, options, plan, events, stop, abort).await?;
        Ok::<_, StoreError>(replay.run(lock).await)
    });
    // The last sender of events is gone with the run: the teller ends.
    runtime.shutdown_background();
    let told = teller.join().unwrap_or_default();
    Ok((result?, told))
}

/// The first signal asks the run to stop, the second not to wait for answers.
async fn signals(stop: CancellationToken, abort: CancellationToken) {
    stop_signal().await;
    stop.cancel();
    // A thread of its own: the terminal may be gone, or not be reading.
    std::thread::spawn(|| note("stopping: what is in flight is finished first (once more: don't wait for it)"));
    stop_signal().await;
    abort.cancel();
}

fn report(context: &Context, report: &Report, told: Told) -> anyhow::Result<ExitCode> {
    let code = report.exit_code();
    if let Some(error) = told.broken {
        // The run itself is complete and recorded; only the telling was cut off.
        anyhow::bail!("run {} is recorded, but {error}", report.run);
    }
    let mut out = Out::new();
    if context.global.json {
        out.line(&json::summary(Some(report.run), &report.tally, report.new_since_plan, report.stopped.as_deref()))?;
    } else {
        for trouble in &told.troubles {
            note(trouble);
        }
        let n = |outcome| thousands(report.tally.get(outcome));
        let counts: Vec<String> = Outcome::ALL
            .iter()
            .filter(|&&o| o == Outcome::Accepted || report.tally.get(o) > 0)
            .map(|&o| format!("{} {}", n(o), if o == Outcome::Accepted { "replayed" } else { o.name() }))
            .collect();
        out.line(&format!("Run {}: {}.", report.run, counts.join(", ")))?;
        if let Some(stopped) = &report.stopped {
            out.line(&format!("Stopped: {}.", crate::domain::escape::terminal(stopped)))?;
        }
        if report.new_since_plan > 0 {
            out.line(&format!("{} came in since the plan was made.", writes(report.new_since_plan)))?;
        }
    }
    out.flush()?;
    if let Some(error) = &report.error {
        anyhow::bail!("run {} was ended by an error: {error}", report.run);
    }
    Ok(code)
}
