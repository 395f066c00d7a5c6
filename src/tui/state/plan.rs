//! A plan under review, before anything is sent.

use std::sync::Arc;

use super::scroll::Scroll;
use crate::domain::filter::Filter;
use crate::domain::hazard::Hazard;
use crate::domain::selection::Selection;
use crate::replay::{PaceSettings, Prepared};
use crate::tui::msg::{Chosen, PlanChoices, Ticket};

/// Purpose of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Send its writes.
    Replay,
    /// Send one write of it and show the answer.
    TryOne,
    /// Only show it.
    DryRun,
}

/// A plan on the screen.
#[derive(Debug)]
pub struct PlanScreen {
    /// Its purpose.
    pub purpose: Purpose,
    /// The selected writes.
    pub chosen: Chosen,
    /// The selection as a filter, to count what comes in later.
    pub filter: Filter,
    /// The selection, as recorded.
    pub selection: Selection,
    /// The selection in words, for the screen.
    pub words: String,
    /// The choices on which it will be sent.
    pub terms: PlanChoices,
    /// The reason, for the record.
    pub reason: Option<String>,
    /// The plan, once it is made.
    pub prepared: Option<Arc<Prepared>>,
    /// The reason why it can't be made.
    pub error: Option<String>,
    /// Ticket of the last request for the plan.
    pub ticket: Ticket,
    /// Scroll position of the page.
    pub scroll: Scroll,
}

/// Above this many writes, the count has to be typed before they are sent.
const MANY: usize = 100;

/// Confirmation required before a plan is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Confirm {
    /// Enter is enough.
    Enter,
    /// The number of writes, typed.
    Count(usize),
    /// The target's name, typed.
    Target(String),
}

impl PlanScreen {
    /// Creates the screen of a plan that is being made.
    pub fn new(purpose: Purpose, chosen: Chosen, filter: Filter, selection: Selection, words: String) -> Self {
        let limit = (purpose == Purpose::TryOne).then_some(1);
        Self {
            purpose,
            chosen,
            filter,
            selection,
            words,
            terms: PlanChoices { allowed: Vec::new(), pace: PaceSettings::default(), new_key: false, limit },
            reason: None,
            prepared: None,
            error: None,
            ticket: 0,
            scroll: Scroll::default(),
        }
    }

    /// Returns the confirmation required to send it; `None` if it can't be sent.
    pub fn confirm(&self) -> Option<Confirm> {
        let prepared = self.prepared.as_ref()?;
        let count = prepared.count();
        if count == 0 || prepared.base_url.is_none() || self.purpose == Purpose::DryRun {
            return None;
        }
        if prepared.options.target.confirm {
            return Some(Confirm::Target(prepared.options.target.name.clone()));
        }
        let overridden = !self.overridden().is_empty();
        Some(if count > MANY || overridden { Confirm::Count(count) } else { Confirm::Enter })
    }

    /// Returns the overridden hazards that the writes to send have.
    pub fn overridden(&self) -> Vec<Hazard> {
        let Some(prepared) = &self.prepared else { return Vec::new() };
        let sent = |hazard: &&Hazard| prepared.plan.send.iter().any(|write| write.hazards.contains(hazard));
        self.terms.allowed.iter().filter(sent).copied().collect()
    }

    /// Returns the hazards that can be overridden, each with the number of writes that it refuses.
    pub fn refusing(&self) -> Vec<(Hazard, usize)> {
        let Some(prepared) = &self.prepared else { return Vec::new() };
        let refused = |hazard: Hazard| prepared.plan.refused.iter().filter(|(_, h)| *h == hazard).count();
        let all = Hazard::ALL.iter().copied().filter(|h| h.refuses() && *h != Hazard::NoBody);
        all.map(|hazard| (hazard, refused(hazard)))
            .filter(|(hazard, n)| *n > 0 || self.terms.allowed.contains(hazard))
            .collect()
    }
}

/// Returns twice the concurrency, or half of it, between 1 and 512.
pub fn step(concurrency: usize, more: bool) -> usize {
    if more { (concurrency * 2).min(512) } else { (concurrency / 2).max(1) }
}
