//! The list of writes, with its filter line, and the write under the cursor beside it.

mod choosing;
mod complete;
pub mod filter_line;
mod list;
mod marks;
mod mouse;
mod reading;
mod shown;
pub mod window;

use crossterm::event::MouseEvent;
use ratatui::layout::Rect;

use self::complete::{Completion, choices, complete};
use self::filter_line::{FilterLine, LineKey};
use self::marks::Marked;
use self::window::{CHUNK, Window};
use super::write::WritePage;
use crate::domain::failure_type::FailureType;
use crate::domain::write::WriteView;
use crate::store::{Order, Sort};
use crate::tui::actions::{Action, Needs, Zone};
use crate::tui::aim::Aim;
use crate::tui::dialogs::Pick;
use crate::tui::frame;
use crate::tui::goals::{Pair, Query};
use crate::tui::keymap::Chord;
use crate::tui::msg::{Detail, PagePart, Question, Reading, ScreenId, Ticket};
use crate::tui::paint::Painter;
use crate::tui::screen::{Cx, Scene, Screen, Shared, has_for_write};
use crate::tui::scroll::ScrollStep;
use crate::tui::theme::Role;
use crate::tui::typing;

/// Width from which list and write stand side by side.
const WIDE: u16 = 120;
/// Sort order at the start.
const NEWEST_FIRST: Order = Order { sort: Sort::Id, descending: true };

/// The list of writes.
#[derive(Debug)]
pub struct WriteList {
    id: ScreenId,
    /// The part of the list that is in memory.
    window: Window,
    /// Sort order.
    order: Order,
    /// The filter line and its state chip.
    filter: FilterLine,
    /// Number of writes that match; `None` until they are counted.
    count: Option<i64>,
    /// Number of writes that match but are in other states, if none are in those that are shown.
    elsewhere: Option<i64>,
    /// The marked writes.
    marks: Marked,
    /// True if a page is being read.
    is_loading: bool,
    /// True if the file has changed since the page was asked for.
    reads_again: bool,
    /// True if the matching writes are being counted.
    is_counting: bool,
    /// True if the file has changed since the count was asked for.
    counts_again: bool,
    page_ticket: Ticket,
    count_ticket: Ticket,
    elsewhere_ticket: Ticket,
    /// The write under the cursor.
    beside: WritePage,
    /// True if it is only looked at, below something else that has the keys.
    is_preview: bool,
    /// True if the keys go to the write rather than the list.
    is_in_write: bool,
    /// The list's share of the width beside a write, in percent.
    share: u16,
    /// True while the divider is being dragged.
    is_dragging: bool,
}

/// The areas of the screen.
struct Parts {
    /// Chips and filter line.
    filter: Rect,
    /// The error in the filter; empty if there is none.
    error: Rect,
    /// The titles of the columns.
    head: Rect,
    /// The rows.
    list: Rect,
    /// The line between list and write; empty where there is none.
    divider: Rect,
    /// The write; empty where there is none.
    write: Rect,
}

impl WriteList {
    /// Creates the list of the open writes; nothing has been read yet.
    pub fn new(id: ScreenId) -> Self {
        Self {
            id,
            window: Window::default(),
            order: NEWEST_FIRST,
            filter: FilterLine::default(),
            count: None,
            elsewhere: None,
            marks: Marked::default(),
            is_loading: false,
            reads_again: false,
            is_counting: false,
            counts_again: false,
            page_ticket: Ticket::default(),
            count_ticket: Ticket::default(),
            elsewhere_ticket: Ticket::default(),
            beside: WritePage::beside(id),
            is_preview: false,
            is_in_write: false,
            share: 50,
            is_dragging: false,
        }
    }

    /// Creates a list that is only looked at: it has no filter line, and doesn't count.
    pub fn preview(id: ScreenId) -> Self {
        Self { is_preview: true, ..Self::new(id) }
    }

    /// Returns the number of rows above the first one on the screen, among those in memory.
    pub fn above(&self) -> usize {
        self.window.scroll.top
    }

    pub(super) fn open(id: ScreenId, query: &Query, cx: &mut Cx<'_>) -> Self {
        let mut writes = Self::new(id);
        writes.visit(query, cx);
        writes
    }

