//! The stack of screens: a list at the bottom, and what was opened over it.

use super::goals::{Base, Next};
use super::msg::ScreenId;
use super::screen::{Cx, Screen};
use super::screens;
use super::screens::groups::GroupList;
use super::screens::runs::RunList;
use super::screens::writes::WriteList;

/// The screens, open ones and those behind them.
#[derive(Debug)]
pub struct Stack {
    /// The list of groups.
    pub groups: GroupList,
    /// The list of writes.
    pub writes: WriteList,
    /// The list of runs.
    pub runs: RunList,
    /// The list at the bottom.
    base: Base,
    /// The screens over it, the current one last.
    over: Vec<Box<dyn Screen>>,
    /// The number that the last screen was opened under.
    last_id: u32,
}

/// Numbers of the lists; those of the screens over them follow.
const LISTS: [ScreenId; 3] = [ScreenId(1), ScreenId(2), ScreenId(3)];

impl Stack {
    /// Creates the stack with the groups at its bottom.
    pub fn new() -> Self {
        Self {
            groups: GroupList::new(LISTS[0]),
            writes: WriteList::new(LISTS[1]),
            runs: RunList::new(LISTS[2]),
            base: Base::Groups,
            over: Vec::new(),
            last_id: LISTS[2].0,
        }
    }

    /// Returns the current screen.
    pub fn current(&self) -> &dyn Screen {
        self.over.last().map_or_else(|| self.bottom(), |screen| &**screen)
    }

    /// Returns the current screen, to be updated.
    pub fn current_mut(&mut self) -> &mut dyn Screen {
        match (self.over.last_mut(), self.base) {
            (Some(screen), _) => &mut **screen,
            (None, Base::Groups) => &mut self.groups,
            (None, Base::Writes) => &mut self.writes,
            (None, Base::Runs) => &mut self.runs,
        }
    }

    /// Returns all screens, those that are not shown included.
    pub fn all_mut(&mut self) -> impl Iterator<Item = &mut dyn Screen> {
        let lists: [&mut dyn Screen; 3] = [&mut self.groups, &mut self.writes, &mut self.runs];
        lists.into_iter().chain(self.over.iter_mut().map(|screen| &mut **screen as &mut dyn Screen))
    }

    /// Returns the screens over the list.
    pub fn over(&self) -> impl Iterator<Item = &dyn Screen> {
        self.over.iter().map(|screen| &**screen)
    }

    /// Returns the list at the bottom.
    pub fn base(&self) -> Base {
        self.base
    }

    /// Returns the path from the list to the current place.
    pub fn path(&self) -> Vec<&'static str> {
        self.bottom().path().into_iter().skip(1).chain(self.over().flat_map(Screen::path)).collect()
    }

    /// Shows a list, with nothing over it.
    pub fn show(&mut self, base: Base, cx: &mut Cx<'_>) {
        while self.close(cx) {}
        self.base = base;
    }

    /// Opens a screen over the current one.
    pub fn open(&mut self, next: Next, cx: &mut Cx<'_>) {
        self.last_id += 1;
        let screen = screens::open(next, ScreenId(self.last_id), cx);
        self.over.push(screen);
    }

    /// Closes the current screen. Returns false if only the list is left.
    pub fn close(&mut self, cx: &mut Cx<'_>) -> bool {
        let closed = self.over.pop();
        let is_closed = closed.is_some();
        if let Some(mut screen) = closed {
            screen.leave(cx);
        }
        is_closed
    }

    fn bottom(&self) -> &dyn Screen {
        match self.base {
            Base::Groups => &self.groups,
            Base::Writes => &self.writes,
            Base::Runs => &self.runs,
        }
    }
}
