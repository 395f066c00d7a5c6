//! The header: target, counts by type and state, and a histogram of arrivals.

use ratatui::layout::Rect;

use super::paint::Painter;
use super::progress::RunProgress;
use super::screen::Shared;
use super::theme::{Role, Tier};
use crate::domain::arrivals::hour_of;
use crate::domain::failure_type::FailureType;
use crate::domain::state::State;
use crate::domain::time::human_length;
use crate::render::count::thousands;

/// Hours that the histogram covers.
pub const HOURS: usize = 24;

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
    let role = if area.height == 1 { Role::Strong } else { Role::Warn };
    p.right(x, area.y, area.width.saturating_sub(x), &right, role);
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
    let end = area.right();
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

/// Returns the failures of each of the last hours, by type; the last one is the current hour.
pub fn hours(shared: &Shared) -> [[u64; 4]; HOURS] {
    let mut hours = [[0; 4]; HOURS];
    let last = hour_of(shared.now);
    for arrivals in &shared.overview.arrivals {
        let back = usize::try_from(last - arrivals.hour).ok().filter(|back| *back < HOURS);
        if let Some(back) = back {
            hours[HOURS - 1 - back][arrivals.failure_type as usize] += arrivals.count;
        }
    }
    hours
}

fn histogram(shared: &Shared, area: Rect, p: &mut Painter<'_>) {
    let hours = hours(shared);
    let totals: Vec<u64> = hours.iter().map(|types| types.iter().sum()).collect();
    let most = totals.iter().copied().max().unwrap_or(0);
    let sum: u64 = totals.iter().sum();
    let bottom = area.bottom() - 1;
    let mut x = p.text(area.x, bottom, area.width, "24 h ", Role::Faint);
    // Bars are twice as wide where there is room.
    let wide: u16 = if area.width >= 100 { 2 } else { 1 };
    let label_row = u16::from(p.theme.tier == Tier::Plain && area.height > 1);
    let height = (area.height - label_row).max(1);
    for (types, total) in hours.iter().zip(&totals) {
        let eighths = if most == 0 { 0 } else { (total * u64::from(height) * 8).div_ceil(most) };
        let biggest = FailureType::ALL.into_iter().max_by_key(|t| types[*t as usize]);
        for row in 0..height {
            let here = usize::try_from(eighths.saturating_sub(u64::from(row) * 8).min(8)).unwrap_or(0);
            // Types are stacked; a cell has the colour of the type at its middle.
            let middle = (u64::from(row) * 8 + 4) * most / (u64::from(height) * 8).max(1);
            let role = type_at(types, middle).or(biggest).map_or(Role::Text, Role::Type);
            let bar = p.theme.bar(here).repeat(wide.into());
            p.text(x, bottom - label_row - row, wide, &bar, role);
        }
        if label_row > 0 && *total > 0 {
            let letter = biggest.map_or("", |t| &t.name()[..1]);
            p.text(x, bottom, wide, letter, Role::Text);
        }
        x += wide;
    }
    x += 1;
    let main = FailureType::ALL.into_iter().max_by_key(|t| hours.iter().map(|types| types[*t as usize]).sum::<u64>());
    let last_hour = totals.last().copied().unwrap_or(0);
    let text = match main.filter(|_| sum > 0) {
        Some(main) => format!("{} failed, {} in this hour, mostly {main}", thousands(sum), thousands(last_hour)),
        None => "nothing failed in the last day".to_owned(),
    };
    p.text(x, bottom, area.right().saturating_sub(x), &text, Role::Faint);
}

fn type_at(types: &[u64; 4], height: u64) -> Option<FailureType> {
    let mut below = 0;
    FailureType::ALL.into_iter().find(|t| {
        below += types[*t as usize];
        height < below
    })
}

/// Returns one group's failures in the last `width` hours, as bar heights in eighths.
pub(super) fn trend(shared: &Shared, group: crate::domain::ids::GroupId, width: usize) -> Vec<usize> {
    let last = hour_of(shared.now);
    let mut counts = vec![0u64; width];
    for arrivals in shared.overview.arrivals.iter().filter(|a| a.group == group) {
        if let Ok(back) = usize::try_from(last - arrivals.hour)
            && back < width
        {
            counts[width - 1 - back] += arrivals.count;
        }
    }
    let most = counts.iter().copied().max().unwrap_or(0).max(1);
    counts.iter().map(|n| usize::try_from((n * 8).div_ceil(most)).unwrap_or(8)).collect()
}
