//! Deeds: runs, settling, edits, notes, exports. Each tells how it ended in a message; none is cancelled half-way.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::Heard;
use super::editor::EditJob;
use super::effects::Outdoors;
use crate::capture::export;
use crate::config::{missing_token, read_token};
use crate::domain::action::Settling;
use crate::domain::filter::Filter;
use crate::domain::ids::{RunId, WriteId};
use crate::render::count::writes;
use crate::render::words;
use crate::replay::{Launch, Prepared, RunEvent, RunReport, RunTerms, SendOptions, prepare};
use crate::store::{By, Settled, Store, StoreError};
use crate::tui::columns::WriteColumn;
use crate::tui::msg::{Chosen, Deed, Job, Msg, PlanChoices, Ready, Start};

/// Interval at which a run's events are passed on, in bunches.
const BUNCH: Duration = Duration::from_millis(30);
/// Number of writes settled per transaction; between two of them others have their turn, and the
/// job can be cancelled.
const SETTLED_AT_ONCE: usize = 2000;

impl Outdoors {
    pub(super) async fn prepare(&self, store: &dyn Store, chosen: Chosen, terms: PlanChoices) -> Result<Ready, String> {
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
            None => missing_token(&options.target, self.meant()).map(|why| why.to_string()),
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
        let token = if let Some(demo) = &self.settings.demo {
            Some(demo.token.clone())
        } else {
            // A command that prints it may take its time.
            let (target, meant) = (prepared.options.target.clone(), self.meant().to_owned());
            let read = tokio::task::spawn_blocking(move || read_token(&target, &meant)).await;
            read.map_err(|e| e.to_string())?.map_err(|e| e.to_string())?
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

    pub(super) async fn change(self: Arc<Self>, change: Deed) {
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
                    let (before, sha) = (view.body.unwrap_or_default().to_vec(), view.write.body_sha256);
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
            Deed::Note(group, note) => {
                let is_there = note.is_some();
                let noted = store.note_group(group, note, By::new(operator)).await;
                let what = if is_there { "has the note now" } else { "has no note any more" };
                self.tell(Msg::Done(noted.map(|()| format!("group {group} {what}")).map_err(|e| e.to_string())));
            }
            Deed::Park(group, park) => {
                let parked = store.park_group(group, park, By::new(operator)).await;
                let told = parked.map(|parked| match parked {
                    Some(parked) => format!("group {group} is {}", words::parked(parked)),
                    None => format!("group {group} is back in the list"),
                });
                self.tell(Msg::Done(told.map_err(|e| e.to_string())));
            }
            Deed::RememberColumns(columns) => {
                let Some(views) = &self.settings.views else { return };
                let names: Option<Vec<_>> = columns.map(|columns| columns.into_iter().map(WriteColumn::name).collect());
                if let Err(why) = views.remember_columns(&self.settings.path, names.as_deref()) {
                    self.tell(Msg::Trouble(format!("the columns are not remembered: {why}")));
                }
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
