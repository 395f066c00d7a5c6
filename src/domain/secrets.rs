//! Secrets that a producer may have captured with its request: found by name and dropped at the door.

use super::json::{self, Node, Value};

/// Names of headers and settings whose values are never kept, lower-case.
const SECRET: [&str; 5] = ["authorization", "proxy-authorization", "cookie", "set-cookie", "x-amz-security-token"];

/// Ends of such names, whatever a vendor puts before them.
const SECRET_ENDS: [&str; 7] =
    ["api-key", "api_key", "apikey", "subscription-key", "access-key", "auth-token", "-token"];

/// What stands where a secret stood.
pub const REMOVED: &str = "(removed)";

/// Whether a header's value is never kept.
pub fn is_secret(name: &str) -> bool {
    let name = name.trim().to_ascii_lowercase();
    SECRET.contains(&name.as_str()) || SECRET_ENDS.iter().any(|end| name.ends_with(end))
}

/// A captured line without its secrets. In JSON those of every `headers` member are blanked, whatever its form; a line
/// that can't be parsed is searched for the names themselves.
pub fn scrub_line(line: &[u8]) -> Vec<u8> {
    let mut cuts = Vec::new();
    match json::scan_within(line, json::MAX_DEPTH + 8) {
        Ok(node) => find_headers(&node, &mut |inner| cuts.push(inner)),
        Err(_) => return scrub_bytes(line),
    }
    if cuts.is_empty() {
        return line.to_vec();
    }
    let mut out = Vec::with_capacity(line.len());
    let mut from = 0;
    for cut in cuts {
        // Each cut is a slice of the line itself.
        let start = cut.as_ptr() as usize - line.as_ptr() as usize;
        out.extend_from_slice(&line[from..start]);
        out.extend_from_slice(b"\"");
        out.extend_from_slice(REMOVED.as_bytes());
        out.extend_from_slice(b"\"");
        from = start + cut.len();
    }
    out.extend_from_slice(&line[from..]);
    out
}

/// Looks for headers everywhere but inside what is data: a body or a record keeps its fields.
fn find_headers<'a>(node: &Node<'a>, cut: &mut impl FnMut(&'a [u8])) {
    for item in node.items().unwrap_or_default() {
        find_headers(item, cut);
    }
    for (name, value) in node.fields() {
        let name = name.to_text().to_ascii_lowercase();
        match name.as_str() {
            "headers" => secret_values(value, cut),
            "body" | "record" | "records" => {}
            _ if is_secret(&name) => cut(value.raw),
            _ => find_headers(value, cut),
        }
    }
}

fn secret_values<'a>(headers: &Node<'a>, cut: &mut impl FnMut(&'a [u8])) {
    for (name, value) in headers.fields() {
        if is_secret(&name.to_text()) {
            cut(value.raw);
        }
    }
    for item in headers.items().unwrap_or_default() {
        // ["Name", "value"] or {"name": "Name", "value": "value"}
        if let Some([name, rest @ ..]) = item.items()
            && name.text().is_some_and(|n| is_secret(&n))
        {
            for value in rest {
                cut(value.raw);
            }
        }
        if item.get("name").or_else(|| item.get("key")).and_then(Node::text).is_some_and(|n| is_secret(&n))
            && let Some(value) = item.get("value")
        {
            cut(value.raw);
        }
    }
    if let Value::String(_) = headers.value
        && scrub_bytes(headers.raw) != headers.raw
    {
        cut(headers.raw);
    }
}

/// Blanks what follows a secret name in bytes of any kind: up to the closing quote, or to the end of the line.
pub fn scrub_bytes(line: &[u8]) -> Vec<u8> {
    let lower = line.to_ascii_lowercase();
    let mut out = Vec::with_capacity(line.len());
    let mut at = 0;
    while at < line.len() {
        let Some(end) = secret_name_at(&lower, at) else {
            out.push(line[at]);
            at += 1;
            continue;
        };
        let value = skip_separator(line, end);
        out.extend_from_slice(&line[at..value]);
        if value > end {
            let stop = value_end(line, value);
            if stop > value {
                out.extend_from_slice(REMOVED.as_bytes());
            }
            at = stop;
        } else {
            at = value;
        }
    }
    out
}

