//! The scanner: bytes in, a tree of borrowed nodes out. Strict where `CPython` is strict, lenient where it is lenient.

use super::JsonStr;

/// The deepest nesting that has a stable key (`CPython` itself gives up a little below 1,000).
pub const MAX_DEPTH: usize = 900;

/// A value and the bytes it stood in.
#[derive(Debug, Clone, PartialEq)]
pub struct Node<'a> {
    /// The value's bytes, without the white space around them.
    pub raw: &'a [u8],
    /// The scanned value.
    pub value: Value<'a>,
}

/// A JSON value that borrows from the scanned text.
#[derive(Debug, Clone, PartialEq)]
pub enum Value<'a> {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number, by its spelling.
    Number(Number<'a>),
    /// A string.
    String(JsonStr<'a>),
    /// An array.
    Array(Vec<Node<'a>>),
    /// An object, with its pairs in the order they came, duplicates included.
    Object(Vec<(JsonStr<'a>, Node<'a>)>),
}

/// A number as it was spelled.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Number<'a> {
    /// Digits with an optional minus: exact at any length.
    Int(&'a str),
    /// With a fraction or an exponent.
    Float(&'a str),
    /// `NaN`, `Infinity` or `-Infinity`: Python writes them, JSON does not know them.
    NonFinite(&'a str),
}

/// The reason why a text is not JSON, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{kind} at byte {at}")]
pub struct ScanError {
    /// Offset in bytes from the start of the text.
    pub at: usize,
    /// The kind of error.
    pub kind: ScanErrorKind,
}

/// The kind of error in a text that is not JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ScanErrorKind {
    /// No value at all.
    #[error("the text is empty")]
    Empty,
    /// The bytes are not UTF-8.
    #[error("not UTF-8")]
    NotUtf8,
    /// A byte-order mark precedes the value.
    #[error("a byte-order mark stands before the value")]
    ByteOrderMark,
    /// Another character was needed.
    #[error("expected {0}")]
    Expected(&'static str),
    /// The text stops inside a value.
    #[error("the text ends inside a value")]
    Truncated,
    /// A string contains a raw character below U+0020.
    #[error("a raw control character in a string")]
    ControlCharacter,
    /// A backslash is followed by something that is not an escape.
    #[error("not an escape sequence")]
    BadEscape,
    /// A second value follows the first.
    #[error("something follows the value")]
    Trailing,
    /// Deeper than the limit.
    #[error("nested deeper than {0} levels")]
    TooDeep(usize),
}

/// Scans one JSON text, nested at most [`MAX_DEPTH`] levels.
pub fn scan(text: &[u8]) -> Result<Node<'_>, ScanError> {
    scan_within(text, MAX_DEPTH)
}

/// Scans one JSON text, nested at most `max_depth` levels.
pub fn scan_within(text: &[u8], max_depth: usize) -> Result<Node<'_>, ScanError> {
    let mut tree = Tree { text, open: Vec::new(), root: Node { raw: text, value: Value::Null } };
    walk_within(text, max_depth, &mut tree)?;
    Ok(tree.root)
}

/// Takes in the values of a JSON text in the order in which they stand there.
pub trait Visitor<'a> {
    /// The name of the value that comes next, which is in an object.
    fn name(&mut self, name: JsonStr<'a>);
    /// A value that is neither an object nor an array, and the bytes it stands in.
    fn plain(&mut self, raw: &'a [u8], value: Value<'a>);
    /// The start of an object or array, whose first byte is there.
    fn open(&mut self, at: usize, is_object: bool);
    /// The end of the object or array opened last; it ends before that byte.
    fn close(&mut self, end: usize);
}

/// Walks over one JSON text, nested at most [`MAX_DEPTH`] levels. On an error, the visitor has seen the values before it.
pub fn walk<'a>(text: &'a [u8], visitor: &mut impl Visitor<'a>) -> Result<(), ScanError> {
    walk_within(text, MAX_DEPTH, visitor)
}

fn walk_within<'a>(text: &'a [u8], max_depth: usize, visitor: &mut impl Visitor<'a>) -> Result<(), ScanError> {
    let text =
        std::str::from_utf8(text).map_err(|e| ScanError { at: e.valid_up_to(), kind: ScanErrorKind::NotUtf8 })?;
    if text.starts_with('\u{feff}') {
        return Err(ScanError { at: 0, kind: ScanErrorKind::ByteOrderMark });
    }
    let mut scanner = Scanner { text, at: 0, max_depth };
    scanner.skip_white();
    if scanner.at == text.len() {
        return Err(scanner.error(ScanErrorKind::Empty));
    }
    scanner.value(0, visitor)?;
    scanner.skip_white();
    if scanner.at < text.len() {
        return Err(scanner.error(ScanErrorKind::Trailing));
    }
    Ok(())
}

