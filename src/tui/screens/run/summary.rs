//! The upper part of a run's page: what it is, how far it is, how fast it goes, and what to do next.

use std::collections::VecDeque;
use std::time::Duration;

use crate::domain::outcome::Outcome;
use crate::domain::run::RunState;
use crate::domain::time::human_length;
use crate::render::count::thousands;
use crate::render::words;
use crate::tui::actions::Action;
use crate::tui::paint::wrap;
use crate::tui::progress::{RunProgress, Second};
use crate::tui::rows::Pieces;
use crate::tui::screen::Shared;
use crate::tui::theme::{Role, Theme, outcome_name};

/// Lines of the message, at most.
const SAID: usize = 6;
/// Lines of a page that is too low for more than the most important ones.
const LOW: u16 = 12;

/// Returns the lines of the upper part, for a page of this width and height.
pub(super) fn lines(run: &RunProgress, shared: &Shared, width: u16, height: u16) -> Vec<Pieces> {
    let is_low = height < LOW;
    let name = run.id.map_or_else(|| "Starting a run".to_owned(), |id| format!("Run {id}"));
    let (role, state) = state(run);
    let mut lines = vec![vec![(Role::Title, name), (Role::Text, "  ".to_owned()), (role, state)]];
    if !is_low {
        lines.push(vec![(Role::Text, about(shared, run))]);
    }
    lines.push(bar(run, shared.setup.theme, width));
    if run.is_under_way() && !is_low {
        lines.extend(chart(run, shared, width));
    }
    lines.push(tally(run));
    if let Some((role, text)) = ending(shared, run) {
        let most = if is_low { 1 } else { SAID };
        lines.extend(wrap(&text, width.into()).into_iter().take(most).map(|line| vec![(role, line)]));
    }
    lines
}

fn state(run: &RunProgress) -> (Role, String) {
    if let Some(error) = &run.error {
        return (Role::Bad, error.clone());
    }
    if run.is_under_way() {
        return match (run.is_stopping, run.is_paused) {
            (true, _) => (Role::Warn, "stopping once what is in flight is finished".to_owned()),
            (_, true) => (Role::Warn, "paused".to_owned()),
            _ => (Role::Good, "under way".to_owned()),
        };
    }
    match run.known.as_ref().map(|known| known.state) {
        Some(RunState::Died) => (Role::Bad, "died; its unfinished writes are open again".to_owned()),
        Some(RunState::Stopped) => (Role::Warn, "stopped".to_owned()),
        _ if run.report.as_ref().is_some_and(|report| !report.stopped.is_empty()) => (Role::Warn, "stopped".to_owned()),
        _ => (Role::Good, "finished".to_owned()),
    }
}

fn about(shared: &Shared, run: &RunProgress) -> String {
    let mut parts = Vec::new();
    if let Some(known) = &run.known {
        parts.push(format!("{} to {}", known.query, known.target));
        parts.push(format!("by {} on {}", known.operator.name, known.operator.host));
        parts.extend(known.reason.clone());
    } else if let Some(prepared) = &run.prepared {
        parts.push(format!("to {}", prepared.options.target.name));
    }
    if let Some(began) = run.began {
        parts.push(format!("{}, {}", began.to_human(), human_length(run.ended.unwrap_or(shared.now).since(began))));
    }
    parts.join(", ")
}

fn bar(run: &RunProgress, theme: Theme, width: u16) -> Pieces {
    let (done, total) = (run.done(), run.total.max(1));
    let mut text = format!(" {}/{}", thousands(done), thousands(run.total));
    if let Some(rate) = run.rate().filter(|rate| *rate > 0.0 && run.is_under_way()) {
        let left = run.total.saturating_sub(done) as f64 / rate;
        text.push_str(&format!("  {rate:.1}/s"));
        if let Ok(left) = Duration::try_from_secs_f64(left) {
            text.push_str(&format!("  {} left", human_length(left)));
        }
    }
    let mut pace = String::new();
    if run.is_under_way() && run.is_own() {
        pace = pace_in_words(run);
    }
    let room = u64::from(width).saturating_sub((text.len() + pace.len()) as u64).clamp(8, 50);
    let filled = done * room / total;
    let (full, empty) = (theme.symbol("█", "#"), theme.symbol("░", "."));
    let bar = |symbol: &str, n: u64| symbol.repeat(usize::try_from(n).unwrap_or(0));
    vec![
        (Role::Good, bar(full, filled)),
        (Role::Faint, bar(empty, room - filled)),
        (Role::Text, text),
        (Role::Text, pace),
    ]
}

