//! Repeats: a failure that is captured again is the same write. It is counted, and what it adds is never forgotten.

use super::Change;
use crate::domain::endpoint::EndpointOrigin;
use crate::domain::state::State;
use crate::domain::time::Timestamp;

/// The facts about the write that is already there.
#[derive(Debug, Clone, Copy)]
pub struct Known {
    /// Its state.
    pub state: State,
    /// Its endpoint's origin.
    pub endpoint_origin: EndpointOrigin,
    /// The time of its newest failure.
    pub last_failed_at: Option<Timestamp>,
    /// The time when someone last found that the API didn't have it.
    pub not_applied_at: Option<Timestamp>,
    /// The time when the earliest request that may have been applied was sent.
    pub ambiguous_since: Option<Timestamp>,
    /// True if a captured request may have been applied.
    pub captured_ambiguous: bool,
}

/// The facts from the captured line.
#[derive(Debug, Clone, Copy)]
pub struct Again {
    /// Its endpoint's origin.
    pub endpoint_origin: EndpointOrigin,
    /// The time when it failed.
    pub failed_at: Option<Timestamp>,
    /// True if the captured request may have been applied.
    pub ambiguous: bool,
    /// The earliest time at which a request that may have been applied was sent.
    pub window_start: Option<Timestamp>,
}

/// Decides what a repeat changes.
pub fn repeat(known: &Known, again: &Again) -> Vec<Change> {
    let mut changes = Vec::new();
    if let Some(failed_at) = again.failed_at.filter(|at| known.last_failed_at.is_none_or(|newest| *at > newest)) {
        changes.push(Change::Occurred(failed_at));
    }
    // The repeat names the endpoint that was assumed; by the identity, it is the same one.
    let names_it = known.endpoint_origin == EndpointOrigin::Assumed && again.endpoint_origin != EndpointOrigin::Assumed;
    if names_it && State::REPLAYABLE.contains(&known.state) {
        changes.push(Change::NameEndpoint(again.endpoint_origin));
    }
    changes.extend(doubt(known, again));
    changes
}

/// Decides what the repeat of a write, or of the batch that it is a part of, says about whether it may have been applied:
/// the earliest request counts. A settled write remembers it too, in case it is reopened; what someone has looked into
/// since is left alone.
pub fn doubt(known: &Known, again: &Again) -> Option<Change> {
    let since = again.window_start?;
    let looked_into = known.not_applied_at.zip(again.failed_at).is_some_and(|(looked, failed)| failed < looked);
    let is_news =
        known.ambiguous_since.is_none_or(|known| since < known) || (again.ambiguous && !known.captured_ambiguous);
    (known.state != State::Replayed && !looked_into && is_news)
        .then_some(Change::AmbiguousSince { since, captured: again.ambiguous })
}
