//! The end of a run, in numbers and as an exit code.

use crate::domain::ids::{RunId, WriteId};
use crate::domain::outcome::{Outcome, Tally};
use crate::domain::reason::Damage;
use crate::domain::stop::Stops;
use crate::domain::time::Timestamp;

/// The exit code of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum ExitCode {
    /// All accepted, or nothing to do.
    Ok = 0,
    /// An error; see stderr.
    Error = 1,
    /// The command line was wrong.
    Usage = 2,
    /// Some writes failed, are unknown or were held.
    SomeFailed = 3,
    /// The run, or a group of it, was stopped.
    Stopped = 4,
    /// There was nothing to do, and `--fail-if-empty` was given.
    Empty = 5,
    /// Some writes were refused, and nothing else went wrong.
    Refused = 6,
    /// Another run holds the target.
    Held = 7,
}

impl ExitCode {
    /// The order in which one code stands for several runs: the first of them that any run ended with.
    const WORST_FIRST: [Self; 8] =
        [Self::Usage, Self::Held, Self::Error, Self::Stopped, Self::SomeFailed, Self::Refused, Self::Empty, Self::Ok];

    /// Returns the code of two runs together.
    #[must_use]
    pub fn or_worse(self, other: Self) -> Self {
        Self::WORST_FIRST.into_iter().find(|code| *code == self || *code == other).unwrap_or(self)
    }
}

/// Writes whose refusal may have come from the API's cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MaybeCached {
    /// Number of writes.
    pub count: u64,
    /// The time at which the API forgets the last of their keys.
    pub until: Timestamp,
}

impl Default for MaybeCached {
    fn default() -> Self {
        Self { count: 0, until: Timestamp::EPOCH }
    }
}

impl MaybeCached {
    /// Adds a write whose key the API remembers until this time.
    pub fn add(&mut self, until: Timestamp) {
        self.count += 1;
        self.until = self.until.max(until);
    }
}

/// The result of a run.
#[derive(Debug, Clone)]
pub struct RunReport {
    /// The run.
    pub run: RunId,
    /// Number of writes by outcome.
    pub tally: Tally,
    /// Number of matching writes that came in after the plan was made.
    pub new_since_plan: u64,
    /// The stops of the run, or of groups and endpoints within it.
    pub stopped: Stops,
    /// Refusals identical to earlier ones, which may have come from the API's cache.
    pub maybe_cached: Option<MaybeCached>,
    /// Number of refusals that came from the API's cache.
    pub cached: u64,
    /// Writes that were not sent because their rows or bodies were changed on disk, each with the
    /// damage.
    pub damaged: Vec<(WriteId, Damage)>,
    /// The store error that ended the run, if any. The other fields hold regardless.
    pub error: Option<String>,
}

impl RunReport {
    /// Returns the exit code: an error outranks a stop, a stop outranks a failure, a failure a
    /// refusal.
    pub fn exit_code(&self) -> ExitCode {
        let any = |outcomes: &[Outcome]| outcomes.iter().any(|&o| self.tally.get(o) > 0);
        if self.error.is_some() || !self.damaged.is_empty() {
            ExitCode::Error
        } else if !self.stopped.is_empty() {
            ExitCode::Stopped
        } else if any(&[Outcome::Failed, Outcome::Unknown, Outcome::Held]) {
            ExitCode::SomeFailed
        } else if any(&[Outcome::Refused]) {
            ExitCode::Refused
        } else {
            ExitCode::Ok
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::stop::Stop;

    #[test]
    fn promise_13_the_exit_code_is_honest() {
        use Outcome::{Accepted, Failed, Held, Refused, Skipped, Unknown, Unsent};
        let code = |outcomes: &[Outcome], stopped: bool| {
            let mut tally = Tally::default();
            for &outcome in outcomes {
                tally.add(outcome, 1);
            }
            let stopped = if stopped { Stops::one(Stop::CutOff) } else { Stops::default() };
            let (maybe_cached, cached, damaged, error) = (None, 0, Vec::new(), None);
            RunReport { run: RunId(1), tally, new_since_plan: 0, stopped, maybe_cached, cached, damaged, error }
                .exit_code()
        };
        assert_eq!(code(&[], false), ExitCode::Ok);
        assert_eq!(code(&[Accepted, Skipped], false), ExitCode::Ok);
        assert_eq!(code(&[Accepted, Refused, Skipped], false), ExitCode::Refused);
        for bad in [Failed, Unknown, Held] {
            assert_eq!(code(&[Accepted, Refused, bad], false), ExitCode::SomeFailed);
        }
        assert_eq!(code(&[Failed, Refused, Unsent], true), ExitCode::Stopped);
    }
}
