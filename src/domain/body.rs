//! Bodies: how each came to be known.

/// How a body came to be known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyOrigin {
    /// The exact bytes stood in the captured line.
    Captured,
    /// Put together again from the record, as Python's `requests` had sent it.
    Rebuilt,
    /// Only the event was captured.
    Missing,
}

impl BodyOrigin {
    /// The name used everywhere.
    pub fn name(self) -> &'static str {
        match self {
            Self::Captured => "captured",
            Self::Rebuilt => "rebuilt",
            Self::Missing => "missing",
        }
    }

    /// From its name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Captured, Self::Rebuilt, Self::Missing].into_iter().find(|o| o.name() == name)
    }
}
