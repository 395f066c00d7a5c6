//! The groups: one line per cause.

use crossterm::event::{MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::Rect;

use crate::domain::explain::explain;
use crate::domain::failure_type::FailureType;
use crate::domain::filter::{Filter, NumberField, Range, Test};
use crate::domain::group::Group;
use crate::domain::selection::Selection;
use crate::render::count::thousands;
use crate::tui::actions::{Action, Needs, Zone};
use crate::tui::aim::Aim;
use crate::tui::dialogs::Pick;
use crate::tui::frame;
use crate::tui::goals::{Go, Query, States};
use crate::tui::header::trend;
use crate::tui::msg::{Question, Reading, ScreenId, Ticket};
use crate::tui::paint::{Painter, age, wrap};
use crate::tui::screen::{Cx, Screen, Shared, Story};
use crate::tui::scroll::{Scroll, ScrollStep};
use crate::tui::theme::Role;

/// The list of groups.
#[derive(Debug)]
pub struct GroupList {
    id: ScreenId,
    /// The groups, including those that the type chips hide.
    all: Vec<Group>,
    /// Cursor among the groups that are shown.
    scroll: Scroll,
    /// True if the groups have been read.
    is_read: bool,
    ticket: Ticket,
}

impl GroupList {
    /// Creates the list; nothing has been read yet.
    pub fn new(id: ScreenId) -> Self {
        Self { id, all: Vec::new(), scroll: Scroll::default(), is_read: false, ticket: Ticket::default() }
    }

    /// Returns the groups that the type chips let through.
    pub fn shown<'a>(&'a self, shared: &'a Shared) -> impl Iterator<Item = &'a Group> {
        self.all.iter().filter(|group| shared.shows(group.failure_type))
    }

    /// Returns the group under the cursor.
    pub fn current<'a>(&'a self, shared: &'a Shared) -> Option<&'a Group> {
        self.shown(shared).nth(self.scroll.at)
    }

    /// Takes in the groups; the cursor stays on its group, and the groups in their order.
    fn take(&mut self, groups: Vec<Group>, cx: &mut Cx<'_>) {
        let at = self.current(cx.shared).map(|group| group.id);
        self.all = in_the_same_order(&self.all, groups);
        self.is_read = true;
        if let Some(found) = at.and_then(|id| self.shown(cx.shared).position(|group| group.id == id)) {
            self.scroll.at = found;
        }
        if let Some(story) = &mut cx.shared.demo {
            let schema = self.all.iter().find(|group| group.failure_type == FailureType::Schema);
            story.schema = schema.map(|group| (group.id, group.open));
        }
        self.resize(cx);
    }

    fn list(area: Rect) -> (Rect, Rect) {
        let mut rest = area;
        let head = frame::take(&mut rest, 1);
        (head, rest)
    }

    fn empty(&self, shared: &Shared, area: Rect, p: &mut Painter<'_>) {
        if !self.is_read {
            p.text(area.x + 2, area.y + 1, area.width, "reading ...", Role::Faint);
        } else if self.all.is_empty() {
            let mut lines = vec![
                (Role::Strong, "Nothing has failed, as far as this file knows.".to_owned()),
                (Role::Text, String::new()),
            ];
            lines.extend(feeding(&shared.setup.command));
            p.paragraph(area, &lines);
        } else {
            let text = format!("No group of these types; {} shows all again.", shared.key(Action::ClearFilter));
            p.text(area.x + 2, area.y + 1, area.width.saturating_sub(2), &text, Role::Faint);
        }
    }
}

impl Screen for GroupList {
    fn zone(&self) -> Zone {
        Zone::Groups
    }

    fn id(&self) -> ScreenId {
        self.id
    }

    fn act(&mut self, action: Action, cx: &mut Cx<'_>) {
        match action {
            Action::Open => {
                let Some(id) = self.current(cx.shared).map(|group| group.id) else { return };
                cx.go(Go::ToWrites(Query { text: format!("group:{id}"), states: States::Open }));
            }
            Action::Filter => cx.go(Go::ToFilter),
            Action::ClearFilter => {
                cx.shared.types.clear();
                self.scroll = Scroll::default();
            }
            Action::Transient => toggle(self, FailureType::Transient, cx),
            Action::Schema => toggle(self, FailureType::Schema, cx),
            Action::BadData => toggle(self, FailureType::BadData, cx),
            Action::Auth => toggle(self, FailureType::Auth, cx),
            _ => {}
        }
    }

    fn scroll(&mut self, step: ScrollStep, cx: &mut Cx<'_>) {
        let len = self.shown(cx.shared).count();
        self.scroll.go(step, len, frame::lines(Self::list(cx.area).1));
    }

    fn refresh(&mut self, cx: &mut Cx<'_>) {
        self.ticket = cx.ask(self.id, Question::Groups);
    }

    fn hear(&mut self, _ticket: Ticket, answer: Reading, cx: &mut Cx<'_>) {
        if let Reading::Groups(groups) = answer {
            self.take(groups, cx);
        }
    }

    fn resize(&mut self, cx: &mut Cx<'_>) {
        let len = self.shown(cx.shared).count();
        self.scroll.keep_seen(len, frame::lines(Self::list(cx.area).1));
    }

    fn mouse(&mut self, event: MouseEvent, cx: &mut Cx<'_>) {
        let (_, list) = Self::list(cx.area);
        if event.kind != MouseEventKind::Down(MouseButton::Left) || event.row < list.y || event.row >= list.bottom() {
            return;
        }
        let row = self.scroll.top + usize::from(event.row - list.y);
        if row == self.scroll.at {
            // A click on the row under the cursor opens it.
            self.act(Action::Open, cx);
        } else if row < self.shown(cx.shared).count() {
            self.scroll.at = row;
        }
    }

    fn picked(&mut self, pick: Pick, cx: &mut Cx<'_>) {
        if let Pick::Filter(text) = pick {
            cx.shared.types.clear();
            cx.go(Go::ToWrites(Query { text, states: States::Open }));
        }
    }

    fn aim(&self, shared: &Shared) -> Option<Aim> {
        let group = self.current(shared)?;
        let range = Range { min: Some(group.id.0), max: Some(group.id.0) };
        let filter = Filter::default().and(Test::Number(NumberField::Group, vec![range]));
        let count = if group.open == 1 {
            "1 open write".to_owned()
        } else {
            format!("{} open writes", thousands(group.open.unsigned_abs()))
        };
        Some(Aim {
            filter: shared.of_target(filter),
            selection: Selection::of_words(&format!("group:{}", group.id)),
            words: format!("{count} of group {} ({}: {})", group.id, group.failure_type, group.message),
            is_group: true,
        })
    }

    fn has(&self, needs: Needs, shared: &Shared) -> bool {
        match needs {
            Needs::Writes => self.current(shared).is_some(),
            _ => false,
        }
    }

    fn hint(&self, story: &Story, shared: &Shared) -> String {
        let key = |action| shared.key(action);
        let is_schema = |group: &Group| story.schema.is_some_and(|(id, _)| id == group.id);
        let has_schema = story.schema.is_some_and(|(_, open)| open > 0);
        match (story.is_fixed, has_schema) {
            (true, false) if story.verdict.is_some() => format!(
                "Try the rest: {} on the transient and auth groups, {} on the bad data. {} has all keys, {} quits.",
                key(Action::Replay),
                key(Action::Discard),
                key(Action::Help),
                key(Action::Quit)
            ),
            (false, false) => {
                "A service sends writes to an API, and some fail. They appear here as they come, one line per cause."
                    .to_owned()
            }
            (false, true) if self.current(shared).is_some_and(is_schema) => {
                format!("The schema group grows while you watch. {} shows its writes.", key(Action::Open))
            }
            (false, true) => format!(
                "The schema group grows while you watch: go to it with {} and {}, then {}.",
                key(Action::Down),
                key(Action::Up),
                key(Action::Open)
            ),
            (true, _) => format!(
                "The schema is fixed: its writes pass now. With the cursor on the schema group, {} plans the replay of those that failed.",
                key(Action::Replay)
            ),
        }
    }

    fn draw(&self, shared: &Shared, area: Rect, p: &mut Painter<'_>) {
        let (head, list) = Self::list(area);
        let columns = columns(list.width);
        let mut x = head.x + 1;
        for &(title, width) in &columns {
            if is_number(title) {
                p.right(x, head.y, width - 1, title, Role::Faint);
            } else {
                p.text(x, head.y, width - 1, title, Role::Faint);
            }
            x += width;
        }
        p.text(x, head.y, head.right().saturating_sub(x), "MESSAGE", Role::Faint);
        let groups: Vec<&Group> = self.shown(shared).collect();
        if groups.is_empty() {
            return self.empty(shared, list, p);
        }
        let spare = list.height.saturating_sub(u16::try_from(groups.len()).unwrap_or(u16::MAX));
        if let Some(group) = groups.get(self.scroll.at).filter(|_| spare > ABOUT) {
            about(group, Rect { y: list.bottom() - ABOUT, height: ABOUT, ..list }, p);
        }
        let rows = groups.iter().enumerate().skip(self.scroll.top).zip(list.top()..list.bottom());
        for ((n, group), y) in rows {
            row(shared, group, &columns, Rect { y, height: 1, ..list }, p);
            if n == self.scroll.at {
                p.line(Rect { y, height: 1, ..list }, Role::Cursor);
            }
        }
    }
}

fn toggle(groups: &mut GroupList, failure_type: FailureType, cx: &mut Cx<'_>) {
    cx.shared.toggle(failure_type);
    groups.scroll = Scroll::default();
}

/// Keeps the groups in their previous order, new ones last, so that rows don't move under the reader.
fn in_the_same_order(before: &[Group], mut groups: Vec<Group>) -> Vec<Group> {
    groups.sort_by_key(|group| before.iter().position(|old| old.id == group.id).unwrap_or(before.len()));
    groups
}

/// Returns the lines that say how to feed a file.
pub fn feeding(command: &str) -> Vec<(Role, String)> {
    let one = |role, text: &str| (role, text.to_owned());
    vec![
        one(Role::Text, "Feed it the failures your service logged, one JSON object per line:"),
        (Role::Key, format!("  {command} ingest failures.ndjson")),
        one(Role::Text, "or straight from its log:"),
        (Role::Key, format!("  tail -F failures.ndjson | {command} ingest")),
        one(Role::Text, "To see it all at work on a simulated API:"),
        one(Role::Key, "  dlq demo"),
    ]
}

/// A column: its title and its width.
type Column = (&'static str, u16);

const OPEN: Column = ("OPEN", 9);
const TYPE: Column = ("TYPE", 10);
const ALL: Column = ("ALL", 9);
const TREND: Column = ("LAST 12 H", 12);
const FIRST: Column = ("FIRST", 6);
const LAST: Column = ("LAST", 6);
const SENT: Column = ("SENT", 6);
const OBJECT: Column = ("OBJECT", 12);
const CODE: Column = ("CODE", 18);

/// Returns the columns before the message, which takes the rest of the width.
fn columns(width: u16) -> Vec<Column> {
    match width {
        0..60 => vec![OPEN, TYPE],
        60..80 => vec![OPEN, TYPE, LAST],
        80..110 => vec![OPEN, TYPE, TREND, LAST],
        110..150 => vec![OPEN, ALL, TYPE, TREND, FIRST, LAST, SENT, OBJECT],
        _ => vec![OPEN, ALL, TYPE, TREND, FIRST, LAST, SENT, OBJECT, CODE],
    }
}

/// Lines for the explanation of the group under the cursor, if there is room.
const ABOUT: u16 = 7;

/// Draws what the group under the cursor means, and what to do.
fn about(group: &Group, area: Rect, p: &mut Painter<'_>) {
    let explanation = explain(None, group.error_code.as_deref(), group.failure_type);
    p.rule(Rect { height: 1, ..area }, &format!("group {}", group.id));
    let code = group.error_code.as_deref().unwrap_or("no error code");
    let retryable =
        if explanation.retryable { "retryable" } else { "the same bytes will fail until the cause is fixed" };
    let lines = [
        (Role::Bad, code.to_owned()),
        (Role::Strong, group.message.clone()),
        (Role::Text, format!("{} ({retryable})", explanation.meaning)),
        (Role::Good, explanation.next.to_owned()),
    ];
    let inside = Rect { x: area.x + 1, y: area.y + 1, width: area.width.saturating_sub(2), height: area.height - 1 };
    let wrapped = lines
        .iter()
        .flat_map(|(role, text)| wrap(text, inside.width.into()).into_iter().map(move |line| (*role, line)));
    for ((role, line), y) in wrapped.zip(inside.top()..inside.bottom()) {
        p.text(inside.x, y, inside.width, &line, role);
    }
}

fn is_number(title: &str) -> bool {
    matches!(title, "OPEN" | "ALL")
}

fn row(shared: &Shared, group: &Group, columns: &[Column], area: Rect, p: &mut Painter<'_>) {
    let ago = |at| age(shared.now.since(at));
    let (mut x, y) = (area.x + 1, area.y);
    let faint = if group.open == 0 { Role::Faint } else { Role::Text };
    for &column in columns {
        let (title, width) = column;
        let text = match column {
            OPEN => thousands(group.open.unsigned_abs()),
            ALL => thousands(group.count.unsigned_abs()),
            TYPE => group.failure_type.name().to_owned(),
            FIRST => ago(group.first_seen),
            LAST => ago(group.last_seen),
            SENT => group.last_replayed.map_or_else(|| "-".to_owned(), ago),
            OBJECT => group.object.clone(),
            CODE => group.error_code.as_deref().unwrap_or("-").rsplit('.').next().unwrap_or_default().to_owned(),
            _ => trend(shared, group.id, 12 - 1).into_iter().map(|bar| p.theme.bar(bar)).collect(),
        };
        match column {
            OPEN => p.right(x, y, width - 1, &text, if group.open == 0 { Role::Faint } else { Role::Strong }),
            _ if is_number(title) => p.right(x, y, width - 1, &text, faint),
            _ => {
                let is_type = column == TYPE || column == TREND;
                p.text(x, y, width - 1, &text, if is_type { Role::Type(group.failure_type) } else { faint });
            }
        }
        x += width;
    }
    let message =
        if group.message.is_empty() { group.error_code.as_deref().unwrap_or("no message") } else { &group.message };
    p.text(x, y, area.right().saturating_sub(x), message, faint);
}
