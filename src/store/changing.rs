//! Operators' requests to the store, and their results.

use crate::domain::failure_type::FailureType;
use crate::domain::ids::WriteId;
use crate::domain::report::{ActionTally, NotThrough};
use crate::domain::rules::settle::SettleRefusal;
use crate::domain::run::Run;
use crate::domain::time::Timestamp;

/// The result of settling some writes.
#[derive(Debug, Default)]
pub struct Settled {
    /// The writes that changed.
    pub done: Vec<WriteId>,
    /// The writes that did not, each with the reason.
    pub refused: Vec<(WriteId, SettleRefusal)>,
}

/// The result of one step of a purge.
#[derive(Debug, Clone, Copy)]
pub struct Purged {
    /// Number of writes deleted.
    pub count: usize,
    /// The ID after which the next step continues; `None` if this was the last step.
    pub after: Option<WriteId>,
}

/// The records of a batch that become separate writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SplitWhich {
    /// All of them, up to `size` per write; each record that the refusal names gets a write of its
    /// own.
    All {
        /// Maximum number of records per write.
        size: usize,
    },
    /// Only those that an answer rejected while it applied the others.
    Rejected,
}

/// The events of a run or a period, as recorded in the store.
#[derive(Debug)]
pub struct Happened {
    /// Start of the period.
    pub from: Timestamp,
    /// End of the period.
    pub to: Timestamp,
    /// Number of failures that came in, by type.
    pub arrived: Vec<(FailureType, i64)>,
    /// The runs, oldest first, each with its writes that did not go through.
    pub runs: Vec<(Run, Vec<NotThrough>)>,
    /// The actions of operators.
    pub actions: Vec<ActionTally>,
}
