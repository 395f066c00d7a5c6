//! Endpoints: the path that a write goes to, relative to the target's base URL.

use url::Url;

/// The origin of a write's path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndpointOrigin {
    /// The line or `ingest --endpoint` named it.
    Given,
    /// The target's config named it.
    Config,
    /// Nothing named it: the guide's own is assumed. Such a write is not sent.
    Assumed,
}

impl EndpointOrigin {
    /// Returns the name used everywhere.
    pub fn name(self) -> &'static str {
        match self {
            Self::Given => "given",
            Self::Config => "config",
            Self::Assumed => "assumed",
        }
    }

    /// Parses its name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Given, Self::Config, Self::Assumed].into_iter().find(|o| o.name() == name)
    }
}

/// The guide's own endpoint, kept (and refused) for failures that name none.
pub const ASSUMED_PATH: &str = "records/profiles/upsert";
/// The match key of [`ASSUMED_PATH`].
pub const ASSUMED_MATCH_KEY: &str = "email";

/// A path below a base URL, such as `records/orders/append`, with its query if it had one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct EndpointPath(String);

/// The reason why a path or URL can't be an endpoint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// The path is empty.
    #[error("the path is empty")]
    Empty,
    /// The path could lead away from the base URL or confuse a server.
    #[error("the path has {0}, which could lead away from the target")]
    Unsafe(&'static str),
    /// A whole URL, without a base URL to cut it to a path.
    #[error("an absolute URL can't be cut to a path without the target's base URL: give --base-url")]
    NeedsBase,
    /// A URL that is not below the base URL.
    #[error("the URL is not below the target's base URL {0}")]
    Elsewhere(String),
    /// Not a URL.
    #[error("not a URL: {0}")]
    NotUrl(String),
}

impl EndpointPath {
    /// Parses a relative path, an absolute path or a whole URL; the last two are cut to what is below `base`.
    pub fn parse(text: &str, base: Option<&BaseUrl>) -> Result<Self, EndpointError> {
        let text = text.trim_matches(' ');
        if text.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err(EndpointError::Unsafe("a control character or white space"));
        }
        if text.contains('\\') {
            return Err(EndpointError::Unsafe("a backslash"));
        }
        if text.contains('#') {
            return Err(EndpointError::Unsafe("a fragment"));
        }
        let plain = text.split('?').next().unwrap_or_default();
        let is_dots = |segment: &str| {
            let decoded = segment.to_ascii_lowercase().replace("%2e", ".");
            decoded == ".." || decoded == "."
        };
        if plain.split('/').any(|s| is_dots(s.split(';').next().unwrap_or_default())) {
            return Err(EndpointError::Unsafe("'.' or '..' as a segment"));
        }
        let lower = plain.to_ascii_lowercase();
        if lower.contains("%2f") || lower.contains("%5c") || lower.contains("%00") {
            return Err(EndpointError::Unsafe("an encoded slash, backslash or NUL"));
        }
        let relative = if plain.contains("://") || plain.starts_with("//") {
            let base = base.ok_or(EndpointError::NeedsBase)?;
            base.cut(text)?
        } else if let Some(absolute) = text.strip_prefix('/') {
            let under = base.and_then(|b| text.strip_prefix(b.path())).and_then(|rest| rest.strip_prefix('/'));
            under.unwrap_or(absolute).to_owned()
        } else {
            text.to_owned()
        };
        let (path, query) =
            relative.split_once('?').map_or((relative.as_str(), None), |(path, query)| (path, Some(query)));
        let path = path.trim_matches('/');
        if path.is_empty() {
            return Err(EndpointError::Empty);
        }
        if path.contains("//") {
            return Err(EndpointError::Unsafe("an empty segment"));
        }
        if path.split('/').next().is_some_and(|first| first.contains(':')) {
            return Err(EndpointError::Unsafe("a colon in its first segment"));
        }
        Ok(Self(query.map_or_else(|| path.to_owned(), |query| format!("{path}?{query}"))))
    }

    /// Wraps a path that was checked when it was stored.
    pub fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// Returns the path as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the object that it writes to: the segment before the operation (`orders` in `records/orders/append`).
    pub fn object(&self) -> &str {
        let mut segments = self.plain().rsplit('/');
        let last = segments.next().unwrap_or_default();
        segments.next().unwrap_or(last)
    }

    /// Returns the operation: the last segment (`append` in `records/orders/append`).
    pub fn operation(&self) -> &str {
        self.plain().rsplit('/').next().unwrap_or_default()
    }

    fn plain(&self) -> &str {
        self.0.split('?').next().unwrap_or_default()
    }
}

