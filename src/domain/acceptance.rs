//! Contradictions between a 2xx and its body: nothing of the write was applied, or only a part of it.
//!
//! A 2xx alone is not an acceptance: gateways and batch endpoints answer 200 and say in the body what went wrong. In doubt a
//! write does not count as accepted, since a write that is wrongly called accepted is lost.

use super::json::{self, Node, Number, Value};

/// The verdict of a complete body on its 2xx status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Says {
    /// Nothing that contradicts the status.
    Nothing,
    /// It contradicts the status; the text is for the log.
    Otherwise(String),
    /// Some records of a batch were applied and others were not.
    Partly {
        /// The evidence, worded for the log.
        what: String,
        /// The indexes of all rejected records, counted from 0, in order; `None` if it does not name each of them.
        rejected: Option<Vec<usize>>,
    },
}

/// Names of counts and lists of records that were not applied, lower-case, without `_` and `-`.
const COUNTS: [&str; 24] = [
    "rejectedrecords",
    "rejectedcount",
    "rejected",
    "rejections",
    "recordsrejected",
    "numrejected",
    "failedrecords",
    "failedcount",
    "failed",
    "failures",
    "failurecount",
    "recordsfailed",
    "numfailed",
    "numfailures",
    "errorcount",
    "errorscount",
    "numerrors",
    "errorrecords",
    "invalidrecords",
    "invalidcount",
    "unprocessed",
    "unprocessedrecords",
    "notapplied",
    "partialfailures",
];

/// Names of lists with one entry per record.
const RESULTS: [&str; 3] = ["results", "responses", "items"];

/// Names of the fields in which an entry says which record it is about, counted from 0.
const INDEXES: [&str; 3] = ["index", "recordindex", "record"];

/// Reads a complete body. Bytes that are not JSON contradict the status (a page is not the API's answer), an empty body does not.
pub fn says(status: u16, body: &[u8]) -> Says {
    let empty = body.iter().all(u8::is_ascii_whitespace);
    let scanned = if empty { None } else { json::scan(body).ok() };
    if scanned.is_none() && !empty {
        return Says::Otherwise("the answer is not the API's".to_owned());
    }
    let mut reader = Reader::default();
    if let Some(node) = &scanned {
        reader.answer(node);
    }
    if status == 207 && reader.partly.is_none() {
        reader.partly = Some("a multi-status answer".to_owned());
    }
    match (reader.partly, reader.otherwise) {
        (Some(what), _) => {
            reader.rejected.sort_unstable();
            reader.rejected.dedup();
            // If an answer counts more records than it names, the others are unknown.
            let all = !reader.unnamed && !reader.rejected.is_empty() && reader.count <= reader.rejected.len() as f64;
            Says::Partly { what, rejected: all.then_some(reader.rejected) }
        }
        (None, Some(what)) => Says::Otherwise(what),
        (None, None) => Says::Nothing,
    }
}

/// Collects what an answer says.
#[derive(Default)]
struct Reader {
    partly: Option<String>,
    otherwise: Option<String>,
    rejected: Vec<usize>,
    /// True if something was rejected that is not named.
    unnamed: bool,
    /// Largest count of rejected records.
    count: f64,
}

impl Reader {
    fn answer(&mut self, node: &Node<'_>) {
        match &node.value {
            Value::Array(items) => self.results("the answer", items),
            Value::Object(_) => {
                self.object(node, "");
                for (name, value) in node.fields() {
                    if plain(&name.to_text()) == "data" {
                        match value.items() {
                            Some(items) => self.results("data", items),
                            None if value.value == Value::Bool(false) => self.otherwise("data is false".to_owned()),
                            None => self.object(value, "data."),
                        }
                    }
                }
            }
            // A bare `false` or `0`.
            _ if is_false(node) => self.otherwise(format!("the answer is {}", short(node))),
            _ => {}
        }
    }

