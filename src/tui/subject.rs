//! The subject of an action: the write under the cursor, the marked ones, all that match, or a group; and whether the
//! action can be done.

use super::actions::{Action, Needs, Zone};
use super::app::App;
use super::state::run::RunScreen;
use crate::domain::body::BodyOrigin;
use crate::domain::filter::{Filter, NumberField, Range, Test};
use crate::domain::group::Group;
use crate::domain::ids::WriteId;
use crate::domain::outcome::{Outcome, Tally};
use crate::domain::run::{Run, RunState};
use crate::domain::selection::Selection;
use crate::domain::state::State;
use crate::domain::write::WriteView;
use crate::render::count::{outcomes, thousands};

/// The writes that an action applies to.
#[derive(Debug, Clone)]
pub(super) struct Subject {
    /// The writes as a filter.
    pub(super) filter: Filter,
    /// The selection, as recorded.
    pub(super) selection: Selection,
    /// The writes in words, for the screen.
    pub(super) words: String,
}

impl App {
    /// Returns the groups that the type chips let through.
    pub fn shown_groups(&self) -> impl Iterator<Item = &Group> {
        let types = &self.filter.types;
        self.groups.iter().filter(move |group| types.is_empty() || types.contains(&group.failure_type))
    }

    /// Returns the group under the cursor.
    pub fn current_group(&self) -> Option<&Group> {
        self.shown_groups().nth(self.groups_scroll.at)
    }

    /// Returns the run under the cursor.
    pub fn current_run(&self) -> Option<&Run> {
        self.runs.get(self.runs_scroll.at)
    }

    /// Returns the write that an action on one write applies to.
    pub fn current_write(&self) -> Option<&WriteView> {
        self.write_in(self.place())
    }

    fn write_in(&self, place: Zone) -> Option<&WriteView> {
        match place {
            Zone::Writes => self.writes.current(),
            Zone::Detail => self.detail.read().map(|detail| &detail.view),
            _ => None,
        }
    }

    /// Returns the message to print after the UI has closed: where an unkept edit is, or how the last run ended.
    pub fn last_word(&self) -> Option<String> {
        if let Some(review) = &self.review {
            let file = review.edited.file.display();
            return Some(format!("The edit of write {} was not kept; what was typed is in {file}", review.id));
        }
        let run = self.own().filter(|_| self.quits_after_run)?;
        let report = run.report.as_ref()?;
        let command = &self.setup.command;
        Some(format!("Run {}: {}. ({command} report --run {})", report.run, outcomes(&report.tally), report.run))
    }

    /// Returns the writes that an action applies to.
    pub(super) fn subject(&mut self) -> Option<Subject> {
        let by_ids = |ids: &mut dyn Iterator<Item = WriteId>| {
            let ids: Vec<i64> = ids.map(|id| id.0).collect();
            let ranges = ids.iter().map(|&id| Range { min: Some(id), max: Some(id) }).collect();
            let list = ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
            let words =
                if let [one] = ids.as_slice() { format!("write {one}") } else { format!("{} writes", ids.len()) };
            let filter = Filter::default().and(Test::Number(NumberField::Id, ranges));
            Subject { filter, selection: Selection::of_words(&format!("id:{list}")), words }
        };
        match self.place() {
            Zone::Groups => {
                let group = self.current_group()?;
                let range = Range { min: Some(group.id.0), max: Some(group.id.0) };
                let filter = Filter::default().and(Test::Number(NumberField::Group, vec![range]));
                let count = if group.open == 1 {
                    "1 open write".to_owned()
                } else {
                    format!("{} open writes", thousands(group.open.unsigned_abs()))
                };
                let words = format!("{count} of group {} ({}: {})", group.id, group.failure_type, group.message);
                Some(Subject {
                    filter: self.of_target(filter),
                    selection: Selection::of_words(&format!("group:{}", group.id)),
                    words,
                })
            }
            Zone::Writes if self.marks.all => {
                let filter = self.matching()?;
                let selection = Selection::of_words(&self.filter.query());
                let words = match self.count {
                    Some(n) => format!("all {} writes that match", thousands(n.unsigned_abs())),
                    None => "all writes that match".to_owned(),
                };
                Some(Subject { filter, selection, words })
            }
            Zone::Writes if !self.marks.ids.is_empty() => Some(by_ids(&mut self.marks.ids.iter().copied())),
            _ => self.current_write().map(|view| by_ids(&mut std::iter::once(view.write.id))),
        }
    }

    /// Returns the reason why an action can't be done now; `None` if it can.
    pub fn why_not(&self, action: Action) -> Option<&'static str> {
        self.why_not_in(self.place(), action)
    }

    /// Does the same for another place, such as the one below the help.
    pub fn why_not_in(&self, place: Zone, action: Action) -> Option<&'static str> {
        let about = action.about();
        let is_there = match about.needs {
            Needs::Nothing => true,
            Needs::Writes => match place {
                Zone::Groups => self.current_group().is_some(),
                Zone::Writes => self.marks.all || !self.marks.ids.is_empty() || self.write_in(place).is_some(),
                _ => self.write_in(place).is_some(),
            },
            Needs::Write => self.write_in(place).is_some(),
            Needs::Body => self.write_in(place).is_some_and(|view| {
                let state = view.write.standing.state();
                state.is_open() && state != State::Replaying && view.write.body_origin != BodyOrigin::Missing
            }),
            Needs::Plan => self.plan.as_ref().is_some_and(|plan| plan.confirm().is_some()),
            Needs::RunUnderWay => self.run.as_ref().is_some_and(RunScreen::is_under_way),
            Needs::Pace => place == Zone::Plan || self.run.as_ref().is_some_and(RunScreen::is_under_way),
            Needs::RunOver if place == Zone::Runs => {
                self.current_run().is_some_and(|run| run.state != RunState::Running && has_left(&run.tally))
            }
            Needs::RunOver => {
                self.run.as_ref().is_some_and(|run| !run.is_under_way() && run.id.is_some() && has_left(&run.tally))
            }
            Needs::Undo => !self.undo.is_empty(),
            Needs::Demo => self.guide.as_ref().is_some_and(|guide| !guide.is_fixed),
        };
        (!is_there).then(|| about.needs.missing())
    }
}

/// Returns true if any planned write was not accepted.
fn has_left(tally: &Tally) -> bool {
    tally.planned() > tally.get(Outcome::Accepted)
}
