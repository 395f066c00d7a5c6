//! Breakers: decide when failures stop a run, an endpoint or a group, and which failures are new.
//! Pure.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::domain::failure::Failure;
use crate::domain::failure_type::FailureType;
use crate::domain::ids::{GroupId, WriteId};
use crate::domain::stop::{Blame, Stop};

/// A kind of failure: its code, and its message without the variable parts.
pub type Kind = (Option<String>, String);

/// A write of the plan that has ended.
#[derive(Debug, Clone)]
pub struct Over {
    /// The write.
    pub id: WriteId,
    /// Its group when the plan was made.
    pub group: GroupId,
    /// Its path.
    pub endpoint: Arc<str>,
    /// True if it was a canary.
    pub canary: bool,
    /// The failure; `None` if it was accepted.
    pub failed: Option<Failed>,
}

/// The failure of a write, from its last attempt in the run.
#[derive(Debug, Clone)]
pub struct Failed {
    /// The write and its answer, as a stop reports them.
    pub blame: Blame,
    /// The whole failure.
    pub failure: Failure,
    /// The kind of this failure.
    pub kind: Kind,
    /// The kind of failure that its group has in common.
    pub group_kind: Kind,
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
    /// Creates breakers that stop a group once `max_failures` of its writes have failed in a row.
    pub fn new(max_failures: u32) -> Self {
        Self {
            max_failures,
            in_a_row: HashMap::new(),
            stopped_endpoints: HashSet::new(),
            stopped_groups: HashSet::new(),
            seen: HashSet::new(),
        }
    }

    /// Takes in how a write ended; returns what this stops, if anything.
    pub fn learn(&mut self, over: &Over) -> Option<Stop> {
        let in_a_row = self.in_a_row.entry(over.group).or_default();
        let Some(failed) = &over.failed else {
            *in_a_row = 0;
            return None;
        };
        *in_a_row += 1;
        let (count, group, blame) = (*in_a_row, over.group, failed.blame.clone());
        let is_auth = failed.failure.failure_type == FailureType::Auth;
        match blame.status {
            Some(401) if is_auth => Some(Stop::TokenRefused(blame)),
            Some(403) if is_auth && self.stopped_endpoints.insert(Arc::clone(&over.endpoint)) => {
                Some(Stop::EndpointForbidden { path: over.endpoint.to_string(), blame })
            }
            _ if over.canary && self.stopped_groups.insert(group) => Some(Stop::CanaryFailed { group, blame }),
            _ if count >= self.max_failures && self.stopped_groups.insert(group) => {
                Some(Stop::FailuresInARow { group, count, blame })
            }
            _ => None,
        }
    }

    /// Returns true if a write failed differently from its group, in a way that is new for the
    /// group in this run.
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
        let blame = Blame { write: Some(WriteId(7)), status, ..Blame::default() };
        let failure = Failure {
            failure_type: if matches!(status, Some(401 | 403)) { FailureType::Auth } else { FailureType::Schema },
            status,
            code: None,
            message: None,
            details: None,
            correlation_id: None,
        };
        let failed = Failed { blame, failure, kind: kind("A"), group_kind: kind("A") };
        Over {
            id: WriteId(7),
            group: GroupId(group),
            endpoint: "records/x/append".into(),
            canary: false,
            failed: status.map(|_| failed),
        }
    }

    #[test]
    fn promise_10_401_stops_the_run_and_403_its_endpoint() {
        let mut breakers = Breakers::new(20);
        assert!(matches!(breakers.learn(&over(1, Some(401))), Some(Stop::TokenRefused(_))));
        let stop = breakers.learn(&over(1, Some(403)));
        assert!(matches!(stop, Some(Stop::EndpointForbidden { path, .. }) if path == "records/x/append"));
        assert_eq!(breakers.learn(&over(2, Some(403))), None, "it is stopped already");
    }

    #[test]
    fn promise_10_failures_in_a_row_stop_their_group() {
        let mut breakers = Breakers::new(3);
        for group in [1, 2, 1, 2] {
            assert_eq!(breakers.learn(&over(group, Some(500))), None);
        }
        assert_eq!(breakers.learn(&over(2, None)), None);
        let stop = breakers.learn(&over(1, Some(500)));
        assert!(matches!(stop, Some(Stop::FailuresInARow { group: GroupId(1), count: 3, .. })), "{stop:?}");
        assert_eq!(breakers.learn(&over(2, Some(500))), None, "an acceptance begins anew");
        assert_eq!(breakers.learn(&over(1, Some(500))), None, "it is stopped already");
    }

    #[test]
    fn promise_8_a_failed_canary_stops_its_group() {
        let mut breakers = Breakers::new(3);
        let canary = Over { canary: true, ..over(1, Some(422)) };
        let Some(Stop::CanaryFailed { group: GroupId(1), blame }) = breakers.learn(&canary) else { panic!() };
        assert_eq!((blame.write, blame.status), (Some(WriteId(7)), Some(422)));
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
