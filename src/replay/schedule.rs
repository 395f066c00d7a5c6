//! The schedule: decides which write of the plan may go next. Pure, so that lanes, canaries and
//! stops can be tested against many random plans.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::Arc;

use crate::domain::ids::{GroupId, WriteId};
use crate::domain::outcome::Outcome;
use crate::domain::plan::PlannedWrite;
use crate::domain::reason::Reason;

/// The end of a write, as it affects the writes waiting behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finish {
    /// Accepted or settled: its lane goes on.
    Done,
    /// Sent without success: the rest of its lane is held.
    Failed,
    /// Not sent and still open: the rest of its lane is held, but this says nothing about its
    /// group.
    LeftOpen,
}

/// A write that will no longer be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dropped {
    /// Its index in the plan.
    pub index: usize,
    /// `held` or `unsent`.
    pub outcome: Outcome,
    /// The reason.
    pub reason: Reason,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Status {
    Waiting,
    InFlight,
    Over,
}

/// The state of a run's plan.
#[derive(Debug)]
pub struct Schedule {
    writes: Vec<Entry>,
    /// The writes that are at the head of all their lanes.
    ready: BTreeSet<usize>,
    /// The writes of each shared lane that are not done, oldest first.
    lanes: HashMap<i64, VecDeque<usize>>,
    /// Number of canaries yet to be accepted before the rest may go.
    canaries: usize,
    canary_in_flight: Option<usize>,
    canaried: HashSet<GroupId>,
}

#[derive(Debug)]
struct Entry {
    id: WriteId,
    group: GroupId,
    endpoint: Arc<str>,
    lanes: Vec<i64>,
    status: Status,
    /// Number of its lanes in which another write comes first.
    behind: usize,
}

impl Schedule {
    /// Creates a schedule for a plan's writes, oldest first, with this many canaries.
    pub fn new(plan: &[PlannedWrite], canaries: usize) -> Self {
        let mut sizes: HashMap<i64, usize> = HashMap::new();
        for write in plan {
            for lane in &write.lanes {
                *sizes.entry(*lane).or_default() += 1;
            }
        }
        let mut schedule = Self {
            writes: Vec::with_capacity(plan.len()),
            ready: BTreeSet::new(),
            lanes: HashMap::new(),
            canaries,
            canary_in_flight: None,
            canaried: HashSet::new(),
        };
        for (index, write) in plan.iter().enumerate() {
            // A lane with one write holds nobody up.
            let shared: Vec<i64> = write.lanes.iter().copied().filter(|lane| sizes[lane] > 1).collect();
            let mut behind = 0;
            for lane in &shared {
                let queue = schedule.lanes.entry(*lane).or_default();
                behind += usize::from(!queue.is_empty());
                queue.push_back(index);
            }
            if behind == 0 {
                schedule.ready.insert(index);
            }
            schedule.writes.push(Entry {
                id: write.id,
                group: write.group,
                endpoint: Arc::clone(&write.endpoint),
                lanes: shared,
                status: Status::Waiting,
                behind,
            });
        }
        schedule
    }

    /// Takes the next write to send, if one may go now; one at a time while canaries remain.
    pub fn take_next(&mut self) -> Option<usize> {
        let index = self.next()?;
        if self.canaries > 0 {
            self.canaried.insert(self.writes[index].group);
            self.canary_in_flight = Some(index);
        }
        self.ready.remove(&index);
        self.writes[index].status = Status::InFlight;
        Some(index)
    }

    /// Returns true if a write may go now.
    pub fn has_next(&self) -> bool {
        self.next().is_some()
    }

    fn next(&self) -> Option<usize> {
        if self.canaries == 0 {
            return self.ready.first().copied();
        }
        if self.canary_in_flight.is_some() {
            return None;
        }
        let fresh = self.ready.iter().copied().find(|&i| !self.canaried.contains(&self.writes[i].group));
        fresh.or_else(|| self.ready.first().copied())
    }

    /// Returns the indexes of the writes in flight.
    pub fn in_flight(&self) -> Vec<usize> {
        (0..self.writes.len()).filter(|&i| self.writes[i].status == Status::InFlight).collect()
    }

    /// Returns true if this write is the canary in flight.
    pub fn is_canary(&self, index: usize) -> bool {
        self.canary_in_flight == Some(index)
    }

