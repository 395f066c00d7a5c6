//! The fields that a query can name.

use crate::domain::filter::{NumberField, TextField};

/// The kind of a field, which decides what its values may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Type,
    State,
    Hazard,
    Outcome,
    Age,
    Time,
    Number(NumberField),
    Text(TextField),
}

/// The names of all fields, with an example of each. `body.…` and the names of record fields are valid, too.
pub const FIELDS: [(&str, &str); 24] = [
    ("type", "type:schema"),
    ("state", "state:pending,unknown"),
    ("code", "code:REQUEST_SCHEMA"),
    ("status", "status:>=500"),
    ("message", "message:~\"does not exist\""),
    ("age", "age:<2h"),
    ("failed", "failed:2026-01-31T09..2026-01-31T17"),
    ("object", "object:orders"),
    ("operation", "operation:append"),
    ("path", "path:append"),
    ("group", "group:7"),
    ("key", "key:evt_1"),
    ("cid", "cid:0b9f"),
    ("target", "target:staging"),
    ("source", "source:checkout"),
    ("run", "run:3"),
    ("outcome", "outcome:failed"),
    ("hazard", "hazard:key-expired"),
    ("lane", "lane:ana@example.org"),
    ("id", "id:1..9"),
    ("occurrences", "occurrences:>1"),
    ("attempts", "attempts:>0"),
    ("parent", "parent:12"),
    ("intake", "intake:3"),
];

pub(super) fn kind(name: &str) -> Option<Kind> {
    Some(match name {
        "type" => Kind::Type,
        "state" => Kind::State,
        "hazard" => Kind::Hazard,
        "outcome" => Kind::Outcome,
        "age" => Kind::Age,
        "failed" => Kind::Time,
        "status" => Kind::Number(NumberField::Status),
        "group" => Kind::Number(NumberField::Group),
        "run" => Kind::Number(NumberField::Run),
        "id" => Kind::Number(NumberField::Id),
        "occurrences" => Kind::Number(NumberField::Occurrences),
        "attempts" => Kind::Number(NumberField::Attempts),
        "parent" => Kind::Number(NumberField::Parent),
        "intake" => Kind::Number(NumberField::Intake),
        "code" => Kind::Text(TextField::Code),
        "message" => Kind::Text(TextField::Message),
        "object" => Kind::Text(TextField::Object),
        "operation" => Kind::Text(TextField::Operation),
        "path" => Kind::Text(TextField::Path),
        "key" => Kind::Text(TextField::Key),
        "cid" => Kind::Text(TextField::CorrelationId),
        "target" => Kind::Text(TextField::Target),
        "source" => Kind::Text(TextField::Source),
        "lane" => Kind::Text(TextField::Lane),
        _ => return None,
    })
}

/// Returns the text field of that name, if it is one.
pub fn text_field(name: &str) -> Option<TextField> {
    match kind(name) {
        Some(Kind::Text(field)) => Some(field),
        _ => None,
    }
}
