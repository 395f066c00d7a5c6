//! The housekeeping commands: target, export, backup, key.

use std::io::{BufRead as _, Write as _};

use super::args::{Backup, Export, Target};
use super::context::{Context, Usage};
use super::output::{Out, note};
use crate::capture::export;
use crate::domain::endpoint::BaseUrl;
use crate::domain::filter::Test;
use crate::domain::stable_key::stable_key;
use crate::domain::state::State;
use crate::render::count::{thousands, writes};
use crate::render::table::{Column, table};
use crate::replay::ExitCode;
use crate::store::By;

pub(super) fn target(context: &Context, args: &Target) -> anyhow::Result<ExitCode> {
    match args {
        Target::List => target_list(context),
        Target::Set { name, reason } => {
            let Some(base) = context.asked_base_url() else {
                return Err(Usage("say where it is now: --base-url URL".to_owned()).into());
            };
            if let Some(configured) = context.config.target(name).base_url.filter(|configured| configured != base) {
                let hint = format!("the config says that target {name} is at {configured}: change it there first");
                return Err(Usage(hint).into());
            }
            let store = context.change()?;
            let by = By::new(&context.operator).because(Some(reason));
            store.rebind_target(name, base, by).wait()?;
            if !context.global.quiet && !context.global.json {
                let mut out = Out::new();
                out.line(&format!("target {name} is bound to {base}"))?;
                out.flush()?;
            }
            Ok(ExitCode::Ok)
        }
    }
}

fn target_list(context: &Context) -> anyhow::Result<ExitCode> {
    let known = context.look()?.targets().wait()?;
    let mut out = Out::new();
    if context.global.json {
        for target in &known {
            let base = target.base_url.as_ref().map(BaseUrl::as_str);
            let line = serde_json::json!({
                "name": target.name, "base_url": base, "open": target.open, "count": target.count,
            });
            out.line(&line.to_string())?;
        }
    } else if !known.is_empty() {
        let rows = known
            .iter()
            .map(|t| {
                let base = t.base_url.as_ref().map_or("not bound yet", BaseUrl::as_str);
                let count = |n: i64| thousands(n.unsigned_abs());
                vec![t.name.clone(), count(t.open), count(t.count), base.to_owned()]
            })
            .collect();
        let columns =
            [Column::Fixed("TARGET"), Column::Number("OPEN"), Column::Number("ALL"), Column::Text("BASE URL")];
        out.text(&table(&columns, rows, Context::width()))?;
    }
    out.flush()?;
    Ok(ExitCode::Ok)
}

pub(super) fn export(context: &Context, args: &Export) -> anyhow::Result<ExitCode> {
    let store = context.look()?;
    let filter = context.filter(&*store, &args.query.query)?;
    let filter = if filter.names_states() { filter } else { filter.and(Test::State(State::OPEN.to_vec())) };
    let mut out: Box<dyn std::io::Write> = match &args.output {
        None => Box::new(std::io::BufWriter::new(std::io::stdout())),
        Some(path) => Box::new(std::io::BufWriter::new(export::new_file(path)?)),
    };
    let count = export::to_writer(&*store, &filter, &context.config.windows(), &mut out, &mut |_| true)?;
    out.flush()?;
    if !context.global.quiet {
        note(&format!("{} exported", writes(count)));
        let open = store.count(&filter.and(Test::State(State::OPEN.to_vec()))).wait()?;
        if open > 0 {
            note(&both_places(open.unsigned_abs()));
        }
    }
    Ok(ExitCode::Ok)
}

/// Returns the warning about writes that are open in two files.
fn both_places(open: u64) -> String {
    let are = if open == 1 { "is" } else { "are" };
    format!(
        "{} {are} open in both places now and would be sent from both. To move a queue, take a backup and use only that one",
        writes(open)
    )
}

pub(super) fn backup(context: &Context, args: &Backup) -> anyhow::Result<ExitCode> {
    let store = context.look()?;
    let copied = store.backup(&args.file).wait()?;
    let mut out = Out::new();
    if context.global.json {
        let file = args.file.to_string_lossy();
        let line = serde_json::json!({ "file": file, "bytes": copied.bytes, "writes": copied.writes });
        out.line(&line.to_string())?;
    } else if !context.global.quiet {
        let (count, size) = (writes(copied.writes), thousands(copied.bytes));
        out.line(&format!("copied to {} ({count}, {size} bytes)", args.file.display()))?;
    }
    out.flush()?;
    if copied.open > 0 && !context.global.quiet {
        note(&both_places(copied.open));
    }
    Ok(ExitCode::Ok)
}

pub(super) fn key(context: &Context) -> anyhow::Result<ExitCode> {
    let mut input = std::io::stdin().lock();
    let mut out = Out::new();
    let (mut line, mut number, mut failed) = (Vec::new(), 0u64, false);
    loop {
        line.clear();
        if input.read_until(b'\n', &mut line)? == 0 {
            break;
        }
        number += 1;
        if line.last() == Some(&b'\n') {
            line.pop();
        }
        let key = stable_key(&line);
        if context.global.json {
            out.line(&serde_json::json!({ "line": number, "key": key.as_ref().ok() }).to_string())?;
        } else {
            out.line(key.as_deref().unwrap_or(""))?;
        }
        if let Err(error) = key {
            failed = true;
            out.flush()?;
            note(&format!("line {number}: {error}"));
        }
    }
    out.flush()?;
    Ok(if failed { ExitCode::Error } else { ExitCode::Ok })
}
