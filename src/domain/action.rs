//! Actions: what operators do to writes, runs, targets and the file. Facts with a name; `render` puts them into words.

use serde_json::{Value, json};

use super::ids::{GroupId, IntakeId, RunId, WriteId};
use super::parking::Parked;
use super::reason::Data;
use super::run::{Operator, Wanted};
use super::state::{Event, State};
use super::time::Timestamp;

/// An operator's action.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Settled a write by hand, or undid that.
    Settle {
        /// One of the four ways.
        how: Settling,
        /// Its state before.
        from: State,
        /// Its state after.
        to: State,
    },
    /// Edited a body.
    Edit {
        /// The revision that was edited.
        from: i64,
        /// The new revision.
        to: i64,
    },
    /// Undid an edit.
    UndoEdit {
        /// The revision that was undone.
        from: i64,
        /// The revision that is current again.
        to: i64,
    },
    /// Split a batch.
    Split {
        /// The batch.
        batch: WriteId,
        /// Number of writes it became.
        parts: u64,
        /// True if only the records that an answer had rejected were split off.
        rejected: bool,
    },
    /// Made a write from records of a batch.
    Part {
        /// The batch.
        batch: WriteId,
        /// The index of its first record, counted from 0.
        first: usize,
        /// Number of records.
        count: usize,
    },
    /// Undid a split.
    Unsplit {
        /// The batch.
        batch: WriteId,
        /// Number of parts that were removed.
        parts: u64,
    },
    /// Bound a target to a base URL.
    Target {
        /// Its name.
        name: String,
        /// The base URL before; `None` if there was none.
        from: Option<String>,
        /// The base URL now.
        to: String,
    },
    /// Noted something on a group, or took the note away.
    Note {
        /// The group.
        group: GroupId,
        /// The note before; `None` if there was none.
        from: Option<String>,
        /// The note now; `None` if it was taken away.
        to: Option<String>,
    },
    /// Parked a group, or took it back.
    Park {
        /// The group.
        group: GroupId,
        /// The end of its parking; `None` if it was taken back.
        parked: Option<Parked>,
    },
    /// Steered a run that is under way.
    Steer {
        /// The run.
        run: RunId,
        /// The demand: send, pause or stop.
        wanted: Option<Wanted>,
        /// Requests per second; 0 for no limit.
        rate: Option<f64>,
        /// The most requests in flight at once.
        concurrency: Option<u64>,
    },
    /// Gave a write a new key.
    NewKey {
        /// The key before.
        from: String,
        /// The key now.
        to: String,
    },
    /// Imported a write from another file's export.
    Import {
        /// Its state in that file.
        state: State,
        /// Its last attempt in that file, as JSON text.
        last_attempt: Option<String>,
    },
    /// Saw that the producer of a write got it accepted.
    Recovered {
        /// The time when the API accepted it, if the producer says so.
        at: Option<Timestamp>,
    },
    /// Took an intake back.
    TakeBack {
        /// The intake.
        intake: IntakeId,
        /// Number of writes removed.
        removed: u64,
        /// Number of writes left, because something had happened to them.
        kept: u64,
    },
    /// Deleted settled writes for good.
    Purge {
        /// Number of writes deleted.
        writes: u64,
        /// Writes settled before this time were deleted.
        before: Timestamp,
    },
    /// Reset the clock's floor.
    ResetClock {
        /// The floor before.
        from: Timestamp,
        /// The floor now.
        to: Timestamp,
    },
    /// An action that an older version recorded as text.
    Worded {
        /// Its name.
        name: String,
        /// The details, as text.
        words: String,
    },
}

/// The ways to settle a write by hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settling {
    /// The API has it.
    Applied,
    /// The API doesn't have it.
    NotApplied,
    /// The write is no longer wanted.
    Discard,
    /// The settling is undone.
    Reopen,
}

impl Settling {
    const ALL: [Self; 4] = [Self::Applied, Self::NotApplied, Self::Discard, Self::Reopen];

    /// Returns the event of the state machine.
    pub fn event(self) -> Event {
        match self {
            Self::Applied => Event::ResolveApplied,
            Self::NotApplied => Event::ResolveNotApplied,
            Self::Discard => Event::Discard,
            Self::Reopen => Event::Reopen,
        }
    }

    /// Returns the action's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Applied => "resolve --applied",
            Self::NotApplied => "resolve --not-applied",
            Self::Discard => "discard",
            Self::Reopen => "reopen",
        }
    }
}

