//! Newtypes for the numbers that name things.

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
    /// Names a write; never used again, also after a purge.
    WriteId
);
id!(
    /// Names a run, and is its fencing token.
    RunId
);
id!(
    /// Names a group.
    GroupId
);
id!(
    /// Names a target inside one file.
    TargetId
);
