//! Results of checking and copying a store.

/// The severity of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// As it should be.
    Ok,
    /// Works, but needs a look.
    Warn,
    /// Wrong.
    Fail,
}

impl Severity {
    /// Returns the name used everywhere.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

/// The result of one check.
#[derive(Debug, Clone)]
pub struct Finding {
    /// The name of the check.
    pub check: &'static str,
    /// Its severity.
    pub severity: Severity,
    /// The details, in words.
    pub detail: String,
}

impl Finding {
    /// Creates a finding.
    pub fn new(check: &'static str, severity: Severity, detail: impl Into<String>) -> Self {
        Self { check, severity, detail: detail.into() }
    }
}

/// The contents and size of a copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Copied {
    /// Number of writes.
    pub writes: u64,
    /// Number of those that are open, and thus now open in both files.
    pub open: u64,
    /// Size of the copy in bytes.
    pub bytes: u64,
}
