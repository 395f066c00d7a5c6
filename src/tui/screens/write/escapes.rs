//! `\u` escapes in strings of JSON, decoded for people.

use crate::domain::escape::is_hostile;

/// Returns a string of JSON with its `\u` escapes decoded, except those of characters that could deceive; `None` if there is
/// nothing to decode.
pub(super) fn decoded(raw: &str) -> Option<String> {
    if !raw.contains("\\u") {
        return None;
    }
    let (mut out, mut rest, mut is_changed) = (String::with_capacity(raw.len()), raw, false);
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let taken = match escaped(rest) {
            Some((c, len)) if !is_hostile(c) && !matches!(c, '"' | '\\') => {
                out.push(c);
                is_changed = true;
                len
            }
            // The escape and what it escapes stay: two characters, the second of which may be a backslash.
            _ => {
                let len = rest.chars().take(2).map(char::len_utf8).sum();
                out.push_str(&rest[..len]);
                len
            }
        };
        rest = &rest[taken..];
    }
    out.push_str(rest);
    is_changed.then_some(out)
}

/// Returns the character of the `\u` escape at the start of a text, and the length of the escape; of both for a pair.
fn escaped(text: &str) -> Option<(char, usize)> {
    let unit = |text: &str| u16::from_str_radix(text.strip_prefix("\\u")?.get(..4)?, 16).ok();
    let first = unit(text)?;
    let second = text.get(6..).and_then(unit);
    let units = [Some(first), second];
    let c = char::decode_utf16(units.into_iter().flatten()).next()?.ok()?;
    Some((c, if c.len_utf16() == 2 { 12 } else { 6 }))
}
