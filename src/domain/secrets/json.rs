//! Secrets in JSON: found by the names of fields, in every form in which clients log their headers.

use super::{REMOVED, Scrubber, is_secret, text};
use crate::domain::json::{self, JsonStr, Node, Value};

/// A value in the text, and the string that replaces it.
struct Cut {
    start: usize,
    end: usize,
    by: String,
}

/// Returns the text without its secrets; `None` if it is not JSON.
pub(super) fn clean(text: &[u8], scrubber: &Scrubber) -> Option<Vec<u8>> {
    let node = json::scan_within(text, json::MAX_DEPTH + 8).ok()?;
    let mut finder = Finder { text, scrubber, cuts: Vec::new() };
    finder.anything(&node);
    let mut out = Vec::with_capacity(text.len());
    let mut from = 0;
    for cut in finder.cuts {
        if cut.start >= from {
            out.extend_from_slice(&text[from..cut.start]);
            out.extend_from_slice(serde_json::to_string(&cut.by).unwrap_or_default().as_bytes());
            from = cut.end;
        }
    }
    out.extend_from_slice(&text[from..]);
    Some(out)
}

struct Finder<'a> {
    text: &'a [u8],
    scrubber: &'a Scrubber,
    cuts: Vec<Cut>,
}

impl<'a> Finder<'a> {
    /// Searches everything except what is sent again: a body or a record keeps its fields, a key its text.
    fn anything(&mut self, node: &Node<'a>) {
        match &node.value {
            Value::Object(fields) => self.object(fields),
            Value::Array(items) => self.list(items),
            Value::String(string) => self.string(node, *string),
            _ => {}
        }
    }

    fn object(&mut self, fields: &[(JsonStr<'a>, Node<'a>)]) {
        let named = |wanted: &[&str]| {
            let found = fields.iter().find(|(name, _)| wanted.contains(&name.to_text().to_ascii_lowercase().as_str()));
            found.and_then(|(_, value)| value.text())
        };
        // {"name": "Authorization", "value": "…"}
        let is_pair = named(&["name", "key", "header"]).is_some_and(|name| is_secret(&name));
        for (name, value) in fields {
            let name = name.to_text().to_ascii_lowercase();
            match name.as_str() {
                "body" | "record" | "records" | "edited_body" | "body_base64" | "edited_body_base64" => {}
                "idempotency_key" | "parent_key" | "event_id" => {}
                "value" | "values" if is_pair => self.blank(value),
                // `null` or a flag of that name is not a secret.
                _ if is_secret(&name) && !matches!(value.value, Value::Null | Value::Bool(_)) => self.blank(value),
                _ => self.anything(value),
            }
        }
    }

    fn list(&mut self, items: &[Node<'a>]) {
        let mut at = 0;
        while at < items.len() {
            // ["Authorization", "…"]: one pair or, as in Node's rawHeaders, all of them in a row.
            let is_name = items[at].text().is_some_and(|name| is_secret(&name));
            if is_name && at + 1 < items.len() {
                // In a pair, everything after the name belongs to it.
                let values = if at == 0 && items.len() % 2 == 1 { items.len() } else { at + 2 };
                items[at + 1..values].iter().for_each(|value| self.blank(value));
                at = values;
            } else {
                self.anything(&items[at]);
                at += 1;
            }
        }
    }

    fn string(&mut self, node: &Node<'a>, string: JsonStr<'a>) {
        let decoded = string.decode();
        // JSON inside a string: a whole request or response that was logged as text.
        let clean = match decoded.trim_ascii_start().first() {
            Some(b'{' | b'[') => self.scrubber.line(&decoded),
            _ => text::in_words(&text::headers(&self.scrubber.without_known(&decoded))),
        };
        if clean != *decoded {
            self.cut(node, String::from_utf8_lossy(&clean).into_owned());
        }
    }

    fn blank(&mut self, node: &Node<'a>) {
        self.cut(node, REMOVED.to_owned());
    }

    fn cut(&mut self, node: &Node<'a>, by: String) {
        // Each node is a slice of the text itself.
        let start = node.raw.as_ptr() as usize - self.text.as_ptr() as usize;
        self.cuts.push(Cut { start, end: start + node.raw.len(), by });
    }
}
