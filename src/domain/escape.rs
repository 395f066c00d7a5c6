//! Text from outside, made harmless for terminals and for JSON lines.
//!
//! Hostile characters are C0 and C1 controls, ESC, bidirectional and zero-width characters and tags: all that Unicode calls
//! control, format, line separator or paragraph separator.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Returns true if a character can change how the text around it is shown while staying invisible.
pub fn is_hostile(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{890}'..='\u{891}' | '\u{8e2}'
            | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{110bd}' | '\u{110cd}' | '\u{13430}'..='\u{1343f}'
            | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e007f}')
}

/// Escapes a text for a terminal: hostile characters become `\n`, `\t`, `\r` or `\u{…}`.
pub fn terminal(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_hostile) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_hostile(c) { out.extend(c.escape_default()) } else { out.push(c) }
    }
    Cow::Owned(out)
}

/// Escapes a line of JSON: DEL and hostile characters outside ASCII (which occur only in strings) become `\u` escapes.
pub fn json_line(line: String) -> String {
    let hostile = |c: char| c >= '\u{7f}' && is_hostile(c);
    if !line.chars().any(hostile) {
        return line;
    }
    let mut out = String::with_capacity(line.len() + 16);
    for c in line.chars() {
        if hostile(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(out, "\\u{unit:04x}");
            }
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_text_is_shown_and_not_obeyed() {
        assert_eq!(
            terminal("a\u{1b}[31m\r\n\u{202e}b\u{e0041}\u{9b}"),
            "a\\u{1b}[31m\\r\\n\\u{202e}b\\u{e0041}\\u{9b}"
        );
        assert_eq!(terminal("Zoë 東京 🎉"), "Zoë 東京 🎉");
    }

    #[test]
    fn json_lines_stay_the_same_value() {
        let line = json_line("{\"a\":\"x\u{202e}\u{e0041}\u{7f}é\"}".to_owned());
        assert_eq!(line, "{\"a\":\"x\\u202e\\udb40\\udc41\\u007fé\"}");
        let value: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(value["a"], "x\u{202e}\u{e0041}\u{7f}é");
    }
}
