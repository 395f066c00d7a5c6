//! The pane that explains the group under the cursor: what it means, what to do, what is at stake.

use ratatui::layout::Rect;

use crate::domain::explain::explain;
use crate::domain::group::Group;
use crate::domain::parking::Parked;
use crate::domain::profile::Logged;
use crate::domain::time::human_length;
use crate::render::count::thousands;
use crate::render::words;
use crate::tui::msg::GroupFacts;
use crate::tui::paint::{Painter, wrap};
use crate::tui::rows::Pieces;
use crate::tui::screen::Shared;
use crate::tui::theme::Role;

/// Draws the pane. `facts` are those of the group, once they are read.
pub(super) fn draw(group: &Group, facts: Option<&GroupFacts>, shared: &Shared, area: Rect, p: &mut Painter<'_>) {
    let title = format!(
        "group {}, {} open of {}",
        group.id,
        thousands(group.open.unsigned_abs()),
        thousands(group.count.unsigned_abs())
    );
    p.rule(Rect { height: 1, ..area }, &title);
    let inside = Rect {
        x: area.x + 1,
        y: area.y + 1,
        width: area.width.saturating_sub(2),
        height: area.height.saturating_sub(1),
    };
    let lines = lines(group, facts, shared, inside);
    for (line, y) in lines.iter().zip(inside.top()..inside.bottom()) {
        p.pieces(inside.x, y, inside.width, line.iter().map(|(role, text)| (*role, text.as_str())));
    }
    let left = lines.len().saturating_sub(inside.height.into());
    if left > 0 {
        let text = format!(" {} {left} more ", p.theme.symbol("↓", "v"));
        p.right(area.x, area.y, area.width, &text, Role::Warn);
    }
}

fn lines(group: &Group, facts: Option<&GroupFacts>, shared: &Shared, area: Rect) -> Vec<Pieces> {
    let logged = Logged::told("POST", None, group.error_code.as_deref(), Some(&group.message));
    let explanation = explain(&shared.setup.profile(&group.target), &logged, group.failure_type);
    let next = (Role::Good, explanation.next);
    let wrapped = |(role, text): (Role, String)| {
        wrap(&text, area.width.into()).into_iter().map(move |line| vec![(role, line)]).collect::<Vec<_>>()
    };
    // Where there is room for little, the next step is what a tired person needs.
    if area.height < 4 {
        return wrapped(next);
    }
    let retryable =
        if explanation.retryable { "retryable" } else { "the same bytes will fail until the cause is fixed" };
    let code = group.error_code.clone().unwrap_or_else(|| "no error code".to_owned());
    let mut lines = wrapped((Role::Bad, code));
    lines.extend(wrapped((Role::Strong, group.message.clone())));
    if let Some(note) = &group.note {
        lines.extend(wrapped((Role::Warn, format!("Note: {note}"))));
    }
    lines.extend(parking(group, shared).into_iter().flat_map(wrapped));
    lines.extend(wrapped((Role::Text, format!("{} ({retryable})", explanation.meaning))));
    lines.extend(wrapped(next));
    let Some(facts) = facts else { return lines };
    if let Some((write, ends)) = facts.windows.first_ends {
        let left = human_length(ends.since(shared.now));
        lines.extend(wrapped((Role::Warn, format!("Its first key window ends in {left} (write {write})."))));
    }
    if facts.windows.ended > 0 {
        let text = match facts.windows.ended {
            1 => "1 key window has ended.".to_owned(),
            ended => format!("{} key windows have ended.", thousands(ended)),
        };
        lines.extend(wrapped((Role::Warn, text)));
    }
    for (hazard, count) in &facts.hazards {
        let role = if hazard.refuses() { Role::Bad } else { Role::Faint };
        let of = if *count == facts.looked_at { "all".to_owned() } else { format!("{count} of {}", facts.looked_at) };
        let newest = if facts.looked_at < usize::try_from(group.open).unwrap_or(0) { " of the newest" } else { "" };
        lines.extend(wrapped((role, format!("{of}{newest}: {hazard}: {}", words::hazard(*hazard)))));
    }
    lines
}

/// Returns a line on the parking of a group, unless it has none or its time has come.
fn parking(group: &Group, shared: &Shared) -> Option<(Role, String)> {
    let parked = group.parked?;
    if group.is_parked(shared.now) {
        return Some((Role::Faint, format!("It is {}.", words::parked(parked))));
    }
    match parked {
        Parked::AtCount(count) => {
            let more = thousands((group.count - count).unsigned_abs());
            Some((Role::Warn, format!("It has grown by {more} since it was parked.")))
        }
        Parked::Until(_) => None,
    }
}
