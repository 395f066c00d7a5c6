//! The runs: one line per replay, the newest first.

use ratatui::layout::Rect;

use super::layout::Layout;
use super::paint::{Painter, age};
use crate::domain::outcome::Outcome;
use crate::domain::run::{Run, RunState};
use crate::domain::time::human_length;
use crate::render::count::thousands;
use crate::tui::app::App;
use crate::tui::theme::Role;

pub(super) fn draw(app: &App, layout: &Layout, p: &mut Painter<'_>) {
    let width = layout.list.width;
    let is_wide = width >= 100;
    let head = if is_wide {
        "  RUN  STATE      BEGAN    TOOK      REPLAYED    FAILED  NOT SENT  BY          WHAT"
    } else {
        "  RUN  STATE      BEGAN    REPLAYED    FAILED  WHAT"
    };
    p.text(layout.head.x, layout.head.y, width, head, Role::Faint);
    if app.runs.is_empty() {
        p.text(layout.list.x + 2, layout.list.y + 1, width, "Nothing was replayed yet.", Role::Faint);
        return;
    }
    let rows = app.runs.iter().enumerate().skip(app.runs_scroll.top);
    for ((n, run), y) in rows.zip(layout.list.top()..layout.list.bottom()) {
        let area = Rect { y, height: 1, ..layout.list };
        row(app, run, is_wide, area, p);
        if n == app.runs_scroll.at {
            p.line(area, Role::Cursor);
        }
    }
}

fn row(app: &App, run: &Run, is_wide: bool, area: Rect, p: &mut Painter<'_>) {
    let y = area.y;
    p.right(area.x, y, 5, &run.id.to_string(), Role::Strong);
    let role = match run.state {
        RunState::Running => Role::Good,
        RunState::Finished => Role::Text,
        RunState::Stopped => Role::Warn,
        RunState::Died => Role::Bad,
    };
    p.text(area.x + 7, y, 10, run.state.name(), role);
    p.text(area.x + 18, y, 8, &age(app.now.since(run.started_at)), Role::Text);
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
