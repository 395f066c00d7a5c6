//! The header: target, counts by type and state, and a histogram of arrivals.

use std::collections::BTreeMap;
use std::time::Duration;

use ratatui::layout::Rect;

use super::actions::Action;
use super::paint::Painter;
use super::progress::RunProgress;
use super::screen::Shared;
use super::theme::Role;
use crate::domain::arrivals::{Span, hour_of};
use crate::domain::failure_type::FailureType;
use crate::domain::ids::GroupId;
use crate::domain::state::State;
use crate::domain::time::{brief_length, human_length};
use crate::render::count::thousands;

/// Draws the header. `away` is true if this process's run is not on the screen.
pub(super) fn draw(shared: &Shared, away: bool, area: Rect, p: &mut Painter<'_>) {
    title(shared, away, area, p);
    match area.height {
        0 | 1 => {}
        2 => counts(shared, area, area.y + 1, p),
        3 => {
            counts(shared, area, area.y + 1, p);
            histogram(shared, Rect { y: area.y + 2, height: 1, ..area }, p);
        }
        _ => {
            counts(shared, area, area.y + 1, p);
            histogram(shared, Rect { y: area.y + 2, height: area.height - 2, ..area }, p);
        }
    }
}

fn title(shared: &Shared, away: bool, area: Rect, p: &mut Painter<'_>) {
    let mut x = p.text(area.x, area.y, area.width, "dlq", Role::Title);
    let targets = &shared.overview.targets;
    let shown: Vec<_> =
        targets.iter().filter(|t| shared.setup.target.as_ref().is_none_or(|name| *name == t.name)).collect();
    let target = match shown.as_slice() {
        [] => shared.setup.target.clone().unwrap_or_default(),
        [one] => {
            let base = match (&one.base_url, &shared.setup.base_url) {
                (Some(bound), _) => bound.to_string(),
                (None, Some(given)) => format!("{given} (not bound yet)"),
                (None, None) => "no base URL yet".to_owned(),
            };
            format!("{} {} {base}", one.name, p.theme.symbol("→", "->"))
        }
        several => format!("{} targets", several.len()),
    };
    let open = open(shared);
    // A run goes on while another screen is shown.
    let away = away && shared.is_sending();
    let right = match area.height {
        _ if urgent_window(shared).is_some() && !away => {
            let (left, key) = (urgent_window(shared).unwrap_or_default(), shared.key(Action::Windows));
            format!(" a key window ends in {}: {key} ", human_length(left))
        }
        1 if away => shared.sending.as_ref().map(progress).unwrap_or_default(),
        1 => format!("{} open", thousands(open)),
        _ if away => shared.sending.as_ref().map(progress).unwrap_or_default(),
        _ => {
            let windows = &shared.overview.windows;
            let next = windows
                .first_ends
                .map(|(_, ends)| format!("first key window: {}", human_length(ends.since(shared.now))));
            match (windows.ended, next) {
                (0, next) => next.unwrap_or_default(),
                (n, None) => format!("{} key windows ended", thousands(n)),
                (n, Some(next)) => format!("{} ended, {next}", thousands(n)),
            }
        }
    };
    let right_width = u16::try_from(right.len()).unwrap_or(u16::MAX);
    x = p.text(x + 2, area.y, area.width.saturating_sub(x + 4 + right_width), &target, Role::Text);
    let is_urgent = urgent_window(shared).is_some() && !away;
    let role = match area.height {
        _ if is_urgent => Role::Alarm,
        1 => Role::Strong,
        _ => Role::Warn,
    };
    p.right(x, area.y, area.width.saturating_sub(x), &right, role);
}

/// Time left in which a key window counts as urgent.
const URGENT: Duration = Duration::from_mins(15);

/// Returns the time until the first key window ends, if that is soon.
pub fn urgent_window(shared: &Shared) -> Option<Duration> {
    let (_, ends) = shared.overview.windows.first_ends?;
    Some(ends.since(shared.now)).filter(|left| *left <= URGENT)
}

/// Returns the progress of a run, in a few words.
fn progress(run: &RunProgress) -> String {
    let name = run.id.map_or_else(|| "a run".to_owned(), |id| format!("run {id}"));
    format!("{name}: {}/{}", thousands(run.done()), thousands(run.total))
}

fn open(shared: &Shared) -> u64 {
    let states = |by_state: &[i64; 6]| State::OPEN.iter().map(|s| by_state[*s as usize]).sum::<i64>();
    shared.overview.counts.iter().map(|count| states(&count.by_state)).sum::<i64>().unsigned_abs()
}