impl Action {
    /// Returns the name used everywhere.
    pub fn name(&self) -> &str {
        match self {
            Self::Settle { how, .. } => how.name(),
            Self::Edit { .. } => "edit",
            Self::UndoEdit { .. } => "undo edit",
            Self::Split { .. } => "split",
            Self::Part { .. } => "part",
            Self::Unsplit { .. } => "unsplit",
            Self::Target { .. } => "target",
            Self::Note { .. } => "note",
            Self::Park { parked: Some(_), .. } => "park",
            Self::Park { parked: None, .. } => "unpark",
            Self::Steer { wanted: Some(Wanted::Stop), .. } => "runs stop",
            Self::Steer { wanted: Some(Wanted::Pause), .. } => "runs pause",
            Self::Steer { wanted: Some(Wanted::Go), .. } => "runs resume",
            Self::Steer { wanted: None, .. } => "runs pace",
            Self::NewKey { .. } => "new-key",
            Self::Import { .. } => "ingest",
            Self::Recovered { .. } => "ingest --accepted",
            Self::TakeBack { .. } => "ingest --undo",
            Self::Purge { .. } => "purge",
            Self::ResetClock { .. } => "reset-clock",
            Self::Worded { name, .. } => name,
        }
    }

    /// Returns the details as JSON; empty for an action that an older version recorded as text.
    pub fn data(&self) -> Data {
        let value = match self {
            Self::Settle { from, to, .. } => json!({ "from": from.name(), "to": to.name() }),
            Self::Edit { from, to } | Self::UndoEdit { from, to } => json!({ "from": from, "to": to }),
            Self::Split { batch, parts, rejected } => json!({ "batch": batch, "parts": parts, "rejected": rejected }),
            Self::Part { batch, first, count } => json!({ "batch": batch, "first": first, "count": count }),
            Self::Unsplit { batch, parts } => json!({ "batch": batch, "parts": parts }),
            Self::Target { name, from, to } => json!({ "name": name, "from": from, "to": to }),
            Self::Note { group, from, to } => json!({ "group": group, "from": from, "to": to }),
            Self::Park { group, parked } => {
                let (until, count) = match parked {
                    Some(Parked::Until(time)) => (Some(time), None),
                    Some(Parked::AtCount(count)) => (None, Some(count)),
                    None => (None, None),
                };
                json!({ "group": group, "until": until, "count": count })
            }
            Self::Steer { run, rate, concurrency, .. } => {
                json!({ "run": run, "rate": rate, "concurrency": concurrency })
            }
            Self::NewKey { from, to } => json!({ "from": from, "to": to }),
            Self::Import { state, last_attempt } => json!({ "state": state.name(), "last_attempt": last_attempt }),
            Self::Recovered { at } => json!({ "at": at }),
            Self::TakeBack { intake, removed, kept } => json!({ "intake": intake, "removed": removed, "kept": kept }),
            Self::Purge { writes, before } => json!({ "writes": writes, "before": before }),
            Self::ResetClock { from, to } => json!({ "from": from, "to": to }),
            Self::Worded { .. } => json!({}),
        };
        if let Value::Object(data) = value { data } else { Data::new() }
    }

    /// Reads an action back from a file. If the data is missing or unknown, it keeps `words`, which an older version recorded.
    pub fn read(name: &str, data: Option<&Value>, words: &str) -> Self {
        data.and_then(|data| Self::of(name, data))
            .unwrap_or_else(|| Self::Worded { name: name.to_owned(), words: words.to_owned() })
    }

