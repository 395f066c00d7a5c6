//! Plans: which writes a run will send, in which order, and what is held back and why.

use std::sync::Arc;

use super::hazard::{Facts, Hazard};
use super::identity::Sha;
use super::ids::{GroupId, WriteId};
use super::lane::Turn;
use super::time::Timestamp;

/// A write that a replay might send, in the few words that a plan needs.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// Names it.
    pub id: WriteId,
    /// Its group.
    pub group: GroupId,
    /// Its path; the writes of one endpoint share it.
    pub endpoint: Arc<str>,
    /// Its place among others.
    pub turn: Turn,
    /// What its hazards depend on. `lane_blocked` is not known yet.
    pub facts: Facts,
    /// The SHA-256 of its current body.
    pub content: Sha,
    /// Its lanes; none for a lane of its own.
    pub lanes: Vec<i64>,
    /// True if it was settled since a first plan showed it. It is not sent: its claim says what became of it.
    pub settled: bool,
}

/// An open write that shares a lane with a candidate and was not selected.
#[derive(Debug, Clone, Copy)]
pub struct LaneMate {
    /// Its place among others.
    pub turn: Turn,
    /// The lane.
    pub lane: i64,
}

/// A write of a plan.
#[derive(Debug, Clone)]
pub struct PlannedWrite {
    /// Names it.
    pub id: WriteId,
    /// Its group.
    pub group: GroupId,
    /// Its path; the writes of one endpoint share it.
    pub endpoint: Arc<str>,
    /// Its place among others.
    pub turn: Turn,
    /// The body that was shown; another one is not sent.
    pub content: Sha,
    /// Its lanes; none for a lane of its own.
    pub lanes: Vec<i64>,
    /// All its hazards when the plan was made.
    pub hazards: Vec<Hazard>,
    /// The time when the API forgets its key, if that matters: of an append that may have been applied.
    pub window_ends: Option<Timestamp>,
    /// True if it was settled since a first plan showed it: it will be skipped.
    pub settled: bool,
}

/// A frozen plan.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// What will be sent: oldest first, after what is urgent.
    pub send: Vec<PlannedWrite>,
    /// How many writes go first because a key window ends before the run is expected to.
    pub urgent: usize,
    /// What a hazard refuses, with the hazard.
    pub refused: Vec<(PlannedWrite, Hazard)>,
}
