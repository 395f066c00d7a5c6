//! CSV for spreadsheets: quoted as RFC 4180 requires, and no cell can become a formula.

use crate::domain::escape;
use crate::domain::write::WriteView;

/// The columns of a list as CSV.
pub const HEADER: [&str; 17] = [
    "id",
    "state",
    "failure_type",
    "status",
    "error_code",
    "error_message",
    "correlation_id",
    "idempotency_key",
    "target",
    "method",
    "path",
    "lane",
    "failed_at",
    "captured_at",
    "occurrences",
    "attempts",
    "hazards",
];

/// Formats a write as a record of CSV, in the order of [`HEADER`], with its line end.
pub fn write(view: &WriteView) -> String {
    let write = &view.write;
    let text = |t: &Option<String>| t.clone().unwrap_or_default();
    record([
        write.id.to_string(),
        write.standing.state().name().to_owned(),
        write.failure.failure_type.name().to_owned(),
        write.failure.status.map(|s| s.to_string()).unwrap_or_default(),
        text(&write.failure.code),
        text(&write.failure.message),
        text(&write.failure.correlation_id),
        write.key.to_string(),
        write.target.clone(),
        write.method.clone(),
        write.path.to_string(),
        text(&write.lane),
        write.failed_at.map(|t| t.to_string()).unwrap_or_default(),
        write.captured_at.to_string(),
        write.occurrences.to_string(),
        write.attempts.to_string(),
        view.hazards.iter().map(|h| h.name()).collect::<Vec<_>>().join(" "),
    ])
}

/// Escapes a record for a terminal: one line, without anything that the terminal would obey.
pub fn for_terminal(record: &str) -> String {
    format!("{}\n", escape::terminal(record.trim_end_matches('\n')))
}

/// Formats a record of CSV with its line end.
pub fn record<S: AsRef<str>>(cells: impl IntoIterator<Item = S>) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let cells: Vec<String> = cells.into_iter().map(|cell| defused(cell.as_ref())).collect();
    // Writing to memory can't fail.
    let _ = writer.write_record(&cells);
    String::from_utf8(writer.into_inner().unwrap_or_default()).unwrap_or_default()
}

/// Puts an apostrophe before a cell that a spreadsheet would run as a formula, so that it is shown as text.
fn defused(cell: &str) -> String {
    let first = cell.trim_start_matches([' ', '\u{a0}']).chars().next();
    match first {
        Some('=' | '+' | '-' | '@' | '\t' | '\r' | '\n' | '＝' | '＋' | '－' | '＠') => format!("'{cell}"),
        _ => cell.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_terminal_obeys_nothing() {
        let record = super::record(["a\u{1b}]0;x\u{7}", "b\nc"]);
        assert_eq!(super::for_terminal(&record), "a\\u{1b}]0;x\\u{7},\"b\\nc\"\n");
    }

    #[test]
    fn no_cell_becomes_a_formula() {
        let cells = ["=cmd|' /C calc'!A0", "+1", "-1+2", "@SUM(A1)", "\t=1", " =1", "plain", "a,\"b\"\n"];
        assert_eq!(
            super::record(cells),
            "'=cmd|' /C calc'!A0,'+1,'-1+2,'@SUM(A1),'\t=1,' =1,plain,\"a,\"\"b\"\"\n\"\n"
        );
    }
}
