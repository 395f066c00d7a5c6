//! A report as Markdown for people and as JSON for scripts.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::count::{thousands, writes};
use super::{json as ndjson, windows, words};
use crate::domain::escape::terminal;
use crate::domain::outcome::Outcome;
use crate::domain::report::{About, ActionTally, NotThrough, Report};
use crate::domain::run::Run;
use crate::domain::time::human_length;

/// The most groups that are listed: as many as a tired person reads.
const MOST_GROUPS: usize = 20;

/// Formats the report for a screen: as Markdown looks, without the backslashes that it needs.
pub fn text(report: &Report) -> String {
    let (markdown, mut text) = (markdown(report), String::new());
    let mut chars = markdown.chars();
    while let Some(c) = chars.next() {
        text.extend(if c == '\\' { chars.next() } else { Some(c) });
    }
    text
}

/// Formats the report as Markdown.
pub fn markdown(report: &Report) -> String {
    let title = match report.about {
        About::Run(run) => format!("Run {run}"),
        About::Since(_) => format!("The last {}", human_length(report.to.since(report.from))),
    };
    let mut out = format!("# {title}\n\n{} to {} UTC.\n", report.from.to_human(), report.to.to_human());
    let _ = writeln!(out, "\n## What happened\n");
    let arrived: Vec<String> =
        report.arrived.iter().map(|(t, n)| format!("{} {t}", thousands(n.unsigned_abs()))).collect();
    if arrived.is_empty() {
        let _ = writeln!(out, "- No failures came in.");
    } else {
        let _ = writeln!(out, "- Failures came in: {}.", arrived.join(", "));
    }
    if report.runs.is_empty() {
        let _ = writeln!(out, "- Nothing was replayed.");
    }
    for (run, rest) in &report.runs {
        out.push_str(&run_text(run, rest));
    }
    for action in &report.actions {
        out.push_str(&action_text(action));
    }
    let _ = writeln!(out, "\n## What is left\n");
    let open: i64 = report.left.iter().map(|g| g.open).sum();
    if open == 0 {
        let _ = writeln!(out, "Nothing: no write is open.");
        return out;
    }
    let _ = writeln!(out, "{} open, by cause:\n", writes(open.unsigned_abs()));
    for group in report.left.iter().take(MOST_GROUPS) {
        let code = group.error_code.as_deref().unwrap_or("no code");
        let example = group.example_id.map(|id| format!(" (dlq show {id})")).unwrap_or_default();
        let text = format!(
            "{} {} to {}, target {}: {code}: {}{example}",
            thousands(group.open.unsigned_abs()),
            group.failure_type,
            group.object,
            group.target,
            group.message
        );
        let _ = writeln!(out, "- group {}: {}", group.id, plain(&text));
        if let Some(note) = &group.note {
            let _ = writeln!(out, "  - Note: {}", plain(note));
        }
        if let Some(parked) = group.parked.filter(|_| group.is_parked(report.to)) {
            let _ = writeln!(out, "  - It is {}.", words::parked(parked));
        }
    }
    if report.left.len() > MOST_GROUPS {
        let _ = writeln!(out, "- and {} more groups (dlq groups)", report.left.len() - MOST_GROUPS);
    }
    for line in windows::lines(&report.windows, report.to) {
        let _ = write!(out, "\n{line}\n");
    }
    out
}

