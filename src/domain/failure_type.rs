//! The guide's four failure types.

/// The reason why a write failed, by what has to be done about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FailureType {
    /// Goes away by itself: retry.
    Transient,
    /// The object's schema lacks a field: change the schema, then replay.
    Schema,
    /// The data is wrong: repair it at its source or here.
    BadData,
    /// The token is wrong or lacks a scope: fix it, then replay.
    Auth,
}

impl FailureType {
    /// All four, in the order of the guide.
    pub const ALL: [Self; 4] = [Self::Transient, Self::Schema, Self::BadData, Self::Auth];

    /// Returns the name used everywhere: SQL, CLI, JSON and screens.
    pub fn name(self) -> &'static str {
        match self {
            Self::Transient => "transient",
            Self::Schema => "schema",
            Self::BadData => "bad_data",
            Self::Auth => "auth",
        }
    }

    /// Parses its name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|t| t.name() == name)
    }
}

impl std::fmt::Display for FailureType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}
