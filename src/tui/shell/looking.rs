//! Reads that put several answers together: a group's hazards, two writes to compare, what many have in common.

use super::effects::Outdoors;
use crate::domain::common::{Common, Specimen, common};
use crate::domain::filter::{Filter, NumberField, Range, Test, TextField, TextMatch};
use crate::domain::hazard::Hazard;
use crate::domain::ids::GroupId;
use crate::domain::state::State;
use crate::domain::write::WriteView;
use crate::store::{LaneCache, Order, PageRequest, Sort, Store, StoreError};
use crate::tui::msg::{GroupFacts, PagePart, Pair, Reading};

/// Number of a group's newest writes that are looked at for hazards.
const LOOKED_AT: usize = 120;
/// The most writes that are compared, of either kind.
const COMPARED: usize = 300;

impl Outdoors {
    pub(super) async fn count(&self, store: &dyn Store, filter: Filter) -> Result<i64, StoreError> {
        if filter.hazard_terms().next().is_none() {
            return store.count(&filter).await;
        }
        // Hazards depend on the clock, so no table counts them: each write that else matches is looked at.
        let ids = store.matching_ids(&filter, self.windows()).await?;
        Ok(i64::try_from(ids.len()).unwrap_or(i64::MAX))
    }

    pub(super) async fn pair(&self, store: &dyn Store, pair: Pair) -> Result<Reading, StoreError> {
        let (first, second) = match pair {
            Pair::Writes(first, second) => (first, Some(second)),
            Pair::Revisions(write) => (write, None),
        };
        let gone = |id| Reading::Failed(format!("write {id} is gone"));
        let Some(old) = self.detail(store, first).await? else { return Ok(gone(first)) };
        let new = match second {
            Some(second) => match self.detail(store, second).await? {
                Some(new) => Some(Box::new(new)),
                None => return Ok(gone(second)),
            },
            None => None,
        };
        Ok(Reading::Pair(Box::new(old), new))
    }

    pub(super) async fn common(&self, store: &dyn Store, filter: Filter) -> Result<Common, StoreError> {
        let these = self.newest(store, filter).await?;
        let paths: Vec<TextMatch> = {
            let mut paths: Vec<&str> = these.iter().map(|view| view.write.path.as_str()).collect();
            paths.sort_unstable();
            paths.dedup();
            paths.into_iter().map(|path| TextMatch::Is(path.to_owned())).collect()
        };
        let accepted = if paths.is_empty() {
            Vec::new()
        } else {
            let like =
                Filter::default().and(Test::State(vec![State::Replayed])).and(Test::Text(TextField::Path, paths));
            self.newest(store, like).await?
        };
        let (these, accepted): (Vec<_>, Vec<_>) =
            (these.into_iter().map(specimen).collect(), accepted.into_iter().map(specimen).collect());
        // Scanning bodies of megabytes takes a while.
        let compared = tokio::task::spawn_blocking(move || common(&these, &accepted)).await;
        compared.map_err(|_| StoreError::Gone)
    }

    pub(super) async fn group_facts(&self, store: &dyn Store, id: GroupId) -> Result<GroupFacts, StoreError> {
        let range = Range { min: Some(id.0), max: Some(id.0) };
        let filter =
            Filter::default().and(Test::Number(NumberField::Group, vec![range])).and(Test::State(State::OPEN.to_vec()));
        let order = Order { sort: Sort::Id, descending: true };
        let page = self.page(store, filter, order, PagePart::First, LOOKED_AT).await?;
        let count = |hazard: &Hazard| page.writes.iter().filter(|view| view.hazards.contains(hazard)).count();
        let hazards = Hazard::ALL.iter().map(|hazard| (*hazard, count(hazard))).filter(|(_, n)| *n > 0).collect();
        let windows = store.windows_of_group(self.windows(), id).await?;
        Ok(GroupFacts { id, hazards, looked_at: page.writes.len(), windows })
    }

    /// Reads the newest writes that match, with their bodies.
    async fn newest(&self, store: &dyn Store, filter: Filter) -> Result<Vec<WriteView>, StoreError> {
        let order = Order { sort: Sort::Id, descending: true };
        let lanes = LaneCache::default();
        let request = PageRequest { filter, order, after: None, backward: false, limit: COMPARED, bodies: true, lanes };
        Ok(store.page(request, self.windows()).await?.writes)
    }
}

fn specimen(view: WriteView) -> Specimen {
    let write = view.write;
    let mut facts = vec![
        ("target", write.target),
        ("object", write.path.object().to_owned()),
        ("path", write.path.to_string()),
        ("key origin", write.key_origin.name().to_owned()),
    ];
    facts.extend(write.failure.status.map(|status| ("status", status.to_string())));
    facts.extend(write.failure.code.map(|code| ("code", code)));
    facts.extend(write.failure.message.map(|message| ("message", message)));
    facts.extend(write.source.map(|source| ("source", source)));
    Specimen { facts, body: view.body.unwrap_or_default() }
}
