//! The runs: one line per replay, the newest first.

use crossterm::event::{MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::Rect;

use crate::domain::outcome::{Outcome, Tally};
use crate::domain::run::{Run, RunState};
use crate::domain::time::human_length;
use crate::render::count::thousands;
use crate::tui::actions::{Action, Needs, Zone};
use crate::tui::frame;
use crate::tui::goals::{Go, Next};
use crate::tui::msg::{Question, Reading, ScreenId, Ticket};
use crate::tui::paint::{Painter, age};
use crate::tui::screen::{Cx, RunShown, Screen, Shared};
use crate::tui::scroll::{Scroll, ScrollStep};
use crate::tui::theme::Role;

/// The list of runs.
#[derive(Debug)]
pub struct RunList {
    id: ScreenId,
    all: Vec<Run>,
    scroll: Scroll,
}

impl RunList {
    /// Creates the list; nothing has been read yet.
    pub fn new(id: ScreenId) -> Self {
        Self { id, all: Vec::new(), scroll: Scroll::default() }
    }

    fn current(&self) -> Option<&Run> {
        self.all.get(self.scroll.at)
    }

    fn list(area: Rect) -> (Rect, Rect) {
        let mut rest = area;
        let head = frame::take(&mut rest, 1);
        (head, rest)
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
        if action == Action::Open
            && let Some(id) = self.current().map(|run| run.id)
        {
            let is_own = cx.shared.sending.as_ref().is_some_and(|own| own.id == Some(id));
            cx.go(Go::Over(if is_own { Next::OwnRun } else { Next::Run(id) }));
        }
    }

    fn scroll(&mut self, step: ScrollStep, cx: &mut Cx<'_>) {
        self.scroll.go(step, self.all.len(), frame::lines(Self::list(cx.area).1));
    }

    fn refresh(&mut self, cx: &mut Cx<'_>) {
        cx.ask(self.id, Question::Runs);
    }

    fn hear(&mut self, _ticket: Ticket, answer: Reading, cx: &mut Cx<'_>) {
        if let Reading::Runs(runs) = answer {
            let at = self.current().map(|run| run.id);
            self.all = runs;
            if let Some(found) = at.and_then(|id| self.all.iter().position(|run| run.id == id)) {
                self.scroll.at = found;
            }
            self.resize(cx);
        }
    }

    fn resize(&mut self, cx: &mut Cx<'_>) {
        self.scroll.keep_seen(self.all.len(), frame::lines(Self::list(cx.area).1));
    }

    fn mouse(&mut self, event: MouseEvent, cx: &mut Cx<'_>) {
        let (_, list) = Self::list(cx.area);
        if event.kind != MouseEventKind::Down(MouseButton::Left) || event.row < list.y || event.row >= list.bottom() {
            return;
        }
        let row = self.scroll.top + usize::from(event.row - list.y);
        if row == self.scroll.at {
            self.act(Action::Open, cx);
        } else if row < self.all.len() {
            self.scroll.at = row;
        }
    }

    fn has(&self, needs: Needs, _world: &Shared) -> bool {
        match needs {
            Needs::RunOver => self.current().is_some_and(|run| run.state != RunState::Running && has_left(&run.tally)),
            _ => false,
        }
    }

    fn run(&self) -> Option<RunShown> {
        self.current().map(|run| RunShown::Other(run.id))
    }

    fn draw(&self, shared: &Shared, area: Rect, p: &mut Painter<'_>) {
        let (head, list) = Self::list(area);
        let is_wide = list.width >= 100;
        let titles = if is_wide {
            "  RUN  STATE      BEGAN    TOOK      REPLAYED    FAILED  NOT SENT  BY          WHAT"
        } else {
            "  RUN  STATE      BEGAN    REPLAYED    FAILED  WHAT"
        };
        p.text(head.x, head.y, head.width, titles, Role::Faint);
        if self.all.is_empty() {
            p.text(list.x + 2, list.y + 1, list.width, "Nothing was replayed yet.", Role::Faint);
            return;
        }
        let rows = self.all.iter().enumerate().skip(self.scroll.top);
        for ((n, run), y) in rows.zip(list.top()..list.bottom()) {
            let area = Rect { y, height: 1, ..list };
            row(shared, run, is_wide, area, p);
            if n == self.scroll.at {
                p.line(area, Role::Cursor);
            }
        }
    }
}

/// Returns true if any planned write was not accepted.
pub(super) fn has_left(tally: &Tally) -> bool {
    tally.planned() > tally.get(Outcome::Accepted)
}

fn row(shared: &Shared, run: &Run, is_wide: bool, area: Rect, p: &mut Painter<'_>) {
    let y = area.y;
    p.right(area.x, y, 5, &run.id.to_string(), Role::Strong);
    let role = match run.state {
        RunState::Running => Role::Good,
        RunState::Finished => Role::Text,
        RunState::Stopped => Role::Warn,
        RunState::Died => Role::Bad,
    };
    p.text(area.x + 7, y, 10, run.state.name(), role);
    p.text(area.x + 18, y, 8, &age(shared.now.since(run.started_at)), Role::Text);
    let mut x = area.x + 27;
    if is_wide {
        let took = run.ended_at.map_or_else(|| "-".to_owned(), |end| human_length(end.since(run.started_at)));
        p.text(x, y, 9, &took, Role::Text);
        x += 10;
    }
    let failed = run.tally.get(Outcome::Failed) + run.tally.get(Outcome::Unknown) + run.tally.get(Outcome::Held);
    p.right(x, y, 8, &thousands(run.tally.get(Outcome::Accepted)), Role::Good);
    p.right(x + 9, y, 9, &thousands(failed), if failed > 0 { Role::Bad } else { Role::Faint });
    x += 20;
    if is_wide {
        let unsent = run.tally.get(Outcome::Unsent) + run.tally.get(Outcome::Refused) + run.tally.get(Outcome::Skipped);
        p.right(x, y, 8, &thousands(unsent), Role::Faint);
        p.text(x + 10, y, 11, &run.operator.name, Role::Text);
        x += 22;
    }
    let reason = run.reason.as_deref().map(|reason| format!(": {reason}")).unwrap_or_default();
    p.text(x, y, area.right().saturating_sub(x), &format!("{}{reason}", run.query), Role::Text);
}
