//! Lanes: writes to the same record, which must stay in order.

use std::collections::HashSet;

use sha2::{Digest, Sha256};

use super::ids::WriteId;
use super::json::{self, JsonStr, Node, Value};
use super::state::State;
use super::time::Timestamp;

/// A lane: target, object and the value of the match key.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Lane {
    /// The object and the value, as shown: `profiles:"ana@example.org"`.
    pub name: String,
    /// The lane's ID in the store: 64 bits of SHA-256 over target, object and value. If two lanes ever shared it, they
    /// would only wait for each other.
    pub hash: i64,
}

/// A write's place in the order: by time, then by arrival. A part of a batch takes the place of its batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Turn {
    /// The time of the first attempt, else of the failure, else of arrival.
    pub at: Timestamp,
    /// The ID that stands for its arrival: its own, or that of the first batch that it was split from.
    pub arrival: WriteId,
    /// Its own ID.
    pub id: WriteId,
}

/// The newer write of a lane that the API has, whose values an older one would overwrite.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Superseder {
    /// This write of the queue.
    Write(WriteId),
    /// A write that its producer got accepted at this time.
    Success(Timestamp),
}

/// Another write of the same lane.
#[derive(Debug, Clone, Copy)]
pub struct Neighbour {
    /// Its ID.
    pub id: WriteId,
    /// Its state.
    pub state: State,
    /// True if it comes before the write.
    pub older: bool,
}

/// Returns the lanes of a body: one for a record, one per record of a batch, none without a match key (such a write is a
/// lane of its own).
pub fn lanes_of(target: &str, object: &str, body: &Node<'_>) -> Vec<Lane> {
    let Some(match_key) = body.get("matchKey").and_then(Node::text) else { return Vec::new() };
    let records: Vec<&Node<'_>> = match (body.get("record"), body.get("records").and_then(Node::items)) {
        (Some(record), _) => vec![record],
        (None, Some(records)) => records.iter().collect(),
        (None, None) => return Vec::new(),
    };
    let (mut lanes, mut seen) = (Vec::new(), HashSet::new());
    for record in records {
        let Some(value) = record.get_present(&match_key).and_then(canonical_value) else { continue };
        let lane = lane(target, object, &value);
        if seen.insert((lane.hash, lane.name.clone())) {
            lanes.push(lane);
        }
    }
    lanes
}

/// Returns the lane of a name as it is shown: `profiles:"ana@example.org"`.
pub fn named(target: &str, name: &str) -> Option<Lane> {
    let (object, value) = name.split_once(':')?;
    let scanned = json::scan(value.as_bytes()).ok()?;
    Some(lane(target, object, &canonical_value(&scanned)?))
}

/// Joins the names of a write's lanes; `None` for a lane of its own.
pub fn name_of(lanes: &[Lane]) -> Option<String> {
    (!lanes.is_empty()).then(|| lanes.iter().map(|l| l.name.as_str()).collect::<Vec<_>>().join(","))
}

/// Returns the lane of a value, given as JSON.
pub fn lane_of_value(target: &str, object: &str, value: &str) -> Lane {
    lane(target, object, value)
}

fn lane(target: &str, object: &str, value: &str) -> Lane {
    let mut hasher = Sha256::new();
    for part in [target, object, value] {
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    let digest = hasher.finalize();
    let mut first = [0; 8];
    first.copy_from_slice(&digest[..8]);
    Lane { name: format!("{object}:{value}"), hash: i64::from_le_bytes(first) }
}

/// Formats canonical JSON; strings are trimmed and lower-cased.
fn canonical_value(node: &Node<'_>) -> Option<String> {
    if let Value::String(text) = &node.value
        && !JsonStr::has_lone_surrogate(text)
    {
        let folded = text.to_text().trim().to_lowercase();
        return serde_json::to_string(&folded).ok();
    }
    String::from_utf8(json::canonical(node).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(body: &str) -> Vec<String> {
        lanes_of("t", "profiles", &json::scan(body.as_bytes()).unwrap()).into_iter().map(|l| l.name).collect()
    }

    #[test]
    fn a_lane_is_the_record_that_a_write_is_for() {
        assert_eq!(names(r#"{"record":{"email":" Ana@X.org "},"matchKey":"email"}"#), [r#"profiles:"ana@x.org""#]);
        assert_eq!(names(r#"{"record":{"id":1.50},"matchKey":"id"}"#), ["profiles:1.5"]);
        assert_eq!(
            names(r#"{"records":[{"email":"a"},{"email":"B"},{"email":"A"},{}],"matchKey":"email"}"#),
            [r#"profiles:"a""#, r#"profiles:"b""#]
        );
        for own in [
            r#"{"record":{"email":"a"}}"#,
            r#"{"record":{},"matchKey":"email"}"#,
            "[]",
            r#"{"record":{"email":null},"matchKey":"email"}"#,
        ] {
            assert!(names(own).is_empty(), "{own}");
        }
    }

    #[test]
    fn lanes_differ_by_target_object_and_value() {
        let body = json::scan(br#"{"record":{"email":"a"},"matchKey":"email"}"#).unwrap();
        let hash = |t, o| lanes_of(t, o, &body)[0].hash;
        assert_ne!(hash("t", "profiles"), hash("u", "profiles"));
        assert_ne!(hash("t", "profiles"), hash("t", "orders"));
        assert_eq!(hash("t", "profiles"), hash("t", "profiles"));
        assert_eq!(named("t", r#"profiles:" A""#).unwrap(), lanes_of("t", "profiles", &body)[0]);
        assert_eq!(named("t", "profiles"), None);
    }
}
