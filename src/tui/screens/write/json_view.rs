//! JSON for display: one line per value, foldable, with the fields that an error names marked. A body may have millions of
//! bytes: each line is kept as a place in it, and becomes text only when it is drawn.

use std::collections::BTreeSet;

use bytes::Bytes;

use super::escapes::decoded;
use super::layout::{self, Kind, NO_INDEX, Place};
use crate::render::marks::{Marks, join};
use crate::tui::theme::Role;

/// Values nested deeper than this are folded at first, except around a named one.
const DEEP: usize = 12;

/// A line on the screen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Nesting depth; 0 for the root.
    pub depth: usize,
    /// Pieces of its text, each with its role.
    pub pieces: Vec<(Role, String)>,
    /// True if the error names it.
    pub is_named: bool,
}

/// A body, laid out in lines.
#[derive(Debug, Default)]
pub struct JsonView {
    body: Bytes,
    places: Vec<Place>,
    /// The lines that are not inside a folded value, by number.
    visible: Vec<u32>,
    /// The lines whose value is folded.
    folded: BTreeSet<u32>,
    /// True if strings are shown with their escapes.
    pub is_raw: bool,
}

impl JsonView {
    /// Lays out a body, with the fields that an error names marked.
    pub fn new(body: Bytes, marks: &Marks) -> Self {
        let places = layout::places(&body, marks);
        let mut view = Self { body, places, ..Self::default() };
        view.fold_deep();
        view.show();
        view
    }

    /// Returns the number of visible lines.
    pub fn len(&self) -> usize {
        self.visible.len()
    }

    /// Returns the number of records, if the body is a batch.
    pub fn records(&self) -> Option<usize> {
        let is_records = |place: &&Place| place.depth == 1 && self.name(place) == "records";
        let records = self.places.iter().find(is_records)?;
        match records.kind {
            Kind::Open { len, .. } if self.text(records.value) == "[" => Some(len as usize),
            _ => None,
        }
    }

    /// Folds or unfolds the value at a visible line.
    pub fn fold(&mut self, line: usize) {
        let Some(&n) = self.visible.get(line) else { return };
        if matches!(self.places[n as usize].kind, Kind::Open { .. }) {
            if !self.folded.remove(&n) {
                self.folded.insert(n);
            }
            self.show();
        }
    }

    /// Folds the values two levels below the root and the records of a batch, or unfolds all if any is folded.
    pub fn fold_all(&mut self) {
        if self.folded.is_empty() {
            let is_inner = |place: &Place| matches!(place.kind, Kind::Open { .. }) && place.depth == 1;
            let inner = (0u32..).zip(&self.places).filter(|(_, place)| is_inner(place));
            self.folded = inner.map(|(n, _)| n).collect();
        } else {
            self.folded.clear();
        }
        self.show();
    }

    /// Returns the first visible line that the error names.
    pub fn named_line(&self) -> Option<usize> {
        let named = self.places.iter().position(|place| place.is_named)?;
        self.visible.iter().position(|&n| n as usize == named)
    }

    /// Returns the path of the value at a visible line: `records[2].email`.
    pub fn path(&self, line: usize) -> Option<String> {
        let mut n = *self.visible.get(line)? as usize;
        if self.places[n].kind == Kind::Close {
            n = self.places[n].parent as usize;
        }
        let mut steps = Vec::new();
        while self.places[n].parent as usize != n {
            steps.push(n);
            n = self.places[n].parent as usize;
        }
        let step = |path: String, n: usize| {
            let place = &self.places[n];
            if place.index == NO_INDEX { join(&path, &self.name(place)) } else { format!("{path}[{}]", place.index) }
        };
        Some(steps.into_iter().rev().fold(String::new(), step))
    }

    /// Returns the value at a visible line, as it stands in the body.
    pub fn value(&self, line: usize) -> Option<String> {
        let mut place = &self.places[*self.visible.get(line)? as usize];
        if place.kind == Kind::Close {
            place = &self.places[place.parent as usize];
        }
        let end = match place.kind {
            Kind::Open { close, .. } => self.places[close as usize].value.1,
            _ => place.value.1,
        };
        Some(self.text((place.value.0, end)).into_owned())
    }

    /// Finds a text from a visible line on, ignoring case, and around the end. Values in which it is found are unfolded.
    /// Returns the visible line.
    pub fn find(&mut self, text: &str, from: usize, forward: bool, skips_first: bool) -> Option<usize> {
        let wanted = text.to_lowercase();
        let len = self.places.len();
        let start = self.visible.get(from).map_or(0, |&n| n as usize);
        let steps = usize::from(skips_first)..len + usize::from(skips_first);
        let found = steps
            .map(|step| if forward { (start + step) % len } else { (start + len - step % len) % len })
            .find(|&n| self.contains(&self.places[n], &wanted))?;
        self.unfold_around(found);
        self.visible.iter().position(|&n| n as usize == found)
    }

