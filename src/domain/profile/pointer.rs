//! JSON pointers (RFC 6901) into an answer, where `*` stands for every entry of an object or a list.

use crate::domain::json::{Node, Number, Value};

/// Returns the values that a pointer leads to, in their order.
pub(super) fn find<'n, 'a>(node: &'n Node<'a>, pointer: &str) -> Vec<&'n Node<'a>> {
    let mut found = vec![node];
    for token in pointer.split('/').skip(1) {
        let name = token.replace("~1", "/").replace("~0", "~");
        found = found.into_iter().flat_map(|node| step(node, &name)).collect();
    }
    found
}

fn step<'n, 'a>(node: &'n Node<'a>, name: &str) -> Vec<&'n Node<'a>> {
    match (&node.value, name) {
        (Value::Array(items), "*") => items.iter().collect(),
        (Value::Object(_), "*") => node.fields().iter().map(|(_, value)| value).collect(),
        (Value::Array(items), index) => {
            index.parse::<usize>().ok().and_then(|index| items.get(index)).into_iter().collect()
        }
        (Value::Object(_), name) => node.get(name).into_iter().collect(),
        _ => Vec::new(),
    }
}

/// Returns a value as the text that conditions and codes compare: strings as they are, numbers and booleans as written.
pub(super) fn text_of(node: &Node<'_>) -> Option<String> {
    match &node.value {
        Value::String(text) => Some(text.to_text().into_owned()),
        Value::Number(Number::Int(_) | Number::Float(_)) | Value::Bool(_) => Some(node.raw_text().to_owned()),
        _ => None,
    }
}

/// Returns true if a value says something: it isn't null, false, zero, or an empty text, list or object.
pub(super) fn is_filled(node: &Node<'_>) -> bool {
    match &node.value {
        Value::Null | Value::Bool(false) => false,
        Value::String(text) => !text.to_text().trim().is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(_) => !node.fields().is_empty(),
        Value::Number(_) => node.raw_text().parse::<f64>().is_ok_and(|number| number != 0.0),
        Value::Bool(true) => true,
    }
}

/// Checks a pointer.
pub(super) fn check(pointer: &str) -> Result<(), String> {
    if pointer.is_empty() || pointer.starts_with('/') {
        Ok(())
    } else {
        Err(format!("{pointer:?} is not a JSON pointer: it must begin with a slash"))
    }
}
