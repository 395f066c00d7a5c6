//! The limits of a filter, a line.

use std::time::Duration;

/// The limits of a filter while it works on a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The processor time that a line may take.
    pub time: Duration,
    /// The memory that the child may use, in bytes.
    pub memory: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { time: Duration::from_secs(1), memory: 256 << 20 }
    }
}

/// The limit at which a filter was stopped on a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stopped {
    /// It took too long.
    Time,
    /// It needed too much memory, or recursed too deeply, which ends a process in the same way.
    Memory,
    /// Its process broke down.
    Broken,
}
