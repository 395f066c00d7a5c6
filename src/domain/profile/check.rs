//! Contradictions inside a profile.

use super::Profile;

/// Returns what a profile says against itself.
pub fn contradictions(profile: &Profile) -> Vec<String> {
    let mut found = Vec::new();
    for (at, condition) in profile.definite.iter().enumerate() {
        // Of an accepted status only what the body says can be definite.
        let says_more = condition.code.is_some() || condition.message.is_some() || !condition.body.is_empty();
        let accepted = |status: &u16| {
            !says_more
                && condition.status.as_ref().is_none_or(|set| set.contains(*status))
                && !condition.not_status.as_ref().is_some_and(|set| set.contains(*status))
                && profile.accepted.statuses.contains(*status)
        };
        if let Some(status) = (100..=599).find(accepted) {
            found.push(format!("definite {} has {status}, which is accepted", at + 1));
        }
        let unclear = |status: &u16| {
            condition.status.as_ref().is_none_or(|set| set.contains(*status))
                && !condition.not_status.as_ref().is_some_and(|set| set.contains(*status))
                && (*status == 408 || (500..=599).contains(status))
        };
        if let Some(status) = (400..=599).find(unclear) {
            found.push(format!("definite {} has {status}, after which a write may have been applied", at + 1));
        }
    }
    if let Some(key) = &profile.key {
        if let Some(status) = (100..=599).find(|status| key.looked_up.contains(*status) && !profile.may_refuse(*status))
        {
            found.push(format!("key.looked_up has {status}, which no definite rule has"));
        }
        if key.header == profile.auth.header {
            found.push(format!("key.header and auth.header are both {}", key.header));
        }
    }
    found
}

impl Profile {
    /// Returns true if some answer with this status is definite.
    fn may_refuse(&self, status: u16) -> bool {
        self.definite.iter().any(|condition| {
            condition.status.as_ref().is_none_or(|set| set.contains(status))
                && !condition.not_status.as_ref().is_some_and(|set| set.contains(status))
        })
    }
}