/// The visitor that keeps everything.
struct Tree<'a> {
    text: &'a [u8],
    /// Objects and arrays that are not closed yet, each with its first byte.
    open: Vec<(usize, Partial<'a>)>,
    root: Node<'a>,
}

enum Partial<'a> {
    Array(Vec<Node<'a>>),
    /// The pairs so far, and the name of the next one.
    Object(Vec<(JsonStr<'a>, Node<'a>)>, Option<JsonStr<'a>>),
}

impl<'a> Tree<'a> {
    fn add(&mut self, node: Node<'a>) {
        match self.open.last_mut() {
            Some((_, Partial::Array(items))) => items.push(node),
            Some((_, Partial::Object(pairs, name))) => pairs.extend(name.take().map(|name| (name, node))),
            None => self.root = node,
        }
    }
}

impl<'a> Visitor<'a> for Tree<'a> {
    fn name(&mut self, name: JsonStr<'a>) {
        if let Some((_, Partial::Object(_, next))) = self.open.last_mut() {
            *next = Some(name);
        }
    }

    fn plain(&mut self, raw: &'a [u8], value: Value<'a>) {
        self.add(Node { raw, value });
    }

    fn open(&mut self, at: usize, is_object: bool) {
        let partial = if is_object { Partial::Object(Vec::new(), None) } else { Partial::Array(Vec::new()) };
        self.open.push((at, partial));
    }

    fn close(&mut self, end: usize) {
        let Some((start, partial)) = self.open.pop() else { return };
        let value = match partial {
            Partial::Array(items) => Value::Array(items),
            Partial::Object(pairs, _) => Value::Object(pairs),
        };
        self.add(Node { raw: &self.text[start..end], value });
    }
}

struct Scanner<'a> {
    text: &'a str,
    at: usize,
    max_depth: usize,
}

impl<'a> Scanner<'a> {
    fn error(&self, kind: ScanErrorKind) -> ScanError {
        ScanError { at: self.at, kind }
    }

    fn expected(&self, what: &'static str) -> ScanError {
        self.error(if self.at >= self.text.len() { ScanErrorKind::Truncated } else { ScanErrorKind::Expected(what) })
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip_white(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn value(&mut self, depth: usize, to: &mut impl Visitor<'a>) -> Result<(), ScanError> {
        let start = self.at;
        let value = match self.peek() {
            Some(b'{') => return self.object(depth, to),
            Some(b'[') => return self.array(depth, to),
            Some(b'"') => Value::String(self.string()?),
            Some(b'-' | b'0'..=b'9' | b'N' | b'I') => Value::Number(self.number()?),
            Some(b't') => self.literal("true", Value::Bool(true))?,
            Some(b'f') => self.literal("false", Value::Bool(false))?,
            Some(b'n') => self.literal("null", Value::Null)?,
            _ => return Err(self.expected("a value")),
        };
        to.plain(&self.text.as_bytes()[start..self.at], value);
        Ok(())
    }

    fn literal(&mut self, word: &'static str, value: Value<'a>) -> Result<Value<'a>, ScanError> {
        let rest = &self.text.as_bytes()[self.at..];
        if rest.starts_with(word.as_bytes()) {
            self.at += word.len();
            return Ok(value);
        }
        let cut_short = word.as_bytes().starts_with(rest);
        Err(self.error(if cut_short { ScanErrorKind::Truncated } else { ScanErrorKind::Expected("a value") }))
    }

    fn enter(&self, depth: usize) -> Result<(), ScanError> {
        if depth >= self.max_depth { Err(self.error(ScanErrorKind::TooDeep(self.max_depth))) } else { Ok(()) }
    }

    /// Steps over the first byte of an object or array.
    fn open(&mut self, is_object: bool, depth: usize, to: &mut impl Visitor<'a>) -> Result<(), ScanError> {
        self.enter(depth)?;
        to.open(self.at, is_object);
        self.at += 1;
        self.skip_white();
        Ok(())
    }

    /// Steps over the last byte of an object or array.
    fn close(&mut self, to: &mut impl Visitor<'a>) {
        self.at += 1;
        to.close(self.at);
    }

    fn array(&mut self, depth: usize, to: &mut impl Visitor<'a>) -> Result<(), ScanError> {
        self.open(false, depth, to)?;
        if self.peek() == Some(b']') {
            self.close(to);
            return Ok(());
        }
        loop {
            self.skip_white();
            self.value(depth + 1, to)?;
            self.skip_white();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => {
                    self.close(to);
                    return Ok(());
                }
                _ => return Err(self.expected("',' or ']'")),
            }
        }
    }

