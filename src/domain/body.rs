//! Bodies: where each came from.

/// The origin of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyOrigin {
    /// The exact bytes were in the captured line.
    Captured,
    /// Rebuilt from the record, as Python's `requests` sent it.
    Rebuilt,
    /// Only the event was captured.
    Missing,
}

impl BodyOrigin {
    /// Returns the name used everywhere.
    pub fn name(self) -> &'static str {
        match self {
            Self::Captured => "captured",
            Self::Rebuilt => "rebuilt",
            Self::Missing => "missing",
        }
    }

    /// Parses its name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Captured, Self::Rebuilt, Self::Missing].into_iter().find(|o| o.name() == name)
    }
}
