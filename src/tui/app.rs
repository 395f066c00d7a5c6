//! The application: everything the terminal UI knows, and `update`, the only way to change it.

use std::collections::BTreeSet;
use std::time::Duration;

use super::actions::Zone;
use super::guide::Guide;
use super::keymap::{Chord, Keymap};
use super::msg::{Closed, Effect, HeaderData, Job, Msg, PagePart, Ticket};
use super::state::detail::DetailPane;
use super::state::dialog::Dialog;
use super::state::filter_line::FilterLine;
use super::state::plan::PlanScreen;
use super::state::run::RunScreen;
use super::state::scroll::Scroll;
use super::state::window::{CHUNK, Window};
use super::theme::{Role, Theme};
use super::view::layout::Layout;
use crate::domain::filter::{Filter, Test, TextField, TextMatch};
use crate::domain::group::Group;
use crate::domain::ids::RunId;
use crate::domain::ids::WriteId;
use crate::domain::run::Run;
use crate::domain::time::Timestamp;
use crate::store::{Order, Sort};
use crate::tui::msg::Edited;

/// Settings that the application starts with.
#[derive(Debug, Clone)]
pub struct Setup {
    /// Path of the file, for display.
    pub path: String,
    /// Command to suggest for this file: `dlq`, or `dlq --db FILE`.
    pub command: String,
    /// The target's base URL, if the command line gives one.
    pub base_url: Option<String>,
    /// The only target whose writes are shown; `None` for all.
    pub target: Option<String>,
    /// Saved filters: name and query.
    pub saved: Vec<(String, String)>,
    /// Key bindings.
    pub keymap: Keymap,
    /// Colours and symbols.
    pub theme: Theme,
    /// True if mouse input is on.
    pub mouse: bool,
    /// True if this is the demo.
    pub is_demo: bool,
}

/// State of the file that the UI shows.
#[derive(Debug)]
pub enum File {
    /// It is being opened.
    Opening,
    /// It is open.
    Open,
    /// It could not be opened.
    Closed(Closed),
}

/// The marked writes.
#[derive(Debug, Default)]
pub struct Marked {
    /// IDs of the writes marked singly or as a range.
    pub ids: BTreeSet<WriteId>,
    /// True if every matching write is marked, including those that come in later.
    pub all: bool,
    /// The write at which the range being marked began.
    pub from: Option<WriteId>,
}

/// A message shown for a few seconds.
#[derive(Debug, Clone)]
pub struct Toast {
    /// The role that it is drawn in.
    pub role: Role,
    /// The message.
    pub text: String,
    /// The time when it disappears.
    pub until: Timestamp,
}

/// An action that can be undone.
#[derive(Debug, Clone)]
pub enum Undo {
    /// Writes that were discarded, or resolved as applied.
    Settled(Vec<WriteId>),
    /// The edit of a write that made this revision.
    Edit(WriteId, i64),
}

/// An edit under review, before it is kept.
#[derive(Debug)]
pub struct Review {
    /// The edited write.
    pub id: WriteId,
    /// Result of the editor session.
    pub edited: Edited,
    /// The new body, or the reason why the text can't be one.
    pub result: Result<Vec<u8>, String>,
    /// Lines to show: a diff, or the text if it can't be a body.
    pub lines: Vec<(Role, String)>,
    /// Scroll position in those lines.
    pub scroll: Scroll,
}

/// The application: all state of the terminal UI.
#[derive(Debug)]
pub struct App {
    /// Settings that it was started with.
    pub setup: Setup,
    /// The terminal's width and height, in cells.
    pub size: (u16, u16),
    /// The clock, as of the last message.
    pub now: Timestamp,
    /// State of the file.
    pub file: File,
    /// Summary of the file, for the header.
    pub overview: HeaderData,
    /// The groups, including those that the type chips hide.
    pub groups: Vec<Group>,
    /// Cursor among the groups that are shown.
    pub groups_scroll: Scroll,
    /// True if the groups have been read.
    pub has_groups: bool,
    /// The part of the writes list that is in memory.
    pub writes: Window,
    /// Sort order of the writes.
    pub order: Order,
    /// The filter line and its chips.
    pub filter: FilterLine,
    /// Number of writes that match; `None` until they are counted.
    pub count: Option<i64>,
    /// True if a page of writes is being read.
    pub is_loading: bool,
    /// The marked writes.
    pub marks: Marked,
    /// The runs, the newest first.
    pub runs: Vec<Run>,
    /// Cursor among the runs.
    pub runs_scroll: Scroll,
    /// Detail of one write.
    pub detail: DetailPane,
    /// The plan that is shown.
    pub plan: Option<PlanScreen>,
    /// The run that is shown.
    pub run: Option<RunScreen>,
    /// This process's own run, while another one is shown.
    pub parked: Option<RunScreen>,
    pub(super) awaited_run: Option<RunId>,
    /// The edit under review.
    pub review: Option<Review>,
    /// Scroll position of the help.
    pub help_scroll: Scroll,
    /// Stack of places: a list at the bottom, the current place last.
    pub places: Vec<Zone>,
    /// The dialog that is open.
    pub dialog: Option<Dialog>,
    /// Messages on the screen, the newest last.
    pub toasts: Vec<Toast>,
    /// The long job that is under way.
    pub job: Option<Job>,
    /// Actions that can be undone, the newest last.
    pub undo: Vec<Undo>,
    /// The list's share of the width beside a detail, in percent.
    pub share: u16,
    /// The demo's guide.
    pub guide: Option<Guide>,
    /// True if the application quits when the run ends.
    pub quits_after_run: bool,
    /// True if the screen has to be redrawn.
    pub is_dirty: bool,
    pub(super) page_ticket: Ticket,
    pub(super) count_ticket: Ticket,
    pub(super) reads_again: bool,
    pub(super) came_from_run: bool,
    pub(super) is_counting: bool,
    pub(super) counts_again: bool,
    pub(super) is_dragging: bool,
    pub(super) tickets: Ticket,
    pub(super) effects: Vec<Effect>,
}

