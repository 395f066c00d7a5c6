//! Targets: named APIs to send to, and how each wants to be treated.

use std::collections::BTreeMap;
use std::time::Duration;

use super::batch::BatchRule;
use super::endpoint::BaseUrl;
use super::ids::TargetId;
use super::key::DEFAULT_WINDOW;
use super::time::Timestamp;

/// Where a target's token comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenSource {
    /// Nobody says so: `EXPERITURE_API_KEY`, for the target that the command line is about.
    Unsaid,
    /// The environment variable of this name.
    Env(String),
    /// The first line of this file.
    File(std::path::PathBuf),
    /// The target wants none.
    None,
}

/// What the config says of a target.
#[derive(Debug, Clone)]
pub struct TargetSettings {
    /// Its name.
    pub name: String,
    /// Where to send to; also settable by `--base-url` and remembered by the file.
    pub base_url: Option<BaseUrl>,
    /// Where its token comes from.
    pub token: TokenSource,
    /// How long it remembers an idempotency key.
    pub window: Duration,
    /// The path for failures that name none.
    pub endpoint: Option<String>,
    /// The match key for bodies that are rebuilt.
    pub match_key: Option<String>,
    /// Captured headers that are sent again, lower-case, besides Content-Type.
    pub headers: Vec<String>,
    /// True if its name has to be typed before a replay.
    pub confirm: bool,
    /// How long to wait for an answer, once there is a connection.
    pub timeout: Duration,
    /// How long to wait for a connection, its TLS handshake included.
    pub connect_timeout: Duration,
    /// The unit of the backoff between retries: the guide's second.
    pub backoff: Duration,
    /// True if the environment's proxy settings apply.
    pub proxy: bool,
    /// What it promises about a batch that it refuses.
    pub batch: BatchRule,
}

impl TargetSettings {
    /// How long a request can take, its connection included.
    pub fn most_of_a_request(&self) -> Duration {
        self.timeout.saturating_add(self.connect_timeout)
    }

    /// The settings of a target that the config doesn't mention.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            base_url: None,
            token: TokenSource::Unsaid,
            window: DEFAULT_WINDOW,
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

/// Something that each target has, by its name.
#[derive(Debug, Clone)]
pub struct PerTarget<T> {
    named: BTreeMap<String, T>,
    others: T,
}

impl<T: Copy> PerTarget<T> {
    /// With what the named targets have, and what any other has.
    pub fn new(named: impl IntoIterator<Item = (String, T)>, others: T) -> Self {
        Self { named: named.into_iter().collect(), others }
    }

    /// What the target of that name has.
    pub fn of(&self, name: &str) -> T {
        self.named.get(name).copied().unwrap_or(self.others)
    }
}

/// How long each target remembers a key.
pub type Windows = PerTarget<Duration>;

/// What each target promises about a batch that it refuses.
pub type BatchRules = PerTarget<BatchRule>;

/// A target as the file knows it.
#[derive(Debug, Clone)]
pub struct KnownTarget {
    /// Names it inside the file.
    pub id: TargetId,
    /// Its name.
    pub name: String,
    /// The base URL that the file is bound to.
    pub base_url: Option<BaseUrl>,
    /// How many open writes go there.
    pub open: i64,
    /// How many writes go there.
    pub count: i64,
}

/// What a request to a target has to pass.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Gate {
    /// The base URL that the store has bound the target to.
    pub base_url: Option<String>,
    /// The API asked that nothing be sent before then.
    pub opens_at: Option<Timestamp>,
    /// For how long it asked that; `None` if nobody kept it.
    pub asked: Option<Duration>,
    /// The time when the next token of `--rate` is there: since 1970.
    pub next_token: Option<Duration>,
}

/// No request may ask for more than an hour; what is further away is a clock that was set back.
const MOST_CLOSED: Duration = Duration::from_hours(1);

impl Gate {
    /// How long the target is still closed; never longer than was asked for, whatever the clock did since. `None` if it
    /// is open.
    pub fn closed_for(&self, now: Timestamp) -> Option<Duration> {
        let left = self.opens_at?.since(now);
        let left = match self.asked {
            Some(asked) => left.min(asked).min(MOST_CLOSED),
            // An earlier version did not keep what was asked for; what is further away is a clock that was set back.
            None if left > MOST_CLOSED => Duration::ZERO,
            None => left,
        };
        Some(left).filter(|left| !left.is_zero())
    }
}
