//! Runs: who sends, why, and what operators want of it.

use super::ids::RunId;
use super::outcome::Tally;
use super::stop::Stops;
use super::time::Timestamp;

/// The person or service that acts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operator {
    /// The login, or what `--operator` says.
    pub name: String,
    /// The numeric user ID.
    pub uid: u32,
    /// The host's name.
    pub host: String,
}

/// The state of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunState {
    /// It holds its lock.
    Running,
    /// It went through its whole plan.
    Finished,
    /// It was stopped, by someone or by a breaker.
    Stopped,
    /// Its process died; its claims were released.
    Died,
}

impl RunState {
    /// Returns the name used everywhere.
    pub fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Finished => "finished",
            Self::Stopped => "stopped",
            Self::Died => "died",
        }
    }

    /// All states.
    pub const ALL: [Self; 4] = [Self::Running, Self::Finished, Self::Stopped, Self::Died];

    /// Parses its name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.name() == name)
    }
}

/// A run.
#[derive(Debug, Clone)]
pub struct Run {
    /// Its ID.
    pub id: RunId,
    /// Its state.
    pub state: RunState,
    /// The target's name.
    pub target: String,
    /// The operator who started it.
    pub operator: Operator,
    /// The reason, in the operator's words.
    pub reason: Option<String>,
    /// The selection, as it would be typed after `dlq replay`.
    pub query: String,
    /// The time when it began.
    pub started_at: Timestamp,
    /// The time when it ended.
    pub ended_at: Option<Timestamp>,
    /// The outcomes of its writes. Those without one yet count as `unsent`.
    pub tally: Tally,
    /// Number of writes that matched but came in after the plan was made.
    pub new_since_plan: u64,
    /// The causes that stopped it, or parts of it.
    pub stopped: Stops,
    /// The current demand of an operator, while it is under way.
    pub wanted: Option<Wanted>,
}

/// An operator's wishes for a run that is under way.
#[derive(Debug, Clone, PartialEq)]
pub struct Wish {
    /// The demand: send, pause or stop.
    pub wanted: Wanted,
    /// Requests per second: `None` as started, 0 for no limit.
    pub rate: Option<f64>,
    /// The most requests in flight at once: `None` as started.
    pub concurrency: Option<usize>,
    /// The operator who changed it last.
    pub operator: String,
}

/// A demand on a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// Send.
    Go,
    /// Finish what is in flight, then wait.
    Pause,
    /// Finish what is in flight, then end.
    Stop,
}

impl Wanted {
    /// Returns the name used everywhere.
    pub fn name(self) -> &'static str {
        match self {
            Self::Go => "go",
            Self::Pause => "pause",
            Self::Stop => "stop",
        }
    }

    /// Parses its name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Go, Self::Pause, Self::Stop].into_iter().find(|w| w.name() == name)
    }
}
