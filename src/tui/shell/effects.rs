//! Effects: queries of the file, runs, exports. Each runs in its own task, and its answer comes
//! back as a message.

use std::collections::HashMap;
use std::mem::Discriminant;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::task::AbortHandle;
use tokio_util::sync::CancellationToken;

use super::editor::EditJob;
use super::{Heard, TuiSettings};
use crate::capture::{DEFAULT_TARGET, export};
use crate::config::read_token;
use crate::domain::action::{Action, Settling};
use crate::domain::arrivals::Span;
use crate::domain::filter::Filter;
use crate::domain::ids::{RunId, WriteId};
use crate::domain::target::Windows;
use crate::render::count::writes;
use crate::replay::{Launch, Prepared, RunEvent, RunReport, RunTerms, SendOptions, prepare, report_on};
use crate::store::{
    self, By, CountBy, HistoryEntry, LaneCache, OpenOptions, Order, PageRequest, Settled, Store, StoreError,
};
use crate::tui::msg::{
    Chosen, Closed, Deed, Detail, HeaderData, Job, Msg, PagePart, PlanChoices, Question, Reading, Ready, Rows,
    ScreenId, Start, Ticket,
};

/// Everything that effects need.
pub(super) struct Outside {
    world: Arc<Outdoors>,
    runtime: Handle,
    opening: Option<AbortHandle>,
    /// The work on the last question of each kind, by screen.
    asked: HashMap<(ScreenId, Discriminant<Question>), AbortHandle>,
}

pub(super) struct Outdoors {
    settings: TuiSettings,
    store: Mutex<Option<Arc<dyn Store>>>,
    heard: Sender<Heard>,
    /// The span of the histogram, and when it was fitted.
    span: Mutex<Option<(Span, Instant)>>,
    /// True if the job that is under way is to be cancelled.
    gives_up: AtomicBool,
}

/// Interval at which a run's events are passed on, in bunches.
const BUNCH: Duration = Duration::from_millis(30);
/// The most values offered as completions.
const VALUES: usize = 20;
/// Interval at which the file is looked for at its path.
const LOOK_EVERY: Duration = Duration::from_millis(400);
/// Interval at which the span of the histogram is fitted anew.
const FIT_EVERY: Duration = Duration::from_secs(30);
/// The most runs to list.
const RUNS: usize = 200;
/// Number of writes settled per transaction; between two of them others have their turn, and the
/// job can be cancelled.
const SETTLED_AT_ONCE: usize = 2000;

impl Outside {
    pub(super) fn new(settings: TuiSettings, runtime: Handle, heard: Sender<Heard>) -> Self {
        let world = Arc::new(Outdoors {
            settings,
            store: Mutex::default(),
            heard,
            span: Mutex::default(),
            gives_up: AtomicBool::new(false),
        });
        Self { world, runtime, opening: None, asked: HashMap::new() }
    }

    /// Opens the file.
    pub(super) fn open(&mut self) {
        let world = Arc::clone(&self.world);
        if let Some(before) = self.opening.replace(self.runtime.spawn(world.open()).abort_handle()) {
            before.abort();
        }
    }

    /// Asks the file something. An earlier question of the same kind from the same screen is given up, and its query
    /// with it.
    pub(super) fn ask(&mut self, ticket: Ticket, question: Question) {
        let Some(store) = self.world.store() else { return };
        let world = Arc::clone(&self.world);
        let slot = (ticket.screen, std::mem::discriminant(&question));
        let task = self.runtime.spawn(async move {
            let answer = world.answer(&*store, question).await.unwrap_or_else(|e| Reading::Failed(e.to_string()));
            world.tell(Msg::Answer(ticket, answer));
        });
        if let Some(before) = self.asked.insert(slot, task.abort_handle()) {
            before.abort();
        }
    }

    /// Gives up a question.
    pub(super) fn forget(&mut self, ticket: Ticket, question: &Question) {
        if let Some(task) = self.asked.remove(&(ticket.screen, std::mem::discriminant(question))) {
            task.abort();
        }
    }

    /// Changes something; that is never cancelled half-way.
    pub(super) fn change(&self, change: Deed) {
        let world = Arc::clone(&self.world);
        match change {
            // At once, since the job that it is about keeps its own task busy.
            Deed::GiveUpJob => self.world.gives_up.store(true, Ordering::Relaxed),
            other => drop(self.runtime.spawn(async move { world.change(other).await })),
        }
    }
}

