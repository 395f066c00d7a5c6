//! Keys: their notation, and the action that each one triggers in a place.

use std::collections::BTreeMap;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::actions::{ACTIONS, Action, Zone};

/// A key with its modifiers. Written `r`, `G`, `enter`, `ctrl-z`, `shift-tab`, `f5`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Chord {
    code: KeyCode,
    modifiers: KeyModifiers,
}

const NAMED: [(&str, KeyCode); 15] = [
    ("enter", KeyCode::Enter),
    ("esc", KeyCode::Esc),
    ("tab", KeyCode::Tab),
    ("shift-tab", KeyCode::BackTab),
    ("space", KeyCode::Char(' ')),
    ("backspace", KeyCode::Backspace),
    ("delete", KeyCode::Delete),
    ("up", KeyCode::Up),
    ("down", KeyCode::Down),
    ("left", KeyCode::Left),
    ("right", KeyCode::Right),
    ("home", KeyCode::Home),
    ("end", KeyCode::End),
    ("pgup", KeyCode::PageUp),
    ("pgdn", KeyCode::PageDown),
];

impl Chord {
    /// Converts a key event; Shift is left out, as it is part of the character already.
    pub fn of(event: KeyEvent) -> Self {
        let modifiers = match event.code {
            // Two quick presses of Esc arrive as one with Alt.
            KeyCode::Esc => KeyModifiers::NONE,
            _ => event.modifiers & (KeyModifiers::CONTROL | KeyModifiers::ALT),
        };
        Self { code: event.code, modifiers }
    }

    /// Parses the notation of a key.
    pub fn parse(text: &str) -> Option<Self> {
        let (mut rest, mut modifiers) = (text, KeyModifiers::NONE);
        loop {
            if let Some(after) = rest.strip_prefix("ctrl-").filter(|r| !r.is_empty()) {
                (rest, modifiers) = (after, modifiers | KeyModifiers::CONTROL);
            } else if let Some(after) = rest.strip_prefix("alt-").filter(|r| !r.is_empty()) {
                (rest, modifiers) = (after, modifiers | KeyModifiers::ALT);
            } else {
                break;
            }
        }
        let mut chars = rest.chars();
        let code = match (chars.next(), chars.next()) {
            (Some(c), None) if !c.is_control() => KeyCode::Char(c),
            _ => match NAMED.iter().find(|(name, _)| *name == rest) {
                Some((_, code)) => *code,
                None => KeyCode::F(rest.strip_prefix('f')?.parse().ok().filter(|n| (1..=12).contains(n))?),
            },
        };
        Some(Self { code, modifiers })
    }

    /// Returns the character that it types, if any.
    pub fn typed(self) -> Option<char> {
        match self.code {
            KeyCode::Char(c) if self.modifiers.is_empty() => Some(c),
            _ => None,
        }
    }

    /// Returns the key without its modifiers.
    pub fn code(self) -> KeyCode {
        self.code
    }

    /// Returns true if Ctrl is held.
    pub fn has_ctrl(self) -> bool {
        self.modifiers.contains(KeyModifiers::CONTROL)
    }
}

impl std::fmt::Display for Chord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.modifiers.contains(KeyModifiers::CONTROL) {
            f.write_str("ctrl-")?;
        }
        if self.modifiers.contains(KeyModifiers::ALT) {
            f.write_str("alt-")?;
        }
        match (self.code, NAMED.iter().find(|(_, code)| *code == self.code)) {
            (_, Some((name, _))) => f.write_str(name),
            (KeyCode::Char(c), None) => write!(f, "{c}"),
            (KeyCode::F(n), None) => write!(f, "f{n}"),
            (other, None) => write!(f, "{other}"),
        }
    }
}

/// Keys of each action: those of the action table, unless the config sets others.
#[derive(Debug, Clone)]
pub struct Keymap {
    keys: BTreeMap<Action, Vec<Chord>>,
}

impl Default for Keymap {
    fn default() -> Self {
        let keys = ACTIONS.iter().map(|a| (a.action, a.keys.iter().filter_map(|k| Chord::parse(k)).collect()));
        Self { keys: keys.collect() }
    }
}

impl Keymap {
    /// Returns the table's keys with those of the config in their place. An error names the action or the key.
    pub fn with(configured: &BTreeMap<String, Vec<String>>) -> Result<Self, String> {
        let mut map = Self::default();
        for (name, keys) in configured {
            let Some(known) = ACTIONS.iter().find(|a| a.name == name) else {
                return Err(format!("ui.keys.{name}: there is no action of that name (docs/keys.md has them)"));
            };
            let chords = keys
                .iter()
                .map(|key| Chord::parse(key).ok_or_else(|| format!("ui.keys.{name}: {key:?} is not a key")))
                .collect::<Result<Vec<_>, _>>()?;
            map.keys.insert(known.action, chords);
        }
        for place in Zone::ALL {
            let mut taken: Vec<(Chord, &str)> = Vec::new();
            for action in ACTIONS.iter().filter(|a| a.places.contains(&place)) {
                for chord in map.keys_of(action.action) {
                    if let Some((_, other)) = taken.iter().find(|(c, _)| c == chord) {
                        return Err(format!("ui.keys: {chord} means both {other} and {}", action.name));
                    }
                    taken.push((*chord, action.name));
                }
            }
        }
        Ok(map)
    }

    /// Returns the action that a key triggers in a place.
    pub fn action(&self, place: Zone, chord: Chord) -> Option<Action> {
        let here = ACTIONS.iter().filter(|a| a.places.contains(&place));
        here.map(|a| a.action).find(|action| self.keys_of(*action).contains(&chord))
    }

    /// Returns the keys of an action.
    pub fn keys_of(&self, action: Action) -> &[Chord] {
        self.keys.get(&action).map_or(&[], Vec::as_slice)
    }

    /// Returns the first key of an action, for a footer; empty if it has none.
    pub fn key(&self, action: Action) -> String {
        self.keys_of(action).first().map(ToString::to_string).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_written_as_they_are_read() {
        for text in ["r", "G", "ctrl-z", "alt-x", "enter", "shift-tab", "f5", "space", "/", "-", "?", "pgdn"] {
            assert_eq!(Chord::parse(text).map(|c| c.to_string()).as_deref(), Some(text));
        }
        for text in ["", "ctrl-", "hyper-x", "f13", "enterr"] {
            assert_eq!(Chord::parse(text), None, "{text}");
        }
    }

    #[test]
    fn every_key_of_the_table_is_one_and_means_one_thing_in_a_place() {
        for action in ACTIONS {
            for key in action.keys {
                assert!(Chord::parse(key).is_some(), "{key} of {}", action.name);
            }
        }
        assert!(Keymap::with(&BTreeMap::new()).is_ok());
    }

    #[test]
    fn a_wrong_binding_is_named() {
        let with = |name: &str, key: &str| Keymap::with(&[(name.to_owned(), vec![key.to_owned()])].into());
        assert!(with("replya", "r").unwrap_err().contains("ui.keys.replya"));
        assert!(with("replay", "hyper-r").unwrap_err().contains("\"hyper-r\" is not a key"));
        assert_eq!(with("replay", "d").unwrap_err(), "ui.keys: d means both replay and discard");
        let map = with("replay", "f5").unwrap();
        assert_eq!(map.key(Action::Replay), "f5");
        assert_eq!(map.action(Zone::Writes, Chord::parse("r").unwrap()), None);
    }
}
