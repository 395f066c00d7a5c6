//! Breakers: what stops a run, an endpoint or a group, and what is new. Pure.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::domain::ids::{GroupId, WriteId};

/// A kind of failure: its code, and its message without the variables.
pub type Kind = (Option<String>, String);

/// A write of the plan that is over.
#[derive(Debug, Clone)]
pub struct Over {
    /// The write.
    pub id: WriteId,
    /// Its group when the plan was made.
    pub group: GroupId,
    /// Its path.
    pub endpoint: Arc<str>,
    /// Whether it was the canary.
    pub canary: bool,
    /// How it failed; `None` if it was accepted.
    pub failed: Option<Failed>,
}

/// How a write failed, by its last attempt in the run.
#[derive(Debug, Clone)]
pub struct Failed {
    /// The HTTP status, if there was an answer.
    pub status: Option<u16>,
    /// What was said, with the correlation ID.
    pub reason: String,
    /// What kind of failure it is.
    pub kind: Kind,
    /// What kind its group is of.
    pub group_kind: Kind,
}

/// What is stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trip {
    /// The whole run.
    Run(String),
    /// All writes to a path.
    Endpoint(Arc<str>, String),
    /// All writes of a group.
    Group(GroupId, String),
}

/// The breakers of a run.
#[derive(Debug)]
pub struct Breakers {
    max_failures: u32,
    in_a_row: HashMap<GroupId, u32>,
    stopped_endpoints: HashSet<Arc<str>>,
    stopped_groups: HashSet<GroupId>,
    seen: HashSet<(GroupId, Kind)>,
}

impl Breakers {
    /// Breakers that stop a group after `max_failures` of its writes failed in a row.
    pub fn new(max_failures: u32) -> Self {
        Self {
            max_failures,
            in_a_row: HashMap::new(),
            stopped_endpoints: HashSet::new(),
            stopped_groups: HashSet::new(),
            seen: HashSet::new(),
        }
    }

    /// Learns how a write ended; gives what that stops.
    pub fn learn(&mut self, over: &Over) -> Option<Trip> {
        let in_a_row = self.in_a_row.entry(over.group).or_default();
        let Some(failed) = &over.failed else {
            *in_a_row = 0;
            return None;
        };
        *in_a_row += 1;
        let (in_a_row, group, reason) = (*in_a_row, over.group, &failed.reason);
        match failed.status {
            Some(401) => {
                let what = format!("the API does not accept the token (401): put a valid one in place ({reason})");
                Some(Trip::Run(what))
            }
            Some(403) if self.stopped_endpoints.insert(Arc::clone(&over.endpoint)) => {
                let path = &over.endpoint;
                let what = format!("{path} was stopped: the API forbids it to this token; add the scope ({reason})");
                Some(Trip::Endpoint(Arc::clone(path), what))
            }
            _ if over.canary && self.stopped_groups.insert(group) => {
                let what = format!("group {group} was stopped: its canary, write {}, failed ({reason})", over.id);
                Some(Trip::Group(group, what))
            }
            _ if in_a_row >= self.max_failures && self.stopped_groups.insert(group) => {
                let what = format!("group {group} was stopped: {in_a_row} writes failed in a row (the last: {reason})");
                Some(Trip::Group(group, what))
            }
            _ => None,
        }
    }

    /// Whether a write failed in another way than its group did before, and no other write of it has yet.
    pub fn is_new(&mut self, over: &Over) -> bool {
        let Some(failed) = &over.failed else { return false };
        failed.kind != failed.group_kind && self.seen.insert((over.group, failed.kind.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(code: &str) -> Kind {
        (Some(code.to_owned()), "m".to_owned())
    }

    fn over(group: i64, status: Option<u16>) -> Over {
        let failed =
            |status| Failed { status: Some(status), reason: "r".to_owned(), kind: kind("A"), group_kind: kind("A") };
        Over {
            id: WriteId(7),
            group: GroupId(group),
            endpoint: "records/x/append".into(),
            canary: false,
            failed: status.map(failed),
        }
    }

    #[test]
    fn promise_10_401_stops_the_run_and_403_its_endpoint() {
        let mut breakers = Breakers::new(20);
        assert!(matches!(breakers.learn(&over(1, Some(401))), Some(Trip::Run(_))));
        assert!(
            matches!(breakers.learn(&over(1, Some(403))), Some(Trip::Endpoint(path, _)) if &*path == "records/x/append")
        );
        assert_eq!(breakers.learn(&over(2, Some(403))), None, "it is stopped already");
    }

    #[test]
    fn promise_10_failures_in_a_row_stop_their_group() {
        let mut breakers = Breakers::new(3);
        for group in [1, 2, 1, 2] {
            assert_eq!(breakers.learn(&over(group, Some(500))), None);
        }
        assert_eq!(breakers.learn(&over(2, None)), None);
        assert!(matches!(breakers.learn(&over(1, Some(500))), Some(Trip::Group(GroupId(1), _))));
        assert_eq!(breakers.learn(&over(2, Some(500))), None, "an acceptance begins anew");
        assert_eq!(breakers.learn(&over(1, Some(500))), None, "it is stopped already");
    }

    #[test]
    fn promise_8_a_failed_canary_stops_its_group() {
        let mut breakers = Breakers::new(3);
        let canary = Over { canary: true, ..over(1, Some(422)) };
        let Some(Trip::Group(GroupId(1), why)) = breakers.learn(&canary) else { panic!() };
        assert_eq!(why, "group 1 was stopped: its canary, write 7, failed (r)");
        assert_eq!(breakers.learn(&Over { canary: true, ..over(1, None) }), None);
    }

    #[test]
    fn promise_10_a_new_kind_of_failure_is_told_once() {
        let mut breakers = Breakers::new(3);
        let mut other = over(1, Some(400));
        assert!(!breakers.is_new(&other), "as before");
        other.failed.as_mut().unwrap().kind = kind("B");
        assert!(breakers.is_new(&other));
        assert!(!breakers.is_new(&other), "told already");
        assert!(breakers.is_new(&Over { group: GroupId(2), ..other }), "new for another group");
    }
}
