//! The help: all keys, from the action table.

use ratatui::layout::Rect;

use crate::tui::actions::{ACTIONS, Action, ActionInfo, Zone};
use crate::tui::frame;
use crate::tui::goals::KeyTable;
use crate::tui::msg::ScreenId;
use crate::tui::paint::{Painter, wrap};
use crate::tui::screen::{Cx, Screen, Shared};
use crate::tui::scroll::{Scroll, ScrollStep};
use crate::tui::theme::Role;

/// Width of the column of keys.
const KEYS: u16 = 18;

/// The help.
#[derive(Debug)]
pub struct Help {
    id: ScreenId,
    table: KeyTable,
    scroll: Scroll,
}

/// A line: its keys, and its text.
type Line = (String, Role, String);

impl Help {
    pub(super) fn open(id: ScreenId, table: KeyTable) -> Self {
        Self { id, table, scroll: Scroll::default() }
    }

    fn lines(&self, shared: &Shared, width: u16) -> Vec<Line> {
        let from = self.table.from;
        let mut lines = Vec::new();
        let mut tell = |title: &str, actions: Vec<&ActionInfo>| {
            if actions.is_empty() {
                return;
            }
            if !lines.is_empty() {
                lines.push((String::new(), Role::Text, String::new()));
            }
            lines.push((String::new(), Role::Title, title.to_owned()));
            for about in actions {
                let keys: Vec<String> =
                    shared.setup.keymap.keys_of(about.action).iter().map(ToString::to_string).collect();
                let is_here = about.places.contains(&from);
                let why = self.table.reasons.iter().find(|(action, _)| *action == about.action).filter(|_| is_here);
                let room = usize::from(width.saturating_sub(KEYS + 2));
                let text = match why {
                    Some((_, why)) => format!("{} (not now: {why})", about.help),
                    None => about.help.to_owned(),
                };
                let role = if why.is_some() { Role::Faint } else { Role::Text };
                for (n, line) in wrap(&text, room).into_iter().enumerate() {
                    lines.push((if n == 0 { keys.join(" ") } else { String::new() }, role, line));
                }
            }
        };
        let of = |place: Zone| {
            ACTIONS.iter().filter(|about| about.places.contains(&place) && !about.is_everywhere()).collect::<Vec<_>>()
        };
        tell(&format!("Here: {}", from.name()), of(from));
        tell("Everywhere", ACTIONS.iter().filter(|about| about.is_everywhere()).collect());
        for place in Zone::ALL.into_iter().filter(|place| *place != from) {
            tell(place.name(), of(place));
        }
        lines
    }
}

impl Screen for Help {
    fn zone(&self) -> Zone {
        Zone::Help
    }

    fn id(&self) -> ScreenId {
        self.id
    }

    fn act(&mut self, _action: Action, _cx: &mut Cx<'_>) {}

    fn scroll(&mut self, step: ScrollStep, cx: &mut Cx<'_>) {
        let len = self.lines(cx.shared, cx.area.width).len();
        self.scroll.roll(step, len, frame::lines(cx.area));
    }

    fn refresh(&mut self, _cx: &mut Cx<'_>) {}

    fn draw(&self, shared: &Shared, area: Rect, p: &mut Painter<'_>) {
        let lines = self.lines(shared, area.width);
        for ((keys, role, text), y) in lines.iter().skip(self.scroll.top).zip(area.top()..area.bottom()) {
            p.text(area.x + 1, y, KEYS - 1, keys, Role::Key);
            let x = if *role == Role::Title { area.x + 1 } else { area.x + 1 + KEYS };
            p.text(x, y, area.right().saturating_sub(x), text, *role);
        }
        p.more(lines.len(), self.scroll.top, area);
    }
}
