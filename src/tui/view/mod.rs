//! Drawing: the application in, cells out. Nothing here changes state or does I/O.

pub mod detail;
mod dialog;
mod groups;
mod header;
pub mod help;
pub mod layout;
pub mod paint;
pub mod plan;
pub mod run;
mod runs;
mod writes;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use self::layout::{LEAST, Layout};
use self::paint::{Painter, wrap};
use super::actions::{ACTIONS, Action, Zone};
use super::app::{App, File};
use super::msg::Closed;
use super::theme::Role;
use crate::render::count::thousands;

/// Draws the application.
pub fn draw(app: &App, buffer: &mut Buffer) {
    let mut painter = Painter { buffer, theme: app.setup.theme };
    let p = &mut painter;
    if Layout::is_too_small(app.size) {
        let text = format!("dlq needs {}x{}; this is {}x{}", LEAST.0, LEAST.1, app.size.0, app.size.1);
        for (y, line) in (0..app.size.1).zip(wrap(&text, app.size.0.into())) {
            p.text(0, y, app.size.0, &line, Role::Text);
        }
        return;
    }
    let layout = Layout::of(app);
    header::draw(app, &layout, p);
    tabs(app, &layout, p);
    match &app.file {
        File::Opening => {
            p.text(2, layout.body.y + 1, layout.body.width, "opening the file ...", Role::Faint);
        }
        File::Closed(why) => closed(app, why, layout.body, p),
        File::Open => body(app, &layout, p),
    }
    if let Some(guide) = &app.guide {
        guide.draw(app, layout.guide, p);
    }
    footer(app, layout.footer, p);
    job(app, &layout, p);
    toasts(app, &layout, p);
    dialog::draw(app, &layout, p);
}

fn body(app: &App, layout: &Layout, p: &mut Painter<'_>) {
    match app.place() {
        Zone::Groups => groups::draw(app, layout, p),
        Zone::Runs => runs::draw(app, layout, p),
        Zone::Writes => {
            writes::draw(app, layout, p);
            if app.shows_detail() {
                detail::draw(app, layout, p);
            }
        }
        Zone::Detail => {
            if layout.divider.width > 0 {
                writes::draw(app, layout, p);
            }
            detail::draw(app, layout, p);
        }
        Zone::Plan => plan::draw(app, layout.body, p),
        Zone::Run => run::draw(app, layout.body, p),
        Zone::Trial => run::draw_trial(app, layout.body, p),
        Zone::Review => detail::draw_review(app, layout.body, p),
        Zone::Help => help::draw(app, layout.body, p),
    }
}

/// Draws the names of the screens, and the path to the current place.
fn tabs(app: &App, layout: &Layout, p: &mut Painter<'_>) {
    let area = layout.tabs;
    p.rule(area, "");
    let mut x = area.x + 1;
    for place in [Zone::Groups, Zone::Writes, Zone::Runs] {
        let is_here = app.base() == place;
        let (left, right) = if is_here { ("[", "]") } else { (" ", " ") };
        let role = if is_here { Role::Strong } else { Role::Faint };
        x = p.pieces(x, area.y, 10, [(role, left), (role, place.name()), (role, right)]);
    }
    let arrow = p.theme.symbol("›", ">");
    for place in app.places.iter().skip(1) {
        x = p.text(x, area.y, area.right().saturating_sub(x), &format!(" {arrow} {}", place.name()), Role::Strong);
    }
    p.text(x, area.y, area.right().saturating_sub(x), " ", Role::Text);
    let right = match app.place() {
        Zone::Writes | Zone::Detail if app.base() == Zone::Writes => writes::summary(app),
        _ => String::new(),
    };
    let room = area.right().saturating_sub(x + 2);
    if !right.is_empty() && usize::from(room) > right.len() + 2 {
        p.right(x, area.y, area.right().saturating_sub(x + 1), &format!(" {right} "), Role::Text);
    }
}

/// Draws the actions of the current place, as many as fit.
fn footer(app: &App, area: Rect, p: &mut Painter<'_>) {
    let hints: Vec<(String, &str)> = if app.dialog.is_some() {
        vec![("enter".to_owned(), "choose"), ("esc".to_owned(), "cancel")]
    } else if app.filter.is_typing {
        let complete = ("tab".to_owned(), "complete");
        vec![("enter".to_owned(), "use"), complete, ("up".to_owned(), "history"), ("esc".to_owned(), "cancel")]
    } else {
        hints(app).into_iter().map(|(key, word, _)| (key, word)).collect()
    };
    let mut x = area.x;
    for (key, what) in hints {
        let width = u16::try_from(key.len() + what.len() + 3).unwrap_or(u16::MAX);
        if x + width > area.right() + 1 {
            break;
        }
        x = p.pieces(
            x,
            area.y,
            width,
            [(Role::Key, key.as_str()), (Role::Faint, " "), (Role::Faint, what), (Role::Text, "  ")],
        );
    }
}

