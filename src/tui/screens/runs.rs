//! The runs: one line per replay, the newest first.

use std::time::Duration;

use crossterm::event::{KeyCode, MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::Rect;
use tui_input::Input;

use crate::domain::ids::RunId;
use crate::domain::outcome::Outcome;
use crate::domain::run::{Run, RunState};
use crate::domain::time::human_length;
use crate::render::count::thousands;
use crate::tui::actions::{Action, Needs, Zone};
use crate::tui::frame;
use crate::tui::goals::{Go, Next};
use crate::tui::keymap::Chord;
use crate::tui::msg::{Question, Reading, ScreenId, Ticket};
use crate::tui::paint::Painter;
use crate::tui::screen::{Cx, RunShown, Screen, Shared};
use crate::tui::screens::run::RunScreen;
use crate::tui::scroll::{Scroll, ScrollStep};
use crate::tui::theme::Role;
use crate::tui::typing;

/// The list of runs.
#[derive(Debug)]
pub struct RunList {
    id: ScreenId,
    all: Vec<Run>,
    scroll: Scroll,
    /// The text that the runs shown have in common.
    input: Input,
    is_typing: bool,
    /// True once the runs have been read.
    is_read: bool,
    /// The page of the run under the cursor, where there is room for it below the list.
    page: Option<(RunId, RunScreen)>,
}

/// The least height in which that page is shown.
const TALL: u16 = 30;

impl RunList {
    /// Creates the list; nothing has been read yet.
    pub fn new(id: ScreenId) -> Self {
        Self {
            id,
            all: Vec::new(),
            scroll: Scroll::default(),
            input: Input::default(),
            is_typing: false,
            is_read: false,
            page: None,
        }
    }

    /// Returns the runs in which the typed text occurs.
    fn shown(&self) -> impl Iterator<Item = &Run> {
        let text = self.input.value().to_lowercase();
        self.all.iter().filter(move |run| {
            let reason = run.reason.as_deref().unwrap_or_default();
            let parts = [run.state.name(), &run.target, &run.operator.name, reason, &run.query];
            text.is_empty() || parts.iter().any(|part| part.to_lowercase().contains(&text))
        })
    }

    fn current(&self) -> Option<&Run> {
        self.shown().nth(self.scroll.at)
    }

    /// Says what died or was stopped lately, with writes left, and which key goes on with it.
    fn tell_unfinished(&self, cx: &mut Cx<'_>) {
        let is_recent = |run: &&Run| {
            let ended = run.ended_at.unwrap_or(run.started_at);
            cx.shared.now.since(ended) < RECENT
        };
        let is_unfinished =
            |run: &&Run| matches!(run.state, RunState::Died | RunState::Stopped) && run.tally.left() > 0;
        let Some(run) = self.all.iter().take_while(is_recent).find(is_unfinished) else { return };
        let left = run.tally.left();
        let ago = human_length(cx.shared.now.since(run.ended_at.unwrap_or(run.started_at)));
        let (runs, goes_on) = (cx.shared.key(Action::PreviousScreen), cx.shared.key(Action::Continue));
        let how = if run.state == RunState::Died { "died" } else { "was stopped" };
        let text = format!(
            "run {} {how} {ago} ago, and {} of its writes are left: {runs} goes to the runs, {goes_on} there plans the rest",
            run.id,
            thousands(left)
        );
        cx.say(Role::Warn, text);
    }

    /// Returns the areas of the titles, of the rows, and of the page below them, which is empty where there is no room.
    fn areas(&self, area: Rect) -> (Rect, Rect, Rect) {
        let mut rest = area;
        let page = if area.height < TALL || self.shown().next().is_none() {
            Rect::default()
        } else {
            let list = u16::try_from(self.shown().count() + 3).unwrap_or(u16::MAX).min(area.height * 2 / 5);
            frame::take_bottom(&mut rest, area.height - list)
        };
        let head = frame::take(&mut rest, 1);
        (head, rest, page)
    }

    /// Shows the page of the run under the cursor, if there is room for it.
    fn show_page(&mut self, cx: &mut Cx<'_>) {
        let area = below_title(self.areas(cx.area).2);
        let Some(id) = self.current().map(|run| run.id).filter(|_| area.height > 0) else { return };
        if self.page.as_ref().is_none_or(|(shown, _)| *shown != id) {
            self.page = Some((id, RunScreen::open(self.id, RunShown::Other(id), &mut cx.within(area))));
        }
    }
}

impl Screen for RunList {
    fn zone(&self) -> Zone {
        Zone::Runs
    }

    fn id(&self) -> ScreenId {
        self.id
    }

    fn act(&mut self, action: Action, cx: &mut Cx<'_>) {
        if action == Action::Filter {
            self.is_typing = true;
        }
        if action == Action::Open
            && let Some(id) = self.current().map(|run| run.id)
        {
            let is_own = cx.shared.sending.as_ref().is_some_and(|own| own.id == Some(id));
            cx.go(Go::Over(if is_own { Next::OwnRun } else { Next::Run(id) }));
        }
    }

    fn is_typing(&self) -> bool {
        self.is_typing
    }

    fn key(&mut self, chord: Chord, cx: &mut Cx<'_>) {
        match chord.code() {
            KeyCode::Enter => self.is_typing = false,
            KeyCode::Esc => {
                self.is_typing = false;
                self.input = Input::default();
            }
            _ => {
                if let Some(request) = typing::edit(chord) {
                    self.input.handle(request);
                    self.scroll = Scroll::default();
                    self.show_page(cx);
                }
            }
        }
    }

    fn paste(&mut self, text: &str, _cx: &mut Cx<'_>) {
        if self.is_typing {
            typing::paste(&mut self.input, text);
            self.scroll = Scroll::default();
        }
    }

    fn back(&mut self, _cx: &mut Cx<'_>) -> bool {
        let has_text = !self.input.value().is_empty();
        self.input = Input::default();
        has_text
    }

    fn summary(&self, _shared: &Shared) -> String {
        format!("{} of {}", self.shown().count(), self.all.len())
    }

    fn scroll(&mut self, step: ScrollStep, cx: &mut Cx<'_>) {
        self.scroll.go(step, self.shown().count(), frame::lines(self.areas(cx.area).1));
        self.show_page(cx);
    }

    fn refresh(&mut self, cx: &mut Cx<'_>) {
        cx.ask(self.id, Question::Runs);
        let area = below_title(self.areas(cx.area).2);
        if let Some((_, page)) = self.page.as_mut().filter(|_| area.height > 0) {
            page.refresh(&mut cx.within(area));
        }
    }

    fn hear(&mut self, ticket: Ticket, answer: Reading, cx: &mut Cx<'_>) {
        if !matches!(answer, Reading::Runs(_)) {
            let area = below_title(self.areas(cx.area).2);
            if let Some((_, page)) = &mut self.page {
                page.hear(ticket, answer, &mut cx.within(area));
            }
        } else if let Reading::Runs(runs) = answer {
            let at = self.current().map(|run| run.id);
            self.all = runs;
            if !std::mem::replace(&mut self.is_read, true) {
                self.tell_unfinished(cx);
            }
            if let Some(found) = at.and_then(|id| self.shown().position(|run| run.id == id)) {
                self.scroll.at = found;
            }
            self.resize(cx);
        }
    }

    fn resize(&mut self, cx: &mut Cx<'_>) {
        self.scroll.keep_seen(self.shown().count(), frame::lines(self.areas(cx.area).1));
        self.show_page(cx);
    }

    fn mouse(&mut self, event: MouseEvent, cx: &mut Cx<'_>) {
        let (_, list, page) = self.areas(cx.area);
        if event.kind == MouseEventKind::Down(MouseButton::Left) && page.contains((event.column, event.row).into()) {
            return self.act(Action::Open, cx);
        }
        if event.kind != MouseEventKind::Down(MouseButton::Left) || event.row < list.y || event.row >= list.bottom() {
            return;
        }
        let row = self.scroll.top + usize::from(event.row - list.y);
        if row == self.scroll.at {
            self.act(Action::Open, cx);
        } else if row < self.shown().count() {
            self.scroll.at = row;
            self.show_page(cx);
        }
    }

    fn has(&self, needs: Needs, _world: &Shared) -> bool {
        match needs {
            Needs::RunOver => self.current().is_some_and(|run| run.state != RunState::Running && run.tally.left() > 0),
            _ => false,
        }
    }

    fn run(&self) -> Option<RunShown> {
        self.current().map(|run| RunShown::Other(run.id))
    }

    fn draw(&self, shared: &Shared, area: Rect, p: &mut Painter<'_>) {
        let (head, list, below) = self.areas(area);
        let columns = columns(list.width);
        let mut x = list.x + 1;
        for &(title, width) in columns {
            if is_number(title) {
                p.right(x, head.y, width - 1, title, Role::Faint);
            } else {
                p.text(x, head.y, width - 1, title, Role::Faint);
            }
            x += width;
        }
        p.text(x, head.y, head.right().saturating_sub(x), "WHAT AND WHY", Role::Faint);
        if self.shown().next().is_none() {
            let text = if self.all.is_empty() { "Nothing was replayed yet." } else { "No run is like that." };
            p.text(list.x + 2, list.y + 1, list.width, text, Role::Faint);
        }
        let rows = self.shown().enumerate().skip(self.scroll.top);
        for ((n, run), y) in rows.zip(list.top()..list.bottom()) {
            let area = Rect { y, height: 1, ..list };
            row(run, columns, area, p);
            if n == self.scroll.at {
                p.line(area, Role::Cursor);
            }
        }
        if let Some((id, page)) = self.page.as_ref().filter(|_| below.height > 0) {
            p.rule(Rect { height: 1, ..below }, &format!("run {id}"));
            page.draw(shared, below_title(below), p);
        }
        if self.is_typing || !self.input.value().is_empty() {
            let y = list.bottom().saturating_sub(1);
            p.blank(Rect { y, height: 1, ..list });
            let x = p.text(list.x, y, 1, "/", Role::Key);
            let line = Rect { x, y, width: list.right().saturating_sub(x), height: 1 };
            if self.is_typing {
                typing::draw(&self.input, line, p);
            } else {
                p.text(x, y, line.width, self.input.value(), Role::Text);
            }
        }
    }
}

/// Returns the area below the title of a page.
fn below_title(area: Rect) -> Rect {
    Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area }
}

