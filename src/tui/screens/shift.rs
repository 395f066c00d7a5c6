//! A shift: who did what, when and why; and the report on it.

use std::time::Duration;

use ratatui::layout::Rect;

use crate::domain::report::{About, ActionTally, Report};
use crate::domain::run::Run;
use crate::domain::time::{Timestamp, human_length};
use crate::render::count::{outcomes, thousands};
use crate::render::{report, words};
use crate::tui::actions::{Action, Needs, Zone};
use crate::tui::dialogs::{Ask, Dialog, What};
use crate::tui::frame;
use crate::tui::goals::{Go, Next, Query, States};
use crate::tui::keymap::Chord;
use crate::tui::msg::{Deed, Question, Reading, ScreenId, TerminalRequest, Ticket};
use crate::tui::page::TextPage;
use crate::tui::paint::{Painter, wrap};
use crate::tui::rows::Pieces;
use crate::tui::screen::{Cx, Screen, Shared};
use crate::tui::scroll::{Scroll, ScrollStep};
use crate::tui::theme::Role;

/// The periods to choose from, in hours.
const PERIODS: [u64; 6] = [1, 8, 24, 3 * 24, 7 * 24, 30 * 24];
/// The least height in which the report is shown below the log.
const LEAST_REPORT: u16 = 12;
/// Index of the period at the start: a shift.
const SHIFT: usize = 1;

/// A shift on the screen.
#[derive(Debug)]
pub struct Shift {
    id: ScreenId,
    period: usize,
    report: Option<Box<Report>>,
    /// True if the report is shown rather than the log.
    shows_report: bool,
    scroll: Scroll,
    page: TextPage,
}

/// Something that an operator did.
enum Entry<'a> {
    Run(&'a Run),
    Did(&'a ActionTally),
}

impl Shift {
    pub(super) fn open(id: ScreenId, cx: &mut Cx<'_>) -> Self {
        let mut shift = Self {
            id,
            period: SHIFT,
            report: None,
            shows_report: false,
            scroll: Scroll::default(),
            page: TextPage::default(),
        };
        shift.refresh(cx);
        shift
    }

    fn length(&self) -> Duration {
        Duration::from_hours(PERIODS[self.period])
    }

    /// Returns what was done, the newest first.
    fn entries(&self) -> Vec<(Timestamp, Entry<'_>)> {
        let Some(report) = &self.report else { return Vec::new() };
        let runs = report.runs.iter().map(|(run, _)| (run.started_at, Entry::Run(run)));
        let mut all: Vec<_> = runs.chain(report.actions.iter().map(|did| (did.last, Entry::Did(did)))).collect();
        all.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
        all
    }

    /// Opens the run, the write or the writes of the entry under the cursor.
    fn open_entry(&self, cx: &mut Cx<'_>) {
        match self.entries().get(self.scroll.at) {
            Some((_, Entry::Run(run))) => cx.go(Go::Over(Next::Run(run.id))),
            Some((_, Entry::Did(did))) => match did.writes.as_slice() {
                [] => cx.say(Role::Text, "that was not about writes"),
                [one] => cx.go(Go::Over(Next::Write(*one))),
                several => {
                    let ids: Vec<String> = several.iter().map(ToString::to_string).collect();
                    let query = Query { text: format!("id:{}", ids.join(",")), states: States::All, order: None };
                    cx.go(Go::Over(Next::Writes(query)));
                }
            },
            None => {}
        }
    }

    fn markdown(&self) -> Option<String> {
        self.report.as_deref().map(report::markdown)
    }

    fn report_lines(&self, width: u16) -> Vec<Pieces> {
        let Some(text) = self.report.as_deref().map(report::text) else {
            return vec![vec![(Role::Faint, "reading ...".to_owned())]];
        };
        let lines = text.lines().flat_map(|line| wrap(line, width.into()));
        lines.map(|line| vec![(if line.starts_with('#') { Role::Title } else { Role::Text }, line)]).collect()
    }

    fn areas(area: Rect) -> (Rect, Rect) {
        let mut rest = Rect { x: area.x + 1, width: area.width.saturating_sub(2), ..area };
        let head = frame::take(&mut rest, 1);
        (head, rest)
    }

    fn set_period(&mut self, period: usize, cx: &mut Cx<'_>) {
        self.period = period.min(PERIODS.len() - 1);
        self.report = None;
        self.refresh(cx);
    }

    fn draw_log(&self, area: Rect, p: &mut Painter<'_>) {
        let entries = self.entries();
        if entries.is_empty() {
            let text = if self.report.is_some() { "Nobody did anything in this time." } else { "reading ..." };
            p.text(area.x, area.y, area.width, text, Role::Faint);
        }
        for ((n, (at, entry)), y) in entries.iter().enumerate().skip(self.scroll.top).zip(area.top()..area.bottom()) {
            let (who, what, reason) = in_words(entry);
            let time = at.to_human();
            // A narrow terminal has better use for the year and the seconds.
            let time = if area.width < 100 { time.get(5..16).unwrap_or(&time) } else { &time };
            let pieces = [
                (Role::Faint, format!("{time}  ")),
                (Role::Strong, format!("{who:<10} ")),
                (Role::Text, what),
                (Role::Faint, reason.map(|reason| format!(" ({reason})")).unwrap_or_default()),
            ];
            p.pieces(area.x, y, area.width, pieces.iter().map(|(role, text)| (*role, text.as_str())));
            if n == self.scroll.at {
                p.line(Rect { y, height: 1, ..area }, Role::Cursor);
            }
        }
        p.more(entries.len(), self.scroll.top, area);
        // A tall terminal has room for both.
        let mut rest = area;
        frame::take(&mut rest, u16::try_from(entries.len() + 1).unwrap_or(u16::MAX));
        if self.report.is_some() && rest.height >= LEAST_REPORT {
            p.rule(frame::take(&mut rest, 1), "Report");
            for (line, y) in self.report_lines(rest.width).iter().zip(rest.top()..rest.bottom()) {
                p.pieces(rest.x, y, rest.width, line.iter().map(|(role, text)| (*role, text.as_str())));
            }
        }
    }
}

/// Returns who did it, what it was, and why.
fn in_words<'a>(entry: &Entry<'a>) -> (&'a str, String, Option<&'a str>) {
    match entry {
        Entry::Run(run) => {
            let (id, state, came_to) = (run.id, run.state.name(), outcomes(&run.tally));
            let what = format!("run {id} {state}: {came_to}; {} to {}", run.query, run.target);
            (&run.operator.name, what, run.reason.as_deref())
        }
        Entry::Did(did) => {
            let (action, count) = (did.action.name(), thousands(did.count.unsigned_abs()));
            let which = match did.writes.as_slice() {
                [] if did.count > 1 => format!(" {count} times"),
                [] => String::new(),
                [one] => format!(" write {one}"),
                [one, two] => format!(" writes {one} and {two}"),
                [one, two, ..] => format!(" {count} writes ({one}, {two}, ...)"),
            };
            let what = format!("{action}{which}: {}", words::action(&did.action));
            (&did.operator, what, did.reason.as_deref())
        }
    }
}

