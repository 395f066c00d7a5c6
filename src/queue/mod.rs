//! The API for embedding dlq in a service: open a queue, ingest failures, find them, plan, replay.
//!
//! It is small on purpose. The command line and the terminal UI do more; they read what this writes
//! and the other way round, at the same time and on the same file.

mod error;
mod find;
mod plan;
mod target;
mod write;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

pub use self::error::Error;
pub use self::find::Find;
pub use self::plan::{PlanRequest, ReplayPlan, RunSummary};
pub use self::target::Target;
pub use self::write::{Rejected, TakenIn, Write};
use crate::capture::{Binding, DEFAULT_TARGET, Recognised, TargetBinding, read_line};
use crate::config::current_operator;
use crate::domain::run::Operator;
use crate::domain::secrets::Scrubber;
use crate::domain::selection::Selection;
use crate::domain::target::{TargetSettings, Windows};
use crate::domain::time::Timestamp;
use crate::query;
use crate::replay::{HttpTransport, Launch, RunTerms, SendOptions, Transport, prepare};
use crate::store::{self, Incoming, OpenOptions, Store};

/// Number of writes per batch of an ingest; each batch is committed as a whole.
const BATCH: usize = 1000;

/// A queue of failed writes in a file. Cloning it returns another handle to the same queue.
///
/// All methods are to be called from a task on a tokio runtime. Once a call returns, its changes
/// are on disk.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), dlq::Error> {
/// # let directory = tempfile::tempdir().unwrap(); let path = directory.path().join("dlq.db");
/// let queue = dlq::Queue::create(&path).await?;
/// let line = r#"{"path": "records/orders/append", "body": {"record": {"order_id": "o-1"}}, "status": 422,
///                "error_code": "CDP_ETL.VALIDATION.REQUEST_SCHEMA", "idempotency_key": "key-1"}"#.replace('\n', " ");
/// let taken = queue.ingest([line]).await?;
/// assert_eq!((taken.inserted, taken.rejected.len()), (1, 0));
///
/// let mut found = queue.find("type:schema").await?;
/// let page = found.next_page().await?;
/// assert_eq!(page[0].key, "key-1");
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Queue {
    store: Arc<dyn Store>,
    operator: Operator,
    targets: BTreeMap<String, TargetSettings>,
}