    /// Shows the writes of another query.
    pub fn visit(&mut self, query: &Query, cx: &mut Cx<'_>) {
        self.filter.set(&query.text);
        self.filter.states = query.states;
        self.order = query.order.unwrap_or(self.order);
        self.set_in_write(false);
        self.filter_changed(cx);
    }

    /// Comes to the front as it was left, with the list rather than the write.
    pub fn show(&mut self, cx: &mut Cx<'_>) {
        self.set_in_write(false);
        if self.window.is_loaded { self.refresh(cx) } else { self.read_anew(cx) }
    }

    /// Starts typing a filter.
    pub fn open_filter(&mut self) {
        self.set_in_write(false);
        self.filter.open();
    }

    fn set_in_write(&mut self, is_in_write: bool) {
        self.is_in_write = is_in_write;
        self.beside.has_keys = is_in_write;
    }

    fn parts(&self, area: Rect) -> Parts {
        let mut rest = area;
        let (mut divider, mut write) = (Rect::default(), Rect::default());
        if self.is_in_write && area.width < WIDE {
            let none = Rect::default();
            return Parts { filter: none, error: none, head: none, list: none, divider, write: area };
        }
        let filter = frame::take(&mut rest, u16::from(!self.is_preview));
        let error = frame::take(&mut rest, if self.filter.error.is_some() { 3 } else { 0 });
        if area.width >= WIDE && self.beside.id.is_some() {
            let list = u16::try_from(u32::from(area.width) * u32::from(self.share) / 100).unwrap_or(area.width);
            write = Rect { x: rest.x + list + 2, width: rest.width - list - 2, ..rest };
            divider = Rect { x: rest.x + list, width: 1, ..rest };
            rest.width = list;
        }
        let head = frame::take(&mut rest, 1);
        Parts { filter, error, head, list: rest, divider, write }
    }

    fn rows(&self, area: Rect) -> usize {
        frame::lines(self.parts(area).list)
    }

    fn filter_changed(&mut self, cx: &mut Cx<'_>) {
        self.marks = Marked::default();
        self.read_anew(cx);
    }

    /// Shows the write under the cursor beside the list.
    fn follow_cursor(&mut self, cx: &mut Cx<'_>) {
        if self.is_in_write || cx.area.width < WIDE {
            return;
        }
        let current = self.window.current().map(|view| view.write.id);
        if current != self.beside.id {
            self.beside.show(current, cx);
        }
    }

    /// Opens the next write of the list, the cause first; the one before for -1.
    fn step(&mut self, by: isize, cx: &mut Cx<'_>) {
        self.set_in_write(false);
        self.scroll(ScrollStep::Lines(by), cx);
        self.beside.show_cause();
        self.open_write(cx);
    }

    fn toggle(&mut self, failure_type: FailureType, cx: &mut Cx<'_>) {
        cx.shared.toggle(failure_type);
        self.filter_changed(cx);
    }

    fn next_sort(&mut self, cx: &mut Cx<'_>) {
        const SORTS: [Sort; 6] = [Sort::Id, Sort::Time, Sort::Type, Sort::Status, Sort::Occurrences, Sort::Attempts];
        let at = SORTS.iter().position(|sort| *sort == self.order.sort).unwrap_or(0);
        self.order.sort = SORTS[(at + 1) % SORTS.len()];
        self.read_anew(cx);
    }

    fn open_write(&mut self, cx: &mut Cx<'_>) {
        let Some(id) = self.window.current().map(|view| view.write.id) else { return };
        self.beside.show(Some(id), cx);
        self.set_in_write(true);
    }

    fn complete(&mut self, cx: &mut Cx<'_>) {
        let (text, cursor) = (self.filter.text().to_owned(), self.filter.cursor());
        self.filter.chosen = 0;
        self.filter.ticket = Ticket::default();
        match complete(&text, cursor, &cx.shared.overview.fields) {
            Completion::Choices(choices) => {
                self.filter.choices = choices;
                if self.filter.choices.is_empty() {
                    cx.say(Role::Text, "nothing to complete");
                } else if self.filter.choices.len() == 1 {
                    self.filter.complete();
                    self.filter_changed(cx);
                }
            }
            Completion::Values(start, field, part) => {
                self.filter.value_start = start;
                self.filter.ticket = cx.ask(self.id, Question::Values(field, part));
            }
            Completion::BodyValues(start, path, part) => {
                self.filter.value_start = start;
                self.filter.ticket = cx.ask(self.id, Question::BodyValues(path, part));
            }
        }
    }
}