/// Time after its end in which an unfinished run is spoken of.
const RECENT: Duration = Duration::from_hours(24);

/// A column: its title and its width.
type Column = (&'static str, u16);

const RUN: Column = ("RUN", 6);
const STATE: Column = ("STATE", 10);
const DAY: Column = ("BEGAN", 12);
const AT: Column = ("BEGAN", 20);
const TOOK: Column = ("TOOK", 10);
const REPLAYED: Column = ("REPLAYED", 10);
const FAILED: Column = ("FAILED", 8);
const UNKNOWN: Column = ("UNKNOWN", 9);
const HELD: Column = ("HELD", 7);
const NOT_SENT: Column = ("NOT SENT", 10);
const BY: Column = ("BY", 10);
const TO: Column = ("TO", 12);

/// Returns the columns before what was sent and why, which takes the rest of the width.
fn columns(width: u16) -> &'static [Column] {
    match width {
        0..70 => &[RUN, STATE, REPLAYED, FAILED],
        70..100 => &[RUN, STATE, DAY, REPLAYED, FAILED, NOT_SENT, BY],
        100..140 => &[RUN, STATE, AT, TOOK, REPLAYED, FAILED, UNKNOWN, NOT_SENT, BY],
        _ => &[RUN, STATE, AT, TOOK, REPLAYED, FAILED, UNKNOWN, HELD, NOT_SENT, BY, TO],
    }
}

