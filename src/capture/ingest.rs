//! The ingest: one thread reads lines, one recognises and hashes them, and the store writes; rejects go aside. Killed at
//! any instant and run again, it ends with the same rows.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::map::Map;
use super::rejects::Rejects;
use super::session::Session;
use super::survey::Survey;
use super::terms::{IngestError, IngestOptions, Progress, Summary};
use crate::store::{Intake, Store};

/// Ingests the inputs. Once `stop` is set, lines that were read are ingested and committed, and no more are read. `watch` is
/// called now and then. `map` makes failures of the lines, which are taken as they are otherwise.
pub fn ingest(
    store: &Arc<dyn Store>,
    options: &IngestOptions,
    map: Option<Map>,
    stop: &Arc<AtomicBool>,
    watch: &mut dyn FnMut(Progress),
) -> Result<Summary, IngestError> {
    let scrubber = options.binding.scrubber.clone();
    let rejects = Rejects::new(&options.rejects, &options.inputs, scrubber, options.sharing)
        .map_err(|why| IngestError::Rejects { path: options.rejects.clone(), why, unkept: 0 })?;
    let session = Session::new(Arc::clone(store).intake(&options.operator), options, map, Some(rejects));
    session.run(stop, watch).map(|session| session.summary)
}

/// Reads the inputs as [`ingest`] would, and says what would come of it: nothing is taken in, and rejects are kept nowhere.
/// `intake` tells new failures from known ones.
pub fn rehearse(
    intake: Box<dyn Intake>,
    options: &IngestOptions,
    map: Option<Map>,
    stop: &Arc<AtomicBool>,
    watch: &mut dyn FnMut(Progress),
) -> Result<(Summary, Survey), IngestError> {
    let session = Session::new(intake, options, map, None);
    session.run(stop, watch).map(|session| (session.summary, session.survey))
}
