//! Messages over the screen, shown for a few seconds.

use std::time::Duration;

use ratatui::layout::Rect;
use unicode_width::UnicodeWidthStr as _;

use super::paint::{Painter, wrap};
use super::theme::Role;
use crate::domain::time::Timestamp;

/// Time for which a message is shown.
const SHOWN: Duration = Duration::from_secs(5);
/// The most messages at once.
const MOST: usize = 3;

/// The messages on the screen, the newest last.
#[derive(Debug, Default)]
pub struct Toasts(Vec<Toast>);

/// A message.
#[derive(Debug)]
struct Toast {
    /// The role that it is drawn in.
    role: Role,
    text: String,
    /// The time when it disappears.
    until: Timestamp,
}

impl Toasts {
    /// Adds a message.
    pub fn say(&mut self, role: Role, text: impl Into<String>, now: Timestamp) {
        self.0.push(Toast { role, text: text.into(), until: now.plus(SHOWN) });
        if self.0.len() > MOST {
            self.0.remove(0);
        }
    }

    /// Removes all messages.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// Removes the messages whose time is over. Returns true if any was.
    pub fn expire(&mut self, now: Timestamp) -> bool {
        let before = self.0.len();
        self.0.retain(|toast| toast.until > now);
        self.0.len() != before
    }

    /// Returns the time until the next one disappears; `None` if there is none.
    pub fn next(&self, now: Timestamp) -> Option<Duration> {
        self.0.iter().map(|toast| toast.until.since(now)).min()
    }

    /// Draws them at the bottom right of an area.
    pub fn draw(&self, area: Rect, p: &mut Painter<'_>) {
        let mut bottom = area.bottom();
        for toast in self.0.iter().rev() {
            let width = area.width.saturating_sub(4).min(76);
            let lines = wrap(&toast.text, usize::from(width.saturating_sub(4)));
            let wide = lines.iter().map(|line| line.width()).max().unwrap_or(0);
            let height = u16::try_from(lines.len()).unwrap_or(1) + 2;
            if bottom < area.y + height {
                return;
            }
            let width = u16::try_from(wide).unwrap_or(width).saturating_add(4).min(width);
            let inside = p.window(Rect { x: area.right() - width, y: bottom - height, width, height }, "");
            for (y, line) in (inside.y..).zip(&lines) {
                p.text(inside.x, y, inside.width, line, toast.role);
            }
            bottom -= height;
        }
    }
}
