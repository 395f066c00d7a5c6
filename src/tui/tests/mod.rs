//! Tests of the whole application, without a terminal: keys and answers in, screens and effects out.

mod journeys;
mod screens;
pub mod values;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier};

use super::actions::Zone;
use super::app::{App, Setup};
use super::keymap::{Chord, Keymap};
use super::msg::{Effect, Msg, Rows};
use super::theme::{Theme, Tier};
use super::view::draw;
use crate::domain::time::Timestamp;

/// The application with a simulated user.
pub struct Runner {
    pub app: App,
    pub effects: Vec<Effect>,
    pub now: Timestamp,
}

pub const DARK: Theme = Theme { tier: Tier::Dark, ascii: false };
pub const PLAIN: Theme = Theme { tier: Tier::Plain, ascii: false };
pub const ASCII: Theme = Theme { tier: Tier::Plain, ascii: true };

impl Runner {
    /// Starts the application; the file is still being opened.
    pub fn starting(size: (u16, u16), theme: Theme) -> Self {
        let setup = Setup {
            path: "/home/ana/.local/share/dlq/dlq.db".to_owned(),
            command: "dlq".to_owned(),
            base_url: None,
            target: None,
            saved: vec![("gold".to_owned(), "body.record.tier:gold".to_owned())],
            keymap: Keymap::default(),
            theme,
            mouse: true,
            is_demo: false,
        };
        let now = values::now();
        let (app, effects) = App::new(setup, size, now);
        Self { app, effects, now }
    }

    /// Starts the application, with a file that has been read.
    pub fn new(size: (u16, u16), theme: Theme) -> Self {
        let mut runner = Self::starting(size, theme);
        runner.hear(Msg::Opened(Ok(())));
        runner.hear(Msg::Overview(Box::new(values::overview())));
        runner.hear(Msg::Groups(values::groups()));
        runner
    }

    /// Starts the application, with a list of `count` writes open.
    pub fn on_writes(size: (u16, u16), theme: Theme, count: i64) -> Self {
        let mut runner = Self::new(size, theme);
        runner.keys("tab");
        runner.give_rows(1..=count, false);
        runner
    }

    pub fn hear(&mut self, msg: Msg) {
        let effects = self.app.update(msg, self.now);
        self.effects.extend(effects);
    }

    /// Presses keys: `j enter ctrl-z`.
    pub fn keys(&mut self, keys: &str) {
        for key in keys.split_whitespace() {
            let chord = Chord::parse(key).unwrap_or_else(|| panic!("{key} is no key"));
            self.hear(Msg::Key(chord));
        }
    }

    /// Types a text.
    pub fn types(&mut self, text: &str) {
        for c in text.chars() {
            let key = if c == ' ' { "space".to_owned() } else { c.to_string() };
            self.keys(&key);
        }
    }

    /// Answers the last request for writes, the newest first.
    pub fn give_rows(&mut self, ids: std::ops::RangeInclusive<i64>, more: bool) {
        let pages = self.effects.iter().rev().find_map(|effect| match effect {
            Effect::Page { ticket, part, .. } => Some((*ticket, part.clone())),
            _ => None,
        });
        let (ticket, part) = pages.expect("nobody asked for writes");
        let count = ids.end() - ids.start() + 1;
        let writes = ids.rev().map(values::write_view).collect();
        self.hear(Msg::Page(ticket, Box::new(Rows { part, writes, more })));
        let count_ticket = self.app.count_ticket;
        self.hear(Msg::Counted(count_ticket, count));
    }

    /// Answers the request for a write's detail.
    pub fn give_detail(&mut self) {
        let id = self.app.detail.id.expect("nobody asked for a write");
        self.hear(Msg::Detail(id, Some(Box::new(values::detail(id.0)))));
    }

    /// Answers the last request for a plan.
    pub fn give_plan(&mut self, send: usize, refused: usize) {
        let ticket = self.app.plan.as_ref().map(|plan| plan.ticket).expect("nobody asked for a plan");
        let allowed = self.app.plan.as_ref().map(|plan| plan.terms.allowed.clone()).unwrap_or_default();
        self.hear(Msg::Prepared(ticket, Ok(Box::new(values::prepared(send, refused, allowed)))));
    }

    pub fn place(&self) -> Zone {
        self.app.place()
    }

    /// Returns the last effect, in debug form.
    pub fn last(&self) -> String {
        self.effects.last().map(|effect| format!("{effect:?}")).unwrap_or_default()
    }

    fn buffer(&self) -> Buffer {
        let mut buffer = Buffer::empty(Rect::new(0, 0, self.app.size.0, self.app.size.1));
        draw(&self.app, &mut buffer);
        buffer
    }

    /// Returns the text on the screen.
    pub fn screen(&self) -> String {
        let buffer = self.buffer();
        let mut text = String::new();
        for y in 0..buffer.area.height {
            let mut line = String::new();
            let mut skip = 0;
            for x in 0..buffer.area.width {
                let symbol = buffer[(x, y)].symbol();
                if skip > 0 {
                    skip -= 1;
                    continue;
                }
                skip = unicode_width::UnicodeWidthStr::width(symbol).saturating_sub(1);
                line.push_str(symbol);
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }

    /// Returns the styles of each line: `0-8 bold, 9-12 fg203`.
    pub fn styles(&self) -> String {
        let buffer = self.buffer();
        let mut text = String::new();
        for y in 0..buffer.area.height {
            let mut spans: Vec<(u16, u16, String)> = Vec::new();
            for x in 0..buffer.area.width {
                let cell = &buffer[(x, y)];
                let style = style(cell.fg, cell.bg, cell.modifier);
                match spans.last_mut() {
                    Some((_, end, last)) if *last == style => *end = x,
                    _ => spans.push((x, x, style)),
                }
            }
            let spans = spans.into_iter().filter(|(.., style)| !style.is_empty());
            let line: Vec<String> = spans.map(|(start, end, style)| format!("{start}-{end} {style}")).collect();
            text.push_str(&format!("{y:>2}: {}\n", line.join(", ")));
        }
        text
    }
}

fn style(fg: Color, bg: Color, modifier: Modifier) -> String {
    let mut parts: Vec<String> = Vec::new();
    match fg {
        Color::Reset => {}
        Color::Indexed(n) => parts.push(format!("fg{n}")),
        other => parts.push(other.to_string()),
    }
    if let Color::Indexed(n) = bg {
        parts.push(format!("bg{n}"));
    }
    for (flag, name) in [
        (Modifier::BOLD, "bold"),
        (Modifier::DIM, "dim"),
        (Modifier::UNDERLINED, "underlined"),
        (Modifier::REVERSED, "reversed"),
    ] {
        if modifier.contains(flag) {
            parts.push(name.to_owned());
        }
    }
    parts.join("+")
}
