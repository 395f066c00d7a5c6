//! The name of a record, for a list of writes that have no lane to name them.

use super::json::{Node, Value};

/// Bodies longer than this are not looked into: a list reads many of them at once.
pub const MOST_BYTES: usize = 16 * 1024;

/// Returns the value that tells a record from others: of its field `email`, else of one that is an ID, else of the first that
/// has a plain value. `None` for a batch, and for a body that is no JSON object.
pub fn name_in(body: &[u8]) -> Option<String> {
    if body.len() > MOST_BYTES {
        return None;
    }
    let root = super::json::scan(body).ok()?;
    let record = root.get("record").filter(|record| record.is_object()).unwrap_or(&root);
    let plain: Vec<(String, String)> = record
        .fields()
        .iter()
        .filter_map(|(name, value)| Some((name.to_text().into_owned(), plain_text(value)?)))
        .filter(|(name, _)| name != "matchKey")
        .collect();
    let is_id = |name: &str| name == "id" || ["_id", "Id", "ID"].iter().any(|end| name.ends_with(end));
    let found = plain.iter().find(|(name, _)| name == "email").or_else(|| plain.iter().find(|(name, _)| is_id(name)));
    found.or_else(|| plain.first()).map(|(_, value)| value.clone())
}

fn plain_text(value: &Node<'_>) -> Option<String> {
    match &value.value {
        Value::String(text) => Some(text.to_text().into_owned()),
        Value::Number(_) => Some(value.raw_text().to_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_called_by_its_email_its_id_or_its_first_value() {
        let name = |body: &str| name_in(body.as_bytes());
        assert_eq!(name(r#"{"record":{"total":5,"order_id":"o-1","email":"a@x.org"}}"#).as_deref(), Some("a@x.org"));
        assert_eq!(name(r#"{"record":{"total":5,"order_id":"o-1"}}"#).as_deref(), Some("o-1"));
        assert_eq!(name(r#"{"record":{"total":5,"orderId":17}}"#).as_deref(), Some("17"));
        assert_eq!(name(r#"{"record":{"nested":{},"total":1.50}}"#).as_deref(), Some("1.50"), "as it is written");
        assert_eq!(name(r#"{"id":7,"name":"n"}"#).as_deref(), Some("7"), "a body without an envelope");
        for body in [r#"{"records":[{"id":1}],"matchKey":"id"}"#, "[]", "{", r#"{"record":{}}"#, ""] {
            assert_eq!(name(body), None, "{body}");
        }
    }
}