/// Draws the counts: `schema 12  bad_data 3 | pending 14  unknown 1  replayed 80`.
fn counts(shared: &Shared, area: Rect, y: u16, p: &mut Painter<'_>) {
    let mut x = area.x;
    let mut end = area.right();
    let parked = shared.overview.parkings.iter().filter(|parking| parking.holds(shared.now)).count();
    // A narrow terminal has better use for the room; the list of groups says it, too.
    if parked > 0 && area.width >= 100 {
        let text = format!("{parked} parked");
        p.right(x, y, area.width, &text, Role::Faint);
        end = end.saturating_sub(u16::try_from(text.len()).unwrap_or(0) + 2);
    }
    for failure_type in FailureType::ALL {
        let count = shared.overview.counts.iter().find(|count| count.key == failure_type.name());
        let open: i64 = count.map_or(0, |c| State::OPEN.iter().map(|s| c.by_state[*s as usize]).sum());
        let role = if open > 0 { Role::Type(failure_type) } else { Role::Faint };
        let text = thousands(open.unsigned_abs());
        let pieces = [(role, failure_type.name()), (Role::Text, " "), (Role::Strong, &text), (Role::Text, "  ")];
        x = p.pieces(x, y, end.saturating_sub(x), pieces);
    }
    x = p.text(x, y, end.saturating_sub(x), p.theme.symbol("│ ", "| "), Role::Rule);
    for state in State::ALL {
        let n: i64 = shared.overview.counts.iter().map(|count| count.by_state[state as usize]).sum();
        let text = thousands(n.unsigned_abs());
        // A state that doesn't fit in full is left out.
        let width = u16::try_from(state.name().len() + text.len() + 1).unwrap_or(u16::MAX);
        if n == 0 || end.saturating_sub(x) < width {
            continue;
        }
        let pieces = [(Role::State(state), state.name()), (Role::Text, " "), (Role::Strong, &text), (Role::Text, "  ")];
        x = p.pieces(x, y, end.saturating_sub(x), pieces);
    }
}

/// Draws when writes failed: a bar for each part of the span, and what the bars are.
fn histogram(shared: &Shared, area: Rect, p: &mut Painter<'_>) {
    let Some(span) = shared.overview.span else { return };
    let mut totals = [0u64; Span::BARS];
    for arrivals in &shared.overview.arrivals {
        if let Some(total) = totals.get_mut(arrivals.bar) {
            *total += arrivals.count;
        }
    }
    let (most, sum) = (totals.iter().copied().max().unwrap_or(0), totals.iter().sum::<u64>());
    // Bars are twice as wide where there is room, and the axis has a line of its own.
    let wide: u16 = if area.width >= 100 { 2 } else { 1 };
    let has_axis = area.height > 1;
    let height = area.height - u16::from(has_axis);
    let bottom = area.y + height - 1;
    for (x, total) in (area.x..).step_by(wide.into()).zip(totals) {
        let eighths = if most == 0 { 0 } else { (total * u64::from(height) * 8).div_ceil(most) };
        for row in 0..height {
            let here = usize::try_from(eighths.saturating_sub(u64::from(row) * 8).min(8)).unwrap_or(0);
            p.text(x, bottom - row, wide, &p.theme.bar(here).repeat(wide.into()), Role::Faint);
        }
    }
    let end = area.x + wide * u16::try_from(Span::BARS).unwrap_or(0);
    let is_now = span.bar(hour_of(shared.now)).is_some();
    let last = span.start(Span::BARS);
    if has_axis {
        let (first, last) = (span.start(0).to_human(), if is_now { "now".to_owned() } else { last.to_human() });
        let room = end - area.x;
        let (first, last) = (short(&first, span), short(&last, span));
        p.text(area.x, bottom + 1, room, first, Role::Faint);
        p.right(area.x, bottom + 1, room, last, Role::Faint);
    }
    let each = brief_length(span.length() / u32::try_from(Span::BARS).unwrap_or(1));
    let text = if sum == 0 {
        "nothing failed in the last day".to_owned()
    } else {
        let until = if is_now { String::new() } else { format!(" until {}", last.to_human()) };
        format!(
            "{} failed in {}{until}, at most {} in {each}",
            thousands(sum),
            brief_length(span.length()),
            thousands(most)
        )
    };
    p.text(end + 1, bottom, area.right().saturating_sub(end + 1), &text, Role::Faint);
}

/// Returns the part of a time that an axis needs: the hour for a day, else the day.
fn short(time: &str, span: Span) -> &str {
    match time.split_once(' ') {
        Some((_, hour)) if span.step == 1 => hour.get(..5).unwrap_or(hour),
        Some((day, _)) => day,
        None => time,
    }
}

/// Returns one group's failures over the span in `width` bars, as heights in eighths. Heights are logarithmic, on one scale
/// for all groups: a hundred and ten thousand can be told apart, and so can one and none.
pub(super) fn trend(shared: &Shared, group: GroupId, width: usize) -> Vec<usize> {
    let each = Span::BARS.div_ceil(width.max(1));
    let of = |group: Option<GroupId>| {
        let mut counts: BTreeMap<(GroupId, usize), u64> = BTreeMap::new();
        for arrivals in shared.overview.arrivals.iter().filter(|a| group.is_none_or(|group| group == a.group)) {
            *counts.entry((arrivals.group, arrivals.bar / each)).or_default() += arrivals.count;
        }
        counts
    };
    let most = of(None).values().copied().max().unwrap_or(0);
    let own = of(Some(group));
    let height = |count: u64| ((count as f64).ln_1p() * 8.0 / (most as f64).ln_1p().max(1.0)).ceil();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 8")]
    let eighths = |bar| own.get(&(group, bar)).map_or(0, |count| height(*count) as usize);
    (0..width).map(eighths).collect()
}
