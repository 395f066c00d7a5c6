//! The lines of a body: one for each value, and one for the end of each object or array that isn't empty.

use super::escapes::decoded;
use crate::domain::json::{self, JsonStr, Value, Visitor};
use crate::render::marks::{Marks, join};

/// Bytes of a body for each line, at least, in most bodies.
const BYTES_OF_A_LINE: usize = 16;

/// A line as a place in the body.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    /// The name in an object, with its quotes, in bytes of the body.
    pub(super) name: (u32, u32),
    /// The value; only its first byte for an object or array, its last one for the line that closes it.
    pub(super) value: (u32, u32),
    pub(super) depth: u16,
    pub(super) kind: Kind,
    /// Place among the items of an array; `NO_INDEX` elsewhere.
    pub(super) index: u32,
    /// The line of the value around it; its own for the root.
    pub(super) parent: u32,
    pub(super) has_comma: bool,
    pub(super) is_named: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Opens an object or an array that is closed on this line, and has so many values.
    Open {
        close: u32,
        len: u32,
    },
    Close,
    String,
    Other,
    /// A line of a body that is no JSON.
    Text,
}

pub(super) const NO_INDEX: u32 = u32::MAX;

/// Lays out a body, with the fields that an error names marked.
pub(super) fn places(body: &[u8], marks: &Marks) -> Vec<Place> {
    // Room that is never touched costs nothing; growing would copy the lines over and over.
    let places = Vec::with_capacity(body.len() / BYTES_OF_A_LINE);
    let last_name = marks.field.as_deref().map(|field| field.rsplit('.').next().unwrap_or(field));
    let mut layout = Layout { body, marks, last_name, places, around: Vec::new(), name: None };
    if json::walk(body, &mut layout).is_err() {
        layout.places.clear();
        layout.text();
    }
    layout.places
}

/// The walk over a body, which makes its lines.
struct Layout<'a> {
    body: &'a [u8],
    marks: &'a Marks,
    /// The last name of the path that the error names.
    last_name: Option<&'a str>,
    places: Vec<Place>,
    /// The objects and arrays around the next value.
    around: Vec<Around<'a>>,
    /// The name of the next value, if it is in an object.
    name: Option<&'a str>,
}

/// An object or array that is not closed yet.
struct Around<'a> {
    /// Its line.
    line: u32,
    is_object: bool,
    /// Number of its values so far.
    len: u32,
    /// The name of the last one, if this is an object.
    name: Option<&'a str>,
    /// The line of the last one.
    last: u32,
}

impl<'a> Visitor<'a> for Layout<'a> {
    fn name(&mut self, name: JsonStr<'a>) {
        self.name = Some(name.raw());
    }

    fn plain(&mut self, raw: &'a [u8], value: Value<'a>) {
        let kind = if matches!(value, Value::String(_)) { Kind::String } else { Kind::Other };
        let start = raw.as_ptr() as usize - self.body.as_ptr() as usize;
        self.add((in_u32(start), in_u32(start + raw.len())), kind);
    }

    fn open(&mut self, at: usize, is_object: bool) {
        let line = self.add((in_u32(at), in_u32(at + 1)), Kind::Open { close: 0, len: 0 });
        self.around.push(Around { line, is_object, len: 0, name: None, last: line });
    }

    fn close(&mut self, end: usize) {
        let Some(Around { line, len, .. }) = self.around.pop() else { return };
        let opening = self.places[line as usize];
        if len == 0 {
            // An empty one is closed on its own line.
            self.places[line as usize] = Place { value: (opening.value.0, in_u32(end)), kind: Kind::Other, ..opening };
            return;
        }
        self.places[line as usize].kind = Kind::Open { close: in_u32(self.places.len()), len };
        self.places.push(Place {
            name: (0, 0),
            value: (in_u32(end - 1), in_u32(end)),
            kind: Kind::Close,
            index: NO_INDEX,
            parent: line,
            ..opening
        });
    }
}

impl Layout<'_> {
    /// Adds the line of a value, or of the start of one. Returns its number.
    fn add(&mut self, value: (u32, u32), kind: Kind) -> u32 {
        let here = in_u32(self.places.len());
        let name = self.name.take();
        let (mut index, mut parent) = (NO_INDEX, 0);
        if let Some(around) = self.around.last_mut() {
            if around.len > 0 {
                // The one before wasn't the last: a comma follows it, on its first line and on the one that closes it.
                self.places[around.last as usize].has_comma = true;
                self.places[here as usize - 1].has_comma = true;
            }
            if !around.is_object {
                index = around.len;
            }
            (around.name, around.last, parent) = (name, here, around.line);
            around.len += 1;
        }
        let name_place = name.map_or((0, 0), |name| {
            let start = name.as_ptr() as usize - self.body.as_ptr() as usize;
            // With the quotes around it.
            (in_u32(start - 1), in_u32(start + name.len() + 1))
        });
        let depth = u16::try_from(self.around.len()).unwrap_or(u16::MAX);
        let is_named = self.is_named(name);
        self.places.push(Place { name: name_place, value, depth, kind, index, parent, has_comma: false, is_named });
        here
    }

    /// Lays out a body that is no JSON.
    fn text(&mut self) {
        let mut start = 0;
        for line in self.body.split(|byte| *byte == b'\n') {
            let end = start + line.len();
            let n = u32::try_from(self.places.len()).unwrap_or(u32::MAX);
            let value = (u32::try_from(start).unwrap_or(0), u32::try_from(end).unwrap_or(0));
            self.places.push(Place {
                name: (0, 0),
                value,
                depth: 0,
                kind: Kind::Text,
                index: NO_INDEX,
                parent: n,
                has_comma: false,
                is_named: false,
            });
            start = end + 1;
        }
        if self.body.ends_with(b"\n") || self.body.is_empty() {
            self.places.pop();
        }
    }

    /// Returns true if the error names the value that was reached. Paths are put together only where the last name fits.
    fn is_named(&self, name: Option<&str>) -> bool {
        if self.marks.field.is_none() {
            return match self.around.as_slice() {
                [root, records] => {
                    root.name == Some("records")
                        && !records.is_object
                        && self.marks.records.contains(&(records.len as usize - 1))
                }
                _ => false,
            };
        }
        let Some(name) = name else { return false };
        let fits = self.last_name.is_some_and(|last| last == name || name.contains('\\'));
        fits && self.marks.has(&self.path_text())
    }

    fn path_text(&self) -> String {
        self.around.iter().fold(String::new(), |path, around| match around.name {
            Some(name) => join(&path, &decoded(name).unwrap_or_else(|| name.to_owned())),
            None => format!("{path}[{}]", around.len.saturating_sub(1)),
        })
    }
}

fn in_u32(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}
