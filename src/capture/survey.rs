//! The survey of an ingest: its failures and rejects counted, with nothing taken in.

use std::collections::BTreeMap;

use crate::domain::failure_type::FailureType;
use crate::domain::fingerprint::fingerprint;
use crate::domain::write::Captured;

/// The failures and rejects of an ingest, by what tells them apart.
#[derive(Debug, Default)]
pub struct Survey {
    /// Failures by failure type.
    pub types: BTreeMap<FailureType, u64>,
    /// Failures by target, method and path, and where the path comes from.
    pub endpoints: BTreeMap<[String; 4], u64>,
    /// Failures by the origin of their key.
    pub keys: BTreeMap<&'static str, u64>,
    /// Failures by the group that they would be in: target, object, type, code and message without its values.
    pub groups: BTreeMap<[String; 5], u64>,
    /// Rejected lines by reason, in the order in which the first of each came.
    pub rejects: Vec<RejectsOf>,
}

/// The rejected lines of one reason.
#[derive(Debug)]
pub struct RejectsOf {
    /// The reason.
    pub reason: String,
    /// The number of the first such line.
    pub line: u64,
    /// Number of such lines.
    pub count: u64,
}

/// Different reasons that are told apart; the lines of others are counted in the summary only.
const MOST_REASONS: usize = 50;

impl Survey {
    pub(super) fn add(&mut self, captured: &Captured) {
        let failure = &captured.failure;
        let (kind, path) = (failure.failure_type, &captured.path);
        let message = fingerprint(kind, failure.message.as_deref().unwrap_or_default(), failure.details.as_deref());
        let endpoint =
            [&captured.target, &captured.method, path.as_str(), captured.endpoint_origin.name()].map(str::to_owned);
        let code = failure.code.clone().unwrap_or_default();
        let group = [captured.target.clone(), captured.operated.object.clone(), kind.name().to_owned(), code, message];
        *self.types.entry(kind).or_default() += 1;
        *self.endpoints.entry(endpoint).or_default() += 1;
        *self.keys.entry(captured.key_origin.name()).or_default() += 1;
        *self.groups.entry(group).or_default() += 1;
    }

    pub(super) fn reject(&mut self, line: u64, reason: &str) {
        if let Some(rejects) = self.rejects.iter_mut().find(|rejects| rejects.reason == reason) {
            rejects.count += 1;
        } else if self.rejects.len() < MOST_REASONS {
            self.rejects.push(RejectsOf { reason: reason.to_owned(), line, count: 1 });
        }
    }
}
