//! The help: all keys, from the action table.

use ratatui::layout::Rect;

use super::paint::{Painter, wrap};
use crate::tui::actions::{ACTIONS, ActionInfo, Zone};
use crate::tui::app::App;
use crate::tui::theme::Role;

/// Width of the column of keys.
const KEYS: u16 = 18;

pub(super) fn draw(app: &App, area: Rect, p: &mut Painter<'_>) {
    let lines = lines(app);
    for ((keys, role, text), y) in lines.iter().skip(app.help_scroll.top).zip(area.top()..area.bottom()) {
        p.text(area.x + 1, y, KEYS - 1, keys, Role::Key);
        let x = if *role == Role::Title { area.x + 1 } else { area.x + 1 + KEYS };
        p.text(x, y, area.right().saturating_sub(x), text, *role);
    }
    super::detail::more(lines.len(), app.help_scroll.top, area, p);
}

/// Returns the number of lines of the help.
pub fn length(app: &App) -> usize {
    lines(app).len()
}

fn lines(app: &App) -> Vec<(String, Role, String)> {
    // The actions of the place below the help come first.
    let from = app.places.iter().rev().copied().find(|place| *place != Zone::Help).unwrap_or(Zone::Groups);
    let is_common = |about: &&ActionInfo| about.places.len() == Zone::ALL.len();
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
            let keys: Vec<String> = app.setup.keymap.keys_of(about.action).iter().map(ToString::to_string).collect();
            let why = app.why_not_in(from, about.action).filter(|_| about.places.contains(&from) || is_common(&about));
            let room = usize::from(app.size.0.saturating_sub(KEYS + 2));
            let text = match why {
                Some(why) => format!("{} (not now: {why})", about.help),
                None => about.help.to_owned(),
            };
            let role = if why.is_some() { Role::Faint } else { Role::Text };
            for (n, line) in wrap(&text, room).into_iter().enumerate() {
                lines.push((if n == 0 { keys.join(" ") } else { String::new() }, role, line));
            }
        }
    };
    let of = |place: Zone| ACTIONS.iter().filter(|a| a.places.contains(&place) && !is_common(a)).collect::<Vec<_>>();
    tell(&format!("Here: {}", from.name()), of(from));
    tell("Everywhere", ACTIONS.iter().filter(is_common).collect());
    for place in Zone::ALL.into_iter().filter(|place| *place != from) {
        tell(place.name(), of(place));
    }
    lines
}
