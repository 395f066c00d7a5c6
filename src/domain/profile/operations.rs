//! Operations: what a request does to which object, and in which lane, by its method and path.

use super::condition::is_like;
use super::pointer::{find, text_of};
use crate::domain::endpoint::EndpointPath;
use crate::domain::json::{self, Node};
use crate::domain::lane::{Lane, lane_of_value, lanes_of};

/// An operation of an API.
#[derive(Debug, Clone)]
pub(super) struct Operation {
    pub(super) methods: Vec<String>,
    /// Segments of the path, each with its globs: `*` is any one, `**` any number.
    pub(super) path: Vec<Vec<String>>,
    pub(super) kind: String,
    /// The number of the segment that names the object, from 1; negative from the end.
    pub(super) object: Option<i64>,
    pub(super) lane: Option<LaneSource>,
}

/// The source of a write's lane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LaneSource {
    /// The field of the record that the body's `matchKey` names.
    MatchKey,
    /// The path: each is a lane.
    Path,
    /// A segment of the path, counted from 1; negative from the end.
    Segment(i64),
    /// A value of the body.
    Pointer(String),
    /// None: such writes are lanes of their own.
    None,
}

/// What a request does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operated {
    /// `append`, `upsert`, `delete`, or the name that the path gives it.
    pub operation: String,
    /// The object that it is done to.
    pub object: String,
    /// The source of its lane.
    pub lane: LaneSource,
}

impl Operated {
    /// Returns what the path of a request of the guide's API says.
    pub fn by_path(path: &EndpointPath) -> Self {
        Self { operation: path.operation().to_owned(), object: path.object().to_owned(), lane: LaneSource::MatchKey }
    }

    /// Returns true if operation and object are the last segments of a path.
    pub fn is_named_by(&self, path: &str) -> bool {
        let path = EndpointPath::from_stored(path.to_owned());
        self.operation == path.operation() && self.object == path.object()
    }
}

impl super::Profile {
    /// Returns what a request does.
    pub fn operated(&self, method: &str, path: &EndpointPath) -> Operated {
        let plain = path.as_str().split('?').next().unwrap_or_default();
        let segments: Vec<&str> = plain.split('/').collect();
        let fits = |operation: &&Operation| {
            operation.methods.iter().any(|one| one == method) && fits(&operation.path, &segments)
        };
        let found = self.operations.iter().find(fits);
        if found.is_none() && self.named_by_path {
            return Operated::by_path(path);
        }
        let (kind, lane) = match method {
            "PUT" => ("upsert", LaneSource::Path),
            "DELETE" => ("delete", LaneSource::Path),
            "PATCH" => ("append", LaneSource::Path),
            _ => ("append", LaneSource::None),
        };
        let object = found.and_then(|operation| segment(&segments, operation.object?));
        Operated {
            operation: found.map_or(kind, |operation| operation.kind.as_str()).to_owned(),
            object: object.unwrap_or_else(|| named(&segments)).to_owned(),
            lane: found.and_then(|operation| operation.lane.clone()).unwrap_or(lane),
        }
    }
}

impl LaneSource {
    /// Returns the lanes of a write.
    pub fn lanes(&self, target: &str, object: &str, path: &str, body: &[u8]) -> Vec<Lane> {
        let plain = path.split('?').next().unwrap_or_default();
        let quoted = |text: &str| serde_json::to_string(text).ok();
        let value = match self {
            Self::None => None,
            Self::MatchKey => {
                return json::scan(body).map(|body| lanes_of(target, object, &body)).unwrap_or_default();
            }
            Self::Path => quoted(plain),
            Self::Segment(number) => segment(&plain.split('/').collect::<Vec<_>>(), *number).and_then(quoted),
            Self::Pointer(pointer) => {
                let scanned = json::scan(body).ok();
                let found: Option<String> = scanned.as_ref().and_then(|body| pointed(body, pointer));
                found.as_deref().and_then(quoted)
            }
        };
        value.map(|value| lane_of_value(target, object, &value)).into_iter().collect()
    }

    /// Returns its name, as profiles write it.
    pub fn name(&self) -> String {
        match self {
            Self::MatchKey => "match-key".to_owned(),
            Self::Path => "path".to_owned(),
            Self::Segment(number) => format!("segment:{number}"),
            Self::Pointer(pointer) => pointer.clone(),
            Self::None => "none".to_owned(),
        }
    }

    /// Parses its name.
    pub fn parse(text: &str) -> Result<Self, String> {
        Ok(match text {
            "match-key" => Self::MatchKey,
            "path" => Self::Path,
            "none" => Self::None,
            pointer if pointer.starts_with('/') => Self::Pointer(pointer.to_owned()),
            other => match other.strip_prefix("segment:").and_then(|number| number.parse().ok()) {
                Some(number) if number != 0 => Self::Segment(number),
                _ => {
                    let known = "match-key, path, none, segment:N or a JSON pointer";
                    return Err(format!("lane {other:?} is not {known}"));
                }
            },
        })
    }
}

fn pointed(body: &Node<'_>, pointer: &str) -> Option<String> {
    find(body, pointer).into_iter().find_map(text_of).map(|text| text.trim().to_lowercase())
}

fn segment<'s>(segments: &[&'s str], number: i64) -> Option<&'s str> {
    let count = usize::try_from(number.unsigned_abs()).ok()?;
    let at = if number < 0 { segments.len().checked_sub(count)? } else { count.checked_sub(1)? };
    segments.get(at).copied()
}

/// Returns the last segment that looks like a name rather than an ID.
fn named<'s>(segments: &[&'s str]) -> &'s str {
    let is_name = |segment: &&&str| !segment.bytes().any(|b| b.is_ascii_digit()) && segment.len() < 40;
    let last = segments.iter().rev().find(is_name).or(segments.last()).copied().unwrap_or_default();
    last.strip_suffix(".json").unwrap_or(last)
}

fn fits(pattern: &[Vec<String>], segments: &[&str]) -> bool {
    match (pattern.first(), segments.first()) {
        (None, None) => true,
        (Some(any), _) if any == &["**"] => {
            (0..=segments.len()).any(|skipped| fits(&pattern[1..], &segments[skipped..]))
        }
        (Some(globs), Some(segment)) => {
            globs.iter().any(|glob| is_like(glob, segment)) && fits(&pattern[1..], &segments[1..])
        }
        _ => false,
    }
}
