//! The lease of a run: the right to send as that run.

use super::Result;
use crate::domain::ids::RunId;

/// The right to send as a run, held for its life. It can be lost while its holder lives, so each intent checks it again.
pub trait Lease: std::fmt::Debug + Send + Sync {
    /// The run that it is of.
    fn run(&self) -> RunId;

    /// Returns an error once the lease is lost: others may take the run for dead then.
    fn check(&self) -> Result<()>;

    /// Lets go, once the run's end is on record.
    fn release(&self);
}
