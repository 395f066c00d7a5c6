//! One write, on five tabs. It is a screen of its own, and stands beside the list of writes.

mod curl;
mod escapes;
pub mod json_view;
mod layout;
mod pages;

use bytes::Bytes;
use crossterm::event::{MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::Rect;
use similar::{ChangeTag, TextDiff};

use self::json_view::JsonView;
use self::pages::RequestLines;
use crate::domain::ids::WriteId;
use crate::domain::revision::Revision;
use crate::domain::write::WriteView;
use crate::render::detail::heading;
use crate::render::marks::Marks;
use crate::repair::for_editor;
use crate::tui::actions::{Action, Zone};
use crate::tui::frame;
use crate::tui::goals::Go;
use crate::tui::keymap::Chord;
use crate::tui::msg::{Detail, Question, Reading, ScreenId, Ticket};
use crate::tui::paint::Painter;
use crate::tui::rows::{self, Lines as _, Row, RowScroll};
use crate::tui::screen::{Cx, Scene, Screen, Shared};
use crate::tui::scroll::{Scroll, ScrollStep};
use crate::tui::search::{Search, SearchKey};
use crate::tui::theme::Role;

pub use self::curl::line as curl_line;

/// Lines above the value that the error names, when a body is opened.
const CONTEXT: usize = 5;
/// The least height in which the body is shown below the cause.
const LEAST_BODY: u16 = 8;

/// A tab of the detail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tab {
    /// The failure, its meaning and what to do.
    #[default]
    Cause,
    /// The request with its body.
    Request,
    /// The requests that dlq made.
    Attempts,
    /// Edits of the body.
    Changes,
    /// Attempts and operators' actions, since the capture.
    History,
}

impl Tab {
    /// All tabs, in the order on the screen.
    pub const ALL: [Self; 5] = [Self::Cause, Self::Request, Self::Attempts, Self::Changes, Self::History];

    /// Returns its name on the screen.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cause => "Cause",
            Self::Request => "Request",
            Self::Attempts => "Attempts",
            Self::Changes => "Changes",
            Self::History => "History",
        }
    }

    /// Returns the next tab, or the previous one.
    #[must_use]
    pub fn step(self, forward: bool) -> Self {
        let len = Self::ALL.len();
        Self::ALL[(self as usize + if forward { 1 } else { len - 1 }) % len]
    }
}

/// One write.
#[derive(Debug)]
pub struct WritePage {
    screen: ScreenId,
    /// The write to show.
    pub id: Option<WriteId>,
    /// The last detail read; that of the write before until this one is read.
    shown: Option<Box<Detail>>,
    /// Its body; its event if it has none.
    json: JsonView,
    /// Number of records in its body, if that is a batch.
    records: Option<usize>,
    /// Its edits, as lines to draw.
    changes: Vec<(Role, String)>,
    /// The tab on the screen.
    tab: Tab,
    /// Cursor in the body and what follows it.
    rows: RowScroll,
    /// Scroll position of each of the other tabs.
    scroll: [Scroll; 5],
    /// The search in the page.
    find: Search,
    /// True if it has the keys, rather than the list beside it.
    pub has_keys: bool,
}

impl WritePage {
    /// Creates the pane beside a list; it shows nothing yet.
    pub fn beside(screen: ScreenId) -> Self {
        Self {
            screen,
            id: None,
            shown: None,
            json: JsonView::default(),
            records: None,
            changes: Vec::new(),
            tab: Tab::default(),
            rows: RowScroll::default(),
            scroll: Default::default(),
            find: Search::default(),
            has_keys: false,
        }
    }

    pub(super) fn open(screen: ScreenId, id: WriteId, cx: &mut Cx<'_>) -> Self {
        let mut write = Self { has_keys: true, ..Self::beside(screen) };
        write.show(Some(id), cx);
        write
    }

    /// Shows another write, or none.
    pub fn show(&mut self, id: Option<WriteId>, cx: &mut Cx<'_>) {
        self.id = id;
        if id.is_none() {
            self.shown = None;
        }
        self.refresh(cx);
    }

    /// Goes to the tab of the cause.
    pub fn show_cause(&mut self) {
        self.tab = Tab::Cause;
    }

    /// Returns the detail of the write to show, once it is read.
    fn read(&self) -> Option<&Detail> {
        self.shown.as_deref().filter(|detail| Some(detail.view.write.id) == self.id)
    }