/// The end of the secret name that begins at `at` (not in the middle of a longer word).
fn secret_name_at(lower: &[u8], at: usize) -> Option<usize> {
    let inside_word = |b: &u8| b.is_ascii_alphanumeric() || *b == b'-' || *b == b'_';
    let follows_word = at > 0 && inside_word(&lower[at - 1]) && !(at > 1 && lower[at - 2] == b'\\');
    if follows_word || !lower[at].is_ascii_alphabetic() {
        return None;
    }
    let end = lower[at..].iter().position(|b| !inside_word(b)).map_or(lower.len(), |len| at + len);
    std::str::from_utf8(&lower[at..end]).is_ok_and(is_secret).then_some(end)
}

/// Past quotes, white space, one `:`, `=` or `,`, and an opening bracket. The same position if there is no separator.
fn skip_separator(line: &[u8], end: usize) -> usize {
    let loose = |b: u8| matches!(b, b'"' | b'\'' | b'\\' | b' ' | b'\t' | b'[');
    let mut at = end;
    while line.get(at).copied().is_some_and(loose) {
        at += 1;
    }
    if !matches!(line.get(at), Some(b':' | b'=' | b',')) {
        return end;
    }
    at += 1;
    while line.get(at).copied().is_some_and(loose) {
        at += 1;
    }
    at
}

/// Where the value ends. One that was opened with `[` ends at `]`; a quoted one at its quote; another at the line's end.
fn value_end(line: &[u8], value: usize) -> usize {
    let before = &line[..value];
    let list = before.iter().rev().take_while(|b| matches!(b, b'"' | b'\'' | b'\\' | b' ' | b'[')).any(|&b| b == b'[');
    let rest = &line[value..];
    let is_end = |n: usize| {
        if list {
            return rest[n] == b']';
        }
        match rest[n] {
            b'"' | b'\'' | b'\n' | b'\r' => true,
            b'\\' => matches!(rest.get(n + 1), Some(b'n' | b'r' | b'"' | b'\'')),
            _ => false,
        }
    };
    (0..rest.len()).find(|&n| is_end(n)).map_or(line.len(), |n| value + n)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scrubbed(line: &str) -> String {
        String::from_utf8(scrub_line(line.as_bytes())).unwrap()
    }

    #[test]
    fn secrets_of_json_headers_are_blanked_in_every_form() {
        for line in [
            r#"{"headers":{"AUTHORIZATION":"Bearer s3cret","X":"y"},"body":1}"#,
            r#"{"request":{"headers":{"Cookie":["s3cret=1","b"]}}}"#,
            r#"{"headers":[["x-api-key","s3cret"],["X","y"]]}"#,
            r#"{"headers":[{"name":"Authorization","value":"s3cret"}]}"#,
            r#"{"headers":"Authorization: Bearer s3cret\r\nX: y"}"#,
            r#"{"response":{"headers":{"Set-Cookie":"s3cret"}},"authorization":"s3cret"}"#,
            r#"[{"request":{"headers":{"X-Goog-Api-Key":"s3cret"}}}]"#,
            r#"{"log":{"entries":[{"request":{"headers":[{"name":"Authorization","value":"s3cret"}]}}]}}"#,
        ] {
            let clean = scrubbed(line);
            assert!(!clean.contains("s3cret") && clean.contains(REMOVED), "{clean}");
            assert!(json::scan(clean.as_bytes()).is_ok(), "{clean}");
        }
    }

    #[test]
    fn a_body_keeps_its_fields() {
        let line = r#"{"body":{"record":{"authorization":"signed","cookie":"oat"}}}"#;
        assert_eq!(scrubbed(line), line);
    }

    #[test]
    fn lines_that_do_not_parse_are_searched_by_name() {
        for line in [
            r#"{"headers":{"Authorization":"Bearer s3cret","body":{"a":"#,
            r#"{"headers":{"authorization": ["Bearer s3cret", "s3cret"], "x":"#,
            "POST / HTTP/1.1\\r\\nauthorization: Bearer s3cret\\r\\nx: y",
            "curl -H 'X-Api-Key: s3cret' oops",
            r#"{"log":"{\"Authorization\":\"Bearer s3cret\"}"#,
            r#"[["cookie","s3cret"]"#,
            "{\"headers\":{\"Authorization\":\"Bearer s3cret",
        ] {
            let clean = scrubbed(line);
            assert!(!clean.contains("s3cret") && clean.contains(REMOVED), "{clean}");
            assert_eq!(scrubbed(&clean), clean, "scrubbed once is scrubbed for good");
        }
        assert_eq!(scrubbed("x-cookies: plain, not authorization"), "x-cookies: plain, not authorization");
    }
}
