//! `dlq upgrade`, and the messages of any other command that upgrades a file.

use super::args::Upgrade as Args;
use super::context::Context;
use super::output::{Out, note};
use crate::domain::escape::terminal;
use crate::domain::time::human_length;
use crate::render::count::{thousands, writes};
use crate::replay::ExitCode;
use crate::store::{self, OpenOptions, Upgraded, Upgrading};

pub(super) fn run(context: &Context, args: &Args) -> anyhow::Result<ExitCode> {
    let path = context.db()?;
    let options = context.options(OpenOptions::default());
    let Upgraded { from, to, copied } = store::upgrade(&path, args.backup.as_deref(), options)?;
    let mut out = Out::new();
    let file = path.display();
    if context.global.json {
        let line = serde_json::json!({ "file": path.to_string_lossy(), "from": from, "to": to });
        out.line(&line.to_string())?;
    } else if !context.global.quiet {
        if let (Some(copied), Some(copy)) = (copied, &args.backup) {
            let (count, size) = (writes(copied.writes), thousands(copied.bytes));
            out.line(&format!("copied to {} ({count}, {size} bytes)", copy.display()))?;
        }
        out.line(&if from == to {
            format!("{file} is up to date (schema {to}): nothing was done")
        } else {
            format!("{file} is up to date now (schema {from} before, {to} now)")
        })?;
    }
    out.flush()?;
    Ok(ExitCode::Ok)
}

/// Reports the progress of an upgrade on stderr.
pub(super) fn tell(upgrading: Upgrading) {
    note(&match upgrading {
        Upgrading::Began { path, from, to } => {
            let path = path.display().to_string();
            format!("{} is of an older dlq: bringing it up to date (schema {from} to {to})", terminal(&path))
        }
        Upgrading::GoesOn { elapsed } => format!("still bringing it up to date ({})", human_length(elapsed)),
        Upgrading::Done { .. } => "it is up to date".to_owned(),
    });
}