impl Outdoors {
    fn tell(&self, msg: Msg) {
        // Once the screen is closed, nobody listens any more.
        let _ = self.heard.send(Heard::Msg(msg));
    }

    fn store(&self) -> Option<Arc<dyn Store>> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn windows(&self) -> Windows {
        self.settings.config.windows()
    }

    fn target(&self) -> Option<&str> {
        self.settings.setup.target.as_deref()
    }

    /// Returns the target that the command line and the environment speak of.
    fn meant(&self) -> &str {
        self.target().unwrap_or(DEFAULT_TARGET)
    }

    async fn open(self: Arc<Self>) {
        let world = Arc::clone(&self);
        let opened = tokio::task::spawn_blocking(move || {
            let options = OpenOptions::default();
            let busy_timeout = world.settings.config.busy_timeout.unwrap_or(options.busy_timeout);
            let options = OpenOptions { busy_timeout, ..options };
            match store::open(&world.settings.path, options) {
                // It can at least be read.
                Err(StoreError::ReadOnly(_)) => {
                    store::open(&world.settings.path, OpenOptions { write: false, ..options })
                }
                other => other,
            }
        });
        let opened = opened.await.unwrap_or(Err(StoreError::Gone));
        let result = opened.and_then(|store| store.changes().map(|changes| (store, changes)));
        match result {
            Ok((store, mut changes)) => {
                *self.store.lock().unwrap_or_else(PoisonError::into_inner) = Some(store);
                let heard = self.heard.clone();
                tokio::spawn(
                    async move { while changes.next().await && heard.send(Heard::Msg(Msg::Changed)).is_ok() {} },
                );
                self.tell(Msg::Opened(Ok(())));
                tokio::spawn(async move { self.watch_place().await });
            }
            Err(StoreError::Missing(_)) => self.tell(Msg::Opened(Err(Closed::Missing))),
            Err(error) => self.tell(Msg::Opened(Err(Closed::Unusable(error.to_string())))),
        }
    }

