//! The same value in other white space: to be edited, and to be sent. The spelling of numbers and strings stays.

use super::{Node, Value};

/// Formats a value with an indent of two spaces, one value per line.
pub fn indented(node: &Node<'_>) -> String {
    let mut out = String::new();
    put(&mut out, node, Some(0));
    out
}

/// Formats a value without any white space between values.
pub fn compact(node: &Node<'_>) -> String {
    let mut out = String::new();
    put(&mut out, node, None);
    out
}

fn put(out: &mut String, node: &Node<'_>, depth: Option<usize>) {
    let inner = depth.map(|depth| depth + 1);
    let line = |out: &mut String, depth: Option<usize>| {
        if let Some(depth) = depth {
            out.push('\n');
            out.push_str(&"  ".repeat(depth));
        }
    };
    match &node.value {
        Value::Array(items) if !items.is_empty() => {
            out.push('[');
            for (n, item) in items.iter().enumerate() {
                if n > 0 {
                    out.push(',');
                }
                line(out, inner);
                put(out, item, inner);
            }
            line(out, depth);
            out.push(']');
        }
        Value::Object(pairs) if !pairs.is_empty() => {
            out.push('{');
            for (n, (name, value)) in pairs.iter().enumerate() {
                if n > 0 {
                    out.push(',');
                }
                line(out, inner);
                out.push('"');
                out.push_str(name.raw());
                out.push_str(if depth.is_some() { "\": " } else { "\":" });
                put(out, value, inner);
            }
            line(out, depth);
            out.push('}');
        }
        Value::Array(_) => out.push_str("[]"),
        Value::Object(_) => out.push_str("{}"),
        _ => out.push_str(node.raw_text()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::json::scan;

    #[test]
    fn layouts_change_white_space_only() {
        let text = br#"{"a" : [1.50, -0, {} , []],"b":{"\u0063":"x  y\n"}, "a":null}"#;
        let node = scan(text).unwrap();
        let wide = indented(&node);
        assert!(wide.starts_with("{\n  \"a\": [\n    1.50,\n    -0,\n    {},\n    []\n  ],"), "{wide}");
        let again = scan(wide.as_bytes()).unwrap();
        assert_eq!(compact(&again), r#"{"a":[1.50,-0,{},[]],"b":{"\u0063":"x  y\n"},"a":null}"#);
    }
}
