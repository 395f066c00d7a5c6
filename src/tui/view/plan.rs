//! A plan: writes to send, refused ones and why, the target, and the expected time.

use ratatui::layout::Rect;

use super::paint::{Painter, wrap};
use crate::domain::plan::PlannedWrite;
use crate::tui::actions::Action;
use crate::tui::app::App;
use crate::tui::state::plan::{Confirm, PlanScreen, Purpose};
use crate::tui::theme::Role;

/// The most writes listed one by one.
const LISTED: usize = 1000;

pub(super) fn draw(app: &App, area: Rect, p: &mut Painter<'_>) {
    let Some(plan) = &app.plan else { return };
    let lines = lines(app, plan, area.width);
    for ((role, line), y) in lines.iter().skip(plan.scroll.top).zip(area.top()..area.bottom()) {
        p.text(area.x + 1, y, area.width.saturating_sub(1), line, *role);
    }
    super::detail::more(lines.len(), plan.scroll.top, area, p);
}

/// Returns the number of lines of the plan.
pub fn length(app: &App) -> usize {
    app.plan.as_ref().map_or(0, |plan| lines(app, plan, app.size.0).len())
}

fn lines(app: &App, plan: &PlanScreen, width: u16) -> Vec<(Role, String)> {
    let width = usize::from(width.saturating_sub(2));
    let mut lines: Vec<(Role, String)> = Vec::new();
    let mut say = |role: Role, text: &str| lines.extend(wrap(text, width).into_iter().map(|line| (role, line)));
    let title = match plan.purpose {
        Purpose::Replay => "Replay",
        Purpose::TryOne => "Try one write",
        Purpose::DryRun => "Dry run, nothing is sent",
    };
    say(Role::Title, &format!("{title}: {}", plan.words));
    if let Some(why) = &plan.error {
        say(Role::Bad, why);
        return lines;
    }
    let Some(prepared) = &plan.prepared else {
        say(Role::Faint, "making the plan ... (esc gives up)");
        return lines;
    };
    for line in prepared.page(app.now).lines() {
        let role = match line.trim_start().split(' ').next() {
            Some("WARNING" | "closed") => Role::Warn,
            Some("refused") => Role::Bad,
            Some("allowed") => Role::Warn,
            Some("Plan" | "to") => Role::Strong,
            _ => Role::Text,
        };
        say(role, line);
    }
    if let Some(reason) = &plan.reason {
        say(Role::Text, &format!("  reason    {reason}"));
    }
    let bound = app.overview.targets.iter().any(|t| t.name == prepared.options.target.name && t.base_url.is_some());
    if let Some(base) = prepared.base_url.as_ref().filter(|_| !bound) {
        say(Role::Warn, &format!("  binds     target {} is bound to {base} from now on", prepared.options.target.name));
    }
    say(Role::Text, "");
    let key = |action| app.setup.keymap.key(action);
    match (plan.confirm(), plan.purpose) {
        (_, Purpose::DryRun) => {}
        (None, _) if prepared.base_url.is_none() => {
            say(Role::Bad, "This target has no base URL yet: start dlq with --base-url URL (or EXPERITURE_BASE_URL).");
        }
        (None, _) => say(Role::Warn, "Nothing will be sent."),
        (Some(confirm), _) => {
            let first = match confirm {
                Confirm::Enter => "",
                Confirm::Count(_) => " once you have typed how many",
                Confirm::Target(_) => " once you have typed the target's name",
            };
            let is_one = prepared.count() == 1;
            let what = if is_one { "sends it" } else { "sends them" };
            let canary = if is_one { "" } else { ": one first, the rest if it is accepted" };
            say(Role::Good, &format!("{} {what}{first}{canary}. {} goes back.", key(Action::Send), key(Action::Back)));
        }
    }
    let refused = prepared.plan.refused.len();
    if refused > 0 && !plan.refusing().is_empty() {
        say(Role::Faint, &format!("{} overrides a hazard.", key(Action::Hazards)));
    }
    if plan.purpose != Purpose::Replay || refused > 0 {
        say(Role::Text, "");
    }
    for (write, hazard) in prepared.plan.refused.iter().take(LISTED) {
        say(Role::Bad, &format!("write {}  refused: {hazard}", write.id));
    }
    if plan.purpose != Purpose::Replay {
        for write in prepared.plan.send.iter().take(LISTED) {
            say(Role::Text, &planned(write));
        }
    }
    let left = prepared.plan.send.len().max(refused).saturating_sub(LISTED);
    if left > 0 && plan.purpose != Purpose::Replay {
        say(Role::Faint, &format!("and {left} more"));
    }
    lines
}

fn planned(write: &PlannedWrite) -> String {
    let notes: Vec<&str> = write.hazards.iter().map(|hazard| hazard.name()).collect();
    let notes = if notes.is_empty() { String::new() } else { format!("  ({})", notes.join(", ")) };
    let what = if write.settled { "settled meanwhile: skipped" } else { "will be sent" };
    format!("write {}  {what} to {}{notes}", write.id, write.endpoint)
}