    /// Marks a write as ended. Returns the writes that are held because of it.
    pub fn finish(&mut self, index: usize, finish: Finish) -> Vec<Dropped> {
        self.writes[index].status = Status::Over;
        if self.canary_in_flight == Some(index) {
            self.canary_in_flight = None;
            match finish {
                Finish::Done => self.canaries -= 1,
                // It proved nothing: another takes its place.
                Finish::LeftOpen => {
                    self.canaried.remove(&self.writes[index].group);
                }
                Finish::Failed => {}
            }
        }
        if finish == Finish::Done {
            self.leave_lanes(index);
            return Vec::new();
        }
        let mut held = Vec::new();
        self.hold_behind(index, &mut held);
        held
    }

    /// Replaces a canary that was settled without being sent: the next write takes its place.
    pub fn replace_canary(&mut self, index: usize) {
        if self.canary_in_flight == Some(index) {
            self.canary_in_flight = None;
            self.canaried.remove(&self.writes[index].group);
        }
    }

    /// Stops a group: its waiting writes are not sent, and writes behind them in their lanes are
    /// held. Returns both.
    pub fn stop_group(&mut self, group: GroupId) -> Vec<Dropped> {
        self.stop_where(|entry| entry.group == group, &Reason::GroupStopped(group))
    }

    /// Stops an endpoint, in the same way.
    pub fn stop_endpoint(&mut self, path: &str) -> Vec<Dropped> {
        self.stop_where(|entry| &*entry.endpoint == path, &Reason::EndpointStopped(path.to_owned()))
    }

    fn stop_where(&mut self, stopped: impl Fn(&Entry) -> bool, reason: &Reason) -> Vec<Dropped> {
        let waiting = |entry: &Entry| entry.status == Status::Waiting && stopped(entry);
        let affected: Vec<usize> = (0..self.writes.len()).filter(|&i| waiting(&self.writes[i])).collect();
        let mut dropped = Vec::new();
        for &index in &affected {
            self.drop_write(index, Outcome::Unsent, reason.clone(), &mut dropped);
        }
        for index in affected {
            self.hold_behind(index, &mut dropped);
        }
        dropped
    }

    /// Ends the schedule. Returns the writes that were still waiting.
    pub fn stop(&mut self) -> Vec<Dropped> {
        let mut dropped = Vec::new();
        for index in 0..self.writes.len() {
            if self.writes[index].status == Status::Waiting {
                self.drop_write(index, Outcome::Unsent, Reason::RunStopped, &mut dropped);
            }
        }
        dropped
    }

    fn drop_write(&mut self, index: usize, outcome: Outcome, reason: Reason, dropped: &mut Vec<Dropped>) {
        self.writes[index].status = Status::Over;
        self.ready.remove(&index);
        dropped.push(Dropped { index, outcome, reason });
    }

    /// Removes a write from its lanes, so that the next one of each can move up.
    fn leave_lanes(&mut self, index: usize) {
        for lane in std::mem::take(&mut self.writes[index].lanes) {
            let Some(queue) = self.lanes.get_mut(&lane) else { continue };
            let was_head = queue.front() == Some(&index);
            queue.retain(|&i| i != index);
            if let Some(&head) = queue.front().filter(|_| was_head) {
                let entry = &mut self.writes[head];
                entry.behind -= 1;
                if entry.behind == 0 && entry.status == Status::Waiting {
                    self.ready.insert(head);
                }
            }
        }
    }

    /// Holds every write waiting behind this one in its lanes, and those behind them in turn.
    fn hold_behind(&mut self, index: usize, dropped: &mut Vec<Dropped>) {
        let mut left = vec![index];
        while let Some(index) = left.pop() {
            let because = self.writes[index].id;
            for lane in self.writes[index].lanes.clone() {
                let behind: Vec<usize> =
                    self.lanes.get(&lane).into_iter().flatten().copied().filter(|&i| i > index).collect();
                for i in behind {
                    if self.writes[i].status == Status::Waiting {
                        self.drop_write(i, Outcome::Held, Reason::LaneFailed(Some(because)), dropped);
                        left.push(i);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
#[path = "schedule_tests.rs"]
mod tests;
