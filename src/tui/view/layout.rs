//! Areas of the screen, computed from its size and what is shown. Drawing, scrolling and the mouse all use them.

use ratatui::layout::Rect;

use crate::tui::actions::Zone;
use crate::tui::app::App;

/// The areas of the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    /// Target, counts and histogram.
    pub header: Rect,
    /// The names of the screens.
    pub tabs: Rect,
    /// Chips and filter line; empty where there is none.
    pub filter: Rect,
    /// The error in the filter; empty if there is none.
    pub error: Rect,
    /// The titles of the columns.
    pub head: Rect,
    /// The rows of the list.
    pub list: Rect,
    /// The line between list and detail; empty where there is none.
    pub divider: Rect,
    /// The detail; empty where there is none.
    pub detail: Rect,
    /// Everything between the tabs and the guide or footer.
    pub body: Rect,
    /// The demo's guide; empty where there is none.
    pub guide: Rect,
    /// Keys and their actions.
    pub footer: Rect,
}

/// Smallest usable width and height.
pub const LEAST: (u16, u16) = (40, 10);
/// Width from which list and detail stand side by side.
const WIDE: u16 = 120;

impl Layout {
    /// Returns true if list and detail fit side by side.
    pub fn is_wide(width: u16) -> bool {
        width >= WIDE
    }

    /// Returns true if the screen is too small to draw on.
    pub fn is_too_small(size: (u16, u16)) -> bool {
        size.0 < LEAST.0 || size.1 < LEAST.1
    }

    /// Computes the layout of what is shown now.
    pub fn of(app: &App) -> Self {
        let (width, height) = app.size;
        let mut rest = Rect::new(0, 0, width, height);
        let header = take(&mut rest, header_height(height));
        let tabs = take(&mut rest, 1);
        let footer = take_bottom(&mut rest, 1);
        let guide = if app.guide.is_some() {
            take_bottom(&mut rest, if height < 16 { 1 } else { 3 })
        } else {
            take(&mut rest, 0)
        };
        let body = rest;
        let has_list = matches!(app.place(), Zone::Groups | Zone::Writes | Zone::Runs) || app.place() == Zone::Detail;
        let has_filter = has_list && app.base() == Zone::Writes;
        let filter = take(&mut rest, u16::from(has_filter));
        let error = take(&mut rest, if has_filter && app.filter.error.is_some() { 3 } else { 0 });
        let (mut divider, mut detail) = (Rect::default(), Rect::default());
        if app.shows_detail() && Self::is_wide(width) {
            let list_width = u16::try_from(u32::from(width) * u32::from(app.share) / 100).unwrap_or(width);
            detail = Rect { x: rest.x + list_width + 2, width: rest.width - list_width - 2, ..rest };
            divider = Rect { x: rest.x + list_width, width: 1, ..rest };
            rest.width = list_width;
        } else if app.place() == Zone::Detail {
            detail = body;
        }
        let head = take(&mut rest, 1);
        Self { header, tabs, filter, error, head, list: rest, divider, detail, body, guide, footer }
    }

    /// Returns the number of visible rows of the list.
    pub fn rows(&self) -> usize {
        self.list.height.max(1).into()
    }

    /// Returns the number of visible lines of a screen without a list.
    pub fn body_rows(&self) -> usize {
        self.body.height.max(1).into()
    }

    /// Returns the number of visible lines of a detail's tab, below its title and the tabs.
    pub fn detail_rows(&self) -> usize {
        self.detail.height.saturating_sub(2).max(1).into()
    }
}

/// Returns the number of lines of the header.
fn header_height(height: u16) -> u16 {
    match height {
        0..14 => 1,
        14..22 => 2,
        22..34 => 3,
        _ => 5,
    }
}

fn take(rest: &mut Rect, height: u16) -> Rect {
    let height = height.min(rest.height);
    let taken = Rect { height, ..*rest };
    rest.y += height;
    rest.height -= height;
    taken
}

fn take_bottom(rest: &mut Rect, height: u16) -> Rect {
    let height = height.min(rest.height);
    rest.height -= height;
    Rect { y: rest.y + rest.height, height, ..*rest }
}
