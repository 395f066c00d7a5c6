//! Secrets in text of any kind: header lines, credentials after their scheme, logins and keys in URLs.

use super::{REMOVED, is_secret};

/// Schemes of an Authorization header that are followed by one credential.
const SCHEMES: [&str; 6] = ["bearer", "basic", "token", "negotiate", "apikey", "digest"];

/// Blanks what follows a secret name in bytes that are not JSON: up to the closing quote, or to the end of the line.
pub(super) fn by_name(bytes: &[u8]) -> Vec<u8> {
    blanked(bytes, &|name, _| is_secret(name))
}

/// Blanks the values of whole header lines inside a text.
pub(super) fn headers(bytes: &[u8]) -> Vec<u8> {
    blanked(bytes, &|name, before| before != Some(b'.') && is_header(name))
}

/// Blanks credentials in a text for people, whose words may be names of fields: `record.api_key: field does not exist`
/// stays as it is.
pub(super) fn in_words(bytes: &[u8]) -> Vec<u8> {
    let lower = bytes.to_ascii_lowercase();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let Some((keep, end)) =
            login(bytes, at).or_else(|| parameter(&lower, at)).or_else(|| credential(bytes, &lower, at))
        else {
            out.push(bytes[at]);
            at += 1;
            continue;
        };
        out.extend_from_slice(&bytes[at..keep]);
        out.extend_from_slice(REMOVED.as_bytes());
        at = end;
    }
    out
}

/// Matches `://user:password@`; returns the end of what to keep, and the end of the secret.
fn login(bytes: &[u8], at: usize) -> Option<(usize, usize)> {
    let rest = bytes[at..].strip_prefix(b"://")?;
    let end = rest.iter().position(|b| b"/?# \"'<>\\\r\n\t".contains(b)).unwrap_or(rest.len());
    let sign = rest[..end].iter().rposition(|b| *b == b'@')?;
    (&rest[..sign] != REMOVED.as_bytes()).then_some((at + 3, at + 3 + sign))
}

/// Matches `?api_key=…` or `&token=…`.
fn parameter(lower: &[u8], at: usize) -> Option<(usize, usize)> {
    if !matches!(lower[at], b'?' | b'&' | b';') {
        return None;
    }
    let name_len =
        lower[at + 1..].iter().take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'%')).count();
    let name = std::str::from_utf8(&lower[at + 1..at + 1 + name_len]).ok()?.replace("%5f", "_").replace("%2d", "-");
    let name = name.as_str();
    let value = at + 2 + name_len;
    if lower.get(value - 1) != Some(&b'=')
        || !(is_secret(name) || ["sig", "auth", "key"].contains(&name) || name.ends_with("signature"))
    {
        return None;
    }
    let len = lower[value..].iter().take_while(|b| !b"&;# \"'<>\\\r\n\t".contains(b)).count();
    (len > 0 && &lower[value..value + len] != REMOVED.as_bytes()).then_some((value, value + len))
}

/// Matches `Authorization: …`, or a scheme followed by what can only be a credential.
fn credential(bytes: &[u8], lower: &[u8], at: usize) -> Option<(usize, usize)> {
    if at > 0 && (inside_word(lower[at - 1]) || lower[at - 1] == b'.') {
        return None;
    }
    if lower[at] == b'-' && at > 0 && lower[at - 1] != b' ' {
        return None;
    }
    let word_len = lower[at..].iter().take_while(|b| inside_word(**b)).count();
    let word = std::str::from_utf8(&lower[at..at + word_len]).ok().filter(|word| !word.is_empty())?;
    let after = at + word_len;
    // A JSON web token.
    if word.starts_with("eyj") {
        let len = token_len(&bytes[at..]);
        return (memchr::memchr_iter(b'.', &bytes[at..at + len]).count() >= 2).then_some((at, at + len));
    }
    // `token=…`: a setting, not a word of a sentence.
    if is_secret(word) && !is_header(word) && lower.get(after) == Some(&b'=') {
        let len = lower[after + 1..].iter().take_while(|b| !b"&;,# \"'<>\\\r\n\t".contains(b)).count();
        let value = &bytes[after + 1..after + 1 + len];
        return (len > 0 && value != REMOVED.as_bytes()).then_some((after + 1, after + 1 + len));
    }
    // `-u user:password`, as curl takes it.
    if (word == "-u" || word == "--user") && lower.get(after) == Some(&b' ') {
        let len = lower[after + 1..].iter().take_while(|b| !b" \"'\\\r\n\t".contains(b)).count();
        return lower[after + 1..after + 1 + len].contains(&b':').then_some((after + 1, after + 1 + len));
    }
    if is_header(word) && matches!(lower.get(after), Some(b':' | b'=')) {
        let value = after + 1 + lower[after + 1..].iter().take_while(|b| b.is_ascii_whitespace()).count();
        let end = header_end(bytes, lower, value);
        return (end > value && &bytes[value..end] != REMOVED.as_bytes()).then_some((value, end));
    }
    if SCHEMES.contains(&word) && matches!(lower.get(after), Some(b' ' | b':')) {
        let value = after + lower[after..].iter().take_while(|b| matches!(b, b' ' | b':')).count();
        let token = &bytes[value..value + token_len(&bytes[value..])];
        let digest = word == "digest" && lower[value..].starts_with(b"username=");
        let end = if digest { line_end(bytes, value) } else { value + token.len() };
        return (digest || is_credential(token)).then_some((value, end));
    }
    None
}

