//! The areas of the terminal around a screen. A screen divides its own area itself.

use ratatui::layout::Rect;

/// The areas of the terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame {
    /// Target, counts and histogram.
    pub header: Rect,
    /// The names of the lists, and the path to the current screen.
    pub tabs: Rect,
    /// The current screen.
    pub body: Rect,
    /// The demo's guide; empty where there is none.
    pub guide: Rect,
    /// Keys and their actions.
    pub footer: Rect,
}

/// Smallest usable width and height.
pub const LEAST: (u16, u16) = (40, 10);

impl Frame {
    /// Returns true if the terminal is too small to draw on.
    pub fn is_too_small(size: (u16, u16)) -> bool {
        size.0 < LEAST.0 || size.1 < LEAST.1
    }

    /// Divides a terminal of a size.
    pub fn of((width, height): (u16, u16), has_guide: bool) -> Self {
        let mut rest = Rect::new(0, 0, width, height);
        let header = take(&mut rest, header_height(height));
        let tabs = take(&mut rest, 1);
        let footer = take_bottom(&mut rest, 1);
        let guide = take_bottom(
            &mut rest,
            if !has_guide {
                0
            } else if height < 16 {
                1
            } else {
                3
            },
        );
        Self { header, tabs, body: rest, guide, footer }
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

/// Takes lines from the top of an area.
pub fn take(rest: &mut Rect, height: u16) -> Rect {
    let height = height.min(rest.height);
    let taken = Rect { height, ..*rest };
    rest.y += height;
    rest.height -= height;
    taken
}

/// Takes lines from the bottom of an area.
pub fn take_bottom(rest: &mut Rect, height: u16) -> Rect {
    let height = height.min(rest.height);
    rest.height -= height;
    Rect { y: rest.y + rest.height, height, ..*rest }
}

/// Returns the number of lines of an area, at least one.
pub fn lines(area: Rect) -> usize {
    area.height.max(1).into()
}