impl Queue {
    /// Opens the queue in an existing file. A file of an older version is upgraded, and runs whose
    /// process died are recovered.
    pub async fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        Self::with(path.as_ref(), OpenOptions::default()).await
    }

    /// Opens the queue in a file. If it does not exist, it is created, along with its directory,
    /// for this user alone.
    pub async fn create(path: impl AsRef<Path>) -> Result<Self, Error> {
        Self::with(path.as_ref(), OpenOptions { create: true, ..OpenOptions::default() }).await
    }

    async fn with(path: &Path, options: OpenOptions) -> Result<Self, Error> {
        let path = path.to_owned();
        let opened = tokio::task::spawn_blocking(move || store::open(&path, options)).await;
        let store = opened.map_err(|fault| Error::Store(Box::new(fault)))??;
        Ok(Self { store, operator: current_operator(None), targets: BTreeMap::new() })
    }

    /// Sets the operator that runs and other actions are recorded for, instead of the process's
    /// user.
    #[must_use]
    pub fn acting_as(mut self, operator: &str) -> Self {
        self.operator = current_operator(Some(operator));
        self
    }

    /// Sets how a target is to be treated; others have the defaults of [`Target::new`].
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), dlq::Error> {
    /// # let directory = tempfile::tempdir().unwrap(); let path = directory.path().join("dlq.db");
    /// use std::time::Duration;
    ///
    /// let target = dlq::Target::new("default").base_url("https://api.example.org/v1")?.key_window(Duration::from_hours(24));
    /// let queue = dlq::Queue::create(&path).await?.target(target);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn target(mut self, target: Target) -> Self {
        self.targets.insert(target.settings.name.clone(), target.settings);
        self
    }

    /// Ingests captured failures, each one line of JSON in any of the shapes that `dlq ingest`
    /// reads. Known failures are counted, not added. A line that can't be ingested is returned with
    /// the reason, and not kept.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), dlq::Error> {
    /// # let directory = tempfile::tempdir().unwrap(); let path = directory.path().join("dlq.db");
    /// # let queue = dlq::Queue::create(&path).await?;
    /// let taken = queue.ingest(["{\"status\": 422}", "no JSON at all"]).await?;
    /// assert_eq!((taken.inserted, taken.rejected.len()), (0, 2));
    /// assert_eq!(taken.rejected[1].line, 2);
    /// assert!(taken.rejected[1].reason.starts_with("not JSON"));
    /// # Ok(()) }
    /// ```
    pub async fn ingest<L: AsRef<[u8]>>(&self, lines: impl IntoIterator<Item = L>) -> Result<TakenIn, Error> {
        let intake = Arc::clone(&self.store).intake(&self.operator);
        let binding = self.binding();
        let (mut taken, mut batch) = (TakenIn::default(), Vec::new());
        for (index, line) in lines.into_iter().enumerate() {
            match read_line(line.as_ref(), &binding) {
                Ok(Recognised::Failed(captured)) => batch.push(Incoming::new(*captured)),
                Ok(Recognised::Accepted) => taken.accepted += 1,
                Err(reason) => taken.rejected.push(Rejected { line: index + 1, reason }),
            }
            if batch.len() == BATCH {
                taken.add(&intake.take(std::mem::take(&mut batch), Vec::new()).await?);
            }
        }
        if !batch.is_empty() {
            taken.add(&intake.take(batch, Vec::new()).await?);
        }
        Ok(taken)
    }

    /// Finds writes with the query language of `dlq list`, in order of arrival; an empty query finds all.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), dlq::Error> {
    /// # let directory = tempfile::tempdir().unwrap(); let path = directory.path().join("dlq.db");
    /// # let queue = dlq::Queue::create(&path).await?;
    /// let mut found = queue.find("state:pending,unknown age:>1h").await?;
    /// loop {
    ///     let page = found.next_page().await?;
    ///     if page.is_empty() {
    ///         break;
    ///     }
    ///     for write in page {
    ///         println!("{} {} {:?}", write.id, write.state, write.error_message);
    ///     }
    /// }
    /// # Ok(()) }
    /// ```
    pub async fn find(&self, query: &str) -> Result<Find, Error> {
        Ok(Find::new(Arc::clone(&self.store), self.parse(query).await?, self.windows()))
    }

    /// Plans a replay: the writes that would be sent, and those that a hazard refuses. Nothing is
    /// sent or changed.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), dlq::Error> {
    /// # let directory = tempfile::tempdir().unwrap(); let path = directory.path().join("dlq.db");
    /// # let queue = dlq::Queue::create(&path).await?;
    /// let plan = queue.plan(dlq::PlanRequest { limit: Some(100), ..dlq::PlanRequest::new("type:schema") }).await?;
    /// println!("{plan}");
    /// assert_eq!((plan.len(), plan.refused().count()), (0, 0));
    /// # Ok(()) }
    /// ```
    pub async fn plan(&self, request: impl Into<PlanRequest>) -> Result<ReplayPlan, Error> {
        let request = request.into();
        let filter = self.parse(&request.query).await?;
        let data = self.store.plan_data(&filter, request.limit, self.windows()).await?;
        let name = match data.targets.as_slice() {
            [] => DEFAULT_TARGET.to_owned(),
            [one] => one.clone(),
            several => return Err(Error::SeveralTargets(several.to_vec())),
        };
        let options = SendOptions {
            target: self.settings(&name),
            base_url: None,
            pace: request.pace(),
            allowed: request.allow.clone(),
            new_key: request.new_key,
        };
        let prepared = prepare(&*self.store, data, options).await?;
        let selection = Selection { limit: request.limit, ..Selection::of_words(&request.query) };
        Ok(ReplayPlan { prepared, selection, filter })
    }

    /// Replays a plan through a transport to its end, each write under its own key, in its lane's order.
    ///
    /// Dropping the future is like a crash: nothing is lost, and writes in flight are `unknown`
    /// once the queue is opened again. [`Self::replay_until`] can be stopped in an orderly way.
    ///
    /// ```
    /// use dlq::{Answer, Extent, Outgoing, Sent, Transport};
    ///
    /// /// Sends through a client that the service has anyway.
    /// struct Ours;
    ///
    /// impl Transport for Ours {
    ///     async fn send(&self, request: Outgoing) -> Sent {
    ///         assert_eq!(request.key, "key-1");
    ///         Sent::Answered(Answer { status: 200, body: b"{}".to_vec(), extent: Extent::Whole, ..Answer::default() })
    ///     }
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), dlq::Error> {
    /// # let directory = tempfile::tempdir().unwrap(); let path = directory.path().join("dlq.db");
    /// # let target = dlq::Target::new("default").base_url("https://api.example.org/v1")?;
    /// let queue = dlq::Queue::create(&path).await?.target(target);
    /// # let line = r#"{"path": "records/orders/append", "body": {"record": {}}, "status": 422, "idempotency_key": "key-1",
    /// #                "error_code": "CDP_ETL.VALIDATION.REQUEST_SCHEMA"}"#.replace('\n', " ");
    /// # queue.ingest([line]).await?;
    /// let plan = queue.plan("type:schema").await?;
    /// let run = queue.replay(plan, Ours).await?;
    /// assert_eq!((run.accepted, run.failed, run.stopped), (1, 0, None));
    /// # Ok(()) }
    /// ```
    pub async fn replay(&self, plan: ReplayPlan, transport: impl Transport) -> Result<RunSummary, Error> {
        self.replay_until(plan, transport, std::future::pending()).await
    }

    /// Replays a plan until it is finished or `stop` completes. A stopped run waits for the answers
    /// to requests in flight, and leaves the rest as it was.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), dlq::Error> {
    /// # let directory = tempfile::tempdir().unwrap(); let path = directory.path().join("dlq.db");
    /// use std::time::Duration;
    ///
    /// use dlq::sandbox::{Sandbox, Settings};
    ///
    /// let api = Sandbox::start(Settings::default()).await.unwrap();
    /// let target = dlq::Target::new("default").base_url(&api.base_url())?;
    /// let http = target.http(Some(&Settings::default().token))?;
    /// let queue = dlq::Queue::create(&path).await?.target(target);
    /// let plan = queue.plan("type:transient").await?;
    /// let run = queue.replay_until(plan, http, tokio::time::sleep(Duration::from_secs(30))).await?;
    /// assert_eq!(run.unsent, 0);
    /// # Ok(()) }
    /// ```
    pub async fn replay_until(
        &self,
        plan: ReplayPlan,
        transport: impl Transport,
        stop: impl Future<Output = ()>,
    ) -> Result<RunSummary, Error> {
        let ReplayPlan { prepared, selection, filter } = plan;
        let terms = RunTerms::new(selection, filter);
        let launch = Launch { prepared, terms, operator: self.operator.clone(), token: None };
        // Nobody listens: the results are in the summary and in the file.
        let (events, _) = tokio::sync::mpsc::unbounded_channel();
        let (brake, abort) = (CancellationToken::new(), CancellationToken::new());
        let replay = launch.begin_through(transport, Arc::clone(&self.store), events, brake.clone(), abort).await?;
        let mut run = Box::pin(replay.run());
        tokio::select! {
            report = &mut run => Ok(RunSummary::of(&report)),
            () = stop => {
                brake.cancel();
                Ok(RunSummary::of(&run.await))
            }
        }
    }

    async fn parse(&self, text: &str) -> Result<crate::domain::filter::Filter, Error> {
        let fields = self.store.record_fields().await?;
        let known = |name: &str| fields.binary_search_by(|field| field.as_str().cmp(name)).is_ok();
        query::parse(text, &known).map_err(|error| Error::Query(error.to_string()))
    }

    fn settings(&self, name: &str) -> TargetSettings {
        self.targets.get(name).cloned().unwrap_or_else(|| TargetSettings::new(name))
    }

    fn windows(&self) -> Windows {
        let windows = self.targets.values().map(|target| (target.name.clone(), target.window));
        Windows::new(windows, TargetSettings::new(DEFAULT_TARGET).window)
    }

    fn binding(&self) -> Binding {
        let bound = |settings: &TargetSettings| TargetBinding {
            settings: settings.clone(),
            base_url: settings.base_url.clone(),
        };
        Binding {
            target: None,
            targets: self.targets.iter().map(|(name, settings)| (name.clone(), bound(settings))).collect(),
            endpoint: None,
            match_key: None,
            source: None,
            exports: Some(self.operator.clone()),
            is_mapped: false,
            scrubber: Scrubber::default(),
            now: Timestamp::now(),
        }
    }
}

impl std::fmt::Debug for Queue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Queue").field("store", &self.store.name()).finish_non_exhaustive()
    }
}

impl Target {
    /// Creates the built-in transport for this target: HTTP/1.1, no redirects, with a bearer token
    /// if given.
    pub fn http(&self, token: Option<&str>) -> Result<HttpTransport, Error> {
        Ok(HttpTransport::new(&self.settings, token)?)
    }
}
