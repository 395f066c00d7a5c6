//! The demo's guide: suggests what to try next, from what is on the screen.

use ratatui::layout::Rect;

use super::actions::{Action, Zone};
use super::app::App;
use super::theme::Role;
use super::view::paint::{Painter, wrap};
use crate::domain::failure_type::FailureType;
use crate::domain::outcome::Outcome;
use crate::domain::stop::Stop;
use crate::render::count::outcomes;
use crate::tui::state::plan::Purpose;

/// The guide's state.
#[derive(Debug, Default)]
pub struct Guide {
    /// True if the schema has the missing field.
    pub is_fixed: bool,
    /// Verdict of the API's ledger after a replay.
    pub verdict: Option<String>,
}

impl Guide {
    /// Returns the hint to show now.
    pub fn text(&self, app: &App) -> String {
        let key = |action| app.setup.keymap.key(action);
        let (enter, back, fix, replay) = (key(Action::Open), key(Action::Back), key(Action::Fix), key(Action::Replay));
        let schema = app.groups.iter().find(|group| group.failure_type == FailureType::Schema);
        let is_schema = |group: crate::domain::ids::GroupId| schema.is_some_and(|schema| schema.id == group);
        match app.place() {
            Zone::Plan if app.plan.as_ref().is_some_and(|plan| plan.purpose == Purpose::DryRun) => {
                format!("A dry run: what would be sent, write by write. {back} goes back.")
            }
            Zone::Plan if self.is_fixed => {
                format!(
                    "Nothing else will be sent. {} sends it: one first, the rest if that is accepted.",
                    key(Action::Send)
                )
            }
            Zone::Plan => format!(
                "{} sends it: one first, the rest if that is accepted. The schema is not fixed yet: see how the first one stops the rest.",
                key(Action::Send)
            ),
            Zone::Run => self.about_run(app),
            Zone::Trial => format!("One write was sent, nothing else. {back} goes back."),
            Zone::Detail if !self.is_fixed => format!(
                "The cause comes first: the API's schema lacks a field that the service sends. {fix} fixes the schema; the keys at the \
                 bottom show what else there is."
            ),
            Zone::Detail => {
                format!("The schema is fixed. {back} goes back to the list; {replay} would replay this one write.")
            }
            Zone::Writes if self.is_fixed => {
                format!(
                    "{} marks all of them, {replay} plans their replay. Or {back} to the groups, and {replay} there.",
                    key(Action::MarkAll)
                )
            }
            Zone::Writes => {
                format!("One line per write; new ones appear by themselves. {enter} shows why one failed.")
            }
            Zone::Groups if self.is_fixed && self.verdict.is_some() && schema.is_none_or(|schema| schema.open == 0) => {
                format!(
                    "Try the rest: {replay} on the transient and auth groups, {} on the bad data. {} has all keys, {} quits.",
                    key(Action::Discard),
                    key(Action::Help),
                    key(Action::Quit)
                )
            }
            Zone::Groups if schema.is_none_or(|schema| schema.open == 0) && !self.is_fixed => {
                "A service sends writes to an API, and some fail. They appear here as they come, one line per cause."
                    .to_owned()
            }
            Zone::Groups if !self.is_fixed && app.current_group().is_some_and(|group| is_schema(group.id)) => {
                format!("The schema group grows while you watch. {enter} shows its writes.")
            }
            Zone::Groups if !self.is_fixed => {
                format!(
                    "The schema group grows while you watch: go to it with {} and {}, then {enter}.",
                    key(Action::Down),
                    key(Action::Up)
                )
            }
            Zone::Groups => {
                format!(
                    "The schema is fixed: its writes pass now. With the cursor on the schema group, {replay} plans the replay of those that failed."
                )
            }
            _ => format!("{back} goes back."),
        }
    }

    fn about_run(&self, app: &App) -> String {
        let key = |action| app.setup.keymap.key(action);
        let Some(run) = app.run.as_ref().filter(|run| !run.is_under_way()) else {
            return "Every request is written to the file before it leaves: kill -9 loses nothing and sends nothing twice.".to_owned();
        };
        let stopped = run.report.iter().flat_map(|report| &report.stopped.list);
        let mut canaries = stopped.filter(|stop| matches!(stop, Stop::CanaryFailed { .. }));
        if canaries.next().is_some() && run.tally.get(Outcome::Accepted) == 0 {
            let next =
                if self.is_fixed { String::new() } else { format!("{} fixes the schema; then ", key(Action::Fix)) };
            return format!(
                "The first write was refused, so the rest was never sent. {next}{} sends what is left.",
                key(Action::Continue)
            );
        }
        let verdict = self.verdict.as_deref().unwrap_or_default();
        let outcomes = outcomes(&run.tally);
        format!(
            "{outcomes}; everything accepted went in under its original key. {verdict} {} goes back.",
            key(Action::Back)
        )
    }

    pub(super) fn draw(&self, app: &App, area: Rect, p: &mut Painter<'_>) {
        let mut area = area;
        if area.height > 1 {
            p.rule(Rect { height: 1, ..area }, "demo");
            area = Rect { y: area.y + 1, height: area.height - 1, ..area };
        }
        let text = self.text(app);
        for (line, y) in wrap(&text, area.width.saturating_sub(2).into()).iter().zip(area.top()..area.bottom()) {
            p.text(area.x + 1, y, area.width.saturating_sub(1), line, Role::Strong);
        }
    }
}
