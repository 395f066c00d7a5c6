//! The page of a run, under way or over: what its writes came to, by cause; its log; its report.

mod below;
mod summary;

use ratatui::layout::Rect;

use super::plan::{ask_rate, parse_rate, step};
use crate::domain::ids::RunId;
use crate::domain::outcome::Outcome;
use crate::domain::reason::Reason;
use crate::domain::report::{About, Report, RunCause};
use crate::domain::run::{Run, Wanted};
use crate::domain::stop::Stop;
use crate::domain::time::Timestamp;
use crate::render::count::{outcomes, thousands};
use crate::render::{report, words};
use crate::store::WishChange;
use crate::tui::actions::{Action, Needs, Zone};
use crate::tui::dialogs::{Dialog, What};
use crate::tui::frame;
use crate::tui::goals::{Go, Next, Query, States};
use crate::tui::keymap::Chord;
use crate::tui::msg::{Deed, Question, Reading, ScreenId, TerminalRequest, Ticket};
use crate::tui::page::TextPage;
use crate::tui::paint::{Painter, wrap};
use crate::tui::progress::RunProgress;
use crate::tui::rows::Pieces;
use crate::tui::screen::{Cx, RunShown, Scene, Screen, Shared};
use crate::tui::scroll::{Scroll, ScrollStep};
use crate::tui::theme::{Role, outcome_name};

/// Milliseconds between two reads of the causes while the run is under way.
const READ_EVERY: i64 = 1000;

/// A tab of the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tab {
    /// What the writes came to, and why.
    Causes,
    /// What happened, line by line, as far as this process has seen it.
    Log,
    /// The report that `dlq report --run` prints.
    Report,
}

impl Tab {
    const ALL: [Self; 3] = [Self::Causes, Self::Log, Self::Report];

    fn name(self) -> &'static str {
        match self {
            Self::Causes => "Causes",
            Self::Log => "Log",
            Self::Report => "Report",
        }
    }

    fn step(self, forward: bool) -> Self {
        Self::ALL[(self as usize + if forward { 1 } else { 2 }) % 3]
    }
}

/// A run on the screen.
#[derive(Debug)]
pub struct RunScreen {
    id: ScreenId,
    shown: RunShown,
    /// A run of another process, or an earlier one, as last read from the file.
    other: Option<RunProgress>,
    tab: Tab,
    /// The causes of what did not go through, once they are read.
    causes: Option<Vec<RunCause>>,
    /// The time when they were asked for last.
    asked_at: Option<Timestamp>,
    /// Cursor among the causes and the lines below them.
    scroll: Scroll,
    /// The report, once it is read.
    report: Option<Box<Report>>,
    page: TextPage,
    /// The first line of the log on the screen, counted with those that were dropped.
    top: usize,
    /// True if the log stays at its newest line.
    is_following: bool,
}

/// The areas of the page.
struct Parts {
    upper: Rect,
    tabs: Rect,
    lower: Rect,
}

