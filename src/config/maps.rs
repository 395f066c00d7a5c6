//! `[maps.NAME]` and `[filters]`: jq filters by name, and the limits of the child that runs them.

use std::path::PathBuf;

use serde::Deserialize;

use crate::domain::time::parse_length;
use crate::jq::Limits;

/// A map of the config.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NamedMap {
    /// Its text.
    Text(String),
    /// The file that has its text.
    File(PathBuf),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileMap {
    filter: Option<String>,
    file: Option<PathBuf>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Filters {
    timeout: Option<String>,
    memory: Option<String>,
}

pub(super) fn named_map(map: FileMap) -> Result<NamedMap, String> {
    match (map.filter, map.file) {
        (Some(text), None) => Ok(NamedMap::Text(text)),
        (None, Some(file)) => Ok(NamedMap::File(file)),
        _ => Err("give one of filter and file".to_owned()),
    }
}

/// The least memory that a filter can be compiled in.
const LEAST_MEMORY: u64 = 16 << 20;

pub(super) fn limits(filters: Filters) -> Result<Limits, String> {
    let mut limits = Limits::default();
    if let Some(text) = filters.timeout {
        let time = parse_length(&text).filter(|time| !time.is_zero());
        limits.time =
            time.ok_or_else(|| format!("filters.timeout: {text:?} is not a length of time (write 1s, 1m)"))?;
    }
    if let Some(text) = filters.memory {
        let memory = megabytes(&text).filter(|bytes| *bytes >= LEAST_MEMORY);
        limits.memory = memory.ok_or_else(|| format!("filters.memory: {text:?} is not a size of 16m or more"))?;
    }
    Ok(limits)
}

fn megabytes(text: &str) -> Option<u64> {
    let (digits, shift) = match text.strip_suffix(['g', 'G']) {
        Some(digits) => (digits, 30),
        None => (text.strip_suffix(['m', 'M'])?, 20),
    };
    digits.trim().parse::<u64>().ok().filter(|n| *n < 1 << 20).map(|n| n << shift)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::config::Config;

    #[test]
    fn maps_and_limits_are_read() {
        let text = "[maps.a]\nfilter = '.x'\n[maps.b]\nfile = 'b.jq'\n[filters]\ntimeout = '2s'\nmemory = '1g'";
        let config = Config::parse(text).unwrap();
        assert_eq!(config.map("a"), Some(&NamedMap::Text(".x".to_owned())));
        assert_eq!(config.map("b"), Some(&NamedMap::File("b.jq".into())));
        assert_eq!(config.filters, Limits { time: Duration::from_secs(2), memory: 1 << 30 });
        for (text, part) in [
            ("[maps.a]", "maps.a: give one of"),
            ("[maps.a]\nfilter = '.'\nfile = 'x'", "maps.a: give one of"),
            ("[filters]\nmemory = '4m'", "filters.memory: \"4m\""),
            ("[filters]\ntimeout = '0s'", "filters.timeout: \"0s\""),
            ("[filters]\ntime = '1s'", "time"),
        ] {
            let error = Config::parse(text).unwrap_err();
            assert!(error.contains(part), "{error}");
        }
    }
}
