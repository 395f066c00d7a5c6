//! Effects: questions to the file, and deeds. Each runs in its own task, and its answer comes back as a message.

use std::collections::HashMap;
use std::mem::Discriminant;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::task::AbortHandle;

use super::{Heard, TuiSettings};
use crate::capture::DEFAULT_TARGET;
use crate::domain::arrivals::Span;
use crate::domain::target::Windows;
use crate::replay::report_on;
use crate::store::{self, OpenOptions, Store, StoreError};
use crate::tui::msg::{Closed, Deed, Msg, Question, Reading, ScreenId, Ticket};

/// Everything that effects need.
pub(super) struct Outside {
    world: Arc<Outdoors>,
    runtime: Handle,
    opening: Option<AbortHandle>,
    /// The work on the last question of each kind, by screen.
    asked: HashMap<(ScreenId, Discriminant<Question>), AbortHandle>,
}

pub(super) struct Outdoors {
    pub(super) settings: TuiSettings,
    store: Mutex<Option<Arc<dyn Store>>>,
    pub(super) heard: Sender<Heard>,
    /// The span of the histogram, and when it was fitted.
    pub(super) span: Mutex<Option<(Span, Instant)>>,
    /// True if the job that is under way is to be cancelled.
    pub(super) gives_up: AtomicBool,
}

/// The most values offered as completions.
const VALUES: usize = 20;
/// Interval at which the file is looked for at its path.
const LOOK_EVERY: Duration = Duration::from_millis(400);
/// The most runs to list.
const RUNS: usize = 200;

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
    pub(super) fn tell(&self, msg: Msg) {
        // Once the screen is closed, nobody listens any more.
        let _ = self.heard.send(Heard::Msg(msg));
    }

    pub(super) fn store(&self) -> Option<Arc<dyn Store>> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn windows(&self) -> Windows {
        self.settings.config.windows()
    }

    pub(super) fn target(&self) -> Option<&str> {
        self.settings.setup.target.as_deref()
    }

    /// Returns the target that the command line and the environment speak of.
    pub(super) fn meant(&self) -> &str {
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
}
