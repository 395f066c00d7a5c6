//! Drawing: the application in, cells out. Nothing here changes state or does I/O.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::actions::{Action, Zone};
use super::app::{App, File};
use super::dialogs::Dialog;
use super::frame::{Frame, LEAST};
use super::goals::Base;
use super::guide::tip;
use super::msg::Closed;
use super::paint::{Painter, wrap};
use super::screen::{RunShown, Story};
use super::screens::groups::feeding;
use super::theme::Role;
use super::{footer, header};
use crate::render::count::thousands;

/// Draws the application.
pub fn draw(app: &App, buffer: &mut Buffer) {
    let shared = &app.shared;
    let mut painter = Painter { buffer, theme: shared.setup.theme };
    let p = &mut painter;
    if Frame::is_too_small(shared.size) {
        let text = format!("dlq needs {}x{}; this is {}x{}", LEAST.0, LEAST.1, shared.size.0, shared.size.1);
        for (y, line) in (0..shared.size.1).zip(wrap(&text, shared.size.0.into())) {
            p.text(0, y, shared.size.0, &line, Role::Text);
        }
        return;
    }
    let frame = app.frame();
    header::draw(shared, app.current().run() != Some(RunShown::Own), frame.header, p);
    tabs(app, frame.tabs, p);
    match &app.file {
        File::Opening => {
            p.text(2, frame.body.y + 1, frame.body.width, "opening the file ...", Role::Faint);
        }
        File::Closed(why) => closed(app, why, frame.body, p),
        File::Open => app.current().draw(shared, frame.body, p),
    }
    if let Some(story) = &shared.demo {
        guide(app, story, frame.guide, p);
    }
    keys(app, frame.footer, p);
    job(app, frame.body, p);
    app.toasts.draw(frame.body, p);
    if let Some(dialog) = &app.dialog {
        dialog.draw(shared.size, p);
    }
}

/// Draws the names of the lists, and the path to the current place.
fn tabs(app: &App, area: Rect, p: &mut Painter<'_>) {
    p.rule(area, "");
    let mut x = area.x + 1;
    for base in Base::ALL {
        let is_here = app.stack.base() == base;
        let (left, right) = if is_here { ("[", "]") } else { (" ", " ") };
        let role = if is_here { Role::Strong } else { Role::Faint };
        x = p.pieces(x, area.y, 10, [(role, left), (role, footer::list_name(base)), (role, right)]);
    }
    let arrow = p.theme.symbol("›", ">");
    for name in app.stack.path() {
        x = p.text(x, area.y, area.right().saturating_sub(x), &format!(" {arrow} {name}"), Role::Strong);
    }
    p.text(x, area.y, area.right().saturating_sub(x), " ", Role::Text);
    let right = app.current().summary(&app.shared);
    let room = area.right().saturating_sub(x + 2);
    if !right.is_empty() && usize::from(room) > right.len() + 2 {
        p.right(x, area.y, area.right().saturating_sub(x + 1), &format!(" {right} "), Role::Text);
    }
}

/// Draws the keys of the current place, as many as fit.
fn keys(app: &App, area: Rect, p: &mut Painter<'_>) {
    let fixed = |hints: &[(&str, &'static str)]| hints.iter().map(|(key, word)| ((*key).to_owned(), *word)).collect();
    let hints: Vec<(String, &str)> = if let Some(dialog) = &app.dialog {
        let enter = if matches!(dialog, Dialog::Ask(_)) { "answer" } else { "choose" };
        fixed(&[("enter", enter), ("esc", "cancel")])
    } else if app.current().is_typing() && app.place() != Zone::Writes {
        fixed(&[("enter", "use"), ("esc", "cancel")])
    } else if app.current().is_typing() {
        fixed(&[("enter", "use"), ("tab", "complete"), ("up", "history"), ("esc", "cancel")])
    } else {
        app.hints().into_iter().map(|(key, word, _)| (key, word)).collect()
    };
    let mut x = area.x;
    for (key, word) in hints {
        let width = footer::width(&key, word);
        if x + width > area.right() + 1 {
            break;
        }
        let pieces = [(Role::Key, key.as_str()), (Role::Faint, " "), (Role::Faint, word), (Role::Text, "  ")];
        x = p.pieces(x, area.y, width, pieces);
    }
}

/// Draws what to try next in the demo.
fn guide(app: &App, story: &Story, area: Rect, p: &mut Painter<'_>) {
    let tip = tip(&app.current().scene(&app.shared), story, &app.shared);
    if area.height < 2 {
        p.text(area.x + 1, area.y, area.width.saturating_sub(1), &tip.short, Role::Strong);
        return;
    }
    p.rule(Rect { height: 1, ..area }, "demo");
    let area = Rect { y: area.y + 1, height: area.height - 1, ..area };
    let lines = wrap(&tip.long, area.width.saturating_sub(2).into());
    // A text that is cut helps nobody.
    let lines = if lines.len() > area.height.into() { vec![tip.short] } else { lines };
    for (line, y) in lines.iter().zip(area.top()..area.bottom()) {
        p.text(area.x + 1, y, area.width.saturating_sub(1), line, Role::Strong);
    }
}

/// Draws the progress of a long job, on the last line of the body.
fn job(app: &App, area: Rect, p: &mut Painter<'_>) {
    let Some(job) = &app.job else { return };
    let of = job.total.map(|total| format!(" of {}", thousands(total))).unwrap_or_default();
    let back = app.shared.key(Action::Back);
    let text = format!(" {}: {}{of} writes ({back} gives up) ", job.what, thousands(job.done));
    let y = area.bottom().saturating_sub(1);
    p.text(area.x, y, area.width, &text, Role::On);
}

/// Draws the reason why no file is open, and how to feed one.
fn closed(app: &App, why: &Closed, area: Rect, p: &mut Painter<'_>) {
    let mut lines: Vec<(Role, String)> = Vec::new();
    match why {
        Closed::Missing => {
            lines.push((Role::Strong, "No failures have come in yet.".to_owned()));
            lines.push((Role::Text, format!("There is no file at {}", app.shared.setup.path)));
        }
        Closed::Replaced => {
            lines.push((Role::Bad, "The file was deleted or replaced while dlq had it open.".to_owned()));
            lines.push((Role::Text, app.shared.setup.path.clone()));
            let text = "What may be there now is another file. Nothing that was done since is reported as done, and a \
                        replay of this process sends nothing more.";
            lines.push((Role::Text, text.to_owned()));
            let quit = app.shared.key(Action::Quit);
            lines.push((Role::Text, format!("{quit} quits; start dlq again to open what is there then.")));
            return p.paragraph(area, &lines);
        }
        Closed::Unusable(why) => {
            lines.push((Role::Bad, "The file can't be used.".to_owned()));
            lines.push((Role::Text, why.clone()));
        }
    }
    lines.push((Role::Text, String::new()));
    lines.extend(feeding(&app.shared.setup.command));
    if matches!(why, Closed::Missing) {
        lines.push((Role::Text, String::new()));
        lines.push((Role::Faint, "This screen fills in by itself once the file exists.".to_owned()));
    }
    p.paragraph(area, &lines);
}
