//! Newtypes for numeric IDs.

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
        pub struct $name(pub i64);

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

id!(
    /// A write's ID; never reused, even after a purge.
    WriteId
);
id!(
    /// A run's ID, which is also its fencing token.
    RunId
);
id!(
    /// A group's ID.
    GroupId
);
id!(
    /// An intake's number.
    IntakeId
);
id!(
    /// A target's ID inside one file.
    TargetId
);