/// Returns the end of a header's value in a text: after the credential of a scheme that has one, else the end of the line.
fn header_end(bytes: &[u8], lower: &[u8], value: usize) -> usize {
    let scheme = lower[value..].iter().take_while(|b| inside_word(**b)).count();
    let known = std::str::from_utf8(&lower[value..value + scheme]).is_ok_and(|s| SCHEMES.contains(&s) && s != "digest");
    if known && lower.get(value + scheme) == Some(&b' ') {
        let from = value + scheme + lower[value + scheme..].iter().take_while(|b| **b == b' ').count();
        let end = from + token_len(&bytes[from..]);
        // `Token token="…"`: settings in quotes, to the end of the line.
        return if bytes.get(end) == Some(&b'"') { line_end(bytes, end) } else { end };
    }
    line_end(bytes, value)
}

fn line_end(bytes: &[u8], from: usize) -> usize {
    let rest = &bytes[from..];
    let is_end = |n: usize| {
        matches!(rest[n], b'\n' | b'\r') || (rest[n] == b'\\' && matches!(rest.get(n + 1), Some(b'n' | b'r')))
    };
    (0..rest.len()).find(|&n| is_end(n)).map_or(bytes.len(), |n| from + n)
}

fn token_len(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|b| b.is_ascii_alphanumeric() || b"-._~+/=:".contains(b)).count()
}

/// Returns true if a word after a scheme is a credential, unlike in `Bearer authentication` and `Bearer realm=…`.
fn is_credential(token: &[u8]) -> bool {
    let has = |test: fn(&u8) -> bool| token.iter().any(test);
    let names_a_setting = token.iter().position(|b| *b == b'=').is_some_and(|n| n + 2 < token.len());
    token.len() >= 6
        && !names_a_setting
        && (has(u8::is_ascii_digit) || (has(u8::is_ascii_uppercase) && has(u8::is_ascii_lowercase)))
}

/// Returns true for a header whose value is a secret in any text; other secret names are words, too.
fn is_header(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["authorization", "proxy-authorization", "cookie", "set-cookie"].contains(&name.as_str())
        || (name.contains('-') && is_secret(&name))
}

fn blanked(bytes: &[u8], is_name: &dyn Fn(&str, Option<u8>) -> bool) -> Vec<u8> {
    let lower = bytes.to_ascii_lowercase();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let Some(end) = name_at(&lower, at, is_name) else {
            out.push(bytes[at]);
            at += 1;
            continue;
        };
        let mut value = skip_separator(bytes, end);
        // {"name": "Authorization", "value": "…"}: the value has a name of its own, after it or before.
        if lower[value..].starts_with(b"value") {
            value = skip_separator(bytes, value + lower[value..].iter().take_while(|b| inside_word(**b)).count());
        } else {
            blank_value_before(&mut out, &lower[..at]);
        }
        out.extend_from_slice(&bytes[at..value]);
        at = value;
        if value > end {
            let stop = value_end(bytes, end, value);
            if stop > value {
                out.extend_from_slice(REMOVED.as_bytes());
            }
            at = stop;
        }
    }
    out
}

