//! Choosing a span of time: the bars of the histogram, one a line, the newest first.

use crossterm::event::KeyCode;
use ratatui::layout::Rect;

use super::menu::Pick;
use super::{SEEN, Typed};
use crate::domain::arrivals::{Arrivals, Span};
use crate::domain::time::Timestamp;
use crate::render::count::thousands;
use crate::tui::keymap::Chord;
use crate::tui::paint::Painter;
use crate::tui::scroll::{Scroll, ScrollStep};
use crate::tui::theme::Role;
use crate::tui::typing;

/// A choice of bars of the histogram.
#[derive(Debug)]
pub struct When {
    span: Span,
    /// Failures of each bar, the newest first.
    counts: Vec<u64>,
    /// Cursor among them.
    pub(super) scroll: Scroll,
    /// The line that the range began at.
    from: Option<usize>,
}

impl When {
    /// Creates the choice among what failed in a span, with the cursor on the newest bar that isn't empty.
    pub fn new(span: Span, arrivals: &[Arrivals]) -> Self {
        let mut counts = vec![0; Span::BARS];
        for arrivals in arrivals.iter().filter(|arrivals| arrivals.bar < Span::BARS) {
            counts[Span::BARS - 1 - arrivals.bar] += arrivals.count;
        }
        let at = counts.iter().position(|count| *count > 0).unwrap_or(0);
        let scroll = Scroll { at, ..Scroll::default() };
        Self { span, counts, scroll, from: None }
    }

    pub(super) fn key(&mut self, chord: Chord) -> Typed {
        let step = match (chord.code(), chord.typed()) {
            (KeyCode::Enter, _) => return Typed::Picks(Pick::Failed(self.query())),
            (_, Some(' ' | 'v')) => {
                self.from = if self.from.is_some() { None } else { Some(self.scroll.at) };
                return Typed::Stays;
            }
            (_, Some('k')) => Some(ScrollStep::Lines(-1)),
            (_, Some('j')) => Some(ScrollStep::Lines(1)),
            (_, Some('g')) => Some(ScrollStep::First),
            (_, Some('G')) => Some(ScrollStep::Last),
            _ => typing::step(chord),
        };
        if let Some(step) = step {
            self.go(step);
        }
        Typed::Stays
    }

    pub(super) fn go(&mut self, step: ScrollStep) {
        self.scroll.go(step, self.counts.len(), SEEN);
    }

    /// Returns the first and the last line that are chosen.
    fn chosen(&self) -> (usize, usize) {
        let at = self.scroll.at;
        let from = self.from.unwrap_or(at);
        (from.min(at), from.max(at))
    }

    /// Returns the query for what failed in the chosen bars.
    fn query(&self) -> String {
        let (newest, oldest) = self.chosen();
        let (from, to) =
            (self.start(oldest).to_hour(), Timestamp::from_millis(self.end(newest).millis() - 1).to_hour());
        if from == to { format!("failed:{from}") } else { format!("failed:{from}..{to}") }
    }

    fn start(&self, line: usize) -> Timestamp {
        self.span.start(Span::BARS - 1 - line)
    }

    fn end(&self, line: usize) -> Timestamp {
        self.span.start(Span::BARS - line)
    }

    pub(super) fn draw(&self, size: (u16, u16), p: &mut Painter<'_>) {
        let height = u16::try_from(self.counts.len()).unwrap_or(0) + 2;
        let inside = p.window(super::centred(size, 76, height), "When did they fail? (UTC)");
        let hint = " space begins a range, enter shows them ";
        if usize::from(inside.width) > hint.len() {
            p.right(inside.x, inside.bottom(), inside.width, hint, Role::Faint);
        }
        let most = self.counts.iter().copied().max().unwrap_or(0).max(1);
        let (newest, oldest) = self.chosen();
        let top = (self.scroll.at + 1).saturating_sub(inside.height.into());
        for ((n, count), y) in self.counts.iter().enumerate().skip(top).zip(inside.top()..inside.bottom()) {
            let is_chosen = (newest..=oldest).contains(&n);
            let role = if is_chosen { Role::Strong } else { Role::Text };
            let mark = if is_chosen && self.from.is_some() { p.theme.symbol("●", "*") } else { " " };
            p.text(inside.x, y, 1, mark, Role::Key);
            let start = self.start(n).to_human();
            p.text(inside.x + 1, y, 16, start.get(..16).unwrap_or(&start), role);
            p.right(inside.x + 18, y, 9, &thousands(*count), if *count > 0 { role } else { Role::Faint });
            let x = inside.x + 28;
            let room = u64::from(inside.right().saturating_sub(x + 1));
            let bar = usize::try_from((count * room).div_ceil(most)).unwrap_or(0);
            p.text(x, y, inside.right().saturating_sub(x), &p.theme.bar(4).repeat(bar), Role::Faint);
            if n == self.scroll.at {
                p.line(Rect { y, height: 1, ..inside }, Role::Cursor);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::failure_type::FailureType;
    use crate::domain::ids::GroupId;

    fn choice(step: i64) -> When {
        let arrived = |bar, count| Arrivals { bar, group: GroupId(1), failure_type: FailureType::Schema, count };
        When::new(Span { from: 494_000, step }, &[arrived(3, 5), arrived(20, 7), arrived(99, 1)])
    }

    fn keys(when: &mut When, keys: &str) -> Option<String> {
        let typed = keys.split_whitespace().map(|key| when.key(Chord::parse(key).unwrap())).last();
        match typed {
            Some(Typed::Picks(Pick::Failed(query))) => Some(query),
            _ => None,
        }
    }

    #[test]
    fn a_bar_or_a_range_of_them_becomes_a_query() {
        let from = Span { from: 494_000, step: 1 };
        let hour = |bar| from.start(bar).to_hour();
        assert_eq!(keys(&mut choice(1), "enter"), Some(format!("failed:{}", hour(20))), "the newest that failed");
        let range = format!("failed:{}..{}", hour(17), hour(20));
        assert_eq!(keys(&mut choice(1), "space j j down enter"), Some(range.clone()));
        assert_eq!(keys(&mut choice(1), "j j j v k k k enter"), Some(range), "in either direction");
        let all = format!("failed:{}..{}", from.start(0).to_hour(), from.start(24 * 7 - 1).to_hour());
        assert_eq!(keys(&mut choice(7), "home space end enter"), Some(all), "bars of several hours");
    }
}
