//! A run: its progress, rate, outcomes and log.

use ratatui::layout::Rect;

use super::plan::{ask_rate, parse_rate, step};
use super::runs::has_left;
use crate::domain::ids::RunId;
use crate::domain::outcome::Outcome;
use crate::domain::run::{Run, RunState, Wanted};
use crate::domain::stop::Stop;
use crate::domain::time::human_length;
use crate::render::count::{outcomes, thousands};
use crate::render::words;
use crate::store::WishChange;
use crate::tui::actions::{Action, Needs, Zone};
use crate::tui::dialogs::{Dialog, What};
use crate::tui::goals::{Go, Next, Query, States};
use crate::tui::msg::{Deed, Question, Reading, ScreenId, Ticket};
use crate::tui::paint::{Painter, wrap};
use crate::tui::progress::RunProgress;
use crate::tui::screen::{Cx, RunShown, Screen, Shared, Story};
use crate::tui::scroll::{Scroll, ScrollStep};
use crate::tui::theme::Role;

/// Lines above the log, without the message.
const ABOVE: usize = 5;
/// Lines of the message, at most.
const SAID: usize = 6;

/// A run on the screen.
#[derive(Debug)]
pub struct RunScreen {
    id: ScreenId,
    shown: RunShown,
    /// A run of another process, or an earlier one, as last read from the file.
    other: Option<RunProgress>,
    /// The first line of the log on the screen, counted with those that were dropped.
    top: usize,
    /// True if the log stays at its newest line.
    is_following: bool,
}

impl RunScreen {
    pub(super) fn open(id: ScreenId, shown: RunShown, cx: &mut Cx<'_>) -> Self {
        let mut screen = Self { id, shown, other: None, top: 0, is_following: true };
        screen.refresh(cx);
        screen
    }

    fn progress<'a>(&'a self, shared: &'a Shared) -> Option<&'a RunProgress> {
        match self.shown {
            RunShown::Own => shared.sending.as_ref(),
            RunShown::Other(_) => self.other.as_ref(),
        }
    }

    fn progress_mut<'a>(&'a mut self, shared: &'a mut Shared) -> Option<&'a mut RunProgress> {
        match self.shown {
            RunShown::Own => shared.sending.as_mut(),
            RunShown::Other(_) => self.other.as_mut(),
        }
    }

    fn run_id(&self, shared: &Shared) -> Option<RunId> {
        match self.shown {
            RunShown::Own => shared.sending.as_ref().and_then(|own| own.id),
            RunShown::Other(id) => Some(id),
        }
    }

    /// Returns the number of visible lines of the log.
    fn log_height(&self, shared: &Shared, area: Rect) -> usize {
        let said = self.progress(shared).map_or(0, |run| said(shared, run, area.width.saturating_sub(2)).len());
        usize::from(area.height).saturating_sub(ABOVE + said).max(1)
    }

    fn ask_for(&self, change: WishChange, cx: &mut Cx<'_>) {
        // What is asked of a run that has not begun is sent once it has.
        if let Some(id) = self.run_id(cx.shared) {
            cx.change(Deed::AskRun(id, change));
        }
    }

    fn pace(&mut self, more: bool, cx: &mut Cx<'_>) {
        let Some(run) = self.progress_mut(cx.shared).filter(|run| run.is_under_way()) else { return };
        if !run.is_own() {
            cx.say(Role::Warn, "another process sets this run's pace: change it with dlq runs pace");
            return;
        }
        run.asked.concurrency = step(run.asked.concurrency, more);
        let concurrency = Some(run.asked.concurrency);
        self.ask_for(WishChange { concurrency, ..WishChange::default() }, cx);
    }
}

impl Screen for RunScreen {
    fn zone(&self) -> Zone {
        Zone::Run
    }

    fn id(&self) -> ScreenId {
        self.id
    }

    fn act(&mut self, action: Action, cx: &mut Cx<'_>) {
        match action {
            Action::Pause => {
                let Some(run) = self.progress_mut(cx.shared) else { return };
                run.is_paused = !run.is_paused;
                let wanted = Some(if run.is_paused { Wanted::Pause } else { Wanted::Go });
                self.ask_for(WishChange { wanted, ..WishChange::default() }, cx);
            }
            Action::Stop => {
                let Some(run) = self.progress_mut(cx.shared) else { return };
                run.is_stopping = true;
                self.ask_for(WishChange { wanted: Some(Wanted::Stop), ..WishChange::default() }, cx);
                cx.say(Role::Text, "stopping once what is in flight is finished");
            }
            Action::More | Action::Less => self.pace(action == Action::More, cx),
            Action::Rate => cx.open(Dialog::Ask(ask_rate())),
            Action::RunWrites => {
                let Some(id) = self.run_id(cx.shared) else { return };
                cx.go(Go::Over(Next::Writes(Query { text: format!("run:{id}"), states: States::All })));
            }
            _ => {}
        }
    }

    fn scroll(&mut self, step: ScrollStep, cx: &mut Cx<'_>) {
        let height = self.log_height(cx.shared, cx.area);
        let Some(run) = self.progress(cx.shared) else { return };
        let (len, dropped) = (run.log.len(), run.dropped);
        let top = if self.is_following { len.saturating_sub(height) } else { self.top.saturating_sub(dropped) };
        let mut scroll = Scroll { at: top, top };
        scroll.roll(step, len, height);
        self.top = scroll.top + dropped;
        self.is_following = scroll.top + height >= len;
    }

