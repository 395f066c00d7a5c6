//! The pane below the causes of a run on a tall terminal: the end of its log, or its report.

use ratatui::layout::Rect;

use super::RunScreen;
use crate::domain::ids::RunId;
use crate::domain::report::About;
use crate::tui::frame;
use crate::tui::msg::Question;
use crate::tui::paint::Painter;
use crate::tui::progress::RunProgress;
use crate::tui::screen::{Cx, Shared};

/// The least room, in lines, that is worth it.
const LEAST: u16 = 12;

impl RunScreen {
    /// Returns the part of the causes' area that they leave free; empty if it isn't much.
    fn below(&self, shared: &Shared, causes: Rect) -> Rect {
        let mut rest = causes;
        frame::take(&mut rest, u16::try_from(self.rows(shared).len() + 1).unwrap_or(u16::MAX));
        if rest.height < LEAST { Rect::default() } else { rest }
    }

    /// Reads the report of a run that is over, if there is room for it below its causes.
    pub(super) fn read_for_below(&mut self, id: RunId, cx: &mut Cx<'_>) {
        let is_over = self.progress(cx.shared).is_some_and(|run| !run.is_under_way() && !has_log(run));
        if is_over && self.report.is_none() && self.below(cx.shared, self.parts(cx.shared, cx.area).lower).height > 0 {
            cx.ask(self.id, Question::Report(About::Run(id)));
        }
    }

    pub(super) fn draw_below(&self, run: &RunProgress, shared: &Shared, causes: Rect, p: &mut Painter<'_>) {
        let mut area = self.below(shared, causes);
        let title = frame::take(&mut area, 1);
        if has_log(run) {
            p.rule(title, "Log");
            let skipped = run.log.len().saturating_sub(area.height.into());
            for ((role, line), y) in run.log.iter().skip(skipped).zip(area.top()..area.bottom()) {
                p.text(area.x, y, area.width, line, *role);
            }
        } else if self.report.is_some() && title.height > 0 {
            p.rule(title, "Report");
            for (line, y) in self.report_lines(area.width).iter().zip(area.top()..area.bottom()) {
                p.pieces(area.x, y, area.width, line.iter().map(|(role, text)| (*role, text.as_str())));
            }
        }
    }
}

fn has_log(run: &RunProgress) -> bool {
    run.is_own() && !run.log.is_empty()
}
