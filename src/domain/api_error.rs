//! The API's error envelope, read from whatever bytes came back.

use super::json::{self, Node};

/// An error as the API reported it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ApiError {
    /// The machine-readable code.
    pub code: String,
    /// The message for people.
    pub message: String,
    /// `details` as JSON text; its shape differs by error.
    pub details: Option<String>,
}

impl ApiError {
    /// Reads `{"success": false, "error": {"code", "message", "details"}}`. HTML, empty, truncated and non-UTF-8
    /// bodies, and JSON without a string in `error.code`, have no envelope.
    pub fn from_body(body: &[u8]) -> Option<Self> {
        if body.is_empty() {
            return None;
        }
        Self::from_envelope(&json::scan(body).ok()?)
    }

    /// Reads the envelope from a value that was already scanned.
    pub fn from_envelope(envelope: &Node<'_>) -> Option<Self> {
        Self::from_error(envelope.get("error")?)
    }

    /// Reads the inner object: `{"code", "message", "details"}`.
    pub fn from_error(error: &Node<'_>) -> Option<Self> {
        let code = error.get("code")?.text()?;
        if code.is_empty() {
            return None;
        }
        Some(Self {
            code: code.into_owned(),
            message: error.get("message").and_then(Node::text).unwrap_or_default().into_owned(),
            details: error.get_present("details").map(|d| d.raw_text().to_owned()),
        })
    }
}

/// Returns a line to show for a body without an envelope: the title of an HTML page, or the start of the text.
pub fn summary_of(body: &[u8]) -> String {
    const MOST: usize = 200;
    let text = String::from_utf8_lossy(&body[..body.len().min(4096)]);
    let lower = text.to_ascii_lowercase();
    let title = lower.find("<title>").and_then(|start| {
        let start = start + "<title>".len();
        lower[start..].find("</title>").map(|len| text[start..start + len].to_owned())
    });
    let text = title.unwrap_or_else(|| text.into_owned());
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if text.chars().count() > MOST { text.chars().take(MOST).chain(['…']).collect() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn envelopes_are_read_and_other_bodies_have_none() {
        let body = br#"{"success":false,"error":{"code":"C","message":"records[2].email: bad","details":{"path":"records[2].email","value":1e2}}}"#;
        let error = ApiError::from_body(body).unwrap();
        assert_eq!(error.code, "C");
        assert_eq!(error.message, "records[2].email: bad");
        assert_eq!(error.details.as_deref(), Some(r#"{"path":"records[2].email","value":1e2}"#));
        for body in [&b""[..], b"<html>", b"{", b"{\"error\":\"x\"}", b"{\"error\":{\"code\":5}}", b"\xff"] {
            assert_eq!(ApiError::from_body(body), None);
        }
    }

    #[test]
    fn a_page_is_summed_up_by_its_title() {
        assert_eq!(summary_of(b"<html><head><TITLE>502 Bad\n Gateway</TITLE></head>"), "502 Bad Gateway");
        assert_eq!(summary_of(b"upstream \xff gone"), "upstream \u{fffd} gone");
    }
}
