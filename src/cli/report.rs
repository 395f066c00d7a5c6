//! `dlq report`: what happened, by whom, and what is left.

use super::args::{Report as Args, ReportFormat};
use super::context::{Context, wait_for};
use super::output::Out;
use crate::domain::ids::RunId;
use crate::domain::report::About;
use crate::render::report;
use crate::replay::{ExitCode, report_on};

pub(super) fn run(context: &Context, args: &Args) -> anyhow::Result<ExitCode> {
    let store = context.look()?;
    let now = store.clock().wait()?.wall;
    let since = args.since.unwrap_or_default();
    let about = args.run.map_or(About::Since(now.minus(since)), |run| About::Run(RunId(run)));
    let target = context.global.target.as_deref();
    let report = wait_for(report_on(&*store, about, target, context.config.windows()))??;
    let mut out = Out::new();
    if context.global.json || args.format == ReportFormat::Json {
        out.line(&report::json(&report))?;
    } else {
        out.text(&report::markdown(&report))?;
    }
    out.flush()?;
    Ok(ExitCode::Ok)
}