/// Sort order at the start.
pub(super) const NEWEST_FIRST: Order = Order { sort: Sort::Id, descending: true };
const TOAST: Duration = Duration::from_secs(5);

impl App {
    /// Creates the application and returns the effects to perform first.
    pub fn new(setup: Setup, size: (u16, u16), now: Timestamp) -> (Self, Vec<Effect>) {
        let guide = setup.is_demo.then(Guide::default);
        let mut app = Self {
            setup,
            size,
            now,
            file: File::Opening,
            overview: HeaderData::default(),
            groups: Vec::new(),
            groups_scroll: Scroll::default(),
            has_groups: false,
            writes: Window::default(),
            order: NEWEST_FIRST,
            filter: FilterLine::default(),
            count: None,
            is_loading: false,
            marks: Marked::default(),
            runs: Vec::new(),
            runs_scroll: Scroll::default(),
            detail: DetailPane::default(),
            plan: None,
            run: None,
            parked: None,
            awaited_run: None,
            review: None,
            help_scroll: Scroll::default(),
            places: vec![Zone::Groups],
            dialog: None,
            toasts: Vec::new(),
            job: None,
            undo: Vec::new(),
            share: 50,
            guide,
            quits_after_run: false,
            is_dirty: true,
            page_ticket: 0,
            count_ticket: 0,
            reads_again: false,
            came_from_run: false,
            is_counting: false,
            counts_again: false,
            is_dragging: false,
            tickets: 0,
            effects: vec![Effect::Open],
        };
        let effects = std::mem::take(&mut app.effects);
        (app, effects)
    }

    /// Handles a message and returns the effects that follow from it.
    pub fn update(&mut self, msg: Msg, now: Timestamp) -> Vec<Effect> {
        self.now = now;
        match msg {
            Msg::Tick => self.tick(),
            Msg::Changed => self.refresh(),
            other => {
                self.is_dirty = true;
                self.hear(other);
            }
        }
        std::mem::take(&mut self.effects)
    }

    fn hear(&mut self, msg: Msg) {
        match msg {
            Msg::Key(chord) => self.key(chord),
            Msg::Paste(text) => self.paste(&text),
            Msg::Mouse(event) => self.mouse(event),
            Msg::Resize(width, height) => {
                self.size = (width, height);
                self.keep_seen();
            }
            Msg::Terminate => self.terminate(),
            Msg::Resumed => self.effects.push(Effect::Redraw),
            answer => self.answer(answer),
        }
    }

    fn key(&mut self, chord: Chord) {
        // Toasts were about the screen as it was before this key.
        self.toasts.clear();
        if self.dialog.is_some() {
            self.dialog_key(chord);
        } else if self.filter.is_typing {
            self.filter_key(chord);
        } else if let Some(action) = self.setup.keymap.action(self.place(), chord) {
            self.act(action);
        }
    }

    fn tick(&mut self) {
        let before = self.toasts.len();
        self.toasts.retain(|toast| toast.until > self.now);
        self.is_dirty |= self.toasts.len() != before || before == 0;
        if matches!(self.file, File::Closed(Closed::Missing)) {
            self.effects.push(Effect::Open);
        }
        let now = self.now;
        if let Some(run) = self.own_mut()
            && run.is_under_way()
        {
            run.measure(now);
            self.is_dirty = true;
        }
    }

    /// Returns how long the screen stays valid if nothing happens.
    pub fn rest(&self) -> Duration {
        let toast = self.toasts.iter().map(|toast| toast.until.since(self.now)).min();
        let is_running =
            self.own().is_some_and(RunScreen::is_under_way) || self.run.as_ref().is_some_and(RunScreen::is_under_way);
        let run = is_running.then_some(Duration::from_millis(250));
        let closed = matches!(self.file, File::Closed(Closed::Missing)).then_some(Duration::from_secs(1));
        // The screen shows ages, so it is redrawn even if nothing happens.
        [toast, run, closed]
            .into_iter()
            .flatten()
            .min()
            .unwrap_or(Duration::from_secs(30))
            .max(Duration::from_millis(20))
    }