fn run_text(run: &Run, rest: &[NotThrough]) -> String {
    let counts: Vec<String> = Outcome::ALL
        .iter()
        .filter(|&&o| o == Outcome::Accepted || run.tally.get(o) > 0)
        .map(|&o| {
            format!("{} {}", thousands(run.tally.get(o)), if o == Outcome::Accepted { "replayed" } else { o.name() })
        })
        .collect();
    let reason = run.reason.as_deref().map(|r| format!(", because \"{r}\"")).unwrap_or_default();
    let took = run.ended_at.map(|end| format!(", in {}", human_length(end.since(run.started_at)))).unwrap_or_default();
    let text = format!(
        "Run {} by {} on {} to target {} ({}){reason}: {}, {} of {}{took}.",
        run.id,
        run.operator.name,
        run.operator.host,
        run.target,
        run.query,
        run.state.name(),
        counts.join(", "),
        thousands(run.tally.planned())
    );
    let mut out = format!("- {} {}\n", run.started_at.to_human(), plain(&text));
    if let Some(stopped) = words::stops(&run.stopped) {
        let _ = writeln!(out, "  - Stopped: {}.", plain(&stopped));
    }
    for part in rest {
        let group = part.group.map_or_else(|| "purged since".to_owned(), |group| format!("now in group {group}"));
        let hazard = part.hazard.as_deref().map(|h| format!(" ({h})")).unwrap_or_default();
        let cid = part.correlation_id.as_deref().map(|c| format!(", correlation ID {c}")).unwrap_or_default();
        let cause = part.said.as_ref().map(words::last_said).or_else(|| part.cause.clone());
        let cause = cause.map(|cause| format!(" ({cause})")).unwrap_or_default();
        let again =
            if part.maybe_cached > 0 { format!(", {} of them maybe-cached", part.maybe_cached) } else { String::new() };
        let example = part.example;
        let text =
            format!("{} {}{hazard}, {group}{cause}{again}; for example write {example}{cid}", part.count, part.outcome);
        let _ = writeln!(out, "  - {}", plain(&text));
    }
    if run.tally.planned() > run.tally.get(Outcome::Accepted) && run.ended_at.is_some() {
        let _ = writeln!(out, "  - To send what is still open: dlq replay --continue {}", run.id);
    }
    out
}

fn action_text(action: &ActionTally) -> String {
    let what = if action.count == 1 {
        format!("{} ({})", action.action.name(), words::action(&action.action))
    } else {
        format!("{}, {} times", action.action.name(), thousands(action.count.unsigned_abs()))
    };
    let reason = action.reason.as_deref().map(|r| format!(", because \"{r}\"")).unwrap_or_default();
    format!("- {} {}\n", action.first.to_human(), plain(&format!("{}: {what}{reason}.", action.operator)))
}

/// Puts text from outside on one line, with nothing in it that a terminal or Markdown obeys.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in terminal(text).chars() {
        if matches!(c, '<' | '*' | '`' | '[' | '|' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// Formats the report as one JSON object on one line.
pub fn json(report: &Report) -> String {
    let object = |text: String| serde_json::from_str::<Value>(&text).unwrap_or_default();
    let runs: Vec<Value> = report
        .runs
        .iter()
        .map(|(run, rest)| {
            let mut run = object(ndjson::run(run));
            run["not_through"] = rest
                .iter()
                .map(|part| {
                    json!({
                        "outcome": part.outcome.name(), "group": part.group, "hazard": part.hazard, "count": part.count,
                        "cause": part.said.as_ref().map(words::last_said).or_else(|| part.cause.clone()), "maybe_cached": part.maybe_cached,
                        "example_id": part.example, "correlation_id": part.correlation_id,
                    })
                })
                .collect();
            run
        })
        .collect();
    let actions: Vec<Value> = report
        .actions
        .iter()
        .map(|a| {
            json!({
                "action": a.action.name(), "operator": a.operator, "reason": a.reason, "count": a.count,
                "first_at": a.first, "last_at": a.last, "detail": words::action(&a.action), "data": a.action.data(),
            })
        })
        .collect();
    let arrived: serde_json::Map<String, Value> =
        report.arrived.iter().map(|(failure_type, n)| (failure_type.name().to_owned(), json!(n))).collect();
    ndjson::line(&json!({
        "from": report.from,
        "to": report.to,
        "arrived": arrived,
        "runs": runs,
        "actions": actions,
        "open_groups": report.left.iter().map(|g| object(ndjson::group(g))).collect::<Vec<_>>(),
        "key_windows": ndjson::windows_value(&report.windows),
    }))
}
