//! Colours by role, in four tiers, and the few symbols. Nothing is conveyed by colour alone.

use ratatui::style::{Color, Modifier, Style};

use crate::domain::failure_type::FailureType;
use crate::domain::outcome::Outcome;
use crate::domain::state::State;

/// Colours that a terminal can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tier {
    /// 256 colours on a dark background.
    Dark,
    /// 256 colours on a light background.
    Light,
    /// The sixteen colours of the terminal's own palette.
    Sixteen,
    /// No colours: only bold, dim, underlined and reversed.
    Plain,
}

impl Tier {
    /// Names in the config; `auto` detects the tier from the environment.
    pub const NAMES: [&str; 5] = ["auto", "dark", "light", "16", "none"];

    /// Parses a name of the config; `None` for `auto`.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "dark" => Some(Self::Dark),
            "light" => Some(Self::Light),
            "16" => Some(Self::Sixteen),
            "none" => Some(Self::Plain),
            _ => None,
        }
    }
}

/// Role of a piece of text, which sets its style.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Ordinary text.
    Text,
    /// Text of little importance.
    Faint,
    /// Important text.
    Strong,
    /// The name of a screen or a section.
    Title,
    /// A separator line.
    Rule,
    /// A key to press.
    Key,
    /// A good state or outcome.
    Good,
    /// Something that needs attention.
    Warn,
    /// A failure.
    Bad,
    /// Something that can't wait.
    Alarm,
    /// The row under the cursor.
    Cursor,
    /// The row under the cursor of a list that doesn't have the keys, or of JSON.
    CursorAway,
    /// A text that was searched for.
    Found,
    /// A chip that is on.
    On,
    /// A failure type.
    Type(FailureType),
    /// A state.
    State(State),
    /// An outcome in a run.
    Outcome(Outcome),
    /// A name in JSON.
    JsonName,
    /// A string in JSON.
    JsonString,
    /// Any other value in JSON.
    JsonValue,
    /// A field in JSON that an error names.
    Named,
    /// A line that an edit added.
    Added,
    /// A line that an edit removed.
    Removed,
}

/// A tier of colours, and whether symbols have to be ASCII.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Theme {
    /// The tier of colours.
    pub tier: Tier,
    /// True if symbols have to be ASCII.
    pub ascii: bool,
    /// True if the background is only guessed, so that the terminal is asked for it.
    pub is_guessed: bool,
}

impl Theme {
    /// Detects the theme from `NO_COLOR`, `TERM`, `COLORTERM`, `COLORFGBG` and the locale.
    /// A configured tier yields only to `NO_COLOR` and a dumb terminal.
    pub fn detect(configured: Option<Tier>, environment: &dyn Fn(&str) -> Option<String>) -> Self {
        let variable = |name: &str| environment(name).filter(|value| !value.is_empty());
        let term = variable("TERM").unwrap_or_default();
        let tier = if variable("NO_COLOR").is_some() || term == "dumb" {
            Tier::Plain
        } else if let Some(tier) = configured {
            tier
        } else if !(term.contains("256") || term.contains("direct") || variable("COLORTERM").is_some()) {
            Tier::Sixteen
        } else if variable("COLORFGBG").is_some_and(|value| matches!(value.rsplit(';').next(), Some("7" | "15"))) {
            Tier::Light
        } else {
            Tier::Dark
        };
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(variable).unwrap_or_default().to_lowercase();
        let is_guessed = configured.is_none() && matches!(tier, Tier::Dark | Tier::Light);
        Self { tier, is_guessed, ascii: !(locale.contains("utf-8") || locale.contains("utf8")) }
    }

    /// Takes in what the terminal says of its background, where that was only guessed.
    pub fn set_background(&mut self, is_light: bool) {
        if self.is_guessed {
            self.tier = if is_light { Tier::Light } else { Tier::Dark };
            self.is_guessed = false;
        }
    }

