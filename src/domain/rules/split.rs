//! Splits: which batches may become writes of their own, and which splits may be undone.

use crate::domain::batch::{BatchRule, SplitError};
use crate::domain::endpoint::is_upsert;
use crate::domain::ids::WriteId;
use crate::domain::state::{Event, NotAllowed, Standing, State};
use crate::domain::time::Timestamp;

/// Checks that a batch may be split: it was definitely refused, as far as that is known.
pub fn may_split(operation: &str, ambiguous: bool, rule: BatchRule) -> Result<(), SplitError> {
    if ambiguous {
        return Err(SplitError::Ambiguous);
    }
    if !is_upsert(operation) && rule != BatchRule::Atomic {
        return Err(SplitError::MaybePartly);
    }
    Ok(())
}

/// Returns the records that were rejected when a batch was applied in part: all its ambiguous attempts must have said that,
/// and the last one says which. `attempts` are those since someone last looked, each with the records that it names; `None`
/// for one that may have applied anything.
pub fn rejected_in_part(captured_ambiguous: bool, attempts: &[Option<Vec<usize>>]) -> Result<Vec<usize>, SplitError> {
    let (Some(Some(last)), false) = (attempts.last(), captured_ambiguous) else { return Err(SplitError::NotPartial) };
    if attempts.iter().any(Option::is_none) {
        return Err(SplitError::NotPartial);
    }
    if last.is_empty() { Err(SplitError::NoneNamed) } else { Ok(last.clone()) }
}

/// A part of a split batch, in its current state.
#[derive(Debug, Clone, Copy)]
pub struct PartFacts {
    /// The part's ID.
    pub id: WriteId,
    /// Its state.
    pub state: State,
    /// Number of times dlq sent it.
    pub attempts: i64,
    /// Its body's revision.
    pub revision: i64,
    /// The time since which it may have been applied.
    pub ambiguous_since: Option<Timestamp>,
}

/// The reason why a split can't be undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UnsplitRefusal {
    /// The batch's state does not allow it.
    #[error("{0}")]
    NotAllowed(NotAllowed),
    /// A part was sent.
    #[error("write {0} was sent")]
    Sent(WriteId),
    /// A part was edited.
    #[error("write {0} was edited")]
    Edited(WriteId),
    /// A part may have been applied by its producer.
    #[error("write {0} may have been applied by someone else")]
    MaybeApplied(WriteId),
    /// A part no longer waits.
    #[error("write {0} is {1}")]
    Settled(WriteId, State),
    /// Some parts are not in this file.
    #[error("it has parts that are not here (purged, or exported without them)")]
    PartsMissing,
}

/// Decides where undoing its split leaves a batch: the parts have to be as the split made them. `made` is the number of
/// parts that it made.
pub fn unsplit(batch: Standing, made: i64, parts: &[PartFacts]) -> Result<Standing, UnsplitRefusal> {
    let after = batch.after(Event::Unsplit).map_err(UnsplitRefusal::NotAllowed)?;
    for part in parts {
        if part.attempts > 0 {
            return Err(UnsplitRefusal::Sent(part.id));
        }
        if part.revision > 0 {
            return Err(UnsplitRefusal::Edited(part.id));
        }
        if part.state != State::Pending {
            return Err(UnsplitRefusal::Settled(part.id, part.state));
        }
        if part.ambiguous_since.is_some() && part.ambiguous_since != batch.ambiguous_since {
            return Err(UnsplitRefusal::MaybeApplied(part.id));
        }
    }
    if i64::try_from(parts.len()) == Ok(made) { Ok(after) } else { Err(UnsplitRefusal::PartsMissing) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_an_answer_rejected_is_taken_out_of_a_batch_that_was_applied_in_part() {
        let named = |list: &[usize]| Some(list.to_vec());
        assert_eq!(rejected_in_part(false, &[named(&[1]), named(&[2, 4])]), Ok(vec![2, 4]));
        assert_eq!(rejected_in_part(false, &[named(&[])]), Err(SplitError::NoneNamed));
        assert_eq!(rejected_in_part(false, &[]), Err(SplitError::NotPartial));
        assert_eq!(rejected_in_part(false, &[None, named(&[2])]), Err(SplitError::NotPartial), "no answer before");
        assert_eq!(rejected_in_part(true, &[named(&[2])]), Err(SplitError::NotPartial), "the captured try");
    }

    #[test]
    fn nothing_may_be_applied_twice_by_a_split() {
        use BatchRule::{Atomic, Partial, Unknown};
        assert_eq!(may_split("append-batch", false, Atomic), Ok(()));
        assert_eq!(may_split("append-batch", true, Atomic), Err(SplitError::Ambiguous));
        for rule in [Partial, Unknown] {
            assert_eq!(may_split("append-batch", false, rule), Err(SplitError::MaybePartly));
            assert_eq!(may_split("upsert-batch", false, rule), Ok(()));
        }
        assert_eq!(may_split("upsert-batch", true, Atomic), Err(SplitError::Ambiguous));
    }
}
