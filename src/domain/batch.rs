//! Batches: bodies with several records, which of them a refusal names, and how a batch is split.

use super::ids::WriteId;
use super::json::{self, Node};

/// A target's promise about a batch that it refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BatchRule {
    /// Nothing of the batch was applied.
    Atomic,
    /// Some of its records may have been applied.
    Partial,
    /// The target promises nothing.
    #[default]
    Unknown,
}

impl BatchRule {
    /// Parses its name in the config.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "atomic" => Some(Self::Atomic),
            "partial" => Some(Self::Partial),
            "unknown" => Some(Self::Unknown),
            _ => None,
        }
    }
}

/// The reason why a write can't be split.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SplitError {
    /// Its body has no array of records.
    #[error("it is not a batch: its body has no `records` array")]
    NoBatch,
    /// It has fewer than two records.
    #[error("it has only one record")]
    OneRecord,
    /// It may have been applied.
    #[error(
        "it may have been applied: its records would be applied again under new keys. Look in the API, then resolve it with --applied or --not-applied"
    )]
    Ambiguous,
    /// No answer says that it was applied in part, or other attempts may have applied the rest.
    #[error(
        "--rejected is for a batch that was applied in part: no answer says that of it, or other attempts may have applied the rest"
    )]
    NotPartial,
    /// The answer does not name each of the rejected records.
    #[error("the answer does not name each of its records that were rejected: look in the API")]
    NoneNamed,
    /// Its row or body was changed on disk.
    #[error("its row or its body was changed on disk: see dlq doctor")]
    Damaged,
    /// Some of its records may have been applied.
    #[error(
        "some of its records may have been applied: the target's setting `batch` is not \"atomic\", and its operation is not an upsert"
    )]
    MaybePartly,
}

/// A part of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// The index of its first record, counted from 0.
    pub first: usize,
    /// Number of records.
    pub count: usize,
    /// True if the refusal named its record.
    pub named: bool,
    /// The batch's bytes, with these records alone.
    pub body: Vec<u8>,
}

/// A write that a split created.
#[derive(Debug, Clone)]
pub struct Child {
    /// Its ID.
    pub id: WriteId,
    /// The index of its first record in the batch, counted from 0.
    pub first: usize,
    /// Number of records.
    pub count: usize,
    /// True if the refusal named its record.
    pub named: bool,
}

/// Counts the records of a batch; returns `None` if the body is not a batch.
pub fn records_in(body: &Node<'_>) -> Option<usize> {
    body.get("records").and_then(Node::items).map(<[_]>::len)
}

/// Returns the indexes of the records that a refusal names as `records[2]`, counted from 0, in order. There may be others
/// that it does not name.
pub fn named_records(message: &str, details: Option<&str>) -> Vec<usize> {
    let mut named: Vec<usize> = Vec::new();
    for text in [message, details.unwrap_or("")] {
        for (at, _) in text.match_indices("records[") {
            let inner = &text[at + "records[".len()..];
            let digits = inner.bytes().take_while(u8::is_ascii_digit).count();
            if inner[digits..].starts_with(']') {
                named.extend(inner[..digits].parse::<usize>());
            }
        }
    }
    named.sort_unstable();
    named.dedup();
    named
}

/// Splits a batch: each named record stands alone, the others stay together in parts of up to `size`. Every byte outside
/// the array stays as it was, and so does every record.
pub fn split(body: &[u8], named: &[usize], size: usize) -> Result<Vec<Part>, SplitError> {
    let node = json::scan(body).map_err(|_| SplitError::NoBatch)?;
    let array = node.get("records").ok_or(SplitError::NoBatch)?;
    let records = array.items().ok_or(SplitError::NoBatch)?;
    if records.len() < 2 {
        return Err(SplitError::OneRecord);
    }
    let start = array.raw_text().as_ptr() as usize - body.as_ptr() as usize;
    let (before, after) = (&body[..start], &body[start + array.raw_text().len()..]);
    let mut parts = Vec::new();
    let mut first = 0;
    while first < records.len() {
        let alone = named.contains(&first);
        let end = (first + size.max(1)).min(records.len());
        let end = if alone { first + 1 } else { (first..end).find(|n| named.contains(n)).unwrap_or(end) };
        let inside: Vec<&str> = records[first..end].iter().map(Node::raw_text).collect();
        let body = [before, b"[", inside.join(",").as_bytes(), b"]", after].concat();
        parts.push(Part { first, count: end - first, named: alone, body });
        first = end;
    }
    Ok(parts)
}

/// Rewrites a text about one record of a batch for the part that has this record alone.
pub fn for_part(text: &str, index: usize) -> String {
    text.replace(&format!("records[{index}]"), "records[0]")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_named_records_are_found() {
        assert_eq!(named_records("records[2].email: invalid email format", None), [2]);
        let details = r#"{"errors":[{"path":"records[10].a"},{"path":"records[2].b"}]}"#;
        assert_eq!(named_records("3 records are wrong: records[2].email", Some(details)), [2, 10]);
        for none in ["records[x].email", "records[]", "records[1", "record.email", "records[99999999999999999999]"] {
            assert!(named_records(none, None).is_empty(), "{none}");
        }
    }

    #[test]
    fn parts_keep_every_byte_but_the_other_records() {
        let body = b"{ \"records\" : [ {\"a\":1.50} , {\"a\":\"]\"},{\"a\":3},{\"a\":4} ], \"matchKey\":\"a\" }";
        let bodies = |named: &[usize], size| -> Vec<(usize, bool, String)> {
            let parts = split(body, named, size).unwrap();
            parts.into_iter().map(|p| (p.first, p.named, String::from_utf8(p.body).unwrap())).collect()
        };
        let around = |inner: &str| format!("{{ \"records\" : [{inner}], \"matchKey\":\"a\" }}");
        assert_eq!(
            bodies(&[1], 10),
            [
                (0, false, around("{\"a\":1.50}")),
                (1, true, around("{\"a\":\"]\"}")),
                (2, false, around("{\"a\":3},{\"a\":4}"))
            ]
        );
        assert_eq!(bodies(&[7], 1).len(), 4, "a record that isn't there is not looked for");
        assert_eq!(bodies(&[], 3).iter().map(|p| p.0).collect::<Vec<_>>(), [0, 3]);
    }

    #[test]
    fn what_is_no_batch_is_not_split() {
        for (body, why) in [
            (r#"{"record":{}}"#, SplitError::NoBatch),
            (r#"{"records":{}}"#, SplitError::NoBatch),
            ("nonsense", SplitError::NoBatch),
            (r#"{"records":[{}]}"#, SplitError::OneRecord),
            (r#"{"records":[]}"#, SplitError::OneRecord),
        ] {
            assert_eq!(split(body.as_bytes(), &[], 1), Err(why), "{body}");
        }
    }
}
