//! Plans: which writes a run will send, in which order, and what is held back and why.

use std::sync::Arc;

use super::hazard::{Facts, Hazard};
use super::identity::Sha;
use super::ids::{GroupId, WriteId};
use super::lane::Turn;
use super::time::Timestamp;

/// A write that a replay might send, reduced to what a plan needs.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// Its ID.
    pub id: WriteId,
    /// Its group's ID.
    pub group: GroupId,
    /// Its path, shared by the writes of one endpoint.
    pub endpoint: Arc<str>,
    /// Its place among others.
    pub turn: Turn,
    /// The facts that its hazards depend on. `lane_blocked` is not known yet.
    pub facts: Facts,
    /// The SHA-256 of its current body.
    pub content: Sha,
    /// Its lanes; none for a lane of its own.
    pub lanes: Vec<i64>,
    /// True if it was settled since a first plan showed it. It is not sent; its claim finds out what became of it.
    pub settled: bool,
}

/// An open write that shares a lane with a candidate and was not selected.
#[derive(Debug, Clone, Copy)]
pub struct LaneMate {
    /// Its place among others.
    pub turn: Turn,
    /// The lane that they share.
    pub lane: i64,
}

/// A write of a plan.
#[derive(Debug, Clone)]
pub struct PlannedWrite {
    /// Its ID.
    pub id: WriteId,
    /// Its group's ID.
    pub group: GroupId,
    /// Its path, shared by the writes of one endpoint.
    pub endpoint: Arc<str>,
    /// The body that the plan showed; no other one is sent.
    pub content: Sha,
    /// Its lanes; none for a lane of its own.
    pub lanes: Vec<i64>,
    /// All its hazards at the time of the plan.
    pub hazards: Vec<Hazard>,
    /// The time when the API forgets its key, where that matters: for an append that may have been applied.
    pub window_ends: Option<Timestamp>,
    /// True if it was settled since a first plan showed it: it will be skipped.
    pub settled: bool,
}

/// A frozen plan.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// The writes to send: the urgent ones, then the others, oldest first.
    pub send: Vec<PlannedWrite>,
    /// Number of writes that go first because a key window ends before the run is expected to.
    pub urgent: usize,
    /// The writes that a hazard refuses, each with the hazard.
    pub refused: Vec<(PlannedWrite, Hazard)>,
}
