//! Successes of producers: which write one of them settles.

use crate::domain::ids::WriteId;
use crate::domain::state::{Event, Place, Standing};

/// A write with the target, method, path and key of a success.
#[derive(Debug, Clone, Copy)]
pub struct Alike {
    /// Its ID.
    pub id: WriteId,
    /// Its standing; `None` if its row can't be read.
    pub standing: Option<Standing>,
    /// True if it was under this key on the wire: captured with it, or sent with it by dlq.
    pub key_was_sent: bool,
    /// True unless the success tells of another body than the one that was captured.
    pub has_that_body: bool,
}

/// The effect of a success.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recovery {
    /// It settles this write, which then stands like this.
    Settles(WriteId, Standing),
    /// It may be that of several writes, and settles none.
    Several,
    /// It settles nothing: there is no such write, or the run that has it in hand decides.
    Nothing,
}

/// Decides what a success settles: the one write that is waiting and that it is the success of.
pub fn recovery(alike: &[Alike]) -> Recovery {
    let is_unsettled = |one: &&Alike| {
        let is_settled = one.standing.is_some_and(|standing| !standing.state().is_open());
        one.key_was_sent && one.has_that_body && !is_settled
    };
    let mut found = alike.iter().filter(is_unsettled);
    match (found.next(), found.next()) {
        (Some(_), Some(_)) => Recovery::Several,
        (None, _) => Recovery::Nothing,
        (Some(one), None) => match one.standing {
            Some(standing) if matches!(standing.place, Place::Open(_)) => standing
                .after(Event::ProducerSuccess)
                .map_or(Recovery::Nothing, |after| Recovery::Settles(one.id, after)),
            _ => Recovery::Nothing,
        },
    }
}

/// Returns the writes that may have been applied, where a success settled none of them: several that wait, one that a run
/// has in hand, a batch that goes on in its parts, one that was given up and may be reopened.
pub fn doubtful(alike: &[Alike]) -> impl Iterator<Item = WriteId> {
    alike.iter().filter(|one| one.key_was_sent && one.has_that_body).map(|one| one.id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::state::{Resolution, Waiting};

    fn alike(id: i64, place: Place) -> Alike {
        let standing = Some(Standing { place, ambiguous_since: None });
        Alike { id: WriteId(id), standing, key_was_sent: true, has_that_body: true }
    }

    #[test]
    fn one_waiting_write_is_settled_and_of_several_none() {
        for was in [Waiting::Pending, Waiting::Unknown] {
            let one = alike(1, Place::Open(was));
            let resolved = Place::Resolved { was, how: Resolution::Producer };
            let settled = Recovery::Settles(WriteId(1), Standing { place: resolved, ambiguous_since: None });
            assert_eq!(recovery(&[one]), settled);
            let others = [
                Alike { key_was_sent: false, ..alike(2, Place::Open(was)) },
                Alike { has_that_body: false, ..alike(3, Place::Open(was)) },
                alike(4, Place::Replayed),
                alike(5, resolved),
                alike(6, Place::Discarded { was }),
            ];
            assert_eq!(recovery(&[&[one], &others[..]].concat()), settled, "these are not meant");
            assert_eq!(recovery(&others), Recovery::Nothing);
            assert_eq!(recovery(&[one, alike(2, Place::Open(was))]), Recovery::Several);
            assert_eq!(recovery(&[one, alike(2, Place::Replaying { was })]), Recovery::Several);
            assert_eq!(recovery(&[alike(2, Place::Replaying { was })]), Recovery::Nothing, "its run decides");
            let unreadable = Alike { standing: None, ..one };
            assert_eq!(recovery(&[unreadable]), Recovery::Nothing);
            assert_eq!(recovery(&[one, unreadable]), Recovery::Several, "it may be that one");
        }
    }
}