    /// Takes in a detail that was read.
    fn take(&mut self, detail: Box<Detail>) {
        let new = self.shown.as_ref().map(|old| (old.view.write.id, old.view.write.body_sha256))
            != Some((detail.view.write.id, detail.view.write.body_sha256));
        if new {
            let (body, marks) = match (&detail.view.body, &detail.evidence) {
                (Some(body), _) => (body.clone(), Marks::of(&detail.view.write.failure)),
                (None, Some(event)) => (event.clone().into(), Marks::default()),
                (None, None) => (Bytes::new(), Marks::default()),
            };
            self.json = JsonView::new(body, &marks);
            self.records = self.json.records();
            self.scroll = Default::default();
            // The first draw or key brings it into view.
            self.rows = at_named(&self.json);
        }
        self.changes = changes(&detail.revisions, detail.view.write.revision);
        self.shown = Some(detail);
    }

    /// Goes to the next match of the search.
    fn find(&mut self, forward: bool, skips_first: bool, cx: &mut Cx<'_>) {
        let (_, _, page) = Self::areas(cx.area);
        let height = frame::lines(page);
        if self.tab == Tab::Request {
            let text = self.find.text().to_owned();
            let found =
                if text.is_empty() { None } else { self.json.find(&text, self.rows.at.line, forward, skips_first) };
            self.find.is_vain = found.is_none() && !text.is_empty();
            if let (Some(line), Some(detail)) = (found, self.shown.as_deref()) {
                self.rows.go_to(line, &RequestLines::new(&self.json, detail, cx.shared, page.width), height);
            }
            return;
        }
        let Some(detail) = self.read() else { return };
        let lines = pages::lines(self, detail, cx.shared, page.width);
        let scroll = &mut self.scroll[self.tab as usize];
        let from = if !skips_first {
            scroll.at
        } else if forward {
            scroll.at + 1
        } else {
            scroll.at + lines.len() - 1
        };
        let text = |n: usize| lines[n].iter().map(|(_, text)| text.as_str()).collect::<String>().into();
        if let Some(found) = self.find.next(lines.len(), text, from % lines.len().max(1), forward) {
            scroll.roll(ScrollStep::First, lines.len(), height);
            scroll.roll(ScrollStep::Lines(found.saturating_sub(height / 3).cast_signed()), lines.len(), height);
            scroll.at = found;
        }
    }

    /// Draws the body and what follows it. Without a scroll position there is no cursor, and the value that the error names
    /// is in view.
    fn draw_request(
        &self,
        detail: &Detail,
        scroll: Option<RowScroll>,
        shared: &Shared,
        area: Rect,
        p: &mut Painter<'_>,
    ) {
        let lines = RequestLines::new(&self.json, detail, shared, area.width);
        let has_cursor = self.has_keys && scroll.is_some();
        let mut scroll = scroll.unwrap_or_else(|| at_named(&self.json));
        scroll.keep_seen(&lines, frame::lines(area));
        let (mut at, mut y) = (scroll.top, area.y);
        while at.line < lines.len() && y < area.bottom() {
            let (indent, pieces) = lines.line(at.line);
            let count = rows::count(&pieces, usize::from(area.width.saturating_sub(indent)));
            while at.row < count && y < area.bottom() {
                let x = area.x + indent;
                let row = rows::row(&pieces, usize::from(area.right().saturating_sub(x)), at.row);
                p.pieces(x, y, area.right().saturating_sub(x), row.iter().map(|(role, text)| (*role, text.as_str())));
                if has_cursor && at.line == scroll.at.line {
                    p.line(Rect { y, height: 1, ..area }, Role::Cursor);
                }
                at.row += 1;
                y += 1;
            }
            at = Row { line: at.line + 1, row: 0 };
        }
        p.more(lines.len(), at.line.saturating_sub(usize::from(area.height)), area);
    }

    /// Returns the areas of the title, the tabs and the page.
    fn areas(area: Rect) -> (Rect, Rect, Rect) {
        let mut rest = area;
        let title = frame::take(&mut rest, 1);
        let tabs = frame::take(&mut rest, 1);
        (title, tabs, rest)
    }
}

impl Screen for WritePage {
    fn zone(&self) -> Zone {
        Zone::Detail
    }

