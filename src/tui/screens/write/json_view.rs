//! JSON for display: one line per value, foldable, with the fields that an error names marked.

use std::collections::BTreeSet;

use crate::domain::json::{self, Node, Value};
use crate::render::marks::{Marks, join};
use crate::tui::theme::Role;

/// Longest body that is shown, in bytes; a note replaces a longer one.
const MOST: usize = 1 << 20;

/// A line on the screen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Nesting depth; 0 for the root.
    pub depth: usize,
    /// Pieces of its text, each with its role.
    pub pieces: Vec<(Role, String)>,
    /// The value's path, if it can be folded.
    pub fold: Option<String>,
    /// True if the error names it.
    pub is_named: bool,
}

/// A body, laid out in lines.
#[derive(Debug, Default)]
pub struct JsonView {
    /// The visible lines, as folded now.
    pub lines: Vec<Line>,
    body: Vec<u8>,
    marks: Marks,
    folded: BTreeSet<String>,
}

impl JsonView {
    /// Lays out a body, with the fields that an error names marked.
    pub fn new(body: Vec<u8>, marks: Marks) -> Self {
        let mut view = Self { body, marks, ..Self::default() };
        view.lay_out();
        view
    }

    /// Folds or unfolds the value at a line.
    pub fn fold(&mut self, line: usize) {
        let Some(path) = self.lines.get(line).and_then(|line| line.fold.clone()) else { return };
        if !self.folded.remove(&path) {
            self.folded.insert(path);
        }
        self.lay_out();
    }

    /// Folds the values one level below the root, or unfolds all if any is folded.
    pub fn fold_all(&mut self) {
        if self.folded.is_empty() {
            let inner = self.lines.iter().filter(|line| line.depth == 1);
            self.folded = inner.filter_map(|line| line.fold.clone()).collect();
        } else {
            self.folded.clear();
        }
        self.lay_out();
    }

    /// Returns the first line that the error names.
    pub fn named_line(&self) -> Option<usize> {
        self.lines.iter().position(|line| line.is_named)
    }

    fn lay_out(&mut self) {
        let text =
            |role, text: &str| Line { depth: 0, pieces: vec![(role, text.to_owned())], fold: None, is_named: false };
        if self.body.len() > MOST {
            let note = format!("{} bytes: too long to show here; it can be copied and exported", self.body.len());
            self.lines = vec![text(Role::Faint, &note)];
            return;
        }
        let mut lines = Vec::new();
        match json::scan(&self.body) {
            Ok(node) => {
                self.value(&mut lines, &node, &Spot { depth: 0, path: String::new(), name: None, comma: false });
            }
            Err(_) => {
                lines.extend(String::from_utf8_lossy(&self.body).lines().map(|line| text(Role::Text, line)));
            }
        }
        self.lines = lines;
    }

    fn value(&self, lines: &mut Vec<Line>, node: &Node<'_>, spot: &Spot) {
        let is_named = spot.name.is_some() && self.marks.has(&spot.path);
        let mut pieces = Vec::new();
        if let Some(name) = &spot.name {
            pieces.push((if is_named { Role::Named } else { Role::JsonName }, format!("\"{name}\"")));
            pieces.push((Role::Text, ": ".to_owned()));
        }
        let comma = if spot.comma { "," } else { "" };
        let (open, close, len) = match &node.value {
            Value::Array(items) if !items.is_empty() => ("[", "]", items.len()),
            Value::Object(pairs) if !pairs.is_empty() => ("{", "}", pairs.len()),
            value => {
                let role = match value {
                    _ if is_named => Role::Named,
                    Value::String(_) => Role::JsonString,
                    _ => Role::JsonValue,
                };
                pieces.push((role, node.raw_text().to_owned()));
                pieces.push((Role::Text, comma.to_owned()));
                lines.push(Line { depth: spot.depth, pieces, fold: None, is_named });
                return;
            }
        };
        let fold = Some(spot.path.clone());
        if self.folded.contains(&spot.path) {
            let items = if len == 1 { "1 value" } else { "values" };
            let count = if len == 1 { String::new() } else { format!("{len} ") };
            pieces.push((Role::Text, open.to_owned()));
            pieces.push((Role::Faint, format!(" {count}{items} ")));
            pieces.push((Role::Text, format!("{close}{comma}")));
            lines.push(Line { depth: spot.depth, pieces, fold, is_named });
            return;
        }
        pieces.push((Role::Text, open.to_owned()));
        lines.push(Line { depth: spot.depth, pieces, fold, is_named });
        let depth = spot.depth + 1;
        for (n, item) in node.items().unwrap_or_default().iter().enumerate() {
            let path = format!("{}[{n}]", spot.path);
            self.value(lines, item, &Spot { depth, path, name: None, comma: n + 1 < len });
        }
        for (n, (name, value)) in node.fields().iter().enumerate() {
            let path = join(&spot.path, &name.to_text());
            let name = Some(name.raw().to_owned());
            self.value(lines, value, &Spot { depth, path, name, comma: n + 1 < len });
        }
        let pieces = vec![(Role::Text, format!("{close}{comma}"))];
        lines.push(Line { depth: spot.depth, pieces, fold: None, is_named: false });
    }
}

/// Position of a value in the body.
struct Spot {
    depth: usize,
    path: String,
    name: Option<String>,
    comma: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(view: &JsonView) -> Vec<String> {
        let line = |line: &Line| {
            let text: String = line.pieces.iter().map(|(_, text)| text.as_str()).collect();
            format!("{}{text}{}", "  ".repeat(line.depth), if line.is_named { " <" } else { "" })
        };
        view.lines.iter().map(line).collect()
    }

    #[test]
    fn values_fold_and_the_named_one_is_marked() {
        let marks = Marks { field: Some("record.email".into()), records: vec![] };
        let mut view = JsonView::new(br#"{"record":{"email":"x","tags":[1,2]},"k":null}"#.to_vec(), marks);
        assert_eq!(view.named_line(), Some(2));
        assert_eq!(text(&view)[..4], ["{", "  \"record\": {", "    \"email\": \"x\", <", "    \"tags\": ["]);
        view.fold(3);
        assert_eq!(text(&view)[3], "    \"tags\": [ 2 values ]");
        view.fold(3);
        view.fold_all();
        assert_eq!(text(&view), ["{", "  \"record\": { 2 values },", "  \"k\": null", "}"]);
        view.fold_all();
        assert_eq!(view.lines.len(), 10);
        assert_eq!(text(&JsonView::new(b"no json\nat all".to_vec(), Marks::default())), ["no json", "at all"]);
    }
}
