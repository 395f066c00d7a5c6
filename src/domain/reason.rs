//! Reasons: why a write of a plan ended as it did in its run. Facts with a code; `render` puts them into words.

use serde_json::{Map, Value, json};

use super::hazard::Hazard;
use super::ids::{GroupId, WriteId};
use super::outcome::AttemptOutcome;
use super::state::State;
use super::time::Timestamp;

/// The details of a reason, as JSON.
pub type Data = Map<String, Value>;

/// The reason why a write of a plan ended as it did, unless it was accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// Its last request in the run.
    Attempt(LastAttempt),
    /// A hazard refused it.
    Hazard(Hazard),
    /// It is no longer what the plan showed.
    Skipped(SkipReason),
    /// An older write of its lane did not go through. (Files of older versions don't say which.)
    LaneFailed(Option<WriteId>),
    /// Its group was stopped first.
    GroupStopped(GroupId),
    /// Its endpoint was stopped first.
    EndpointStopped(String),
    /// The run was stopped first.
    RunStopped,
    /// The store failed, so nothing is known.
    StoreFailed,
    /// A sentence that an older version recorded, under the code that fits its outcome.
    Worded {
        /// The code.
        code: String,
        /// The sentence.
        words: String,
    },
}

/// The end of a write's last request in the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LastAttempt {
    /// Its outcome, never `accepted`.
    pub outcome: AttemptOutcome,
    /// Set if the same refusal came again, perhaps from the API's cache: the time until which the API remembers the key.
    pub maybe_cached_until: Option<Timestamp>,
    /// The reason why it was not retried, where a retry was due.
    pub given_up: Option<GivenUp>,
}

/// The reason why a failed write was not retried although its failure may pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GivenUp {
    /// The run was stopped.
    RunStopped,
    /// The run's process ended.
    RunEnded,
    /// A hazard appeared.
    Hazard(Hazard),
    /// The write changed meanwhile.
    Skipped(SkipReason),
}

/// The reason why a claim has nothing to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SkipReason {
    /// Its state allows no claim.
    State(State),
    /// It was settled between the plan that showed it and the run that continues that plan.
    Settled,
    /// Its body was edited since the plan was made.
    Edited,
    /// It was purged.
    Purged,
    /// Another run has a write of its lane in flight.
    LaneInFlight(WriteId),
    /// Its row or body is not as dlq left it.
    Damaged(Damage),
}

/// Damage to a write in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// Its row does not match its seal.
    #[error("its row was changed on disk (its seal is broken)")]
    Seal,
    /// Its body does not match its SHA-256.
    #[error("its body was changed on disk (its SHA-256 differs)")]
    Body,
    /// A column has a value that no rule allows, or lacks a value that it needs.
    #[error("its row can't be read (column {0})")]
    Column(&'static str),
}

/// The columns in which a row can be damaged, so that each has a `&'static str` for its name.
const COLUMNS: [&str; 34] = [
    "state",
    "was",
    "resolution",
    "run_id",
    "ambiguous_since",
    "settled_at",
    "method",
    "path",
    "endpoint_origin",
    "headers",
    "key",
    "parent_key",
    "key_origin",
    "key_reused",
    "failure_type",
    "status",
    "error_code",
    "error_message",
    "error_details",
    "correlation_id",
    "group_id",
    "captured_ambiguous",
    "first_attempt_at",
    "failed_at",
    "captured_at",
    "order_at",
    "order_id",
    "occurrences",
    "attempts",
    "revision",
    "body_sha256",
    "body_len",
    "body_origin",
    "operation",
];

impl Damage {
    /// Returns the damage of a column; one that is not known becomes `unnamed`.
    pub fn column(name: &str) -> Self {
        Self::Column(COLUMNS.iter().copied().find(|known| *known == name).unwrap_or("unnamed"))
    }