/// Returns the key, the label and the action of each hint for the current place.
pub fn hints(app: &App) -> Vec<(String, &'static str, Action)> {
    let place = app.place();
    let here = ACTIONS.iter().filter(|a| a.places.contains(&place) && !a.short.is_empty());
    // Up to five actions of the place come first, then those that lead out, then the rest.
    let (own, common): (Vec<_>, Vec<_>) = here.partition(|a| a.places.len() < Zone::ALL.len());
    let last = ["quit", "help", "palette", "back"];
    let mut common: Vec<_> = common;
    common.sort_by_key(|a| last.iter().position(|name| *name == a.name).map_or(0, |at| at + 1));
    let (first, rest) = common.split_at(common.len().min(3));
    own.iter()
        .take(5)
        .chain(first)
        .chain(own.iter().skip(5))
        .chain(rest)
        .filter(|about| app.why_not(about.action).is_none())
        .map(|about| {
            let is_paused = app.run.as_ref().is_some_and(|run| run.is_paused);
            let word = if about.action == Action::Pause && is_paused { "resume" } else { about.short };
            (app.setup.keymap.key(about.action), word, about.action)
        })
        .filter(|(key, ..)| !key.is_empty())
        .collect()
}

/// Draws the progress of a long job, on the last line of the body.
fn job(app: &App, layout: &Layout, p: &mut Painter<'_>) {
    let Some(job) = &app.job else { return };
    let of = job.total.map(|total| format!(" of {}", thousands(total))).unwrap_or_default();
    let back = app.setup.keymap.key(super::actions::Action::Back);
    let text = format!(" {}: {}{of} writes ({back} gives up) ", job.what, thousands(job.done));
    let y = layout.body.bottom().saturating_sub(1);
    p.text(layout.body.x, y, layout.body.width, &text, Role::On);
}

fn toasts(app: &App, layout: &Layout, p: &mut Painter<'_>) {
    let mut bottom = layout.body.bottom();
    for toast in app.toasts.iter().rev() {
        let width = layout.body.width.saturating_sub(4).min(76);
        let lines = wrap(&toast.text, usize::from(width.saturating_sub(4)));
        let wide = lines.iter().map(|l| unicode_width::UnicodeWidthStr::width(l.as_str())).max().unwrap_or(0);
        let height = u16::try_from(lines.len()).unwrap_or(1) + 2;
        if bottom < layout.body.y + height {
            return;
        }
        let width = u16::try_from(wide).unwrap_or(width).saturating_add(4).min(width);
        let area = Rect { x: layout.body.right() - width, y: bottom - height, width, height };
        let inside = p.window(area, "");
        for (y, line) in (inside.y..).zip(&lines) {
            p.text(inside.x, y, inside.width, line, toast.role);
        }
        bottom -= height;
    }
}

/// Draws the reason why no file is open, and how to feed one.
fn closed(app: &App, why: &Closed, area: Rect, p: &mut Painter<'_>) {
    let mut lines: Vec<(Role, String)> = Vec::new();
    match why {
        Closed::Missing => {
            lines.push((Role::Strong, "No failures have come in yet.".to_owned()));
            lines.push((Role::Text, format!("There is no file at {}", app.setup.path)));
        }
        Closed::Unusable(why) => {
            lines.push((Role::Bad, "The file can't be used.".to_owned()));
            lines.push((Role::Text, why.clone()));
        }
    }
    lines.push((Role::Text, String::new()));
    lines.extend(feeding(app));
    if matches!(why, Closed::Missing) {
        lines.push((Role::Text, String::new()));
        lines.push((Role::Faint, "This screen fills in by itself once the file exists.".to_owned()));
    }
    paragraph(p, area, &lines);
}

/// Returns the lines that say how to feed a file.
fn feeding(app: &App) -> Vec<(Role, String)> {
    let command = &app.setup.command;
    let one = |role, text: &str| (role, text.to_owned());
    vec![
        one(Role::Text, "Feed it the failures your service logged, one JSON object per line:"),
        (Role::Key, format!("  {command} ingest failures.ndjson")),
        one(Role::Text, "or straight from its log:"),
        (Role::Key, format!("  tail -F failures.ndjson | {command} ingest")),
        one(Role::Text, "To see it all at work on a simulated API:"),
        one(Role::Key, "  dlq demo"),
    ]
}

/// Draws lines, wrapped to the width of their area.
pub(super) fn paragraph(p: &mut Painter<'_>, area: Rect, lines: &[(Role, String)]) {
    let mut y = area.y + u16::from(area.height > 8);
    for (role, text) in lines {
        for line in wrap(text, usize::from(area.width.saturating_sub(4))) {
            if y >= area.bottom() {
                return;
            }
            p.text(area.x + 2, y, area.width.saturating_sub(4), &line, *role);
            y += 1;
        }
    }
}
