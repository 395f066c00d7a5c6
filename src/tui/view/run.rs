//! A run: its progress, rate, outcomes and log. And one write that was sent as a trial.

use ratatui::layout::Rect;

use super::paint::{Painter, wrap};
use crate::domain::outcome::Outcome;
use crate::domain::run::RunState;
use crate::domain::time::human_length;
use crate::render::count::thousands;
use crate::render::words;
use crate::tui::actions::Action;
use crate::tui::app::App;
use crate::tui::state::json_view::JsonView;
use crate::tui::state::run::RunScreen;
use crate::tui::theme::Role;

/// Lines above the log, without the message.
const ABOVE: usize = 5;
/// Lines of the message, at most.
const SAID: usize = 6;

/// Returns the number of visible lines of the log.
pub fn log_height(app: &App, body: usize) -> usize {
    let said = app.run.as_ref().map_or(0, |run| said(app, run, app.size.0.saturating_sub(2)).len());
    body.saturating_sub(ABOVE + said).max(1)
}

/// Returns the message about a run, in lines.
fn said(app: &App, run: &RunScreen, width: u16) -> Vec<(Role, String)> {
    let Some((role, text)) = ending(app, run) else { return Vec::new() };
    wrap(&text, width.into()).into_iter().take(SAID).map(|line| (role, line)).collect()
}

pub(super) fn draw(app: &App, area: Rect, p: &mut Painter<'_>) {
    let Some(run) = &app.run else {
        p.text(area.x + 1, area.y, area.width, "reading ...", Role::Faint);
        return;
    };
    let width = area.width.saturating_sub(2);
    let x = area.x + 1;
    let name = run.id.map_or_else(|| "Starting a run".to_owned(), |id| format!("Run {id}"));
    let (role, state) = state(run);
    p.pieces(x, area.y, width, [(Role::Title, name.as_str()), (Role::Text, "  "), (role, state.as_str())]);
    about(app, run, Rect { x, y: area.y + 1, width, height: 1 }, p);
    bar(run, Rect { x, y: area.y + 2, width, height: 1 }, p);
    let mut at = x;
    for &outcome in Outcome::ALL {
        let n = run.tally.get(outcome);
        if n > 0 || outcome == Outcome::Accepted {
            let name = if outcome == Outcome::Accepted { "replayed" } else { outcome.name() };
            let count = thousands(n);
            let pieces =
                [(outcome_role(outcome), name), (Role::Text, " "), (Role::Strong, &count), (Role::Text, "   ")];
            at = p.pieces(at, area.y + 3, (x + width).saturating_sub(at), pieces);
        }
    }
    let said = said(app, run, width);
    for ((role, line), y) in said.iter().zip(area.y + 4..area.bottom()) {
        p.text(x, y, width, line, *role);
    }
    let top = area.y + 4 + u16::try_from(said.len()).unwrap_or(0);
    if top + 1 >= area.bottom() {
        return;
    }
    p.rule(Rect { y: top, height: 1, ..area }, if run.is_own() { "log" } else { "" });
    let log = Rect { x, y: top + 1, width, height: area.bottom() - top - 1 };
    if !run.is_own() {
        let shows = format!("{} shows its writes.", app.setup.keymap.key(Action::RunWrites));
        let text =
            if run.is_under_way() { format!("Another process is sending it and has the log. {shows}") } else { shows };
        p.text(x, log.y, width, &text, Role::Faint);
        return;
    }
    let height = usize::from(log.height);
    let top = if run.is_following { run.log.len().saturating_sub(height) } else { run.scroll.top };
    for ((role, line), y) in run.log.iter().skip(top).zip(log.top()..log.bottom()) {
        p.text(log.x, y, log.width, line, *role);
    }
}

