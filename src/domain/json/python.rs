//! `json.dumps`, byte for byte as `CPython` writes it: `", "` and `": "`, ASCII escapes, numbers as `repr` prints them.

use std::collections::HashMap;

use super::number::{float, float_repr, int_repr};
use super::text::code_points;
use super::{JsonStr, Node, Number, Value};

/// The reason why Python could not have written a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PythonError {
    /// An integer that `CPython` refuses to read.
    #[error("an integer of more than 4300 digits")]
    IntTooLong,
    /// A number that is not finite, where `requests` refuses one (`allow_nan=False`).
    #[error("a number that is not finite (NaN, Infinity or too large for a float)")]
    NonFinite,
}

/// Returns `json.dumps(value, sort_keys=True, ensure_ascii=True)`: the text that stable keys and identities are made from.
pub fn canonical(node: &Node<'_>) -> Result<Vec<u8>, PythonError> {
    let mut writer = Writer { out: Vec::with_capacity(node.raw.len() + 64), sort_keys: true, allow_nan: true };
    writer.value(node)?;
    Ok(writer.out)
}

/// Returns `json.dumps(value, allow_nan=False)`, as `requests` encodes its `json=` argument. Key order is kept.
pub fn dumps(node: &Node<'_>) -> Result<Vec<u8>, PythonError> {
    let mut writer = Writer { out: Vec::with_capacity(node.raw.len() + 64), sort_keys: false, allow_nan: false };
    writer.value(node)?;
    Ok(writer.out)
}

struct Writer {
    out: Vec<u8>,
    sort_keys: bool,
    allow_nan: bool,
}

impl Writer {
    fn value(&mut self, node: &Node<'_>) -> Result<(), PythonError> {
        match &node.value {
            Value::Null => self.out.extend_from_slice(b"null"),
            Value::Bool(true) => self.out.extend_from_slice(b"true"),
            Value::Bool(false) => self.out.extend_from_slice(b"false"),
            Value::Number(number) => self.number(*number)?,
            Value::String(text) => self.string(text),
            Value::Array(items) => {
                self.out.push(b'[');
                for (n, item) in items.iter().enumerate() {
                    if n > 0 {
                        self.out.extend_from_slice(b", ");
                    }
                    self.value(item)?;
                }
                self.out.push(b']');
            }
            Value::Object(pairs) => self.object(pairs)?,
        }
        Ok(())
    }

    fn object(&mut self, pairs: &[(JsonStr<'_>, Node<'_>)]) -> Result<(), PythonError> {
        // A Python dict: a repeated key keeps its first place and its last value.
        let mut places = HashMap::with_capacity(pairs.len());
        let mut unique = Vec::with_capacity(pairs.len());
        for (name, node) in pairs {
            let key = name.decode();
            if let Some(&place) = places.get(&key) {
                let entry: &mut (_, _, _) = &mut unique[place];
                readable(entry.2)?;
                entry.2 = node;
            } else {
                places.insert(key.clone(), unique.len());
                unique.push((key, name, node));
            }
        }
        if self.sort_keys {
            unique.sort_by(|a, b| a.0.cmp(&b.0));
        }
        self.out.push(b'{');
        for (n, (_, name, node)) in unique.into_iter().enumerate() {
            if n > 0 {
                self.out.extend_from_slice(b", ");
            }
            self.string(name);
            self.out.extend_from_slice(b": ");
            self.value(node)?;
        }
        self.out.push(b'}');
        Ok(())
    }

    fn number(&mut self, number: Number<'_>) -> Result<(), PythonError> {
        match number {
            Number::Int(text) => {
                let repr = int_repr(text).ok_or(PythonError::IntTooLong)?;
                self.out.extend_from_slice(repr.as_bytes());
            }
            Number::Float(text) => {
                let value = float(text);
                if value.is_finite() {
                    self.out.extend_from_slice(float_repr(value).as_bytes());
                } else {
                    self.non_finite(if value > 0.0 { "Infinity" } else { "-Infinity" })?;
                }
            }
            Number::NonFinite(word) => self.non_finite(word)?,
        }
        Ok(())
    }

    fn non_finite(&mut self, word: &str) -> Result<(), PythonError> {
        if !self.allow_nan {
            return Err(PythonError::NonFinite);
        }
        self.out.extend_from_slice(word.as_bytes());
        Ok(())
    }

    fn string(&mut self, text: &JsonStr<'_>) {
        self.out.push(b'"');
        if text.raw().bytes().all(|b| matches!(b, 0x20..=0x7e) && b != b'\\') {
            self.out.extend_from_slice(text.raw().as_bytes());
            self.out.push(b'"');
            return;
        }
        for code in code_points(&text.decode()) {
            self.character(code);
        }
        self.out.push(b'"');
    }

    fn character(&mut self, code: u32) {
        match code {
            0x22 => self.out.extend_from_slice(b"\\\""),
            0x5c => self.out.extend_from_slice(b"\\\\"),
            0x08 => self.out.extend_from_slice(b"\\b"),
            0x09 => self.out.extend_from_slice(b"\\t"),
            0x0a => self.out.extend_from_slice(b"\\n"),
            0x0c => self.out.extend_from_slice(b"\\f"),
            0x0d => self.out.extend_from_slice(b"\\r"),
            0x20..=0x7e => self.out.extend(u8::try_from(code)),
            0x1_0000.. => {
                let offset = code - 0x1_0000;
                self.unicode_escape(0xd800 + (offset >> 10));
                self.unicode_escape(0xdc00 + (offset & 0x3ff));
            }
            _ => self.unicode_escape(code),
        }
    }

    fn unicode_escape(&mut self, unit: u32) {
        self.out.extend_from_slice(format!("\\u{unit:04x}").as_bytes());
    }
}

/// Checks a value that a later duplicate of its key replaces, since Python reads that one, too.
fn readable(node: &Node<'_>) -> Result<(), PythonError> {
    match &node.value {
        Value::Number(Number::Int(text)) => int_repr(text).map(|_| ()).ok_or(PythonError::IntTooLong),
        Value::Array(items) => items.iter().try_for_each(readable),
        Value::Object(pairs) => pairs.iter().try_for_each(|(_, node)| readable(node)),
        _ => Ok(()),
    }
}
