//! Fingerprints: an error message with its variables taken out, so that failures with one cause form one group.
//!
//! Taken out are UUIDs, numbers, emails, quoted values, timestamps, array indexes and whatever the details call `value`.
//! The field that a schema or validation error names stays, since it is the cause.

use super::failure_type::FailureType;
use super::json::{self, Node};

/// Returns the field that an error names, as a path without array indexes (`records[].email`), if it names one.
pub fn named_field(failure_type: FailureType, message: &str, details: Option<&str>) -> Option<String> {
    if !matches!(failure_type, FailureType::Schema | FailureType::BadData) {
        return None;
    }
    let details = details.and_then(|d| json::scan(d.as_bytes()).ok());
    let detail = |name| details.as_ref().and_then(|d| d.get(name)).and_then(Node::text);
    if let Some(path) = detail("path").or_else(|| detail("field")).filter(|p| !p.is_empty()) {
        return Some(without_indexes(&path));
    }
    let (head, rest) = message.split_once(':').unwrap_or(("", message));
    if is_path(head) && !is_plain_word(head, failure_type) {
        return Some(without_indexes(head));
    }
    subject(message)
        .or_else(|| after_field_word(message))
        .or_else(|| (failure_type == FailureType::Schema).then(|| first_quoted(message)).flatten())
        .or_else(|| (failure_type == FailureType::Schema && is_path(rest.trim())).then(|| rest.trim().to_owned()))
        .map(|path| without_indexes(&path))
}

/// Returns a message's fingerprint. Total: any text has one.
pub fn fingerprint(failure_type: FailureType, message: &str, details: Option<&str>) -> String {
    let field = named_field(failure_type, message, details);
    let parsed = details.and_then(|d| json::scan(d.as_bytes()).ok());
    let value = parsed.as_ref().and_then(|d| d.get("value")).and_then(|v| match v.text() {
        Some(text) => Some(text.into_owned()),
        None => (!v.is_object() && v.items().is_none()).then(|| v.raw_text().to_owned()),
    });
    let keeps = |text: &str| field.as_deref().is_some_and(|f| names(f, text));
    let mut out = String::with_capacity(message.len());
    let mut rest = message;
    while let Some(c) = rest.chars().next() {
        if let Some(value) = value.as_deref()
            && stands_alone(value, rest, &out)
            && !keeps(value)
        {
            out.push_str("<value>");
            rest = &rest[value.len()..];
        } else if let Some((inner, len)) = quoted(rest, out.chars().next_back()) {
            let quote_len = c.len_utf8();
            let close = rest[..len].chars().next_back().map_or(0, char::len_utf8);
            out.push_str(&rest[..quote_len]);
            if keeps(inner) {
                out.push_str(&without_indexes(inner));
            } else {
                out.push('…');
            }
            out.push_str(&rest[len - close..len]);
            rest = &rest[len..];
        } else if is_token(c) {
            let len = rest.find(|c| !is_token(c)).unwrap_or(rest.len());
            let token = rest[..len].trim_end_matches(['.', ':', '-', '+']);
            let token = if token.is_empty() { &rest[..len] } else { token };
            if keeps(token) {
                out.push_str(&without_indexes(token));
            } else {
                push_token(&mut out, token);
            }
            rest = &rest[token.len()..];
        } else {
            out.push(c);
            rest = &rest[c.len_utf8()..];
        }
    }
    out.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn is_token(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '.' | '-' | '@' | ':' | '[' | ']' | '+' | '/' | '%')
}

fn is_path(text: &str) -> bool {
    text.starts_with(|c: char| c.is_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '.' | '[' | ']' | '-' | '$'))
}

/// Returns true for a word that is not a field, such as the one that `error: …` begins with.
fn is_plain_word(text: &str, failure_type: FailureType) -> bool {
    let lower = text.to_ascii_lowercase();
    failure_type == FailureType::BadData
        && !text.contains(['.', '_', '['])
        && matches!(lower.as_str(), "error" | "invalid" | "validation" | "malformed" | "bad" | "failed" | "json")
        || matches!(lower.as_str(), "error" | "schema" | "field" | "validation")
}

/// Returns true if `text` is the field: its whole path or its last segment.
fn names(field: &str, text: &str) -> bool {
    let text = without_indexes(text);
    text == field || field.rsplit('.').next() == Some(text.as_str())
}

/// Drops the numbers of a path's array indexes: `records[].email`.
pub fn without_indexes(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    let mut rest = path;
    while let Some(open) = rest.find('[') {
        let inner = &rest[open + 1..];
        let digits = inner.bytes().take_while(u8::is_ascii_digit).count();
        out.push_str(&rest[..=open]);
        rest = if inner[digits..].starts_with(']') { &inner[digits..] } else { inner };
    }
    out + rest
}

