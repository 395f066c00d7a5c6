//! Stops: what ended a run, a group or an endpoint early. Facts with a code; `render` puts them into words.

use serde_json::{Value, json};

use super::ids::{GroupId, WriteId};
use super::reason::Data;

/// The cause that stopped a run, or a part of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stop {
    /// An operator asked for it.
    Asked {
        /// The operator, if it was asked for from another terminal.
        by: Option<String>,
    },
    /// An operator did not wait for the requests in flight.
    CutOff,
    /// No connection to the target can be made.
    Unreachable {
        /// The target's base URL.
        url: String,
    },
    /// 401: the API does not accept the token.
    TokenRefused(Blame),
    /// 403: the token may not use the endpoint. The rest of the run goes on.
    EndpointForbidden {
        /// The path below the base URL.
        path: String,
        /// The write that was answered 403.
        blame: Blame,
    },
    /// The canary of a group failed. The rest of the run goes on, unless it was the only group.
    CanaryFailed {
        /// The group.
        group: GroupId,
        /// The canary.
        blame: Blame,
    },
    /// Too many writes of a group failed in a row. The rest of the run goes on.
    FailuresInARow {
        /// The group.
        group: GroupId,
        /// Number of failures.
        count: u32,
        /// The last of them.
        blame: Blame,
    },
    /// The store failed.
    StoreFailed {
        /// The store's error.
        error: String,
    },
    /// A fault in dlq itself.
    Fault {
        /// The message of the fault.
        what: String,
    },
    /// A sentence that an older version recorded.
    Worded {
        /// The sentence; empty if it went with a write that was purged.
        words: String,
    },
}

/// The write whose failure stopped something, with the API's answer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Blame {
    /// The write.
    pub write: Option<WriteId>,
    /// The HTTP status, if there was an answer.
    pub status: Option<u16>,
    /// The API's error code.
    pub code: Option<String>,
    /// The API's message, or the network's; removed when the write is purged.
    pub message: Option<String>,
    /// The answer's correlation ID.
    pub correlation_id: Option<String>,
    /// True if the answer came from the API's idempotency cache.
    pub cached: bool,
    /// Number of writes that were not sent because of it.
    pub never_sent: u64,
}

impl Blame {
    fn put(&self, data: &mut Data) {
        let value = json!({
            "write": self.write, "status": self.status, "error_code": self.code, "error_message": self.message,
            "correlation_id": self.correlation_id, "cached": self.cached, "never_sent": self.never_sent,
        });
        if let Value::Object(fields) = value {
            data.extend(fields);
        }
    }

    fn read(data: &Value) -> Self {
        let text = |name: &str| data[name].as_str().map(str::to_owned);
        Self {
            write: data["write"].as_i64().map(WriteId),
            status: data["status"].as_u64().and_then(|status| u16::try_from(status).ok()),
            code: text("error_code"),
            message: text("error_message"),
            correlation_id: text("correlation_id"),
            cached: data["cached"].as_bool().unwrap_or(false),
            never_sent: data["never_sent"].as_u64().unwrap_or(0),
        }
    }

    /// Returns a copy without the API's words.
    fn forgotten(&self) -> Self {
        Self { code: None, message: None, correlation_id: None, ..self.clone() }
    }
}

