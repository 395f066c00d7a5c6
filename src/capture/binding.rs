//! The binding of a line when it comes in: its target, and the target's settings for lines that name no endpoint.

use std::collections::BTreeMap;

use crate::domain::endpoint::{ASSUMED_MATCH_KEY, ASSUMED_PATH, BaseUrl, EndpointOrigin, EndpointPath};
use crate::domain::run::Operator;
use crate::domain::secrets::Scrubber;
use crate::domain::target::TargetSettings;
use crate::domain::time::Timestamp;

/// A target, as far as an ingest needs to know it.
#[derive(Debug, Clone)]
pub struct TargetBinding {
    /// Its settings in the config.
    pub settings: TargetSettings,
    /// Its base URL: given, from the config, or remembered by the file.
    pub base_url: Option<BaseUrl>,
}

/// The settings of the command line and the config for every line.
#[derive(Debug, Clone)]
pub struct Binding {
    /// `--target`: all lines go there, whatever they name.
    pub target: Option<String>,
    /// The known targets; others have the defaults.
    pub targets: BTreeMap<String, TargetBinding>,
    /// `--endpoint`, for lines that name none.
    pub endpoint: Option<EndpointPath>,
    /// `--match-key`, for rebuilt bodies.
    pub match_key: Option<String>,
    /// `--source`, for lines that name none.
    pub source: Option<String>,
    /// The operator who imports lines that an export wrote, which keep what they were. `None`: such lines are failures like others.
    pub exports: Option<Operator>,
    /// True if a map gives the lines.
    pub is_mapped: bool,
    /// Blanks secrets in all that is kept.
    pub scrubber: Scrubber,
    /// The time when the lines came in.
    pub now: Timestamp,
}

/// The target of lines that name none.
pub const DEFAULT_TARGET: &str = "default";

impl Binding {
    pub(super) fn target_of(&self, named: Option<&str>) -> Result<(String, TargetBinding), String> {
        let name = self.target.as_deref().or(named).unwrap_or(DEFAULT_TARGET);
        check_target_name(name).map_err(|why| format!("target: {why}"))?;
        let binding = self
            .targets
            .get(name)
            .cloned()
            .unwrap_or_else(|| TargetBinding { settings: TargetSettings::new(name), base_url: None });
        Ok((name.to_owned(), binding))
    }

    /// Returns the endpoint of a line that names none: the flag, the config, or the guide's own.
    pub(super) fn endpoint_for(&self, target: &TargetBinding) -> Result<(EndpointPath, EndpointOrigin), String> {
        if let Some(path) = &self.endpoint {
            return Ok((path.clone(), EndpointOrigin::Given));
        }
        let (text, origin) = match &target.settings.endpoint {
            Some(configured) => (configured.as_str(), EndpointOrigin::Config),
            None => (ASSUMED_PATH, EndpointOrigin::Assumed),
        };
        let path = EndpointPath::parse(text, target.base_url.as_ref()).map_err(|e| e.to_string())?;
        Ok((path, origin))
    }

    /// Returns the match key of a body that is rebuilt for that endpoint.
    pub(super) fn match_key_for<'a>(&'a self, target: &'a TargetBinding, origin: EndpointOrigin) -> Option<&'a str> {
        let assumed = (origin == EndpointOrigin::Assumed).then_some(ASSUMED_MATCH_KEY);
        self.match_key.as_deref().or(target.settings.match_key.as_deref()).or(assumed)
    }
}

/// Checks a target's name, which people type and files contain: letters, digits, `.`, `_` and `-`, at most 64.
pub fn check_target_name(name: &str) -> Result<(), String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if (1..=64).contains(&name.len()) && name.chars().all(plain) {
        Ok(())
    } else {
        Err(format!("{name:?} is not a target's name (letters, digits, '.', '_' and '-', at most 64)"))
    }
}
