//! The type chips above the lists of groups and writes.

use ratatui::layout::Rect;

use super::actions::Action;
use super::paint::Painter;
use super::screen::Shared;
use super::theme::Role;
use crate::domain::failure_type::FailureType;

/// Width below which only the chips that are on are drawn.
const NARROW: u16 = 76;

/// Draws the chips, each with its key. Returns the column after them.
pub fn draw(shared: &Shared, area: Rect, p: &mut Painter<'_>) -> u16 {
    let keys = [Action::Transient, Action::Schema, Action::BadData, Action::Auth];
    let mut x = area.x;
    for (failure_type, action) in FailureType::ALL.into_iter().zip(keys) {
        let is_on = shared.types.contains(&failure_type);
        if area.width < NARROW && !is_on {
            continue;
        }
        let text = format!("{} {}", shared.key(action), failure_type.name());
        let text = if is_on { format!("[{text}]") } else { format!(" {text} ") };
        x = p.text(x, area.y, area.right().saturating_sub(x), &text, if is_on { Role::On } else { Role::Faint });
    }
    x
}
