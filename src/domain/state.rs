//! The state machine of a write: one total function, [`Standing::after`].

use super::time::Timestamp;

/// The six states, as they are named everywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum State {
    /// Waits for someone to act.
    Pending,
    /// Claimed by a run.
    Replaying,
    /// Sent, outcome not known.
    Unknown,
    /// Accepted.
    Replayed,
    /// Settled without a replay.
    Resolved,
    /// Given up on purpose.
    Discarded,
}

impl State {
    /// All six, in the order of a write's life.
    pub const ALL: [Self; 6] =
        [Self::Pending, Self::Replaying, Self::Unknown, Self::Replayed, Self::Resolved, Self::Discarded];
    /// The states in which someone still has to do something.
    pub const OPEN: [Self; 3] = [Self::Pending, Self::Replaying, Self::Unknown];
    /// The states of which a replay takes writes.
    pub const REPLAYABLE: [Self; 2] = [Self::Pending, Self::Unknown];
    /// The states that end a write's life, until it is reopened or purged.
    pub const SETTLED: [Self; 3] = [Self::Replayed, Self::Resolved, Self::Discarded];

    /// Returns the name used everywhere.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Replaying => "replaying",
            Self::Unknown => "unknown",
            Self::Replayed => "replayed",
            Self::Resolved => "resolved",
            Self::Discarded => "discarded",
        }
    }

    /// Parses its name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.name() == name)
    }

    /// Returns true if someone still has to do something.
    pub fn is_open(self) -> bool {
        Self::OPEN.contains(&self)
    }
}

impl std::fmt::Display for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

/// The state in which an open write waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waiting {
    /// Nothing about it is in doubt beyond `ambiguous_since`.
    Pending,
    /// A request for it went unanswered.
    Unknown,
}

impl Waiting {
    /// Returns the state of the same name.
    pub fn state(self) -> State {
        match self {
            Self::Pending => State::Pending,
            Self::Unknown => State::Unknown,
        }
    }
}

/// The way a write was settled without a replay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resolution {
    /// `dlq resolve --applied`.
    ByHand,
    /// Its records became writes of their own.
    Split,
    /// Its producer got it accepted.
    Producer,
}

impl Resolution {
    /// Returns the name used everywhere.
    pub fn name(self) -> &'static str {
        match self {
            Self::ByHand => "by_hand",
            Self::Split => "split",
            Self::Producer => "producer",
        }
    }

    /// Parses its name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::ByHand, Self::Split, Self::Producer].into_iter().find(|r| r.name() == name)
    }
}

/// A state with what it has to remember.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Waits for someone to act.
    Open(Waiting),
    /// Claimed by a run; returns to `was` if the run releases it.
    Replaying {
        /// The state in which it waited.
        was: Waiting,
    },
    /// Accepted.
    Replayed,
    /// Settled without a replay.
    Resolved {
        /// The state in which it waited.
        was: Waiting,
        /// The way it was settled.
        how: Resolution,
    },
    /// Given up.
    Discarded {
        /// The state in which it waited.
        was: Waiting,
    },
}

/// A write's place in the state machine, and since when it is ambiguous.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Its state, and what that remembers.
    pub place: Place,
    /// The time when the earliest request that may have been applied was sent. Kept by settled writes too, for a `reopen`.
    pub ambiguous_since: Option<Timestamp>,
}

/// An event in a write's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// A run claims it, with its lane.
    Claim,
    /// The run releases it: never sent, definitely refused, or out of retries.
    Release,
    /// An attempt got an answer that does not tell whether the write was applied.
    Unclear {
        /// The time when that attempt was sent.
        sent_at: Timestamp,
    },
    /// An attempt got no answer (or its run died before one was recorded).
    NoAnswer {
        /// The time when that attempt was sent.
        sent_at: Timestamp,
    },
    /// The API accepted it, in time or late.
    Accept,
    /// Someone says that the API has it.
    ResolveApplied,
    /// Someone says that the API does not have it.
    ResolveNotApplied,
    /// A new revision of its body.
    Edit,
    /// Given up.
    Discard,
    /// The settling is undone.
    Reopen,
    /// Its records become writes of their own.
    Split,
    /// The split is undone.
    Unsplit,
    /// The producer's own success was seen.
    ProducerSuccess,
}

