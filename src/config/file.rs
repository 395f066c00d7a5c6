//! The TOML file. Every setting has a default; an unknown name is an error.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

use super::lengths::length;
use super::maps::{FileMap, Filters, NamedMap, limits, named_map};
use super::targets::{Target, settings};
use crate::domain::batch::BatchRule;
use crate::domain::key::DEFAULT_WINDOW;
use crate::domain::profile::{Profiles, effective};
use crate::domain::target::{BatchRules, TargetSettings, TokenSource, Windows};
use crate::jq::Limits;

/// The config, as read from its file.
#[derive(Debug, Clone, Default)]
pub struct Config {
    /// The path of the database.
    pub db: Option<PathBuf>,
    /// Time to wait for another process that holds the database.
    pub busy_timeout: Option<Duration>,
    /// The look and the keys of the terminal UI.
    pub ui: UiSettings,
    targets: BTreeMap<String, TargetSettings>,
    /// The group that the file is shared with: its name, or its number.
    pub unix_group: Option<String>,
    /// The profiles of the config, as TOML.
    pub profiles: Profiles,
    maps: BTreeMap<String, NamedMap>,
    /// The limits of the child that runs maps, a line.
    pub filters: Limits,
}

/// The terminal UI's part of the config.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UiSettings {
    /// `auto`, `dark`, `light`, `16` or `none`.
    pub theme: Option<String>,
    /// True if the mouse is used; if not set, unless the session came over ssh.
    pub mouse: Option<bool>,
    /// Keys for actions, by their names.
    #[serde(default)]
    pub keys: BTreeMap<String, Vec<String>>,
    /// Saved filters, by their names.
    #[serde(default)]
    pub filters: BTreeMap<String, String>,
}