/// Returns the subject of the sentence, if it is a field: `'phone' is a required property`, `phone must be a string`.
fn subject(message: &str) -> Option<String> {
    const SAYS: [&str; 8] =
        ["is required", "is a required", "is missing", "is not ", "is unknown", "must ", "does not exist", "cannot be"];
    const NO_FIELD: [&str; 8] = ["it", "this", "value", "data", "record", "body", "request", "token"];
    let (name, rest) = match quoted(message, None) {
        Some((inner, len)) => (inner, &message[len..]),
        None => message.split_once(' ')?,
    };
    let says = SAYS.iter().any(|says| rest.trim_start().starts_with(says));
    (says && is_path(name) && !NO_FIELD.contains(&name.to_lowercase().as_str())).then(|| name.to_owned())
}

/// Returns the field after a word for one: `field 'x'`, `property "x"`, `unknown field x`, `Field not found: x`.
fn after_field_word(message: &str) -> Option<String> {
    const WORDS: [&str; 6] = ["field", "fields", "property", "column", "attribute", "parameter"];
    const NO_FIELD: [&str; 12] =
        ["is", "are", "not", "does", "of", "in", "was", "name", "names", "value", "has", "must"];
    let plain = |word: &str| word.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase();
    let words: Vec<&str> = message.split_whitespace().collect();
    let at = words.iter().position(|w| WORDS.contains(&plain(w).as_str()))?;
    let candidate = match words.get(at + 1..)? {
        ["not", second, third, ..] if second.ends_with(':') => third,
        [next, ..] if !NO_FIELD.contains(&plain(next).as_str()) => next,
        _ => return None,
    };
    let bare = candidate.trim_matches(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '[' | ']')));
    is_path(bare).then(|| bare.to_owned())
}

fn first_quoted(message: &str) -> Option<String> {
    let mut before = None;
    for (at, c) in message.char_indices() {
        if let Some((inner, _)) = quoted(&message[at..], before) {
            return is_path(inner).then(|| inner.to_owned());
        }
        before = Some(c);
    }
    None
}

/// Returns the quoted text at the start of `rest`, and its length with the quotes. An apostrophe inside a word is
/// no quote.
fn quoted(rest: &str, before: Option<char>) -> Option<(&str, usize)> {
    let open = rest.chars().next()?;
    let close = match open {
        '"' | '`' | '\'' => open,
        '“' => '”',
        '‘' => '’',
        '«' => '»',
        _ => return None,
    };
    if open == '\'' && before.is_some_and(char::is_alphanumeric) {
        return None;
    }
    let inner_at = open.len_utf8();
    let mut escaped = false;
    for (at, c) in rest[inner_at..].char_indices() {
        let end = inner_at + at + c.len_utf8();
        let next_is_word = rest[end..].chars().next().is_some_and(char::is_alphanumeric);
        if c == close && !escaped && !(open == '\'' && next_is_word) {
            return Some((&rest[inner_at..inner_at + at], end));
        }
        escaped = c == '\\' && !escaped;
    }
    None
}

fn stands_alone(value: &str, rest: &str, before: &str) -> bool {
    !value.is_empty()
        && rest.starts_with(value)
        && !before.ends_with(char::is_alphanumeric)
        && !rest[value.len()..].starts_with(char::is_alphanumeric)
}

fn push_token(out: &mut String, token: &str) {
    if token.split('@').count() == 2 && token.split('@').all(|part| part.contains(char::is_alphanumeric)) {
        out.push_str("<email>");
    } else if is_uuid(token) {
        out.push_str("<id>");
    } else if is_time(token) {
        out.push_str("<time>");
    } else {
        let mut rest = token;
        while !rest.is_empty() {
            let len = rest.find(|c: char| !c.is_alphanumeric()).unwrap_or(rest.len());
            if len == 0 {
                let c = rest.chars().next().map_or(1, char::len_utf8);
                out.push_str(&rest[..c]);
                rest = &rest[c..];
                continue;
            }
            push_word(out, &rest[..len]);
            rest = &rest[len..];
        }
    }
}