impl std::fmt::Display for EndpointPath {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Returns true if doing it twice leaves the same as once, as upserts and deletions do.
pub fn is_upsert(operation: &str) -> bool {
    matches!(operation, "upsert" | "upsert-batch" | "delete")
}

/// The URL that a target's paths are appended to: `http` or `https`, no user, query or fragment, no trailing slash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseUrl(Url);

/// The reason why a text is not a base URL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a base URL: {why}")]
pub struct BaseUrlError {
    text: String,
    why: String,
}

impl BaseUrl {
    /// Parses and normalises a base URL.
    pub fn parse(text: &str) -> Result<Self, BaseUrlError> {
        let fail = |why: &str| BaseUrlError { text: text.to_owned(), why: why.to_owned() };
        let mut url = Url::parse(text.trim()).map_err(|e| fail(&e.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(fail("it must begin with https:// or http://"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(fail("it must not hold a user or password"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(fail("it must not have a query or fragment"));
        }
        let path = url.path().trim_end_matches('/').to_owned();
        url.set_path(&path);
        Ok(Self(url))
    }

    /// Returns the normalised text.
    pub fn as_str(&self) -> &str {
        self.0.as_str().trim_end_matches('/')
    }

    /// Returns its host and port, for a reachability check.
    pub fn host_and_port(&self) -> (String, u16) {
        let host = self.0.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
        (host, self.0.port_or_known_default().unwrap_or(443))
    }

    /// Returns the whole URL of an endpoint; `None` if it would not be below this base.
    pub fn join(&self, path: &EndpointPath) -> Option<Url> {
        let url = Url::parse(&format!("{}/{}", self.as_str(), path.as_str())).ok()?;
        let below = url.path().strip_prefix(self.path()).is_some_and(|rest| rest.starts_with('/'));
        (url.origin() == self.0.origin() && below).then_some(url)
    }

    fn path(&self) -> &str {
        self.0.path().trim_end_matches('/')
    }

    fn cut(&self, text: &str) -> Result<String, EndpointError> {
        let url = Url::parse(text).map_err(|e| EndpointError::NotUrl(e.to_string()))?;
        let elsewhere = || EndpointError::Elsewhere(self.as_str().to_owned());
        if url.origin() != self.0.origin() || !url.username().is_empty() || url.password().is_some() {
            return Err(elsewhere());
        }
        let rest = url.path().strip_prefix(self.path()).and_then(|r| r.strip_prefix('/')).ok_or_else(elsewhere)?;
        Ok(url.query().map_or_else(|| rest.to_owned(), |q| format!("{rest}?{q}")))
    }
}

impl std::fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_kept_relative_to_the_base() {
        let base = BaseUrl::parse("https://api.example.org/public/v1/").unwrap();
        for text in [
            "records/orders/append",
            "/records/orders/append",
            "/public/v1/records/orders/append",
            "https://api.example.org/public/v1/records/orders/append",
            "https://API.example.org:443/public/v1/records/orders/append/",
        ] {
            let path = EndpointPath::parse(text, Some(&base)).unwrap();
            assert_eq!((path.as_str(), path.object(), path.operation()), ("records/orders/append", "orders", "append"));
            assert_eq!(base.join(&path).unwrap().as_str(), "https://api.example.org/public/v1/records/orders/append");
        }
    }

    #[test]
    fn a_query_is_kept_as_it_is() {
        for text in ["records/x/append?next=/", "records/x/append?cb=https://x/y"] {
            let path = EndpointPath::parse(text, None).unwrap();
            assert_eq!((path.as_str(), path.operation()), (text, "append"));
        }
    }

    #[test]
    fn paths_that_lead_elsewhere_are_refused() {
        let base = BaseUrl::parse("https://api.example.org/public/v1").unwrap();
        for text in [
            "",
            "/",
            "../admin",
            "records/%2e%2e/x",
            "records/..;/x",
            "a\r\nb",
            "a\\b",
            "//evil.example/x",
            "https://evil.example/public/v1/records",
            "https://api.example.org/public/v10/records",
            "https://api.example.org@evil.example/public/v1/records",
            "http://api.example.org/public/v1/records",
            "javascript:alert(1)",
            "a//b",
            "a#b",
            "records%2f..%2fx",
        ] {
            assert!(EndpointPath::parse(text, Some(&base)).is_err(), "{text:?}");
        }
        assert_eq!(EndpointPath::parse("https://api.example.org/x", None), Err(EndpointError::NeedsBase));
    }

    #[test]
    fn base_urls_are_checked() {
        for text in ["", "ftp://x", "https://u:p@x", "https://x?q=1", "records"] {
            assert!(BaseUrl::parse(text).is_err(), "{text}");
        }
        assert_eq!(BaseUrl::parse("http://127.0.0.1:80/").unwrap().as_str(), "http://127.0.0.1");
    }
}
