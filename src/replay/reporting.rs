//! Reports: what happened in a run or a shift, put together from the store.

use crate::domain::report::{About, Report};
use crate::domain::target::Windows;
use crate::store::{Happened, Store, StoreError};

/// Puts a report together; what is left is of one target only, if given.
pub async fn report_on(
    store: &dyn Store,
    about: About,
    target: Option<&str>,
    windows: Windows,
) -> Result<Report, StoreError> {
    let Happened { from, to, arrived, runs, actions } = store.happened(about).await?;
    let mut left = store.groups(target).await?;
    left.retain(|group| group.open > 0);
    let windows = store.key_windows(windows, target).await?;
    Ok(Report { about, from, to, arrived, runs, actions, left, windows })
}