/// An event that a write's place does not allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it is {} and can't be {}", state.name(), event.participle())]
pub struct NotAllowed {
    /// The write's state.
    pub state: State,
    /// The event that was refused.
    pub event: Event,
}

impl Default for Standing {
    fn default() -> Self {
        Self::new(None)
    }
}

impl Standing {
    /// Creates the standing of a write that was just ingested.
    pub fn new(ambiguous_since: Option<Timestamp>) -> Self {
        Self { place: Place::Open(Waiting::Pending), ambiguous_since }
    }

    /// Returns the state that the place stands for.
    pub fn state(&self) -> State {
        match self.place {
            Place::Open(waiting) => waiting.state(),
            Place::Replaying { .. } => State::Replaying,
            Place::Replayed => State::Replayed,
            Place::Resolved { .. } => State::Resolved,
            Place::Discarded { .. } => State::Discarded,
        }
    }

    /// Returns the standing after `event`; total over every place and event.
    pub fn after(self, event: Event) -> Result<Self, NotAllowed> {
        use Place::{Discarded, Open, Replayed, Replaying, Resolved};
        let to = |place| Ok(Self { place, ..self });
        match (self.place, event) {
            (Open(was), Event::Claim) => to(Replaying { was }),
            (Replaying { was }, Event::Release) => to(Open(was)),
            (Replaying { .. }, Event::Unclear { sent_at }) => Ok(self.ambiguous_from(sent_at)),
            (Replaying { .. }, Event::NoAnswer { sent_at }) => {
                Ok(Self { place: Replaying { was: Waiting::Unknown }, ..self.ambiguous_from(sent_at) })
            }
            (Replaying { .. } | Open(Waiting::Unknown), Event::Accept) => {
                Ok(Self { place: Replayed, ambiguous_since: None })
            }
            (Open(was), Event::ResolveApplied) => to(Resolved { was, how: Resolution::ByHand }),
            (Open(_), Event::ResolveNotApplied) => Ok(Self { place: Open(Waiting::Pending), ambiguous_since: None }),
            (Open(_), Event::Edit) => Ok(self),
            (Open(was), Event::Discard) => to(Discarded { was }),
            (Open(was @ Waiting::Pending), Event::Split) => to(Resolved { was, how: Resolution::Split }),
            (Open(was), Event::ProducerSuccess) => to(Resolved { was, how: Resolution::Producer }),
            (Discarded { was } | Resolved { was, how: Resolution::ByHand }, Event::Reopen)
            | (Resolved { was, how: Resolution::Split }, Event::Unsplit) => to(Open(was)),
            (_, event) => Err(NotAllowed { state: self.state(), event }),
        }
    }

    /// Marks it as ambiguous since `sent_at`; an earlier time stays.
    #[must_use]
    pub fn ambiguous_from(self, sent_at: Timestamp) -> Self {
        Self { ambiguous_since: Some(self.ambiguous_since.map_or(sent_at, |since| since.min(sent_at))), ..self }
    }
}

impl Event {
    fn participle(self) -> &'static str {
        match self {
            Self::Claim => "replayed",
            Self::Release => "released",
            Self::Unclear { .. } | Self::NoAnswer { .. } => "given an attempt's outcome",
            Self::Accept => "accepted",
            Self::ResolveApplied => "resolved as applied",
            Self::ResolveNotApplied => "resolved as not applied",
            Self::Edit => "edited",
            Self::Discard => "discarded",
            Self::Reopen => "reopened",
            Self::Split => "split",
            Self::Unsplit => "unsplit",
            Self::ProducerSuccess => "resolved by its producer",
        }
    }
}

#[cfg(test)]
#[path = "state_table.rs"]
mod table;
