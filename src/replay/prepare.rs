//! From a selection to a plan that can be shown and sent, for the command line and the terminal UI
//! alike.

use std::time::Duration;

use super::pace::PaceSettings;
use super::plan::{PlanTerms, build_plan, expected_length};
use crate::domain::clock::Clock;
use crate::domain::endpoint::BaseUrl;
use crate::domain::hazard::Hazard;
use crate::domain::ids::WriteId;
use crate::domain::plan::Plan;
use crate::domain::reason::Damage;
use crate::domain::target::{KnownTarget, TargetSettings};
use crate::domain::time::{Timestamp, human_length};
use crate::render::plan::{self, PlanPage};
use crate::store::{PlanData, Store, StoreError};

/// Options for sending the writes of a plan.
#[derive(Debug, Clone)]
pub struct SendOptions {
    /// The target.
    pub target: TargetSettings,
    /// Base URL given for this target explicitly; `None` to take the config's, or the one that the
    /// file is bound to.
    pub base_url: Option<BaseUrl>,
    /// Requests per second, and the most in flight at once.
    pub pace: PaceSettings,
    /// Hazards that are overridden.
    pub allowed: Vec<Hazard>,
    /// True if each write gets a new key.
    pub new_key: bool,
}

/// A plan that can be shown and sent.
#[derive(Debug, Clone)]
pub struct Prepared {
    /// The options it will be sent with.
    pub options: SendOptions,
    /// The writes to send, and those that a hazard refuses.
    pub plan: Plan,
    /// Selected writes that can't be read, each with the reason; they are not sent.
    pub damaged: Vec<(WriteId, Damage)>,
    /// The base URL to send to; `None` if it is not known yet.
    pub base_url: Option<BaseUrl>,
    /// The highest write ID when the plan was made.
    pub last_id: WriteId,
    /// Expected duration of the run, the wait for a closed target included.
    pub length: Duration,
    /// Time for which nothing may be sent to the target, at its own request.
    pub closed: Duration,
    /// Average latency of recent requests; `None` if there were none.
    pub latency: Option<Duration>,
    /// The clock when the plan was made.
    pub clock: Clock,
}

/// Latency assumed for a request until one has been measured.
const ASSUMED_LATENCY: Duration = Duration::from_millis(250);

/// Builds a plan for the selected writes.
pub async fn prepare(store: &dyn Store, data: PlanData, options: SendOptions) -> Result<Prepared, StoreError> {
    let known = known(store, &options.target).await?;
    let base_url = base_url_of(known.as_ref(), &options.target, options.base_url.as_ref())?;
    let latency = store.recent_latency().await?;
    let closed = store.closed_for(&options.target.name).await?;
    let expected =
        |writes| closed.saturating_add(expected_length(writes, options.pace, latency.unwrap_or(ASSUMED_LATENCY)));
    let header = options.target.key_header.as_deref().unwrap_or_default();
    let has_moved = known.and_then(|target| target.key_header).is_some_and(|known| known != header);
    let key_moved_at = has_moved.then(|| data.clock.latest());
    let terms = PlanTerms {
        allowed: &options.allowed,
        window: options.target.window,
        key_moved_at,
        new_key: options.new_key,
        length: expected(data.candidates.len()),
        clock: data.clock,
    };
    let last_id = data.last_id.unwrap_or(WriteId(0));
    let (clock, damaged) = (data.clock, data.damaged);
    let plan = build_plan(data.candidates, &data.mates, &terms);
    let length = expected(plan.send.len());
    Ok(Prepared { options, plan, damaged, base_url, last_id, length, closed, latency, clock })
}

impl Prepared {
    /// Returns the number of writes to send; those settled since the first plan will be skipped.
    pub fn count(&self) -> usize {
        self.plan.send.iter().filter(|write| !write.settled).count()
    }

    /// Formats the plan as a page for people.
    pub fn page(&self, now: Timestamp) -> String {
        let about = PlanPage {
            target: &self.options.target.name,
            base_url: self.base_url.as_ref(),
            new_key: self.options.new_key,
            length: self.length,
            closed: self.closed,
            behind: self.clock.behind(),
            pace: self.pace_in_words(),
        };
        plan::page(&self.plan, &about, now.max(self.clock.latest()))
    }

    fn pace_in_words(&self) -> String {
        let pace = self.options.pace;
        let rate = pace.rate.map(|rate| format!("{rate} a second, ")).unwrap_or_default();
        let each = match self.latency {
            Some(latency) => format!("{} a request", human_length(latency.max(Duration::from_millis(1)))),
            None => format!("{} a request assumed", human_length(ASSUMED_LATENCY)),
        };
        format!("{rate}{} at once, {each}", pace.concurrency)
    }
}

/// Returns a target's base URL: as given, from the config, or as remembered by the file. It is an
/// error if it differs from the one that the file is bound to.
pub async fn base_url(
    store: &dyn Store,
    target: &TargetSettings,
    given: Option<&BaseUrl>,
) -> Result<Option<BaseUrl>, StoreError> {
    base_url_of(known(store, target).await?.as_ref(), target, given)
}

async fn known(store: &dyn Store, target: &TargetSettings) -> Result<Option<KnownTarget>, StoreError> {
    Ok(store.targets().await?.into_iter().find(|known| known.name == target.name))
}

fn base_url_of(
    known: Option<&KnownTarget>,
    target: &TargetSettings,
    given: Option<&BaseUrl>,
) -> Result<Option<BaseUrl>, StoreError> {
    let bound = known.and_then(|known| known.base_url.clone());
    let asked = given.or(target.base_url.as_ref());
    match (bound, asked) {
        (Some(bound), Some(asked)) if bound != *asked => Err(StoreError::OtherBase {
            name: target.name.clone(),
            bound: bound.as_str().to_owned(),
            asked: asked.as_str().to_owned(),
        }),
        (bound, asked) => Ok(asked.cloned().or(bound)),
    }
}