/// Blanks the value before a secret name, where `{"value": "…", "name": "` has just been copied.
fn blank_value_before(out: &mut Vec<u8>, before: &[u8]) {
    let is_named =
        [&b"\"name\":\""[..], b"\"name\": \"", b"\"key\":\"", b"\"key\": \""].iter().any(|n| before.ends_with(n));
    let Some(value) = memchr::memmem::rfind(out, b"\"value\":").filter(|_| is_named) else { return };
    let from = value + b"\"value\":".len();
    let Some(open) = out[from..].iter().position(|b| *b == b'"').map(|n| from + n + 1) else { return };
    let end = (open..out.len()).find(|&n| out[n] == b'"' && out[n - 1] != b'\\').unwrap_or(out.len());
    out.splice(open..end, REMOVED.bytes());
}

fn inside_word(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b == b'-' || b == b'_'
}

/// Returns the end of the secret name that begins at `at` (not in the middle of a longer word).
fn name_at(lower: &[u8], at: usize, is_name: &dyn Fn(&str, Option<u8>) -> bool) -> Option<usize> {
    let follows_word = at > 0 && inside_word(lower[at - 1]) && !(at > 1 && lower[at - 2] == b'\\');
    if follows_word || !lower[at].is_ascii_alphabetic() {
        return None;
    }
    let end = lower[at..].iter().position(|b| !inside_word(*b)).map_or(lower.len(), |len| at + len);
    let before = at.checked_sub(1).map(|before| lower[before]);
    std::str::from_utf8(&lower[at..end]).is_ok_and(|name| is_name(name, before)).then_some(end)
}

/// Returns the position past quotes, white space, one `:`, `=` or `,`, and an opening bracket; `end` if there is no separator.
fn skip_separator(bytes: &[u8], end: usize) -> usize {
    let loose = |b: u8| matches!(b, b'"' | b'\'' | b'\\' | b' ' | b'\t' | b'[');
    let mut at = end;
    while bytes.get(at).copied().is_some_and(loose) {
        at += 1;
    }
    if !matches!(bytes.get(at), Some(b':' | b'=' | b',')) {
        return end;
    }
    at += 1;
    while bytes.get(at).copied().is_some_and(loose) {
        at += 1;
    }
    at
}

/// Returns the end of the value. One that was opened with `[` ends at `]`; a quoted one at a quote that is escaped no deeper
/// than the one that opened it; another at the end of its line, or at a quote if none stands inside it.
fn value_end(bytes: &[u8], name_end: usize, value: usize) -> usize {
    let between = &bytes[name_end..value];
    let opening = between.iter().rposition(|b| matches!(b, b':' | b'=' | b',')).map_or(between, |n| &between[n + 1..]);
    let list = opening.contains(&b'[');
    let quote = opening.iter().rposition(|b| matches!(b, b'"' | b'\''));
    let escapes = quote.map_or(0, |n| opening[..n].iter().rev().take_while(|b| **b == b'\\').count());
    let rest = &bytes[value..];
    let has_settings = rest.windows(2).take_while(|pair| !matches!(pair[0], b'\n' | b'\r')).any(|pair| pair == b"=\"");
    let is_end = |n: usize| {
        if list {
            return rest[n] == b']';
        }
        match rest[n] {
            b'\n' | b'\r' => true,
            b'"' | b'\'' if quote.is_some() => {
                let quoted_by = opening[quote.unwrap_or(0)];
                let before = rest[..n].iter().rev().take_while(|b| **b == b'\\').count();
                rest[n] == quoted_by && before <= escapes
            }
            b'"' | b'\'' => !has_settings,
            b'\\' if quote.is_none() => match rest.get(n + 1) {
                Some(b'n' | b'r') => true,
                Some(b'"' | b'\'') => !has_settings,
                _ => false,
            },
            // The escapes of the quote that ends it.
            _ => false,
        }
    };
    let end = (0..rest.len()).find(|&n| is_end(n)).unwrap_or(rest.len());
    let escapes_of_end = rest[..end].iter().rev().take_while(|b| **b == b'\\').count();
    value + end - if quote.is_some() && end < rest.len() { escapes_of_end } else { 0 }
}
