//! `dlq runs`: the runs, and control of those that are under way.

use super::args::{RunControl, Runs};
use super::context::Context;
use super::look::{WIDE, chosen};
use super::output::Out;
use crate::domain::ids::RunId;
use crate::domain::outcome::Outcome;
use crate::domain::run::{Run, RunState, Wanted};
use crate::render::count::thousands;
use crate::render::json;
use crate::render::table::{Column, table};
use crate::render::words;
use crate::replay::ExitCode;
use crate::store::{By, WishChange};

pub(super) fn run(context: &Context, args: &Runs) -> anyhow::Result<ExitCode> {
    match &args.control {
        None => list(context, args),
        Some(control) => ask(context, control),
    }
}

fn ask(context: &Context, control: &RunControl) -> anyhow::Result<ExitCode> {
    let wanted = |wanted| WishChange { wanted: Some(wanted), ..WishChange::default() };
    let (run, change, done) = match *control {
        RunControl::Stop { run } => (run, wanted(Wanted::Stop), "finishes what is in flight and ends"),
        RunControl::Pause { run } => (run, wanted(Wanted::Pause), "finishes what is in flight and waits"),
        RunControl::Resume { run } => (run, wanted(Wanted::Go), "goes on"),
        RunControl::Pace { run, rate, concurrency } => {
            (run, WishChange { wanted: None, rate, concurrency }, "goes on at the new pace")
        }
    };
    let store = context.change()?;
    let run = RunId(run);
    let wish = store.ask_run(run, change, By::new(&context.operator)).wait()?;
    let mut out = Out::new();
    if context.global.json {
        out.line(&json::wish(run, &wish))?;
    } else if !context.global.quiet {
        out.line(&format!("Run {run} {done} (within a second; if its process is stopped, when it wakes up)."))?;
    }
    out.flush()?;
    Ok(ExitCode::Ok)
}

fn list(context: &Context, args: &Runs) -> anyhow::Result<ExitCode> {
    let store = context.look()?;
    let runs = store.runs(args.limit).wait()?;
    let mut out = Out::new();
    if context.global.json {
        for run in &runs {
            out.line(&json::run(run))?;
        }
    } else if !runs.is_empty() {
        let columns = [
            Column::Number("RUN"),
            Column::Fixed("STATE"),
            Column::Fixed("STARTED"),
            Column::Fixed("BY"),
            Column::Number("PLANNED"),
            Column::Number("REPLAYED"),
            Column::Number("FAILED"),
            Column::Number("UNKNOWN"),
            Column::Number("OTHER"),
            Column::Text("QUERY"),
            Column::Text("WHY IT ENDED"),
        ];
        let rows: Vec<Vec<String>> = runs.iter().map(run_row).collect();
        out.text(&match Context::width() {
            Some(width) if width < WIDE => chosen(&columns, &rows, &[0, 1, 4, 5, 6, 7, 10], width),
            width => table(&columns, rows, width),
        })?;
    }
    out.flush()?;
    Ok(ExitCode::Ok)
}

fn run_row(run: &Run) -> Vec<String> {
    let told = [Outcome::Accepted, Outcome::Failed, Outcome::Unknown].map(|o| run.tally.get(o)).iter().sum::<u64>();
    // Held, refused, skipped and unsent.
    let other = run.tally.planned() - told;
    let ended = match run.state {
        RunState::Died => format!("its process died; go on with dlq replay --continue {}", run.id),
        _ => words::stops(&run.stopped).unwrap_or_default(),
    };
    vec![
        run.id.to_string(),
        match run.wanted {
            Some(Wanted::Pause) => "paused".to_owned(),
            Some(Wanted::Stop) => "stopping".to_owned(),
            _ => run.state.name().to_owned(),
        },
        run.started_at.to_human(),
        run.operator.name.clone(),
        thousands(run.tally.planned()),
        thousands(run.tally.get(Outcome::Accepted)),
        thousands(run.tally.get(Outcome::Failed)),
        thousands(run.tally.get(Outcome::Unknown)),
        thousands(other),
        run.query.clone(),
        ended,
    ]
}