    fn id(&self) -> ScreenId {
        self.screen
    }

    fn act(&mut self, action: Action, cx: &mut Cx<'_>) {
        match action {
            Action::NextTab => self.tab = self.tab.step(true),
            Action::PreviousTab => self.tab = self.tab.step(false),
            Action::Fold if self.tab == Tab::Request => self.json.fold(self.rows.at.line),
            Action::FoldAll => self.json.fold_all(),
            Action::Raw => {
                self.tab = Tab::Request;
                self.json.is_raw = !self.json.is_raw;
            }
            Action::Filter => self.find.open(),
            Action::FindNext | Action::FindPrevious => self.find(action == Action::FindNext, true, cx),
            _ => {}
        }
    }

    fn is_typing(&self) -> bool {
        self.find.is_typing
    }

    fn key(&mut self, chord: Chord, cx: &mut Cx<'_>) {
        if self.find.key(chord) == SearchKey::Edits {
            self.find(true, false, cx);
        }
    }

    fn paste(&mut self, text: &str, cx: &mut Cx<'_>) {
        if self.find.is_typing {
            self.find.paste(text);
            self.find(true, false, cx);
        }
    }

    fn back(&mut self, _cx: &mut Cx<'_>) -> bool {
        self.find.clear()
    }

    fn scroll(&mut self, step: ScrollStep, cx: &mut Cx<'_>) {
        let (_, _, page) = Self::areas(cx.area);
        let Some(detail) = self.shown.as_deref().filter(|detail| Some(detail.view.write.id) == self.id) else { return };
        let height = frame::lines(page);
        if self.tab == Tab::Request {
            let lines = RequestLines::new(&self.json, detail, cx.shared, page.width);
            self.rows.go(step, &lines, height);
        } else {
            let len = pages::lines(self, detail, cx.shared, page.width).len();
            self.scroll[self.tab as usize].roll(step, len, height);
        }
    }

    fn refresh(&mut self, cx: &mut Cx<'_>) {
        if let Some(id) = self.id {
            cx.ask(self.screen, Question::Detail(id));
        }
    }

    fn hear(&mut self, _ticket: Ticket, answer: Reading, cx: &mut Cx<'_>) {
        match answer {
            Reading::Detail(id, Some(detail)) if self.id == Some(id) => self.take(detail),
            Reading::Detail(id, None) if self.id == Some(id) => {
                self.show(None, cx);
                if self.has_keys {
                    cx.say(Role::Warn, format!("write {id} is gone: it was purged"));
                    cx.go(Go::Back);
                }
            }
            _ => {}
        }
    }

    fn mouse(&mut self, event: MouseEvent, cx: &mut Cx<'_>) {
        let (_, tabs, page) = Self::areas(cx.area);
        if event.kind != MouseEventKind::Down(MouseButton::Left) {
            return;
        }
        if event.row == tabs.y {
            let mut x = tabs.x;
            for tab in Tab::ALL {
                let end = x + u16::try_from(tab.name().len()).unwrap_or(0) + 2;
                if (x..end).contains(&event.column) {
                    self.tab = tab;
                }
                x = end;
            }
        } else if event.row >= page.y && self.tab == Tab::Request {
            self.rows.at = self.rows.top;
            self.scroll(ScrollStep::Lines((event.row - page.y).cast_signed().into()), cx);
            self.act(Action::Fold, cx);
        }
    }

    fn write(&self) -> Option<&WriteView> {
        self.read().map(|detail| &detail.view)
    }

    fn detail(&self) -> Option<&Detail> {
        self.read()
    }

    fn records(&self) -> Option<usize> {
        self.read().and(self.records)
    }

    fn value(&self) -> Option<(String, String)> {
        let line = self.rows.at.line;
        self.read().filter(|_| self.tab == Tab::Request)?;
        Some((self.json.path(line)?, self.json.value(line)?))
    }

    fn scene(&self, _shared: &Shared) -> Scene {
        Scene::Write
    }

