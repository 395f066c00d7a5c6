//! Two bodies side by side, or as a diff: those of two writes, or the captured and the current one of a write.

use std::time::Duration;

use ratatui::layout::Rect;
use similar::{Algorithm, ChangeTag, DiffOp, TextDiff};
use unicode_width::UnicodeWidthStr as _;

use crate::domain::ids::WriteId;
use crate::repair::for_editor;
use crate::tui::actions::{Action, Zone};
use crate::tui::goals::Pair;
use crate::tui::keymap::Chord;
use crate::tui::msg::{Detail, Question, Reading, ScreenId, Ticket};
use crate::tui::page::TextPage;
use crate::tui::paint::Painter;
use crate::tui::rows::{self, Pieces};
use crate::tui::screen::{Cx, Screen, Shared};
use crate::tui::scroll::ScrollStep;
use crate::tui::theme::Role;

/// Width from which the two stand side by side.
const WIDE: u16 = 120;
/// Lines of context around a difference.
const CONTEXT: usize = 3;
/// The longest that a diff is looked for in huge bodies; a coarser one is shown then.
const PATIENCE: Duration = Duration::from_millis(300);

/// A side of a line: its role and text; `None` where the other side has more lines.
type Side = Option<(Role, String)>;

/// The comparison.
#[derive(Debug)]
pub struct Compare {
    id: ScreenId,
    pair: Pair,
    /// The names of the two, once they are read.
    names: Option<(String, String)>,
    /// Pairs of lines, or a reason why there are none.
    lines: Vec<(Side, Side)>,
    page: TextPage,
}

impl Compare {
    pub(super) fn open(id: ScreenId, pair: Pair, cx: &mut Cx<'_>) -> Self {
        let mut compare = Self { id, pair, names: None, lines: Vec::new(), page: TextPage::default() };
        compare.refresh(cx);
        compare
    }

    fn take(&mut self, old: &Detail, new: Option<&Detail>) {
        let text = |body: Option<&[u8]>| {
            let body = body.unwrap_or_default();
            for_editor(body).unwrap_or_else(|| format!("{} bytes that are no text\n", body.len()))
        };
        let facts = |detail: &Detail| {
            let write = &detail.view.write;
            let failure = &write.failure;
            let status = failure.status.map_or_else(|| "-".to_owned(), |status| status.to_string());
            format!(
                "{} {}\nkey {}\nstate {}\nstatus {status}\ncode {}\nmessage {}\n\n",
                write.method,
                write.path,
                write.key,
                write.standing.state(),
                failure.code.as_deref().unwrap_or("-"),
                failure.message.as_deref().unwrap_or("-"),
            )
        };
        let name = |id: WriteId| format!("write {id}");
        let (left, right) = if let Some(new) = new {
            self.names = Some((name(old.view.write.id), name(new.view.write.id)));
            let body = |detail: &Detail| format!("{}{}", facts(detail), text(detail.view.body.as_deref()));
            (body(old), body(new))
        } else {
            let id = old.view.write.id;
            self.names = Some((format!("write {id}, as captured"), format!("write {id}, now")));
            let captured = old.revisions.iter().find(|revision| revision.number == 0);
            (text(captured.and_then(|revision| revision.body.as_deref())), text(old.view.body.as_deref()))
        };
        self.lines = compared(&left, &right);
    }

    fn rows(&self, width: u16) -> Vec<Pieces> {
        if self.names.is_none() {
            return vec![vec![(Role::Faint, "reading ...".to_owned())]];
        }
        if self.lines.is_empty() {
            return vec![vec![(Role::Good, "They are the same.".to_owned())]];
        }
        // The page has a margin of one column.
        if width + 1 < WIDE {
            let lines: Vec<Pieces> = self.lines.iter().flat_map(|(left, right)| as_diff(left, right)).collect();
            return rows::wrapped(&lines, width.into());
        }
        let half = usize::from(width / 2).saturating_sub(2);
        self.lines.iter().flat_map(|(left, right)| beside(left, right, half)).collect()
    }

    fn areas(area: Rect) -> (Rect, Rect) {
        let mut rest = Rect { x: area.x + 1, width: area.width.saturating_sub(1), ..area };
        let head = crate::tui::frame::take(&mut rest, 1);
        (head, rest)
    }
}

/// Returns the lines of a pair, one below the other where they differ.
fn as_diff(left: &Side, right: &Side) -> Vec<Pieces> {
    let line = |sign: &str, (role, text): &(Role, String)| vec![(*role, format!("{sign} {text}"))];
    match (left, right) {
        (Some(left), Some(right)) if left.1 == right.1 => vec![line(" ", left)],
        (left, right) => {
            left.iter().map(|side| line("-", side)).chain(right.iter().map(|side| line("+", side))).collect()
        }
    }
}

