//! Edits: the text for an editor, and the check of what comes back.

use crate::domain::json::{self, ScanError};

/// The result of an edit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing was changed.
    Same,
    /// The new body.
    Changed(Vec<u8>),
}

/// The reason why an edited text can't be a body.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// It is no longer JSON.
    #[error("line {line}, column {column}: {why}")]
    NotJson {
        /// The line, from 1.
        line: usize,
        /// The column in characters, from 1.
        column: usize,
        /// The error at that place.
        why: String,
    },
    /// Python reads it, but JSON has no such number.
    #[error("NaN and Infinity are not JSON")]
    NotStrict,
    /// Nothing is left.
    #[error("there is nothing left of it; to give the write up, discard it")]
    Empty,
}

/// Returns the text for the editor: JSON with one value per line, anything else as it is; `None` if
/// it is not text.
pub fn for_editor(body: &[u8]) -> Option<String> {
    match json::scan(body) {
        Ok(node) => Some(json::indented(&node) + "\n"),
        Err(_) => std::str::from_utf8(body).ok().map(str::to_owned),
    }
}

/// Turns saved text into a body. A body that was JSON must stay JSON; whitespace between its values
/// is dropped, everything else is kept byte for byte.
pub fn check(before: &[u8], saved: &str) -> Result<Outcome, EditError> {
    if for_editor(before).is_some_and(|text| text == saved) {
        return Ok(Outcome::Same);
    }
    if saved.trim().is_empty() {
        return Err(EditError::Empty);
    }
    let Ok(old) = json::scan(before) else {
        // Editors add a line break at the end of a file, even if there was none.
        let text = if before.ends_with(b"\n") { saved } else { saved.strip_suffix('\n').unwrap_or(saved) };
        return Ok(if text.as_bytes() == before { Outcome::Same } else { Outcome::Changed(text.as_bytes().to_vec()) });
    };
    let new = json::scan(saved.as_bytes()).map_err(|why| not_json(saved, why))?;
    if !new.is_strict() {
        return Err(EditError::NotStrict);
    }
    let body = json::compact(&new);
    Ok(if json::compact(&old) == body { Outcome::Same } else { Outcome::Changed(body.into_bytes()) })
}

fn not_json(text: &str, error: ScanError) -> EditError {
    let at = (0..=error.at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    let before = &text[..at];
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
    EditError::NotJson { line, column, why: error.kind.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edit_keeps_all_but_what_was_edited() {
        let before = br#"{"record": {"total": 19.90, "id": "\u00e9"}, "n": 1e2}"#;
        let text = for_editor(before).unwrap();
        assert_eq!(check(before, &text), Ok(Outcome::Same));
        assert_eq!(check(before, &text.replace("  ", "    ")), Ok(Outcome::Same), "white space alone is no edit");
        let edited = text.replace("19.90", "20.00");
        assert_eq!(
            check(before, &edited),
            Ok(Outcome::Changed(br#"{"record":{"total":20.00,"id":"\u00e9"},"n":1e2}"#.to_vec()))
        );
    }

    #[test]
    fn what_can_not_be_sent_is_refused_with_its_place() {
        let before = b"{\"a\":1}";
        let error = check(before, "{\n  \"a\": 1,\n  \"b\" 2\n}").unwrap_err().to_string();
        assert!(error.starts_with("line 3, column 7: "), "{error}");
        assert_eq!(check(before, " \n"), Err(EditError::Empty));
        assert_eq!(check(before, "{\"a\": NaN}"), Err(EditError::NotStrict));
        assert_eq!(check(b"plain", "plainer"), Ok(Outcome::Changed(b"plainer".to_vec())));
        assert_eq!(check(b"plain", "plain\n"), Ok(Outcome::Same));
        assert_eq!(for_editor(b"\xff"), None);
    }
}
