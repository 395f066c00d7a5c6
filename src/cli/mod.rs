//! The command line: reads arguments, calls the library, prints. No decision about a write is made here.

mod args;
mod arguments;
mod care;
mod context;
mod demo;
mod doctor;
mod driving;
mod ingest;
mod look;
mod mapping;
mod output;
mod profile;
mod rehearsal;
mod replay;
mod report;
mod runs;
mod settle;
mod split;
mod telling;
mod ui;
mod undoing;
mod upgrade;
mod values;

use std::time::Duration;

use clap::{CommandFactory as _, Parser as _};

use self::args::{Cli, Command};
use self::context::{Context, exit_code};
use crate::jq::{self, Limits};
use crate::replay::ExitCode;

/// Runs the command line and returns the process's exit code.
pub fn main() -> std::process::ExitCode {
    let cli = match Cli::try_parse_from(arguments::arguments()) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are not errors; anything else is a usage error, exit 2.
            let _ = error.print();
            return std::process::ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    if let Some(Command::RunFilter(filter)) = cli.command {
        return jq::serve(Limits { time: Duration::from_millis(filter.time_ms), memory: filter.memory });
    }
    let color = cli.global.color;
    let code = match dispatch(cli) {
        Ok(code) => code,
        Err(error) if is_closed_pipe(&error) => ExitCode::Ok,
        Err(error) => {
            output::tell_error(&error, color);
            exit_code(&error)
        }
    };
    std::process::ExitCode::from(code as u8)
}

fn dispatch(cli: Cli) -> anyhow::Result<ExitCode> {
    let Some(command) = cli.command else {
        if !ui::is_possible() || cli.global.json {
            Cli::command().print_help()?;
            return Ok(ExitCode::Ok);
        }
        return ui::run(&Context::new(cli.global)?);
    };
    let context = match command {
        Command::Doctor(_) => Context::whatever_the_config(cli.global)?,
        _ => Context::new(cli.global)?,
    };
    match command {
        Command::Ingest(args) => ingest::run(&context, args),
        Command::List(args) => look::list(&context, &args),
        Command::Show(args) => look::show(&context, &args),
        Command::Groups => look::groups(&context),
        Command::Stats(args) => look::stats(&context, &args),
        Command::History(args) => look::history(&context, &args),
        Command::Runs(args) => runs::run(&context, &args),
        Command::Report(args) => report::run(&context, &args),
        Command::Replay(args) => replay::run(&context, &args),
        Command::Resolve(args) => settle::resolve(&context, &args),
        Command::Discard(args) => settle::discard(&context, &args),
        Command::Reopen(args) => settle::reopen(&context, &args),
        Command::Split(args) => split::split(&context, &args),
        Command::Unsplit(args) => split::unsplit(&context, &args),
        Command::Purge(args) => settle::purge(&context, &args),
        Command::Target(args) => care::target(&context, &args),
        Command::Profile(args) => profile::run(&context, &args),
        Command::Export(args) => care::export(&context, &args),
        Command::Backup(args) => care::backup(&context, &args),
        Command::Upgrade(args) => upgrade::run(&context, &args),
        Command::Doctor(args) => doctor::run(&context, &args),
        Command::Key => care::key(&context),
        Command::Demo(args) => demo::run(&context, &args),
        // It has neither a config nor a file.
        Command::RunFilter(_) => Ok(ExitCode::Error),
    }
}

/// Returns true if the reader of our output is gone, which is no error of ours.
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<std::io::Error>().is_some_and(|e| e.kind() == std::io::ErrorKind::BrokenPipe)
}