fn state(run: &RunScreen) -> (Role, String) {
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

fn about(app: &App, run: &RunScreen, area: Rect, p: &mut Painter<'_>) {
    let mut parts = Vec::new();
    if let Some(known) = &run.known {
        parts.push(format!("{} to {}", known.query, known.target));
        parts.push(format!("by {} on {}", known.operator.name, known.operator.host));
        parts.extend(known.reason.clone());
    } else if let Some(prepared) = &run.prepared {
        parts.push(format!("to {}", prepared.options.target.name));
    }
    if let Some(began) = run.began {
        parts.push(human_length(run.ended.unwrap_or(app.now).since(began)));
    }
    p.text(area.x, area.y, area.width, &parts.join(", "), Role::Text);
}

fn bar(run: &RunScreen, area: Rect, p: &mut Painter<'_>) {
    let (done, total) = (run.done(), run.total.max(1));
    let mut text = format!(" {}/{}", thousands(done), thousands(run.total));
    if run.is_under_way() {
        let limit = run.asked.rate.map(|rate| format!(", at most {rate}/s")).unwrap_or_default();
        if run.is_own() {
            text.push_str(&format!("  {} at once{limit}", run.asked.concurrency));
        }
        if let Some(rate) = run.rate().filter(|rate| *rate > 0.0) {
            let left = run.total.saturating_sub(done) as f64 / rate;
            text.push_str(&format!("  {rate:.1}/s"));
            if let Ok(left) = std::time::Duration::try_from_secs_f64(left) {
                text.push_str(&format!("  {} left", human_length(left)));
            }
        }
    }
    let room = u64::from(area.width).saturating_sub(text.len() as u64).clamp(8, 50);
    let filled = done * room / total;
    let (full, empty) = (p.theme.symbol("█", "#"), p.theme.symbol("░", "."));
    let bar = |symbol: &str, n: u64| symbol.repeat(usize::try_from(n).unwrap_or(0));
    let pieces = [(Role::Good, bar(full, filled)), (Role::Faint, bar(empty, room - filled)), (Role::Text, text)];
    p.pieces(area.x, area.y, area.width, pieces.iter().map(|(role, text)| (*role, text.as_str())));
}

fn outcome_role(outcome: Outcome) -> Role {
    match outcome {
        Outcome::Accepted => Role::Good,
        Outcome::Failed | Outcome::Unknown => Role::Bad,
        Outcome::Held | Outcome::Refused => Role::Warn,
        Outcome::Skipped | Outcome::Unsent => Role::Faint,
    }
}

/// Returns the trouble of a run under way, or how it ended and what to do next.
fn ending(app: &App, run: &RunScreen) -> Option<(Role, String)> {
    if run.is_under_way() {
        return run.trouble.clone().map(|trouble| (Role::Warn, trouble));
    }
    if run.error.is_some() {
        return None;
    }
    let key = |action| app.setup.keymap.key(action);
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

/// Draws a trial: the request that was sent, and the answer.
pub(super) fn draw_trial(app: &App, area: Rect, p: &mut Painter<'_>) {
    let Some(run) = &app.run else { return };
    let half = area.width / 2;
    let left = Rect { width: half.saturating_sub(1), ..area };
    let right = Rect { x: area.x + half + 1, width: area.width - half - 1, ..area };
    p.divider(Rect { x: area.x + half - 1, width: 1, ..area });
    let id = run.trial.map(|id| id.to_string()).unwrap_or_default();
    p.text(left.x + 1, left.y, left.width.saturating_sub(1), &format!("Request: write {id}"), Role::Title);
    if let Some(detail) = app.detail.shown.as_ref().filter(|detail| Some(detail.view.write.id) == run.trial) {
        let write = &detail.view.write;
        let mut y = left.y + 1;
        for (role, text) in [
            (Role::Strong, format!("{} {}", write.method, write.path)),
            (Role::Text, format!("idempotency-key: {}", write.key)),
            (Role::Text, String::new()),
        ] {
            p.text(left.x + 1, y, left.width.saturating_sub(2), &text, role);
            y += 1;
        }
        body(
            &app.detail.json,
            Rect { x: left.x + 1, y, width: left.width.saturating_sub(2), height: left.bottom().saturating_sub(y) },
            p,
        );
    }
    answer(app, run, right, p);
}

fn body(json: &JsonView, area: Rect, p: &mut Painter<'_>) {
    for (line, y) in json.lines.iter().zip(area.top()..area.bottom()) {
        let x = area.x + u16::try_from(line.depth * 2).unwrap_or(0).min(area.width);
        p.pieces(x, y, area.right().saturating_sub(x), line.pieces.iter().map(|(role, text)| (*role, text.as_str())));
    }
}

fn answer(app: &App, run: &RunScreen, area: Rect, p: &mut Painter<'_>) {
    p.text(area.x, area.y, area.width, "Answer", Role::Title);
    let mut lines: Vec<(Role, String)> = Vec::new();
    match (&run.trial_ended, &run.error) {
        (Some(ended), _) => {
            let last = ended.last.as_ref();
            let status = last.and_then(|l| l.status).map(|s| format!("HTTP {s}, ")).unwrap_or_default();
            lines.push((outcome_role(ended.outcome), format!("{status}{}", ended.outcome)));
            if let Some(last) = last {
                lines.push((Role::Text, format!("in {} ms", last.latency_ms)));
                lines.extend(last.correlation_id.iter().map(|cid| (Role::Text, format!("correlation ID {cid}"))));
            }
            let reason = ended.reason.as_ref().map(|reason| words::reason(reason, ended.last.as_ref()));
            lines.extend(reason.map(|reason| (Role::Text, reason)));
            lines.push((Role::Text, String::new()));
            let next = if ended.outcome == Outcome::Accepted {
                format!("It is in. {} goes back.", app.setup.keymap.key(Action::Back))
            } else {
                "Nothing else was sent.".to_owned()
            };
            lines.push((Role::Faint, next));
        }
        (None, Some(why)) => lines.push((Role::Bad, why.clone())),
        (None, None) if run.report.is_some() => lines.push((Role::Warn, "it was not sent".to_owned())),
        (None, None) => lines.push((Role::Faint, "waiting ...".to_owned())),
    }
    let mut y = area.y + 1;
    for (role, text) in lines {
        for line in wrap(&text, area.width.saturating_sub(1).into()) {
            if y >= area.bottom() {
                return;
            }
            p.text(area.x, y, area.width, &line, role);
            y += 1;
        }
    }
}