impl RunScreen {
    pub(super) fn open(id: ScreenId, shown: RunShown, cx: &mut Cx<'_>) -> Self {
        let mut screen = Self {
            id,
            shown,
            other: None,
            tab: Tab::Causes,
            causes: None,
            asked_at: None,
            scroll: Scroll::default(),
            report: None,
            page: TextPage::default(),
            top: 0,
            is_following: true,
        };
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

    fn parts(&self, shared: &Shared, area: Rect) -> Parts {
        let mut rest = Rect { x: area.x + 1, width: area.width.saturating_sub(2), ..area };
        let upper = self.progress(shared).map_or(1, |run| summary::lines(run, shared, rest.width, area.height).len());
        let upper = frame::take(&mut rest, u16::try_from(upper).unwrap_or(1));
        let tabs = frame::take(&mut rest, 1);
        Parts { upper, tabs, lower: rest }
    }

    fn ask_for(&self, change: WishChange, cx: &mut Cx<'_>) {
        // What is asked of a run that has not begun is sent once it has.
        if let Some(id) = self.run_id(cx.shared) {
            cx.deed(Deed::AskRun(id, change));
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

    /// Asks for the causes, at most once a second while the run is under way.
    fn read_causes(&mut self, id: RunId, cx: &mut Cx<'_>) {
        let is_under_way = self.progress(cx.shared).is_some_and(RunProgress::is_under_way);
        let is_due = self.asked_at.is_none_or(|at| cx.shared.now.millis() - at.millis() >= READ_EVERY);
        if is_due || !is_under_way {
            self.asked_at = Some(cx.shared.now);
            cx.ask(self.id, Question::Causes(id));
        }
    }

    /// Returns the lines of the causes, each with the end of the query for its writes.
    fn rows(&self, shared: &Shared) -> Vec<(Pieces, String)> {
        let row = |role, name: &str, count: u64, text: String| {
            vec![(role, format!("{name:<9}")), (Role::Strong, format!("{:>9}  ", thousands(count))), (Role::Text, text)]
        };
        let run = self.progress(shared);
        let mut rows: Vec<(Pieces, String)> = Vec::new();
        for cause in self.causes.iter().flatten() {
            let stop = run.and_then(|run| stop_of(cause, run));
            let text = stop.map_or_else(|| words::run_cause(cause), words::stop);
            // What is still to be sent is known better than the causes, which are read now and then.
            let waiting = run.filter(|run| run.is_under_way() && cause.reason.is_none());
            let (count, text) = match waiting {
                Some(run) => (run.total.saturating_sub(run.done()), "still to be sent".to_owned()),
                None => (cause.count, text),
            };
            let mut pieces = row(Role::Outcome(cause.outcome), cause.outcome.name(), count, text);
            pieces.push((Role::Faint, format!("  from write {} on", cause.example)));
            rows.push((pieces, query_of(cause)));
        }
        let Some(run) = run else { return rows };
        let accepted = run.tally.get(Outcome::Accepted);
        if accepted > 0 {
            let pieces = row(Role::Faint, outcome_name(Outcome::Accepted), accepted, "accepted by the API".to_owned());
            rows.push((pieces, format!(" outcome:{}", Outcome::Accepted)));
        }
        let planned = run.known.as_ref().map_or(run.total, |known| known.tally.planned());
        rows.push((row(Role::Faint, "all", planned, "the whole plan".to_owned()), String::new()));
        rows
    }

    fn open_cause(&self, cx: &mut Cx<'_>) {
        let Some(id) = self.run_id(cx.shared) else { return };
        let end = match self.tab {
            Tab::Causes => self.rows(cx.shared).into_iter().nth(self.scroll.at).map(|(_, end)| end),
            Tab::Log | Tab::Report => None,
        };
        let text = format!("run:{id}{}", end.unwrap_or_default());
        cx.go(Go::Over(Next::Writes(Query { text, states: States::All, order: None })));
    }

    fn report_lines(&self, width: u16) -> Vec<Pieces> {
        let Some(report) = &self.report else { return vec![vec![(Role::Faint, "reading ...".to_owned())]] };
        let line = |text: &str| {
            let (role, text) = match text.trim_start_matches('#') {
                title if title.len() < text.len() => (Role::Title, title.trim()),
                _ => (Role::Text, text),
            };
            wrap(text, width.into()).into_iter().map(move |line| vec![(role, line)]).collect::<Vec<_>>()
        };
        report::text(report).lines().flat_map(line).collect()
    }

    fn draw_causes(&self, shared: &Shared, area: Rect, p: &mut Painter<'_>) {
        if self.causes.is_none() {
            p.text(area.x, area.y, area.width, "reading ...", Role::Faint);
            return;
        }
        let rows = self.rows(shared);
        let visible = rows.iter().enumerate().skip(self.scroll.top).zip(area.top()..area.bottom());
        for ((n, (pieces, _)), y) in visible {
            p.pieces(area.x, y, area.width, pieces.iter().map(|(role, text)| (*role, text.as_str())));
            if n == self.scroll.at {
                p.line(Rect { y, height: 1, ..area }, Role::Cursor);
            }
        }
        p.more(rows.len(), self.scroll.top, area);
    }

    fn draw_log(&self, run: &RunProgress, area: Rect, p: &mut Painter<'_>) {
        if !run.is_own() {
            let text = if run.is_under_way() {
                "Another process is sending it and has the log."
            } else {
                "Only the process that sends a run has its log; it is over."
            };
            p.text(area.x, area.y, area.width, text, Role::Faint);
            return;
        }
        let height = frame::lines(area);
        let top =
            if self.is_following { run.log.len().saturating_sub(height) } else { self.top.saturating_sub(run.dropped) };
        for ((role, line), y) in run.log.iter().skip(top).zip(area.top()..area.bottom()) {
            p.text(area.x, y, area.width, line, *role);
        }
    }

    fn scroll_log(&mut self, step: ScrollStep, height: usize, shared: &Shared) {
        let Some(run) = self.progress(shared) else { return };
        let (len, dropped) = (run.log.len(), run.dropped);
        let top = if self.is_following { len.saturating_sub(height) } else { self.top.saturating_sub(dropped) };
        let mut scroll = Scroll { at: top, top };
        scroll.roll(step, len, height);
        self.top = scroll.top + dropped;
        self.is_following = scroll.top + height >= len;
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
            Action::RunWrites => self.open_cause(cx),
            Action::NextTab | Action::PreviousTab => {
                self.tab = self.tab.step(action == Action::NextTab);
                self.refresh(cx);
            }
            Action::CopyReport => {
                if let Some(report) = &self.report {
                    cx.terminal(TerminalRequest::Copy("the report", report::markdown(report)));
                } else {
                    self.tab = Tab::Report;
                    self.refresh(cx);
                    cx.say(Role::Text, "reading the report: copy it once it is here");
                }
            }
            other => {
                let area = self.parts(cx.shared, cx.area).lower;
                self.tab = Tab::Report;
                self.page.act(other, &self.report_lines(area.width), area);
            }
        }
    }

    fn is_typing(&self) -> bool {
        self.page.is_typing()
    }

    fn key(&mut self, chord: Chord, cx: &mut Cx<'_>) {
        let area = self.parts(cx.shared, cx.area).lower;
        self.page.key(chord, &self.report_lines(area.width), area);
    }

    fn paste(&mut self, text: &str, cx: &mut Cx<'_>) {
        let area = self.parts(cx.shared, cx.area).lower;
        self.page.paste(text, &self.report_lines(area.width), area);
    }

    fn back(&mut self, _cx: &mut Cx<'_>) -> bool {
        self.page.back()
    }

    fn scroll(&mut self, step: ScrollStep, cx: &mut Cx<'_>) {
        let area = self.parts(cx.shared, cx.area).lower;
        match self.tab {
            Tab::Causes => self.scroll.go(step, self.rows(cx.shared).len(), frame::lines(area)),
            Tab::Log => self.scroll_log(step, frame::lines(area), cx.shared),
            Tab::Report => self.page.scroll(step, &self.report_lines(area.width), area),
        }
    }

    fn refresh(&mut self, cx: &mut Cx<'_>) {
        let Some(id) = self.run_id(cx.shared) else { return };
        cx.ask(self.id, Question::Run(id));
        match self.tab {
            Tab::Causes => self.read_causes(id, cx),
            Tab::Log => {}
            Tab::Report => {
                cx.ask(self.id, Question::Report(About::Run(id)));
            }
        }
    }

    fn hear(&mut self, _ticket: Ticket, answer: Reading, cx: &mut Cx<'_>) {
        match answer {
            Reading::Run(Some(run)) => {
                let was_under_way = self.progress(cx.shared).is_some_and(RunProgress::is_under_way);
                let id = run.id;
                match (self.shown, &mut cx.shared.sending) {
                    (RunShown::Own, Some(own)) => own.refresh(run),
                    _ => self.run_is(&run),
                }
                if was_under_way {
                    // What it came to in the end may not have been read yet.
                    self.read_causes(id, cx);
                }
                self.read_for_below(id, cx);
            }
            Reading::Causes(causes) => {
                self.causes = Some(causes);
                let area = self.parts(cx.shared, cx.area).lower;
                self.scroll.keep_seen(self.rows(cx.shared).len(), frame::lines(area));
            }
            Reading::Report(report) => self.report = Some(report),
            _ => {}
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
            Needs::RunOver => run.is_some_and(|run| !run.is_under_way() && run.id.is_some() && run.tally.left() > 0),
            _ => false,
        }
    }

    fn run(&self) -> Option<RunShown> {
        Some(self.shown)
    }

    fn scene(&self, shared: &Shared) -> Scene {
        let Some(run) = self.progress(shared).filter(|run| !run.is_under_way()) else { return Scene::RunUnderWay };
        let mut stops = run.report.iter().flat_map(|report| &report.stopped.list);
        let has_failed = stops.any(|stop| matches!(stop, Stop::CanaryFailed { .. }));
        if has_failed && run.tally.get(Outcome::Accepted) == 0 {
            Scene::CanaryFailed
        } else {
            Scene::RunOver { outcomes: outcomes(&run.tally) }
        }
    }

    fn draw(&self, shared: &Shared, area: Rect, p: &mut Painter<'_>) {
        let Some(run) = self.progress(shared) else {
            p.text(area.x + 1, area.y, area.width, "reading ...", Role::Faint);
            return;
        };
        let parts = self.parts(shared, area);
        let lines = summary::lines(run, shared, parts.upper.width, area.height);
        for (line, y) in lines.iter().zip(parts.upper.top()..parts.upper.bottom()) {
            p.pieces(parts.upper.x, y, parts.upper.width, line.iter().map(|(role, text)| (*role, text.as_str())));
        }
        p.rule(Rect { x: area.x, width: area.width, ..parts.tabs }, "");
        let mut x = parts.tabs.x;
        for tab in Tab::ALL {
            let is_here = tab == self.tab;
            let (role, left, right) = if is_here { (Role::On, "[", "]") } else { (Role::Faint, " ", " ") };
            x = p.pieces(x, parts.tabs.y, parts.tabs.width, [(role, left), (role, tab.name()), (role, right)]);
        }
        match self.tab {
            Tab::Causes => {
                self.draw_causes(shared, parts.lower, p);
                self.draw_below(run, shared, parts.lower, p);
            }
            Tab::Log => self.draw_log(run, parts.lower, p),
            Tab::Report => self.page.draw(&self.report_lines(parts.lower.width), parts.lower, p),
        }
    }
}

/// Returns what stopped the group of writes that were not sent because of it.
fn stop_of<'a>(cause: &RunCause, run: &'a RunProgress) -> Option<&'a Stop> {
    let Some(Reason::GroupStopped(stopped)) = &cause.reason else { return None };
    let of_report = run.report.iter().flat_map(|report| &report.stopped.list);
    let of_file = run.known.iter().flat_map(|known| &known.stopped.list);
    of_report.chain(of_file).find(|stop| match stop {
        Stop::CanaryFailed { group, .. } | Stop::FailuresInARow { group, .. } => group == stopped,
        _ => false,
    })
}

/// Returns the end of the query for the writes of a cause.
fn query_of(cause: &RunCause) -> String {
    match (&cause.group, &cause.reason) {
        (Some(group), _) => format!(" outcome:{} group:{}", cause.outcome, group.id),
        (None, Some(Reason::GroupStopped(group))) => format!(" outcome:{}/group-stopped group:{group}", cause.outcome),
        (None, Some(reason)) => format!(" outcome:{}/{}", cause.outcome, reason.code()),
        (None, None) => format!(" outcome:{}", cause.outcome),
    }
}