    fn draw(&self, shared: &Shared, area: Rect, p: &mut Painter<'_>) {
        let (title, tabs, inside) = Self::areas(area);
        let Some(detail) = self.read() else {
            p.text(area.x + 1, area.y, area.width.saturating_sub(1), "reading ...", Role::Faint);
            return;
        };
        let (name, rest) = heading(&detail.view);
        p.pieces(
            title.x,
            title.y,
            title.width,
            [(Role::Title, name.as_str()), (Role::Text, "  "), (Role::Text, &rest)],
        );
        let mut x = tabs.x;
        for tab in Tab::ALL {
            let is_here = tab == self.tab;
            let role = match (is_here, self.has_keys) {
                (true, true) => Role::On,
                (true, false) => Role::Strong,
                (false, _) => Role::Faint,
            };
            let (left, right) = if is_here { ("[", "]") } else { (" ", " ") };
            x = p.pieces(x, tabs.y, tabs.right().saturating_sub(x), [(role, left), (role, tab.name()), (role, right)]);
        }
        if self.tab == Tab::Request {
            self.draw_request(detail, Some(self.rows), shared, inside, p);
        } else {
            let lines = pages::lines(self, detail, shared, inside.width);
            let top = self.scroll[self.tab as usize].top;
            for (line, y) in lines.iter().skip(top).zip(inside.top()..inside.bottom()) {
                p.pieces(inside.x, y, inside.width, line.iter().map(|(role, text)| (*role, text.as_str())));
            }
            p.more(lines.len(), top, inside);
            let mut rest = inside;
            frame::take(&mut rest, u16::try_from(lines.len() + 1).unwrap_or(u16::MAX));
            if self.tab == Tab::Cause && rest.height > LEAST_BODY {
                let title = frame::take(&mut rest, 1);
                p.text(
                    title.x,
                    title.y,
                    title.width,
                    if detail.view.body.is_some() { "Body" } else { "Event" },
                    Role::Title,
                );
                self.draw_request(detail, None, shared, rest, p);
            }
        }
        self.find.draw(inside, p);
    }
}

/// Returns the position at the value that the error names, with some lines above it.
fn at_named(json: &JsonView) -> RowScroll {
    let line = json.named_line().unwrap_or(0);
    RowScroll { at: Row { line, row: 0 }, top: Row { line: line.saturating_sub(CONTEXT), row: 0 } }
}

/// Returns what each edit changed, the newest first.
fn changes(revisions: &[Revision], current: i64) -> Vec<(Role, String)> {
    let mut lines = Vec::new();
    for pair in revisions.windows(2).rev() {
        let [old, new] = pair else { continue };
        let by = new.operator.as_deref().unwrap_or("an import");
        let at = new.made_at.map(|at| format!(", {}", at.to_human())).unwrap_or_default();
        let reason = new.reason.as_deref().map(|reason| format!(": {reason}")).unwrap_or_default();
        let now = if new.number == current { " (current)" } else { "" };
        lines.push((Role::Strong, format!("Revision {} by {by}{at}{now}{reason}", new.number)));
        lines.extend(diff(old.body.as_deref().unwrap_or_default(), new.body.as_deref().unwrap_or_default()));
    }
    if lines.is_empty() {
        lines.push((Role::Faint, "The body is as it was captured.".to_owned()));
    }
    lines
}

/// Returns the lines that differ between two bodies, with three lines of context.
pub fn diff(old: &[u8], new: &[u8]) -> Vec<(Role, String)> {
    let text = |body: &[u8]| for_editor(body).unwrap_or_else(|| format!("{} bytes that are no text\n", body.len()));
    let (old, new) = (text(old), text(new));
    let diff = TextDiff::from_lines(&old, &new);
    let mut lines = Vec::new();
    for (n, group) in diff.grouped_ops(3).iter().enumerate() {
        if n > 0 {
            lines.push((Role::Faint, "  ...".to_owned()));
        }
        for change in group.iter().flat_map(|op| diff.iter_changes(op)) {
            let (role, sign) = match change.tag() {
                ChangeTag::Equal => (Role::Text, ' '),
                ChangeTag::Insert => (Role::Added, '+'),
                ChangeTag::Delete => (Role::Removed, '-'),
            };
            lines.push((role, format!("{sign} {}", change.value().trim_end_matches('\n'))));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_diff_shows_what_changed() {
        let lines = diff(br#"{"a":1,"b":2}"#, br#"{"a":1,"b":3}"#);
        let text: Vec<&str> = lines.iter().map(|(_, text)| text.as_str()).collect();
        assert_eq!(text, ["  {", "    \"a\": 1,", "-   \"b\": 2", "+   \"b\": 3", "  }"]);
    }
}