fn push_word(out: &mut String, word: &str) {
    let has_digit = word.contains(|c: char| c.is_ascii_digit());
    let all_digits = word.bytes().all(|b| b.is_ascii_digit());
    // One in a hundred IDs of ten hexadecimal digits happens to have no letter: a number that long is an ID, too.
    let hex = word.len() >= 8 && word.bytes().all(|b| b.is_ascii_hexdigit());
    if all_digits && !hex {
        // An index stands in brackets: `[2]` and `[17]` are the same place.
        if !out.ends_with('[') {
            out.push_str("<n>");
        }
    } else if hex || (has_digit && word.len() >= 6) {
        out.push_str("<id>");
    } else if has_digit {
        let mut digits = false;
        for c in word.chars() {
            if !c.is_ascii_digit() {
                out.push(c);
            } else if !digits {
                out.push_str("<n>");
            }
            digits = c.is_ascii_digit();
        }
    } else {
        out.push_str(word);
    }
}

fn is_uuid(token: &str) -> bool {
    token.len() == 36
        && token.bytes().enumerate().all(|(n, b)| match n {
            8 | 13 | 18 | 23 => b == b'-',
            _ => b.is_ascii_hexdigit(),
        })
}

fn is_time(token: &str) -> bool {
    let bytes = token.as_bytes();
    let shape = |pattern: &str| {
        bytes.len() >= pattern.len()
            && pattern.bytes().zip(bytes).all(|(p, b)| if p == b'd' { b.is_ascii_digit() } else { p == *b })
    };
    shape("dddd-dd-dd") || shape("dd:dd:dd")
}

#[cfg(test)]
mod tests {
    use super::*;
    use FailureType::{BadData, Schema, Transient};

    fn fp(failure_type: FailureType, message: &str) -> String {
        fingerprint(failure_type, message, None)
    }

    #[test]
    fn what_varies_goes_and_the_named_field_stays() {
        for (failure_type, message, want) in [
            (
                Schema,
                "record.tier2: field does not exist in object schema",
                "record.tier2: field does not exist in object schema",
            ),
            (Schema, "Field 'tier2' does not exist in object 'profiles'", "Field 'tier2' does not exist in object '…'"),
            (Schema, "Field not found: tier2", "Field not found: tier2"),
            (Schema, "unknown property \"utm_2\"", "unknown property \"utm_2\""),
            (BadData, "records[2].email: invalid email format", "records[].email: invalid email format"),
            (BadData, "record.phone: invalid phone format 'a1b2'", "record.phone: invalid phone format '…'"),
            (
                BadData,
                "record.name: O'Brien's isn't 'O'Brien' at 12:30:01",
                "record.name: O'Brien's isn't '…' at <time>",
            ),
            (
                Transient,
                "upstream answered 503 after 1234 ms, reference 3fa9c0d1e2",
                "upstream answered <n> after <n> ms, reference <id>",
            ),
            (
                Transient,
                "upstream answered 503 after 1234 ms, reference 3059104172",
                "upstream answered <n> after <n> ms, reference <id>",
            ),
            (Transient, "request 7b12be4c-5480-eaee-6a8c-59b17908ae30 by ana@example.org", "request <id> by <email>"),
            (Transient, "timeout at 2026-01-01T00:00:00.000Z on shard-17", "timeout at <time> on shard-<n>"),
            (Transient, "evt_1NfG3kLq failed", "evt_<id> failed"),
            (BadData, "'phone1' is a required property", "'phone1' is a required property"),
            (BadData, "phone1 must be a string, got 'x17'", "phone1 must be a string, got '…'"),
            (Schema, "field tier1 does not exist", "field tier1 does not exist"),
            (Schema, "tier1 is not a field of profiles", "tier1 is not a field of profiles"),
            (BadData, "Key 'a-17' is a duplicate of row 4", "Key '…' is a duplicate of row <n>"),
            (Transient, "", ""),
        ] {
            assert_eq!(fp(failure_type, message), want);
        }
    }

    #[test]
    fn details_name_the_field_and_the_value() {
        let details = r#"{"path":"records[7].email","value":"not-an-email"}"#;
        assert_eq!(named_field(BadData, "bad", Some(details)).as_deref(), Some("records[].email"));
        assert_eq!(
            fingerprint(BadData, "records[7].email: invalid email format: not-an-email", Some(details)),
            "records[].email: invalid email format: <value>"
        );
        let field = r#"{"field":"loyalty2"}"#;
        assert_eq!(fingerprint(Schema, "'loyalty2' of 'x9'", Some(field)), "'loyalty2' of '…'");
    }

    proptest::proptest! {
        #[test]
        fn any_text_has_a_fingerprint(message in "\\PC{0,80}", details in proptest::option::of("\\PC{0,20}")) {
            for failure_type in FailureType::ALL {
                fingerprint(failure_type, &message, details.as_deref());
            }
        }
    }
}
