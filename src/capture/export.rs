//! Exports of writes, as lines that `ingest` reads back.

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use crate::domain::filter::Filter;
use crate::domain::ids::WriteId;
use crate::domain::reason::Damage;
use crate::domain::target::Windows;
use crate::render::export::{Beside, export};
use crate::store::{Bodies, LaneCache, Order, PageRequest, Sort, Store, StoreError};

/// The reason why an export broke off.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The file already exists.
    #[error("{0} exists already; nothing was overwritten")]
    Exists(PathBuf),
    /// The file can't be created.
    #[error("{path}: {why}")]
    File {
        /// The file.
        path: PathBuf,
        /// The system's error.
        why: std::io::Error,
    },
    /// A line can't be written.
    #[error(transparent)]
    Write(#[from] std::io::Error),
    /// Some writes can't be read, or were changed on disk. All others were exported.
    #[error("{}; they were left out, the other {count} writes were exported (see dlq doctor)", named(damaged))]
    Damaged {
        /// Those writes, each with its damage.
        damaged: Vec<(WriteId, Damage)>,
        /// Number of the others, which were exported.
        count: u64,
    },
    /// Someone cancelled it.
    #[error("the export was given up; the file is gone")]
    GivenUp,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Describes the first of some damaged writes.
fn named(damaged: &[(WriteId, Damage)]) -> String {
    damaged.iter().take(20).map(|(id, why)| format!("write {id}: {why}")).collect::<Vec<_>>().join("; ")
}

/// Number of writes that are read at once.
const PAGE: usize = 200;

/// Exports all matching writes to a new file that only its owner can read; returns how many. It blocks: not for async code.
pub fn to_new_file(
    store: &dyn Store,
    filter: &Filter,
    windows: &Windows,
    path: &Path,
    goes_on: &mut dyn FnMut(u64) -> bool,
) -> Result<u64, ExportError> {
    let mut out = BufWriter::new(new_file(path)?);
    let exported = to_writer(store, filter, windows, &mut out, goes_on);
    if exported.as_ref().is_err_and(|error| !matches!(error, ExportError::Damaged { .. })) {
        // Half an export looks like a whole one.
        let _ = std::fs::remove_file(path);
    }
    out.flush()?;
    exported
}

/// Creates a new file, mode 0600.
pub fn new_file(path: &Path) -> Result<File, ExportError> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(|why| match why.kind() {
        ErrorKind::AlreadyExists => ExportError::Exists(path.to_owned()),
        _ => ExportError::File { path: path.to_owned(), why },
    })
}

/// Exports all matching writes, one per line, in the order of their IDs; returns how many. `goes_on` is told how many there are
/// so far, and can end it.
pub fn to_writer(
    store: &dyn Store,
    filter: &Filter,
    windows: &Windows,
    out: &mut dyn Write,
    goes_on: &mut dyn FnMut(u64) -> bool,
) -> Result<u64, ExportError> {
    let order = Order { sort: Sort::Id, descending: false };
    let (mut after, mut count) = (None, 0);
    let (mut damaged, lanes) = (Vec::new(), LaneCache::default());
    loop {
        let lanes = lanes.clone();
        let request = PageRequest {
            filter: filter.clone(),
            order,
            after,
            backward: false,
            limit: PAGE,
            bodies: Bodies::All,
            lanes,
        };
        let page = store.page(request, windows.clone()).wait()?;
        damaged.extend(page.damaged);
        for view in &page.writes {
            let id = view.write.id;
            let mut beside = Beside {
                captured_failure: store.captured(id).wait()?,
                evidence: if view.body.is_none() { store.evidence(id).wait()? } else { None },
                captured: match view.write.revision {
                    0 => None,
                    _ => store.revisions(id).wait()?.into_iter().next().and_then(|first| first.body),
                },
                ..Beside::default()
            };
            if let Some(parent) = view.write.parent {
                beside.parent = store.as_parent(parent).wait()?;
            }
            if view.write.attempts > 0 {
                beside.last_attempt = store.last_attempt(id).wait()?;
                let open = beside.last_attempt.as_ref().filter(|attempt| attempt.outcome.is_none());
                beside.in_flight_since = open.map(|attempt| attempt.started_at);
            }
            writeln!(out, "{}", export(view, &beside))?;
            count += 1;
        }
        after = page.next;
        if after.is_none() {
            damaged.extend(store.without_state().wait()?);
            return if damaged.is_empty() { Ok(count) } else { Err(ExportError::Damaged { damaged, count }) };
        }
        if !goes_on(count) {
            return Err(ExportError::GivenUp);
        }
    }
}
