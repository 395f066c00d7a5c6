//! The commands that take care: target, export, backup, doctor, key.

use std::io::{BufRead as _, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::time::Duration;

use super::args::{Backup, Export, Target};
use super::context::{Context, Usage};
use super::output::{Out, note};
use crate::capture::export;
use crate::config::{read_token, token_source};
use crate::domain::endpoint::BaseUrl;
use crate::domain::filter::Test;
use crate::domain::stable_key::stable_key;
use crate::domain::state::State;
use crate::domain::time::Timestamp;
use crate::render::count::{thousands, writes};
use crate::render::json;
use crate::render::table::{Column, table};
use crate::replay::ExitCode;
use crate::store::{Finding, Severity, Store};

pub(super) fn target(context: &Context, args: &Target) -> anyhow::Result<ExitCode> {
    match args {
        Target::List => target_list(context),
        Target::Set { name, reason } => {
            let Some(base) = &context.global.base_url else {
                return Err(Usage("say where it is now: --base-url URL".to_owned()).into());
            };
            let store = context.change()?;
            store.rebind_target(name, base, &context.operator, reason, Timestamp::now()).wait()?;
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
    let filter = context.filter(&store, &args.query.query)?;
    let filter = if filter.names_states() { filter } else { filter.and(Test::State(State::OPEN.to_vec())) };
    let mut out: Box<dyn std::io::Write> = match &args.output {
        None => Box::new(std::io::BufWriter::new(std::io::stdout())),
        Some(path) => Box::new(std::io::BufWriter::new(export::new_file(path)?)),
    };
    let count = export::to_writer(&store, &filter, &context.config.windows(), &mut out, &mut |_| true)?;
    out.flush()?;
    if !context.global.quiet {
        note(&format!("{} exported", writes(count)));
    }
    Ok(ExitCode::Ok)
}

pub(super) fn backup(context: &Context, args: &Backup) -> anyhow::Result<ExitCode> {
    let store = context.look()?;
    let size = store.backup(&args.file).wait()?;
    let mut out = Out::new();
    if context.global.json {
        out.line(&serde_json::json!({ "file": args.file, "bytes": size }).to_string())?;
    } else if !context.global.quiet {
        out.line(&format!("copied to {} ({} bytes)", args.file.display(), thousands(size)))?;
    }
    out.flush()?;
    Ok(ExitCode::Ok)
}

pub(super) fn doctor(context: &Context) -> anyhow::Result<ExitCode> {
    let store = context.look()?;
    let mut findings = store.check().wait()?;
    let mut names: Vec<String> = store.targets().wait()?.into_iter().map(|t| t.name).collect();
    names.extend(context.config.targets().map(|t| t.name.clone()));
    names.sort();
    names.dedup();
    for name in names.iter().filter(|name| context.global.target.as_ref().is_none_or(|t| t == *name)) {
        findings.extend(check_target(context, &store, name)?);
    }
    let mut out = Out::new();
    let paint = context.palette(&std::io::stdout());
    for finding in &findings {
        if context.global.json {
            let line = serde_json::json!({
                "check": finding.check, "status": finding.severity.name(), "detail": finding.detail,
            });
            out.line(&json::line(&line))?;
        } else if !(context.global.quiet && finding.severity == Severity::Ok) {
            let mark = match finding.severity {
                Severity::Ok => paint.good("ok  "),
                Severity::Warn => paint.warn("warn"),
                Severity::Fail => paint.bad("fail"),
            };
            let detail = crate::domain::escape::terminal(&finding.detail);
            out.line(&format!("{mark}  {:<12} {detail}", finding.check))?;
        }
    }
    out.flush()?;
    let failed = findings.iter().any(|f| f.severity == Severity::Fail);
    Ok(if failed { ExitCode::Error } else { ExitCode::Ok })
}

fn check_target(context: &Context, store: &Store, name: &str) -> anyhow::Result<Vec<Finding>> {
    let settings = context.config.target(name);
    let mut findings = vec![match read_token(&settings) {
        Ok(Some(_)) => Finding::new("token", Severity::Ok, format!("{name}: present ({})", token_source(&settings))),
        Ok(None) => Finding::new("token", Severity::Ok, format!("{name}: none is wanted")),
        Err(error) => Finding::new("token", Severity::Warn, format!("{name}: {error}")),
    }];
    // The URL that a replay would use, or why it would refuse.
    let base = if name == context.target_name() {
        context.base_url(store, &settings)
    } else {
        let remembered = store.targets().wait()?.into_iter().find(|t| t.name == name).and_then(|t| t.base_url);
        Ok(settings.base_url.or(remembered))
    };
    findings.push(match base {
        Err(error) => Finding::new("target", Severity::Fail, error.to_string()),
        Ok(None) => Finding::new("target", Severity::Warn, format!("{name}: no base URL is known yet (--base-url)")),
        Ok(Some(base)) => match reach(&base) {
            Ok(()) => Finding::new("target", Severity::Ok, format!("{name}: {base} takes connections")),
            Err(why) => Finding::new("target", Severity::Fail, format!("{name}: {base} can't be reached: {why}")),
        },
    });
    Ok(findings)
}

/// Opens a connection and closes it again: nothing is sent.
fn reach(base: &BaseUrl) -> std::io::Result<()> {
    let (host, port) = base.host_and_port();
    let mut last = std::io::Error::new(std::io::ErrorKind::NotFound, "the name has no address");
    for address in (host.as_str(), port).to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, Duration::from_secs(5)) {
            Ok(_) => return Ok(()),
            Err(error) => last = error,
        }
    }
    Err(last)
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