    fn refresh(&mut self, cx: &mut Cx<'_>) {
        if let Some(id) = self.run_id(cx.shared) {
            cx.ask(self.id, Question::Run(id));
        }
    }

    fn hear(&mut self, _ticket: Ticket, answer: Reading, cx: &mut Cx<'_>) {
        let Reading::Run(Some(run)) = answer else { return };
        match (self.shown, &mut cx.shared.sending) {
            (RunShown::Own, Some(own)) => own.refresh(run),
            _ => self.run_is(&run),
        }
    }

    fn run_is(&mut self, run: &Run) {
        if self.shown == RunShown::Other(run.id) {
            let run = Box::new(run.clone());
            match &mut self.other {
                Some(other) => other.refresh(run),
                None => self.other = Some(RunProgress::of(run)),
            }
        }
    }

    fn answered(&mut self, what: &What, answer: &str, cx: &mut Cx<'_>) -> Result<(), String> {
        if let What::Rate = what {
            let rate = parse_rate(answer)?;
            if let Some(run) = self.progress_mut(cx.shared) {
                run.asked.rate = rate;
            }
            self.ask_for(WishChange { rate: Some(rate.unwrap_or(0.0)), ..WishChange::default() }, cx);
        }
        Ok(())
    }

    fn has(&self, needs: Needs, shared: &Shared) -> bool {
        let run = self.progress(shared);
        match needs {
            Needs::RunUnderWay | Needs::Pace => run.is_some_and(RunProgress::is_under_way),
            Needs::RunOver => run.is_some_and(|run| !run.is_under_way() && run.id.is_some() && has_left(&run.tally)),
            _ => false,
        }
    }

    fn run(&self) -> Option<RunShown> {
        Some(self.shown)
    }

    fn hint(&self, story: &Story, shared: &Shared) -> String {
        let key = |action| shared.key(action);
        let Some(run) = self.progress(shared).filter(|run| !run.is_under_way()) else {
            return "Every request is written to the file before it leaves: kill -9 loses nothing and sends nothing twice.".to_owned();
        };
        let mut stops = run.report.iter().flat_map(|report| &report.stopped.list);
        if stops.any(|stop| matches!(stop, Stop::CanaryFailed { .. })) && run.tally.get(Outcome::Accepted) == 0 {
            let next =
                if story.is_fixed { String::new() } else { format!("{} fixes the schema; then ", key(Action::Fix)) };
            return format!(
                "The first write was refused, so the rest was never sent. {next}{} sends what is left.",
                key(Action::Continue)
            );
        }
        let verdict = story.verdict.as_deref().unwrap_or_default();
        let outcomes = outcomes(&run.tally);
        format!(
            "{outcomes}; everything accepted went in under its original key. {verdict} {} goes back.",
            key(Action::Back)
        )
    }

    fn draw(&self, shared: &Shared, area: Rect, p: &mut Painter<'_>) {
        let Some(run) = self.progress(shared) else {
            p.text(area.x + 1, area.y, area.width, "reading ...", Role::Faint);
            return;
        };
        let width = area.width.saturating_sub(2);
        let x = area.x + 1;
        let name = run.id.map_or_else(|| "Starting a run".to_owned(), |id| format!("Run {id}"));
        let (role, state) = state(run);
        p.pieces(x, area.y, width, [(Role::Title, name.as_str()), (Role::Text, "  "), (role, state.as_str())]);
        about(shared, run, Rect { x, y: area.y + 1, width, height: 1 }, p);
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
        let said = said(shared, run, width);
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
            let shows = format!("{} shows its writes.", shared.key(Action::RunWrites));
            let text = if run.is_under_way() {
                format!("Another process is sending it and has the log. {shows}")
            } else {
                shows
            };
            p.text(x, log.y, width, &text, Role::Faint);
            return;
        }
        let height = usize::from(log.height);
        let top =
            if self.is_following { run.log.len().saturating_sub(height) } else { self.top.saturating_sub(run.dropped) };
        for ((role, line), y) in run.log.iter().skip(top).zip(log.top()..log.bottom()) {
            p.text(log.x, y, log.width, line, *role);
        }
    }
}

/// Returns the message about a run, in lines.
fn said(shared: &Shared, run: &RunProgress, width: u16) -> Vec<(Role, String)> {
    let Some((role, text)) = ending(shared, run) else { return Vec::new() };
    wrap(&text, width.into()).into_iter().take(SAID).map(|line| (role, line)).collect()
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

fn about(shared: &Shared, run: &RunProgress, area: Rect, p: &mut Painter<'_>) {
    let mut parts = Vec::new();
    if let Some(known) = &run.known {
        parts.push(format!("{} to {}", known.query, known.target));
        parts.push(format!("by {} on {}", known.operator.name, known.operator.host));
        parts.extend(known.reason.clone());
    } else if let Some(prepared) = &run.prepared {
        parts.push(format!("to {}", prepared.options.target.name));
    }
    if let Some(began) = run.began {
        parts.push(human_length(run.ended.unwrap_or(shared.now).since(began)));
    }
    p.text(area.x, area.y, area.width, &parts.join(", "), Role::Text);
}

fn bar(run: &RunProgress, area: Rect, p: &mut Painter<'_>) {
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

pub(super) fn outcome_role(outcome: Outcome) -> Role {
    match outcome {
        Outcome::Accepted => Role::Good,
        Outcome::Failed | Outcome::Unknown => Role::Bad,
        Outcome::Held | Outcome::Refused => Role::Warn,
        Outcome::Skipped | Outcome::Unsent => Role::Faint,
    }
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
