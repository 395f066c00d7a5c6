//! Repair of writes: checks what an edit makes of a body, before the store keeps it as a new
//! revision.

mod edit;

pub use edit::{Outcome, check, for_editor};
