//! Tests of the whole application, without a terminal: keys and answers in, screens and effects out.

mod journeys;
mod lists;
mod screens;
mod triage;
pub mod values;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier};

use super::actions::Zone;
use super::app::App;
use super::draw::draw;
use super::keymap::{Chord, Keymap};
use super::msg::{Deed, Effect, Msg, Question, Reading, Rows, Ticket};
use super::screen::Setup;
use super::theme::{Theme, Tier};
use crate::domain::time::Timestamp;

/// The application with a simulated user.
pub struct Runner {
    pub app: App,
    pub effects: Vec<Effect>,
    pub now: Timestamp,
}

pub const DARK: Theme = Theme { tier: Tier::Dark, ascii: false, is_guessed: false };
pub const PLAIN: Theme = Theme { tier: Tier::Plain, ascii: false, is_guessed: false };
pub const ASCII: Theme = Theme { tier: Tier::Plain, ascii: true, is_guessed: false };

impl Runner {
    /// Starts the application; the file is still being opened.
    pub fn starting(size: (u16, u16), theme: Theme) -> Self {
        let setup = Setup {
            path: "/home/ana/.local/share/dlq/dlq.db".to_owned(),
            command: "dlq".to_owned(),
            base_url: None,
            target: None,
            profiles: std::collections::BTreeMap::new(),
            saved: vec![("gold".to_owned(), "body.record.tier:gold".to_owned())],
            keymap: Keymap::default(),
            theme,
            columns: None,
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
        runner.give_overview(values::overview());
        runner.give_groups(values::groups());
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

    /// Returns the questions so far, the newest first.
    pub fn questions(&self) -> impl Iterator<Item = (Ticket, &Question)> {
        self.effects.iter().rev().filter_map(|effect| match effect {
            Effect::Ask(ticket, question) => Some((*ticket, question)),
            _ => None,
        })
    }

    /// Returns the changes so far, the newest first.
    pub fn changes(&self) -> impl Iterator<Item = &Deed> {
        self.effects.iter().rev().filter_map(|effect| match effect {
            Effect::Do(change) => Some(change),
            _ => None,
        })
    }

    /// Returns the newest question that a test picks.
    pub fn asked(&self, is_it: impl Fn(&Question) -> bool) -> Option<(Ticket, Question)> {
        self.questions().find(|(_, question)| is_it(question)).map(|(ticket, question)| (ticket, question.clone()))
    }

    /// Answers the newest question that a test picks.
    fn give(&mut self, answer: Reading, is_it: impl Fn(&Question) -> bool) {
        let (ticket, _) = self.asked(is_it).expect("nobody asked");
        self.hear(Msg::Answer(ticket, answer));
    }

    pub fn give_overview(&mut self, overview: super::msg::HeaderData) {
        self.give(Reading::Overview(Box::new(overview)), |q| matches!(q, Question::Overview));
    }

    pub fn give_groups(&mut self, groups: Vec<crate::domain::group::Group>) {
        self.give(Reading::Groups(groups), |q| matches!(q, Question::Groups));
    }

    pub fn give_runs(&mut self, runs: Vec<crate::domain::run::Run>) {
        self.give(Reading::Runs(runs), |q| matches!(q, Question::Runs));
    }

    pub fn give_run(&mut self, run: crate::domain::run::Run) {
        self.give(Reading::Run(Some(Box::new(run))), |q| matches!(q, Question::Run(_)));
    }

    pub fn give_causes(&mut self, causes: Vec<crate::domain::report::RunCause>) {
        self.give(Reading::Causes(causes), |q| matches!(q, Question::Causes(_)));
    }

    pub fn give_report(&mut self, report: crate::domain::report::Report) {
        self.give(Reading::Report(Box::new(report)), |q| matches!(q, Question::Report(_)));
    }

    pub fn give_count(&mut self, count: i64) {
        self.give(Reading::Count(count), |q| matches!(q, Question::Count(_)));
    }

    /// Answers the last question for a page with these writes.
    pub fn give_page(&mut self, writes: Vec<crate::domain::write::WriteView>, more: bool) {
        let (ticket, question) = self.asked(|q| matches!(q, Question::Page { .. })).expect("nobody asked for writes");
        let Question::Page { part, .. } = question else { unreachable!() };
        self.hear(Msg::Answer(ticket, Reading::Page(Box::new(Rows { part, writes, more, outcomes: Vec::new() }))));
    }

    /// Answers the last question for writes, the newest first.
    pub fn give_rows(&mut self, ids: std::ops::RangeInclusive<i64>, more: bool) {
        let count = ids.end() - ids.start() + 1;
        self.give_page(ids.rev().map(values::write_view).collect(), more);
        self.give_count(count);
    }

    /// Answers the question for a write's detail.
    pub fn give_detail(&mut self) {
        let (ticket, question) = self.asked(|q| matches!(q, Question::Detail(_))).expect("nobody asked for a write");
        let Question::Detail(id) = question else { unreachable!() };
        self.hear(Msg::Answer(ticket, Reading::Detail(id, Some(Box::new(values::detail(id.0))))));
    }

    /// Answers the last question for a plan.
    pub fn give_plan(&mut self, send: usize, refused: usize) {
        let (_, question) = self.asked(|q| matches!(q, Question::Plan(..))).expect("nobody asked for a plan");
        let Question::Plan(_, terms) = question else { unreachable!() };
        self.give_prepared(values::prepared(send, refused, terms.allowed));
    }

    pub fn give_prepared(&mut self, prepared: crate::replay::Prepared) {
        let ready = super::msg::Ready { prepared, no_token: None };
        self.give(Reading::Plan(Ok(Box::new(ready))), |q| matches!(q, Question::Plan(..)));
    }

    /// Returns true if a run was started.
    pub fn has_started(&self) -> bool {
        self.changes().any(|change| matches!(change, Deed::Start(_)))
    }

    pub fn place(&self) -> Zone {
        self.app.place()
    }

    /// Returns the last effect, in debug form.
    pub fn last(&self) -> String {
        self.effects.last().map(|effect| format!("{effect:?}")).unwrap_or_default()
    }

    fn buffer(&self) -> Buffer {
        let mut buffer = Buffer::empty(Rect::new(0, 0, self.app.shared.size.0, self.app.shared.size.1));
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