/// The reason why the config can't be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file can't be read.
    #[error("config {path}: {why}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's error.
        why: std::io::Error,
    },
    /// The file is not a valid config.
    #[error("config {path}: {why}")]
    Wrong {
        /// The file.
        path: PathBuf,
        /// The place and the cause.
        why: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    db: Option<PathBuf>,
    busy_timeout: Option<String>,
    #[serde(default)]
    ui: UiSettings,
    #[serde(default)]
    targets: BTreeMap<String, Target>,
    #[serde(default)]
    store: StoreTable,
    #[serde(default)]
    profiles: Profiles,
    #[serde(default)]
    maps: BTreeMap<String, FileMap>,
    filters: Option<Filters>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct StoreTable {
    unix_group: Option<Group>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Group {
    Name(String),
    Number(u32),
}

fn group(group: Group) -> Result<String, String> {
    match group {
        Group::Name(name) if name.trim().is_empty() => Err("store.unix_group: give a group's name".to_owned()),
        Group::Name(name) => Ok(name),
        Group::Number(number) => Ok(number.to_string()),
    }
}

impl Config {
    /// Reads the file at `path`.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text =
            std::fs::read_to_string(path).map_err(|why| ConfigError::Unreadable { path: path.to_owned(), why })?;
        let mut config = Self::parse(&text).map_err(|why| ConfigError::Wrong { path: path.to_owned(), why })?;
        // A file of the config lies beside it.
        for map in config.maps.values_mut() {
            if let (NamedMap::File(file), Some(folder)) = (map, path.parent()) {
                *file = folder.join(&*file);
            }
        }
        Ok(config)
    }

    /// Parses the text of a config; an error names the place and the cause.
    pub fn parse(text: &str) -> Result<Self, String> {
        let file: File = toml::from_str(text).map_err(|e| e.to_string())?;
        let mut config = Self {
            db: file.db,
            busy_timeout: file.busy_timeout.as_deref().map(|t| length("busy_timeout", t)).transpose()?,
            ui: file.ui,
            targets: BTreeMap::new(),
            unix_group: file.store.unix_group.map(group).transpose()?,
            profiles: file.profiles,
            maps: BTreeMap::new(),
            filters: file.filters.map_or(Ok(Limits::default()), limits)?,
        };
        for name in config.profiles.keys() {
            effective(name, &config.profiles).map_err(|e| format!("profiles.{name}: {e}"))?;
        }
        for (name, map) in file.maps {
            let map = named_map(map).map_err(|why| format!("maps.{name}: {why}"))?;
            config.maps.insert(name, map);
        }
        for (name, target) in file.targets {
            let settings = settings(&name, target, &config.profiles).map_err(|why| format!("targets.{name}.{why}"))?;
            config.targets.insert(name, settings);
        }
        Ok(config)
    }

    /// Returns a target's settings; one that isn't mentioned gets the defaults.
    pub fn target(&self, name: &str) -> TargetSettings {
        self.targets.get(name).cloned().unwrap_or_else(|| TargetSettings::new(name))
    }

    /// Returns a map of the config.
    pub fn map(&self, name: &str) -> Option<&NamedMap> {
        self.maps.get(name)
    }

    /// Returns the names of the config's maps.
    pub fn map_names(&self) -> impl Iterator<Item = &str> {
        self.maps.keys().map(String::as_str)
    }

    /// Returns the targets that are mentioned.
    pub fn targets(&self) -> impl Iterator<Item = &TargetSettings> {
        self.targets.values()
    }

    /// Returns the environment variables that hold tokens.
    pub fn token_variables(&self) -> Vec<String> {
        let named = self.targets.values().filter_map(|target| match &target.token {
            TokenSource::Env(variable) => Some(variable.clone()),
            _ => None,
        });
        named.chain([super::TOKEN_VARIABLE.to_owned()]).collect()
    }

    /// Returns the time for which each target remembers a key.
    pub fn windows(&self) -> Windows {
        Windows::new(self.targets.iter().map(|(name, target)| (name.clone(), target.window)), DEFAULT_WINDOW)
    }

    /// Returns each target's promise about a batch that it refuses.
    pub fn batch_rules(&self) -> BatchRules {
        BatchRules::new(self.targets.iter().map(|(name, target)| (name.clone(), target.batch)), BatchRule::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::target::AuthHeader;

    #[test]
    fn a_config_is_read_and_a_wrong_one_names_the_place() {
        let config = Config::parse(
            "busy_timeout = '2s'\n[targets.production]\nbase_url = 'https://api.example.org/v1/'\nwindow = '48h'\nconfirm = true\nheaders = ['X-Tenant']",
        )
        .unwrap();
        let target = config.target("production");
        assert!(target.confirm && target.headers == ["x-tenant"]);
        assert_eq!(target.auth, AuthHeader { header: "authorization".to_owned(), scheme: "Bearer".to_owned() });
        let other = Config::parse(
            "[targets.a]\ntoken_command = ['vault-token', 'cdp']\nauth = { header = 'X-Api-Key', scheme = '' }\nstatic_headers = { 'X-Region' = 'eu', 'x-team' = 'a b' }",
        );
        let other = other.unwrap().target("a");
        assert_eq!(other.token, TokenSource::Command(vec!["vault-token".to_owned(), "cdp".to_owned()]));
        assert_eq!((other.auth.header.as_str(), other.auth.scheme.as_str()), ("x-api-key", ""));
        assert_eq!(
            other.static_headers,
            [("x-region".to_owned(), "eu".to_owned()), ("x-team".to_owned(), "a b".to_owned())]
        );
        assert_eq!(config.windows().of("production"), Duration::from_hours(48));
        assert_eq!(config.windows().of("other"), Duration::from_hours(24));
        for (text, part) in [
            ("[targets.a]\nwindow = '2'", "targets.a.window"),
            ("[targets.a]\nbase_url = 'x'", "targets.a.base_url"),
            ("[targets.a]\nbaseurl = 'x'", "baseurl"),
            ("[targets.a]\nbatch = 'maybe'", "targets.a.batch"),
            ("[targets.a]\nendpoint = '../x'", "targets.a.endpoint"),
            ("[targets.a]\ntoken_env = 'A'\ntoken_file = 'b'", "targets.a.token"),
            ("db = 5", "line 1"),
            ("[targets.a]\nheaders = ['Content-Length']", "targets.a.headers: content-length"),
            ("[targets.a]\nheaders = ['host']", "targets.a.headers"),
            ("[targets.a]\nheaders = ['Transfer-Encoding']", "targets.a.headers"),
            ("[targets.a]\nheaders = ['Connection']", "targets.a.headers"),
            ("[targets.a]\nheaders = ['X-Api-Key']", "is a secret"),
            ("[targets.a]\nheaders = ['x y']", "not the name of a header"),
            ("[targets.a]\ntoken_env = 'A'\ntoken_command = ['b']", "targets.a.token"),
            ("[targets.a]\ntoken_command = []", "targets.a.token_command"),
            ("[targets.a]\nauth = { header = 'Host' }", "targets.a.auth.header: host"),
            ("[targets.a]\nauth = { scheme = 'a b' }", "targets.a.auth.scheme"),
            ("[targets.a]\nauth = { name = 'x' }", "name"),
            ("[targets.a]\nstatic_headers = { 'Idempotency-Key' = 'x' }", "targets.a.static_headers: idempotency-key"),
            ("[targets.a]\nstatic_headers = { 'x-a' = \"b\\nc\" }", "can't stand in a header"),
            ("[targets.a]\nheaders = ['X-A']\nstatic_headers = { 'x-a' = 'b' }", "x-a is named twice"),
            ("[targets.a]\nauth = { header = 'x-a' }\nstatic_headers = { 'X-A' = 'b' }", "x-a is named twice"),
            ("[targets.a]\nkey = { headr = 'x' }", "targets.a.key: unknown field `headr`"),
            ("[targets.a]\nkey = { header = 'Host' }", "targets.a.key.header: host"),
            ("[targets.a]\nkey = 5", "targets.a.key: 5 is neither"),
            ("[targets.a]\nconnect_timeout = 'soon'", "targets.a.connect_timeout"),
        ] {
            let error = Config::parse(text).unwrap_err();
            assert!(error.contains(part), "{error}");
        }
    }
}
