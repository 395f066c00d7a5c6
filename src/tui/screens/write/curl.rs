//! A request as a shell command, without the token.

use crate::domain::target::AuthHeader;
use crate::tui::msg::Detail;

/// Returns a `curl` command that reads the token from a shell variable.
pub fn line(detail: &Detail) -> String {
    let write = &detail.view.write;
    let base = detail.base_url.as_deref().unwrap_or("$EXPERITURE_BASE_URL").trim_end_matches('/');
    let mut parts = vec![
        format!("curl -X {}", write.method),
        format!("\"{}/{}\"", for_double_quotes(base), for_double_quotes(write.path.as_str())),
    ];
    parts.extend(detail.auth.as_ref().map(|AuthHeader { header, scheme }| {
        let scheme = if scheme.is_empty() { String::new() } else { format!("{scheme} ") };
        format!("-H \"{header}: {}$EXPERITURE_API_KEY\"", for_double_quotes(&scheme))
    }));
    let header = |(name, value): &(String, String)| format!("-H {}", quoted(&format!("{name}: {value}")));
    parts.extend(detail.static_headers.iter().map(header));
    if let Some(header) = &detail.key_header {
        parts.push(format!("-H {}", quoted(&format!("{header}: {}", write.key))));
    }
    let body = detail.view.body.as_deref().unwrap_or_default();
    let is_json = body.trim_ascii_start().starts_with(b"{") || body.trim_ascii_start().starts_with(b"[");
    if is_json && !write.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
        parts.push("-H 'content-type: application/json'".to_owned());
    }
    parts.extend(write.headers.iter().map(header));
    if !body.is_empty() {
        parts.push(format!("--data-raw {}", quoted(&String::from_utf8_lossy(body))));
    }
    parts.join(" ")
}

/// Quotes a text as one shell word.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// Escapes a text for double quotes; only the variable of an unknown base URL is left as it is.
fn for_double_quotes(text: &str) -> String {
    if text == "$EXPERITURE_BASE_URL" {
        return text.to_owned();
    }
    text.chars().flat_map(|c| ['"', '\\', '$', '`'].contains(&c).then_some('\\').into_iter().chain([c])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_word_is_run() {
        assert_eq!(quoted("it's $(rm)"), "'it'\\''s $(rm)'");
        assert_eq!(for_double_quotes("a\"`$x"), "a\\\"\\`\\$x");
    }
}
