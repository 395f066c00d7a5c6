//! `dlq doctor`: checks the file, the disk, the clock, the token and the way to each target. Works
//! when nothing else does.

use std::net::{TcpStream, ToSocketAddrs as _};
use std::time::Duration;

use super::args::Doctor as Args;
use super::context::Context;
use super::output::Out;
use crate::config::{open_to_others, read_token, token_source};
use crate::domain::endpoint::BaseUrl;
use crate::domain::profile::{contradictions, effective};
use crate::domain::target::TokenSource;
use crate::domain::time::human_length;
use crate::render::count::writes;
use crate::render::json;
use crate::replay::ExitCode;
use crate::store::{By, Finding, Severity, Store, surroundings};

pub(super) fn run(context: &Context, args: &Args) -> anyhow::Result<ExitCode> {
    if let Some(reason) = args.reason.as_deref().filter(|_| args.reset_clock) {
        return reset_clock(context, reason);
    }
    let path = context.db()?;
    let mut findings = Vec::new();
    if let Some(why) = &context.wrong_config {
        findings.push(Finding::new("config", Severity::Fail, format!("{why}; what follows is checked without it")));
    }
    // The file's surroundings are checked whatever is wrong with the file itself.
    let store = match context.look() {
        Ok(store) => {
            findings.extend(store.check().wait()?);
            if context.global.verbose {
                findings.extend(store.writer_settings());
            }
            Some(store)
        }
        Err(error) => {
            findings.push(Finding::new("file", Severity::Fail, format!("{error:#}")));
            None
        }
    };
    findings.extend(surroundings(&path, context.sharing()));
    let known = match &store {
        Some(store) => store.targets().wait().unwrap_or_default(),
        None => Vec::new(),
    };
    let mut names: Vec<String> = known.into_iter().map(|t| t.name).collect();
    names.extend(context.config.targets().map(|t| t.name.clone()));
    if names.is_empty() {
        names.push(context.target_name().to_owned());
    }
    names.sort();
    names.dedup();
    for name in names.iter().filter(|name| context.global.target.as_ref().is_none_or(|t| t == *name)) {
        findings.extend(check_target(context, store.as_deref(), name));
    }
    findings.extend(unused_profiles(context, &names));
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

fn reset_clock(context: &Context, reason: &str) -> anyhow::Result<ExitCode> {
    let expired = context.change()?.reset_clock(By::new(&context.operator).because(Some(reason))).wait()?;
    let mut out = Out::new();
    if context.global.json {
        out.line(&serde_json::json!({ "reset_clock": true, "expired": expired }).to_string())?;
    } else if !context.global.quiet {
        out.line("The file counts from this machine's clock again.")?;
        if expired > 0 {
            let count = writes(expired as u64);
            out.line(&format!("{count} may have been sent by the wrong clock: their keys count as expired."))?;
        }
    }
    out.flush()?;
    Ok(ExitCode::Ok)
}

/// Checks the config's profiles that no target has.
fn unused_profiles(context: &Context, targets: &[String]) -> Vec<Finding> {
    let used: Vec<String> = targets.iter().map(|name| context.config.target(name).profile.name.clone()).collect();
    let unused = context.config.profiles.keys().filter(|name| !used.contains(*name));
    let wrong = unused.flat_map(|name| match effective(name, &context.config.profiles) {
        Err(error) => vec![error.to_string()],
        Ok(profile) => {
            contradictions(&profile).iter().map(|why| format!("profile {name} contradicts itself: {why}")).collect()
        }
    });
    wrong.map(|detail| Finding::new("profile", Severity::Fail, detail)).collect()
}

fn check_target(context: &Context, store: Option<&dyn Store>, name: &str) -> Vec<Finding> {
    let settings = context.config.target(name);
    let read = || match &settings.token {
        // It may ask somebody for a second factor, or use up what can be used once.
        TokenSource::Command(_) => Ok(Some(String::new())),
        _ => read_token(&settings, context.target_name()),
    };
    let mut findings = vec![match read() {
        Ok(Some(_)) if matches!(settings.token, TokenSource::Command(_)) => {
            let detail =
                format!("{name}: printed by {} when a replay begins; it was not run now", token_source(&settings));
            Finding::new("token", Severity::Ok, detail)
        }
        Ok(Some(_)) => Finding::new("token", Severity::Ok, format!("{name}: present ({})", token_source(&settings))),
        Ok(None) => Finding::new("token", Severity::Ok, format!("{name}: none needed")),
        Err(error) => Finding::new("token", Severity::Warn, format!("{name}: {error}")),
    }];
    if let TokenSource::File(path) = &settings.token
        && let Some(open) = open_to_others(path)
    {
        let severity = if settings.confirm { Severity::Fail } else { Severity::Warn };
        findings.push(Finding::new("token", severity, format!("{name}: {open} in {0}: chmod 600 {0}", path.display())));
    }
    // The URL that a replay would use, or the reason why it would refuse.
    let base = match store {
        Some(store) => context.base_url(store, &settings),
        None => Ok(settings.base_url),
    };
    let profile = &settings.profile;
    for why in contradictions(profile) {
        let detail = format!("{name}: profile {} contradicts itself: {why}", profile.name);
        findings.push(Finding::new("profile", Severity::Fail, detail));
    }
    if let Some(key) = profile.key.as_ref().filter(|key| settings.window > key.window) {
        let (window, known) = (human_length(settings.window), human_length(key.window));
        let detail = format!(
            "{name}: window is {window}, and profile {} says that the API remembers a key for {known}",
            profile.name
        );
        findings.push(Finding::new("profile", Severity::Warn, detail));
    }
    findings.push(match base {
        Err(error) => Finding::new("target", Severity::Fail, error.to_string()),
        Ok(None) => Finding::new("target", Severity::Warn, format!("{name}: no base URL is known yet (--base-url)")),
        Ok(Some(base)) => match reach(&base) {
            Ok(()) => Finding::new("target", Severity::Ok, format!("{name}: {base} can be reached")),
            Err(why) => Finding::new("target", Severity::Fail, format!("{name}: {base} can't be reached: {why}")),
        },
    });
    findings
}

/// Opens a connection and closes it again; nothing is sent.
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
