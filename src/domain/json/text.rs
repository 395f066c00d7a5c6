//! Strings of a JSON text: stored raw, decoded on demand.

use std::borrow::Cow;

/// A string as it stood between its quotes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct JsonStr<'a> {
    raw: &'a str,
    escaped: bool,
}

impl<'a> JsonStr<'a> {
    pub(super) fn new(raw: &'a str, escaped: bool) -> Self {
        Self { raw, escaped }
    }

    /// Returns the text between the quotes, escapes left as they are.
    pub fn raw(&self) -> &'a str {
        self.raw
    }

    /// Returns the decoded string in WTF-8 (UTF-8 that may contain a lone surrogate): its byte order is the order of code
    /// points, which is how Python sorts.
    pub fn decode(&self) -> Cow<'a, [u8]> {
        if !self.escaped {
            return Cow::Borrowed(self.raw.as_bytes());
        }
        let bytes = self.raw.as_bytes();
        let mut out = Vec::with_capacity(bytes.len());
        let mut at = 0;
        while at < bytes.len() {
            if bytes[at] != b'\\' {
                out.push(bytes[at]);
                at += 1;
                continue;
            }
            let plain = match bytes[at + 1] {
                b'b' => 0x08,
                b'f' => 0x0c,
                b'n' => b'\n',
                b'r' => b'\r',
                b't' => b'\t',
                b'u' => {
                    let (code, len) = code_point(&bytes[at..]);
                    push_wtf8(&mut out, code);
                    at += len;
                    continue;
                }
                other => other,
            };
            out.push(plain);
            at += 2;
        }
        Cow::Owned(out)
    }

    /// Returns the decoded string; a lone surrogate, which no Rust string can hold, becomes U+FFFD.
    pub fn to_text(self) -> Cow<'a, str> {
        match self.decode() {
            Cow::Borrowed(_) => Cow::Borrowed(self.raw),
            Cow::Owned(bytes) => Cow::Owned(match String::from_utf8(bytes) {
                Ok(text) => text,
                Err(e) => lossy(e.as_bytes()),
            }),
        }
    }

    /// Returns true if the decoded string is exactly `text`.
    pub fn is(&self, text: &str) -> bool {
        if self.escaped { self.decode() == text.as_bytes() } else { self.raw == text }
    }

    /// Returns true if it contains a lone surrogate, and so has no UTF-8 form.
    pub fn has_lone_surrogate(&self) -> bool {
        self.escaped && std::str::from_utf8(&self.decode()).is_err()
    }
}

/// Returns the code point of the `\u` escape that `bytes` begins with (two escapes when they are a surrogate pair), and its length.
fn code_point(bytes: &[u8]) -> (u32, usize) {
    let unit = |at: usize| -> Option<u32> {
        let hex = bytes.get(at..at + 6).filter(|b| b.starts_with(b"\\u"))?;
        u32::from_str_radix(std::str::from_utf8(&hex[2..]).ok()?, 16).ok()
    };
    let high = unit(0).unwrap_or(0xfffd);
    if (0xd800..0xdc00).contains(&high)
        && let Some(low) = unit(6).filter(|low| (0xdc00..0xe000).contains(low))
    {
        return (0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00), 12);
    }
    (high, 6)
}

fn push_wtf8(out: &mut Vec<u8>, code: u32) {
    if let Some(c) = char::from_u32(code) {
        out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
    } else {
        // A surrogate: always three bytes.
        let [_, _, high, low] = code.to_be_bytes();
        out.extend_from_slice(&[0xe0 | (high >> 4), 0x80 | ((high & 0x0f) << 2) | (low >> 6), 0x80 | (low & 0x3f)]);
    }
}

fn lossy(wtf8: &[u8]) -> String {
    let mut out = String::new();
    for code in code_points(wtf8) {
        out.push(char::from_u32(code).unwrap_or('\u{fffd}'));
    }
    out
}

/// Iterates over the code points of WTF-8 bytes, surrogates included.
pub(super) fn code_points(wtf8: &[u8]) -> impl Iterator<Item = u32> + '_ {
    let mut at = 0;
    std::iter::from_fn(move || {
        let first = u32::from(*wtf8.get(at)?);
        let (len, mut code) = match first {
            0..=0x7f => (1, first),
            0x80..=0xdf => (2, first & 0x1f),
            0xe0..=0xef => (3, first & 0x0f),
            _ => (4, first & 0x07),
        };
        for byte in wtf8.get(at + 1..at + len)? {
            code = (code << 6) | u32::from(byte & 0x3f);
        }
        at += len;
        Some(code)
    })
}
