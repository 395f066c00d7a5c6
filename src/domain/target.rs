//! Targets: named APIs to send to, and the settings of each.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::batch::BatchRule;
use super::endpoint::BaseUrl;
use super::ids::TargetId;
use super::key::NO_KEYS;
use super::profile::{self, Profile};
use super::time::Timestamp;

/// The source of a target's token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenSource {
    /// Not set: `EXPERITURE_API_KEY`, for the target that the command line is about.
    Unsaid,
    /// The environment variable of this name.
    Env(String),
    /// The first line of this file.
    File(std::path::PathBuf),
    /// The first line that this command prints: its name and its arguments, no shell.
    Command(Vec<String>),
    /// The target takes none.
    None,
}

/// The header that a token goes in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthHeader {
    /// Its name, lower-case.
    pub header: String,
    /// The word before the token; empty for none.
    pub scheme: String,
}

impl Default for AuthHeader {
    fn default() -> Self {
        Self { header: "authorization".to_owned(), scheme: "Bearer".to_owned() }
    }
}

/// A target's settings in the config.
#[derive(Debug, Clone)]
pub struct TargetSettings {
    /// Its name.
    pub name: String,
    /// The base URL; also settable by `--base-url` and remembered by the file.
    pub base_url: Option<BaseUrl>,
    /// The source of its token.
    pub token: TokenSource,
    /// What dlq knows of its API.
    pub profile: Arc<Profile>,
    /// The header of the idempotency key, in lower case; `None` if it knows none.
    pub key_header: Option<String>,
    /// The header that the token goes in.
    pub auth: AuthHeader,
    /// Headers that every request has, with lower-case names.
    pub static_headers: Vec<(String, String)>,
    /// Time for which it remembers an idempotency key; [`NO_KEYS`](super::key::NO_KEYS) if it knows none.
    pub window: Duration,
    /// The path for failures that name none.
    pub endpoint: Option<String>,
    /// The match key for bodies that are rebuilt.
    pub match_key: Option<String>,
    /// Captured headers that are sent again besides Content-Type, lower-case.
    pub headers: Vec<String>,
    /// True if its name has to be typed before a replay.
    pub confirm: bool,
    /// Time to wait for an answer, once connected.
    pub timeout: Duration,
    /// Time to wait for a connection, its TLS handshake included.
    pub connect_timeout: Duration,
    /// The unit of the backoff between retries: the guide's second.
    pub backoff: Duration,
    /// True if the environment's proxy settings apply.
    pub proxy: bool,
    /// Its promise about a batch that it refuses.
    pub batch: BatchRule,
}

impl TargetSettings {
    /// Returns the longest time that a request can take, its connection included.
    pub fn most_of_a_request(&self) -> Duration {
        self.timeout.saturating_add(self.connect_timeout)
    }

    /// Returns the settings of a target that the config doesn't mention.
    pub fn new(name: &str) -> Self {
        Self::of(name, profile::built_in())
    }

    /// Returns the settings of a target of which the config names nothing but the profile.
    pub fn of(name: &str, profile: Arc<Profile>) -> Self {
        let key = profile.key.as_ref();
        Self {
            key_header: key.map(|key| key.header.clone()),
            window: key.map_or(NO_KEYS, |key| key.window),
            auth: profile.auth.clone(),
            profile,
            name: name.to_owned(),
            base_url: None,
            token: TokenSource::Unsaid,
            static_headers: Vec::new(),
            endpoint: None,
            match_key: None,
            headers: Vec::new(),
            confirm: false,
            // The API itself gives up after 30 s (504); a little more lets that answer arrive.
            timeout: Duration::from_secs(40),
            connect_timeout: Duration::from_secs(10),
            backoff: Duration::from_secs(1),
            proxy: false,
            batch: BatchRule::default(),
        }
    }
}

/// A value for each target, by its name.
#[derive(Debug, Clone)]
pub struct PerTarget<T> {
    named: BTreeMap<String, T>,
    others: T,
}

impl<T: Copy> PerTarget<T> {
    /// Creates it from the values of named targets, and one for all others.
    pub fn new(named: impl IntoIterator<Item = (String, T)>, others: T) -> Self {
        Self { named: named.into_iter().collect(), others }
    }

    /// Returns the value for the target of that name.
    pub fn of(&self, name: &str) -> T {
        self.named.get(name).copied().unwrap_or(self.others)
    }
}

/// Time for which each target remembers a key.
pub type Windows = PerTarget<Duration>;

/// Each target's promise about a batch that it refuses.
pub type BatchRules = PerTarget<BatchRule>;

/// A target as the file knows it.
#[derive(Debug, Clone)]
pub struct KnownTarget {
    /// Its ID inside the file.
    pub id: TargetId,
    /// Its name.
    pub name: String,
    /// The base URL that the file has bound it to.
    pub base_url: Option<BaseUrl>,
    /// The header in which its keys went at the newest intake or run, empty if it had none.
    pub key_header: Option<String>,
    /// Number of open writes to it.
    pub open: i64,
    /// Number of all writes to it.
    pub count: i64,
}

/// The conditions that a request to a target has to pass.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Gate {
    /// The base URL that the store has bound the target to.
    pub base_url: Option<String>,
    /// The time before which the API wants nothing sent.
    pub opens_at: Option<Timestamp>,
    /// The length of the pause that the API asked for; `None` if it was not kept.
    pub asked: Option<Duration>,
    /// The time when the next token of `--rate` is ready, since 1970.
    pub next_token: Option<Duration>,
}

/// Longest pause that an API may ask for; a time further away comes from a clock that was set back.
const MOST_CLOSED: Duration = Duration::from_hours(1);

impl Gate {
    /// Returns how long the target is still closed; never longer than was asked for, whatever the clock did since. `None` if
    /// it is open.
    pub fn closed_for(&self, now: Timestamp) -> Option<Duration> {
        let left = self.opens_at?.since(now);
        let left = match self.asked {
            Some(asked) => left.min(asked).min(MOST_CLOSED),
            // An earlier version did not keep what was asked for; a time further away comes from a clock that was set back.
            None if left > MOST_CLOSED => Duration::ZERO,
            None => left,
        };
        Some(left).filter(|left| !left.is_zero())
    }
}