    /// Returns the part that is damaged: `seal`, `body`, or a column.
    pub fn place(self) -> &'static str {
        match self {
            Self::Seal => "seal",
            Self::Body => "body",
            Self::Column(name) => name,
        }
    }

    fn parse(place: &str) -> Self {
        match place {
            "seal" => Self::Seal,
            "body" => Self::Body,
            column => Self::column(column),
        }
    }
}

impl SkipReason {
    fn code(self) -> &'static str {
        match self {
            Self::State(_) => "not-open",
            Self::Settled => "settled-since-plan",
            Self::Edited => "changed-since-plan",
            Self::Purged => "purged",
            Self::LaneInFlight(_) => "lane-in-flight",
            Self::Damaged(_) => "damaged",
        }
    }

    fn put(self, data: &mut Data) {
        match self {
            Self::State(state) => put(data, "state", state.name()),
            Self::LaneInFlight(write) => put(data, "write", write.0),
            Self::Damaged(damage) => put(data, "damage", damage.place()),
            Self::Settled | Self::Edited | Self::Purged => {}
        }
    }

    fn read(code: &str, data: &Value) -> Option<Self> {
        Some(match code {
            "not-open" => Self::State(State::parse(data["state"].as_str()?)?),
            "settled-since-plan" => Self::Settled,
            "changed-since-plan" => Self::Edited,
            "purged" => Self::Purged,
            "lane-in-flight" => Self::LaneInFlight(WriteId(data["write"].as_i64()?)),
            "damaged" => Self::Damaged(Damage::parse(data["damage"].as_str()?)),
            _ => return None,
        })
    }
}

impl GivenUp {
    fn code(self) -> &'static str {
        match self {
            Self::RunStopped => "run-stopped",
            Self::RunEnded => "run-ended",
            Self::Hazard(hazard) => hazard.name(),
            Self::Skipped(skip) => skip.code(),
        }
    }

    fn read(code: &str, data: &Value) -> Option<Self> {
        match code {
            "run-stopped" => Some(Self::RunStopped),
            "run-ended" => Some(Self::RunEnded),
            _ => Hazard::parse(code).map(Self::Hazard).or_else(|| SkipReason::read(code, data).map(Self::Skipped)),
        }
    }
}

/// The codes of attempts that were not accepted.
const ATTEMPTS: [(AttemptOutcome, &str); 5] = [
    (AttemptOutcome::Refused, "api-refused"),
    (AttemptOutcome::Partial, "partial"),
    (AttemptOutcome::Unclear, "unclear"),
    (AttemptOutcome::NoAnswer, "no-answer"),
    (AttemptOutcome::NotSent, "not-sent"),
];

impl Reason {
    /// Creates the reason for a request that ended this way, without further details.
    pub fn attempt(outcome: AttemptOutcome) -> Self {
        Self::Attempt(LastAttempt { outcome, maybe_cached_until: None, given_up: None })
    }

    /// Returns its code, in kebab-case; a hazard's code is its name.
    pub fn code(&self) -> &str {
        match self {
            Self::Attempt(last) => {
                ATTEMPTS.iter().find(|(outcome, _)| *outcome == last.outcome).map_or("unclear", |(_, code)| code)
            }
            Self::Hazard(hazard) => hazard.name(),
            Self::Skipped(skip) => skip.code(),
            Self::LaneFailed(_) => "lane-failed",
            Self::GroupStopped(_) => "group-stopped",
            Self::EndpointStopped(_) => "endpoint-stopped",
            Self::RunStopped => "run-stopped",
            Self::StoreFailed => "store-failed",
            Self::Worded { code, .. } => code,
        }
    }

    /// Returns its details.
    pub fn data(&self) -> Data {
        let mut data = Data::new();
        match self {
            Self::Attempt(last) => {
                if let Some(until) = last.maybe_cached_until {
                    put(&mut data, "maybe_cached_until", until);
                }
                if let Some(given_up) = last.given_up {
                    put(&mut data, "not_retried", given_up.code());
                    if let GivenUp::Skipped(skip) = given_up {
                        skip.put(&mut data);
                    }
                }
            }
            Self::Skipped(skip) => skip.put(&mut data),
            Self::LaneFailed(Some(write)) => put(&mut data, "write", write.0),
            Self::GroupStopped(group) => put(&mut data, "group", group.0),
            Self::EndpointStopped(path) => put(&mut data, "path", path.as_str()),
            Self::Worded { words, .. } => put(&mut data, "words", words.as_str()),
            Self::Hazard(_) | Self::LaneFailed(None) | Self::RunStopped | Self::StoreFailed => {}
        }
        data
    }

