//! Finding writes, page by page.

use std::sync::Arc;

use super::{Error, Write};
use crate::domain::filter::Filter;
use crate::domain::target::Windows;
use crate::store::{Bodies, Cursor, LaneCache, Order, PageRequest, Sort, Store};

/// Number of writes per page.
const PAGE: usize = 200;

/// A search under way: pages of writes in order of arrival, each with its body and hazards.
pub struct Find {
    store: Arc<dyn Store>,
    filter: Filter,
    windows: Windows,
    lanes: LaneCache,
    next: Next,
}

enum Next {
    First,
    After(Cursor),
    End,
}

impl Find {
    pub(super) fn new(store: Arc<dyn Store>, filter: Filter, windows: Windows) -> Self {
        Self { store, filter, windows, lanes: LaneCache::default(), next: Next::First }
    }

    /// Reads the next page; an empty page marks the end. Writes whose rows were damaged on disk are
    /// left out; `dlq doctor` names them.
    pub async fn next_page(&mut self) -> Result<Vec<Write>, Error> {
        loop {
            let after = match std::mem::replace(&mut self.next, Next::End) {
                Next::First => None,
                Next::After(cursor) => Some(cursor),
                Next::End => return Ok(Vec::new()),
            };
            let request = PageRequest {
                filter: self.filter.clone(),
                order: Order { sort: Sort::Id, descending: false },
                after,
                backward: false,
                limit: PAGE,
                bodies: Bodies::All,
                lanes: self.lanes.clone(),
            };
            let page = self.store.page(request, self.windows.clone()).await?;
            self.next = page.next.map_or(Next::End, Next::After);
            if !page.writes.is_empty() {
                return Ok(page.writes.into_iter().map(Write::of).collect());
            }
        }
    }
}

impl std::fmt::Debug for Find {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Find").field("filter", &self.filter).finish_non_exhaustive()
    }
}
