//! An error in a query: where it is, what is wrong, what was probably meant.

use unicode_width::UnicodeWidthStr;

use crate::domain::escape;

/// The reason why a query can't be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryError {
    /// The whole query.
    pub query: String,
    /// The offset of the wrong part in the query, in bytes.
    pub at: usize,
    /// Its length in bytes.
    pub len: usize,
    /// The message about that part.
    pub message: String,
}

impl std::fmt::Display for QueryError {
    /// Writes three lines: the query, carets under the wrong part, and what is wrong.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let before = escape::terminal(&self.query[..self.at]);
        let part = escape::terminal(&self.query[self.at..self.at + self.len]);
        writeln!(f, "in the query, column {}:", self.query[..self.at].chars().count() + 1)?;
        writeln!(f, "  {}", escape::terminal(&self.query))?;
        writeln!(f, "  {}{}", " ".repeat(before.width()), "^".repeat(part.width().max(1)))?;
        write!(f, "{}", escape::terminal(&self.message))
    }
}

impl std::error::Error for QueryError {}

/// Returns `; did you mean ...?` for the closest of some names, if one is close.
pub(super) fn did_you_mean<'a>(word: &str, names: impl IntoIterator<Item = &'a str>) -> String {
    let word = word.to_lowercase();
    names
        .into_iter()
        .map(|name| (strsim::jaro_winkler(&word, name), name))
        .filter(|(likeness, _)| *likeness > 0.75)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| format!("; did you mean `{name}`?"))
        .unwrap_or_default()
}
