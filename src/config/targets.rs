//! `[targets.NAME]`: the settings of each API.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;

use super::lengths::length;
use crate::domain::batch::BatchRule;
use crate::domain::endpoint::{BaseUrl, EndpointPath};
use crate::domain::key::NO_KEYS;
use crate::domain::profile::{self, Profile, Profiles, effective};
use crate::domain::secrets::is_secret;
use crate::domain::target::{AuthHeader, TargetSettings, TokenSource};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Target {
    base_url: Option<String>,
    token_env: Option<String>,
    token_file: Option<PathBuf>,
    token_command: Option<Vec<String>>,
    #[serde(default)]
    no_token: bool,
    auth: Option<Auth>,
    #[serde(default)]
    static_headers: BTreeMap<String, String>,
    profile: Option<String>,
    key: Option<toml::Value>,
    window: Option<String>,
    endpoint: Option<String>,
    match_key: Option<String>,
    #[serde(default)]
    headers: Vec<String>,
    #[serde(default)]
    confirm: bool,
    timeout: Option<String>,
    connect_timeout: Option<String>,
    backoff: Option<String>,
    #[serde(default)]
    proxy: bool,
    batch: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NamedKey {
    header: Option<String>,
    window: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Auth {
    header: Option<String>,
    scheme: Option<String>,
}

/// Reads the settings of a target; `profiles` are those of the config.
pub(super) fn settings(name: &str, target: Target, profiles: &Profiles) -> Result<TargetSettings, String> {
    let profile = match &target.profile {
        Some(named) => Arc::new(effective(named, profiles).map_err(|e| format!("profile: {e}"))?),
        None => profile::built_in(),
    };
    let (key_header, window) = key(target.key, target.window.as_deref(), &profile)?;
    let defaults = TargetSettings::of(name, profile);
    let command = target.token_command.map(token_command).transpose()?;
    let mut named = [
        target.token_env.map(TokenSource::Env),
        target.token_file.map(TokenSource::File),
        command.map(TokenSource::Command),
        target.no_token.then_some(TokenSource::None),
    ]
    .into_iter()
    .flatten();
    let token = named.next().unwrap_or(defaults.token);
    if named.next().is_some() {
        return Err("token: give one of token_env, token_file, token_command and no_token".to_owned());
    }
    let auth = auth(target.auth, defaults.auth)?;
    let headers = target.headers.iter().map(|name| header(name)).collect::<Result<Vec<_>, _>>()?;
    let static_headers: Vec<(String, String)> =
        target.static_headers.iter().map(|(name, value)| static_header(name, value)).collect::<Result<_, _>>()?;
    let all =
        headers.iter().chain(static_headers.iter().map(|(name, _)| name)).chain([&auth.header]).chain(&key_header);
    let mut seen = BTreeSet::new();
    if let Some(twice) = all.into_iter().find(|name| !seen.insert(name.as_str())) {
        return Err(format!(
            "headers: {twice} is named twice among headers, static_headers, auth.header and key.header"
        ));
    }
    let base_url = target.base_url.map(|url| BaseUrl::parse(&url)).transpose().map_err(|e| format!("base_url: {e}"))?;
    if let Some(endpoint) = &target.endpoint {
        EndpointPath::parse(endpoint, base_url.as_ref()).map_err(|e| format!("endpoint: {e}"))?;
    }
    let one =
        |field: &str, text: Option<String>, default: Duration| text.map_or(Ok(default), |text| length(field, &text));
    Ok(TargetSettings {
        base_url,
        token,
        window,
        key_header,
        profile: defaults.profile,
        endpoint: target.endpoint,
        match_key: target.match_key,
        headers,
        auth,
        static_headers,
        confirm: target.confirm,
        timeout: one("timeout", target.timeout, defaults.timeout)?,
        connect_timeout: one("connect_timeout", target.connect_timeout, defaults.connect_timeout)?,
        backoff: one("backoff", target.backoff, defaults.backoff)?,
        proxy: target.proxy,
        batch: target.batch.map_or(Ok(defaults.batch), |rule| batch(&rule))?,
        name: defaults.name,
    })
}

/// Headers that dlq sets itself, or that belong to one connection.
const NOT_SENT_AGAIN: [&str; 14] = [
    "host",
    "content-type",
    "content-length",
    "transfer-encoding",
    "te",
    "trailer",
    "connection",
    "keep-alive",
    "upgrade",
    "expect",
    "proxy-connection",
    "proxy-authenticate",
    "idempotency-key",
    "accept-encoding",
];

/// Returns the header of the idempotency key, and the time for which the API remembers one.
fn key(
    key: Option<toml::Value>,
    window: Option<&str>,
    profile: &Profile,
) -> Result<(Option<String>, Duration), String> {
    let of_profile = profile.key.as_ref();
    let (header, own) = match key {
        Some(toml::Value::String(word)) if word == "none" => {
            return match window {
                Some(_) => Err("window: there is none without a key (key = \"none\")".to_owned()),
                None => Ok((None, NO_KEYS)),
            };
        }
        Some(toml::Value::Table(table)) => {
            let named: NamedKey = table.try_into().map_err(|e: toml::de::Error| format!("key: {}", e.message()))?;
            (named.header, named.window)
        }
        Some(other) => return Err(format!("key: {other} is neither a table nor \"none\"")),
        None => (None, None),
    };
    if own.is_some() && window.is_some() {
        return Err("window: it is short for key.window; give one of them".to_owned());
    }
    let header = match header {
        Some(text) => {
            let name = header_text(&text).map_err(|why| format!("key.header: {why}"))?;
            if NOT_SENT_AGAIN.contains(&name.as_str()) && name != "idempotency-key" {
                return Err(format!("key.header: {name} is set by dlq itself or belongs to the connection"));
            }
            Some(name)
        }
        None => of_profile.map(|key| key.header.clone()),
    };
    let window = match own.as_deref().or(window) {
        Some(text) => Some(length("window", text)?),
        None => of_profile.map(|key| key.window),
    };
    match (header, window) {
        (Some(header), Some(window)) if window != NO_KEYS => Ok((Some(header), window)),
        (Some(_), Some(_)) => Err("window: an API that remembers no key has key = \"none\"".to_owned()),
        (None, None) => Ok((None, NO_KEYS)),
        _ => Err(format!("key: profile {} knows no keys: give key.header and key.window", profile.name)),
    }
}

/// Checks a command that prints a token.
fn token_command(command: Vec<String>) -> Result<Vec<String>, String> {
    match command.first() {
        Some(name) if !name.trim().is_empty() => Ok(command),
        _ => Err("token_command: give the command and its arguments: [\"vault-token\", \"cdp\"]".to_owned()),
    }
}

/// Checks the header that the token goes in.
fn auth(auth: Option<Auth>, defaults: AuthHeader) -> Result<AuthHeader, String> {
    let Some(auth) = auth else { return Ok(defaults) };
    let header = match auth.header {
        Some(text) => header_name(&text).map_err(|why| format!("auth.header: {why}"))?,
        None => defaults.header,
    };
    let scheme = auth.scheme.unwrap_or(defaults.scheme);
    if !scheme.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(format!("auth.scheme: {scheme:?} is no single word"));
    }
    Ok(AuthHeader { header, scheme })
}

/// Checks a header that every request has.
fn static_header(text: &str, value: &str) -> Result<(String, String), String> {
    let name = header_name(text).map_err(|why| format!("static_headers: {why}"))?;
    if value.trim() != value || !value.bytes().all(|b| b == b'\t' || (b' '..=b'~').contains(&b)) {
        return Err(format!("static_headers: the value of {name} can't stand in a header"));
    }
    Ok((name, value.to_owned()))
}

/// Returns the name of a header in lower case, unless it is none.
fn header_text(text: &str) -> Result<String, String> {
    let name = text.trim().to_ascii_lowercase();
    let is_token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    if name.is_empty() || !name.bytes().all(is_token) {
        return Err(format!("{text:?} is not the name of a header"));
    }
    Ok(name)
}

/// The same, unless it is one of those that dlq sets itself.
fn header_name(text: &str) -> Result<String, String> {
    let name = header_text(text)?;
    if NOT_SENT_AGAIN.contains(&name.as_str()) {
        return Err(format!("{name} is set by dlq itself or belongs to the connection"));
    }
    Ok(name)
}

/// Checks the name of a captured header that is to be sent again.
fn header(text: &str) -> Result<String, String> {
    let name = header_name(text).map_err(|why| format!("headers: {why}: it can't be sent again"))?;
    if is_secret(&name) {
        return Err(format!("headers: {name} is a secret: it is never kept, so it can't be sent again"));
    }
    Ok(name)
}

fn batch(text: &str) -> Result<BatchRule, String> {
    BatchRule::parse(text)
        .ok_or_else(|| format!("batch: {text:?} is not one of \"atomic\", \"partial\" and \"unknown\""))
}