impl Stop {
    /// Returns its code, in kebab-case.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Asked { .. } => "asked",
            Self::CutOff => "cut-off",
            Self::Unreachable { .. } => "unreachable",
            Self::TokenRefused(_) => "token-refused",
            Self::EndpointForbidden { .. } => "endpoint-forbidden",
            Self::CanaryFailed { .. } => "canary-failed",
            Self::FailuresInARow { .. } => "failures-in-a-row",
            Self::StoreFailed { .. } => "store-failed",
            Self::Fault { .. } => "fault",
            Self::Worded { .. } => "worded",
        }
    }

    /// Returns true if it stopped the whole run.
    pub fn is_of_run(&self) -> bool {
        !matches!(self, Self::EndpointForbidden { .. } | Self::CanaryFailed { .. } | Self::FailuresInARow { .. })
    }

    /// Returns its details.
    pub fn data(&self) -> Data {
        let mut data = Data::new();
        let mut put = |name: &str, value: Value| data.insert(name.to_owned(), value);
        match self {
            Self::Asked { by } => {
                put("by", json!(by));
            }
            Self::Unreachable { url } => {
                put("url", json!(url));
            }
            Self::StoreFailed { error } => {
                put("error", json!(error));
            }
            Self::Fault { what } => {
                put("error", json!(what));
            }
            Self::Worded { words } => {
                put("words", json!(words));
            }
            Self::EndpointForbidden { path, .. } => {
                put("path", json!(path));
            }
            Self::CanaryFailed { group, .. } => {
                put("group", json!(group));
            }
            Self::FailuresInARow { group, count, .. } => {
                put("group", json!(group));
                put("count", json!(count));
            }
            Self::CutOff | Self::TokenRefused(_) => {}
        }
        if let Some(blame) = self.blame() {
            blame.put(&mut data);
        }
        data
    }

    /// Returns the write whose failure caused it, if there is one.
    pub fn blame(&self) -> Option<&Blame> {
        match self {
            Self::TokenRefused(blame)
            | Self::EndpointForbidden { blame, .. }
            | Self::CanaryFailed { blame, .. }
            | Self::FailuresInARow { blame, .. } => Some(blame),
            _ => None,
        }
    }

    /// Sets the number of writes that were not sent because of it.
    #[must_use]
    pub fn with_never_sent(mut self, never_sent: u64) -> Self {
        if let Self::TokenRefused(blame)
        | Self::EndpointForbidden { blame, .. }
        | Self::CanaryFailed { blame, .. }
        | Self::FailuresInARow { blame, .. } = &mut self
        {
            blame.never_sent = never_sent;
        }
        self
    }

    fn read(code: &str, data: &Value) -> Option<Self> {
        let text = |name: &str| data[name].as_str().map(str::to_owned).unwrap_or_default();
        let blame = || Blame::read(data);
        let group = || data["group"].as_i64().map(GroupId);
        Some(match code {
            "asked" => Self::Asked { by: data["by"].as_str().map(str::to_owned) },
            "cut-off" => Self::CutOff,
            "unreachable" => Self::Unreachable { url: text("url") },
            "token-refused" => Self::TokenRefused(blame()),
            "endpoint-forbidden" => Self::EndpointForbidden { path: text("path"), blame: blame() },
            "canary-failed" => Self::CanaryFailed { group: group()?, blame: blame() },
            "failures-in-a-row" => {
                let count = data["count"].as_u64().and_then(|count| u32::try_from(count).ok())?;
                Self::FailuresInARow { group: group()?, count, blame: blame() }
            }
            "store-failed" => Self::StoreFailed { error: text("error") },
            "fault" => Self::Fault { what: text("error") },
            "worded" => Self::Worded { words: text("words") },
            _ => return None,
        })
    }
}

/// All stops of a run, in the order in which they happened.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Stops {
    /// The first of them, [`Self::MOST`] at most, and always those of the run itself.
    pub list: Vec<Stop>,
    /// Number of stops that are not listed.
    pub unlisted: u64,
}

impl Stops {
    /// Limit of the list: a run may have thousands of groups, each with a canary that fails.
    pub const MOST: usize = 50;

    /// Creates a list of a single stop.
    pub fn one(stop: Stop) -> Self {
        Self { list: vec![stop], unlisted: 0 }
    }

    /// Adds a stop, if only to the number of those that are not listed.
    pub fn push(&mut self, stop: Stop) {
        if self.list.len() < Self::MOST || stop.is_of_run() {
            self.list.push(stop);
        } else {
            self.unlisted += 1;
        }
    }

    /// Returns true if nothing was stopped.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Returns the stop that a script hears of first: that of the run, else the first of a part.
    pub fn decisive(&self) -> Option<&Stop> {
        self.list.iter().find(|stop| stop.is_of_run()).or(self.list.first())
    }

