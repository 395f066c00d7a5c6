//! The plan page: what will be sent and where, what is refused and why, how long it takes.

use std::collections::HashSet;
use std::time::Duration;

use super::count::{thousands, writes};
use super::words;
use crate::domain::endpoint::BaseUrl;
use crate::domain::hazard::Hazard;
use crate::domain::plan::Plan;
use crate::domain::time::{Timestamp, human_length};

/// The facts on a plan's page beyond the plan itself.
#[derive(Debug)]
pub struct PlanPage<'a> {
    /// The target's name.
    pub target: &'a str,
    /// The target's base URL, if it is known.
    pub base_url: Option<&'a BaseUrl>,
    /// True if each write gets a new key.
    pub new_key: bool,
    /// Expected duration of the run.
    pub length: Duration,
    /// Time for which nothing may be sent to the target, at its own request.
    pub closed: Duration,
    /// Lag of this machine's clock behind the newest time that the file has seen, if it matters.
    pub behind: Option<Duration>,
    /// The pace that the expected time is based on, in words.
    pub pace: String,
}

/// Formats the page.
pub fn page(plan: &Plan, about: &PlanPage<'_>, now: Timestamp) -> String {
    let groups: HashSet<_> = plan.send.iter().map(|w| w.group).collect();
    let base = about.base_url.map_or_else(|| "no base URL yet".to_owned(), ToString::to_string);
    let mut text = format!("Plan for target {} ({base})\n", about.target);
    let of = if groups.len() == 1 { "group" } else { "groups" };
    let key = if about.new_key { "a new key" } else { "its own key" };
    let settled = plan.send.iter().filter(|w| w.settled).count() as u64;
    let sent = writes(plan.send.len() as u64 - settled);
    text.push_str(&format!("  to send   {sent} of {} {of}, each under {key}\n", groups.len()));
    if settled > 0 {
        text.push_str(&format!("  settled   {} since the first plan: skipped\n", writes(settled)));
    }
    if !about.closed.is_zero() {
        let until = now.plus(about.closed).to_human();
        text.push_str(&format!("  closed    until {until}: the API asked for nothing to be sent before then\n"));
    }
    if let Some(behind) = about.behind {
        let behind = human_length(behind);
        text.push_str(&format!("  clock     the clock is {behind} behind what this file has seen: key windows are counted from the later time\n"));
    }
    if !plan.send.is_empty() {
        text.push_str(&format!("  expected  {} ({})\n", expected(about.length), about.pace));
    }
    text.push_str(&windows(plan, about.length, now));
    let mut noted: Vec<(Hazard, u64)> = Vec::new();
    for hazard in plan.send.iter().flat_map(|w| &w.hazards) {
        match noted.iter_mut().find(|(h, _)| h == hazard) {
            Some((_, n)) => *n += 1,
            None => noted.push((*hazard, 1)),
        }
    }
    for (hazard, n) in noted {
        let what = if hazard.refuses() { "allowed" } else { "noted  " };
        text.push_str(&format!("  {what}   {} {hazard}: {}\n", thousands(n), words::hazard(hazard)));
    }
    for &hazard in Hazard::ALL {
        let refused = plan.refused.iter().filter(|(_, h)| *h == hazard).count() as u64;
        if refused > 0 {
            let why = if about.new_key && hazard == Hazard::OutcomeUnknown {
                "it may have been applied under its current key: a new key would let the API apply it again"
            } else {
                words::hazard(hazard)
            };
            text.push_str(&format!("  refused   {} {hazard}: {why}\n", thousands(refused)));
        }
    }
    text
}

fn expected(length: Duration) -> String {
    if length < Duration::from_secs(1) { "under a second".to_owned() } else { human_length(length) }
}

/// Formats the lines on key windows: the first one to end among the writes to send, and the writes
/// that go first because of that.
fn windows(plan: &Plan, length: Duration, now: Timestamp) -> String {
    let inside = plan.send.iter().filter_map(|w| Some((w.window_ends.filter(|ends| *ends > now)?, w.id)));
    let Some((ends, id)) = inside.min() else { return String::new() };
    let first = format!("the first key window ends in {} (write {id})", human_length(ends.since(now)));
    if plan.urgent == 0 {
        return format!("  windows   {first}\n");
    }
    let end = now.plus(length);
    let late = plan.send.iter().filter(|w| w.window_ends.is_some_and(|e| now < e && e <= end)).count() as u64;
    format!(
        "  WARNING   {} may lose the key window before the run ends: {first}.\n            {} first, lane mates included; what comes too late is refused\n",
        writes(late),
        if plan.urgent == 1 { "It goes".to_owned() } else { format!("{} go", writes(plan.urgent as u64)) },
    )
}
