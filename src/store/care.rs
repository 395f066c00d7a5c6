//! What checks and copies of a store tell.

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// As it should be.
    Ok,
    /// Works, but look at it.
    Warn,
    /// Wrong.
    Fail,
}

impl Severity {
    /// The name used everywhere.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

/// What a check found.
#[derive(Debug, Clone)]
pub struct Finding {
    /// What was checked.
    pub check: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// In words.
    pub detail: String,
}

impl Finding {
    /// A finding.
    pub fn new(check: &'static str, severity: Severity, detail: impl Into<String>) -> Self {
        Self { check, severity, detail: detail.into() }
    }
}

/// What a copy holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Copied {
    /// How many writes.
    pub writes: u64,
    /// Of those, how many are open: in both files now.
    pub open: u64,
    /// Its size in bytes.
    pub bytes: u64,
}
