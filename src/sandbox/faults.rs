//! Injected faults, drawn from a seeded generator so that a round can be repeated.

use std::time::Duration;

/// The frequency of each fault, in thousandths of all requests.
#[derive(Debug, Clone, Copy, Default)]
pub struct Faults {
    /// The seed of the generator.
    pub seed: u64,
    /// A 503 without anything applied.
    pub unavailable: u16,
    /// A 503 after the write was applied.
    pub unavailable_after: u16,
    /// A 500 without anything applied.
    pub broken: u16,
    /// A 409, as when another write to the record is under way.
    pub conflict: u16,
    /// A 429, with a fractional Retry-After.
    pub rate_limited: u16,
    /// The connection is dropped before anything is applied.
    pub drop_before: u16,
    /// The connection is dropped after the write was applied.
    pub drop_after: u16,
    /// A delay before the answer.
    pub delayed: u16,
    /// The length of a delay.
    pub delay: Duration,
}

/// The fault of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    None,
    Unavailable,
    UnavailableAfter,
    Broken,
    Conflict,
    RateLimited,
    DropBefore,
    DropAfter,
    Delayed,
}

impl Faults {
    pub(super) fn draw(&self, random: &mut fastrand::Rng) -> Fault {
        let mut n = random.u16(0..1000);
        for (share, fault) in [
            (self.unavailable, Fault::Unavailable),
            (self.unavailable_after, Fault::UnavailableAfter),
            (self.broken, Fault::Broken),
            (self.conflict, Fault::Conflict),
            (self.rate_limited, Fault::RateLimited),
            (self.drop_before, Fault::DropBefore),
            (self.drop_after, Fault::DropAfter),
            (self.delayed, Fault::Delayed),
        ] {
            if n < share {
                return fault;
            }
            n -= share;
        }
        Fault::None
    }
}
