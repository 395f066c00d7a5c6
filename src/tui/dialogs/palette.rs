//! The palette: a search over all actions, by name, alias and description.

use crossterm::event::KeyCode;
use nucleo_matcher::pattern::{CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};
use ratatui::layout::Rect;
use tui_input::Input;

use super::{SEEN, Typed};
use crate::tui::actions::Action;
use crate::tui::keymap::Chord;
use crate::tui::paint::Painter;
use crate::tui::scroll::Scroll;
use crate::tui::theme::Role;
use crate::tui::typing;

/// The palette: a search over all actions.
#[derive(Debug, Default)]
pub struct CommandPalette {
    /// The search text.
    pub input: Input,
    /// All actions, in the order of the table.
    entries: Vec<Command>,
    /// Indexes of those that match, the best first.
    pub found: Vec<usize>,
    /// Cursor among the matches.
    pub scroll: Scroll,
}

/// An action of the palette.
#[derive(Debug, Clone)]
pub struct Command {
    /// The action.
    pub action: Action,
    /// Its first key.
    pub key: String,
    /// The reason why it can't be done now; `None` if it can.
    pub why_not: Option<String>,
}

/// How well an action matches what is typed; the least is the best.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Exact,
    Prefix,
    Word,
    /// The letters occur in the name, in order; the best score first.
    Fuzzy(std::cmp::Reverse<u32>),
    Described,
}

impl CommandPalette {
    /// Creates a palette that lists all actions.
    pub fn new(entries: Vec<Command>) -> Self {
        let mut palette = Self { entries, ..Self::default() };
        palette.find();
        palette
    }

    /// Returns the entry at a place among the matches.
    pub fn entry(&self, at: usize) -> Option<&Command> {
        self.found.get(at).and_then(|&n| self.entries.get(n))
    }

    /// Finds the actions that match the search text.
    pub fn find(&mut self) {
        let typed = self.input.value().trim().to_lowercase();
        let mut matcher = Matcher::new(Config::DEFAULT);
        let pattern = Pattern::parse(&typed, CaseMatching::Ignore, Normalization::Smart);
        let mut found: Vec<(Rank, bool, usize)> = Vec::new();
        for (n, entry) in self.entries.iter().enumerate() {
            let about = entry.action.about();
            let is_described = about.help.to_lowercase().contains(&typed);
            let names = std::iter::once(about.name).chain(about.aliases.iter().copied());
            let best = names.filter_map(|name| rank(name, &typed, &pattern, &mut matcher)).min();
            let rank = best.or(is_described.then_some(Rank::Described));
            // Before anything is typed, what can be done here stands first.
            let comes_late = if typed.is_empty() { entry.why_not.is_some() } else { !is_described };
            found.extend(rank.map(|rank| (rank, comes_late, n)));
        }
        found.sort_unstable();
        self.found = found.into_iter().map(|(.., n)| n).collect();
        self.scroll = Scroll::default();
    }

    pub(super) fn key(&mut self, chord: Chord) -> Typed {
        if chord.code() == KeyCode::Enter {
            return self.entry(self.scroll.at).map_or(Typed::Stays, |entry| Typed::Acts(entry.action));
        }
        if let Some(step) = typing::step(chord).filter(|_| !matches!(chord.code(), KeyCode::Home | KeyCode::End)) {
            self.scroll.go(step, self.found.len(), SEEN);
        } else if let Some(request) = typing::edit(chord) {
            self.input.handle(request);
            self.find();
        }
        Typed::Stays
    }

    pub(super) fn paste(&mut self, text: &str) {
        typing::paste(&mut self.input, text);
        self.find();
    }

    pub(super) fn draw(&self, size: (u16, u16), p: &mut Painter<'_>) {
        let inside = p.window(super::centred(size, 84, 14), "Commands");
        super::typed(&self.input, Rect { height: 1, ..inside }, p);
        let list = Rect { y: inside.y + 1, height: inside.height.saturating_sub(1), ..inside };
        let rows = (self.scroll.top..self.found.len()).filter_map(|n| Some((n, self.entry(n)?)));
        for ((n, entry), y) in rows.zip(list.top()..list.bottom()) {
            let about = entry.action.about();
            let (role, text) = match &entry.why_not {
                None => (Role::Text, about.help.to_owned()),
                Some(why) => (Role::Faint, format!("({why})")),
            };
            p.text(list.x, y, 12, &entry.key, if entry.why_not.is_none() { Role::Key } else { Role::Faint });
            p.text(list.x + 12, y, 16, about.name, role);
            p.text(list.x + 29, y, list.width.saturating_sub(29), &text, role);
            if n == self.scroll.at {
                p.line(Rect { y, height: 1, ..list }, Role::Cursor);
            }
        }
    }
}

fn rank(name: &str, typed: &str, pattern: &Pattern, matcher: &mut Matcher) -> Option<Rank> {
    if name == typed {
        return Some(Rank::Exact);
    }
    if name.starts_with(typed) {
        return Some(Rank::Prefix);
    }
    if name.split('-').any(|word| word.starts_with(typed)) {
        return Some(Rank::Word);
    }
    let mut buffer = Vec::new();
    let score = pattern.score(Utf32Str::new(name, &mut buffer), matcher)?;
    Some(Rank::Fuzzy(std::cmp::Reverse(score)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::actions::ACTIONS;

    fn palette() -> CommandPalette {
        let entry = |about: &crate::tui::actions::ActionInfo| Command {
            action: about.action,
            key: String::new(),
            why_not: (about.action == Action::Undo).then(|| "nothing to undo yet".to_owned()),
        };
        CommandPalette::new(ACTIONS.iter().map(entry).collect())
    }

    fn first(typed: &str) -> Option<Action> {
        let mut palette = palette();
        palette.input = Input::new(typed.to_owned());
        palette.find();
        palette.entry(0).map(|entry| entry.action)
    }

    #[test]
    fn a_name_or_an_alias_finds_its_own_action_whether_it_can_be_done_or_not() {
        assert_eq!(palette().found.len(), ACTIONS.len());
        for about in ACTIONS {
            assert_eq!(first(about.name), Some(about.action), "{}", about.name);
            for alias in about.aliases {
                assert_eq!(first(alias), Some(about.action), "{alias}");
            }
        }
        for (typed, action) in [
            ("undo", Action::Undo),
            ("edit", Action::Edit),
            ("pause", Action::Pause),
            ("stop", Action::Stop),
            ("sort", Action::Sort),
            ("state", Action::NextState),
            ("dscrd", Action::Discard),
            ("markall", Action::MarkAll),
            ("UNDO", Action::Undo),
        ] {
            assert_eq!(first(typed), Some(action), "{typed}");
        }
        assert_eq!(first("qqqq"), None);
    }
}