    /// Reads a reason back from its code and data in a file.
    pub fn read(code: &str, data: &Value) -> Option<Self> {
        if let Some(words) = data["words"].as_str() {
            return Some(Self::Worded { code: code.to_owned(), words: words.to_owned() });
        }
        if let Some((outcome, _)) = ATTEMPTS.iter().find(|(_, known)| *known == code) {
            return Some(Self::Attempt(LastAttempt {
                outcome: *outcome,
                maybe_cached_until: data["maybe_cached_until"].as_str().and_then(Timestamp::parse),
                given_up: data["not_retried"].as_str().and_then(|code| GivenUp::read(code, data)),
            }));
        }
        Some(match code {
            "lane-failed" => Self::LaneFailed(data["write"].as_i64().map(WriteId)),
            "group-stopped" => Self::GroupStopped(GroupId(data["group"].as_i64()?)),
            "endpoint-stopped" => Self::EndpointStopped(data["path"].as_str()?.to_owned()),
            "run-stopped" => Self::RunStopped,
            "store-failed" => Self::StoreFailed,
            _ => {
                return Hazard::parse(code)
                    .map(Self::Hazard)
                    .or_else(|| SkipReason::read(code, data).map(Self::Skipped));
            }
        })
    }
}

fn put(data: &mut Data, name: &str, value: impl serde::Serialize) {
    data.insert(name.to_owned(), json!(value));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_is_read_back_from_its_code_and_data() {
        let mut all: Vec<Reason> = Hazard::ALL.iter().map(|hazard| Reason::Hazard(*hazard)).collect();
        let skips = [
            SkipReason::Settled,
            SkipReason::Edited,
            SkipReason::Purged,
            SkipReason::State(State::Discarded),
            SkipReason::LaneInFlight(WriteId(7)),
            SkipReason::Damaged(Damage::Seal),
            SkipReason::Damaged(Damage::Body),
            SkipReason::Damaged(Damage::column("state")),
        ];
        all.extend(skips.map(Reason::Skipped));
        let given_up = [GivenUp::RunStopped, GivenUp::RunEnded, GivenUp::Hazard(Hazard::KeyExpired)];
        for given_up in given_up.into_iter().chain(skips.map(GivenUp::Skipped)).map(Some).chain([None]) {
            for (outcome, _) in ATTEMPTS {
                let maybe_cached_until = Some(Timestamp::from_millis(1_234_567));
                all.push(Reason::Attempt(LastAttempt { outcome, maybe_cached_until, given_up }));
            }
        }
        all.extend([
            Reason::LaneFailed(Some(WriteId(3))),
            Reason::LaneFailed(None),
            Reason::GroupStopped(GroupId(2)),
            Reason::EndpointStopped("records/x/append".to_owned()),
            Reason::RunStopped,
            Reason::StoreFailed,
            Reason::Worded { code: "run-stopped".to_owned(), words: "it was asked to stop".to_owned() },
        ]);
        let mut kinds = std::collections::HashSet::new();
        for reason in all {
            let data = Value::Object(reason.data());
            assert_eq!(Reason::read(reason.code(), &data), Some(reason.clone()), "{} {data}", reason.code());
            assert!(reason.code().bytes().all(|b| b.is_ascii_lowercase() || b == b'-'), "{}", reason.code());
            kinds.insert(reason.code().to_owned());
        }
        assert!(kinds.len() > 20, "{kinds:?}");
        assert_eq!(Reason::read("no-such-code", &Value::Null), None);
    }
}
