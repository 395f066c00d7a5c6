//! The lease of a run: the right to send as that run.

use super::Result;
use crate::domain::ids::RunId;

/// The right to send as a run, held for the run's lifetime. It can be lost while its holder is
/// alive, so each intent checks it again.
pub trait Lease: std::fmt::Debug + Send + Sync {
    /// Returns the run that it belongs to.
    fn run(&self) -> RunId;

    /// Returns an error once the lease is lost, since others may then take the run for dead.
    fn check(&self) -> Result<()>;

    /// Releases the lease, once the run's end is on record.
    fn release(&self);
}
