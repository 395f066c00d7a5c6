//! The columns of the list: those that fit, or those that were chosen.

use super::WriteList;
use crate::tui::columns::{WriteColumn, fitting, that_fit};
use crate::tui::dialogs::{Dialog, Item, Menu, Pick};
use crate::tui::msg::Deed;
use crate::tui::screen::{Cx, Shared};
use crate::tui::theme::Role;

/// The keys of the columns in their menu, and of the way back to those that fit.
const KEYS: [char; WriteColumn::CHOICES.len() + 1] =
    ['i', 's', 't', 'a', 'h', 'c', 'r', 'o', 'p', 'g', 'v', 'n', 'm', 'z', 'w', 'y', 'x', 'd'];

impl WriteList {
    /// Returns the columns for a list of that width, with the outcome where it is the list of a run.
    pub(super) fn columns(&self, shared: &Shared, width: u16) -> Vec<WriteColumn> {
        let mut columns = self.own_columns(shared, width);
        if !self.window.outcomes.is_empty() {
            // The message says why, and needs the room more than state and type do.
            let is_out = |column: &WriteColumn| match column {
                WriteColumn::State | WriteColumn::Type => width < 100,
                WriteColumn::Age => width < 76,
                _ => false,
            };
            if shared.setup.columns.is_none() {
                columns.retain(|column| !is_out(column));
            }
            columns.insert(columns.len().min(1), WriteColumn::Outcome);
        }
        columns
    }

    fn own_columns(&self, shared: &Shared, width: u16) -> Vec<WriteColumn> {
        if let Some(chosen) = &shared.setup.columns {
            return that_fit(chosen, width);
        }
        let mut columns = fitting(width, self.filter.is_of_one_group());
        let rows = &self.window.rows;
        if !rows.is_empty() && rows.iter().all(|view| view.window_ends.is_some()) {
            // In a list of writes that are about to lose their windows, that is the time which counts.
            for column in columns.iter_mut().filter(|column| **column == WriteColumn::Age) {
                *column = WriteColumn::Window;
            }
        }
        columns
    }

    /// Opens the menu of columns.
    pub(super) fn choose_columns(&self, cx: &mut Cx<'_>) {
        let shown = self.chosen(cx);
        let item = |(column, key): (WriteColumn, char)| {
            Item::switch(key, column.about(), Pick::Column(column), shown.contains(&column))
        };
        let mut items: Vec<Item> = WriteColumn::CHOICES.into_iter().zip(KEYS).map(item).collect();
        let [.., key] = KEYS;
        items.push(Item::new(key, "as many as fit, as without a choice", Pick::FittingColumns));
        cx.open(Dialog::Menu(Menu::new("Columns before the message, for this file", items)));
    }

    /// Shows a column, or hides it.
    pub(super) fn switch_column(&self, column: WriteColumn, cx: &mut Cx<'_>) {
        let before = self.chosen(cx);
        let is_chosen = |other: &WriteColumn| before.contains(other) != (*other == column);
        let chosen: Vec<WriteColumn> = WriteColumn::CHOICES.into_iter().filter(is_chosen).collect();
        if chosen.contains(&column) && !that_fit(&chosen, self.parts(cx.area).list.width).contains(&column) {
            cx.say(Role::Warn, format!("there is no room for {} at this width", column.about()));
        }
        remember(Some(chosen), cx);
    }

    /// Returns the columns that were chosen, or else those that are shown.
    fn chosen(&self, cx: &Cx<'_>) -> Vec<WriteColumn> {
        let shown = || self.own_columns(cx.shared, self.parts(cx.area).list.width);
        cx.shared.setup.columns.clone().unwrap_or_else(shown)
    }
}

/// Shows these columns from now on; `None` for those that fit.
pub(super) fn remember(columns: Option<Vec<WriteColumn>>, cx: &mut Cx<'_>) {
    cx.shared.setup.columns.clone_from(&columns);
    cx.deed(Deed::RememberColumns(columns));
}