    /// Reads the fields of the answer, or of its `data`. All duplicates count, since parsers differ in which one they keep.
    fn object(&mut self, node: &Node<'_>, place: &str) {
        for (name, value) in node.fields() {
            let (shown, name) = (name.to_text(), plain(&name.to_text()));
            let what = || format!("{place}{shown} is {}", short(value));
            match name.as_str() {
                "success" | "ok" | "succeeded" if is_false(value) => self.otherwise(what()),
                "errors" => match value.items() {
                    Some([]) => {}
                    Some(items) => {
                        self.partly(format!("{place}{shown} has {} entries", items.len()));
                        self.name(items);
                    }
                    None if !is_nothing(value) => self.otherwise(what()),
                    None => {}
                },
                "error" if !is_nothing(value) => self.otherwise(what()),
                count if COUNTS.contains(&count) => self.count(value, what),
                list if RESULTS.contains(&list) => match value.items() {
                    Some(items) => self.results(&format!("{place}{shown}"), items),
                    None => self.object(value, &format!("{place}{shown}.")),
                },
                _ => {}
            }
        }
    }

    /// Reads a count, or a list, of records that were not applied.
    fn count(&mut self, value: &Node<'_>, what: impl Fn() -> String) {
        match &value.value {
            Value::Array(items) if !items.is_empty() => {
                self.partly(what());
                self.name(items);
            }
            _ if is_nothing(value) => {}
            _ => {
                self.partly(what());
                match number(value) {
                    Some(count) => self.count = self.count.max(count),
                    None => self.unnamed = true,
                }
            }
        }
    }

