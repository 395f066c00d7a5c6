//! Tables that fit the terminal: one line per row, the widest texts cut with an ellipsis, widths as displayed.

use comfy_table::{
    CellAlignment, ColumnConstraint, ContentArrangement, ContentLineStyle, Row, Table, TableStyle, Width,
};

use crate::domain::escape;

/// A column: its title, and whether it may be cut.
#[derive(Debug, Clone, Copy)]
pub enum Column {
    /// Never cut.
    Fixed(&'static str),
    /// Numbers, aligned right, never cut.
    Number(&'static str),
    /// Cut when there is no room.
    Text(&'static str),
}

impl Column {
    fn title(self) -> &'static str {
        match self {
            Self::Fixed(title) | Self::Number(title) | Self::Text(title) => title,
        }
    }
}

/// Cuts a cell to the most that can ever be shown, since the time to lay out a text grows faster than its length.
fn sane(cell: &str) -> &str {
    const MOST: usize = 1000;
    cell.char_indices().nth(MOST).map_or(cell, |(end, _)| &cell[..end])
}

/// Formats a table, at most `width` columns wide (`None`: as wide as it has to be, for pipes).
pub fn table(columns: &[Column], rows: Vec<Vec<String>>, width: Option<u16>) -> String {
    let mut table = Table::new();
    table.load_style(TableStyle::new().header_lines(ContentLineStyle::none()).content_lines(ContentLineStyle::none()));
    table.set_header(columns.iter().map(|c| c.title()).collect::<Vec<_>>());
    for cells in rows {
        let mut row = Row::from(cells.iter().map(|cell| escape::terminal(sane(cell)).into_owned()).collect::<Vec<_>>());
        row.max_height(1);
        table.add_row(row);
    }
    for (n, column) in columns.iter().enumerate() {
        let Some(shown) = table.column_mut(n) else { continue };
        shown.set_padding((0, 2));
        match column {
            Column::Fixed(_) => {
                shown.set_constraint(ColumnConstraint::ContentWidth);
            }
            Column::Number(_) => {
                shown.set_constraint(ColumnConstraint::ContentWidth);
                shown.set_cell_alignment(CellAlignment::Right);
            }
            Column::Text(_) => {
                shown.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(8)));
            }
        }
    }
    if let Some(width) = width {
        table.set_content_arrangement(ContentArrangement::Dynamic);
        table.set_width(width);
    }
    table.lines().map(|line| line.trim_end().to_owned() + "\n").collect()
}

#[cfg(test)]
mod tests {
    use unicode_width::UnicodeWidthStr;

    use super::*;

    #[test]
    fn a_table_fits_also_with_wide_and_hostile_text() {
        let columns = [Column::Number("ID"), Column::Fixed("STATE"), Column::Text("MESSAGE"), Column::Text("PATH")];
        let row = |id: &str, message: &str| {
            vec![id.to_owned(), "pending".to_owned(), message.to_owned(), "records/profiles/upsert".to_owned()]
        };
        let rows = vec![
            row("1", "東京東京東京東京東京東京東京東京東京東京 is not known here"),
            row("1000000", "a\u{1b}[2Jb\nsecond line \u{202e}right to left, which goes on for rather long"),
            row("3", ""),
        ];
        for width in [40, 80, 120] {
            let shown = table(&columns, rows.clone(), Some(width));
            assert_eq!(shown.lines().count(), 4, "{shown}");
            for line in shown.lines() {
                assert!(line.width() <= usize::from(width), "{width}: {line:?}");
                assert!(!line.chars().any(escape::is_hostile));
            }
        }
    }
}
