//! `dlq demo`
use super::args::Demo;
use super::context::Context;
use crate::replay::ExitCode;
pub(super) fn run(_: &Context, _: &Demo) -> anyhow::Result<ExitCode> { Ok(ExitCode::Ok) }
