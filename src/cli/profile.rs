//! `dlq profile`: what dlq knows of each API, and what it would make of an answer.

use std::io::Read as _;
use std::path::Path;

use anyhow::Context as _;

use super::args::{Profile as Arguments, ProfileTest};
use super::context::{Context, Usage};
use super::output::Out;
use crate::domain::answer::{Extent, Verdict};
use crate::domain::evidence::Headers;
use crate::domain::failure_type::FailureType;
use crate::domain::outcome::AttemptOutcome;
use crate::domain::profile::{Answered, Profile, built_in_names, effective};
use crate::domain::time::human_length;
use crate::render::json;
use crate::render::table::{Column, table};
use crate::replay::ExitCode;

pub(super) fn run(context: &Context, args: &Arguments) -> anyhow::Result<ExitCode> {
    match args {
        Arguments::List => list(context)?,
        Arguments::Show { name } => {
            let mut out = Out::new();
            out.line(named(context, name)?.text.trim_end())?;
            out.flush()?;
        }
        Arguments::Test(test) => try_out(context, test)?,
    }
    Ok(ExitCode::Ok)
}

fn named(context: &Context, name: &str) -> anyhow::Result<Profile> {
    Ok(effective(name, &context.config.profiles).map_err(|e| Usage(e.to_string()))?)
}

fn list(context: &Context) -> anyhow::Result<()> {
    let own: Vec<&str> = context.config.profiles.keys().map(String::as_str).collect();
    let built_in: Vec<&str> = built_in_names().filter(|name| !context.config.profiles.contains_key(*name)).collect();
    let names = [own, built_in].concat();
    let mut rows = Vec::new();
    let mut out = Out::new();
    for name in names {
        let profile = named(context, name)?;
        let from = if context.config.profiles.contains_key(name) { "config" } else { "built in" };
        let key = profile.key.as_ref();
        if context.global.json {
            let line = serde_json::json!({
                "name": name, "version": profile.version, "title": profile.title, "from": from,
                "key_header": key.map(|key| &key.header), "window_seconds": key.map(|key| key.window.as_secs()),
            });
            out.line(&json::line(&line))?;
        } else {
            let key =
                key.map_or_else(|| "none".to_owned(), |key| format!("{}, {}", key.header, human_length(key.window)));
            rows.push(vec![name.to_owned(), from.to_owned(), key, profile.title]);
        }
    }
    if !rows.is_empty() {
        let columns = [Column::Fixed("NAME"), Column::Fixed("FROM"), Column::Fixed("KEY"), Column::Text("API")];
        out.line(&table(&columns, rows, None))?;
    }
    Ok(out.flush()?)
}

fn try_out(context: &Context, test: &ProfileTest) -> anyhow::Result<()> {
    let profile = named(context, &test.name)?;
    let headers = test.header.iter().map(|header| {
        let (name, value) =
            header.split_once(':').ok_or_else(|| Usage(format!("--header {header}: write NAME: VALUE")))?;
        Ok((name.trim().to_ascii_lowercase(), value.trim().to_owned()))
    });
    let headers: Headers = headers.collect::<Result<Vec<_>, Usage>>()?.into_iter().collect();
    let body = test.body.as_deref().map_or(Ok(Vec::new()), read)?;
    let judged = profile.judge(&Answered {
        method: &test.method.to_ascii_uppercase(),
        is_ambiguous: test.ambiguous,
        status: test.status,
        headers: &headers,
        body: &body,
        extent: Extent::Whole,
    });
    let (outcome, error) = match judged.verdict {
        Verdict::Accepted => (AttemptOutcome::Accepted, None),
        Verdict::Refused(error) => (AttemptOutcome::Refused, Some(error)),
        Verdict::Partial { error, .. } => (AttemptOutcome::Partial, Some(error)),
        Verdict::Unclear(error) => (AttemptOutcome::Unclear, Some(error)),
        Verdict::Incomplete(error) => (AttemptOutcome::NoAnswer, Some(error)),
    };
    let is_definite = matches!(outcome, AttemptOutcome::Accepted | AttemptOutcome::Refused);
    let code = error.as_ref().map(|error| error.code.as_str()).filter(|code| !code.is_empty());
    let message = error.as_ref().map(|error| error.message.as_str());
    let failure_type = judged.failure_type.map(FailureType::name);
    let mut out = Out::new();
    if context.global.json {
        let line = serde_json::json!({
            "outcome": outcome.name(), "definite": is_definite, "cached": judged.is_replayed,
            "failure_type": failure_type, "error_code": code, "error_message": message,
            "correlation_id": judged.correlation_id, "profile": profile.version, "rule": judged.rule,
        });
        out.line(&json::line(&line))?;
        return Ok(out.flush()?);
    }
    let clean = crate::domain::escape::terminal;
    let meaning = match outcome {
        AttemptOutcome::Accepted => "the API has the write",
        AttemptOutcome::Refused => "surely not applied",
        AttemptOutcome::Partial => "a part of the batch was applied",
        _ => "it may have been applied",
    };
    let cached = if judged.is_replayed { ", from the API's cache" } else { "" };
    let mut pair = |name: &str, value: &str| out.line(&format!("{name:<15} {}", clean(value)));
    pair("outcome", &format!("{}: {meaning}{cached}", outcome.name()))?;
    for (name, value) in [
        ("type", failure_type),
        ("code", code),
        ("message", message),
        ("correlation ID", judged.correlation_id.as_deref()),
        ("decided by", Some(judged.rule.as_str())),
        ("what to do", judged.hint.as_deref()),
        ("profile", Some(profile.version.as_str())),
    ] {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            pair(name, value)?;
        }
    }
    Ok(out.flush()?)
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    if path == Path::new("-") {
        let mut body = Vec::new();
        std::io::stdin().lock().read_to_end(&mut body)?;
        return Ok(body);
    }
    std::fs::read(path).with_context(|| path.display().to_string())
}