/// Returns the pace that was asked for, and the one that is kept, where they differ.
fn pace_in_words(run: &RunProgress) -> String {
    let mut text = format!("  {} at once", run.asked.concurrency);
    if let Some(paced) = run.paced {
        if paced.limit < run.asked.concurrency {
            text.push_str(&format!(", {} for now", paced.limit));
        }
        text.push_str(&format!(", {} out", paced.in_flight));
        if paced.closed_for >= Duration::from_secs(1) {
            text.push_str(&format!(", waiting {}", human_length(paced.closed_for)));
        }
    }
    if let Some(rate) = run.asked.rate {
        text.push_str(&format!(", at most {rate}/s"));
    }
    text
}

/// Returns the rate and the latency of the last seconds as small charts.
fn chart(run: &RunProgress, shared: &Shared, width: u16) -> Option<Pieces> {
    let theme = shared.setup.theme;
    let seconds = run.seconds_until(shared.now);
    let last = seconds.back().filter(|_| seconds.len() > 2)?;
    let room = usize::from(width / 2).saturating_sub(18).clamp(5, 60);
    let latency = |second: &Second| second.latency.checked_div(second.answered);
    let rates = bars(&seconds, room, theme, |second| Some(second.writes));
    let latencies = bars(&seconds, room, theme, latency);
    // The second that is not over yet would look like a drop.
    let before = seconds.iter().rev().nth(1).unwrap_or(last);
    let recent = seconds.iter().rev().find_map(latency).map(|ms| format!(" {ms} ms")).unwrap_or_default();
    Some(vec![
        (Role::Faint, "rate ".to_owned()),
        (Role::Text, rates),
        (Role::Text, format!(" {}/s", before.writes)),
        (Role::Faint, "  latency ".to_owned()),
        (Role::Text, latencies),
        (Role::Text, recent),
    ])
}

fn bars(seconds: &VecDeque<Second>, room: usize, theme: Theme, value: impl Fn(&Second) -> Option<u64>) -> String {
    let shown: Vec<u64> =
        seconds.iter().skip(seconds.len().saturating_sub(room)).map(|second| value(second).unwrap_or(0)).collect();
    let most = shown.iter().copied().max().unwrap_or(0).max(1);
    let eighths = |n: &u64| usize::try_from((n * 8).div_ceil(most)).unwrap_or(8);
    shown.iter().map(|n| theme.bar(eighths(n))).collect()
}

fn tally(run: &RunProgress) -> Pieces {
    let mut pieces = Pieces::new();
    for &outcome in Outcome::ALL {
        let n = run.tally.get(outcome);
        if n > 0 || outcome == Outcome::Accepted {
            pieces.push((Role::Outcome(outcome), outcome_name(outcome).to_owned()));
            pieces.push((Role::Strong, format!(" {}   ", thousands(n))));
        }
    }
    pieces
}

/// Returns the trouble of a run under way, or how it ended and what to do next.
fn ending(shared: &Shared, run: &RunProgress) -> Option<(Role, String)> {
    if run.is_under_way() {
        return run.trouble.clone().map(|trouble| (Role::Warn, trouble));
    }
    if run.error.is_some() {
        return None;
    }
    let key = |action| shared.key(action);
    let stopped = run.report.as_ref().and_then(|report| words::stops(&report.stopped));
    let stopped = stopped.or_else(|| run.known.as_ref().and_then(|known| words::stops(&known.stopped)));
    if let Some(why) = stopped {
        return Some((
            Role::Bad,
            format!("Stopped: {why}. Once it is fixed: {} sends the rest.", key(Action::Continue)),
        ));
    }
    if let Some(again) = run.report.as_ref().and_then(|r| r.maybe_cached.as_ref()) {
        let text = format!(
            "{} refused as before: perhaps from the API's cache, until {}",
            again.count,
            again.until.to_human()
        );
        return Some((Role::Warn, text));
    }
    let failed = run.tally.get(Outcome::Failed) + run.tally.get(Outcome::Unknown) + run.tally.get(Outcome::Held);
    Some(match failed {
        0 if run.tally.get(Outcome::Accepted) == 0 => (Role::Warn, "Nothing was sent.".to_owned()),
        0 => (Role::Good, "Everything that was sent was accepted.".to_owned()),
        _ => (
            Role::Warn,
            format!("{} shows its writes, {} sends the rest again.", key(Action::RunWrites), key(Action::Continue)),
        ),
    })
}
