//! The panes below the groups on a wide terminal: the writes of the one under the cursor, and one of them.

use ratatui::layout::Rect;

use crate::domain::group::Group;
use crate::domain::ids::GroupId;
use crate::render::count::thousands;
use crate::tui::frame;
use crate::tui::goals::{Query, States};
use crate::tui::msg::{Reading, ScreenId, Ticket};
use crate::tui::paint::Painter;
use crate::tui::screen::{Cx, Screen as _, Shared};
use crate::tui::screens::writes::WriteList;
use crate::tui::theme::Role;

/// The least room in which all three are readable: groups, writes and one write.
const LEAST: (u16, u16) = (160, 30);

/// A group's writes, to look at: the newest when the cursor came to the group, and what came in since above them.
#[derive(Debug)]
pub(super) struct Preview {
    writes: WriteList,
    /// The group that was asked for.
    asked: Option<GroupId>,
    /// The group whose writes are shown.
    shown: Option<GroupId>,
}

impl Preview {
    pub(super) fn new(screen: ScreenId) -> Self {
        Self { writes: WriteList::preview(screen), asked: None, shown: None }
    }

    /// Takes its part from the bottom of an area, of which the groups need `wanted` lines. It is empty where there is no
    /// room.
    pub(super) fn take_area(area: &mut Rect, wanted: u16) -> Rect {
        if area.width < LEAST.0 || area.height < LEAST.1 {
            return Rect::default();
        }
        let groups = wanted.clamp(area.height / 4, area.height * 9 / 20);
        frame::take_bottom(area, area.height - groups)
    }

    /// Shows the writes of a group: the open ones, if it has any.
    pub(super) fn show(&mut self, group: &Group, cx: &mut Cx<'_>) {
        if self.asked.replace(group.id) == Some(group.id) {
            return;
        }
        let states = if group.open > 0 { States::Open } else { States::All };
        self.writes.visit(&Query { states, ..Query::of(format!("group:{}", group.id)) }, cx);
    }

    /// Rereads them.
    pub(super) fn refresh(&mut self, cx: &mut Cx<'_>) {
        if self.asked.is_some() {
            self.writes.refresh(cx);
        }
    }

    pub(super) fn hear(&mut self, ticket: Ticket, answer: Reading, cx: &mut Cx<'_>) {
        if matches!(answer, Reading::Page(_)) {
            self.shown = self.asked;
        }
        self.writes.hear(ticket, answer, cx);
    }

    pub(super) fn draw(&self, shared: &Shared, area: Rect, p: &mut Painter<'_>) {
        let Some(group) = self.shown.or(self.asked).filter(|_| area.height > 1) else { return };
        p.rule(Rect { height: 1, ..area }, &format!("writes of group {group}"));
        let newer = self.writes.above();
        if newer > 0 {
            let text = format!(" {}{} newer ", p.theme.symbol("↑", "^"), thousands(newer as u64));
            p.right(area.x, area.y, area.width - 2, &text, Role::Faint);
        }
        self.writes.draw(shared, below_title(area), p);
    }
}

/// Returns the area below the title.
pub(super) fn below_title(area: Rect) -> Rect {
    Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area }
}
