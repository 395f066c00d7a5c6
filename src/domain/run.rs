//! Runs: who sends, why, and what someone wants of it.

use super::ids::RunId;
use super::outcome::Tally;
use super::stop::Stops;
use super::time::Timestamp;

/// The person or service that does something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operator {
    /// The login, or what `--operator` says.
    pub name: String,
    /// The numeric user ID.
    pub uid: u32,
    /// The host's name.
    pub host: String,
}

/// How a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunState {
    /// It holds its lock.
    Running,
    /// It went through its whole plan.
    Finished,
    /// It was stopped, by someone or by a breaker.
    Stopped,
    /// Its process died; its claims were taken back.
    Died,
}

impl RunState {
    /// The name used everywhere.
    pub fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Finished => "finished",
            Self::Stopped => "stopped",
            Self::Died => "died",
        }
    }

    /// All of them.
    pub const ALL: [Self; 4] = [Self::Running, Self::Finished, Self::Stopped, Self::Died];

    /// From its name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.name() == name)
    }
}

/// A run.
#[derive(Debug, Clone)]
pub struct Run {
    /// Names it.
    pub id: RunId,
    /// How it stands.
    pub state: RunState,
    /// The target's name.
    pub target: String,
    /// The one who started it.
    pub operator: Operator,
    /// Why, in the operator's words.
    pub reason: Option<String>,
    /// What was selected, as it would be typed after `dlq replay`.
    pub query: String,
    /// The time when it began.
    pub started_at: Timestamp,
    /// The time when it ended.
    pub ended_at: Option<Timestamp>,
    /// How its writes ended. Those without an outcome yet count as `unsent`.
    pub tally: Tally,
    /// Writes that matched but came in after the plan was made.
    pub new_since_plan: u64,
    /// What stopped it, or parts of it.
    pub stopped: Stops,
    /// What someone wants of it, while it is under way.
    pub wanted: Option<Wanted>,
}

/// What someone wants of a run that is under way.
#[derive(Debug, Clone, PartialEq)]
pub struct Wish {
    /// The demand: send, pause or stop.
    pub wanted: Wanted,
    /// Requests per second: `None` as it was started, 0 without a limit.
    pub rate: Option<f64>,
    /// The most requests out at once: `None` as it was started.
    pub concurrency: Option<usize>,
    /// The one who said so last.
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
    /// The name used everywhere.
    pub fn name(self) -> &'static str {
        match self {
            Self::Go => "go",
            Self::Pause => "pause",
            Self::Stop => "stop",
        }
    }

    /// From its name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Go, Self::Pause, Self::Stop].into_iter().find(|w| w.name() == name)
    }
}
