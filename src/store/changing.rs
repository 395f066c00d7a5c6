//! What operators ask of the store, and what it did.

use crate::domain::failure_type::FailureType;
use crate::domain::ids::WriteId;
use crate::domain::report::{ActionTally, NotThrough};
use crate::domain::rules::settle::SettleRefusal;
use crate::domain::run::Run;
use crate::domain::time::Timestamp;

/// What became of some writes that someone wanted to settle.
#[derive(Debug, Default)]
pub struct Settled {
    /// Those that changed.
    pub done: Vec<WriteId>,
    /// Those that did not, with why.
    pub refused: Vec<(WriteId, SettleRefusal)>,
}

/// What a step of a purge did.
#[derive(Debug, Clone, Copy)]
pub struct Purged {
    /// How many writes were deleted.
    pub count: usize,
    /// The next step looks at writes after this one; `None` if this was the last step.
    pub after: Option<WriteId>,
}

/// Which records of a batch become writes of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SplitWhich {
    /// All of them, up to `size` in a write; each that the refusal names alone.
    All {
        /// The most records of a write.
        size: usize,
    },
    /// Those alone that an answer rejected when it applied the others.
    Rejected,
}

/// What happened, as the file tells it.
#[derive(Debug)]
pub struct Happened {
    /// From when.
    pub from: Timestamp,
    /// Until when.
    pub to: Timestamp,
    /// How many failures came in, by type.
    pub arrived: Vec<(FailureType, i64)>,
    /// The runs, oldest first, each with what did not go through.
    pub runs: Vec<(Run, Vec<NotThrough>)>,
    /// What operators did.
    pub actions: Vec<ActionTally>,
}
