//! A request as a shell command, without the token.

use crate::tui::msg::Detail;

/// Returns a `curl` command that reads the token from a shell variable.
pub fn line(detail: &Detail) -> String {
    let write = &detail.view.write;
    let base = detail.base_url.as_deref().unwrap_or("$EXPERITURE_BASE_URL").trim_end_matches('/');
    let mut parts = vec![
        format!("curl -X {}", write.method),
        format!("\"{}/{}\"", for_double_quotes(base), for_double_quotes(write.path.as_str())),
        "-H \"authorization: Bearer $EXPERITURE_API_KEY\"".to_owned(),
        format!("-H {}", quoted(&format!("idempotency-key: {}", write.key))),
    ];
    if !write.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
        parts.push("-H 'content-type: application/json'".to_owned());
    }
    parts.extend(write.headers.iter().map(|(name, value)| format!("-H {}", quoted(&format!("{name}: {value}")))));
    let body = detail.view.body.as_deref().unwrap_or_default();
    parts.push(format!("--data-raw {}", quoted(&String::from_utf8_lossy(body))));
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
