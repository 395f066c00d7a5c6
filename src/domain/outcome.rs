//! Outcomes: how an attempt ended, and how a write ended in a run.

macro_rules! named {
    ($(#[doc = $doc:literal])* $type:ident { $($(#[doc = $vdoc:literal])* $variant:ident = $name:literal,)* }) => {
        $(#[doc = $doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $type { $($(#[doc = $vdoc])* $variant,)* }

        impl $type {
            /// All values.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Returns the name used everywhere.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// Parses its name.
            pub fn parse(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|o| o.name() == name)
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.name())
            }
        }
    };
}

named! {
    /// The outcome of one HTTP request.
    AttemptOutcome {
        /// The API has it.
        Accepted = "accepted",
        /// The API surely did not apply it.
        Refused = "refused",
        /// It was answered: some records of the batch were applied, and others were not.
        Partial = "partial",
        /// It was answered, and may have been applied.
        Unclear = "unclear",
        /// It was sent, but its answer never came in full.
        NoAnswer = "no_answer",
        /// No byte of it was sent.
        NotSent = "not_sent",
    }
}

named! {
    /// The outcome of a planned write in its run.
    Outcome {
        /// The API has it.
        Accepted = "accepted",
        /// It was answered otherwise, or could not be sent.
        Failed = "failed",
        /// It was sent, and its outcome is not known.
        Unknown = "unknown",
        /// An older write of its lane did not go through.
        Held = "held",
        /// A hazard refused it.
        Refused = "refused",
        /// It had changed since the plan was made.
        Skipped = "skipped",
        /// The run or its group was stopped first.
        Unsent = "unsent",
    }
}

/// Counts of writes by outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally([u64; 7]);

impl Tally {
    /// Adds `count` writes with this outcome.
    pub fn add(&mut self, outcome: Outcome, count: u64) {
        self.0[outcome as usize] += count;
    }

    /// Returns the number of writes with this outcome.
    pub fn get(&self, outcome: Outcome) -> u64 {
        self.0[outcome as usize]
    }

    /// Returns the number of writes that were not accepted.
    pub fn left(&self) -> u64 {
        self.planned() - self.get(Outcome::Accepted)
    }

    /// Returns the number of all writes.
    pub fn planned(&self) -> u64 {
        self.0.iter().sum()
    }
}
