//! Captured headers, in the forms in which logs keep them: an object, a list of pairs, or a list of objects.

use crate::domain::json::{Node, Value};
use crate::domain::secrets::is_secret;

/// The headers of a line: names in lower case, secret ones left out.
#[derive(Debug, Default)]
pub(super) struct Headers(Vec<(String, String)>);

impl Headers {
    pub(super) fn read(node: Option<&Node<'_>>) -> Result<Self, String> {
        let mut headers = Self::default();
        let Some(node) = node else { return Ok(headers) };
        if let Some(items) = node.items() {
            for item in items {
                match (item.items(), item.get("name").or(item.get("key")), item.get("value")) {
                    (Some([name, value]), ..) | (None, Some(name), Some(value)) => {
                        headers.add(&name.text().ok_or("headers: a name must be a string")?, value);
                    }
                    _ => return Err("headers: a list must hold pairs of name and value".to_owned()),
                }
            }
        } else if node.is_object() {
            for (name, value) in node.fields() {
                headers.add(&name.to_text(), value);
            }
        } else {
            return Err("headers: must be an object or a list of pairs".to_owned());
        }
        Ok(headers)
    }

    fn add(&mut self, name: &str, value: &Node<'_>) {
        let name = name.trim().to_ascii_lowercase();
        if is_secret(&name) {
            return;
        }
        let text = match &value.value {
            Value::Array(values) => values.first().map_or_else(String::new, scalar),
            // Some clients keep defaults by method beside the headers; those were not sent as they are.
            Value::Null | Value::Object(_) => return,
            _ => scalar(value),
        };
        self.0.push((name, text));
    }

    /// Returns all of them, as those of an answer.
    pub(super) fn all(&self) -> crate::domain::evidence::Headers {
        self.0.iter().map(|(name, value)| (name, value)).collect()
    }

    /// Returns the first value under a name.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// Keeps the headers that are sent again: Content-Type, and those that the target names.
    pub(super) fn keep(self, named: &[String]) -> Result<Vec<(String, String)>, String> {
        let mut kept = Vec::new();
        for (name, value) in self.0 {
            if name != "content-type" && !named.contains(&name) {
                continue;
            }
            if !value.bytes().all(|b| matches!(b, b' '..=b'~' | b'\t')) {
                return Err(format!("headers: the value of {name} can't go into a header"));
            }
            kept.push((name, value));
        }
        Ok(kept)
    }
}

fn scalar(node: &Node<'_>) -> String {
    node.text().map_or_else(|| node.raw_text().to_owned(), std::borrow::Cow::into_owned)
}
