//! The last line: keys and what they do here; and the names of the lists in the tab line.

use super::actions::{ACTIONS, Action, Zone};
use super::goals::Base;
use super::keymap::Keymap;

/// A key, its label and its action.
pub type Hint = (String, &'static str, Action);

/// Returns the hints for a place: up to five actions of its own, those that lead out, then the rest.
pub fn hints(keymap: &Keymap, place: Zone, is_paused: bool, can: &dyn Fn(Action) -> bool) -> Vec<Hint> {
    let here = ACTIONS.iter().filter(|about| about.places.contains(&place) && !about.short.is_empty());
    let (own, mut common): (Vec<_>, Vec<_>) = here.partition(|about| !about.is_everywhere());
    let last = ["quit", "help", "palette", "back"];
    common.sort_by_key(|about| last.iter().position(|name| *name == about.name).map_or(0, |at| at + 1));
    let (first, rest) = common.split_at(common.len().min(3));
    own.iter()
        .take(5)
        .chain(first)
        .chain(own.iter().skip(5))
        .chain(rest)
        .filter(|about| can(about.action))
        .map(|about| {
            let word = if about.action == Action::Pause && is_paused { "resume" } else { about.short };
            (keymap.key(about.action), word, about.action)
        })
        .filter(|(key, ..)| !key.is_empty())
        .collect()
}

/// Returns the width of a hint, with the space after it.
pub fn width(key: &str, word: &str) -> u16 {
    u16::try_from(key.len() + word.len() + 3).unwrap_or(u16::MAX)
}

/// Returns the action whose hint is at a column of the footer.
pub fn hint_at(hints: &[Hint], x: u16) -> Option<Action> {
    let mut start = 0u16;
    hints.iter().find_map(|(key, word, action)| {
        let end = start.saturating_add(width(key, word));
        let is_here = (start..end).contains(&x);
        start = end;
        is_here.then_some(*action)
    })
}

/// Returns the name of a list in the tab line.
pub fn list_name(base: Base) -> &'static str {
    match base {
        Base::Groups => Zone::Groups.name(),
        Base::Writes => Zone::Writes.name(),
        Base::Runs => Zone::Runs.name(),
    }
}

/// Returns the list whose name is at a column of the tab line.
pub fn list_at(x: u16) -> Option<Base> {
    let mut start = 1;
    Base::ALL.into_iter().find(|base| {
        let end = start + u16::try_from(list_name(*base).len()).unwrap_or(0) + 2;
        let is_here = (start..end).contains(&x);
        start = end;
        is_here
    })
}