    fn of(name: &str, data: &Value) -> Option<Self> {
        let text = |field: &str| data[field].as_str().map(str::to_owned);
        let number = |field: &str| data[field].as_i64();
        let count = |field: &str| data[field].as_u64();
        let state = |field: &str| data[field].as_str().and_then(State::parse);
        let time = |field: &str| data[field].as_str().and_then(Timestamp::parse);
        let batch = || number("batch").map(WriteId);
        let group = || number("group").map(GroupId);
        let steer = |wanted| {
            Some(Self::Steer {
                run: RunId(number("run")?),
                wanted,
                rate: data["rate"].as_f64(),
                concurrency: count("concurrency"),
            })
        };
        if let Some(how) = Settling::ALL.into_iter().find(|how| how.name() == name) {
            return Some(Self::Settle { how, from: state("from")?, to: state("to")? });
        }
        Some(match name {
            "edit" => Self::Edit { from: number("from")?, to: number("to")? },
            "undo edit" => Self::UndoEdit { from: number("from")?, to: number("to")? },
            "split" => Self::Split { batch: batch()?, parts: count("parts")?, rejected: data["rejected"].as_bool()? },
            "part" => Self::Part {
                batch: batch()?,
                first: usize::try_from(count("first")?).ok()?,
                count: usize::try_from(count("count")?).ok()?,
            },
            "unsplit" => Self::Unsplit { batch: batch()?, parts: count("parts")? },
            "target" => Self::Target { name: text("name")?, from: text("from"), to: text("to")? },
            "note" => Self::Note { group: group()?, from: text("from"), to: text("to") },
            "park" => {
                let until = time("until").map(Parked::Until);
                Self::Park { group: group()?, parked: Some(until.or_else(|| number("count").map(Parked::AtCount))?) }
            }
            "unpark" => Self::Park { group: group()?, parked: None },
            "runs stop" => return steer(Some(Wanted::Stop)),
            "runs pause" => return steer(Some(Wanted::Pause)),
            "runs resume" => return steer(Some(Wanted::Go)),
            "runs pace" => return steer(None),
            "new-key" => Self::NewKey { from: text("from")?, to: text("to")? },
            "ingest" => Self::Import { state: state("state")?, last_attempt: text("last_attempt") },
            "ingest --accepted" => Self::Recovered { at: time("at") },
            "ingest --undo" => {
                Self::TakeBack { intake: IntakeId(number("intake")?), removed: count("removed")?, kept: count("kept")? }
            }
            "purge" => Self::Purge { writes: count("writes")?, before: time("before")? },
            "reset-clock" => Self::ResetClock { from: time("from")?, to: time("to")? },
            _ => return None,
        })
    }
}

/// An operator who does something, and the reason that was given.
#[derive(Debug, Clone)]
pub struct By {
    /// The operator.
    pub operator: Operator,
    /// The reason, in the operator's words.
    pub reason: Option<String>,
}

impl By {
    /// An operator who gave no reason.
    pub fn new(operator: &Operator) -> Self {
        Self { operator: operator.clone(), reason: None }
    }

    /// The same operator, with a reason.
    #[must_use]
    pub fn because(self, reason: Option<&str>) -> Self {
        Self { reason: reason.map(str::to_owned), ..self }
    }
}

/// An entry of the log: an action on a write, or on the file.
#[derive(Debug, Clone)]
pub struct LogEntry {
    /// The time of the action.
    pub at: Timestamp,
    /// The operator who acted.
    pub operator: Operator,
    /// The action.
    pub action: Action,
    /// The reason, in the operator's words.
    pub reason: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actions_are_read_back() {
        let (run, batch) = (RunId(3), WriteId(9));
        let at = Timestamp::from_millis(5000);
        let steer = |wanted| Action::Steer { run, wanted, rate: Some(2.5), concurrency: None };
        let mut all: Vec<Action> =
            Settling::ALL.map(|how| Action::Settle { how, from: State::Unknown, to: State::Resolved }).to_vec();
        all.extend([None, Some(Wanted::Go), Some(Wanted::Pause), Some(Wanted::Stop)].map(steer));
        all.extend([
            Action::Edit { from: 0, to: 1 },
            Action::UndoEdit { from: 1, to: 0 },
            Action::Split { batch, parts: 4, rejected: true },
            Action::Part { batch, first: 2, count: 1 },
            Action::Unsplit { batch, parts: 4 },
            Action::Target { name: "crm".to_owned(), from: None, to: "https://a.example/".to_owned() },
            Action::Note { group: GroupId(4), from: None, to: Some("the web team knows".to_owned()) },
            Action::Park { group: GroupId(4), parked: Some(Parked::Until(at)) },
            Action::Park { group: GroupId(4), parked: Some(Parked::AtCount(12)) },
            Action::Park { group: GroupId(4), parked: None },
            Action::NewKey { from: "a".to_owned(), to: "b".to_owned() },
            Action::Import { state: State::Replayed, last_attempt: Some("{}".to_owned()) },
            Action::Recovered { at: Some(at) },
            Action::Recovered { at: None },
            Action::TakeBack { intake: IntakeId(4), removed: 7, kept: 1 },
            Action::Purge { writes: 7, before: at },
            Action::ResetClock { from: at, to: Timestamp::EPOCH },
        ]);
        for action in all {
            let data = Value::Object(action.data());
            assert_eq!(Action::read(action.name(), Some(&data), ""), action);
        }
        let old = Action::read("discard", None, "pending -> discarded");
        assert_eq!(old, Action::Worded { name: "discard".to_owned(), words: "pending -> discarded".to_owned() });
    }
}
