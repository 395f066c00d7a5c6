//! SQL functions for readers, which search text and bodies as a query means it.

use rusqlite::Connection;
use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::ValueRef;

use crate::domain::filter::BodyMatch;
use crate::domain::json::{self, Node, Number, Value};

/// The separator between the names of a path into a body.
pub(super) const PATH_SEPARATOR: char = '\u{1f}';

/// Registers `text_contains(text, needle)`, `body_contains(body, needle)` and
/// `body_matches(body, path, kind, …)`.
pub(super) fn register(connection: &Connection) -> rusqlite::Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
    connection.create_scalar_function("text_contains", 2, flags, |ctx| {
        let needle: String = ctx.get(1)?;
        Ok(text_of(ctx, 0).is_some_and(|text| contains(&text, &needle)))
    })?;
    connection.create_scalar_function("body_contains", 2, flags, |ctx| {
        let needle: String = ctx.get(1)?;
        Ok(text_of(ctx, 0).is_some_and(|text| {
            // Escapes hide text, so the decoded strings are searched too.
            contains(&text, &needle)
                || (text.contains('\\')
                    && json::scan(text.as_bytes()).is_ok_and(|node| any_string(&node, &needle.to_lowercase())))
        }))
    })?;
    connection.create_scalar_function("body_matches", 5, flags, |ctx| {
        let (Ok(body), path, kind) = (ctx.get_raw(0).as_bytes(), ctx.get::<String>(1)?, ctx.get::<String>(2)?) else {
            return Ok(false);
        };
        let test = match kind.as_str() {
            "is" => BodyMatch::Is(ctx.get(3)?),
            "contains" => BodyMatch::Contains(ctx.get(3)?),
            _ => BodyMatch::Between(end(ctx.get(3)?), end(ctx.get(4)?)),
        };
        Ok(json::scan(body).is_ok_and(|node| at_path(&node, &path).is_some_and(|found| matches(found, &test))))
    })
}

/// Formats one end of a range as text, for use as a parameter.
pub(super) fn end_text(end: Option<(f64, bool)>) -> Option<String> {
    end.map(|(value, included)| format!("{}{value:?}", if included { '=' } else { '<' }))
}

fn end(text: Option<String>) -> Option<(f64, bool)> {
    let text = text?;
    Some((text.get(1..)?.parse().ok()?, text.starts_with('=')))
}

fn text_of(ctx: &Context<'_>, index: usize) -> Option<String> {
    match ctx.get_raw(index) {
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
        _ => None,
    }
}

fn contains(text: &str, needle: &str) -> bool {
    text.to_lowercase().contains(&needle.to_lowercase())
}

fn any_string(node: &Node<'_>, needle: &str) -> bool {
    match &node.value {
        Value::String(text) => text.to_text().to_lowercase().contains(needle),
        Value::Array(items) => items.iter().any(|item| any_string(item, needle)),
        Value::Object(pairs) => pairs
            .iter()
            .any(|(name, value)| name.to_text().to_lowercase().contains(needle) || any_string(value, needle)),
        _ => false,
    }
}

fn at_path<'a, 'b>(node: &'b Node<'a>, path: &str) -> Option<&'b Node<'a>> {
    path.split(PATH_SEPARATOR).try_fold(node, |node, name| match node.items() {
        Some(items) => items.get(name.parse::<usize>().ok()?),
        None => node.get(name),
    })
}

fn matches(node: &Node<'_>, test: &BodyMatch) -> bool {
    let text = node.text().map_or_else(|| node.raw_text().to_owned(), std::borrow::Cow::into_owned);
    match test {
        BodyMatch::Is(want) => text == *want,
        BodyMatch::Contains(want) => contains(&text, want),
        BodyMatch::Between(min, max) => {
            let number = match &node.value {
                Value::Number(Number::Int(spelled) | Number::Float(spelled)) => spelled.parse::<f64>().ok(),
                _ => None,
            };
            number.is_some_and(|n| {
                min.is_none_or(|(min, included)| n > min || (included && n >= min))
                    && max.is_none_or(|(max, included)| n < max || (included && n <= max))
            })
        }
    }
}