    /// Returns a visible line.
    pub fn line(&self, line: usize) -> Option<Line> {
        let n = *self.visible.get(line)?;
        let place = &self.places[n as usize];
        let mut pieces = Vec::new();
        if place.index != NO_INDEX {
            pieces.push((Role::Faint, format!("[{}] ", place.index)));
        }
        if place.name.1 > place.name.0 {
            let role = if place.is_named { Role::Named } else { Role::JsonName };
            self.string(&mut pieces, role, place.name);
            pieces.push((Role::Text, ": ".to_owned()));
        }
        match place.kind {
            Kind::Open { close, len } if self.folded.contains(&n) => {
                let close = &self.places[close as usize];
                pieces.push((Role::Text, self.text(place.value).into_owned()));
                let values = if len == 1 { " 1 value ".to_owned() } else { format!(" {len} values ") };
                pieces.push((Role::Faint, values));
                pieces.push((Role::Text, self.text(close.value).into_owned()));
                if close.has_comma {
                    pieces.push((Role::Text, ",".to_owned()));
                }
            }
            Kind::String => self.string(&mut pieces, role(place, Role::JsonString), place.value),
            Kind::Other => pieces.push((role(place, Role::JsonValue), self.text(place.value).into_owned())),
            Kind::Open { .. } | Kind::Close | Kind::Text => {
                pieces.push((Role::Text, self.text(place.value).into_owned()));
            }
        }
        if place.has_comma && !matches!(place.kind, Kind::Open { .. }) {
            pieces.push((Role::Text, ",".to_owned()));
        }
        let is_named = place.is_named && place.kind != Kind::Close;
        Some(Line { depth: place.depth.into(), pieces, is_named })
    }

    /// Adds a string: decoded, with a mark if an escape was, or as it stands.
    fn string(&self, pieces: &mut Vec<(Role, String)>, role: Role, place: (u32, u32)) {
        let raw = self.text(place);
        match decoded(&raw).filter(|_| !self.is_raw) {
            Some(text) => {
                pieces.push((role, text));
                pieces.push((Role::Faint, r" <\u>".to_owned()));
            }
            None => pieces.push((role, raw.into_owned())),
        }
    }

    fn name(&self, place: &Place) -> String {
        let raw = self.text(place.name);
        let name = decoded(&raw).unwrap_or_else(|| raw.into_owned());
        name.trim_matches('"').to_owned()
    }

    fn text(&self, (start, end): (u32, u32)) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(self.body.get(start as usize..end as usize).unwrap_or_default())
    }

    fn contains(&self, place: &Place, wanted: &str) -> bool {
        let has = |part: (u32, u32)| {
            let raw = self.text(part);
            let is_raw = raw.to_lowercase().contains(wanted);
            is_raw || raw.contains("\\u") && decoded(&raw).is_some_and(|text| text.to_lowercase().contains(wanted))
        };
        place.kind != Kind::Close && (has(place.value) || has(place.name))
    }

    /// Folds what is nested deeply, except around a named value.
    fn fold_deep(&mut self) {
        let is_deep = |place: &Place| matches!(place.kind, Kind::Open { .. }) && usize::from(place.depth) == DEEP;
        let deep: BTreeSet<u32> = (0u32..).zip(&self.places).filter(|(_, p)| is_deep(p)).map(|(n, _)| n).collect();
        self.folded = deep;
        if let Some(named) = self.places.iter().position(|place| place.is_named) {
            self.unfold_around(named);
        }
    }

    fn unfold_around(&mut self, line: usize) {
        let (mut n, mut is_changed) = (line, false);
        while self.places[n].parent as usize != n {
            n = self.places[n].parent as usize;
            is_changed |= u32::try_from(n).is_ok_and(|n| self.folded.remove(&n));
        }
        if is_changed {
            self.show();
        }
    }

    /// Collects the lines outside folded values.
    fn show(&mut self) {
        self.visible.clear();
        let mut n = 0u32;
        while let Some(place) = self.places.get(n as usize) {
            self.visible.push(n);
            n = match place.kind {
                Kind::Open { close, .. } if self.folded.contains(&n) => close + 1,
                _ => n + 1,
            };
        }
    }
}