    /// Reads a list with one entry per record.
    fn results(&mut self, place: &str, items: &[Node<'_>]) {
        for (at, item) in items.iter().enumerate() {
            let failed = item.value == Value::Bool(false)
                || item.fields().iter().any(|(name, value)| match plain(&name.to_text()).as_str() {
                    "success" | "ok" | "succeeded" => is_false(value),
                    "error" | "errors" => !is_nothing(value),
                    "status" | "statuscode" => number(value).is_some_and(|n| (400.0..600.0).contains(&n)),
                    _ => false,
                });
            if failed {
                self.partly(format!("{place} says that record {at} failed"));
                self.rejected.push(index_of(item).unwrap_or(at));
            }
        }
    }

    /// Collects the records that the entries of a list of errors name.
    fn name(&mut self, items: &[Node<'_>]) {
        for item in items {
            let named = match index_of(item) {
                Some(index) => vec![index],
                None => super::batch::named_records(item.raw_text(), None),
            };
            self.unnamed |= named.is_empty();
            self.rejected.extend(named);
        }
    }

    fn partly(&mut self, what: String) {
        self.partly.get_or_insert(what);
    }

    fn otherwise(&mut self, what: String) {
        self.otherwise.get_or_insert(what);
    }
}

/// Normalises a field's name, however it is spelled: `rejected_records`, `rejectedRecords`, `Rejected-Records`.
fn plain(name: &str) -> String {
    name.chars().filter(|c| !matches!(c, '_' | '-' | ' ')).flat_map(char::to_lowercase).collect()
}

/// Returns the index of the record that an entry names.
fn index_of(item: &Node<'_>) -> Option<usize> {
    item.fields().iter().find_map(|(name, value)| match &value.value {
        Value::Number(Number::Int(digits)) if INDEXES.contains(&plain(&name.to_text()).as_str()) => digits.parse().ok(),
        _ => None,
    })
}

fn number(node: &Node<'_>) -> Option<f64> {
    match &node.value {
        Value::Number(Number::Int(text) | Number::Float(text)) => text.parse().ok(),
        Value::String(text) => text.to_text().trim().parse().ok(),
        _ => None,
    }
}

/// Returns true if an `error`, a list of errors or a count says that there is none.
fn is_nothing(node: &Node<'_>) -> bool {
    match &node.value {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => {
            let text = text.to_text();
            text.trim().is_empty() || text.trim().parse::<f64>().is_ok_and(|n| n == 0.0)
        }
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::Number(_) => number(node) == Some(0.0),
        Value::Bool(true) => false,
    }
}

/// Returns true if a flag says no, in any spelling. `null` says nothing.
fn is_false(node: &Node<'_>) -> bool {
    match &node.value {
        Value::Null => false,
        Value::String(text) => {
            let text = text.to_text().trim().to_ascii_lowercase();
            ["", "false", "f", "no", "n", "off", "failed", "failure", "error", "rejected", "refused", "partial"]
                .contains(&text.as_str())
                || text.parse::<f64>().is_ok_and(|n| n == 0.0)
        }
        _ => is_nothing(node),
    }
}

/// Shortens a value for the log.
fn short(node: &Node<'_>) -> String {
    const MOST: usize = 80;
    let text = node.raw_text();
    if text.chars().count() > MOST { text.chars().take(MOST).chain(['…']).collect() } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(body: &str) -> Says {
        says(200, body.as_bytes())
    }

    #[test]
    fn what_says_nothing_contradicts_nothing() {
        for body in [
            "",
            " \n",
            "{}",
            "[]",
            "null",
            "true",
            "7",
            "\"OK\"",
            r#"{"success":true}"#,
            r#"{"success":null}"#,
            r#"{"success":"true"}"#,
            r#"{"success":1,"error":null,"errors":[]}"#,
            r#"{"error":false}"#,
            r#"{"error":""}"#,
            r#"{"error":{}}"#,
            r#"{"errors":{}}"#,
            r#"{"errors":0}"#,
            r#"{"failed":0,"data":{"rejectedRecords":0,"errorCount":"0"}}"#,
            r#"{"data":{"id":7,"record":{"failed":3}}}"#,
            r#"{"results":[{"status":201},{"success":true,"error":null}]}"#,
        ] {
            assert_eq!(of(body), Says::Nothing, "{body}");
        }
    }

    #[test]
    fn a_refusal_under_a_2xx_is_seen() {
        for body in [
            r#"{"success":false}"#,
            r#"{"success":"false"}"#,
            r#"{"success":"False"}"#,
            r#"{"success":0}"#,
            r#"{"success":0.0}"#,
            r#"{"success":"0"}"#,
            r#"{"Success":"NO"}"#,
            r#"{"ok":false}"#,
            r#"{"success":true,"success":false}"#,
            r#"{"error":{"code":"X","message":"m"}}"#,
            r#"{"error":"no"}"#,
            r#"{"error":true}"#,
            r#"{"ERROR":1}"#,
            r#"{"errors":"no"}"#,
            r#"{"errors":{"email":["bad"]}}"#,
            r#"{"data":{"success":false}}"#,
            r#"{"data":{"error":"x"}}"#,
            "false",
            "0",
            "\"false\"",
            "<html>login</html>",
            "OK",
            "{\"success\":tr",
            "{} trailing",
            "\u{feff}{}",
        ] {
            assert!(matches!(of(body), Says::Otherwise(_)), "{body}: {:?}", of(body));
        }
    }

    #[test]
    fn a_batch_that_was_applied_in_part_names_its_records() {
        for (body, want) in [
            (r#"{"success":true,"rejectedRecords":9}"#, vec![]),
            (r#"{"failed_records":"2"}"#, vec![]),
            (r#"{"data":{"Error-Count":1}}"#, vec![]),
            (r#"{"errors":["one"]}"#, vec![]),
            (r#"{"rejectedRecords":3,"errors":[{"index":0}]}"#, vec![]),
            (r#"{"errors":[{"index":0},{"message":"another"}]}"#, vec![]),
            (r#"{"rejectedRecords":1,"errors":[{"index":0},{"index":0}]}"#, vec![0]),
            (r#"{"data":[{"id":1},{"error":"x"}]}"#, vec![1]),
            (r#"{"results":{"failed":3}}"#, vec![]),
            (r#"{"errors":[{"index":4},{"message":"records[1].email: bad"},{"record":4}]}"#, vec![1, 4]),
            (r#"{"rejected":[{"recordIndex":2}],"accepted":5}"#, vec![2]),
            (r#"{"results":[{"status":201},{"status":422},{"success":false,"index":7}]}"#, vec![1, 7]),
            (r#"[{"ok":true},{"error":"no"}]"#, vec![1]),
        ] {
            let Says::Partly { rejected, .. } = of(body) else { panic!("{body}: {:?}", of(body)) };
            assert_eq!(rejected.unwrap_or_default(), want, "{body}");
        }
        assert!(matches!(says(207, b"{\"success\":true}"), Says::Partly { .. }), "multi-status");
        assert!(matches!(says(207, b""), Says::Partly { .. }));
    }
}
