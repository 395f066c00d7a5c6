//! A plan, as it is looked at before anything is sent.

use std::sync::Arc;

use super::scroll::Scroll;
use crate::domain::filter::Filter;
use crate::domain::hazard::Hazard;
use crate::domain::selection::Selection;
use crate::replay::{PaceSettings, Prepared};
use crate::tui::msg::{Chosen, Terms, Ticket};

/// What someone wants of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Send it.
    Replay,
    /// Send one write of it, and look.
    TryOne,
    /// Only look.
    DryRun,
}

/// A plan on the screen.
#[derive(Debug)]
pub struct PlanScreen {
    /// What it is for.
    pub purpose: Purpose,
    /// What was selected.
    pub chosen: Chosen,
    /// As a filter, to count what comes in later.
    pub filter: Filter,
    /// As text.
    pub selection: Selection,
    /// For people.
    pub words: String,
    /// How it will be sent.
    pub terms: Terms,
    /// Why, for the record.
    pub reason: Option<String>,
    /// The plan, once it is made.
    pub prepared: Option<Arc<Prepared>>,
    /// The reason why there is none.
    pub error: Option<String>,
    /// The question that is open.
    pub ticket: Ticket,
    /// Where the page stands.
    pub scroll: Scroll,
}

/// Beyond so many writes the count has to be typed.
const MANY: usize = 100;

/// What has to be typed before a plan is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Confirm {
    /// Nothing: Enter is enough.
    Enter,
    /// How many writes.
    Count(usize),
    /// The target's name.
    Target(String),
}

impl PlanScreen {
    /// A plan that is being made.
    pub fn new(purpose: Purpose, chosen: Chosen, filter: Filter, selection: Selection, words: String) -> Self {
        let limit = (purpose == Purpose::TryOne).then_some(1);
        Self {
            purpose,
            chosen,
            filter,
            selection,
            words,
            terms: Terms { allowed: Vec::new(), pace: PaceSettings::default(), new_key: false, limit },
            reason: None,
            prepared: None,
            error: None,
            ticket: 0,
            scroll: Scroll::default(),
        }
    }

    /// What has to be typed before it is sent; `None` if there is nothing to send.
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

    /// The hazards of what will be sent that would have refused it.
    pub fn overridden(&self) -> Vec<Hazard> {
        let Some(prepared) = &self.prepared else { return Vec::new() };
        let sent = |hazard: &&Hazard| prepared.plan.send.iter().any(|write| write.hazards.contains(hazard));
        self.terms.allowed.iter().filter(sent).copied().collect()
    }

    /// The hazards that can be overridden, with how many writes each keeps back.
    pub fn refusing(&self) -> Vec<(Hazard, usize)> {
        let Some(prepared) = &self.prepared else { return Vec::new() };
        let refused = |hazard: Hazard| prepared.plan.refused.iter().filter(|(_, h)| *h == hazard).count();
        let all = Hazard::ALL.iter().copied().filter(|h| h.refuses() && *h != Hazard::NoBody);
        all.map(|hazard| (hazard, refused(hazard)))
            .filter(|(hazard, n)| *n > 0 || self.terms.allowed.contains(hazard))
            .collect()
    }
}

/// The next number of requests at once: twice, or half.
pub fn step(concurrency: usize, more: bool) -> usize {
    if more { (concurrency * 2).min(512) } else { (concurrency / 2).max(1) }
}
