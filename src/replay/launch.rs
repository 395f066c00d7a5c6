//! Launch: the one place where a run begins, for the command line, the terminal UI and the demo.

use std::sync::Arc;

use tokio::sync::mpsc::UnboundedSender;
use tokio_util::sync::CancellationToken;

use super::engine::Replay;
use super::events::{RunEvent, RunOptions};
use super::http::{HttpError, HttpTransport};
use super::prepare::Prepared;
use super::transport::Transport;
use crate::domain::filter::Filter;
use crate::domain::run::Operator;
use crate::domain::secrets::{Scrubber, is_secret};
use crate::domain::selection::Selection;
use crate::store::{By, Store, StoreError};

/// The terms of a run, beyond what its plan says.
#[derive(Debug, Clone)]
pub struct RunTerms {
    /// Number of canaries: writes sent ahead of the rest, one by one.
    pub canaries: usize,
    /// The most requests per write in this run.
    pub max_attempts: u32,
    /// Number of failures in a row at which a group is stopped.
    pub max_failures: u32,
    /// True if other runs may be sending to the target.
    pub alongside: bool,
    /// The reason for the run, in the operator's words.
    pub reason: Option<String>,
    /// The selection, as asked for.
    pub selection: Selection,
    /// The selection as a filter, to count what came in since.
    pub filter: Filter,
}

impl RunTerms {
    /// Creates the default terms, those of the command line without options.
    pub fn new(selection: Selection, filter: Filter) -> Self {
        let (canaries, max_attempts, max_failures, alongside, reason) = (1, 5, 20, false, None);
        Self { canaries, max_attempts, max_failures, alongside, reason, selection, filter }
    }
}

/// A run that is about to begin.
#[derive(Debug)]
pub struct Launch {
    /// The plan as shown, with the options it is sent with.
    pub prepared: Prepared,
    /// The terms of the run.
    pub terms: RunTerms,
    /// The operator who starts the run.
    pub operator: Operator,
    /// The target's token; `None` if it needs none.
    pub token: Option<String>,
}

/// The reason why a run did not begin. Nothing was sent.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    /// The target's base URL is not known.
    #[error("target {0} has no base URL yet")]
    NoBaseUrl(String),
    /// The token can't be used.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// The store refused or failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Launch {
    /// Begins the run over HTTP, with the target's token.
    pub async fn begin(
        self,
        store: Arc<dyn Store>,
        events: UnboundedSender<RunEvent>,
        stop: CancellationToken,
        abort: CancellationToken,
    ) -> Result<Replay<HttpTransport>, LaunchError> {
        let transport = HttpTransport::new(&self.prepared.options.target, self.token.as_deref())?;
        self.begin_through(transport, store, events, stop, abort).await
    }

    /// Begins the run through a transport: binds the target, records the run with its frozen plan,
    /// and takes its lease. Events go to `events`; `stop` ends the run in an orderly way, `abort`
    /// without waiting for answers.
    pub async fn begin_through<T: Transport>(
        self,
        transport: T,
        store: Arc<dyn Store>,
        events: UnboundedSender<RunEvent>,
        stop: CancellationToken,
        abort: CancellationToken,
    ) -> Result<Replay<T>, LaunchError> {
        let Self { prepared, terms, operator, token } = self;
        let Prepared { options: sending, plan, base_url, last_id, .. } = prepared;
        let target = sending.target;
        let base_url = base_url.ok_or_else(|| LaunchError::NoBaseUrl(target.name.clone()))?;
        store.bind_target(&target.name, &base_url, By::new(&operator)).await?;
        // A header that every request has may be a credential, too.
        let secrets = target.static_headers.iter().filter(|(name, _)| is_secret(name)).map(|(_, value)| value.clone());
        let secrets: Vec<String> = secrets.collect();
        let options = RunOptions {
            base_url,
            allowed: sending.allowed,
            pace: sending.pace,
            canaries: terms.canaries,
            max_attempts: terms.max_attempts,
            max_failures: terms.max_failures,
            new_key: sending.new_key,
            alongside: terms.alongside,
            operator,
            reason: terms.reason,
            selection: terms.selection,
            filter: terms.filter,
            last_id,
            scrubber: Scrubber::new(token.into_iter().chain(secrets)),
            target,
        };
        Ok(Replay::begin(store, transport, options, plan, events, stop, abort).await?)
    }
}