impl Screen for WriteList {
    fn zone(&self) -> Zone {
        if self.is_in_write { Zone::Detail } else { Zone::Writes }
    }

    fn id(&self) -> ScreenId {
        self.id
    }

    fn path(&self) -> Vec<&'static str> {
        let list = Zone::Writes.name();
        if self.is_in_write { vec![list, Zone::Detail.name()] } else { vec![list] }
    }

    fn act(&mut self, action: Action, cx: &mut Cx<'_>) {
        match action {
            Action::Narrower => self.share = self.share.saturating_sub(5).max(30),
            Action::Wider => self.share = (self.share + 5).min(70),
            Action::NextWrite => self.step(1, cx),
            Action::PreviousWrite => self.step(-1, cx),
            _ if self.is_in_write => {
                let area = self.parts(cx.area).write;
                self.beside.act(action, &mut cx.within(area));
            }
            Action::Open => self.open_write(cx),
            Action::Filter => self.open_filter(),
            Action::ClearFilter => {
                self.filter.clear();
                cx.shared.types.clear();
                self.order = NEWEST_FIRST;
                self.filter_changed(cx);
            }
            Action::Transient => self.toggle(FailureType::Transient, cx),
            Action::Schema => self.toggle(FailureType::Schema, cx),
            Action::BadData => self.toggle(FailureType::BadData, cx),
            Action::Auth => self.toggle(FailureType::Auth, cx),
            Action::NextState | Action::PreviousState => {
                self.filter.states = self.filter.states.step(action == Action::NextState);
                self.filter_changed(cx);
            }
            Action::Sort => self.next_sort(cx),
            Action::Reverse => {
                self.order.descending = !self.order.descending;
                self.read_anew(cx);
            }
            Action::Mark => self.mark(cx),
            Action::Columns => self.choose_columns(cx),
            Action::MarkRange => self.mark_range(),
            Action::MarkAll => self.marks.toggle_all(),
            _ => {}
        }
    }

    fn scroll(&mut self, step: ScrollStep, cx: &mut Cx<'_>) {
        let parts = self.parts(cx.area);
        if self.is_in_write {
            return self.beside.scroll(step, &mut cx.within(parts.write));
        }
        let wanted = self.window.go(step, self.order, frame::lines(parts.list));
        if let Some(part) = wanted.filter(|part| !self.is_loading || matches!(part, PagePart::First | PagePart::Last)) {
            self.read_page(part, CHUNK, cx);
        }
        self.mark_up_to_cursor();
        self.follow_cursor(cx);
    }

    fn is_typing(&self) -> bool {
        if self.is_in_write { self.beside.is_typing() } else { self.filter.is_typing }
    }

    fn key(&mut self, chord: Chord, cx: &mut Cx<'_>) {
        if self.is_in_write {
            let area = self.parts(cx.area).write;
            return self.beside.key(chord, &mut cx.within(area));
        }
        match self.filter.key(chord) {
            LineKey::Nothing => {}
            LineKey::Edits => self.filter_changed(cx),
            LineKey::Refuses => cx.say(Role::Warn, "the filter can't be read: see the mark under it"),
            LineKey::Completes => self.complete(cx),
        }
    }

    fn paste(&mut self, text: &str, cx: &mut Cx<'_>) {
        if self.is_in_write {
            let area = self.parts(cx.area).write;
            self.beside.paste(text, &mut cx.within(area));
        } else if self.filter.is_typing {
            typing::paste(&mut self.filter.input, text);
            self.filter.choices.clear();
            self.filter_changed(cx);
        }
    }

    fn back(&mut self, cx: &mut Cx<'_>) -> bool {
        if self.is_in_write {
            if !self.beside.back(cx) {
                self.set_in_write(false);
                self.refresh(cx);
            }
            return true;
        }
        let has_marks = !self.marks.is_empty() || self.marks.from.is_some();
        self.marks = Marked::default();
        has_marks
    }

    fn refresh(&mut self, cx: &mut Cx<'_>) {
        if self.beside.id.is_some() && self.parts(cx.area).write.width > 0 {
            self.beside.refresh(cx);
        }
        self.read_again(cx);
    }

    fn hear(&mut self, ticket: Ticket, answer: Reading, cx: &mut Cx<'_>) {
        match answer {
            answer @ Reading::Detail(..) => {
                self.beside.hear(ticket, answer, cx);
                if self.is_in_write && self.beside.id.is_none() {
                    // The step back that it asked for is one within this screen.
                    cx.out.steps.pop();
                    self.set_in_write(false);
                }
            }
            Reading::Values(values) if ticket == self.filter.ticket && self.filter.is_typing => {
                self.filter.choices = choices(self.filter.value_start, values);
                self.filter.chosen = 0;
            }
            answer if ticket == self.page_ticket => self.hear_page(answer, cx),
            Reading::Count(count) if ticket == self.elsewhere_ticket => self.elsewhere = Some(count),
            answer if ticket == self.count_ticket => self.hear_count(&answer, cx),
            _ => {}
        }
    }

    fn resize(&mut self, cx: &mut Cx<'_>) {
        let height = self.rows(cx.area);
        self.window.scroll.keep_seen(self.window.rows.len(), height);
    }

    fn mouse(&mut self, event: MouseEvent, cx: &mut Cx<'_>) {
        self.on_mouse(event, cx);
    }

    fn picked(&mut self, pick: Pick, cx: &mut Cx<'_>) {
        match pick {
            Pick::Filter(text) => {
                cx.shared.types.clear();
                self.visit(&Query::of(text), cx);
            }
            Pick::Failed(query) => {
                self.filter.narrow_to(&query, &cx.shared.overview.fields);
                self.filter_changed(cx);
            }
            Pick::Column(column) => self.switch_column(column, cx),
            Pick::FittingColumns => shown::remember(None, cx),
            _ => {}
        }
    }

    fn unmark(&mut self) {
        self.marks = Marked::default();
    }

    fn write(&self) -> Option<&WriteView> {
        if self.is_in_write { self.beside.write() } else { self.window.current() }
    }

    fn detail(&self) -> Option<&Detail> {
        let id = self.write()?.write.id;
        self.beside.detail().filter(|detail| detail.view.write.id == id)
    }

    fn records(&self) -> Option<usize> {
        self.detail().and(self.beside.records())
    }

    fn value(&self) -> Option<(String, String)> {
        self.beside.value().filter(|_| self.is_in_write)
    }

    fn aim(&self, shared: &Shared) -> Option<Aim> {
        if self.is_in_write || self.marks.is_empty() {
            return self.write().map(|view| Aim::of_ids([view.write.id]));
        }
        if !self.marks.is_all() {
            return Some(Aim::of_ids(self.marks.ids().iter().copied()));
        }
        self.all(shared)
    }

    fn pair(&self) -> Option<Pair> {
        let mut ids = self.marks.ids().iter().copied();
        match (ids.next(), ids.next(), ids.next()) {
            (Some(old), Some(new), None) if !self.marks.is_all() => Some(Pair::Writes(old, new)),
            _ => None,
        }
    }

    fn wider(&self, shared: &Shared) -> Option<Aim> {
        let is_of_one = !self.is_in_write && self.marks.is_empty() && self.count.is_some_and(|count| count > 1);
        self.all(shared).filter(|_| is_of_one && !self.filter.is_clear())
    }

    fn has(&self, needs: Needs, _world: &Shared) -> bool {
        match needs {
            Needs::Writes if !self.is_in_write && !self.marks.is_empty() => true,
            other => has_for_write(self.write(), other),
        }
    }

    fn summary(&self, shared: &Shared) -> String {
        list::summary(self, shared)
    }

    fn scene(&self, _shared: &Shared) -> Scene {
        if self.is_in_write { Scene::Write } else { Scene::Writes }
    }

    fn draw(&self, shared: &Shared, area: Rect, p: &mut Painter<'_>) {
        let parts = self.parts(area);
        if parts.list.width > 0 {
            list::draw(self, shared, &parts, p);
        }
        if parts.divider.width > 0 {
            p.divider(parts.divider);
        }
        if parts.write.width > 0 {
            self.beside.draw(shared, parts.write, p);
        }
        list::choices(self, &parts, p);
    }
}