    /// Returns the code of the decisive stop; `None` if nothing was stopped.
    pub fn code(&self) -> Option<&'static str> {
        self.decisive().map(Stop::code)
    }

    /// Returns the data of the decisive stop, and the whole list as `all` if there are several.
    pub fn data(&self) -> Data {
        let mut data = self.decisive().map(Stop::data).unwrap_or_default();
        if self.list.len() > 1 {
            let all: Vec<Value> =
                self.list.iter().map(|stop| json!({ "code": stop.code(), "data": stop.data() })).collect();
            data.insert("all".to_owned(), Value::Array(all));
            data.insert("unlisted".to_owned(), json!(self.unlisted));
        }
        data
    }

    /// Reads stops back from code and data in a file.
    pub fn read(code: Option<&str>, data: &Value) -> Self {
        let Some(code) = code else { return Self::default() };
        let stops = match data["all"].as_array() {
            Some(all) => all.iter().filter_map(|one| Stop::read(one["code"].as_str()?, &one["data"])).collect(),
            None => Stop::read(code, data).into_iter().collect(),
        };
        Self { list: stops, unlisted: data["unlisted"].as_u64().unwrap_or(0) }
    }

    /// Returns a copy without the API's words about a write; `None` if no stop names that write.
    pub fn forget(&self, write: WriteId) -> Option<Self> {
        if self.list.iter().all(|stop| stop.blame().is_none_or(|blame| blame.write != Some(write))) {
            return None;
        }
        let stops = self.list.iter().cloned().map(|mut stop| {
            if let Stop::TokenRefused(blame)
            | Stop::EndpointForbidden { blame, .. }
            | Stop::CanaryFailed { blame, .. }
            | Stop::FailuresInARow { blame, .. } = &mut stop
                && blame.write == Some(write)
            {
                *blame = blame.forgotten();
            }
            stop
        });
        Some(Self { list: stops.collect(), unlisted: self.unlisted })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blame(write: i64) -> Blame {
        Blame {
            write: Some(WriteId(write)),
            status: Some(422),
            code: Some("CDP_ETL.X".to_owned()),
            message: Some("no such field".to_owned()),
            correlation_id: Some("req_1".to_owned()),
            cached: true,
            never_sent: 3,
        }
    }

    fn all() -> Vec<Stop> {
        vec![
            Stop::CanaryFailed { group: GroupId(1), blame: blame(7) },
            Stop::FailuresInARow { group: GroupId(2), count: 20, blame: blame(8) },
            Stop::EndpointForbidden { path: "records/x/append".to_owned(), blame: blame(9) },
            Stop::TokenRefused(blame(10)),
            Stop::Asked { by: Some("ana".to_owned()) },
            Stop::Asked { by: None },
            Stop::CutOff,
            Stop::Unreachable { url: "https://api.example.org/".to_owned() },
            Stop::StoreFailed { error: "full".to_owned() },
            Stop::Fault { what: "index out of bounds".to_owned() },
            Stop::Worded { words: "it was asked to stop".to_owned() },
        ]
    }

    #[test]
    fn stops_are_read_back_alone_and_together() {
        let together = Stops { list: all(), unlisted: 0 };
        for stops in all().into_iter().map(Stops::one).chain([together, Stops::default()]) {
            assert_eq!(Stops::read(stops.code(), &Value::Object(stops.data())), stops);
        }
        assert_eq!(
            Stops { list: all(), unlisted: 3 }.code(),
            Some("token-refused"),
            "what stopped the run comes before its parts"
        );
    }

    #[test]
    fn a_run_of_thousands_of_groups_lists_the_first_and_counts_the_rest() {
        let mut stops = Stops::default();
        for group in 0..5000 {
            stops.push(Stop::CanaryFailed { group: GroupId(group), blame: blame(group) });
        }
        stops.push(Stop::CutOff);
        assert_eq!((stops.list.len(), stops.unlisted, stops.code()), (Stops::MOST + 1, 4950, Some("cut-off")));
        assert_eq!(Stops::read(stops.code(), &Value::Object(stops.data())), stops);
    }

    #[test]
    fn what_the_api_said_goes_with_a_purged_write() {
        let stops = Stops { list: all(), unlisted: 3 };
        let forgotten = stops.forget(WriteId(8)).unwrap();
        let text = Value::Object(forgotten.data()).to_string();
        assert_eq!(text.matches("no such field").count(), 4, "three others, and the decisive one twice: {text}");
        assert_eq!(forgotten.list[1].blame().unwrap().message, None);
        assert_eq!(forgotten.list[1].blame().unwrap().write, Some(WriteId(8)));
        assert_eq!(stops.forget(WriteId(99)), None);
    }
}