    /// Watches that the file stays at its path; closes it if it doesn't.
    async fn watch_place(&self) {
        while let Some(store) = self.store() {
            if store.in_place().is_err() {
                *self.store.lock().unwrap_or_else(PoisonError::into_inner) = None;
                return self.tell(Msg::Opened(Err(Closed::Replaced)));
            }
            drop(store);
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    async fn answer(&self, store: &dyn Store, question: Question) -> Result<Reading, StoreError> {
        Ok(match question {
            Question::Overview => Reading::Overview(Box::new(self.overview(store).await?)),
            Question::Groups => Reading::Groups(store.groups_without_examples(self.target()).await?),
            Question::Runs => Reading::Runs(store.runs(RUNS).await?),
            Question::Page { filter, order, part, limit } => {
                Reading::Page(Box::new(self.page(store, filter, order, part, limit).await?))
            }
            Question::Count(filter) => Reading::Count(self.count(store, filter).await?),
            Question::Detail(id) => Reading::Detail(id, self.detail(store, id).await?.map(Box::new)),
            Question::Values(field, part) => Reading::Values(store.values_of(field, &part, VALUES).await?),
            Question::BodyValues(path, part) => Reading::Values(store.body_values(&path, &part, VALUES).await?),
            Question::Plan(chosen, terms) => Reading::Plan(self.prepare(store, chosen, terms).await.map(Box::new)),
            Question::Run(id) => Reading::Run(store.run(id).await?.map(Box::new)),
            Question::Causes(run) => Reading::Causes(store.causes(run).await?),
            Question::GroupFacts(id) => Reading::GroupFacts(Box::new(self.group_facts(store, id).await?)),
            Question::Pair(pair) => self.pair(store, pair).await?,
            Question::Common(filter) => Reading::Common(Box::new(self.common(store, filter).await?)),
            Question::Report(about) => {
                Reading::Report(Box::new(report_on(store, about, self.target(), self.windows()).await?))
            }
        })
    }

    pub(super) async fn page(
        &self,
        store: &dyn Store,
        filter: Filter,
        order: Order,
        part: PagePart,
        limit: usize,
    ) -> Result<Rows, StoreError> {
        let (after, backward) = match &part {
            PagePart::First => (None, false),
            PagePart::Last => (None, true),
            PagePart::From(cursor) | PagePart::After(cursor) => (Some(cursor.clone()), false),
            PagePart::Before(cursor) => (Some(cursor.clone()), true),
        };
        let lanes = LaneCache::default();
        let run = filter.one_run();
        let request = PageRequest { filter, order, after, backward, limit, bodies: false, lanes };
        let page = store.page(request, self.windows()).await?;
        if let Some((id, why)) = page.damaged.first() {
            self.tell(Msg::Trouble(format!("write {id}: {why}; see dlq doctor")));
        }
        let ids = page.writes.iter().map(|view| view.write.id).collect();
        let outcomes = match run {
            Some(run) => store.outcomes_in(run, ids).await?,
            None => Vec::new(),
        };
        Ok(Rows { part, writes: page.writes, more: page.next.is_some(), outcomes })
    }

    /// Returns the span of the histogram, which is fitted anew only now and then.
    async fn span(&self, store: &dyn Store) -> Result<Span, StoreError> {
        let known = *self.span.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((span, _)) = known.filter(|(_, at)| at.elapsed() < FIT_EVERY) {
            return Ok(span);
        }
        let span = store.fitting_span(self.target()).await?;
        *self.span.lock().unwrap_or_else(PoisonError::into_inner) = Some((span, Instant::now()));
        Ok(span)
    }

    async fn overview(&self, store: &dyn Store) -> Result<HeaderData, StoreError> {
        let span = self.span(store).await?;
        Ok(HeaderData {
            counts: store.counts(CountBy::Type, self.target()).await?,
            span: Some(span),
            arrivals: store.arrivals(self.target(), span).await?,
            targets: store.targets().await?,
            windows: store.key_windows(self.windows(), self.target()).await?,
            fields: store.record_fields().await?,
            last_id: Some(store.last_id().await?),
        })
    }

    pub(super) async fn detail(&self, store: &dyn Store, id: WriteId) -> Result<Option<Detail>, StoreError> {
        let windows = self.windows();
        let Some(view) = store.write_view(id, windows.clone()).await? else { return Ok(None) };
        let history = store.history(id).await?;
        let attempts = history.iter().filter_map(|entry| match entry {
            HistoryEntry::Attempt(attempt) => Some(attempt.clone()),
            HistoryEntry::Action(_) => None,
        });
        let is_edit = |entry: &HistoryEntry| matches!(entry, HistoryEntry::Action(did) if matches!(did.action, Action::Edit { .. } | Action::UndoEdit { .. }));
        let was_edited = view.write.revision > 0 || history.iter().any(is_edit);
        let target = store.targets().await?.into_iter().find(|target| target.id == view.write.target_id);
        Ok(Some(Detail {
            attempts: attempts.collect(),
            neighbours: store.lane_mates(id).await?,
            // The bodies of a write that was never edited are one, which is here already.
            revisions: if was_edited { store.revisions(id).await? } else { Vec::new() },
            evidence: if view.body.is_none() { store.evidence(id).await? } else { None },
            window: windows.of(&view.write.target),
            base_url: target.and_then(|target| target.base_url).map(|base| base.to_string()),
            captured: store.captured(id).await?,
            history,
            view,
        }))
    }

    async fn prepare(&self, store: &dyn Store, chosen: Chosen, terms: PlanChoices) -> Result<Ready, String> {
        let config = &self.settings.config;
        let in_words = |error: StoreError| error.to_string();
        let data = match chosen {
            Chosen::Matching(filter) => store.plan_data(&filter, terms.limit, config.windows()).await,
            Chosen::RestOf(run) => store.rest_of_run(run).await.map(|rest| rest.data),
        };
        let data = data.map_err(in_words)?;
        let name = match data.targets.as_slice() {
            [] => self.meant().to_owned(),
            [one] => one.clone(),
            several => {
                return Err(format!(
                    "these writes are for several targets ({}): a run has one; filter with target:NAME",
                    several.join(", ")
                ));
            }
        };
        let options = SendOptions {
            target: config.target(&name),
            base_url: self.settings.base_url.clone().filter(|_| name == self.meant()),
            pace: terms.pace,
            allowed: terms.allowed,
            new_key: terms.new_key,
        };
        let no_token = match &self.settings.demo {
            Some(_) => None,
            None => read_token(&options.target, self.meant()).err().map(|why| why.to_string()),
        };
        let prepared = prepare(store, data, options).await.map_err(in_words)?;
        Ok(Ready { prepared, no_token })
    }

    async fn start(self: Arc<Self>, start: Start) {
        match self.send(start).await {
            Ok(report) => self.tell(Msg::Ended(Ok(Box::new(report)))),
            Err(why) => self.tell(Msg::Began(Err(why))),
        }
    }

    async fn send(self: &Arc<Self>, start: Start) -> Result<RunReport, String> {
        let store = self.store().ok_or("the file is not open")?;
        let prepared = Prepared::clone(&start.prepared);
        let token = match &self.settings.demo {
            Some(demo) => Some(demo.token.clone()),
            None => read_token(&prepared.options.target, self.meant()).map_err(|e| e.to_string())?,
        };
        let terms = RunTerms {
            canaries: start.canaries,
            max_attempts: start.max_attempts,
            reason: start.reason,
            ..RunTerms::new(start.selection, start.filter)
        };
        let launch = Launch { prepared, terms, operator: self.settings.operator.clone(), token };
        let (events, mut happened) = tokio::sync::mpsc::unbounded_channel();
        let (stop, abort) = (CancellationToken::new(), CancellationToken::new());
        let replay = launch.begin(store, events, stop, abort).await.map_err(|error| error.to_string())?;
        let world = Arc::clone(self);
        let telling = tokio::spawn(async move {
            let mut bunch = Vec::new();
            while happened.recv_many(&mut bunch, 4096).await > 0 {
                if let Some(RunEvent::Began(id)) = bunch.iter().find(|event| matches!(event, RunEvent::Began(_))) {
                    world.tell(Msg::Began(Ok(*id)));
                }
                world.tell(Msg::Run(std::mem::take(&mut bunch)));
                tokio::time::sleep(BUNCH).await;
            }
        });
        let report = replay.run().await;
        let _ = telling.await;
        Ok(report)
    }

    async fn change(self: Arc<Self>, change: Deed) {
        let Some(store) = &self.store() else {
            return self.tell(Msg::Done(Err("the file is not open".to_owned())));
        };
        let operator = &self.settings.operator;
        match change {
            Deed::Start(start) => Arc::clone(&self).start(*start).await,
            Deed::AskRun(run, change) => {
                let asked: Result<_, StoreError> = store.ask_run(run, change, By::new(operator)).await;
                match asked {
                    Ok(_) => self.tell_run(&**store, run).await,
                    Err(error) => self.tell(Msg::Trouble(error.to_string())),
                }
            }
            Deed::Settle(filter, event, reason) => {
                let ids = store.matching_ids(&filter, self.windows()).await;
                match ids {
                    Ok(ids) => self.settle(&**store, ids, event, reason).await,
                    Err(error) => self.tell(Msg::Settled(event, Err(error.to_string()))),
                }
            }
            Deed::SettleThese(ids, event, reason) => self.settle(&**store, ids, event, reason).await,
            Deed::Edit(id) => match store.write_view(id, self.windows()).await {
                Ok(Some(view)) => {
                    let (before, sha) = (view.body.unwrap_or_default(), view.write.body_sha256);
                    let _ = self.heard.send(Heard::Editor(Box::new(EditJob { id, before, sha, file: None })));
                }
                Ok(None) => self.tell(Msg::Trouble(format!("write {id} is gone"))),
                Err(error) => self.tell(Msg::Trouble(error.to_string())),
            },
            Deed::EditAgain(id, edited) => {
                let job = EditJob { id, before: edited.before, sha: edited.sha, file: Some(edited.file) };
                let _ = self.heard.send(Heard::Editor(Box::new(job)));
            }
            Deed::Keep { id, sha, body, reason, file } => {
                let kept = store.edit(id, sha, body, By::new(operator).because(reason.as_deref())).await;
                if kept.is_ok() {
                    let _ = std::fs::remove_file(&file);
                }
                let kept = kept.map_err(|e| format!("{e}; what was typed is in {}", file.display()));
                self.tell(Msg::Kept(id, kept));
            }
            Deed::Discard(file) => drop(std::fs::remove_file(file)),
            Deed::Unkeep(id, revision) => {
                let undone = store.undo_edit(id, revision, By::new(operator)).await;
                self.tell(Msg::Unkept(id, undone.map_err(|e| e.to_string())));
            }
            Deed::Split(id, which, reason) => {
                let rules = self.settings.config.batch_rules();
                let split = store.split(id, rules, which, By::new(operator).because(Some(&reason))).await;
                let split = split.map(|parts| format!("write {id} was split into {}", writes(parts.len() as u64)));
                self.tell(Msg::Done(split.map_err(|e| e.to_string())));
            }
            Deed::Unsplit(id, reason) => {
                let unsplit = store.unsplit(id, By::new(operator).because(Some(&reason))).await;
                let unsplit = unsplit.map(|parts| format!("the split of write {id} into {parts} was taken back"));
                self.tell(Msg::Done(unsplit.map_err(|e| e.to_string())));
            }
            Deed::Save(path, text) => self.tell(Msg::Done(save(&path, &text))),
            Deed::Export(filter, path) => self.export(store, filter, path).await,
            Deed::Fix => {
                if let Some(demo) = &self.settings.demo {
                    (demo.fix)();
                    self.tell(Msg::Fixed);
                }
            }
            Deed::Check => {
                if let Some(demo) = &self.settings.demo {
                    self.tell(Msg::Verdict((demo.check)()));
                }
            }
            Deed::GiveUpJob => self.gives_up.store(true, Ordering::Relaxed),
        }
    }

    async fn tell_run(&self, store: &dyn Store, run: RunId) {
        if let Ok(Some(known)) = store.run(run).await {
            self.tell(Msg::RunIs(Box::new(known)));
        }
    }

    async fn settle(&self, store: &dyn Store, ids: Vec<WriteId>, event: Settling, reason: Option<String>) {
        let total = ids.len();
        let mut settled = Settled::default();
        self.gives_up.store(false, Ordering::Relaxed);
        for some in ids.chunks(SETTLED_AT_ONCE) {
            if self.gives_up.load(Ordering::Relaxed) {
                break;
            }
            if total > SETTLED_AT_ONCE {
                let done = (settled.done.len() + settled.refused.len()) as u64;
                self.tell(Msg::Job(Some(Job { what: "settling".to_owned(), done, total: Some(total as u64) })));
            }
            let operator = &self.settings.operator;
            let by = By::new(operator).because(reason.as_deref());
            match store.settle(some.to_vec(), event, by).await {
                Ok(more) => {
                    settled.done.extend(more.done);
                    settled.refused.extend(more.refused);
                }
                Err(error) => {
                    self.tell(Msg::Trouble(error.to_string()));
                    break;
                }
            }
        }
        self.tell(Msg::Job(None));
        self.tell(Msg::Settled(event, Ok(settled)));
    }

    async fn export(self: &Arc<Self>, store: &Arc<dyn Store>, filter: Filter, path: PathBuf) {
        let (store, windows, shown) = (Arc::clone(store), self.windows(), path.display().to_string());
        let world = Arc::clone(self);
        self.gives_up.store(false, Ordering::Relaxed);
        let exported = tokio::task::spawn_blocking(move || {
            let mut goes_on = |done| {
                world.tell(Msg::Job(Some(Job { what: "exporting".to_owned(), done, total: None })));
                !world.gives_up.load(Ordering::Relaxed)
            };
            export::to_new_file(&*store, &filter, &windows, &path, &mut goes_on)
        });
        let exported = exported.await;
        self.tell(Msg::Job(None));
        self.tell(Msg::Done(match exported {
            Ok(Ok(count)) => Ok(format!("{} exported to {shown}", writes(count))),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err("the export broke off".to_owned()),
        }));
    }
}

/// Saves a text to a file that doesn't exist yet.
fn save(path: &Path, text: &str) -> Result<String, String> {
    use std::io::Write as _;
    let made = std::fs::File::create_new(path).and_then(|mut file| file.write_all(text.as_bytes()));
    made.map(|()| format!("saved to {}", path.display())).map_err(|why| format!("{}: {why}", path.display()))
}
