//! The groups: one line per cause, and what the one under the cursor means.

mod care;
mod list;
mod pane;
mod preview;
mod sort;

use crossterm::event::{KeyCode, MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::Rect;
use tui_input::Input;

use self::preview::{Preview, below_title};
use self::sort::{GroupSort, Shown};
use crate::domain::failure_type::FailureType;
use crate::domain::filter::{Filter, NumberField, Range, Test};
use crate::domain::group::Group;
use crate::domain::ids::GroupId;
use crate::domain::selection::Selection;
use crate::query;
use crate::render::count::thousands;
use crate::tui::actions::{Action, Needs, Zone};
use crate::tui::aim::Aim;
use crate::tui::chips;
use crate::tui::dialogs::{Pick, What};
use crate::tui::frame;
use crate::tui::goals::{Go, Next, Query};
use crate::tui::keymap::Chord;
use crate::tui::msg::{Deed, GroupFacts, Question, Reading, ScreenId, Ticket};
use crate::tui::paint::Painter;
use crate::tui::screen::{Cx, Scene, Screen, Shared};
use crate::tui::scroll::{Scroll, ScrollStep};
use crate::tui::theme::Role;
use crate::tui::typing;

/// Width from which the pane stands beside the list.
const WIDE: u16 = 120;

/// The list of groups.
#[derive(Debug)]
pub struct GroupList {
    id: ScreenId,
    /// The groups, including those that are not shown.
    all: Vec<Group>,
    /// Cursor among the groups that are shown.
    scroll: Scroll,
    /// True if the groups have been read.
    is_read: bool,
    sort: GroupSort,
    descending: bool,
    /// Those that are shown, by their parking.
    parking: Shown,
    /// The filter line.
    input: Input,
    is_typing: bool,
    /// The text of the line before it was opened, which Esc restores.
    before: String,
    /// The line as a filter, or the reason why it can't be one.
    filter: Result<Filter, String>,
    /// Hazards and key windows of the group under the cursor.
    facts: Option<Box<GroupFacts>>,
    facts_ticket: Ticket,
    /// The group that they were asked for, and how many of its writes were open then.
    facts_of: Option<(GroupId, i64)>,
    preview: Preview,
}

/// The areas of the screen.
struct Parts {
    filter: Rect,
    head: Rect,
    list: Rect,
    /// The line between list and pane; empty where the pane is below.
    divider: Rect,
    pane: Rect,
    /// The writes of the group; empty where there is no room for them.
    preview: Rect,
}

impl GroupList {
    /// Creates the list; nothing has been read yet.
    pub fn new(id: ScreenId) -> Self {
        Self {
            id,
            all: Vec::new(),
            scroll: Scroll::default(),
            is_read: false,
            sort: GroupSort::Open,
            descending: true,
            parking: Shown::Waiting,
            input: Input::default(),
            is_typing: false,
            before: String::new(),
            filter: Ok(Filter::default()),
            facts: None,
            facts_ticket: Ticket::default(),
            facts_of: None,
            preview: Preview::new(id),
        }
    }

    /// Returns the groups that the chips and the filter let through.
    pub fn shown<'a>(&'a self, shared: &'a Shared) -> impl Iterator<Item = &'a Group> {
        let passes = |group: &&Group| self.filter.as_ref().ok().and_then(|filter| group.matches(filter));
        let is_shown = move |group: &&Group| {
            shared.shows(group.failure_type) && self.parking.has(group, shared.now) && passes(group).unwrap_or(true)
        };
        self.all.iter().filter(is_shown)
    }

    /// Returns the group under the cursor.
    pub fn current<'a>(&'a self, shared: &'a Shared) -> Option<&'a Group> {
        self.shown(shared).nth(self.scroll.at)
    }

    fn parts(&self, shared: &Shared, area: Rect) -> Parts {
        let mut rest = area;
        let groups = u16::try_from(self.shown(shared).count() + 1).unwrap_or(u16::MAX);
        let preview = Preview::take_area(&mut rest, groups.saturating_add(1));
        let filter = frame::take(&mut rest, 1);
        let mut divider = Rect::default();
        let pane = if area.width >= WIDE {
            let list = rest.width - if area.width < 160 { rest.width / 3 } else { rest.width * 2 / 5 };
            divider = Rect { x: rest.x + list, width: 1, ..rest };
            let pane = Rect { x: rest.x + list + 1, width: rest.width - list - 1, ..rest };
            rest.width = list;
            pane
        } else {
            // Half of the height is for the list, but no more than its groups need.
            let least = 8.min(area.height / 2).max(2);
            let height = least.max(rest.height.saturating_sub(groups.max(4)));
            frame::take_bottom(&mut rest, height)
        };
        let head = frame::take(&mut rest, 1);
        Parts { filter, head, list: rest, divider, pane, preview }
    }

    /// Takes in the groups; the cursor stays on its group.
    fn take(&mut self, groups: Vec<Group>, cx: &mut Cx<'_>) {
        let at = self.current(cx.shared).map(|group| group.id);
        self.all = groups;
        self.put_in_order();
        self.is_read = true;
        if let Some(found) = at.and_then(|id| self.shown(cx.shared).position(|group| group.id == id)) {
            self.scroll.at = found;
        }
        if let Some(story) = &mut cx.shared.demo {
            let schema = self.all.iter().find(|group| group.failure_type == FailureType::Schema);
            story.schema = schema.map(|group| (group.id, group.open));
        }
        self.resize(cx);
        self.ask_facts(cx);
    }

    fn put_in_order(&mut self) {
        self.sort.apply(&mut self.all, self.descending);
    }

    fn sort_by(&mut self, sort: GroupSort, descending: bool, cx: &mut Cx<'_>) {
        (self.sort, self.descending) = (sort, descending);
        self.put_in_order();
        self.scroll = Scroll::default();
        self.ask_facts(cx);
    }

    /// Asks for what is at stake in the group under the cursor, if that is another one or has changed.
    fn ask_facts(&mut self, cx: &mut Cx<'_>) {
        let Some(of) = self.current(cx.shared).map(|group| (group.id, group.open)) else { return };
        let id = of.0;
        if self.facts_of.replace(of) != Some(of) {
            self.facts_ticket = cx.ask(self.id, Question::GroupFacts(id));
        }
        self.show_preview(cx);
    }

    /// Shows the writes of the group under the cursor.
    fn show_preview(&mut self, cx: &mut Cx<'_>) {
        let area = self.preview_area(cx);
        let Some(group) = self.current(cx.shared).filter(|_| area.height > 0).cloned() else { return };
        self.preview.show(&group, &mut cx.within(area));
    }

    fn preview_area(&self, cx: &Cx<'_>) -> Rect {
        below_title(self.parts(cx.shared, cx.area).preview)
    }

    fn filter_changed(&mut self, cx: &mut Cx<'_>) {
        let fields = &cx.shared.overview.fields;
        let parsed = query::parse(self.input.value(), &|name| fields.iter().any(|field| field == name));
        self.filter = match parsed {
            Ok(filter) if self.all.iter().any(|group| group.matches(&filter).is_none()) => {
                let key = cx.shared.key(Action::NextScreen);
                Err(format!("groups don't have that: {key} goes to the writes"))
            }
            other => other.map_err(|error| error.message),
        };
        self.scroll = Scroll::default();
        self.ask_facts(cx);
    }

    fn set_filter(&mut self, text: String, cx: &mut Cx<'_>) {
        self.input = Input::new(text);
        self.filter_changed(cx);
    }

    fn toggle(&mut self, failure_type: FailureType, cx: &mut Cx<'_>) {
        cx.shared.toggle(failure_type);
        self.scroll = Scroll::default();
        self.ask_facts(cx);
    }

    fn draw_filter(&self, shared: &Shared, area: Rect, p: &mut Painter<'_>) {
        let mut x = chips::draw(shared, area, p);
        if let Some(name) = self.parking.name() {
            x = p.text(x, area.y, area.right().saturating_sub(x), &format!("[{name}]"), Role::On);
        }
        x = p.text(x, area.y, area.right().saturating_sub(x), " / ", Role::Key);
        let room = area.right().saturating_sub(x);
        match (&self.filter, self.is_typing) {
            (_, true) => typing::draw(&self.input, Rect { x, width: room, ..area }, p),
            _ if self.input.value().is_empty() => drop(p.text(x, area.y, room, "filter", Role::Faint)),
            _ => drop(p.text(x, area.y, room, self.input.value(), Role::Text)),
        }
        if let Err(why) = &self.filter {
            let y = area.y + 1;
            p.blank(Rect { y, height: 1, ..area });
            p.text(area.x + 1, y, area.width, why, Role::Bad);
        }
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
        } else if self.parking == Shown::Waiting && self.all.iter().all(|group| group.is_parked(shared.now)) {
            let text = format!("All groups are parked; {} shows them.", shared.key(Action::NextState));
            p.text(area.x + 2, area.y + 1, area.width.saturating_sub(2), &text, Role::Faint);
        } else {
            let text = format!("No group is like that; {} shows all again.", shared.key(Action::ClearFilter));
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
                cx.go(Go::ToWrites(Query::of(format!("group:{id}"))));
            }
            Action::Filter => {
                self.is_typing = true;
                self.input.value().clone_into(&mut self.before);
            }
            Action::ClearFilter => {
                cx.shared.types.clear();
                (self.sort, self.descending, self.parking) = (GroupSort::Open, true, Shown::Waiting);
                self.put_in_order();
                self.set_filter(String::new(), cx);
            }
            Action::Sort => self.sort_by(self.sort.next(), true, cx),
            Action::NextState | Action::PreviousState => {
                self.parking = self.parking.step(action == Action::NextState);
                self.scroll = Scroll::default();
                self.ask_facts(cx);
            }
            Action::Note => self.ask_note(cx),
            Action::Park => self.offer_parking(cx),
            Action::Reverse => self.sort_by(self.sort, !self.descending, cx),
            Action::Transient => self.toggle(FailureType::Transient, cx),
            Action::Schema => self.toggle(FailureType::Schema, cx),
            Action::BadData => self.toggle(FailureType::BadData, cx),
            Action::Auth => self.toggle(FailureType::Auth, cx),
            _ => {}
        }
    }

    fn is_typing(&self) -> bool {
        self.is_typing
    }

    fn key(&mut self, chord: Chord, cx: &mut Cx<'_>) {
        match chord.code() {
            KeyCode::Enter => match &self.filter {
                Ok(_) => self.is_typing = false,
                Err(why) => cx.say(Role::Warn, why.clone()),
            },
            KeyCode::Esc => {
                self.is_typing = false;
                let before = std::mem::take(&mut self.before);
                self.set_filter(before, cx);
            }
            _ => {
                if let Some(request) = typing::edit(chord) {
                    self.input.handle(request);
                    self.filter_changed(cx);
                }
            }
        }
    }

    fn paste(&mut self, text: &str, cx: &mut Cx<'_>) {
        if self.is_typing {
            typing::paste(&mut self.input, text);
            self.filter_changed(cx);
        }
    }

    fn back(&mut self, cx: &mut Cx<'_>) -> bool {
        let has_filter = !self.input.value().is_empty();
        if has_filter {
            self.set_filter(String::new(), cx);
        }
        has_filter
    }

    fn scroll(&mut self, step: ScrollStep, cx: &mut Cx<'_>) {
        let len = self.shown(cx.shared).count();
        self.scroll.go(step, len, frame::lines(self.parts(cx.shared, cx.area).list));
        self.ask_facts(cx);
    }

    fn refresh(&mut self, cx: &mut Cx<'_>) {
        cx.ask(self.id, Question::Groups);
        let area = self.preview_area(cx);
        if area.height > 0 {
            self.preview.refresh(&mut cx.within(area));
        }
    }

    fn hear(&mut self, ticket: Ticket, answer: Reading, cx: &mut Cx<'_>) {
        match answer {
            Reading::Groups(groups) => self.take(groups, cx),
            Reading::GroupFacts(facts) if ticket == self.facts_ticket => self.facts = Some(facts),
            other => {
                let area = self.preview_area(cx);
                self.preview.hear(ticket, other, &mut cx.within(area));
            }
        }
    }

    fn resize(&mut self, cx: &mut Cx<'_>) {
        let len = self.shown(cx.shared).count();
        self.scroll.keep_seen(len, frame::lines(self.parts(cx.shared, cx.area).list));
        self.show_preview(cx);
    }

    fn mouse(&mut self, event: MouseEvent, cx: &mut Cx<'_>) {
        let Parts { filter, list, preview, .. } = self.parts(cx.shared, cx.area);
        if event.kind != MouseEventKind::Down(MouseButton::Left) {
            return;
        }
        if self.is_typing {
            self.is_typing = false;
        } else if event.row == filter.y {
            self.act(Action::Filter, cx);
        } else if preview.contains((event.column, event.row).into()) {
            self.act(Action::Open, cx);
        } else if list.contains((event.column, event.row).into()) {
            let row = self.scroll.top + usize::from(event.row - list.y);
            if row == self.scroll.at {
                // A click on the row under the cursor opens it.
                self.act(Action::Open, cx);
            } else if row < self.shown(cx.shared).count() {
                self.scroll.at = row;
                self.ask_facts(cx);
            }
        }
    }

    fn picked(&mut self, pick: Pick, cx: &mut Cx<'_>) {
        match pick {
            Pick::Filter(text) => {
                cx.shared.types.clear();
                cx.go(Go::ToWrites(Query::of(text)));
            }
            Pick::Failed(query) => cx.go(Go::Over(Next::Writes(Query::of(query)))),
            Pick::Park(group, park) => cx.deed(Deed::Park(group, park)),
            Pick::ParkUntil(group) => care::ask_time(group, cx),
            _ => {}
        }
    }

    fn answered(&mut self, what: &What, answer: &str, cx: &mut Cx<'_>) -> Result<(), String> {
        care::answered(what, answer, cx)
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
        matches!(needs, Needs::Writes | Needs::Group) && self.current(shared).is_some()
    }

    fn summary(&self, shared: &Shared) -> String {
        let first = self.sort.first(self.descending);
        let order = if (self.sort, self.descending) == (GroupSort::Open, true) {
            String::new()
        } else {
            format!("{first} first, ")
        };
        let parked = match self.all.iter().filter(|group| group.is_parked(shared.now)).count() {
            0 => String::new(),
            parked => format!(", {parked} parked"),
        };
        format!("{order}{} of {}{parked}", self.shown(shared).count(), self.all.len())
    }

    fn scene(&self, shared: &Shared) -> Scene {
        let schema = shared.demo.as_ref().and_then(|story| story.schema).map(|(id, _)| id);
        Scene::Groups { on_schema: schema.is_some() && self.current(shared).map(|group| group.id) == schema }
    }

    fn draw(&self, shared: &Shared, area: Rect, p: &mut Painter<'_>) {
        let parts = self.parts(shared, area);
        let groups: Vec<&Group> = self.shown(shared).collect();
        if self.is_read && self.all.is_empty() {
            return self.empty(shared, area, p);
        }
        let has_objects = self.all.iter().any(|group| group.object != self.all[0].object);
        let columns = list::columns(parts.list.width, has_objects);
        list::head(&columns, self.sort, self.descending, parts.head, p);
        if groups.is_empty() {
            self.empty(shared, parts.list, p);
        }
        let rows = groups.iter().enumerate().skip(self.scroll.top).zip(parts.list.top()..parts.list.bottom());
        for ((n, group), y) in rows {
            list::row(&columns, shared, group, Rect { y, height: 1, ..parts.list }, p);
            if n == self.scroll.at {
                p.line(Rect { y, height: 1, ..parts.list }, Role::Cursor);
            }
        }
        p.more(groups.len(), self.scroll.top, parts.list);
        if parts.divider.width > 0 {
            p.divider(parts.divider);
        }
        if let Some(group) = groups.get(self.scroll.at) {
            let facts = self.facts.as_deref().filter(|facts| facts.id == group.id);
            pane::draw(group, facts, shared, parts.pane, p);
        }
        if parts.preview.height > 0 && !groups.is_empty() {
            self.preview.draw(shared, parts.preview, p);
        }
        self.draw_filter(shared, parts.filter, p);
    }
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