impl Screen for Shift {
    fn zone(&self) -> Zone {
        Zone::Shift
    }

    fn id(&self) -> ScreenId {
        self.id
    }

    fn act(&mut self, action: Action, cx: &mut Cx<'_>) {
        match action {
            Action::NextTab | Action::PreviousTab => self.shows_report = !self.shows_report,
            Action::Wider => self.set_period(self.period + 1, cx),
            Action::Narrower => self.set_period(self.period.saturating_sub(1), cx),
            Action::OpenRun if self.shows_report => {}
            Action::OpenRun => self.open_entry(cx),
            Action::CopyReport => match self.markdown() {
                Some(text) => cx.terminal(TerminalRequest::Copy("the report", text)),
                None => cx.say(Role::Text, "the report is still being read"),
            },
            Action::Export => {
                let notes = vec!["The report as Markdown; the file must not exist.".to_owned()];
                cx.open(Dialog::Ask(Ask::new(What::SaveReport, "Save the report to which file?", notes, "report.md")));
            }
            other => {
                let area = Self::areas(cx.area).1;
                self.shows_report = true;
                self.page.act(other, &self.report_lines(area.width), area);
            }
        }
    }

    fn answered(&mut self, what: &What, answer: &str, cx: &mut Cx<'_>) -> Result<(), String> {
        if let (What::SaveReport, Some(text)) = (what, self.markdown()) {
            if answer.is_empty() {
                return Err("a file is needed".to_owned());
            }
            cx.deed(Deed::Save(answer.into(), text));
        }
        Ok(())
    }

    fn scroll(&mut self, step: ScrollStep, cx: &mut Cx<'_>) {
        let area = Self::areas(cx.area).1;
        if self.shows_report {
            self.page.scroll(step, &self.report_lines(area.width), area);
        } else {
            self.scroll.go(step, self.entries().len(), frame::lines(area));
        }
    }

    fn is_typing(&self) -> bool {
        self.page.is_typing()
    }

    fn key(&mut self, chord: Chord, cx: &mut Cx<'_>) {
        let area = Self::areas(cx.area).1;
        self.page.key(chord, &self.report_lines(area.width), area);
    }

    fn paste(&mut self, text: &str, cx: &mut Cx<'_>) {
        let area = Self::areas(cx.area).1;
        self.page.paste(text, &self.report_lines(area.width), area);
    }

    fn back(&mut self, _cx: &mut Cx<'_>) -> bool {
        self.page.back()
    }

    fn has(&self, needs: Needs, _shared: &Shared) -> bool {
        // The report can be saved once it is read.
        needs == Needs::Writes && self.report.is_some()
    }

    fn refresh(&mut self, cx: &mut Cx<'_>) {
        let since = cx.shared.now.minus(self.length());
        cx.ask(self.id, Question::Report(About::Since(since)));
    }

    fn hear(&mut self, _ticket: Ticket, answer: Reading, cx: &mut Cx<'_>) {
        if let Reading::Report(report) = answer {
            self.report = Some(report);
            self.scroll.keep_seen(self.entries().len(), frame::lines(Self::areas(cx.area).1));
        }
    }

    fn draw(&self, shared: &Shared, area: Rect, p: &mut Painter<'_>) {
        let (head, inside) = Self::areas(area);
        let mut x = head.x;
        for (name, is_here) in [("Log", !self.shows_report), ("Report", self.shows_report)] {
            let (role, left, right) = if is_here { (Role::On, "[", "]") } else { (Role::Faint, " ", " ") };
            x = p.pieces(x, head.y, head.width, [(role, left), (role, name), (role, right)]);
        }
        let (shorter, longer) = (shared.key(Action::Narrower), shared.key(Action::Wider));
        let period = format!("the last {}  ({shorter} shorter, {longer} longer)", human_length(self.length()));
        p.text(x + 2, head.y, head.right().saturating_sub(x + 2), &period, Role::Text);
        if self.shows_report {
            self.page.draw(&self.report_lines(inside.width), inside, p);
        } else {
            self.draw_log(inside, p);
        }
    }
}
