//! Reads that put several answers together: a page, the header, everything about a write, a group's hazards, two writes to
//! compare, what many have in common.

use std::sync::PoisonError;
use std::time::{Duration, Instant};

use super::effects::Outdoors;
use crate::domain::action::Action;
use crate::domain::arrivals::Span;
use crate::domain::common::{Common, Specimen, common};
use crate::domain::filter::{Filter, NumberField, Range, Test, TextField, TextMatch};
use crate::domain::hazard::Hazard;
use crate::domain::ids::{GroupId, WriteId};
use crate::domain::secrets::is_secret;
use crate::domain::state::State;
use crate::domain::target::TokenSource;
use crate::domain::write::WriteView;
use crate::store::{Bodies, CountBy, HistoryEntry, LaneCache, Order, PageRequest, Sort, Store, StoreError};
use crate::tui::msg::{Detail, GroupFacts, HeaderData, Msg, PagePart, Pair, Reading, Rows};

/// Number of a group's newest writes that are looked at for hazards.
const LOOKED_AT: usize = 120;
/// Interval at which the span of the histogram is fitted anew.
const FIT_EVERY: Duration = Duration::from_secs(30);
/// The most writes that are compared, of either kind.
const COMPARED: usize = 300;

impl Outdoors {
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
        let request = PageRequest { filter, order, after, backward, limit, bodies: Bodies::Names, lanes };
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

    pub(super) async fn overview(&self, store: &dyn Store) -> Result<HeaderData, StoreError> {
        let span = self.span(store).await?;
        Ok(HeaderData {
            counts: store.counts(CountBy::Type, self.target()).await?,
            span: Some(span),
            arrivals: store.arrivals(self.target(), span).await?,
            targets: store.targets().await?,
            windows: store.key_windows(self.windows(), self.target()).await?,
            parkings: store.parkings(self.target()).await?,
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
        let settings = self.settings.config.target(&view.write.target);
        Ok(Some(Detail {
            attempts: attempts.collect(),
            neighbours: store.lane_mates(id).await?,
            // The bodies of a write that was never edited are one, which is here already.
            revisions: if was_edited { store.revisions(id).await? } else { Vec::new() },
            evidence: if view.body.is_none() { store.evidence(id).await? } else { None },
            window: windows.of(&view.write.target),
            auth: (settings.token != TokenSource::None).then_some(settings.auth),
            profile: settings.profile,
            key_header: settings.key_header,
            static_headers: settings.static_headers.into_iter().filter(|(name, _)| !is_secret(name)).collect(),
            base_url: target.and_then(|target| target.base_url).map(|base| base.to_string()),
            captured: store.captured(id).await?,
            history,
            view,
        }))
    }

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
        let request =
            PageRequest { filter, order, after: None, backward: false, limit: COMPARED, bodies: Bodies::All, lanes };
        Ok(store.page(request, self.windows()).await?.writes)
    }
}

fn specimen(view: WriteView) -> Specimen {
    let write = view.write;
    let mut facts = vec![
        ("target", write.target),
        ("object", write.operated.object.clone()),
        ("path", write.path.to_string()),
        ("key origin", write.key_origin.name().to_owned()),
    ];
    facts.extend(write.failure.status.map(|status| ("status", status.to_string())));
    facts.extend(write.failure.code.map(|code| ("code", code)));
    facts.extend(write.failure.message.map(|message| ("message", message)));
    facts.extend(write.source.map(|source| ("source", source)));
    Specimen { facts, body: view.body.unwrap_or_default().into() }
}