    /// Returns the current place, whose keys apply.
    pub fn place(&self) -> Zone {
        self.places.last().copied().unwrap_or(Zone::Groups)
    }

    /// Returns the list at the bottom of the stack of places.
    pub fn base(&self) -> Zone {
        self.places.first().copied().unwrap_or(Zone::Groups)
    }

    /// Returns true if the detail is on the screen, beside the list or over it.
    pub fn shows_detail(&self) -> bool {
        let list = matches!(self.place(), Zone::Writes) && Layout::is_wide(self.size.0);
        self.place() == Zone::Detail || list && self.detail.id.is_some()
    }

    /// Returns this process's own run, shown or not.
    pub fn own(&self) -> Option<&RunScreen> {
        self.run.as_ref().filter(|run| run.is_own()).or(self.parked.as_ref())
    }

    pub(super) fn own_mut(&mut self) -> Option<&mut RunScreen> {
        self.run.as_mut().filter(|run| run.is_own()).or(self.parked.as_mut())
    }

    /// Returns true if a run of this process is under way.
    pub fn is_sending(&self) -> bool {
        self.own().is_some_and(RunScreen::is_under_way)
    }

    /// Shows the run of this process again.
    pub(super) fn show_own(&mut self) {
        if let Some(own) = self.parked.take() {
            self.run = Some(own);
        }
    }

    /// Shows a message for a few seconds.
    pub(super) fn say(&mut self, role: Role, text: impl Into<String>) {
        self.toasts.push(Toast { role, text: text.into(), until: self.now.plus(TOAST) });
        if self.toasts.len() > 3 {
            self.toasts.remove(0);
        }
    }

    pub(super) fn ticket(&mut self) -> Ticket {
        self.tickets += 1;
        self.tickets
    }

    /// Rereads everything on the screen.
    pub(super) fn refresh(&mut self) {
        if !matches!(self.file, File::Open) {
            return;
        }
        self.effects.push(Effect::Overview);
        match self.base() {
            Zone::Groups => self.effects.push(Effect::Groups),
            Zone::Runs => self.effects.push(Effect::Runs),
            _ => self.read_again(),
        }
        if let Some(id) = self.detail.id.filter(|_| self.shows_detail()) {
            self.effects.push(Effect::Detail(id));
        }
        if let Some(id) = self.run.as_ref().and_then(|run| run.id) {
            self.effects.push(Effect::Run(id));
        }
    }

    /// Rereads the rows in memory, one read at a time.
    fn read_again(&mut self) {
        if self.is_loading {
            self.reads_again = true;
            return;
        }
        let (part, limit) = self.writes.again(self.order);
        self.read_page(part, limit);
        // A long count would never end if every change restarted it.
        if self.is_counting {
            self.counts_again = true;
        } else {
            self.read_count();
        }
    }

    /// Reads the list from the top, after the filter or the order has changed.
    pub(super) fn read_anew(&mut self) {
        self.writes.scroll = Scroll::default();
        self.count = None;
        self.marks.from = None;
        self.read_page(PagePart::First, CHUNK);
        self.read_count();
    }

    pub(super) fn read_page(&mut self, part: PagePart, limit: usize) {
        let Some(filter) = self.matching() else { return };
        let ticket = self.ticket();
        self.page_ticket = ticket;
        self.is_loading = true;
        self.reads_again = false;
        self.effects.push(Effect::Page { ticket, filter, order: self.order, part, limit });
    }

    pub(super) fn read_count(&mut self) {
        let Some(filter) = self.matching() else { return };
        self.is_counting = true;
        let ticket = self.ticket();
        self.count_ticket = ticket;
        self.effects.push(Effect::Count(ticket, filter));
    }

    /// Returns the filter and the target as one filter; `None` while the line can't be parsed.
    pub(super) fn matching(&mut self) -> Option<Filter> {
        let fields = std::mem::take(&mut self.overview.fields);
        let filter = self.filter.filter(&fields);
        self.overview.fields = fields;
        filter.map(|filter| self.of_target(filter))
    }

    pub(super) fn of_target(&self, filter: Filter) -> Filter {
        match &self.setup.target {
            Some(name) => filter.and(Test::Text(TextField::Target, vec![TextMatch::Is(name.clone())])),
            None => filter,
        }
    }

    /// Keeps every cursor on the screen.
    pub(super) fn keep_seen(&mut self) {
        let height = Layout::of(self).rows();
        self.writes.scroll.keep_seen(self.writes.rows.len(), height);
        let groups = self.shown_groups().count();
        self.groups_scroll.keep_seen(groups, height);
        self.runs_scroll.keep_seen(self.runs.len(), height);
    }

    fn terminate(&mut self) {
        if self.is_sending() && !self.quits_after_run {
            self.quits_after_run = true;
            self.show_own();
            self.stop_run();
        } else {
            self.effects.push(Effect::Quit);
        }
    }
}