    /// Returns the style of a role.
    pub fn style(self, role: Role) -> Style {
        let plain = Style::new();
        match role {
            Role::Text => plain,
            Role::Strong | Role::Title => plain.add_modifier(Modifier::BOLD),
            Role::Faint | Role::Rule => self.color(plain, 245, 242, Color::DarkGray).add_modifier(self.dim()),
            Role::Key => self.color(plain, 117, 25, Color::Cyan).add_modifier(Modifier::BOLD),
            Role::Good => self.color(plain, 114, 28, Color::Green),
            Role::Warn => self.color(plain, 221, 130, Color::Yellow),
            Role::Bad => self.color(plain, 203, 160, Color::Red),
            Role::Alarm => {
                self.color(plain, 203, 160, Color::Red).add_modifier(Modifier::BOLD).add_modifier(Modifier::REVERSED)
            }
            // The text keeps its own colours.
            Role::Cursor => match self.tier {
                Tier::Dark => plain.bg(Color::Indexed(238)).add_modifier(Modifier::BOLD),
                Tier::Light => plain.bg(Color::Indexed(253)).add_modifier(Modifier::BOLD),
                Tier::Sixteen | Tier::Plain => plain.add_modifier(Modifier::REVERSED),
            },
            Role::CursorAway => plain.add_modifier(Modifier::BOLD).add_modifier(Modifier::UNDERLINED),
            Role::Found => match self.tier {
                Tier::Dark => plain.fg(Color::Indexed(16)).bg(Color::Indexed(221)),
                Tier::Light => plain.fg(Color::Indexed(16)).bg(Color::Indexed(228)),
                Tier::Sixteen | Tier::Plain => plain
                    .add_modifier(Modifier::BOLD)
                    .add_modifier(Modifier::UNDERLINED)
                    .add_modifier(Modifier::REVERSED),
            },
            Role::On => plain.add_modifier(Modifier::BOLD).add_modifier(Modifier::REVERSED),
            Role::Type(FailureType::Transient) => self.color(plain, 75, 26, Color::LightBlue),
            Role::Type(FailureType::Schema) => self.color(plain, 215, 130, Color::Yellow),
            Role::Type(FailureType::BadData) => self.color(plain, 176, 90, Color::Magenta),
            Role::Type(FailureType::Auth) => self.color(plain, 203, 160, Color::Red),
            Role::State(State::Replayed | State::Resolved) => self.color(plain, 114, 28, Color::Green),
            Role::State(State::Discarded) => self.style(Role::Faint),
            Role::State(State::Replaying) => self.color(plain, 117, 25, Color::Cyan),
            Role::State(State::Unknown) => self.color(plain, 221, 130, Color::Yellow),
            Role::State(State::Pending) => plain,
            Role::Outcome(outcome) => self.style(match outcome {
                Outcome::Accepted => Role::Good,
                Outcome::Failed | Outcome::Unknown => Role::Bad,
                Outcome::Held | Outcome::Refused => Role::Warn,
                Outcome::Skipped | Outcome::Unsent => Role::Faint,
            }),
            Role::JsonName => self.color(plain, 117, 25, Color::Cyan),
            Role::JsonString => self.color(plain, 150, 28, Color::Green),
            Role::JsonValue => self.color(plain, 222, 94, Color::Yellow),
            Role::Named => {
                self.color(plain, 203, 160, Color::Red).add_modifier(Modifier::BOLD).add_modifier(Modifier::UNDERLINED)
            }
            Role::Added => self.color(plain, 114, 28, Color::Green),
            Role::Removed => self.color(plain, 203, 160, Color::Red),
        }
    }

    fn color(self, style: Style, dark: u8, light: u8, sixteen: Color) -> Style {
        match self.tier {
            Tier::Dark => style.fg(Color::Indexed(dark)),
            Tier::Light => style.fg(Color::Indexed(light)),
            Tier::Sixteen => style.fg(sixteen),
            Tier::Plain => style,
        }
    }

    fn dim(self) -> Modifier {
        if self.tier == Tier::Plain { Modifier::DIM } else { Modifier::empty() }
    }

    /// Returns the symbol, or its stand-in if it has to be ASCII.
    pub fn symbol(self, symbol: &'static str, ascii: &'static str) -> &'static str {
        if self.ascii { ascii } else { symbol }
    }

    /// Returns a bar that fills this many eighths of a cell, at most eight.
    pub fn bar(self, eighths: usize) -> &'static str {
        const BARS: [&str; 9] = [" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];
        const ASCII: [&str; 9] = [" ", ".", ".", ":", "-", "=", "+", "*", "#"];
        if self.ascii { ASCII[eighths.min(8)] } else { BARS[eighths.min(8)] }
    }
}

/// Returns the name of an outcome on the screen: what a run's accepted writes are afterwards.
pub fn outcome_name(outcome: Outcome) -> &'static str {
    if outcome == Outcome::Accepted { "replayed" } else { outcome.name() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detect(configured: Option<Tier>, environment: &[(&str, &str)]) -> Theme {
        let found = |name: &str| environment.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned());
        Theme::detect(configured, &found)
    }

    #[test]
    fn the_environment_says_what_can_be_shown() {
        let tier = |environment: &[(&str, &str)]| detect(None, environment).tier;
        assert_eq!(tier(&[("TERM", "xterm-256color")]), Tier::Dark);
        assert_eq!(tier(&[("TERM", "xterm-256color"), ("COLORFGBG", "0;15")]), Tier::Light);
        assert_eq!(tier(&[("TERM", "linux")]), Tier::Sixteen);
        assert_eq!(tier(&[("TERM", "xterm-256color"), ("NO_COLOR", "1")]), Tier::Plain);
        assert_eq!(tier(&[("TERM", "xterm-256color"), ("NO_COLOR", "")]), Tier::Dark);
        assert_eq!(detect(Some(Tier::Light), &[("TERM", "linux")]).tier, Tier::Light);
        assert_eq!(detect(Some(Tier::Light), &[("NO_COLOR", "1")]).tier, Tier::Plain, "NO_COLOR has the last word");
        assert!(detect(None, &[("LANG", "C")]).ascii && detect(None, &[]).ascii);
        assert!(!detect(None, &[("LANG", "de_CH.UTF-8")]).ascii);
        assert!(detect(None, &[("LC_ALL", "C"), ("LANG", "de_CH.UTF-8")]).ascii);
    }
}