    fn object(&mut self, depth: usize, to: &mut impl Visitor<'a>) -> Result<(), ScanError> {
        self.open(true, depth, to)?;
        if self.peek() == Some(b'}') {
            self.close(to);
            return Ok(());
        }
        loop {
            self.skip_white();
            if self.peek() != Some(b'"') {
                return Err(self.expected("a field name in double quotes"));
            }
            to.name(self.string()?);
            self.skip_white();
            if self.peek() != Some(b':') {
                return Err(self.expected("':'"));
            }
            self.at += 1;
            self.skip_white();
            self.value(depth + 1, to)?;
            self.skip_white();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => {
                    self.close(to);
                    return Ok(());
                }
                _ => return Err(self.expected("',' or '}'")),
            }
        }
    }

    fn string(&mut self) -> Result<JsonStr<'a>, ScanError> {
        self.at += 1;
        let start = self.at;
        let mut escaped = false;
        loop {
            match self.peek() {
                None => return Err(self.error(ScanErrorKind::Truncated)),
                Some(b'"') => {
                    let inner = &self.text[start..self.at];
                    self.at += 1;
                    return Ok(JsonStr::new(inner, escaped));
                }
                Some(b'\\') => {
                    escaped = true;
                    self.escape()?;
                }
                Some(0..=0x1f) => return Err(self.error(ScanErrorKind::ControlCharacter)),
                Some(_) => self.at += 1,
            }
        }
    }

    fn escape(&mut self) -> Result<(), ScanError> {
        let rest = &self.text.as_bytes()[self.at + 1..];
        match rest.first() {
            None => Err(self.error(ScanErrorKind::Truncated)),
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => {
                self.at += 2;
                Ok(())
            }
            Some(b'u') => match rest.get(1..5) {
                None => Err(self.error(ScanErrorKind::Truncated)),
                Some(hex) if hex.iter().all(u8::is_ascii_hexdigit) => {
                    self.at += 6;
                    Ok(())
                }
                Some(_) => Err(self.error(ScanErrorKind::BadEscape)),
            },
            Some(_) => Err(self.error(ScanErrorKind::BadEscape)),
        }
    }

    fn number(&mut self) -> Result<Number<'a>, ScanError> {
        for word in ["NaN", "Infinity", "-Infinity"] {
            if self.text[self.at..].starts_with(word) {
                self.at += word.len();
                return Ok(Number::NonFinite(word));
            }
        }
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        match self.peek() {
            Some(b'0') => self.at += 1,
            Some(b'1'..=b'9') => self.digits(),
            _ => return Err(self.expected("a value")),
        }
        let mut float = false;
        if self.peek() == Some(b'.') {
            self.at += 1;
            if !matches!(self.peek(), Some(b'0'..=b'9')) {
                return Err(self.expected("a digit"));
            }
            self.digits();
            float = true;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            if !matches!(self.peek(), Some(b'0'..=b'9')) {
                return Err(self.expected("a digit"));
            }
            self.digits();
            float = true;
        }
        let spelled = &self.text[start..self.at];
        Ok(if float { Number::Float(spelled) } else { Number::Int(spelled) })
    }

    fn digits(&mut self) {
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
    }
}

impl<'a> Node<'a> {
    /// Returns the value of a field; of duplicates the last, as Python reads them. `None` if this is not an object.
    pub fn get(&self, name: &str) -> Option<&Node<'a>> {
        self.fields().iter().rev().find(|(key, _)| key.is(name)).map(|(_, node)| node)
    }

    /// Like [`Self::get`], but a field that is `null` counts as missing.
    pub fn get_present(&self, name: &str) -> Option<&Node<'a>> {
        self.get(name).filter(|node| node.value != Value::Null)
    }

    /// Returns the pairs of an object, in order; empty for anything else.
    pub fn fields(&self) -> &[(JsonStr<'a>, Node<'a>)] {
        match &self.value {
            Value::Object(pairs) => pairs,
            _ => &[],
        }
    }

    /// Returns the items of an array; `None` for anything else.
    pub fn items(&self) -> Option<&[Node<'a>]> {
        match &self.value {
            Value::Array(items) => Some(items),
            _ => None,
        }
    }

    /// Returns true if this is an object.
    pub fn is_object(&self) -> bool {
        matches!(self.value, Value::Object(_))
    }

    /// Returns the text of a string, lone surrogates replaced; `None` for anything else.
    pub fn text(&self) -> Option<std::borrow::Cow<'a, str>> {
        match &self.value {
            Value::String(text) => Some(text.to_text()),
            _ => None,
        }
    }

    /// Returns the bytes as text; the scanner has checked that they are UTF-8.
    pub fn raw_text(&self) -> &'a str {
        std::str::from_utf8(self.raw).unwrap_or_default()
    }

    /// Returns true if it contains only numbers that JSON knows (`NaN` and `Infinity` are Python's own).
    pub fn is_strict(&self) -> bool {
        match &self.value {
            Value::Number(Number::NonFinite(_)) => false,
            Value::Array(items) => items.iter().all(Node::is_strict),
            Value::Object(pairs) => pairs.iter().all(|(_, node)| node.is_strict()),
            _ => true,
        }
    }
}