fn is_number(title: &str) -> bool {
    matches!(title, "RUN" | "REPLAYED" | "FAILED" | "UNKNOWN" | "HELD" | "NOT SENT")
}

fn row(run: &Run, columns: &[Column], area: Rect, p: &mut Painter<'_>) {
    let (mut x, y) = (area.x + 1, area.y);
    let count = |outcome| run.tally.get(outcome);
    let bad = |n: u64| if n > 0 { Role::Bad } else { Role::Faint };
    let is_narrow = columns.len() < 9;
    for &column in columns {
        let (title, width) = column;
        let (text, role) = match column {
            RUN => (run.id.to_string(), Role::Strong),
            STATE => {
                let role = match run.state {
                    RunState::Running => Role::Good,
                    RunState::Finished => Role::Text,
                    RunState::Stopped => Role::Warn,
                    RunState::Died => Role::Bad,
                };
                (run.state.name().to_owned(), role)
            }
            DAY => (run.started_at.to_human().get(5..16).unwrap_or_default().to_owned(), Role::Text),
            AT => (run.started_at.to_human(), Role::Text),
            TOOK => {
                (run.ended_at.map_or_else(|| "-".to_owned(), |end| human_length(end.since(run.started_at))), Role::Text)
            }
            REPLAYED => (thousands(count(Outcome::Accepted)), Role::Good),
            FAILED => {
                // Where there is no room for more, this is all that did not go through.
                let others = if is_narrow { count(Outcome::Unknown) + count(Outcome::Held) } else { 0 };
                let failed = count(Outcome::Failed) + others;
                (thousands(failed), bad(failed))
            }
            UNKNOWN => (thousands(count(Outcome::Unknown)), bad(count(Outcome::Unknown))),
            HELD => (thousands(count(Outcome::Held)), Role::Faint),
            NOT_SENT => {
                let unsent = count(Outcome::Unsent) + count(Outcome::Refused) + count(Outcome::Skipped);
                (thousands(unsent), Role::Faint)
            }
            BY => (run.operator.name.clone(), Role::Text),
            _ => (run.target.clone(), Role::Text),
        };
        if is_number(title) {
            p.right(x, y, width - 1, &text, role);
        } else {
            p.text(x, y, width - 1, &text, role);
        }
        x += width;
    }
    let reason = run.reason.as_deref().map(|reason| format!(": {reason}")).unwrap_or_default();
    p.text(x, y, area.right().saturating_sub(x), &format!("{}{reason}", run.query), Role::Text);
}
