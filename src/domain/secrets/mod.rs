//! Secrets that a producer may have captured with its request, or that an API repeats in its answer: blanked on arrival,
//! by their names and by the values that this process knows. Bodies and keys, which are sent again, are never changed.

mod json;
mod text;

use std::borrow::Cow;

use super::evidence::Headers;

/// Names of headers and settings whose values are never kept, in lower case.
const SECRET: [&str; 12] = [
    "authorization",
    "proxy-authorization",
    "cookie",
    "set-cookie",
    "x-amz-security-token",
    "token",
    "access_token",
    "refresh_token",
    "password",
    "client_secret",
    "secret",
    "x-auth",
];

/// Endings of such names, whatever a vendor puts before them.
const SECRET_ENDS: [&str; 10] = [
    "api-key",
    "api_key",
    "apikey",
    "subscription-key",
    "access-key",
    "auth-token",
    "-token",
    "_token",
    "-secret",
    "_secret",
];

/// The text that replaces a secret.
pub const REMOVED: &str = "(removed)";

/// The shortest known value that is looked for, in bytes: shorter ones would be found everywhere.
const SHORTEST_KNOWN: usize = 12;

/// Returns true if a header's or setting's value is never kept.
pub fn is_secret(name: &str) -> bool {
    let spelled = name.trim();
    let name = spelled.to_ascii_lowercase();
    SECRET.contains(&name.as_str())
        || SECRET_ENDS.iter().any(|end| name.ends_with(end))
        // accessToken, clientSecret
        || ["Token", "Secret", "Password", "ApiKey"].iter().any(|end| spelled.ends_with(end))
        || ["accesstoken", "refreshtoken", "clientsecret", "authtoken", "x-amz-signature"].contains(&name.as_str())
}

/// Blanks secrets in incoming data.
#[derive(Clone, Default)]
pub struct Scrubber {
    known: Vec<Vec<u8>>,
}

impl std::fmt::Debug for Scrubber {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Scrubber({} known values)", self.known.len())
    }
}

impl Scrubber {
    /// Returns the same scrubber, which finds this value, too.
    #[must_use]
    pub fn with(&self, value: String) -> Self {
        let mut known = self.known.clone();
        known.extend(Self::new([value]).known);
        Self { known }
    }

    /// Creates a scrubber that also finds these values, wherever they occur: tokens of 12 characters or more.
    pub fn new(known: impl IntoIterator<Item = String>) -> Self {
        let mut all = Vec::new();
        for value in known.into_iter().filter(|value| value.len() >= SHORTEST_KNOWN) {
            // Some JSON writers escape these.
            for (plain, escaped) in
                [("/", "\\/"), ("+", "\\u002b"), ("+", "\\u002B"), ("=", "\\u003d"), ("=", "\\u003D")]
            {
                if value.contains(plain) {
                    all.push(value.replace(plain, escaped).into_bytes());
                }
            }
            all.push(value.into_bytes());
        }
        Self { known: all }
    }

    /// Cleans a captured line: by the names of its fields if it is JSON, by the names in its text otherwise.
    pub fn line(&self, line: &[u8]) -> Vec<u8> {
        json::clean(line, self).unwrap_or_else(|| self.bytes(line))
    }

    /// Cleans JSON text, such as an error's details.
    pub fn json(&self, json: &str) -> String {
        String::from_utf8_lossy(&self.line(json.as_bytes())).into_owned()
    }

    /// Cleans a text for people: a message, a correlation ID, a network error.
    pub fn text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let clean = text::in_words(&self.without_known(text.as_bytes()));
        if clean == text.as_bytes() {
            return Cow::Borrowed(text);
        }
        Cow::Owned(String::from_utf8_lossy(&clean).into_owned())
    }

    /// Cleans an answer's body, which stays as it came except for the values that this process knows.
    pub fn body<'a>(&self, body: &'a [u8]) -> Cow<'a, [u8]> {
        self.without_known(body)
    }

    /// Cleans a body that broke off; a known value that is cut at its end is blanked, too.
    pub fn cut_body(&self, body: &[u8]) -> Vec<u8> {
        let mut clean = self.without_known(body).into_owned();
        let cut = self.known.iter().filter_map(|value| {
            let shortest = SHORTEST_KNOWN / 2;
            (shortest..value.len()).rev().find(|&n| clean.ends_with(&value[..n]))
        });
        if let Some(n) = cut.max() {
            clean.truncate(clean.len() - n);
            clean.extend_from_slice(REMOVED.as_bytes());
        }
        clean
    }

    /// Cleans an answer's headers: secret ones are left out, the values that this process knows are blanked, and so are
    /// logins and keys in URLs. All others stay as they came.
    pub fn headers(&self, headers: &Headers) -> Headers {
        let mut kept = Headers::default();
        for (name, value) in headers.iter().filter(|(name, _)| !is_secret(name)) {
            if value.contains("://") {
                kept.push(name, &self.text(value));
            } else {
                kept.push(name, &String::from_utf8_lossy(&self.without_known(value.as_bytes())));
            }
        }
        kept
    }

    /// Returns true if a path contains a secret. Such a path can't be kept, since it would be sent again.
    pub fn is_in_path(&self, path: &str) -> bool {
        self.text(path) != path
    }

    /// Cleans bytes of any kind.
    fn bytes(&self, bytes: &[u8]) -> Vec<u8> {
        text::in_words(&text::by_name(&self.without_known(bytes)))
    }

    fn without_known<'a>(&self, bytes: &'a [u8]) -> Cow<'a, [u8]> {
        let mut bytes = Cow::Borrowed(bytes);
        for value in &self.known {
            if memchr::memmem::find(&bytes, value).is_some() {
                let mut out = Vec::with_capacity(bytes.len());
                let mut from = 0;
                for at in memchr::memmem::find_iter(&bytes, value) {
                    out.extend_from_slice(&bytes[from..at]);
                    out.extend_from_slice(REMOVED.as_bytes());
                    from = at + value.len();
                }
                out.extend_from_slice(&bytes[from..]);
                bytes = Cow::Owned(out);
            }
        }
        bytes
    }
}

#[cfg(test)]
mod tests;