fn role(place: &Place, role: Role) -> Role {
    if place.is_named { Role::Named } else { role }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(body: &str, marks: &Marks) -> JsonView {
        JsonView::new(body.to_owned().into(), marks)
    }

    fn text(view: &JsonView) -> Vec<String> {
        let line = |line: Line| {
            let text: String = line.pieces.iter().map(|(_, text)| text.as_str()).collect();
            format!("{}{text}{}", "  ".repeat(line.depth), if line.is_named { " <" } else { "" })
        };
        (0..view.len()).filter_map(|n| view.line(n)).map(line).collect()
    }

    #[test]
    fn values_fold_and_the_named_one_is_marked() {
        let marks = Marks { field: Some("record.email".into()), records: vec![] };
        let mut view = view(r#"{"record":{"email":"x","tags":[1,2]},"k":null}"#, &marks);
        assert_eq!(view.named_line(), Some(2));
        assert_eq!(text(&view)[..4], ["{", "  \"record\": {", "    \"email\": \"x\", <", "    \"tags\": ["]);
        view.fold(3);
        assert_eq!(text(&view)[3], "    \"tags\": [ 2 values ]");
        view.fold(3);
        view.fold_all();
        assert_eq!(text(&view), ["{", "  \"record\": { 2 values },", "  \"k\": null", "}"]);
        view.fold_all();
        assert_eq!(view.len(), 10);
        assert_eq!(text(&self::view("no json\nat all", &Marks::default())), ["no json", "at all"]);
        assert_eq!(text(&self::view("", &Marks::default())), Vec::<String>::new());
        assert_eq!(text(&self::view("[]", &Marks::default())), ["[]"]);
    }

    #[test]
    fn items_have_their_place_and_lines_their_path_and_value() {
        let view = view(r#"{"records":[{"email":"a"},{"email":"b","tags":["x"]}]}"#, &Marks::default());
        assert_eq!(text(&view)[5], "    [1] {");
        let at = |n| (view.path(n).unwrap(), view.value(n).unwrap());
        assert_eq!(at(6), ("records[1].email".into(), "\"b\"".into()));
        assert_eq!(at(8), ("records[1].tags[0]".into(), "\"x\"".into()));
        assert_eq!(at(9), ("records[1].tags".into(), "[\"x\"]".into()), "the line that closes it");
        assert_eq!(view.path(0).as_deref(), Some(""));
    }

    #[test]
    fn escapes_are_decoded_where_that_deceives_nobody() {
        let body = r#"{"na\u006de":"Zo\u00eb \ud83d\ude00","b":"\u202e\u001b \\u00eb \ud83d","c":"a\"b"}"#;
        let mut view = view(body, &Marks::default());
        let lines = text(&view);
        assert_eq!(lines[1], r#"  "name" <\u>: "Zoë 😀" <\u>,"#);
        assert_eq!(lines[2], r#"  "b": "\u202e\u001b \\u00eb \ud83d","#);
        assert_eq!(lines[3], r#"  "c": "a\"b""#);
        view.is_raw = true;
        assert_eq!(text(&view)[1], r#"  "na\u006de": "Zo\u00eb \ud83d\ude00","#);
        view.is_raw = false;
        assert_eq!(view.find("zoë", 0, true, true), Some(1));
        assert_eq!(view.path(1).as_deref(), Some("name"));
    }

    #[test]
    fn a_search_goes_around_and_opens_what_is_folded() {
        let mut view = view(r#"{"a":{"x":"One"},"b":{"x":"two"},"c":"one"}"#, &Marks::default());
        view.fold_all();
        assert_eq!(view.find("ONE", 0, true, true), Some(2));
        assert_eq!(view.find("one", 2, true, true), Some(5), "b is still folded");
        assert_eq!(view.find("one", 5, true, true), Some(2));
        assert_eq!(view.find("one", 2, false, true), Some(5));
        assert_eq!(view.find("none", 0, true, true), None);
    }

    #[test]
    fn deep_values_are_folded_unless_the_error_names_one() {
        let deep = format!("{}1{}", "{\"a\":".repeat(40), "}".repeat(40));
        assert_eq!(view(&deep, &Marks::default()).len(), 2 * 12 + 1);
        let field = Some(["a"; 40].join("."));
        let view = view(&deep, &Marks { field, records: Vec::new() });
        assert!(view.named_line().is_some());
    }

    #[test]
    fn a_batch_opens_at_the_record_that_the_error_names() {
        let record = |n: usize| format!("{{\"email\":\"u{n}@example.org\",\"tags\":[1,2,3]}}");
        let records: Vec<String> = (0..10_000).map(record).collect();
        let body = format!("{{\"records\":[{}]}}", records.join(","));
        let marks = Marks { field: Some("records[].email".into()), records: vec![7_777] };
        let view = view(&body, &marks);
        let line = view.named_line().unwrap();
        assert_eq!(view.path(line).as_deref(), Some("records[7777].email"));
        assert_eq!(view.records(), Some(10_000));
        assert_eq!(self::view(r#"{"record":{"records":[1,2]}}"#, &Marks::default()).records(), None);
        let whole = JsonView::new(body.into(), &Marks { field: None, records: vec![42] });
        assert_eq!(whole.path(whole.named_line().unwrap()).as_deref(), Some("records[42]"));
    }
}
