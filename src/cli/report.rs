//! `dlq report`: what happened, by whom, and what is left.

use super::args::{Report as Args, ReportFormat};
use super::context::Context;
use super::output::Out;
use crate::domain::ids::RunId;
use crate::domain::report::{About, Report};
use crate::render::report;
use crate::replay::ExitCode;
use crate::store::Happened;

pub(super) fn run(context: &Context, args: &Args) -> anyhow::Result<ExitCode> {
    let store = context.look()?;
    let now = store.clock().wait()?.wall;
    let since = args.since.unwrap_or_default();
    let about = args.run.map_or(About::Since(now.minus(since)), |run| About::Run(RunId(run)));
    let Happened { from, to, arrived, runs, actions } = store.happened(about).wait()?;
    let target = context.global.target.as_deref();
    let mut left = store.groups(target).wait()?;
    left.retain(|group| group.open > 0);
    let windows = store.key_windows(context.config.windows(), target).wait()?;
    let report = Report { about, from, to, arrived, runs, actions, left, windows };
    let mut out = Out::new();
    if context.global.json || args.format == ReportFormat::Json {
        out.line(&report::json(&report))?;
    } else {
        out.text(&report::markdown(&report))?;
    }
    out.flush()?;
    Ok(ExitCode::Ok)
}
