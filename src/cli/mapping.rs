//! The map of an ingest: from the command line, the config, or dlq's own.

use anyhow::Context as _;

use super::args::Ingest;
use super::context::{Context, Usage};
use crate::capture::{Map, built_in_map, built_in_maps};
use crate::config::NamedMap;
use crate::jq::FilterError;

/// Compiles the map that an ingest names, if it names one.
pub(super) fn map(context: &Context, args: &Ingest) -> anyhow::Result<Option<Map>> {
    let Some((from, text)) = text(context, args)? else { return Ok(None) };
    match Map::new(&text, context.config.filters) {
        Ok(map) => Ok(Some(map)),
        Err(FilterError::Wrong(why)) => Err(Usage(format!("{from}: {why}")).into()),
        Err(error) => Err(error.into()),
    }
}

/// Returns the filter's text, and what names it.
fn text(context: &Context, args: &Ingest) -> anyhow::Result<Option<(String, String)>> {
    let read =
        |file: &std::path::Path| std::fs::read_to_string(file).with_context(|| format!("the map {}", file.display()));
    if let Some(text) = &args.map {
        return Ok(Some(("--map".to_owned(), text.clone())));
    }
    if let Some(file) = &args.map_file {
        return Ok(Some((file.display().to_string(), read(file)?)));
    }
    let Some(name) = &args.map_name else { return Ok(None) };
    let text = match context.config.map(name) {
        Some(NamedMap::Text(text)) => text.clone(),
        Some(NamedMap::File(file)) => read(file)?,
        None => built_in_map(name).ok_or_else(|| unknown(context, name))?.to_owned(),
    };
    Ok(Some((format!("the map {name}"), text)))
}

fn unknown(context: &Context, name: &str) -> Usage {
    let configured: Vec<&str> = context.config.map_names().collect();
    let own: Vec<&str> = built_in_maps().collect();
    Usage(format!("--map-name {name}: there is no such map; known are {}", [configured, own].concat().join(", ")))
}