/// Returns a pair of lines side by side, in as many rows as the longer one takes.
fn beside(left: &Side, right: &Side, half: usize) -> Vec<Pieces> {
    let line = |side: &Side| side.iter().cloned().collect::<Pieces>();
    let (left, right) = (line(left), line(right));
    let count = rows::count(&left, half).max(rows::count(&right, half));
    (0..count)
        .map(|n| {
            let mut row = rows::row(&left, half, n);
            let used: usize = row.iter().map(|(_, text)| text.width()).sum();
            row.push((Role::Rule, format!("{} │ ", " ".repeat(half.saturating_sub(used)))));
            row.extend(rows::row(&right, half, n));
            row
        })
        .collect()
}

/// Returns the lines that differ, side by side, with some context; empty if none do.
fn compared(left: &str, right: &str) -> Vec<(Side, Side)> {
    let mut config = TextDiff::configure();
    config.algorithm(Algorithm::Myers).timeout(PATIENCE);
    let diff = config.diff_lines(left, right);
    let mut lines: Vec<(Side, Side)> = Vec::new();
    for (n, group) in diff.grouped_ops(CONTEXT).iter().enumerate() {
        if n > 0 {
            let gap = || Some((Role::Faint, "...".to_owned()));
            lines.push((gap(), gap()));
        }
        for op in group {
            let of = |tag: ChangeTag, role: Role| {
                diff.iter_changes(op)
                    .filter(move |change| change.tag() == tag)
                    .map(move |change| (role, change.value().trim_end_matches('\n').to_owned()))
            };
            if matches!(op, DiffOp::Equal { .. }) {
                lines.extend(of(ChangeTag::Equal, Role::Text).map(|line| (Some(line.clone()), Some(line))));
                continue;
            }
            let (mut old, mut new) = (of(ChangeTag::Delete, Role::Removed), of(ChangeTag::Insert, Role::Added));
            loop {
                let pair = (old.next(), new.next());
                if pair == (None, None) {
                    break;
                }
                lines.push(pair);
            }
        }
    }
    lines
}

impl Screen for Compare {
    fn zone(&self) -> Zone {
        Zone::Compare
    }

    fn id(&self) -> ScreenId {
        self.id
    }

    fn act(&mut self, action: Action, cx: &mut Cx<'_>) {
        let area = Self::areas(cx.area).1;
        self.page.act(action, &self.rows(area.width), area);
    }

    fn scroll(&mut self, step: ScrollStep, cx: &mut Cx<'_>) {
        let area = Self::areas(cx.area).1;
        self.page.scroll(step, &self.rows(area.width), area);
    }

    fn is_typing(&self) -> bool {
        self.page.is_typing()
    }

    fn key(&mut self, chord: Chord, cx: &mut Cx<'_>) {
        let area = Self::areas(cx.area).1;
        self.page.key(chord, &self.rows(area.width), area);
    }

    fn paste(&mut self, text: &str, cx: &mut Cx<'_>) {
        let area = Self::areas(cx.area).1;
        self.page.paste(text, &self.rows(area.width), area);
    }

    fn back(&mut self, _cx: &mut Cx<'_>) -> bool {
        self.page.back()
    }

    fn refresh(&mut self, cx: &mut Cx<'_>) {
        cx.ask(self.id, Question::Pair(self.pair));
    }

    fn hear(&mut self, _ticket: Ticket, answer: Reading, _cx: &mut Cx<'_>) {
        if let Reading::Pair(old, new) = answer {
            self.take(&old, new.as_deref());
        }
    }

    fn draw(&self, shared: &Shared, area: Rect, p: &mut Painter<'_>) {
        let (head, inside) = Self::areas(area);
        if let Some((left, right)) = &self.names {
            if area.width >= WIDE {
                p.text(head.x, head.y, head.width / 2, left, Role::Title);
                let x = head.x + inside.width / 2 + 1;
                p.text(x, head.y, head.right().saturating_sub(x), right, Role::Title);
            } else {
                let arrow = shared.setup.theme.symbol("→", "->");
                p.text(head.x, head.y, head.width, &format!("- {left} {arrow} + {right}"), Role::Title);
            }
        }
        self.page.draw(&self.rows(inside.width), inside, p);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_differ_stand_side_by_side() {
        let lines = compared("{\n  a\n  b\n  c\n}\n", "{\n  a\n  x\n  y\n  c\n}\n");
        let text = |side: &Side| side.as_ref().map(|(_, text)| text.trim().to_owned()).unwrap_or_default();
        let pairs: Vec<_> = lines.iter().map(|(left, right)| (text(left), text(right))).collect();
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        assert_eq!(
            pairs,
            [pair("{", "{"), pair("a", "a"), pair("b", "x"), pair("", "y"), pair("c", "c"), pair("}", "}")]
        );
        assert!(compared("a\n", "a\n").is_empty());
    }
}
